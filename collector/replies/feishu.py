"""Feishu's long connection: messages to the app and taps on its cards, by a WebSocket of frames.

After Feishu's own SDK (lark-oapi 1.7.5, MIT): ``frames`` has the bytes. An event is answered within
three seconds or said again; a tap shows the answer as a toast.
"""

import asyncio
import base64
import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp

from alerts.notify.answers import json_object, printable
from alerts.notify.feishu_app import FeishuSettings
from alerts.notify.outbound import Outbound
from alerts.registry.model import ChannelKind
from alerts.secrets import resolve
from collector.replies.frames import CONTROL, DATA, Frame, decode, encode
from collector.replies.line import App, Line, LineError, same_house
from collector.replies.port import Hear, Said

PING_S = 120.0  # until the other side names another pace
TOAST_S = 2.5  # a tap waits three seconds for its answer
PARTS_MOST, WAITING_MOST = 64, 64
_AUTH_FAILED = 514  # as the SDK has it
WAIT = "已收到，正在登记。 Received, one moment."


class FeishuLine(Line):
    name = "feishu"

    def __init__(
        self, settings: FeishuSettings, outbound: Outbound, app: App, hear: Hear, **pace: Any
    ) -> None:
        super().__init__(outbound, app, hear, **pace)
        self._settings = settings
        self._service = 0
        self._ping_s = PING_S
        self._parts: dict[str, list[bytes]] = {}

    async def _address(self) -> str:
        settings = self._settings
        secret = resolve(settings.app_secret)
        body = {"AppID": settings.app_id, "AppSecret": secret.reveal()}
        headers = {"Content-Type": "application/json", "locale": "zh"}
        url = settings.url + "/callback/ws/endpoint"
        answer = await self._outbound.post(url, json.dumps(body).encode(), headers)
        said = json_object(answer.body) or {}
        data = said.get("data")
        given = data.get("URL") if isinstance(data, dict) else None
        if said.get("code") != 0 or not isinstance(given, str):
            what = f"HTTP {answer.status} code {said.get('code')} {said.get('msg', '')}"
            why = f"Feishu gives no line: {secret.mask(printable(what))}"
            is_unknown = said.get("code") == _AUTH_FAILED
            raise LineError(f"{why}; look at feishu_app.app_secret" if is_unknown else why)
        services = parse_qs(urlsplit(given).query).get("service_id", [""])
        if not services[0].isdigit():
            raise LineError("Feishu's line names no service")
        self._service = int(services[0])
        self._configure(data.get("ClientConfig") if isinstance(data, dict) else None)
        return same_house(given, settings.url)

    async def _listen(self) -> None:
        self._parts.clear()
        await super()._listen()

    async def _opened(self, socket: Any) -> None:
        """The other side closes a line that does not ping in frames of its own."""
        ping = Frame(service=self._service, method=CONTROL, headers={"type": "ping"})
        while True:
            await socket.send_bytes(encode(ping))
            await asyncio.sleep(self._ping_s)

    async def _take(self, socket: Any, message: aiohttp.WSMessage) -> None:
        if message.type is not aiohttp.WSMsgType.BINARY:
            return
        frame = decode(message.data)
        if frame.method == CONTROL:
            if frame.headers.get("type") == "pong" and frame.payload:
                self._configure(json_object(frame.payload))
            return
        if frame.method != DATA or frame.headers.get("type") not in ("event", "card"):
            return
        payload = self._whole(frame)
        if payload is None:
            return
        toast = await self._event(payload)
        answer: dict[str, Any] = {"code": 200}
        if toast:
            shown = json.dumps({"toast": {"type": "info", "content": toast}}, ensure_ascii=False)
            answer["data"] = base64.b64encode(shown.encode()).decode()
        await socket.send_bytes(encode(replace(frame, payload=json.dumps(answer).encode())))

    async def _event(self, payload: bytes) -> str:
        """Act on it; the words of a toast, "" for none."""
        said, is_tap = said_of(payload)
        if said is None:
            return ""
        if not is_tap:
            await self._answer(said)
            return ""
        acting = asyncio.ensure_future(self._hear(said))
        try:
            async with asyncio.timeout(TOAST_S):
                return await asyncio.shield(acting)
        except TimeoutError:
            later = asyncio.create_task(self._tell_later(said.account, acting))
            self._acting.add(later)
            later.add_done_callback(self._acting.discard)
            return WAIT

    async def _tell_later(self, account: str, acting: "asyncio.Future[str]") -> None:
        if words := await acting:
            await self._tell(account, words)

    def _whole(self, frame: Frame) -> bytes | None:
        """The payload, once all its parts are there."""
        number, index = (_count(frame.headers.get(name, "")) for name in ("sum", "seq"))
        if number <= 1:
            return frame.payload
        if number > PARTS_MOST or index >= number:
            raise LineError(f"part {index} of {number}")
        key = frame.headers.get("message_id", "")
        if key not in self._parts and len(self._parts) >= WAITING_MOST:
            self._parts.pop(next(iter(self._parts)))  # the oldest will be said again
        parts = self._parts.setdefault(key, [b""] * number)
        if len(parts) != number:
            raise LineError("parts of a message that do not fit together")
        parts[index] = frame.payload
        if not all(parts):
            return None
        return b"".join(self._parts.pop(key))

    def _configure(self, given: Any) -> None:
        pace = given.get("PingInterval") if isinstance(given, dict) else None
        if isinstance(pace, int) and 5 <= pace <= 600:
            self._ping_s = float(pace)


def said_of(payload: bytes) -> tuple[Said | None, bool]:
    """What a person said, and whether by a tap; None for events that are no word of a person's."""
    whole = json_object(payload)
    if whole is None:
        raise LineError("an event that is no JSON object")
    head, event = whole.get("header"), whole.get("event")
    if not isinstance(head, dict) or not isinstance(event, dict):
        raise LineError("an event without header")
    id, kind = str(head.get("event_id", "")), head.get("event_type")
    if kind == "im.message.receive_v1":
        account = _at(event, "sender", "sender_id", "open_id")
        content = json_object(str(_at(event, "message", "content")).encode()) or {}
        text = content.get("text")
        if _at(event, "message", "message_type") != "text" or not isinstance(text, str):
            return None, False
        incident = None
    elif kind == "card.action.trigger":
        account = _at(event, "operator", "open_id")
        number = _at(event, "action", "value", "take")
        if not (isinstance(number, str) and number.isascii() and number.isdigit()):
            return None, True
        text, incident = "", int(number[:18])
    else:
        return None, False
    if not isinstance(account, str) or not account:
        return None, False
    said = Said(
        channel=ChannelKind.FEISHU_APP, account=account, text=text, id=id, incident=incident
    )
    return said, kind == "card.action.trigger"


def _at(found: Any, *path: str) -> Any:
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0

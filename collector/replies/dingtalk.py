"""DingTalk's Stream mode: messages to the app's robot, by a WebSocket that the house opens.

After open-dingtalk's own SDK (dingtalk-stream 0.24.3, MIT) and its protocol pages: text frames of
JSON, each answered with its messageId.
"""

import json
from typing import Any
from urllib.parse import urlencode

import aiohttp

from alerts.notify.answers import json_object, printable
from alerts.notify.dingtalk_app import DingTalkSettings
from alerts.notify.outbound import Outbound
from alerts.registry.model import ChannelKind
from alerts.secrets import resolve
from collector.replies.line import App, Line, LineError, same_house
from collector.replies.port import Hear, Said

ROBOT = "/v1.0/im/bot/messages/get"


class DingTalkLine(Line):
    name = "dingtalk"

    def __init__(
        self, settings: DingTalkSettings, outbound: Outbound, app: App, hear: Hear, **pace: Any
    ) -> None:
        super().__init__(outbound, app, hear, **pace)
        self._settings = settings

    async def _address(self) -> str:
        settings = self._settings
        secret = resolve(settings.client_secret)
        body = {
            "clientId": settings.client_id,
            "clientSecret": secret.reveal(),
            "subscriptions": [{"type": "CALLBACK", "topic": ROBOT}],
            "ua": "shouwang",
        }
        url = settings.url + "/v1.0/gateway/connections/open"
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        answer = await self._outbound.post(url, json.dumps(body).encode(), headers)
        said = json_object(answer.body) or {}
        endpoint, ticket = said.get("endpoint"), said.get("ticket")
        if answer.status != 200 or not isinstance(endpoint, str) or not isinstance(ticket, str):
            what = f"HTTP {answer.status} {said.get('code', '')} {said.get('message', '')}"
            why = f"DingTalk gives no line: {secret.mask(printable(what))}"
            is_unknown = answer.status in (400, 401, 403)
            raise LineError(f"{why}; look at dingtalk_app.client_secret" if is_unknown else why)
        return same_house(f"{endpoint}?{urlencode({'ticket': ticket})}", settings.url)

    async def _take(self, socket: Any, message: aiohttp.WSMessage) -> None:
        if message.type is not aiohttp.WSMsgType.TEXT:
            return
        frame = json_object(message.data.encode())
        headers = frame.get("headers") if frame else None
        if frame is None or not isinstance(headers, dict):
            raise LineError("a frame without headers")
        data: Any = frame.get("data", "")
        if frame.get("type") == "SYSTEM" and headers.get("topic") == "disconnect":
            await socket.close()
            return
        if frame.get("type") == "CALLBACK" and headers.get("topic") == ROBOT:
            said = said_of(data)
            if said is not None:
                await self._answer(said)
            data = json.dumps({"response": "OK"})
        await socket.send_json(
            {
                "code": 200,
                "headers": {
                    "messageId": headers.get("messageId"),
                    "contentType": "application/json",
                },
                "message": "OK",
                "data": data,
            }
        )


def said_of(data: Any) -> Said | None:
    """A robot's message; None for what holds no words, or whose sender is of another organisation."""
    message = json_object(data.encode()) if isinstance(data, str) else None
    if message is None:
        raise LineError("a robot's message that is no JSON object")
    account, text = message.get("senderStaffId"), message.get("text")
    content = text.get("content") if isinstance(text, dict) else None
    if not isinstance(account, str) or not account or not isinstance(content, str):
        return None
    return Said(
        channel=ChannelKind.DINGTALK_APP,
        account=account,
        text=content,
        id=str(message.get("msgId", "")),
    )

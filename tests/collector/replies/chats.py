"""DingTalk and Feishu as far as an app sees them, on this machine: answers, errors and long lines."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import WSMsgType, web

from collector.replies.frames import CONTROL, DATA, Frame, decode, encode

SECRET = "app-secret-of-the-tests"


class Chat:
    """What both have: a port, tokens, what was sent to people, and the line that is open."""

    def __init__(self) -> None:
        self.url = ""
        self.tokens = 0
        self.good_token = ""
        self.sent: list[dict[str, Any]] = []
        self.answer: tuple[int, Any] | None = None
        """Instead of the usual answer to a message: status, and JSON or text."""
        self.line: web.WebSocketResponse | None = None
        self.lines = 0
        self.heard: asyncio.Queue[Any] = asyncio.Queue()
        """What came back on the line."""
        self.opened = asyncio.Event()
        self.is_full = False

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    def token(self) -> str:
        self.tokens += 1
        self.good_token = f"token-{self.tokens}"
        return self.good_token

    async def says(self, account: str, text: str, id: str = "") -> None:
        """A person writes a word to the app."""
        raise NotImplementedError

    async def taps(self, account: str, incident: str, id: str = "") -> None:
        """A person taps the button of a card."""
        raise NotImplementedError

    def routes(self) -> list[web.RouteDef]:
        raise NotImplementedError

    @asynccontextmanager
    async def there(self) -> AsyncIterator[None]:
        app = web.Application()
        app.add_routes(self.routes())
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield
        finally:
            if self.line is not None:
                await self.line.close()
            await runner.cleanup()

    async def hang_up(self) -> None:
        assert self.line is not None
        self.opened.clear()
        await self.line.close()

    async def _line(self, request: web.Request) -> web.StreamResponse:
        self.check(request)
        if self.is_full:
            raise web.HTTPForbidden(text="too many lines")
        self.line = web.WebSocketResponse()
        await self.line.prepare(request)
        self.lines += 1
        self.opened.set()
        async for message in self.line:
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                self.read(message.data)
        return self.line

    def check(self, request: web.Request) -> None: ...

    def read(self, data: Any) -> None:
        raise NotImplementedError


class DingTalk(Chat):
    endpoint = ""
    """Another than its own, where set."""

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1.0/oauth2/accessToken", self._token),
            web.post("/v1.0/robot/oToMessages/batchSend", self._send),
            web.post("/v1.0/gateway/connections/open", self._open),
            web.get("/connect", self._line),
        ]

    async def _token(self, request: web.Request) -> web.Response:
        if (await request.json())["appSecret"] != SECRET:
            said = {"code": "invalidClientIdOrSecret", "message": "无效的clientId或者clientSecret"}
            return web.json_response(said, status=400)
        return web.json_response({"accessToken": self.token(), "expireIn": 7200})

    async def _send(self, request: web.Request) -> web.Response:
        if request.headers.get("x-acs-dingtalk-access-token") != self.good_token:
            said = {"code": "InvalidAuthentication", "message": "不合法的access_token"}
            return web.json_response(said, status=401)
        self.sent.append(await request.json())
        if self.answer is not None:
            status, said = self.answer
            return web.Response(
                status=status, text=said if isinstance(said, str) else json.dumps(said)
            )
        return web.json_response(
            {"processQueryKey": "q1", "invalidStaffIdList": [], "flowControlledStaffIdList": []}
        )

    async def _open(self, request: web.Request) -> web.Response:
        said = await request.json()
        if said["clientSecret"] != SECRET:
            return web.json_response({"code": "authFailed", "message": "鉴权失败"}, status=401)
        assert {"type": "CALLBACK", "topic": "/v1.0/im/bot/messages/get"} in said["subscriptions"]
        endpoint = self.endpoint or self.url.replace("http", "ws", 1) + "/connect"
        return web.json_response({"endpoint": endpoint, "ticket": "a ticket/1"})

    def check(self, request: web.Request) -> None:
        assert request.query["ticket"] == "a ticket/1"

    def read(self, data: Any) -> None:
        self.heard.put_nowait(json.loads(data))

    async def push(self, type: str, topic: str, data: Any, id: str = "m1") -> None:
        assert self.line is not None
        headers = {"topic": topic, "messageId": id, "contentType": "application/json", "time": "1"}
        frame = {"specVersion": "1.0", "type": type, "headers": headers, "data": json.dumps(data)}
        await self.line.send_json(frame)

    async def says(self, account: str, text: str, id: str = "msg-1") -> None:
        """A person writes to the robot; fields as the protocol's page shows them."""
        data = {
            "conversationId": "cid1", "chatbotUserId": "$:LWCP_v1:$x", "msgId": id,
            "senderNick": "老张", "isAdmin": False, "senderStaffId": account,
            "sessionWebhookExpiredTime": 1, "createAt": 1, "senderCorpId": "ding1",
            "conversationType": "1", "senderId": "$:LWCP_v1:$y", "robotCode": "app",
            "sessionWebhook": "https://oapi.dingtalk.com/robot/sendBySession?session=1",
            "text": {"content": text}, "msgtype": "text",
        }  # fmt: skip
        await self.push("CALLBACK", "/v1.0/im/bot/messages/get", data, id=f"frame-{id}")


class Feishu(Chat):
    SERVICE = 33554678

    def __init__(self) -> None:
        super().__init__()
        self.pings = 0

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/open-apis/auth/v3/tenant_access_token/internal", self._token),
            web.post("/open-apis/im/v1/messages", self._send),
            web.post("/callback/ws/endpoint", self._open),
            web.get("/ws/v2", self._line),
        ]

    async def _token(self, request: web.Request) -> web.Response:
        if (await request.json())["app_secret"] != SECRET:
            return web.json_response({"code": 10014, "msg": "app secret invalid"})
        said = {"code": 0, "msg": "ok", "tenant_access_token": self.token(), "expire": 7200}
        return web.json_response(said)

    async def _send(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self.good_token}":
            said = {"code": 99991663, "msg": "Invalid access token for authorization."}
            return web.json_response(said, status=400)
        assert request.query["receive_id_type"] == "open_id"
        self.sent.append(await request.json())
        if self.answer is not None:
            status, said = self.answer
            return web.Response(
                status=status, text=said if isinstance(said, str) else json.dumps(said)
            )
        return web.json_response({"code": 0, "msg": "success", "data": {"message_id": "om_1"}})

    async def _open(self, request: web.Request) -> web.Response:
        if (await request.json())["AppSecret"] != SECRET:
            return web.json_response({"code": 514, "msg": "auth failed"})
        url = f"{self.url.replace('http', 'ws', 1)}/ws/v2?device_id=d1&service_id={self.SERVICE}"
        config = {"ReconnectCount": -1, "PingInterval": 120}
        return web.json_response({"code": 0, "data": {"URL": url, "ClientConfig": config}})

    def read(self, data: Any) -> None:
        frame = decode(data)
        assert frame.service == self.SERVICE
        if frame.method == CONTROL:
            self.pings += 1
        else:
            self.heard.put_nowait(frame)

    async def event(
        self, kind: str, event: dict[str, Any], id: str = "ev-1", parts: int = 1
    ) -> None:
        payload = json.dumps(
            {"schema": "2.0", "header": {"event_id": id, "event_type": kind}, "event": event},
            ensure_ascii=False,
        ).encode()
        size = -(-len(payload) // parts)
        for n in range(parts):
            headers = {
                "type": "event",
                "message_id": f"frame-{id}",
                "sum": str(parts),
                "seq": str(n),
            }
            frame = Frame(
                service=self.SERVICE, method=DATA, log=7, headers=headers,
                payload=payload[n * size : (n + 1) * size],
            )  # fmt: skip
            assert self.line is not None
            await self.line.send_bytes(encode(frame))

    async def says(self, account: str, text: str, id: str = "ev-1", parts: int = 1) -> None:
        event = {
            "sender": {"sender_id": {"open_id": account, "union_id": "on_1"}, "sender_type": "user"},
            "message": {
                "message_id": "om_9", "chat_id": "oc_1", "chat_type": "p2p",
                "message_type": "text", "content": json.dumps({"text": text}),
            },
        }  # fmt: skip
        await self.event("im.message.receive_v1", event, id, parts)

    async def taps(self, account: str, incident: str, id: str = "ev-2") -> None:
        event = {
            "operator": {"open_id": account, "tenant_key": "t"}, "token": "c-1",
            "action": {"value": {"take": incident}, "tag": "button"},
            "context": {"open_message_id": "om_1", "open_chat_id": "oc_1"},
        }  # fmt: skip
        await self.event("card.action.trigger", event, id)

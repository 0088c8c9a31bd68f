"""Servers of the tests' own that answer as the real services do, error codes included.

Each checks what the real one checks and answers in its words; ``mode`` says how it behaves today.
"""

import asyncio
import hashlib
import hmac
import json
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

SECRET = "SEC-geheim-0123456789"
TOKEN = "t0ken-of-the-robot-693a91f6"

GARBAGE: Mapping[str, bytes] = {
    "html": b"<html><title>Sign in to the Wi-Fi</title></html>",
    "empty": b"",
    "huge": b"[" + b"1," * 5_000_000 + b"1]",
    "a list": b"[1]",
    "a word": b'"ok"',
    "code true": b'{"errcode": false, "code": false, "Code": true, "id": true}',
    "code text": b'{"errcode": "0", "code": "0", "Code": 0, "id": 0}',
    "code null": b'{"errcode": null, "code": null, "Code": null, "id": null}',
    "deep": b'{"errcode":' * 20_000,
    "not utf-8": b'{"errcode": "\xff\xfe"}',
}


class Service:
    """``async with Foo().there() as foo``: listens on ``foo.url`` and keeps what it took."""

    path = "/"

    def __init__(self) -> None:
        self.mode = "fine"
        self.taken: list[Any] = []
        self.asked: list[web.Request] = []

    async def answer(self, request: web.Request, body: bytes) -> web.Response:
        """What the real service would say to a request; keeps in ``taken`` what it took."""
        raise NotImplementedError

    async def _handle(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        body = await request.read()
        if self.mode == "hanging":
            await asyncio.sleep(3)
        if self.mode == "broken":
            return web.Response(status=503, text="<html>503 Service Unavailable</html>")
        if self.mode in GARBAGE:
            return web.Response(body=GARBAGE[self.mode], content_type="text/html")
        return await self.answer(request, body)

    @asynccontextmanager
    async def there(self) -> AsyncIterator[Any]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.host = f"127.0.0.1:{self.runner.addresses[0][1]}"
        self.url = f"http://{self.host}{self.path}"
        yield self
        await self.runner.cleanup()

    async def down(self) -> None:
        await self.runner.cleanup()


class Robot(Service):
    """What the three robots share: so many a minute, and then their own words about it."""

    per_minute = 20

    def __init__(self) -> None:
        super().__init__()
        self._times: list[float] = []

    def is_too_fast(self) -> bool:
        now = time.monotonic()
        self._times = [at for at in self._times if now - at < 60]
        self._times.append(now)
        return self.mode == "busy" or len(self._times) > self.per_minute


class Wecom(Robot):
    path = f"/cgi-bin/webhook/send?key={TOKEN}"

    async def answer(self, request: web.Request, body: bytes) -> web.Response:
        def say(code: int, words: str) -> web.Response:
            return web.json_response({"errcode": code, "errmsg": words})

        if request.query.get("key") != TOKEN or self.mode == "refusing":
            return say(93000, "invalid webhook url, hint: [1], from ip: 203.0.113.7")
        if self.is_too_fast():
            return say(45009, f"api freq out of limit, key {TOKEN}")
        message = json.loads(body)
        if message.get("msgtype") != "text" or not message["text"].get("content"):
            return say(40008, "invalid message type")
        if len(message["text"]["content"].encode()) > 2048:
            return say(45002, "content size out of limit")
        self.taken.append(message)
        return say(0, "ok")


class Dingtalk(Robot):
    path = f"/robot/send?access_token={TOKEN}"

    async def answer(self, request: web.Request, body: bytes) -> web.Response:
        def say(code: int, words: str) -> web.Response:
            return web.json_response({"errcode": code, "errmsg": words})

        if request.query.get("access_token") != TOKEN:
            return say(300001, "token is not exist")
        stamp = request.query.get("timestamp", "")
        signed = f"{stamp}\n{SECRET}".encode()
        wanted = b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
        is_old = abs(time.time() * 1000 - int(stamp or 0)) > 3_600_000
        if request.query.get("sign") != wanted or is_old or self.mode == "refusing":
            return say(310000, "sign not match, more: [https://ding-doc.dingtalk.com/doc]")
        if self.is_too_fast():
            return say(130101, "send too fast")
        message = json.loads(body)
        if len(body) > 20_000:
            return say(460101, "message too long, exceed 20000 bytes")
        self.taken.append(message)
        return say(0, "ok")


class Feishu(Robot):
    path = f"/open-apis/bot/v2/hook/{TOKEN}"
    per_minute = 100

    async def answer(self, request: web.Request, body: bytes) -> web.Response:
        def say(code: int, words: str) -> web.Response:
            return web.json_response({"code": code, "data": {}, "msg": words})

        if not request.path.endswith(TOKEN):
            return say(19001, "param invalid: incoming webhook access token invalid")
        if len(body) > 20 * 1024:
            return say(9499, "Bad Request")
        message = json.loads(body)
        key = f"{message.get('timestamp')}\n{SECRET}".encode()
        wanted = b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()
        is_old = abs(time.time() - int(message.get("timestamp") or 0)) > 3600
        if message.get("sign") != wanted or is_old:
            return say(19021, "sign match fail or timestamp is not within one hour")
        if self.mode == "refusing":
            return say(19024, "Key Words Not Found")
        if self.is_too_fast():
            return say(11232, "frequency limited psm[lark.oapi.app_platform_runtime]")
        self.taken.append(message)
        return say(0, "success")

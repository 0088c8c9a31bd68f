"""A server that sends calls and SMS as Alibaba Cloud does, and has the queues of their receipts.

One port for all of dyvmsapi, dysmsapi, dybaseapi and MNS; signatures are reckoned anew from what has
arrived.
"""

import asyncio
import hmac
import json
import time
from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Any
from xml.sax.saxutils import escape

from aiohttp import web

from tests.alerts.notify.services import AliyunServer

NS = "http://mns.aliyuncs.com/doc/v1/"
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY c "&a;&a;&a;&a;&a;&a;">]>'
    b"<Messages><Message><MessageBody>&c;</MessageBody></Message></Messages>"
)


@dataclass(slots=True)
class Kept:
    body: bytes
    handle: str
    takes: int = 0
    hidden_until: float = 0.0


@dataclass
class Token:
    id: str
    secret: str = field(repr=False)
    text: str = field(repr=False)


class ReceiptServer(AliyunServer):
    def __init__(self) -> None:
        super().__init__()
        self.queues: dict[str, list[Kept]] = {}
        self.polls: list[str] = []
        """The waits that were asked for."""
        self.deleted: list[bytes] = []
        self.tokens: list[Token] = []
        self.lasts_s = 3600
        self.hidden_s = 0.3
        self.is_expired = False
        """The token that is out is refused; a new one holds."""
        self.answers: list[tuple[int, bytes]] = []
        """What the queue answers next, whatever is asked."""
        self._numbers = 0

    def put(self, queue: str, receipt: object, *, coded: bool = True) -> None:
        raw = receipt if isinstance(receipt, bytes) else json.dumps(receipt).encode()
        self._numbers += 1
        body = b64encode(raw) if coded else raw
        self.queues.setdefault(queue, []).append(Kept(body, f"1-ODU4{self._numbers}+/=="))

    def is_ante_room(self, request: web.Request) -> bool:
        return "x-acs-action" in request.headers

    async def answer(self, request: web.Request, body: bytes) -> web.Response:
        if request.path.startswith("/queues/"):
            return await self._queue(request)
        if request.headers["x-acs-action"] == "QueryTokenForMnsQueue":
            return self._grant(request, body)
        return await super().answer(request, body)

    def _grant(self, request: web.Request, body: bytes) -> web.Response:
        if not self._is_signed(request, body) or self.mode == "refusing":
            fields: dict[str, Any] = {"Code": "isp.RAM_PERMISSION_DENY", "Message": "RAM权限DENY"}
            return web.json_response(fields, status=400)
        assert request.query["QueueName"].endswith(f"-{request.query['MessageType']}")
        number = len(self.tokens) + 1
        token = Token(
            f"STS.key-{number:04}", f"queue-secret-{number:04}", f"queue-token-{number:04}"
        )
        self.tokens.append(token)
        self.is_expired = False
        given = {
            "CreateTime": "2026-11-22 02:00:00",
            "ExpireTime": time.strftime(
                "%Y-%m-%d %H:%M:%S", time.gmtime(1795312800 + self.lasts_s)
            ),
            "AccessKeyId": token.id,
            "AccessKeySecret": token.secret,
            "SecurityToken": token.text,
        }
        if self.mode == "without a code":
            return web.json_response(given)
        return web.json_response({"Code": "OK", "Message": "OK", "MessageTokenDTO": given})

    async def _queue(self, request: web.Request) -> web.Response:
        if self.answers:
            status, body = self.answers.pop(0)
            return web.Response(status=status, body=body, content_type="text/xml")
        token = next((t for t in self.tokens if self._is_of(request, t)), None)
        if token is None or token is not self.tokens[-1]:
            return error(403, "SignatureDoesNotMatch", "The request signature does not match")
        if self.is_expired:
            return error(403, "AccessDenied", f"The token {token.text} of {token.id} has expired")
        name = request.path.split("/")[2]
        if name not in self.queues:
            return error(404, "QueueNotExist", "The queue name you provided is not exist.")
        if request.method == "DELETE":
            return self._delete(name, request.rel_url.raw_query_string)
        self.polls.append(request.query["waitseconds"])
        most = int(request.query["numOfMessages"])
        assert 1 <= most <= 16
        until = time.monotonic() + min(float(request.query["waitseconds"]), 0.2)
        while not (found := self._visible(name)[:most]):
            if time.monotonic() >= until:
                return error(404, "MessageNotExist", "Message not exist.")
            await asyncio.sleep(0.02)
        for kept in found:
            kept.takes += 1
            kept.hidden_until = time.monotonic() + self.hidden_s
        xml = (
            f'<?xml version="1.0" ?>\n<Messages xmlns="{NS}">{"".join(map(_xml, found))}</Messages>'
        )
        return web.Response(text=xml, content_type="text/xml")

    def _visible(self, name: str) -> list[Kept]:
        return [kept for kept in self.queues[name] if kept.hidden_until <= time.monotonic()]

    def _delete(self, name: str, query: str) -> web.Response:
        handle = query.removeprefix("ReceiptHandle=")
        kept = next((one for one in self.queues[name] if one.handle == handle), None)
        if kept is None or kept.hidden_until <= time.monotonic():
            return error(404, "MessageNotExist", "Message not exist.")
        self.queues[name].remove(kept)
        self.deleted.append(kept.body)
        return web.Response(status=204)

    @staticmethod
    def _is_of(request: web.Request, token: Token) -> bool:
        headers = request.headers
        resource = request.rel_url.raw_path_qs
        text = (
            f"{request.method}\n\n{headers.get('Content-Type', '')}\n{headers['Date']}\n"
            f"x-mns-version:{headers['x-mns-version']}\n{resource}"
        )
        signature = b64encode(
            hmac.new(token.secret.encode(), text.encode(), sha1).digest()
        ).decode()
        is_signed = headers["Authorization"] == f"MNS {token.id}:{signature}"
        return is_signed and headers["security-token"] == token.text


def error(status: int, code: str, text: str) -> web.Response:
    return web.Response(status=status, body=error_xml(code, text), content_type="text/xml")


def error_xml(code: str, text: str) -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error xmlns="{NS}"><Code>{code}</Code>'
        f"<Message>{escape(text)}</Message><RequestId>04bb60e3</RequestId>"
        "<HostId>mns.cn-hangzhou.aliyuncs.com</HostId></Error>"
    ).encode()


def _xml(kept: Kept) -> str:
    return (
        f"<Message><MessageId>5F290C926D472878</MessageId><MessageBodyMD5>C5DD56A3</MessageBodyMD5>"
        f"<ReceiptHandle>{kept.handle}</ReceiptHandle><MessageBody>{escape(kept.body.decode())}"
        f"</MessageBody><EnqueueTime>1250700979248</EnqueueTime><NextVisibleTime>1250700799348"
        f"</NextVisibleTime><FirstDequeueTime>1250700779318</FirstDequeueTime>"
        f"<DequeueCount>{kept.takes}</DequeueCount><Priority>8</Priority></Message>"
    )

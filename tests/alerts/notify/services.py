"""Servers of the tests' own that answer as the real services do, error codes included.

Each checks what the real one checks and answers in its words; ``mode`` says how it behaves today.
"""

import asyncio
import hashlib
import hmac
import json
import ssl
import time
import unicodedata
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote, unquote

from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from alerts.notify.webpush import public

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

    async def answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        """What the real service would say to a request; keeps in ``taken`` what it took."""
        raise NotImplementedError

    def is_ante_room(self, request: web.Request) -> bool:
        """Whether the request is for a token only: that part goes well in every mode."""
        return False

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        body = await request.read()
        if self.mode == "hanging":
            await asyncio.sleep(3)
        if self.mode == "broken":
            return web.Response(status=503, text="<html>503 Service Unavailable</html>")
        if self.mode in GARBAGE and not self.is_ante_room(request):
            return web.Response(body=GARBAGE[self.mode], content_type="text/html")
        return await self.answer(request, body)

    @asynccontextmanager
    async def there(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Any]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0, ssl_context=tls).start()
        self.host = f"127.0.0.1:{self.runner.addresses[0][1]}"
        self.url = f"{'https' if tls else 'http'}://{self.host}{self.path}"
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


class Tencent(Service):
    """Tokens as WeCom and WeChat hand them out; ``spoil`` makes those that are out stale."""

    token_path = ""
    stale = 42001

    def __init__(self) -> None:
        super().__init__()
        self.tokens = 0
        self.spoiled = 0
        self.lasts_s = 7200

    def spoil(self) -> None:
        self.spoiled = self.tokens

    def is_ante_room(self, request: web.Request) -> bool:
        return request.path == self.token_path

    def grant(self) -> dict[str, Any]:
        self.tokens += 1
        return {"access_token": f"{TOKEN}-{self.tokens}", "expires_in": self.lasts_s}

    def is_stale(self, request: web.Request) -> bool:
        number = request.query.get("access_token", "").removeprefix(f"{TOKEN}-")
        return not number.isdigit() or not self.spoiled < int(number) <= self.tokens

    @staticmethod
    def say(code: int, words: str, **more: Any) -> web.Response:
        return web.json_response({"errcode": code, "errmsg": words, **more})


class WecomServer(Tencent):
    """qyapi.weixin.qq.com: gettoken and message/send."""

    token_path = "/cgi-bin/gettoken"
    members = frozenset({"chen", "Li.Si"})

    async def answer(self, request: web.Request, body: bytes) -> web.Response:
        say = self.say
        if request.path == self.token_path:
            if request.query.get("corpid") != "ww01":
                return say(40013, "invalid corpid, hint: [1], from ip: 203.0.113.7")
            if request.query.get("corpsecret") != SECRET:
                return say(40001, "invalid credential, hint: [1], from ip: 203.0.113.7")
            return say(0, "ok", **self.grant())
        if self.is_stale(request):
            return say(self.stale, "access_token expired")
        if self.mode == "refusing":
            return say(60020, "not allow to access from your ip, from ip: 203.0.113.7")
        if self.mode == "busy":
            return say(45009, "api freq out of limit")
        message = json.loads(body)
        if message.get("agentid") != 1000002:
            return say(301002, "not allow operate another agent with this accesstoken")
        if message["msgtype"] != "text":
            return say(40008, "invalid message type")
        if not 0 < len(message["text"]["content"].encode()) <= 2048:
            return say(44004, "text content is empty, or too long")
        if message["touser"] not in self.members:
            return say(0, "ok", invaliduser=message["touser"].lower(), msgid="x1")
        self.taken.append(message)
        return say(0, "ok", invaliduser="", msgid="x1")


class WechatServer(Tencent):
    """api.weixin.qq.com: stable_token and template/send, with the forms of a template's fields."""

    token_path = "/cgi-bin/stable_token"
    wrong_secret = 40125
    followers = frozenset({"oABCDEFGHIJKLMNOPQRSTUVWXYZ0"})
    fields = frozenset({"thing1", "phrase2", "time3", "thing4", "character_string5"})

    async def answer(self, request: web.Request, body: bytes) -> web.Response:
        say = self.say
        message = json.loads(body)
        if request.path == self.token_path:
            wanted = {"grant_type": "client_credential", "appid": "wx01", "secret": SECRET}
            if message != wanted:
                return say(self.wrong_secret, "invalid appsecret")
            return web.json_response(self.grant())  # with no errcode beside it
        if self.is_stale(request):
            return say(self.stale, "access_token expired")
        if self.mode == "busy":
            return say(45011, "api minute-quota reach limit, must slower")
        if self.mode == "used up":
            return say(45009, "reach max api daily quota limit")
        if self.mode == "refusing" or message["touser"] not in self.followers:
            return say(43004, "require subscribe hint: [x]")
        if set(message["data"]) != self.fields:
            return say(47003, "argument invalid! data keys")
        for name, value in message["data"].items():
            if wrong := self._wrong(name, value["value"]):
                return say(47003, f"argument invalid! data.{name}.value {wrong}")
        self.taken.append(message)
        return say(0, "ok", msgid=2402)

    @staticmethod
    def _wrong(name: str, value: str) -> str:
        if not value or not value.isprintable():
            return "is empty or holds control signs"
        if name.startswith("thing"):
            return "over 20" if len(value) > 20 else ""
        if name.startswith("phrase"):
            plain = all("CJK UNIFIED" in unicodedata.name(sign, "") for sign in value)
            return "" if plain and len(value) <= 5 else "no phrase"
        if name.startswith("time"):
            time.strptime(value, "%Y-%m-%d %H:%M")
        return "over 32" if len(value) > 32 else ""


class DingtalkServer(Service):
    """api.dingtalk.com: accessToken and oToMessages/batchSend, refusals with a status of their own."""

    token_path = "/v1.0/oauth2/accessToken"

    def is_ante_room(self, request: web.Request) -> bool:
        return request.path == self.token_path

    async def answer(self, request: web.Request, body: bytes) -> web.Response:
        def refuse(status: int, code: str, words: str) -> web.Response:
            return web.json_response({"code": code, "message": words}, status=status)

        message = json.loads(body)
        if request.path == self.token_path:
            if message != {"appKey": "ding01", "appSecret": SECRET}:
                return refuse(400, "invalidClientIdOrSecret", "无效的clientId或者clientSecret")
            return web.json_response({"accessToken": TOKEN, "expireIn": 7200})
        if request.headers.get("x-acs-dingtalk-access-token") != TOKEN:
            return refuse(401, "InvalidAuthentication", "不合法的access_token")
        if self.mode == "busy":
            return refuse(403, "Forbidden.AccessDenied.QpsLimitForApi", f"slow down, {TOKEN}")
        if self.mode == "refusing":
            return refuse(400, "invalidParameter.robotCode.notExsit", "robot 不存在")
        words = json.loads(message["msgParam"])["content"]
        if not words.strip():
            return refuse(400, "miss.param.contentOfText", "content 为空")
        if len(words.encode()) > 5_000:
            return refuse(400, "invalidParameter.msgParam.tooLong", "msgParam 过长")
        self.taken.append(message)
        return web.json_response({"processQueryKey": "q1", "invalidStaffIdList": []})


class FeishuServer(Service):
    """open.feishu.cn: tenant_access_token and im/v1/messages, refusals with 200 or 400."""

    token_path = "/open-apis/auth/v3/tenant_access_token/internal"

    def is_ante_room(self, request: web.Request) -> bool:
        return request.path == self.token_path

    async def answer(self, request: web.Request, body: bytes) -> web.Response:
        def say(code: int, words: str, status: int = 200, **more: Any) -> web.Response:
            return web.json_response({"code": code, "msg": words, **more}, status=status)

        message = json.loads(body)
        if request.path == self.token_path:
            if message != {"app_id": "cli_01", "app_secret": SECRET}:
                return say(10014, "app secret invalid")
            return say(0, "ok", tenant_access_token=TOKEN, expire=7200)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return say(99991663, "Invalid access token for authorization.", 400)
        if self.mode == "busy":
            return say(99991400, f"request trigger frequency limit, {TOKEN}", 400)
        if self.mode == "refusing":
            return say(230013, "Bot has NO availability to this user.", 400)
        if len(body) > 30 * 1024 or len(message["uuid"]) > 50:
            return say(230025, "The length of the message content reaches its limit.", 400)
        self.taken.append(message)
        return say(0, "success", data={"message_id": "om_1"})


class AliyunServer(Service):
    """dysmsapi and dyvmsapi: the signature reckoned anew from what has arrived."""

    key_id = "LTAI5tExample"
    variables = frozenset({"place", "what", "do"})

    def __init__(self) -> None:
        super().__init__()
        self.nonces: set[str] = set()
        self.limit = "触发小时级流控Permits:5"
        self.records: list[dict[str, Any]] = []

    def is_ante_room(self, request: web.Request) -> bool:
        return request.headers.get("x-acs-action") == "QueryCallDetailByCallId"

    async def answer(self, request: web.Request, body: bytes) -> web.Response:
        def say(code: str, words: str, status: int = 200, **more: Any) -> web.Response:
            fields = {"Code": code, "Message": words, "RequestId": "F655A8D5", **more}
            return web.json_response(fields, status=status)

        if not self._is_signed(request, body):
            return say("SignatureDoesNotMatch", "Specified signature does not match", 400)
        nonce = request.headers["x-acs-signature-nonce"]
        if nonce in self.nonces:
            return say("SignatureNonceUsed", "Specified signature nonce was used already.", 400)
        self.nonces.add(nonce)
        query = dict(request.query)
        action = request.headers["x-acs-action"]
        if action == "QueryCallDetailByCallId":
            record = self.records.pop(0) if self.records else {}
            return say("OK", "OK", Data=json.dumps(record))
        if self.mode == "busy":
            return say("isv.BUSINESS_LIMIT_CONTROL", self.limit)
        if self.mode == "refusing":
            return say("isv.AMOUNT_NOT_ENOUGH", "余额不足")
        filled = query.get("TemplateParam") or query.get("TtsParam") or query["StartTtsParams"]
        values = json.loads(filled)
        if set(values) - {"ask", "code"} != self.variables or not all(values.values()):
            return say("isv.TEMPLATE_MISSING_PARAMETERS", "模板变量中存在未赋值变量")
        if any("://" in value for value in values.values()):
            return say("isv.PARAM_NOT_SUPPORT_URL", "不支持url为变量")
        if max(map(len, values.values())) > 35:
            return say("isv.PARAM_LENGTH_LIMIT", "参数超过长度限制")
        self.taken.append((action, query, values))
        if action == "SendSms":
            return say("OK", "OK", BizId="9006197469364984^0")
        return say("OK", "OK", CallId="116012854210^100675005007")

    def _is_signed(self, request: web.Request, body: bytes) -> bool:
        scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
        parts = dict(part.split("=", 1) for part in rest.split(","))
        if scheme != "ACS3-HMAC-SHA256" or parts["Credential"] != self.key_id:
            return False
        pairs = [pair.partition("=") for pair in request.rel_url.raw_query_string.split("&")]
        plain = sorted(
            (unquote(k.replace("+", " ")), unquote(v.replace("+", " "))) for k, _, v in pairs
        )
        query = "&".join(f"{quote(k, safe='~')}={quote(v, safe='~')}" for k, v in plain)
        names = parts["SignedHeaders"].split(";")
        lines = "".join(f"{name}:{request.headers[name]}\n" for name in names)
        content = hashlib.sha256(body).hexdigest()
        text = f"{request.method}\n{request.path}\n{query}\n{lines}\n{parts['SignedHeaders']}\n{content}"
        to_sign = f"ACS3-HMAC-SHA256\n{hashlib.sha256(text.encode()).hexdigest()}"
        wanted = hmac.new(SECRET.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
        return wanted == parts["Signature"]


class PushService(Service):
    """A browser and its push service: what arrives is decrypted with the browser's key."""

    path = f"/wpush/v2/{TOKEN}"

    def __init__(self) -> None:
        super().__init__()
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.auth = b"0123456789abcdef"

    @property
    def subscription(self) -> str:
        keys = {"p256dh": base64url(public(self.key)), "auth": base64url(self.auth)}
        return json.dumps({"endpoint": self.url, "expirationTime": None, "keys": keys})

    async def answer(self, request: web.Request, body: bytes) -> web.Response:
        scheme, _, rest = request.headers["Authorization"].partition(" ")
        fields = dict(part.strip().split("=", 1) for part in rest.split(","))
        head, claims, signature = fields["t"].split(".")
        raw = urlsafe_b64decode(signature + "==")
        point = urlsafe_b64decode(fields["k"] + "==")
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        r, s = (int.from_bytes(part, "big") for part in (raw[:32], raw[32:]))
        signed = f"{head}.{claims}".encode()
        theirs.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
        told = json.loads(urlsafe_b64decode(claims + "=="))
        if scheme != "vapid" or told["aud"] != self.url.removesuffix(self.path):
            return web.Response(status=403, text="bad vapid")
        if self.mode == "another key":
            words = "the VAPID credentials do not correspond to those of the subscription"
            return web.Response(status=403, text=words)
        if self.mode == "busy":
            return web.Response(status=429, text="slow down", headers={"Retry-After": "30"})
        if self.mode == "refusing":
            return web.Response(status=410, text=f"unsubscribed {TOKEN}")
        if len(body) > 4096 or int(request.headers["TTL"]) <= 0:
            return web.Response(status=413)
        self.taken.append(
            (request.headers.copy(), json.loads(decrypted(body, self.key, self.auth)))
        )
        return web.Response(status=201)


def decrypted(body: bytes, key: ec.EllipticCurvePrivateKey, auth: bytes) -> bytes:
    """RFC 8291 from the browser's side."""
    salt, length = body[:16], body[20]
    sender, sealed = body[21 : 21 + length], body[21 + length :]
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)

    def derive(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
        return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(secret)

    info = b"WebPush: info\0" + public(key) + sender
    secret = derive(key.exchange(ec.ECDH(), theirs), auth, info, 32)
    content = derive(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = derive(secret, salt, b"Content-Encoding: nonce\0", 12)
    return AESGCM(content).decrypt(nonce, sealed, None).rstrip(b"\0").removesuffix(b"\x02")


def base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


class NtfyServer(Service):
    """An ntfy of one's own: publishing as JSON, with access tokens."""

    path = f"/{TOKEN}"

    async def answer(self, request: web.Request, body: bytes) -> web.Response:
        def refuse(code: int, status: int, words: str) -> web.Response:
            fields = {"code": code, "http": status, "error": words, "link": "https://ntfy.sh/docs"}
            return web.json_response(fields, status=status)

        if request.headers.get("Authorization") != f"Bearer {SECRET}":
            return refuse(40101, 401, "unauthorized")
        if self.mode == "busy":
            return refuse(42901, 429, f"limit reached: too many requests to {TOKEN}")
        message = json.loads(body)
        if self.mode == "refusing" or message["topic"] != TOKEN:
            return refuse(40301, 403, "forbidden")
        if not 1 <= message["priority"] <= 5 or len(message["message"].encode()) > 4096:
            return refuse(40007, 400, "invalid priority, or message too large")
        self.taken.append(message)
        return web.json_response({"id": "sPs71M8A2T", "event": "message", **message})

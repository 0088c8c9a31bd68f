"""The worlds that the contract of the channels is tried in: a channel, and the server behind it."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiosmtpd.smtp import SMTP

from alerts.links import Links
from alerts.notify.alertmanager import Alertmanager
from alerts.notify.aliyun import Aliyun
from alerts.notify.announcer import Announcer
from alerts.notify.dingtalk import DingtalkRobot
from alerts.notify.dingtalk_app import DingTalkApp, DingTalkSettings
from alerts.notify.email import Email, MailSecurity, MailServer
from alerts.notify.feishu import FeishuRobot
from alerts.notify.feishu_app import FeishuApp, FeishuSettings
from alerts.notify.notice import Notice, NoticeReason
from alerts.notify.ntfy import Ntfy
from alerts.notify.outbound import Outbound
from alerts.notify.port import Channel
from alerts.notify.sms import Sms
from alerts.notify.voice import Voice
from alerts.notify.webhook import Webhook
from alerts.notify.wechat import Wechat
from alerts.notify.wecom import WecomRobot
from alerts.notify.wecom_app import WecomApp
from alerts.registry.model import Address, ChannelKind, Device, Names, Registry
from alerts.words import IncidentClass, Language, Severity
from collector.commanding import Commanding
from collector.intake import Bindings, Intake
from collector.link.mqtt5 import Mqtt5Link
from collector.link.port import Broker
from edge.clock import Clock
from tests.alerts.notify.services import (
    SECRET,
    AliyunServer,
    Dingtalk,
    DingtalkServer,
    Feishu,
    FeishuServer,
    NtfyServer,
    Service,
    WechatServer,
    Wecom,
    WecomServer,
)
from tests.collector.box import KEY, Box
from tests.services.servers import Mosquitto

T0 = datetime(2026, 11, 22, 10, 34, tzinfo=UTC)
LINK = "http://127.0.0.1:8600/i/7?a=1&b=2"


def notice(address: Address, **more: object) -> Notice:
    values: dict[str, Any] = {
        "id": 42, "incident": 7, "reason": NoticeReason.OPENED, "step": 0, "person": "chen",
        "address": address, "language": Language.ZH, "cls": IncidentClass.SAFETY,
        "severity": Severity.MAJOR, "title": "【要处理】2 号充电棚 7 号插座：功率过高",
        "text": f"功率 1130 瓦，超过 <b>800</b> 瓦。\n点开处理：{LINK}", "link": LINK,
        "created_at": T0, "due_at": T0,
    }  # fmt: skip
    return Notice(**(values | more))


def own_certificate(folder: Path) -> ssl.SSLContext:
    """A server's side of TLS, with a certificate that nobody has signed."""
    cert, private = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=mail.test", "-keyout", private, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, private)
    return context


class World:
    """A channel, the server behind it, and how that server behaves: fine, busy, refusing, hanging."""

    channel: Channel
    address: Address
    mode = "fine"
    refusal: str
    received: list[Any]

    async def down(self) -> None:
        raise NotImplementedError

    def lose(self, name: str) -> Address:
        """The address when its reference leads nowhere: to ``env:name``, which is not set."""
        return replace(self.address, to=f"env:{name}")

    def refer(self, name: str, monkeypatch: pytest.MonkeyPatch) -> Address:
        """The address behind ``env:name``."""
        monkeypatch.setenv(name, self.address.to)
        return replace(self.address, to=f"env:{name}")


class WebhookWorld(World):
    make: type[Webhook] = Webhook
    kind = ChannelKind.WEBHOOK
    refusal = "HTTP 400 refusing"

    def __init__(self) -> None:
        self.received = []
        self.headers = {"Retry-After": "90"}

    async def _hook(self, request: web.Request) -> web.Response:
        self.received.append((request.headers.copy(), await request.read()))
        if self.mode == "hanging":
            await asyncio.sleep(3)
        status = {"busy": 429, "broken": 503, "refusing": 400}.get(self.mode, 204)
        return web.Response(status=status, headers=self.headers, text=self.mode)

    async def down(self) -> None:
        await self.runner.cleanup()

    @asynccontextmanager
    async def there(self, clock: Clock) -> AsyncIterator["WebhookWorld"]:
        app = web.Application()
        app.router.add_post("/hook", self._hook)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        port = self.runner.addresses[0][1]
        self.channel = self.make(Outbound(allow={f"127.0.0.1:{port}"}, total_s=2), clock)
        self.address = Address(
            channel=self.kind, to=f"http://127.0.0.1:{port}/hook", secret="env:HOOK_KEY"
        )
        yield self
        await self.channel.close()
        await self.runner.cleanup()


class AlertmanagerWorld(WebhookWorld):
    make = Alertmanager
    kind = ChannelKind.ALERTMANAGER


class EmailWorld(World):
    refusal = "SMTP 550 no"

    def __init__(self, tls: ssl.SSLContext | None = None, **options: Any) -> None:
        self.received = []
        self._tls = tls
        self._options = options

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.mode == "hanging":
            await asyncio.sleep(3)
        answers = {"busy": "451 4.7.1 too fast", "broken": "421 closing", "refusing": "550 no"}
        if self.mode in answers:
            return answers[self.mode]
        self.received.append(envelope.content)
        return "250 2.0.0 queued as ABC"

    async def down(self) -> None:
        self.server.close()
        await self.server.wait_closed()

    @asynccontextmanager
    async def there(self, clock: Clock) -> AsyncIterator["EmailWorld"]:
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(
            lambda: SMTP(
                self,
                hostname="mail.test",
                tls_context=self._tls,
                require_starttls=bool(self._tls),
                auth_require_tls=False,
                **self._options,
            ),
            "127.0.0.1",
            0,
        )
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        self.channel = Email(
            MailServer(
                host="127.0.0.1",
                port=self.server.sockets[0].getsockname()[1],
                security=MailSecurity.STARTTLS if self._tls else MailSecurity.NONE,
                sender="watch@linjiang.example.org",
            ),
            clock,
            tls=trusting if self._tls else None,
            timeout_s=1,
        )
        self.address = Address(channel=ChannelKind.EMAIL, to="chen@example.org")
        yield self
        self.server.close()


class AnnouncerWorld(World):
    """A box on a real broker, and the watch's own way to it."""

    refusal = "the loudspeaker is broken"
    modes = {"busy": "stale", "hanging": "silent"}  # noqa: RUF012

    def __init__(self, broker: Mosquitto) -> None:
        self._broker = broker
        self.box = Box(broker.host, broker.port, "riverside", "guard-room")
        self.address = Address(channel=ChannelKind.ANNOUNCER, to="riverside/guard-room")

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name == "mode":
            self.box.mode = self.modes.get(value, value)
            if value == "broken":
                self.box.close()

    @property
    def received(self) -> list[Any]:  # type: ignore[override]
        return self.box.heard

    async def down(self) -> None:
        await asyncio.to_thread(self.box.close)
        await self._until(lambda: not self.commanding.is_online("riverside", "guard-room"))

    def lose(self, name: str) -> Address:
        self._use(f"env:{name}")
        return self.address

    def refer(self, name: str, monkeypatch: pytest.MonkeyPatch) -> Address:
        monkeypatch.setenv(name, KEY)
        self._use(f"env:{name}")
        return self.address

    @asynccontextmanager
    async def there(self, clock: Clock | None = None) -> AsyncIterator["AnnouncerWorld"]:
        link = Mqtt5Link(Broker.at(self._broker.url, "a-watch"))
        self.commanding = Commanding(lambda: link, result_s=0.5)
        self._intake = Intake(Bindings(Registry()), {})
        self._use("env:BOX_KEY")
        self.channel = Announcer(self.commanding)
        async with link:
            hearing = asyncio.create_task(self._hear(link))
            await self._until(lambda: link.connected)
            await asyncio.to_thread(self.box.start)
            await self._until(lambda: self.commanding.is_online("riverside", "guard-room"))
            yield self
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)
        await asyncio.to_thread(self.box.close)

    def _use(self, key: str) -> None:
        guard_room = Device(
            id="guard-room", site="riverside", names=Names(zh="岗亭"), bindings=(), command_key=key
        )
        registry = Registry(devices=(guard_room,))
        self.commanding.use(registry)
        self._intake.bindings = Bindings(registry)

    async def _hear(self, link: Mqtt5Link) -> None:
        async for messages in link.batches():
            judged = self._intake.judge(messages, 0)
            for site, device, status in judged.statuses:
                self.commanding.saw(site, device, status)
            for answer in judged.answers:
                self.commanding.heard(answer.site, answer.device, answer.result)
            await link.ack(messages)

    async def _until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():  # noqa: ASYNC110 - another thread has no event
                await asyncio.sleep(0.01)


class ServiceWorld(World):
    """A channel that speaks to a service by HTTP."""

    service: Service

    def __init__(self, kind: ChannelKind) -> None:
        self._kind = kind
        object.__setattr__(self, "service", _SERVICES[kind]())

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name == "mode":
            self.service.mode = value

    @property
    def received(self) -> list[Any]:  # type: ignore[override]
        return self.service.taken

    async def down(self) -> None:
        await self.service.down()

    def refer(self, name: str, monkeypatch: pytest.MonkeyPatch) -> Address:
        to = self.address.to
        monkeypatch.setenv(name, self.service.url if to == "env:ROBOT_URL" else to)
        return self.lose(name)

    @asynccontextmanager
    async def there(self, clock: Clock) -> AsyncIterator["ServiceWorld"]:
        with pytest.MonkeyPatch.context() as patch:
            async with self.service.there():
                patch.setenv("ROBOT_URL", self.service.url)
                patch.setenv("ROBOT_SECRET", SECRET)
                self.outbound = Outbound(allow={self.service.host}, total_s=2)
                self.channel, self.address, self.refusal = _MAKERS[self._kind](
                    self.service, self.outbound, clock
                )
                yield self
                await self.channel.close()


Made = tuple[Channel, Address, str]


def _robot(kind: ChannelKind, robot: type, refusal: str) -> Callable[..., Made]:
    def make(service: Service, outbound: Outbound, clock: Clock) -> Made:
        secret = "" if kind is ChannelKind.WECOM else "env:ROBOT_SECRET"
        address = Address(channel=kind, to="env:ROBOT_URL", group=True, secret=secret)
        return robot(outbound, clock), address, refusal

    return make


def _wecom_app(service: Service, outbound: Outbound, clock: Clock) -> Made:
    channel = WecomApp(
        outbound,
        clock,
        corp_id="ww01",
        agent_id=1000002,
        secret="env:ROBOT_SECRET",
        url=service.url,
    )
    return channel, Address(channel=ChannelKind.WECOM_APP, to="chen"), "60020 not allow to access"


def _dingtalk_app(service: Service, outbound: Outbound, clock: Clock) -> Made:
    settings = DingTalkSettings(
        client_id="ding01", client_secret="env:ROBOT_SECRET", url=service.url.rstrip("/")
    )
    address = Address(channel=ChannelKind.DINGTALK_APP, to="manager4220")
    return DingTalkApp(settings, outbound, clock), address, "invalidParameter.robotCode.notExsit"


def _feishu_app(service: Service, outbound: Outbound, clock: Clock) -> Made:
    settings = FeishuSettings(
        app_id="cli_01", app_secret="env:ROBOT_SECRET", url=service.url.rstrip("/")
    )
    address = Address(channel=ChannelKind.FEISHU_APP, to="ou_7d8a6e6df7621556ce0d21922b676706")
    return FeishuApp(settings, outbound, clock), address, "230013 Bot has NO availability"


FIELDS = {
    "thing1": "summary", "phrase2": "severity", "time3": "time", "thing4": "do",
    "character_string5": "incident",
}  # fmt: skip


def _wechat(service: Service, outbound: Outbound, clock: Clock) -> Made:
    channel = Wechat(
        outbound,
        clock,
        app_id="wx01",
        secret="env:ROBOT_SECRET",
        template="ngqIpbwh8bUfcSsECmogfXcV14J0tQlEpBO27izEYtY",
        fields=FIELDS,
        url=service.url,
    )
    address = Address(channel=ChannelKind.WECHAT, to="oABCDEFGHIJKLMNOPQRSTUVWXYZ0")
    return channel, address, "43004 require subscribe"


VARIABLES = {"place": "place", "what": "what", "do": "do"}
LINKS = Links(b"0123456789abcdef")


def aliyun(service: Service, outbound: Outbound, clock: Clock, version: str) -> Aliyun:
    return Aliyun(
        outbound,
        clock,
        url=service.url,
        version=version,
        key_id=AliyunServer.key_id,
        key_secret="env:ROBOT_SECRET",
    )


def _sms(service: Service, outbound: Outbound, clock: Clock) -> Made:
    signer = aliyun(service, outbound, clock, "2017-05-25")
    channel = Sms(
        signer,
        sign_name="临江守望",
        template="SMS_1",
        variables=VARIABLES | {"ask": "ask", "code": "code"},
        links=LINKS,
    )
    return channel, Address(channel=ChannelKind.SMS, to="13800001111"), "isv.AMOUNT_NOT_ENOUGH"


def _voice(service: Service, outbound: Outbound, clock: Clock) -> Made:
    signer = aliyun(service, outbound, clock, "2017-05-25")
    channel = Voice(signer, show_number="05710000000", template="TTS_1", variables=VARIABLES)
    return channel, Address(channel=ChannelKind.VOICE, to="13800001111"), "isv.AMOUNT_NOT_ENOUGH"


def _ntfy(service: Service, outbound: Outbound, clock: Clock) -> Made:
    address = Address(channel=ChannelKind.NTFY, to="env:ROBOT_URL", secret="env:ROBOT_SECRET")
    return Ntfy(outbound, clock), address, "no token that may write to this topic"


_SERVICES: dict[ChannelKind, type[Service]] = {
    ChannelKind.WECOM: Wecom,
    ChannelKind.DINGTALK: Dingtalk,
    ChannelKind.FEISHU: Feishu,
    ChannelKind.WECOM_APP: WecomServer,
    ChannelKind.DINGTALK_APP: DingtalkServer,
    ChannelKind.FEISHU_APP: FeishuServer,
    ChannelKind.WECHAT: WechatServer,
    ChannelKind.SMS: AliyunServer,
    ChannelKind.VOICE: AliyunServer,
    ChannelKind.NTFY: NtfyServer,
}
_MAKERS: dict[ChannelKind, Callable[[Service, Outbound, Clock], Made]] = {
    ChannelKind.WECOM: _robot(ChannelKind.WECOM, WecomRobot, "93000 invalid webhook url"),
    ChannelKind.DINGTALK: _robot(ChannelKind.DINGTALK, DingtalkRobot, "310000 sign not match"),
    ChannelKind.FEISHU: _robot(ChannelKind.FEISHU, FeishuRobot, "19024 Key Words Not Found"),
    ChannelKind.WECOM_APP: _wecom_app,
    ChannelKind.DINGTALK_APP: _dingtalk_app,
    ChannelKind.FEISHU_APP: _feishu_app,
    ChannelKind.WECHAT: _wechat,
    ChannelKind.SMS: _sms,
    ChannelKind.VOICE: _voice,
    ChannelKind.NTFY: _ntfy,
}
SERVICES = tuple(_SERVICES)

"""One contract for every channel, against real local servers."""

import asyncio
import hashlib
import hmac
import json
import logging
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiosmtpd.smtp import SMTP

from alerts.notify.announcer import Announcer
from alerts.notify.email import Email, MailSecurity, MailServer
from alerts.notify.log import LogLine
from alerts.notify.notice import Notice, NoticeReason
from alerts.notify.outbound import Outbound
from alerts.notify.outcome import Accepted, Rejected, Retry
from alerts.notify.port import Channel
from alerts.notify.webhook import Webhook, retry_after
from alerts.registry.check import is_mailbox
from alerts.registry.model import Address, ChannelKind, Device, Names, Registry
from alerts.words import IncidentClass, Language, Severity
from collector.commanding import Commanding
from collector.intake import Bindings, Intake
from collector.link.mqtt5 import Mqtt5Link
from collector.link.port import Broker
from edge.clock import Clock
from edge.contract.command import Verb
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
        self.channel = Webhook(Outbound(allow={f"127.0.0.1:{port}"}, total_s=1), clock)
        self.address = Address(
            channel=ChannelKind.WEBHOOK, to=f"http://127.0.0.1:{port}/hook", secret="env:HOOK_KEY"
        )
        yield self
        await self.channel.close()
        await self.runner.cleanup()


class EmailWorld(World):
    refusal = "SMTP 550 no"

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.received = []
        self._tls = tls

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
                self, hostname="mail.test", tls_context=self._tls, require_starttls=bool(self._tls)
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


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_KEY", "a key of the demo")
    monkeypatch.setenv("BOX_KEY", KEY)


@pytest.fixture
def broker(mosquitto_server: Callable[..., Mosquitto]) -> Mosquitto:
    return mosquitto_server()


@pytest.fixture(params=["webhook", "email", pytest.param("announcer", marks=pytest.mark.mosquitto)])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "announcer":
        made: Any = AnnouncerWorld(request.getfixturevalue("broker"))
    else:
        made = {"webhook": WebhookWorld, "email": EmailWorld}[request.param]()
    async with made.there(Clock()) as there:
        yield there


async def test_what_the_server_takes_is_accepted_with_its_word(world: World) -> None:
    outcome = await world.channel.send(notice(world.address))
    assert isinstance(outcome, Accepted)
    assert outcome.proof
    assert len(world.received) == 1


@pytest.mark.parametrize("mode", ["busy", "broken", "hanging"])
async def test_trouble_that_passes_is_retried(world: World, mode: str) -> None:
    world.mode = mode
    outcome = await world.channel.send(notice(world.address))
    assert isinstance(outcome, Retry), outcome
    assert outcome.why


async def test_a_server_that_is_down_is_retried_and_reached_when_it_is_back(world: World) -> None:
    await world.down()
    assert isinstance(await world.channel.send(notice(world.address)), Retry)


async def test_a_refusal_is_final_and_says_why(world: World) -> None:
    world.mode = "refusing"
    outcome = await world.channel.send(notice(world.address))
    assert isinstance(outcome, Rejected)
    assert world.refusal in outcome.why


async def test_a_reference_that_leads_nowhere_is_retried_and_named(world: World) -> None:
    address = world.lose("SHOUWANG_NOBODY")
    outcome = await world.channel.send(notice(address))
    assert isinstance(outcome, Retry)
    assert "env:SHOUWANG_NOBODY" in outcome.why
    assert not world.received


async def test_an_address_may_be_a_reference(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    address = world.refer("SHOUWANG_THERE", monkeypatch)
    assert isinstance(await world.channel.send(notice(address)), Accepted)


async def test_each_attempt_is_known_as_the_same_notice(world: World) -> None:
    for _ in range(2):
        await world.channel.send(notice(world.address))
    if world.address.channel is ChannelKind.WEBHOOK:
        ids = [headers["Idempotency-Key"] for headers, _ in world.received]
        assert ids == ["42", "42"]
    elif world.address.channel is ChannelKind.ANNOUNCER:
        assert [command.target for command in world.received] == ["7", "7"]
    else:
        ids = [message_from_bytes(raw)["Message-ID"] for raw in world.received]
        assert ids[0] == ids[1] == "<notice-42-1795343640000@linjiang.example.org>"


async def test_a_webhook_is_signed_over_its_time_and_body() -> None:
    async with WebhookWorld().there(Clock()) as world:
        await world.channel.send(notice(world.address))
    headers, body = world.received[0]
    signed = headers["X-Shouwang-Timestamp"].encode() + b"." + body
    wanted = hmac.new(b"a key of the demo", signed, hashlib.sha256).hexdigest()
    assert headers["X-Shouwang-Signature"] == f"sha256={wanted}"
    told = json.loads(body)
    assert told["title"] == "【要处理】2 号充电棚 7 号插座：功率过高"
    assert (told["severity"], told["class"], told["group"]) == ("major", "safety", False)


async def test_retry_after_is_honoured_in_house_seconds() -> None:
    async with WebhookWorld().there(Clock(speed=60)) as world:
        world.mode = "busy"
        outcome = await world.channel.send(notice(world.address))
    assert outcome == Retry("HTTP 429 busy", timedelta(seconds=90 * 60))


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("0", timedelta(0)),
        ("120", timedelta(minutes=2)),
        ("99999999999999", timedelta(hours=1)),
        ("Sun, 22 Nov 2026 10:35:30 GMT", timedelta(seconds=90)),
        ("Sun, 22 Nov 2026 09:00:00 GMT", timedelta(0)),
        ("-5", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_wish_to_wait_is_read(text: str, wish: timedelta | None) -> None:
    assert retry_after({"retry-after": text}, T0) == wish


async def test_an_answer_never_shows_the_secret_part_of_the_address() -> None:
    async with WebhookWorld().there(Clock()) as world:
        world.mode = "refusing"
        outcome = await world.channel.send(
            notice(replace(world.address, to=world.address.to + "?key=geheim"))
        )
    assert isinstance(outcome, Rejected)
    assert "geheim" not in outcome.why


async def letter_of(**more: object) -> EmailMessage:
    async with EmailWorld().there(Clock()) as world:
        assert isinstance(await world.channel.send(notice(world.address, **more)), Accepted)
    message = message_from_bytes(world.received[0], policy=default)
    assert isinstance(message, EmailMessage)
    return message


async def test_a_mail_has_text_and_html_with_markup_escaped() -> None:
    message = await letter_of()
    plain, page = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert page is not None
    assert "超过 <b>800</b> 瓦。" in plain.get_content()
    assert "超过 &lt;b&gt;800&lt;/b&gt; 瓦。" in page.get_content()
    href = 'href="http://127.0.0.1:8600/i/7?a=1&amp;b=2"'
    assert href in page.get_content()
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Subject"] == "【要处理】2 号充电棚 7 号插座：功率过高"


async def test_a_title_cannot_add_a_header() -> None:
    message = await letter_of(title="火警\r\nBcc: all@example.org\r\n\r\nbody")
    assert message["Bcc"] is None
    assert "Bcc: all@example.org" in message["Subject"]


@pytest.mark.parametrize(
    "to", ["chen", "a@b@c", "a@example.org,b@example.org", "a@example.org\r\nBcc: x@y", "<a@b>"]
)
async def test_what_is_no_mail_address_is_rejected(to: str) -> None:
    async with EmailWorld().there(Clock()) as world:
        outcome = await world.channel.send(notice(Address(channel=ChannelKind.EMAIL, to=to)))
    assert isinstance(outcome, Rejected)
    assert not is_mailbox(to)
    assert not world.received


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
async def test_mail_is_handed_in_over_starttls(tmp_path: Path) -> None:
    async with EmailWorld(own_certificate(tmp_path)).there(Clock()) as world:
        outcome = await world.channel.send(notice(world.address))
    assert isinstance(outcome, Accepted), outcome


def own_certificate(folder: Path) -> ssl.SSLContext:
    cert, private = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=mail.test", "-keyout", private, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, private)
    return context


async def test_a_log_line_is_one_line_whatever_the_words(caplog: pytest.LogCaptureFixture) -> None:
    address = Address(channel=ChannelKind.LOG, to="desk")
    with caplog.at_level(logging.INFO, "alerts.notices"):
        outcome = await LogLine().send(notice(address, text="one\ntwo\x1b[31m"))
    assert outcome == Accepted("logged")
    (line,) = caplog.messages
    assert "\n" not in line
    assert "\x1b" not in line
    assert json.loads(line)["text"] == "one\ntwo\x1b[31m"


@pytest.fixture
async def announcer(broker: Mosquitto) -> AsyncIterator[AnnouncerWorld]:
    async with AnnouncerWorld(broker).there() as there:
        yield there


SPOKEN = "危险。2 号充电棚：烟感报警。\nDanger. Shed 2: smoke."


@pytest.mark.mosquitto
@pytest.mark.parametrize(
    ("cls", "reason", "is_urgent"),
    [
        (IncidentClass.FIRE, NoticeReason.OPENED, True),
        (IncidentClass.FLOOD, NoticeReason.CLIMBED, True),
        (IncidentClass.SAFETY, NoticeReason.REOPENED, True),
        (IncidentClass.POLLUTION, NoticeReason.OPENED, False),
        (IncidentClass.FIRE, NoticeReason.SECOND_LOOK, False),
    ],
)
async def test_a_danger_to_life_is_repeated_until_it_is_taken(
    announcer: AnnouncerWorld, cls: IncidentClass, reason: NoticeReason, is_urgent: bool
) -> None:
    outcome = await announcer.channel.send(
        notice(announcer.address, text=SPOKEN, cls=cls, reason=reason)
    )
    assert outcome == Accepted("done, says the device")
    said = announcer.box.announcing["7"]
    assert said.texts == (("zh", SPOKEN.splitlines()[0]), ("en", SPOKEN.splitlines()[1]))
    assert said.is_urgent == is_urgent


@pytest.mark.mosquitto
@pytest.mark.parametrize(
    "reason", [NoticeReason.HUSHED, NoticeReason.RECOVERED, NoticeReason.CLOSED]
)
async def test_what_is_over_is_hushed(announcer: AnnouncerWorld, reason: NoticeReason) -> None:
    await announcer.channel.send(notice(announcer.address, text=SPOKEN))
    outcome = await announcer.channel.send(notice(announcer.address, text="", reason=reason))
    assert isinstance(outcome, Accepted)
    assert announcer.box.heard[-1].verb is Verb.HUSH
    assert announcer.box.announcing == {}


@pytest.mark.mosquitto
async def test_a_nonce_that_was_used_up_unseen_costs_one_more_attempt(
    announcer: AnnouncerWorld,
) -> None:
    announcer.box.renew(aloud=False)
    assert isinstance(await announcer.channel.send(notice(announcer.address)), Accepted)
    assert len(announcer.box.refused) == 1


@pytest.mark.mosquitto
async def test_a_foreign_key_opens_nothing(
    announcer: AnnouncerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOX_KEY", "0dd0" * 16)
    outcome = await announcer.channel.send(notice(announcer.address))
    assert isinstance(outcome, Rejected)
    assert "signature" in outcome.why
    assert announcer.box.heard == []


@pytest.mark.mosquitto
@pytest.mark.parametrize(
    ("key", "why"), [("abcd" * 3, "at least 16 bytes"), ("xyz", "hexadecimal")]
)
async def test_a_key_that_is_none_is_named_and_not_shown(
    announcer: AnnouncerWorld, monkeypatch: pytest.MonkeyPatch, key: str, why: str
) -> None:
    monkeypatch.setenv("BOX_KEY", key)
    outcome = await announcer.channel.send(notice(announcer.address))
    assert isinstance(outcome, Rejected)
    assert why in outcome.why
    assert "env:BOX_KEY" in outcome.why
    assert key not in outcome.why


@pytest.mark.mosquitto
async def test_a_command_that_is_sent_again_by_somebody_does_nothing(
    announcer: AnnouncerWorld,
) -> None:
    await announcer.channel.send(notice(announcer.address))
    replayed = announcer.box.payloads[0]
    async with Mqtt5Link(Broker.at(announcer._broker.url, "thief"), filters=()) as thief:
        await announcer._until(lambda: thief.connected)
        await thief.publish("shouwang/v1/riverside/guard-room/command", replayed)
        await announcer._until(lambda: len(announcer.box.refused) == 1)
    assert len(announcer.box.heard) == 1


@pytest.mark.mosquitto
@pytest.mark.parametrize("to", ["riverside/nobody", "riverside", "a/b/c", "https://x.example/"])
async def test_what_is_no_announcer_is_rejected(announcer: AnnouncerWorld, to: str) -> None:
    address = replace(announcer.address, to=to)
    assert isinstance(await announcer.channel.send(notice(address)), Rejected)

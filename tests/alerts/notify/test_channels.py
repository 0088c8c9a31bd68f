"""One contract for every channel, against real local servers."""

import asyncio
import hashlib
import hmac
import json
import logging
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
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

from alerts.notify.email import Email, MailSecurity, MailServer
from alerts.notify.log import LogLine
from alerts.notify.notice import Notice, NoticeReason
from alerts.notify.outbound import Outbound
from alerts.notify.outcome import Accepted, Rejected, Retry
from alerts.notify.port import Channel
from alerts.notify.webhook import Webhook, retry_after
from alerts.registry.check import is_mailbox
from alerts.registry.model import Address, ChannelKind
from alerts.words import IncidentClass, Language, Severity
from edge.clock import Clock

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
    received: list[Any]

    async def down(self) -> None:
        raise NotImplementedError


class WebhookWorld(World):
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


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_KEY", "a key of the demo")


@pytest.fixture(params=["webhook", "email"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    worlds = {"webhook": WebhookWorld, "email": EmailWorld}
    async with worlds[request.param]().there(Clock()) as there:
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
    assert "HTTP 400 refusing" in outcome.why or "SMTP 550 no" in outcome.why


async def test_a_reference_that_leads_nowhere_is_retried_and_named(world: World) -> None:
    address = replace(world.address, to="env:SHOUWANG_NOBODY")
    outcome = await world.channel.send(notice(address))
    assert isinstance(outcome, Retry)
    assert "env:SHOUWANG_NOBODY" in outcome.why
    assert not world.received


async def test_an_address_may_be_a_reference(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOUWANG_THERE", world.address.to)
    address = replace(world.address, to="env:SHOUWANG_THERE")
    assert isinstance(await world.channel.send(notice(address)), Accepted)


async def test_each_attempt_is_known_as_the_same_notice(world: World) -> None:
    for _ in range(2):
        await world.channel.send(notice(world.address))
    if world.address.channel is ChannelKind.WEBHOOK:
        ids = [headers["Idempotency-Key"] for headers, _ in world.received]
        assert ids == ["42", "42"]
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

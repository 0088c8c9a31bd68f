import hashlib
import hmac
import json
import logging
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from alerts.notify.answers import retry_after
from alerts.notify.log import LogLine
from alerts.notify.notice import NoticeReason
from alerts.notify.outcome import Accepted, Rejected, Retry
from alerts.registry.check import is_mailbox
from alerts.registry.model import Address, ChannelKind
from alerts.words import IncidentClass
from collector.link.mqtt5 import Mqtt5Link
from collector.link.port import Broker
from edge.clock import Clock
from edge.contract.command import Verb
from tests.alerts.notify.worlds import T0, AnnouncerWorld, EmailWorld, WebhookWorld, notice
from tests.services.servers import Mosquitto


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

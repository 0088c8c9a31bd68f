import hashlib
import hmac
import json
import logging
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult

from alerts.links import PREFIX, Link, LinkKind, Links
from alerts.notify.answers import retry_after
from alerts.notify.email import MailSecurity
from alerts.notify.log import LogLine
from alerts.notify.notice import NoticeReason
from alerts.notify.ntfy import Ntfy
from alerts.notify.outbound import Outbound
from alerts.notify.outcome import Accepted, Rejected, Retry
from alerts.registry.check import is_mailbox
from alerts.registry.model import Address, ChannelKind
from alerts.words import IncidentClass, Severity
from collector.link.mqtt5 import Mqtt5Link
from collector.link.port import Broker
from edge.clock import Clock
from edge.contract.command import Verb
from tests.alerts.notify.worlds import (
    LINK,
    T0,
    AlertmanagerWorld,
    AnnouncerWorld,
    EmailWorld,
    ServiceWorld,
    WebhookWorld,
    notice,
)
from tests.services.servers import Mosquitto


async def test_a_webhook_is_signed_over_its_time_and_body() -> None:
    house_time = Clock(0.0, 0.0, 60.0)  # of a demo: whoever hears it has the real time
    async with WebhookWorld().there(house_time) as world:
        await world.channel.send(notice(world.address))
    headers, body = world.received[0]
    assert abs(time.time() - int(headers["X-Shouwang-Timestamp"])) < 60
    signed = headers["X-Shouwang-Timestamp"].encode() + b"." + body
    wanted = hmac.new(b"a key of the demo", signed, hashlib.sha256).hexdigest()
    assert headers["X-Shouwang-Signature"] == f"sha256={wanted}"
    told = json.loads(body)
    assert told["title"] == "【要处理】2 号充电棚 7 号插座：功率过高"
    assert (told["severity"], told["class"], told["group"]) == ("major", "safety", False)


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (NoticeReason.OPENED, "firing"),
        (NoticeReason.CLIMBED, "firing"),
        (NoticeReason.RECOVERED, "resolved"),
        (NoticeReason.ASSIGNED, "firing"),
        (NoticeReason.CLOSED, "resolved"),
    ],
)
async def test_alertmanagers_body_is_its_version_4(reason: NoticeReason, status: str) -> None:
    async with AlertmanagerWorld().there(Clock()) as world:
        await world.channel.send(notice(world.address, reason=reason))
    headers, body = world.received[0]
    assert headers["X-Shouwang-Signature"]
    told = json.loads(body)
    assert set(told) == {
        "version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels",
        "commonLabels", "commonAnnotations", "externalURL", "alerts",
    }  # fmt: skip
    assert (told["version"], told["status"]) == ("4", status)
    assert told["groupKey"] == '{}:{incident="7"}'
    (alert,) = told["alerts"]
    assert alert["status"] == status
    assert alert["labels"] == {
        "alertname": "功率过高",
        "place": "2 号充电棚 7 号插座",
        "class": "safety",
        "severity": "major",
        "incident": "7",
    }
    assert alert["annotations"]["summary"] == "【要处理】2 号充电棚 7 号插座：功率过高"
    assert datetime.fromisoformat(alert["startsAt"]) == T0
    ended = {"firing": "0001-01-01T00:00:00Z", "resolved": alert["startsAt"]}[status]
    assert alert["endsAt"] == ended
    assert alert["fingerprint"] == "9780da9e311f30dc"


@pytest.mark.parametrize(
    "reason", [NoticeReason.SECOND_LOOK, NoticeReason.DIGEST, NoticeReason.LINK]
)
async def test_alertmanager_is_told_nothing_that_is_neither_firing_nor_resolved(
    reason: NoticeReason,
) -> None:
    async with AlertmanagerWorld().there(Clock()) as world:
        outcome = await world.channel.send(notice(world.address, reason=reason))
    assert isinstance(outcome, Rejected)
    assert world.received == []


@pytest.mark.parametrize(
    ("more", "priority", "tag"),
    [
        ({"severity": Severity.CRITICAL}, 5, "rotating_light"),
        ({"severity": Severity.CRITICAL, "cls": IncidentClass.FIRE}, 5, "fire"),
        ({"severity": Severity.MAJOR}, 4, "warning"),
        ({"severity": Severity.INFO}, 2, "information_source"),
        ({"severity": Severity.CRITICAL, "reason": NoticeReason.RECOVERED}, 3, "white_check_mark"),
    ],
)
async def test_ntfy_rings_as_loud_as_it_is_bad(
    more: dict[str, Any], priority: int, tag: str
) -> None:
    async with ServiceWorld(ChannelKind.NTFY).there(Clock()) as world:
        outcome = await world.channel.send(notice(world.address, **more))
    assert outcome == Accepted("id sPs71M8A2T")
    (message,) = world.received
    assert (message["priority"], message["tags"]) == (priority, [tag])
    assert message["title"] == "【要处理】2 号充电棚 7 号插座：功率过高"
    assert message["click"] == LINK


async def test_a_public_server_abroad_is_off_until_it_is_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ROBOT_SECRET", "x")
    for to in ("https://ntfy.sh/topic", "https://NTFY.SH.:443/topic"):
        outcome = await Ntfy(Outbound(), Clock()).send(
            notice(Address(channel=ChannelKind.NTFY, to=to))
        )
        assert isinstance(outcome, Rejected)
        assert "notices.abroad" in outcome.why


async def test_a_long_push_keeps_its_link() -> None:
    async with ServiceWorld(ChannelKind.NTFY).there(Clock()) as world:
        text = "烟" * 4000 + f"\n点开处理：{LINK}"
        assert isinstance(await world.channel.send(notice(world.address, text=text)), Accepted)
    assert world.received[0]["message"].endswith(f"…\n点开处理：{LINK}")


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


async def test_mail_is_never_handed_to_a_server_that_nobody_vouches_for(
    certificate: ssl.SSLContext,
) -> None:
    async with EmailWorld(certificate).there(Clock()) as world:
        world.channel._tls = None  # type: ignore[attr-defined]
        outcome = await world.channel.send(notice(world.address))
    assert isinstance(outcome, Retry), outcome
    assert "its certificate is not trusted (self-signed certificate)" in outcome.why
    assert not world.received


@pytest.mark.parametrize(
    ("security", "words"),
    [
        (MailSecurity.TLS, "wrong version number"),
        (MailSecurity.STARTTLS, "STARTTLS extension not supported"),
    ],
)
async def test_a_server_that_speaks_another_way_names_the_settings(
    security: MailSecurity, words: str
) -> None:
    async with EmailWorld().there(Clock()) as world:
        world.channel._server = replace(world.channel._server, security=security)  # type: ignore[attr-defined]
        outcome = await world.channel.send(notice(world.address))
    assert isinstance(outcome, Retry | Rejected)
    assert words.lower() in outcome.why.lower().replace("_", " ")
    assert outcome.why.endswith("; look at mail.security and mail.port")


async def test_a_mail_server_that_lets_nobody_in_names_the_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", "geheim-geheim")
    async with EmailWorld(authenticator=lambda *_: AuthResult(success=False, handled=False)).there(
        Clock()
    ) as world:
        channel: Any = world.channel
        channel._server = replace(channel._server, username="watch", password="env:MAIL_PASSWORD")
        outcome = await channel.send(notice(world.address))
    assert isinstance(outcome, Rejected)
    assert outcome.why.startswith("SMTP 535 ")
    assert outcome.why.endswith("; look at mail.username and mail.password")
    assert "geheim" not in outcome.why


async def test_mail_is_never_handed_in_open_where_starttls_is_asked_for() -> None:
    async with EmailWorld().there(Clock()) as world:
        world.channel._server = replace(  # type: ignore[attr-defined]
            world.channel._server,  # type: ignore[attr-defined]
            security=MailSecurity.STARTTLS,
        )
        assert isinstance(await world.channel.send(notice(world.address)), Rejected)
    assert not world.received


async def test_machines_that_answer_mail_are_asked_not_to() -> None:
    """This service reads no mail, so nothing that comes back can acknowledge."""
    message = await letter_of()
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"
    for name in ("Reply-To", "Return-Receipt-To", "Disposition-Notification-To", "List-Id"):
        assert message[name] is None
    assert message.get_content_type() == "multipart/alternative"


async def test_mail_is_handed_in_over_starttls(certificate: ssl.SSLContext) -> None:
    async with EmailWorld(certificate).there(Clock()) as world:
        outcome = await world.channel.send(notice(world.address))
    assert isinstance(outcome, Accepted), outcome


async def test_a_log_line_is_one_line_whatever_the_words(caplog: pytest.LogCaptureFixture) -> None:
    address = Address(channel=ChannelKind.LOG, to="desk")
    with caplog.at_level(logging.INFO, "alerts.notices"):
        outcome = await LogLine().send(notice(address, text="one\ntwo\x1b[31m"))
    assert outcome == Accepted("logged")
    (line,) = caplog.messages
    assert "\n" not in line
    assert "\x1b" not in line
    assert json.loads(line)["text"] == "one\ntwo\x1b[31m"


async def test_a_log_line_holds_no_link_that_acts_for_somebody(caplog):
    link = Link(kind=LinkKind.PERSONAL, incident=7, person="mei", made_at=T0)
    signed = Links(b"k" * 32).sign(link)
    address = Address(channel=ChannelKind.LOG, to="mei")
    with caplog.at_level(logging.INFO, "alerts.notices"):
        await LogLine().send(notice(address, text=f"点开处理：https://x.example{PREFIX}{signed}"))
    (line,) = caplog.messages
    assert "https://x.example" in line
    assert signed not in line


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

"""Web Push: the standards' own example, and a browser that decrypts what arrives."""

import json
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from alerts.notify.browsers import Subscription
from alerts.notify.merging import merged
from alerts.notify.notice import NoticeReason
from alerts.notify.outbound import Outbound
from alerts.notify.outcome import Accepted, Rejected, Retry
from alerts.notify.webpush import WebPush, encrypted, payload, public, subscription
from alerts.registry.addresses import browser_address, browser_of
from alerts.registry.model import Address, ChannelKind
from alerts.words import Severity
from edge.clock import Clock
from tests.alerts.notify.services import TOKEN, PushService, decrypted
from tests.alerts.notify.worlds import LINK, notice


def raw(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def key_of(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(raw(text), "big"), ec.SECP256R1())


def test_the_example_of_rfc_8291_comes_out_byte_by_byte() -> None:
    browser = key_of("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94")
    auth = raw("BTBZMqHH6r4Tts7J_aSIgg")
    body = encrypted(
        b"When I grow up, I want to be a watermelon",
        Subscription(endpoint="", p256dh=public(browser), auth=auth),
        own=key_of("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"),
        salt=raw("DGv6ra1nlYgDCS1FRnbzlw"),
    )
    assert body == raw(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS"
        "6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qu"
        "lcy4a-fN"
    )
    assert decrypted(body, browser, auth) == b"When I grow up, I want to be a watermelon"


@pytest.fixture
async def browser(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PushService]:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    monkeypatch.setenv("PUSH_KEY", pem.decode())
    async with PushService().there() as there:
        monkeypatch.setenv("BROWSER", there.subscription)
        yield there


def channel(browser: PushService, **more: Any) -> WebPush:
    outbound = Outbound(allow={browser.host}, total_s=1)
    values = {"key": "env:PUSH_KEY", "subject": "mailto:a@example.org"} | more
    return WebPush(outbound, Clock(), **values)


HERE = Address(channel=ChannelKind.WEBPUSH, to="env:BROWSER")


async def test_a_browser_can_read_it_and_nobody_else(browser: PushService) -> None:
    push = channel(browser)
    outcome = await push.send(notice(HERE, severity=Severity.CRITICAL))
    await push.close()
    assert outcome == Accepted("HTTP 201")
    ((headers, message),) = browser.taken
    assert message["title"] == "【要处理】2 号充电棚 7 号插座：功率过高"
    assert (message["link"], message["incident"]) == (LINK, 7)
    assert (headers["Urgency"], headers["Topic"], headers["Content-Encoding"]) == (
        "high",
        "incident-7",
        "aes128gcm",
    )


async def test_only_news_of_the_same_incident_alone_takes_an_older_one_s_place(
    browser: PushService,
) -> None:
    """A push service, and then the browser, drops the older of two by one name."""
    push = channel(browser)
    together = merged([notice(HERE), notice(HERE, id=43, incident=8)])
    turns = [notice(HERE, id=n, incident=0, reason=NoticeReason.REMINDER) for n in (1, 2)]
    for each in (notice(HERE), together, *turns):
        await push.send(each)
    await push.close()
    topics = [headers.get("Topic") for headers, _ in browser.taken]
    tags = [message["tag"] for _, message in browser.taken]
    assert topics == ["incident-7", None, None, None]
    assert tags[0] == "incident-7"
    assert len(set(tags)) == 4


async def test_one_that_registered_itself_is_looked_up_when_it_is_sent(
    browser: PushService,
) -> None:
    known = {"0a1b": subscription(browser.subscription)}
    push = channel(browser, browsers=known.get)
    here = browser_address("0a1b", "Chrome · Windows")
    assert browser_of(here) == ("0a1b", "Chrome · Windows")
    assert await push.send(notice(here)) == Accepted("HTTP 201")
    assert browser.taken[0][1]["urgent"] is True
    browser.mode = "refusing"
    outcome = await push.send(notice(here))
    assert isinstance(outcome, Rejected)
    assert outcome.gone
    known.clear()
    outcome = await push.send(notice(here))
    assert outcome == Rejected("this browser wants no more notices", gone=True)
    assert TOKEN not in repr(subscription(browser.subscription))
    await push.close()


async def test_the_longest_message_fits_one_record(browser: PushService) -> None:
    push = channel(browser)
    outcome = await push.send(notice(HERE, title='"火' * 3000, text='"烟\n' * 3000))
    await push.close()
    assert isinstance(outcome, Accepted), outcome
    assert len(payload(notice(HERE, text="\\" * 9000))) < 4096


@pytest.mark.parametrize(
    ("mode", "expected", "why"),
    [
        ("busy", Retry, "HTTP 429 slow down"),
        ("broken", Retry, "HTTP 503"),
        ("hanging", Retry, "no answer in time"),
        ("another key", Rejected, "webpush.key is not the one that this browser subscribed with"),
        ("refusing", Rejected, "HTTP 410: the browser has withdrawn its subscription"),
    ],
)
async def test_each_answer_is_read(
    browser: PushService, mode: str, expected: type, why: str
) -> None:
    browser.mode = mode
    push = channel(browser)
    outcome = await push.send(notice(HERE))
    await push.close()
    assert isinstance(outcome, expected)
    assert isinstance(outcome, Retry | Rejected)
    assert why in outcome.why
    assert TOKEN not in repr(outcome)
    if mode == "busy":
        assert isinstance(outcome, Retry)
        assert outcome.after == timedelta(seconds=30)


@pytest.mark.parametrize(
    ("subscription", "why"),
    [
        ("{}", "no push subscription; write its JSON"),
        ("chrome", "no push subscription; write its JSON"),
        ("[" * 99_999, "no push subscription; write its JSON"),
        ('{"endpoint": "https://x.example", "keys": {"p256dh": "AA", "auth": "AA"}}', "65 and 16"),
        (
            json.dumps({
                "endpoint": "https://x.example",
                "keys": {"p256dh": "B" * 87, "auth": "A" * 22},
            }),
            "no point of the curve",
        ),
        (
            json.dumps({
                "endpoint": "https://fcm.googleapis.com/fcm/send/abc",
                "keys": {"p256dh": "B" * 87, "auth": "A" * 22},
            }),
            "fcm.googleapis.com is outside the country; set notices.abroad",
        ),
    ],
)  # fmt: skip
async def test_what_is_no_subscription_is_refused_with_the_remedy(
    browser: PushService, monkeypatch: pytest.MonkeyPatch, subscription: str, why: str
) -> None:
    monkeypatch.setenv("BROWSER", subscription)
    push = channel(browser)
    outcome = await push.send(notice(HERE))
    await push.close()
    assert isinstance(outcome, Rejected)
    assert why in outcome.why


async def test_a_key_of_another_kind_is_refused_unshown(
    browser: PushService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUSH_KEY", "geheim-geheim")
    push = channel(browser)
    outcome = await push.send(notice(HERE))
    assert isinstance(outcome, Rejected)
    assert "webpush.key is no EC P-256 key in PEM" in outcome.why
    monkeypatch.delenv("PUSH_KEY")
    assert isinstance(await push.send(notice(HERE)), Retry)
    await push.close()

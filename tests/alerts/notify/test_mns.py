"""Queues of receipts: the signature of the documents, XML that may come from anywhere, tokens."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.notify import mns
from alerts.notify.aliyun import Aliyun
from alerts.notify.mns import Garbled
from alerts.notify.mns_queue import LASTS_S, TOKEN_VERSION, Queue, QueueTrouble, _lasts_s
from alerts.notify.outbound import Outbound
from edge.clock import Clock
from tests.alerts.notify.receipt_server import BOMB, NS, ReceiptServer, error_xml
from tests.alerts.notify.services import SECRET

NAME = "Alicom-Queue-1009-VoiceReport"


def test_the_signature_is_that_of_the_documents_example() -> None:
    """help.aliyun.com/document_detail/175633; its last four signs are starred out there."""
    headers = mns.signed(
        "GET",
        "/MyQueue",
        datetime(2015, 7, 9, 3, 1, 34, tzinfo=UTC),
        key_id="TestAccessID",
        key_secret="TestAccessSecret",
        token="t",
    )
    assert headers["Authorization"].startswith("MNS TestAccessID:uwx3yeWoILzgmvesW0BQSgfM")
    assert headers["Date"] == "Thu, 09 Jul 2015 03:01:34 GMT"


def message(inner: str) -> bytes:
    return f'<Messages xmlns="{NS}"><Message>{inner}</Message></Messages>'.encode()


GOOD = "<ReceiptHandle>1-ab+/=</ReceiptHandle><MessageBody>e30=</MessageBody>"


def test_a_message_has_its_body_its_handle_and_how_often_it_came() -> None:
    (one,) = mns.messages(message(f"{GOOD}<DequeueCount>3</DequeueCount>"))
    assert (one.handle, one.body, one.takes) == ("1-ab+/=", b"{}", 3)
    assert "1-ab" not in repr(one)
    (plain,) = mns.messages(message(GOOD.replace("e30=", '{"a": 1}')))
    assert (plain.body, plain.takes) == (b'{"a": 1}', 1)
    (alone,) = mns.messages(f"<Message>{GOOD}</Message>".encode())
    assert alone.handle == one.handle
    assert mns.messages(b"<Messages/>") == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><title>Sign in to the Wi-Fi</title>",
        b"<html/>",
        error_xml("MessageNotExist", "no error is a message"),
        b"\xff\xfe" + "<Messages/>".encode("utf-16-le"),
        b"<Messages>\x00</Messages>",
        BOMB,
        BOMB.replace(b"<!DOCTYPE", b"<!doctype"),
        BOMB.decode().encode("utf-16"),
        b"<Messages><!-- --></Messages>",
        b"<Messages>&undefined;</Messages>",
        message(GOOD)[:-20],
        message(GOOD.replace("1-ab", "1 ab\r\nX: y")),
        message("<MessageBody>e30=</MessageBody>"),
        b"<Messages>" * 100_000,
    ],
)
def test_what_is_no_answer_with_messages_is_refused(body: bytes) -> None:
    with pytest.raises(Garbled):
        mns.messages(body)


def test_another_encoding_cannot_hide_a_document_type() -> None:
    hidden = '<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE a+AD4-<Messages/>'
    with pytest.raises(Garbled):
        mns.messages(hidden.encode())


@given(
    st.binary(max_size=300)
    | st.text(alphabet="<>&;/!MesagErorCd= \"'", max_size=120).map(str.encode)
)
def test_nothing_that_comes_breaks_the_parsing(body: bytes) -> None:
    for read in (mns.messages, mns.trouble):
        try:
            read(body)
        except Garbled:
            pass


@pytest.mark.parametrize(
    ("times", "lasts_s"),
    [
        (("2026-11-22 02:00:00", "2026-11-22 03:00:00"), 3600),
        (("2026-11-22 02:00:00", "2026-11-22 01:00:00"), 1),
        (("2026-11-22 02:00:00", "2036-11-22 01:00:00"), 86_400),
        (("2026-11-22T02:00:00Z", None), LASTS_S),
    ],
)
def test_a_token_lasts_as_long_as_its_own_times_say(times, lasts_s) -> None:
    assert _lasts_s(dict(zip(("CreateTime", "ExpireTime"), times, strict=True))) == lasts_s


@asynccontextmanager
async def queue(server: ReceiptServer, name: str = NAME) -> AsyncIterator[Queue]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALIYUN", SECRET)
        async with server.there():
            server.queues.setdefault(NAME, [])
            signer = Aliyun(
                Outbound(allow={server.host}, total_s=2),
                Clock(),
                url=f"http://{server.host}",
                version=TOKEN_VERSION,
                key_id=server.key_id,
                key_secret="env:ALIYUN",
            )
            outbound = Outbound(allow={server.host}, total_s=2)
            one = Queue(name, "VoiceReport", outbound, signer, url=f"http://{server.host}")
            yield one
            await one.close()


async def test_messages_are_received_and_deleted() -> None:
    server = ReceiptServer()
    async with queue(server) as one:
        server.put(NAME, {"n": 1})
        server.put(NAME, b'{"n": 2}', coded=False)
        first, second = await one.receive(1)
        assert (first.body, second.body) == (b'{"n": 1}', b'{"n": 2}')
        await one.delete(first)
        await one.delete(second)
        assert server.queues[NAME] == []
        assert await one.receive(1) == []  # 404 MessageNotExist
        assert len(server.tokens) == 1


async def test_what_another_was_given_meanwhile_is_left_to_that_one() -> None:
    server = ReceiptServer()
    server.hidden_s = 0.0
    async with queue(server) as one:
        server.put(NAME, {})
        (message,) = await one.receive(1)
        await one.delete(message)
        assert len(server.queues[NAME]) == 1
        server.answers.append(
            (400, error_xml("ReceiptHandleError", "The receipt handle is not valid"))
        )
        await one.delete(message)


async def test_a_token_that_has_run_out_is_asked_for_anew_at_once() -> None:
    server = ReceiptServer()
    async with queue(server) as one:
        await one.receive(1)
        server.put(NAME, {})
        server.is_expired = True
        assert len(await one.receive(1)) == 1
        assert len(server.tokens) == 2


async def test_a_token_is_asked_for_anew_before_it_ends() -> None:
    server = ReceiptServer()
    server.lasts_s = 1  # kept for half of it
    async with queue(server) as one:
        for _ in range(5):
            await one.receive(1)
        assert 2 <= len(server.tokens) <= 3


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (400, error_xml("QpsLimitExceeded", "too fast"), "HTTP 400 QpsLimitExceeded too fast"),
        (500, error_xml("InternalError", "x"), "HTTP 500 InternalError x"),
        (503, b"<html>", "HTTP 503, and the queue answers no XML, or cut off"),
        (404, b"not here", "HTTP 404, and the queue answers no XML, or cut off"),
        (200, BOMB, "the queue answers a document type, a comment or CDATA, which the service never sends"),
        (200, b"", "the queue answers no XML, or cut off"),
        (200, b"{}", "the queue answers no XML, or cut off"),
    ],
)  # fmt: skip
async def test_trouble_says_what_it_is(status: int, body: bytes, why: str) -> None:
    server = ReceiptServer()
    async with queue(server) as one:
        server.answers.append((status, body))
        with pytest.raises(QueueTrouble) as raised:
            await one.receive(1)
        assert str(raised.value) == why
        assert await one.receive(1) == []


async def test_a_queue_that_is_not_there_is_told() -> None:
    async with queue(ReceiptServer(), "Alicom-Queue-1-VoiceReport") as one:
        with pytest.raises(QueueTrouble, match="HTTP 404 QueueNotExist"):
            await one.receive(1)


async def test_a_key_without_the_right_is_told() -> None:
    server = ReceiptServer()
    server.mode = "refusing"
    async with queue(server) as one:
        with pytest.raises(
            QueueTrouble, match=r"no token for the queue: isp\.RAM_PERMISSION_DENY.*the key may not"
        ):
            await one.receive(1)


async def test_a_token_in_an_answer_of_another_form_is_not_quoted() -> None:
    server = ReceiptServer()
    server.mode = "without a code"
    async with queue(server) as one:
        with pytest.raises(QueueTrouble) as raised:
            await one.receive(1)
    assert str(raised.value) == "no token for the queue: an answer of another form"
    assert server.tokens[0].secret not in str(raised.value.__cause__)


async def test_secrets_are_in_no_message_no_log_and_no_repr(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    server = ReceiptServer()
    async with queue(server) as one:
        await one.receive(1)
        token = server.tokens[-1]
        echoed = error_xml("AccessDenied", f"{token.text} {token.id} {token.secret}")
        server.answers += [(403, echoed)] * 2
        with pytest.raises(QueueTrouble) as raised:
            await one.receive(1)
        assert str(raised.value) == "HTTP 403 AccessDenied *** *** ***"
        kept = one._tokens._token
    said = f"{raised.value} {raised.value!r} {kept!r} {caplog.text}"
    for each in server.tokens:
        for secret in (each.text, each.secret):
            assert secret not in said
    assert SECRET not in said


async def test_a_queue_that_is_down_is_trouble() -> None:
    server = ReceiptServer()
    async with queue(server) as one:
        await one.receive(1)
        await server.down()
        with pytest.raises(QueueTrouble, match=r"127\.0\.0\.1: no connection"):
            await one.receive(1)

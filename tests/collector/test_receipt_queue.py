"""The queue of receipts as the watch hears it: nothing is deleted before it is done, nothing blocks."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from alerts.notify.aliyun import Aliyun
from alerts.notify.mns_queue import TOKEN_VERSION, Queue
from alerts.notify.outbound import Outbound
from alerts.notify.parts import CHINA
from alerts.notify.receipts import Receipt
from alerts.registry.model import ChannelKind
from alerts.store.errors import LeaseLost
from alerts.store.receipted import Effect
from collector.receipt_queue import TAKES_MOST, ReceiptQueue
from edge.clock import Clock
from tests.alerts.notify.receipt_server import BOMB, ReceiptServer, error_xml
from tests.alerts.notify.services import SECRET
from tests.alerts.notify.test_receipts import CALL

NAME = "Alicom-Queue-1009-VoiceReport"
REAL = Clock()


class Desk:
    """Keeps what it is given and answers as it is told."""

    def __init__(self) -> None:
        self.taken: list[Receipt] = []
        self.effect: Effect | Exception = Effect.NOTED
        self.is_open = asyncio.Event()
        self.is_open.set()

    async def take(self, receipt: Receipt) -> Effect:
        await self.is_open.wait()
        self.taken.append(receipt)
        if isinstance(self.effect, Exception):
            raise self.effect
        return self.effect


@asynccontextmanager
async def hearing(
    server: ReceiptServer, desk: Desk, clock: Clock = REAL
) -> AsyncIterator[ReceiptQueue]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALIYUN", SECRET)
        async with server.there():
            server.queues.setdefault(NAME, [])
            url = f"http://{server.host}"
            signer = Aliyun(
                Outbound(allow={server.host}), Clock(), url=url, version=TOKEN_VERSION,
                key_id=server.key_id, key_secret="env:ALIYUN",
            )  # fmt: skip
            queue = Queue(
                NAME, "VoiceReport", Outbound(allow={server.host}, total_s=2), signer, url=url
            )
            room = ReceiptQueue(
                ChannelKind.VOICE, queue, desk.take, clock,
                wait_s=1, back_off_s=(0.02, 0.1), rest_s=0.05, jitter=lambda: 1.0,
            )  # fmt: skip
            running = asyncio.create_task(room.run())
            try:
                yield room
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - a server in the same loop changes it
            await asyncio.sleep(0.01)


async def test_a_receipt_is_deleted_once_it_is_acted_on_and_not_before() -> None:
    server, desk = ReceiptServer(), Desk()
    desk.is_open.clear()  # the operations database is away
    server.hidden_s = 5
    server.put(NAME, CALL)
    async with hearing(server, desk) as room:
        await until(lambda: server.queues[NAME][0].takes == 1)
        await asyncio.sleep(0.1)
        assert not server.deleted
        desk.is_open.set()
        await until(lambda: bool(server.deleted))
        assert server.queues[NAME] == []
        assert [one.notice for one in desk.taken] == [42]
        await until(lambda: room.why == "")
        assert room.counts == {"noted": 1}


async def test_a_receipt_whose_deletion_is_lost_is_acted_on_again() -> None:
    server, desk = ReceiptServer(), Desk()
    server.hidden_s = 0.0  # somebody else may have been given it
    server.put(NAME, CALL)
    async with hearing(server, desk):
        await until(lambda: len(desk.taken) >= 2)


async def test_what_cannot_be_read_is_counted_deleted_and_blocks_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server, desk = ReceiptServer(), Desk()
    server.put(NAME, b'{"callee": "13800001111"}')
    server.put(NAME, b"13800001111")
    server.put(NAME, CALL | {"out_id": "somebody else's"})
    server.put(NAME, CALL)
    async with hearing(server, desk) as room:
        await until(lambda: len(server.deleted) == 4)
        assert [one.notice for one in desk.taken] == [42]
        assert room.counts == {"unreadable": 2, "foreign": 1, "noted": 1}
    assert "a receipt of voice cannot be read: not the fields of a receipt" in caplog.text
    assert "13800001111" not in caplog.text


@pytest.mark.parametrize("effect", [Effect.EARLY, RuntimeError("of 13800001111")])
async def test_what_fits_nothing_comes_again_and_is_let_go_at_last(
    effect: Effect | Exception, caplog: pytest.LogCaptureFixture
) -> None:
    server, desk = ReceiptServer(), Desk()
    server.hidden_s = 0.02
    desk.effect = effect
    server.put(NAME, CALL)
    async with hearing(server, desk) as room:
        await until(lambda: bool(server.queues[NAME] == []))
        assert len(desk.taken) == TAKES_MOST
        assert room.counts == {"let-go": 1}
    assert "13800001111" not in caplog.text


async def test_a_room_that_fell_hears_again_when_it_is_started_again() -> None:
    server, desk = ReceiptServer(), Desk()
    async with hearing(server, desk) as room:
        await until(lambda: room.why == "")
        await room._queue.close()  # as at the end of ``run``
        again = asyncio.create_task(room.run())
        server.put(NAME, CALL)
        await until(lambda: bool(server.deleted))
        again.cancel()
        await asyncio.gather(again, return_exceptions=True)


async def test_trouble_is_told_once_and_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    server, desk = ReceiptServer(), Desk()
    async with hearing(server, desk) as room:
        await until(lambda: room.why == "")
        server.answers += [
            (400, error_xml("QpsLimitExceeded", "too fast")),
            (200, BOMB),
            (503, b"<html>"),
        ]
        await until(lambda: "QpsLimitExceeded" in room.why)
        server.put(NAME, CALL)
        await until(lambda: bool(server.deleted))
        await until(lambda: room.why == "")
    told = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert len(told) == 1


async def test_a_queue_that_never_worked_is_told_of_as_well(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server, desk = ReceiptServer(), Desk()
    server.mode = "refusing"
    async with hearing(server, desk) as room:
        await until(lambda: "RAM_PERMISSION_DENY" in room.why)
        await until(lambda: len(server.asked) >= 3)
    told = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert len(told) == 1


async def test_a_queue_that_answers_nothing_at_once_is_not_asked_without_rest() -> None:
    server, desk = ReceiptServer(), Desk()
    empty = error_xml("MessageNotExist", "Message not exist.")
    server.answers += [(404, empty)] * 500
    async with hearing(server, desk) as room:
        await until(lambda: room.why == "")
        began = len(server.asked)
        await asyncio.sleep(0.5)
        assert len(server.asked) - began <= 11


async def test_the_time_of_a_receipt_is_that_of_the_house() -> None:
    server, desk = ReceiptServer(), Desk()
    now = datetime.now(UTC)
    house = datetime(2026, 7, 1, tzinfo=UTC)
    ended_at = now - timedelta(seconds=60)
    server.put(NAME, CALL | {"end_time": f"{ended_at.astimezone(CHINA):%Y-%m-%d %H:%M:%S}"})
    clock = Clock(real_s=now.timestamp(), house_s=house.timestamp(), speed=10)
    async with hearing(server, desk, clock):
        await until(lambda: bool(desk.taken))
    (one,) = desk.taken
    assert one.at is not None
    assert abs(one.at - (house - timedelta(seconds=600))) < timedelta(seconds=11)


async def test_a_lost_lease_ends_it() -> None:
    server, desk = ReceiptServer(), Desk()
    desk.effect = LeaseLost("another watch has it")
    server.put(NAME, CALL)
    async with hearing(server, desk) as room:
        await until(lambda: bool(desk.taken))
        await asyncio.sleep(0.05)
        assert not server.deleted
        assert room.counts == {}

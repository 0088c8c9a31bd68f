import asyncio
from collections.abc import Sequence

import pytest

from collector import keeper
from collector.keeper import Falls, keep
from collector.receipts import MOST_INTERVALS, Receipts
from edge.contract.ranges import decode_received
from edge.errors import JournalDamaged


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(keeper, "BACK_OFF_S", (0.001, 0.001))


async def test_what_falls_is_started_again_and_counted(caplog):
    falls, runs = Falls(), asyncio.Queue[int]()

    async def work():
        runs.put_nowait(1)
        if runs.qsize() < 3:
            raise ZeroDivisionError("a bug")
        await asyncio.Event().wait()

    task = asyncio.create_task(keep("shaky", work, falls))
    async with asyncio.timeout(10):
        while runs.qsize() < 3:  # noqa: ASYNC110 - the queue is only counted
            await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (falls.count, falls.why) == (2, {})
    assert "task shaky fell" in caplog.text


async def test_what_is_down_says_why(monkeypatch):
    monkeypatch.setattr(keeper, "BACK_OFF_S", (60.0, 60.0))
    falls = Falls()

    async def work():
        raise ZeroDivisionError("a bug")

    task = asyncio.create_task(keep("shaky", work, falls))
    await asyncio.sleep(0.01)
    assert falls.why == {"shaky": "ZeroDivisionError: a bug"}
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_damaged_journal_is_for_a_new_process():
    async def work():
        raise JournalDamaged("torn")

    with pytest.raises(JournalDamaged):
        await keep("rules", work, Falls())


async def test_what_falls_as_it_is_ended_is_not_started_again(caplog):
    falls = Falls()

    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            if not falls.count:
                raise ZeroDivisionError("a bug at the end")

    task = asyncio.create_task(keep("shaky", work, falls))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait((task,), timeout=1)
    is_over = task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert is_over
    assert falls.count == 0
    assert "task shaky fell as it was ended" in caplog.text


class Sink:
    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []

    async def publish_all(self, messages: Sequence[tuple[str, bytes]]) -> int:
        self.sent += messages
        await asyncio.sleep(0)
        return len(messages)


async def told(receipts: Receipts) -> list[tuple[str, dict[str, list[tuple[int, int]]] | None]]:
    sink = Sink()
    task = asyncio.create_task(receipts.run(sink))
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return [(topic, decode_received(payload)) for topic, payload in sink.sent]


async def test_receipts_of_a_device_are_merged_into_one_message():
    receipts = Receipts()
    receipts.add({"s/d": {"r": [(0, 4)]}, "s/e": {"r": [(1, 1)]}})
    receipts.add({"s/d": {"r": [(3, 9)], "q": [(0, 0)]}})
    assert await told(receipts) == [
        ("shouwang/v1/s/d/received", {"r": [(0, 9)], "q": [(0, 0)]}),
        ("shouwang/v1/s/e/received", {"r": [(1, 1)]}),
    ]


async def test_very_many_gaps_are_told_in_more_than_one_message():
    receipts = Receipts()
    pairs = [(n * 2, n * 2) for n in range(MOST_INTERVALS + 1)]
    receipts.add({"s/d": {"r": pairs}})
    messages = await told(receipts)
    assert [len((body or {})["r"]) for _, body in messages] == [MOST_INTERVALS, 1]

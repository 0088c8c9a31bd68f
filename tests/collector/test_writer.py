import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from alerts.rules.inputs import Amendment, Entry, Tick
from collector import writer as writers
from collector.house import figure
from collector.stores.embedded import EmbeddedStore
from collector.stores.ledger import GRACE_MS
from collector.stores.port import Level, StoreUnavailable, Touched
from collector.writer import BACK_OFF_S, READINGS_MOST, RollUp, Writer, back_off
from edge.clock import Clock
from edge.contract.quality import Check, Quality
from edge.contract.reading import Batch
from edge.contract.topics import SERVER
from tests.collector.stores.batches import DAY, HOUR, MINUTE, NOON, PH, amendment, good

T = TypeVar("T")


class FakeFollower:
    """Hands out lists of entries, then ends; remembers where its cursor was moved to."""

    def __init__(self, *lists: list[Entry], position: int = 0, keep_open: bool = False) -> None:
        self.lists = lists
        self.position = position
        self.moves: list[int] = []
        self._keep_open = keep_open

    async def __aiter__(self) -> AsyncIterator[Sequence[Entry]]:
        for entries in self.lists:
            yield entries
        if self._keep_open:
            await asyncio.Event().wait()

    async def move(self, position: int) -> None:
        self.moves.append(position)
        self.position = position


class FlakyStore(EmbeddedStore):
    """Fails as many times as it is told, before or after the data are in."""

    def __init__(self, path: Path, *, fails: int = 0, after: bool = False) -> None:
        super().__init__(path)
        self.fails = fails
        self.after = after
        self.calls: list[int] = []

    async def write(self, batches: Sequence[Batch], arrived_ms: int | None = None) -> int:
        self.calls.append(sum(map(len, batches)))
        return await self._flaky(lambda: EmbeddedStore.write(self, batches, arrived_ms))

    async def amend(self, amendments: Sequence[Amendment]) -> None:
        await self._flaky(lambda: EmbeddedStore.amend(self, amendments))

    async def roll_up(self, touched: Sequence[Touched]) -> None:
        await self._flaky(lambda: EmbeddedStore.roll_up(self, touched))

    async def _flaky(self, work: Callable[[], Awaitable[T]]) -> T:
        if self.fails:
            self.fails -= 1
            if self.after:
                await work()
            raise StoreUnavailable("the disk is out for lunch")
        return await work()


@pytest.fixture
async def make(tmp_path) -> AsyncIterator[Callable[..., FlakyStore]]:
    stores = []

    def new(fails: int = 0, after: bool = False) -> FlakyStore:
        store = FlakyStore(tmp_path / "store.sqlite3", fails=fails, after=after)
        stores.append(store)
        return store

    yield new
    for store in stores:
        await store.close()


async def at_once(seconds: float) -> None:
    """A wait that does not."""


def reading(position: int, at_ms: int, value: float = 7.0) -> Entry:
    return Entry(position, at_ms + 1, good(PH, (at_ms, value)))


async def test_readings_are_written_and_the_cursor_follows(make):
    follower = FakeFollower([reading(5, NOON), Entry(6, NOON, Tick())], position=4)
    store = make()
    writer = Writer(follower, store)
    await writer.run()
    assert await store.count() == 1
    assert (follower.moves, writer.stored, writer.position) == ([6], 1, 6)
    assert (writer.ok, writer.why) == (True, "")


async def test_it_tells_how_late_the_store_has_what_arrived(make):
    now_ms = Clock().now_ms()
    late = reading(1, NOON, 7.0)._replace(at_ms=now_ms - 20_000)
    writer = Writer(FakeFollower([late]), make())
    await writer.run()
    assert sum(writer.delays.counts) == 1
    assert 20 <= writer.delays.sum_s < 60


async def test_what_the_house_says_is_stored_and_not_counted_as_readings(make):
    own = Entry(2, NOON, figure(("linhe", SERVER), "whole-way", 0.4, NOON))
    writer = Writer(FakeFollower([reading(1, NOON), own]), store := make())
    await writer.run()
    assert (store.calls, writer.stored) == ([2], 1)


async def test_what_is_no_reading_moves_the_cursor_and_writes_nothing(make):
    follower = FakeFollower([Entry(1, NOON, Tick())])
    store = make()
    await Writer(follower, store).run()
    assert (follower.moves, store.calls) == ([1], [])


async def test_many_small_lists_become_one_write(make):
    follower = FakeFollower(*([reading(i + 1, NOON + i)] for i in range(50)))
    store = make()
    await Writer(follower, store, linger_s=5.0).run()
    assert store.calls == [50]
    assert follower.moves == [50]


async def test_a_write_does_not_grow_without_bound(make):
    half = READINGS_MOST // 2
    batches = [good(PH, *((NOON + n * half + i, 1.0) for i in range(half))) for n in range(5)]
    follower = FakeFollower(*([Entry(n + 1, NOON, batch)] for n, batch in enumerate(batches)))
    store = make()
    await Writer(follower, store, linger_s=5.0).run()
    assert store.calls == [2 * half, 2 * half, half]
    assert follower.moves == [2, 4, 5]


async def test_an_amendment_is_written_behind_its_readings_and_before_the_cursor(make):
    store = make()
    spike = amendment(PH, NOON + 1, NOON + 1, Quality.SUSPECT, Check.SPIKE.suspect)
    entries = [reading(1, NOON), reading(2, NOON + 1), Entry(3, NOON + 3, spike)]
    store.fails = 3  # the last two before the amendment is in
    follower = FakeFollower(entries)
    await Writer(follower, store, sleep=at_once).run()
    assert (await store.points(PH, NOON, NOON + 9)).quality == [1, 3]
    assert (follower.moves, store.fails) == ([3], 0)
    # The cursor had not moved when it was killed: readings and amendment come again.
    await Writer(FakeFollower(entries), store, sleep=at_once).run()
    assert (await store.points(PH, NOON, NOON + 9)).quality == [1, 3]


async def test_a_quiet_journal_does_not_hold_readings_back(make):
    follower = FakeFollower([reading(1, NOON)], keep_open=True)
    store = make()
    writer = Writer(follower, store, linger_s=0.01)
    task = asyncio.create_task(writer.run())
    await asyncio.wait_for(writer.reached(1), 10)
    assert await store.count() == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("after", [False, True])
async def test_a_store_that_fails_is_tried_again_and_holds_each_reading_once(make, after):
    waits: list[float] = []
    said: list[tuple[bool, str]] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        said.append((writer.ok, writer.why))

    follower = FakeFollower([reading(1, NOON), reading(2, NOON + 1)])
    store = make(fails=4, after=after)
    writer = Writer(follower, store, sleep=sleep, chance=random.Random(1))
    await writer.run()
    assert await store.count() == 2
    assert (writer.stored, follower.moves) == (2, [2])
    assert said == [(False, "the disk is out for lunch")] * 4
    assert (writer.ok, writer.why) == (True, "")
    assert all(0 < wait <= BACK_OFF_S[1] for wait in waits)


async def test_the_cursor_never_passes_what_the_store_does_not_hold(make):
    async def give_up(seconds: float) -> None:
        raise asyncio.CancelledError

    follower = FakeFollower([reading(1, NOON)])
    writer = Writer(follower, make(fails=1), sleep=give_up)
    with pytest.raises(asyncio.CancelledError):
        await writer.run()
    assert (follower.moves, writer.position) == ([], 0)


@pytest.mark.parametrize(("tries", "most"), [(0, 0.2), (1, 0.4), (4, 3.2), (5, 5.0), (9999, 5.0)])
def test_waits_double_up_to_some_seconds_and_differ(tries, most):
    waits = [back_off(tries, random.Random(seed)) for seed in range(50)]
    assert all(most / 2 <= wait <= most for wait in waits)
    assert len(set(waits)) > 40


async def test_closed_buckets_are_rolled_up_and_the_cursor_waits_for_the_open_ones(make):
    store = make()
    day = [reading(i + 1, NOON + i * MINUTE, float(i % 60)) for i in range(180)]
    follower = FakeFollower(day)
    await store.write([entry.what for entry in day if isinstance(entry.what, Batch)])
    roll_up = RollUp(follower, store, at_once_reached)
    await roll_up.run()
    hours = await store.rows(Level.HOUR, PH, NOON, NOON + DAY)
    assert [(row[0] - NOON, row[1], row[3], row[4]) for row in hours] == [
        (0, 0.0, 59.0, 60),
        (HOUR, 0.0, 59.0, 60),
    ]
    # The third hour is open: a restart reads it again.
    assert follower.moves == [120]
    assert roll_up.rolled == 2 + len(await store.rows(Level.MINUTE, PH, NOON, NOON + DAY))


@pytest.mark.parametrize(("patience_s", "rolled_first"), [(60.0, False), (0.0, True)])
async def test_buckets_wait_while_a_backlog_comes_in_but_not_for_ever(
    make, monkeypatch, patience_s, rolled_first
):
    monkeypatch.setattr(writers, "READINGS_MOST", 60)
    monkeypatch.setattr(writers, "ROLL_UP_BUSY", 60)
    store = make()
    readings = [reading(i + 1, NOON + i * MINUTE, 1.0) for i in range(90)]
    await store.write([entry.what for entry in readings if isinstance(entry.what, Batch)])
    follower = FakeFollower(readings[:60], readings[60:])
    when: list[int] = []

    async def reached(position: int) -> None:
        when.append(position)

    roll_up = RollUp(follower, store, reached, linger_s=0.0, patience_s=patience_s)
    await roll_up.run()
    assert when == ([60, 90] if rolled_first else [90])
    assert roll_up.rolled == 1 + len(await store.rows(Level.MINUTE, PH, NOON, NOON + DAY))


async def at_once_reached(position: int) -> None:
    """A writer that is always ahead."""


async def test_leaving_the_writer_closes_the_follower(make):
    closed = asyncio.Event()

    class Watched(FakeFollower):
        async def __aiter__(self) -> AsyncIterator[Sequence[Entry]]:
            try:
                yield [reading(1, NOON)]
                await asyncio.Event().wait()
            finally:
                closed.set()

    writer = Writer(Watched(), make(), linger_s=0.0)
    task = asyncio.create_task(writer.run())
    await asyncio.wait_for(writer.reached(1), 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert closed.is_set()


async def test_a_follower_that_breaks_breaks_the_writer(make):
    class Broken(FakeFollower):
        async def __aiter__(self) -> AsyncIterator[Sequence[Entry]]:
            yield [reading(1, NOON)]
            raise RuntimeError("the journal is gone")

    with pytest.raises(RuntimeError, match="the journal is gone"):
        await Writer(Broken(), make()).run()


async def test_rolling_up_goes_behind_the_writer(make):
    store = make()
    entries = [reading(1, NOON), Entry(2, NOON + HOUR + GRACE_MS, Tick())]
    writer = Writer(FakeFollower(entries, keep_open=True), store, linger_s=0.0)
    roll_up = RollUp(FakeFollower(entries), store, writer.reached, linger_s=0.0)
    rolling = asyncio.create_task(roll_up.run())
    await asyncio.sleep(0)
    assert roll_up.rolled == 0
    writing = asyncio.create_task(writer.run())
    await asyncio.wait_for(rolling, 10)
    assert len(await store.rows(Level.HOUR, PH, NOON, NOON + HOUR)) == 1
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)


async def test_late_readings_change_the_buckets_they_belong_to(make):
    store = make()
    late = reading(3, NOON + 1, 99.0)
    entries = [reading(1, NOON), Entry(2, NOON + HOUR + GRACE_MS, Tick())]
    late = Entry(3, NOON + 5 * HOUR, late.what)
    follower = FakeFollower(entries, [late])
    await store.write([e.what for e in [*entries, late] if isinstance(e.what, Batch)])
    await RollUp(follower, store, at_once_reached, linger_s=0.0).run()
    (row,) = await store.rows(Level.HOUR, PH, NOON, NOON + HOUR)
    assert (row[3], row[4]) == (99.0, 2)
    assert follower.moves[-1] == 3


async def test_a_roll_up_that_fails_is_tried_again_before_the_cursor_moves(make):
    store = make(fails=3)
    entries = [reading(1, NOON), Entry(2, NOON + HOUR + GRACE_MS, Tick())]
    follower = FakeFollower(entries)
    await EmbeddedStore.write(store, [good(PH, (NOON, 7.0))])
    roll_up = RollUp(follower, store, at_once_reached, sleep=at_once)
    await roll_up.run()
    assert store.fails == 0
    assert (follower.moves, roll_up.ok) == ([2], True)
    assert len(await store.rows(Level.HOUR, PH, NOON, NOON + HOUR)) == 1


async def test_delays_and_writes_are_timed_once_a_write(make):
    now_ms = NOON + 400
    clock = Clock(real_s=time.time(), house_s=now_ms / 1000, speed=1e-9)  # it stands still
    entries = [reading(1, NOON), reading(2, NOON + 100), Entry(3, NOON + 200, Tick())]
    writer = Writer(FakeFollower(entries), make(fails=1), clock=clock, sleep=at_once)
    await writer.run()
    assert sum(writer.delays.counts) == 3
    assert writer.delays.sum_s == pytest.approx(3 * 0.399, abs=0.003)  # all as the first
    assert sum(writer.writes.counts) == 1  # a try in vain is none


async def test_what_is_no_reading_waits_for_no_store(make):
    writer = Writer(FakeFollower([Entry(1, NOON, Tick())]), make())
    await writer.run()
    assert (sum(writer.delays.counts), sum(writer.writes.counts)) == (0, 0)

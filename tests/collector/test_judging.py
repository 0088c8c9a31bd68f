import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from alerts.rules.inputs import Tick
from alerts.rules.transition import Change, Transition
from alerts.store.errors import StoreUnavailable
from alerts.store.operations import Operations
from alerts.words import IncidentClass, Severity
from collector import judging
from collector.config import read_config
from collector.exposition import prometheus
from collector.follower import Follower
from collector.health import WatchStatus, read_watch
from collector.journaling import Journaling, Work
from collector.judging import Judging, load_engine
from collector.snapshots import replace_snapshot
from collector.watch import Watch
from edge.clock import Clock
from edge.contract.subject import Subject
from edge.journal.journal import Journal
from edge.journal.tail import Tail
from tests.collector.village import settle

SOON_S = 10.0


@pytest.fixture
async def writing(tmp_path) -> AsyncIterator[Journaling]:
    with Journal(tmp_path / "journal.db") as journal:
        room = Journaling(journal)
        task = asyncio.create_task(room.run())
        yield room
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(judging, "SAVE_S", 0.0)
    monkeypatch.setattr(judging, "BACK_OFF_S", (0.01, 0.01))


class Counter:
    """An engine that says something of each tick; its state is how many it has seen."""

    packs: Any = None
    problems: Sequence[object] = ()
    told = 0

    def __init__(self, journal: str) -> None:
        self.journal, self.position = journal, 0

    def feed(self, entry) -> list[Transition]:
        if entry.position <= self.position:
            return []
        self.position = entry.position
        return [transition(self.journal, entry.position)]

    def dump_in_pieces(self) -> Iterator[bytes]:
        yield f"{self.journal} ".encode()
        yield f"{self.position}".encode()

    @classmethod
    def load(cls, data: bytes) -> "Counter":
        journal, position = data.decode().split()
        engine = cls(journal)
        engine.position = int(position)
        return engine


def transition(journal: str, position: int) -> Transition:
    return Transition(
        rule="r", subject=Subject.of_device("s", "d"), journal=journal, position=position, nth=0,
        change=Change.RAISED, cls=IncidentClass.UPKEEP, severity=Severity.MINOR,
        at_ms=0, since_ms=0, seen_ms=0,
    )  # fmt: skip


class Book:
    """Takes transitions as the operations database does: each key once."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.buried: list[tuple[int, str]] = []
        self.errors: list[Exception] = []
        self.refuses: set[int] = set()
        self.sizes: list[int] = []
        self.changed = asyncio.Event()

    async def take(self, transitions, packs) -> None:
        if self.errors:
            raise self.errors.pop(0)
        if self.refuses & {one.position for one in transitions}:
            raise RuntimeError("a bug")
        self.sizes.append(len(transitions))
        self.taken += [one.position for one in transitions if one.position not in self.taken]
        self.changed.set()

    async def bury(self, transition, reason) -> None:
        self.buried.append((transition.position, reason))

    async def until(self, count: int) -> None:
        async with asyncio.timeout(SOON_S):
            while len(self.taken) < count:
                self.changed.clear()
                await self.changed.wait()


async def stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_each_transition_is_taken_once_over_restarts(writing, tmp_path, monkeypatch):
    monkeypatch.setattr(judging, "Engine", Counter)
    book = Book()
    for turn in range(1, 4):
        await writing.write(Work(said=[(1, Tick())] * 5))
        room = Judging(
            Follower(writing, "rules"), tmp_path / "rules.snapshot", book.take, book.bury
        )
        task = asyncio.create_task(room.run())
        await book.until(5 * turn)
        await stopped(task)
    assert book.taken == list(range(1, 16))
    assert room.transitions == 5  # the third began where the second had saved


async def test_it_counts_how_long_after_their_arrival_entries_were_done(
    writing, tmp_path, monkeypatch
):
    monkeypatch.setattr(judging, "Engine", Counter)
    still = Clock(house_s=10.0, speed=0.0)
    book = Book()
    room = Judging(
        Follower(writing, "rules"), tmp_path / "rules.snapshot", book.take, book.bury, clock=still
    )
    arrived_ms = 9_940
    await writing.write(Work(said=[(arrived_ms, Tick())] * 120))  # more than one breath
    task = asyncio.create_task(room.run())
    async with asyncio.timeout(SOON_S):
        while sum(room.delays.counts) < 120:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)
    await stopped(task)
    assert sum(room.delays.counts) == 120
    assert 0.05 < room.delays.quantile_s(0.01) < room.delays.quantile_s(0.99) < 0.075
    assert room.delays.sum_s == pytest.approx(120 * 0.06)


async def test_the_snapshot_is_never_ahead_of_what_is_committed(writing, tmp_path, monkeypatch):
    monkeypatch.setattr(judging, "Engine", Counter)
    book, path = Book(), tmp_path / "rules.snapshot"
    room = Judging(Follower(writing, "rules"), path, book.take, book.bury)
    task = asyncio.create_task(room.run())
    await writing.write(Work(said=[(1, Tick())] * 3))
    await book.until(3)
    book.errors = [StoreUnavailable("locked")] * 10_000
    await writing.write(Work(said=[(1, Tick())]))
    async with asyncio.timeout(SOON_S):
        while not room.why:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)
    await stopped(task)
    saved = Counter.load(path.read_bytes()).position if path.exists() else 0
    assert saved <= 3
    assert room.engine.position == 4


async def test_a_database_that_is_away_is_waited_for(writing, tmp_path, monkeypatch):
    monkeypatch.setattr(judging, "Engine", Counter)
    book = Book()
    book.errors = [StoreUnavailable("locked")] * 3
    room = Judging(Follower(writing, "rules"), tmp_path / "rules.snapshot", book.take, book.bury)
    task = asyncio.create_task(room.run())
    await writing.write(Work(said=[(1, Tick())]))
    await book.until(1)
    await stopped(task)
    assert (room.why, room.refused) == ("", 0)


async def test_what_has_waited_is_taken_together_and_in_order(writing, tmp_path, monkeypatch):
    monkeypatch.setattr(judging, "Engine", Counter)
    monkeypatch.setattr(judging, "TAKE_MOST", 4)
    book = Book()
    room = Judging(Follower(writing, "rules"), tmp_path / "rules.snapshot", book.take, book.bury)
    task = asyncio.create_task(room.run())
    await writing.write(Work(said=[(1, Tick())] * 10))
    await book.until(10)
    await stopped(task)
    assert book.taken == list(range(1, 11))
    assert max(book.sizes) == 4
    assert len(book.sizes) < 10


async def test_while_the_database_is_away_the_rules_go_on_and_each_late_transition_is_told_once(
    writing, tmp_path, monkeypatch
):
    monkeypatch.setattr(judging, "Engine", Counter)
    book, late = Book(), list[int]()

    def hear(transitions, packs) -> None:
        late.extend(one.position for one in transitions)

    path = tmp_path / "rules.snapshot"
    room = Judging(
        Follower(writing, "rules"), path, book.take, book.bury, late=hear, patience_s=0.1
    )
    task = asyncio.create_task(room.run())
    await writing.write(Work(said=[(1, Tick())] * 2))
    await book.until(2)
    assert late == []
    book.errors = [StoreUnavailable("locked")] * 10_000
    await writing.write(Work(said=[(1, Tick())] * 3))
    async with asyncio.timeout(SOON_S):
        while len(late) < 3:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)
    assert (late, room.engine.position, room.settled) == ([3, 4, 5], 5, 2)
    saved = Counter.load(path.read_bytes()).position if path.exists() else 0
    assert saved <= 2
    book.errors.clear()
    await book.until(5)
    await writing.write(Work(said=[(1, Tick())]))
    await book.until(6)
    await stopped(task)
    assert (book.taken, late) == ([1, 2, 3, 4, 5, 6], [3, 4, 5])
    assert (room.settled, Counter.load(path.read_bytes()).position) == (6, 6)


async def test_no_more_transitions_wait_in_memory_than_there_is_room_for(
    writing, tmp_path, monkeypatch
):
    monkeypatch.setattr(judging, "Engine", Counter)
    monkeypatch.setattr(judging, "WAIT_MOST", 4)
    book, late = Book(), list[Transition]()
    book.errors = [StoreUnavailable("locked")] * 10_000
    room = Judging(
        Follower(writing, "rules"), tmp_path / "rules.snapshot", book.take, book.bury,
        late=lambda transitions, packs: late.extend(transitions), patience_s=0.05,
    )  # fmt: skip
    task = asyncio.create_task(room.run())
    await writing.write(Work(said=[(1, Tick())] * 9))
    async with asyncio.timeout(SOON_S):
        while len(late) < 4:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    assert (len(late), room.engine.position) == (4, 4)
    book.errors.clear()
    await book.until(9)
    await stopped(task)
    assert book.taken == list(range(1, 10))


async def test_a_transition_that_can_never_be_taken_is_buried_and_passed_over(
    writing, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(judging, "Engine", Counter)
    book = Book()
    book.refuses = {1}
    room = Judging(Follower(writing, "rules"), tmp_path / "rules.snapshot", book.take, book.bury)
    task = asyncio.create_task(room.run())
    await writing.write(Work(said=[(1, Tick())] * 2))
    await book.until(1)
    await stopped(task)
    assert book.taken == [2]
    assert book.buried == [(1, "cannot be written down, report this: RuntimeError: a bug")]
    assert (room.refused, room.why) == (1, "")
    assert "r on device:s/d: RuntimeError: a bug; see `shouwang deadletter list`" in room.refusal
    assert "cannot be written down" in caplog.text


async def test_a_refused_transition_is_a_dead_letter_and_the_rules_are_not_well(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(judging, "Engine", Counter)
    watch = Watch(read_config(settle(tmp_path, "mqtt://127.0.0.1:1")), Clock())

    def refuse(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Operations, "take", refuse)
    running = asyncio.create_task(watch.run())
    found: WatchStatus | None = None
    async with asyncio.timeout(SOON_S * 3):
        while found is None or not found.counters["refused"]:
            await asyncio.sleep(0.05)
            found = read_watch(watch.config.watch_path)
    watch.stop()
    await running
    (rules,) = (part for part in found.parts if part.name == "rules")
    assert not rules.ok
    assert "RuntimeError: a bug" in rules.why
    assert "shouwang_refused_total" in prometheus(found)
    with Tail(watch.config.journal_path) as tail:
        letter = next(letter for letter in tail.letters() if letter.topic == "rules")
    assert "RuntimeError: a bug" in letter.reason
    assert json.loads(letter.sample)["rule"] == "r"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("garbage", "cannot be read"),
        ("other 3", "is of journal other"),
    ],
)
async def test_a_snapshot_that_does_not_fit_begins_anew(
    writing, tmp_path, monkeypatch, caplog, text, said
):
    monkeypatch.setattr(judging, "Engine", Counter)
    path = tmp_path / "rules.snapshot"
    path.write_text(text.format(id=writing.id))
    assert load_engine(path, Follower(writing, "rules")).position == 0
    assert said in caplog.text


async def test_a_snapshot_that_is_ahead_of_the_journal_is_kept_and_named(
    writing, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(judging, "Engine", Counter)
    path = tmp_path / "rules.snapshot"
    path.write_text(f"{writing.id} 99")
    assert load_engine(path, Follower(writing, "rules")).position == 99
    assert "was it restored?" in caplog.text


async def test_rules_that_begin_anew_judge_all_of_the_journal(writing, tmp_path, monkeypatch):
    monkeypatch.setattr(judging, "Engine", Counter)
    await writing.write(Work(said=[(1, Tick())] * 5))
    path, book = tmp_path / "rules.snapshot", Book()
    path.write_text(f"{writing.id} 5")
    room = Judging(Follower(writing, "rules"), path, book.take, book.bury)
    room.begin_anew()
    task = asyncio.create_task(room.run())
    await book.until(5)
    await stopped(task)
    assert book.taken == [1, 2, 3, 4, 5]


async def test_the_real_engine_comes_back_from_its_snapshot(writing, tmp_path):
    path, book = tmp_path / "rules.snapshot", Book()
    follower = Follower(writing, "rules")
    task = asyncio.create_task(Judging(follower, path, book.take, book.bury).run())
    await writing.write(Work(said=[(1, Tick())] * 4))
    async with asyncio.timeout(SOON_S):
        while follower.position < 4:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)
    await stopped(task)
    assert load_engine(path, follower).position == 4


async def test_ended_in_the_midst_of_saving_it_saves_again_only_when_that_is_done(
    writing, tmp_path, monkeypatch
):
    monkeypatch.setattr(judging, "Engine", Counter)
    path, book = tmp_path / "rules.snapshot", Book()
    go_on, under_way, most = threading.Event(), list[bytes](), 0
    replace = replace_snapshot

    def slow(path: Path, pieces: Sequence[bytes]) -> None:
        nonlocal most
        under_way.append(b"".join(pieces))
        most = max(most, len(under_way))
        go_on.wait(SOON_S)
        replace(path, pieces)
        under_way.remove(b"".join(pieces))

    monkeypatch.setattr(judging, "replace_snapshot", slow)
    rules = Judging(Follower(writing, "rules"), path, book.take, book.bury)
    task = asyncio.create_task(rules.run())
    await writing.write(Work(said=[(0, Tick())]))
    async with asyncio.timeout(SOON_S):
        while not under_way:  # noqa: ASYNC110 - a thread has no event here
            await asyncio.sleep(0.001)
    asyncio.get_running_loop().call_later(0.1, go_on.set)
    await stopped(task)
    assert task.cancelled()
    assert (most, under_way) == (1, [])
    assert Counter.load(path.read_bytes()).position == 1

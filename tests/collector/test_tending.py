import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import nullcontext
from dataclasses import dataclass

import pytest

from alerts.rules.inputs import GivenUp, Tick
from collector import tending
from collector.config import DeadLettersConfig, JournalConfig
from collector.follower import Follower
from collector.house import House
from collector.journaling import Journaling, Work
from collector.records import entry
from collector.stores.retention import DAY_MS, PAUSE_MS
from collector.tending import (
    AGAIN_S,
    AGE_S,
    HOUR_MS,
    MOST_ROWS,
    TEND_S,
    AtWork,
    Lately,
    Tending,
    last_seen,
)
from edge.contract.metrics import METRICS
from edge.contract.reading import Batch, Reading
from edge.journal.journal import Journal, Row
from tests.collector.village import REGISTRY

NOON = 1_790_000_000_000  # September 2026
HOUR = 3_600_000
IN_1970, IN_2036 = 86_400_000, 2_090_000_000_000
MEGABYTES = 16  # the least a configuration may say


@dataclass
class Hand:
    """A clock that a test sets."""

    ms: int = NOON

    def now_ms(self) -> int:
        return self.ms


class Store:
    """What keeps readings, as far as tending knows it: it has taken what it is at."""

    def __init__(self, cursors: dict[str, int]) -> None:
        self.cursors, self.taken = cursors, 0

    @property
    def in_hand(self) -> tuple[int, int]:
        return self.cursors["store"], max(self.cursors["store"], self.taken)

    def forgetting(self) -> nullcontext[None]:
        return nullcontext()


class World:
    """A journal of its own in a folder, written by its thread, and tended."""

    def __init__(self, journal: Journal) -> None:
        self.journal, self.clock, self.house = journal, Hand(), House()
        self.house.use(REGISTRY)
        self.cursors = {"rules": 0, "store": 0}
        self.store: AtWork = Store(self.cursors)
        self.journaling = Journaling(journal, jitter=lambda: 0.0)
        self.now_s = 0.0
        self.seq = 0
        self.begin()

    def begin(self) -> None:
        """As a watch that was started again."""
        config = JournalConfig(megabytes=MEGABYTES, days=7)
        seen = last_seen(self.journal)
        self.tending = Tending(
            self.journaling,
            seen,
            lambda: self.cursors,
            self.clock,
            config,
            DeadLettersConfig(),
            self.store,
        )

    async def write(self, count: int, metric: str = "do", kb: int = 0) -> None:
        """So many records, as of now."""
        said = []
        for _ in range(count):
            batch = Batch(site="s", device="d", run="r", first=self.seq, count=1)
            batch.add(Reading(place="p", port="", metric=metric, value=1.0, at_ms=self.clock.ms,
                              seq=self.seq, reason="x" * 1000 * kb))  # fmt: skip
            said.append((self.clock.ms, batch))
            self.seq += 1
        await self.journaling.write(Work(said=said))

    async def look(self, times: int = 1) -> float:
        due_s = 0.0
        for _ in range(times):
            self.now_s += AGE_S
            due_s = await self.tending.look(self.now_s)
        return due_s

    def use_all(self) -> None:
        self.cursors.update(dict.fromkeys(self.cursors, self.journal.last))

    def records(self) -> int:
        return len(self.journal.read(0, 10**6))

    def classes(self) -> set[str]:
        return {row.cls for row in self.journal.read(0, 10**6) if row.run}

    def given_up(self) -> list[GivenUp]:
        whats = [entry(row).what for row in self.journal.read(0, 10**6)]
        return [what for what in whats if isinstance(what, GivenUp)]

    def figures(self) -> dict[str, float | None]:
        said = self.tending.figures(self.house, self.clock.ms)
        return {batch.metric[0]: batch.value[0] for _, batch in said}


@pytest.fixture
async def world(tmp_path) -> AsyncIterator[World]:
    with Journal(tmp_path / "journal.db") as journal:
        made = World(journal)
        task = asyncio.create_task(made.journaling.run())
        yield made
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


# Age and the clock


async def test_what_everybody_has_used_goes_after_its_days(world):
    await world.write(10)
    world.use_all()
    await world.look()
    for _ in range(8):
        world.clock.ms += DAY_MS
        await world.look()
    assert world.records() == 0


async def test_what_somebody_lacks_does_not_go_by_age(world):
    await world.write(10)
    world.cursors.update({"rules": 10, "store": 4})
    await world.look()
    for _ in range(8):
        world.clock.ms += DAY_MS
        await world.look()
    assert [row.seq for row in world.journal.read(0, 99)] == [4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("to_ms", "is_paused"),
    [
        pytest.param(NOON + 2 * HOUR, False, id="two hours ahead"),  # two hours early is no harm
        pytest.param(NOON - 2 * HOUR, True, id="two hours back"),
        pytest.param(IN_1970, True, id="to 1970"),
        pytest.param(IN_2036, True, id="to 2036"),
    ],
)
async def test_after_a_step_of_the_clock_nothing_goes_by_age_for_a_day(
    world, caplog, to_ms, is_paused
):
    world.clock.ms = NOON - 8 * DAY_MS
    await world.write(5)
    world.clock.ms = NOON
    await world.write(4)
    world.begin()  # a watch that was away while the clock was set sees it, too
    with caplog.at_level(logging.WARNING):
        world.clock.ms = to_ms
        await world.write(1)
        world.use_all()
        await world.look()
    assert world.records() == (10 if is_paused else 5)
    assert ("the clock was stepped" in caplog.text) is is_paused
    if not is_paused:
        return
    world.begin()  # a restart in between knows it still
    world.clock.ms = to_ms + PAUSE_MS - 1
    await world.look()
    assert world.records() == 10
    world.clock.ms = to_ms + PAUSE_MS
    await world.look()
    # In 1970 everything is young; in 2036 what was written there.
    assert world.records() == {IN_1970: 10, IN_2036: 1}.get(to_ms, 5)


async def test_a_clock_that_was_in_2036_and_came_back_hinders_no_deletion_for_ever(world):
    await world.write(5)
    await world.look()
    world.clock.ms = IN_2036
    await world.write(1500)
    await world.look()
    world.clock.ms = NOON + HOUR
    await world.write(5)
    await world.look()
    world.use_all()
    assert world.records() == 1510
    for _ in range(9):
        world.clock.ms += DAY_MS
        await world.write(1)
        world.use_all()
        await world.look()
    assert world.records() == 8  # of the last seven days


async def test_the_bytes_are_held_whatever_the_clock_says(world):
    await world.write(1)
    await world.look()
    world.clock.ms = IN_1970
    await world.write(600, kb=40)
    world.use_all()
    await world.look()
    assert world.tending._steps.why_paused()
    assert world.journal.size_bytes <= MEGABYTES * 2**20


async def test_one_run_takes_so_many_records_and_the_next_one_comes_soon(world):
    await world.write(MOST_ROWS + 10)
    world.use_all()
    await world.look()
    for _ in range(7):
        world.clock.ms += DAY_MS
        await world.look()
    world.clock.ms += HOUR
    assert await world.look() == AGAIN_S
    assert world.records() == 10
    assert await world.look() == TEND_S
    assert world.records() == 0


# Bytes


async def test_at_the_cap_the_lowest_class_goes_first_and_writing_goes_on(world, caplog):
    await world.write(100, "uptime", kb=40)
    await world.write(300, "do", kb=40)
    await world.write(100, "smoke", kb=40)
    await world.look(5)
    assert world.classes() == {"series", "alarm"}
    assert (
        len([row for row in world.journal.read(0, 10**6) if row.cls == "alarm" and row.run]) == 100
    )
    assert world.journal.size_bytes <= MEGABYTES * 2**20
    assert "the journal is full" in caplog.text
    assert world.tending.why.startswith(f"the journal is full: {world.tending.needed} readings")
    await world.write(1)
    assert world.journal.last > 500


async def test_what_the_store_never_had_is_written_down_with_its_numbers(world):
    await world.write(500, kb=40)
    await world.look(3)
    (gone,) = {(one.run, one.reason, one.by_house) for one in world.given_up()}
    assert gone == ("r", "space", True)
    lost = sum(one.hi - one.lo + 1 for one in world.given_up())
    assert lost == world.tending.needed > 0
    left = {row.seq for row in world.journal.read(0, 10**6) if row.run}
    assert left == set(range(500)) - {
        seq for one in world.given_up() for seq in range(one.lo, one.hi + 1)
    }
    assert world.given_up()[0].since_ms == NOON


async def test_what_the_store_is_at_stays_and_is_no_loss(world):
    await world.write(500, kb=40)
    world.store.taken = 40
    await world.look(3)
    left = [row.seq for row in world.journal.read(0, 10**6) if row.run]
    assert left[:40] == list(range(40)), "being stored now"
    assert min(one.lo for one in world.given_up()) == 40
    assert world.journal.size_bytes <= MEGABYTES * 2**20
    # Once it has them they go like others.
    world.cursors.update({"rules": 40, "store": 40})
    lost = world.tending.needed
    await world.write(40, kb=40)
    await world.look(3)
    assert min(row.seq for row in world.journal.read(0, 10**6) if row.run) > 40
    assert world.tending.needed == lost, "the used ones made room enough"


@pytest.mark.parametrize("seed", range(4))
async def test_each_reading_is_stored_or_given_up_and_never_both(world, seed):
    chance = random.Random(seed)
    holds = 200 if seed % 2 else 10_000  # it reads the journal, or hands out from memory
    follower = Follower(world.journaling, "store", hold_most=holds, yield_most=30)
    world.store, world.cursors = follower, {}
    world.tending = Tending(
        world.journaling,
        last_seen(world.journal),
        lambda: {"store": follower.position},
        world.clock,
        JournalConfig(megabytes=MEGABYTES, days=7),
        DeadLettersConfig(),
        follower,
    )
    stored: list[int] = []
    lost: list[int] = []
    goes = asyncio.Event()

    async def store() -> None:
        async for entries in follower:
            await goes.wait()  # away, with these in its hand
            for one in entries:
                if isinstance(one.what, Batch):
                    stored.append(one.what.first)
                elif isinstance(one.what, GivenUp):
                    lost.extend(range(one.what.lo, one.what.hi + 1))
            await follower.move(entries[-1].position)

    storing = asyncio.create_task(store())
    for _ in range(100):
        await world.write(chance.randrange(40), kb=40)
        if chance.random() < 0.3:
            await world.look()
        goes.set() if chance.random() < 0.05 else goes.clear()
    await world.look(3)
    goes.set()
    while follower.depth:  # noqa: ASYNC110 - the test's own store
        await asyncio.sleep(0.01)
    storing.cancel()
    assert lost, "the cap took some"
    assert sorted([*stored, *lost]) == list(range(world.seq))


async def test_what_only_another_consumer_lacked_is_not_lost_to_the_store(world):
    await world.write(500, kb=40)
    world.cursors.update({"rules": 500, "store": 500, "uplink-bureau": 0})
    await world.look(3)
    assert world.tending.needed > 0
    assert world.given_up() == []


async def test_what_everybody_has_used_goes_in_silence(world, caplog):
    await world.write(500, kb=40)
    world.use_all()
    await world.look(3)
    assert world.tending.needed == 0
    assert (world.tending.why, caplog.text) == ("", "")


# What is said


async def test_the_share_is_of_what_somebody_has_still_to_use(world):
    await world.write(200, kb=40)
    await world.look()
    full = 100 * world.journal.size_bytes / (MEGABYTES * 2**20)
    assert world.figures()["journal-share"] == pytest.approx(full, abs=1)
    assert full > 45
    world.clock.ms += 60_000
    world.cursors = {"rules": 200, "store": 150}
    await world.look()
    assert world.figures()["journal-share"] == pytest.approx(full / 4, abs=1)
    world.clock.ms += 60_000
    world.use_all()
    await world.look()
    assert world.figures()["journal-share"] == 0


async def test_what_was_dropped_is_told_for_an_hour(world):
    await world.write(500, kb=40)
    await world.look(3)
    assert world.figures()["journal-dropped"] == world.tending.needed
    world.use_all()
    world.clock.ms += HOUR_MS
    await world.look()
    assert world.figures()["journal-dropped"] == 0
    assert world.tending.why == ""


async def test_a_damaged_journal_is_told_until_it_is_moved_away(world):
    aside = world.journal.path.with_name(world.journal.path.name + ".damaged-20261128-080000")
    aside.touch()
    await world.look()
    assert world.figures()["journal-set-aside"] == 1
    aside.unlink()
    world.clock.ms += 60_000
    await world.look()
    assert world.figures()["journal-set-aside"] == 0


def test_lately_begins_anew_when_the_clock_was_set_back():
    lately = Lately()
    lately.add(3, NOON)
    assert (lately.total(NOON), lately.total(NOON + HOUR_MS - 1)) == (3, 3)
    assert lately.total(NOON - 1) == 0


async def test_dead_letters_are_counted_by_class_and_dropped_after_their_days(world):
    from edge.journal.rows import DeadLetter

    letter = DeadLetter(topic="t", reason="because", raw=b"x", at_ms=NOON - 31 * DAY_MS)
    await world.journaling.write(Work(said=[(NOON, Tick())], letters=[letter]))
    await world.look()
    assert sum(world.tending.letters.values()) == 1
    assert world.journaling.letters_lost == 1
    assert set(world.figures()) <= set(METRICS)


def test_a_pause_by_a_clock_that_wrote_no_record_is_not_over_by_the_next_one(tmp_path) -> None:
    """Killed at once after a start in 1970: in 2026 the day of that pause is long over."""
    now_ms, in_1970_ms = 1_795_000_000_000, 600_000
    with Journal(tmp_path / "journal.db") as journal:
        tending._remember(journal, in_1970_ms + 86_400_000, in_1970_ms)
        journal.append([Row(at_ms=now_ms - 1_000, kind="tick", count=0)])
        journal.commit()
        assert last_seen(journal).saw(now_ms).why_paused()
        tending._remember(journal, 0, now_ms)
        assert not last_seen(journal).saw(now_ms + 1_000).why_paused()

import asyncio
from collections.abc import AsyncIterator

import pytest

from alerts.rules.inputs import GivenUp, RegistryRevised, Tick
from collector import gaps_keeping
from collector.follower import Follower
from collector.gaps_keeping import GapsFile, GapsKeeping
from collector.gaps_report import GRACE_MS
from collector.house import House
from collector.journaling import Journaling, Work
from collector.records import stream
from dashboards.ports import Gap, GapKind
from edge.clock import Clock
from edge.contract.reading import Batch, Reading
from edge.journal.journal import Journal
from tests.collector.village import DEVICE, REGISTRY, SITE

T0 = 1_795_564_800_000
SOON_S = 10.0
CLOCK = Clock(0.0, T0 / 1000, 1e-9)  # stands still


class World:
    def __init__(self, journal: Journal, path) -> None:
        self.journal, self.path, self.house = journal, path, House()
        self.house.use(REGISTRY)
        self.journaling = Journaling(journal, jitter=lambda: 0.0)
        self.tasks = [asyncio.create_task(self.journaling.run()), asyncio.create_task(self._tick())]

    async def _tick(self) -> None:
        while True:
            await self.journaling.write(Work(said=[(T0, Tick())]))
            await asyncio.sleep(0.05)

    def start(self) -> "asyncio.Task[None]":
        follower = Follower(self.journaling, "gaps")
        self.keeping = GapsKeeping(self.journaling, follower, self.path, CLOCK, self.house)
        task = asyncio.create_task(self.keeping.run())
        self.tasks.append(task)
        return task

    async def stop(self) -> None:
        for task in reversed(self.tasks):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def read(self, lo: int, hi: int, *, at_ms: int = T0, covered: bool = True) -> None:
        batch = Batch(site=SITE, device=DEVICE, run="r", first=lo, count=hi - lo + 1)
        for seq in range(lo, hi + 1):
            batch.add(
                Reading(place="p", port="", metric="do", value=8.0, at_ms=at_ms + seq, seq=seq)
            )
        covers = [(stream(SITE, DEVICE), "r", lo, hi)] if covered else []
        await self.journaling.write(Work(said=[(at_ms, batch)], covers=covers))

    def gaps(self) -> list[Gap]:
        found = GapsFile(self.path, CLOCK).of(SITE, DEVICE)
        return list(found.gaps) if found else []

    async def until(self, kinds: list[GapKind]) -> None:
        async with asyncio.timeout(SOON_S):
            while [gap.kind for gap in self.gaps()] != kinds:  # noqa: ASYNC110 - a file has no event
                await asyncio.sleep(0.02)


@pytest.fixture
async def world(tmp_path, monkeypatch) -> AsyncIterator[World]:
    monkeypatch.setattr(gaps_keeping, "SAVE_S", 0.0)
    monkeypatch.setattr(gaps_keeping, "SAVE_SHARE", 0)  # a slow disk is no reason to wait here
    with Journal(tmp_path / "journal.db") as journal:
        made = World(journal, tmp_path / "gaps.snapshot")
        await made.journaling.write(Work(said=[(T0, RegistryRevised(REGISTRY))]))
        yield made
        await made.stop()


async def test_what_the_desk_reads_is_what_the_journal_told(world):
    world.start()
    await world.read(0, 9)
    await world.read(15, 19)
    await world.until([GapKind.WAITING])
    gone = GivenUp(site=SITE, device=DEVICE, run="r", lo=10, hi=14, reason="space")
    await world.journaling.write(Work(said=[(T0, gone)]))
    await world.until([GapKind.DEVICE_SPACE])
    assert world.keeping.missing == {(SITE, DEVICE): {GapKind.DEVICE_SPACE: 5}}
    assert GapsFile(world.path, CLOCK).of(SITE, "another") is None


async def test_a_restart_goes_on_where_the_snapshot_was(world):
    task = world.start()
    await world.read(0, 9)
    await world.read(15, 19)
    await world.until([GapKind.WAITING])
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await world.read(25, 29)
    world.start()
    await world.until([GapKind.WAITING, GapKind.WAITING])
    account = GapsFile(world.path, CLOCK).of(SITE, DEVICE)
    assert account is not None
    assert account.days[0].got == 20
    assert world.journaling.cursor("gaps") >= 4


async def test_the_snapshot_is_saved_when_the_task_ends(world, monkeypatch):
    monkeypatch.setattr(gaps_keeping, "SAVE_S", 1000.0)
    task = world.start()
    await world.read(0, 9)
    await asyncio.sleep(0.1)
    await world.read(15, 19)
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [gap.kind for gap in world.gaps()] == [GapKind.WAITING]


@pytest.mark.parametrize("damage", [None, b"", b"nonsense\n[]"])
async def test_a_snapshot_that_is_lost_is_told_anew_from_the_journal(world, damage):
    task = world.start()
    await world.read(0, 9)
    await world.read(15, 19)
    await world.until([GapKind.WAITING])
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    world.path.unlink()
    if damage is not None:
        world.path.write_bytes(damage)
    world.start()
    await world.read(20, 21)
    await world.until([GapKind.WAITING])


async def test_what_was_refused_is_held_and_no_gap(world):
    world.start()
    await world.read(0, 9)
    await world.journaling.write(Work(covers=[(stream(SITE, DEVICE), "r", 10, 14)]))
    await world.read(15, 19)
    async with asyncio.timeout(SOON_S):
        while not (account := GapsFile(world.path, CLOCK).of(SITE, DEVICE)) or (  # noqa: ASYNC110
            account.days[0].got < 15 or account.gaps
        ):
            await asyncio.sleep(0.02)
    assert account.days[0].share == 1.0


async def test_the_share_that_is_lost_becomes_a_reading_of_the_house(world):
    await world.read(0, 97)
    await world.read(100, 109)
    await world.read(110, 110, at_ms=T0 + GRACE_MS)
    world.start()  # sooner, it might say "none yet", and the next word only once time has passed
    await world.until([GapKind.UNKNOWN])
    async with asyncio.timeout(SOON_S):
        while not _figures(world.journal):  # noqa: ASYNC110 - the journal has no event
            await asyncio.sleep(0.02)
    assert _figures(world.journal)[-1] == pytest.approx(100 * 2 / 111, abs=0.1)


async def test_a_record_that_cannot_be_understood_holds_nothing_up(world, caplog):
    world.start()
    strange = Batch(site=SITE, device=DEVICE, run="r", first=0, count=1)
    strange.add(Reading(place="p", port="", metric="do", value=8.0, at_ms=10**18, seq=0))
    await world.journaling.write(Work(said=[(T0, strange)]))  # no calendar has such a day
    await world.read(1, 9)
    await world.read(15, 19)
    await world.until([GapKind.WAITING])
    assert "passed over" in caplog.text


def _figures(journal: Journal) -> list[float]:
    from collector.records import entry

    whats = [entry(row).what for row in journal.read(0, 1000)]
    return [
        value
        for what in whats
        if isinstance(what, Batch) and what.metric == ["lost-share"]
        for value in what.value
        if value
    ]

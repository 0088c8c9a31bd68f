"""The newest points that the desk keeps: never older than the journal, never asked for twice."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from alerts.rules.inputs import Amendment
from collector import latest as latest_module
from collector import records
from collector.latest import KeptHistory, Latest, LatestKeeper
from collector.stores.embedded import EmbeddedStore
from collector.stores.port import Buckets, Point, Points, Series, StoreUnavailable
from edge.contract.quality import Quality
from edge.contract.reading import Batch, Reading
from edge.journal.journal import Journal

PH = Series("s", "d", "p", "", "ph")
DO = Series("s", "d", "p", "", "do")


def batch(*readings: tuple[Series, int, float], quality: Quality = Quality.GOOD) -> Batch:
    made = Batch(site="s", device="d", run="r", first=0, count=len(readings))
    for seq, (series, at_ms, value) in enumerate(readings):
        made.add(
            Reading(
                place=series.place, port=series.port, metric=series.metric, value=value,
                at_ms=at_ms, quality=quality, seq=seq,
            )
        )  # fmt: skip
    return made


def values(points: Sequence[Point]) -> dict[str, float | None]:
    return {point.series.metric: point.value for point in points}


def test_the_newest_of_each_series_stays_whoever_tells_it() -> None:
    latest = Latest()
    latest.take(batch((PH, 2, 7.2), (DO, 1, 8.0)))
    latest.add([Point(PH, 1, 7.1, 1), Point(DO, 3, 8.3, 1)])
    latest.take(batch((PH, 1, 7.0)))  # late
    assert values(latest.of("s")) == {"do": 8.3, "ph": 7.2}
    assert latest.of("elsewhere") == []


@pytest.mark.parametrize(
    ("since_ms", "until_ms", "quality", "says"),
    [
        (1, 5, 4, "the newest point lies in the span"),
        (1, 2, 1, "the span ended before it"),
        (4, 9, 1, "the span began after it"),
    ],
)
def test_a_later_verdict_worsens_the_newest_point_only_where_it_is_meant(
    since_ms, until_ms, quality, says
) -> None:
    latest = Latest()
    latest.take(batch((PH, 3, 7.0)))
    latest.amend(
        Amendment(
            site="s", device="d", place="p", port="", metric="ph",
            since_ms=since_ms, until_ms=until_ms, quality=4, marks=8,
        )
    )  # fmt: skip
    (point,) = latest.of("s")
    assert (point.quality, point.marks) == (quality, 8 if quality == 4 else 0), says


class Curves:
    """A store that counts the curves it is asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []
        self.fails = 0

    async def latest(self, site: str) -> list[Point]:
        return []

    async def points(self, *args: object, **kwargs: object) -> Points:
        return Points()

    async def buckets(self, series: Series, since_ms: int, until_ms: int, most: int) -> Buckets:
        self.asked.append((since_ms, until_ms))
        await asyncio.sleep(0)
        if self.fails:
            self.fails -= 1
            raise StoreUnavailable("away")
        return Buckets(step_ms=until_ms)


async def test_a_curve_is_asked_for_again_when_half_a_bucket_has_passed(tmp_path) -> None:
    store: Any = Curves()
    history = KeptHistory(store, tmp_path / "journal.db")
    day = 86_400_000
    asked = [await history.buckets(PH, n, day + n, 100) for n in (0, 15_000, 15_001, 15_000)]
    assert [curve.step_ms - day for curve in asked] == [0, 0, 15_001, 15_000]
    minute = [await history.buckets(PH, n, 60_000 + n, 60) for n in (0, 500, 501)]
    assert [curve.step_ms - 60_000 for curve in minute] == [0, 0, 501]
    before = len(store.asked)
    await asyncio.gather(*(history.buckets(DO, 0, day, 100) for _ in range(9)))
    assert len(store.asked) == before + 1
    history.close()


async def test_a_curve_that_could_not_be_had_is_asked_for_anew(tmp_path) -> None:
    store: Any = Curves()
    store.fails = 1
    history = KeptHistory(store, tmp_path / "journal.db")
    with pytest.raises(StoreUnavailable):
        await history.buckets(PH, 0, 1_000, 10)
    assert (await history.buckets(PH, 0, 1_000, 10)).step_ms == 1_000
    history.close()


async def test_curves_are_kept_within_a_bound(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(latest_module, "CURVES_KNOWN", 3)
    store: Any = Curves()
    history = KeptHistory(store, tmp_path / "journal.db")
    for n in range(1, 9):
        await history.buckets(PH, 0, n * 1_000, 10)
    assert len(history._curves) == 3
    history.close()


class World:
    """A journal that is written, and a store that counts how often it is asked."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "journal.db"
        self.journal = Journal(self.path)
        self.points: list[Point] = []
        self.asked = 0
        self.away = False
        self.keeper = LatestKeeper(self.path, self.ask)

    async def ask(self, site: str) -> Sequence[Point]:
        self.asked += 1
        if self.away:
            raise StoreUnavailable("away")
        return [point for point in self.points if point.series.site == site]

    def write(self, what: Batch) -> None:
        self.journal.append([records.row(1, what)])
        self.journal.commit()


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.keeper.close()
    made.journal.close()


async def test_the_store_is_asked_once_and_the_journal_from_then_on(world) -> None:
    world.points = [Point(PH, 1, 7.1, 1)]
    assert values(await world.keeper.of("s")) == {"ph": 7.1}
    world.write(batch((PH, 2, 7.2), (DO, 2, 8.0)))
    for _ in range(3):
        assert values(await world.keeper.of("s")) == {"do": 8.0, "ph": 7.2}
    assert world.asked == 1


async def test_what_the_writer_has_not_stored_yet_is_there_all_the_same(world) -> None:
    world.write(batch((PH, 1, 7.1)))
    world.journal.move("store", 1)
    world.journal.commit()
    world.write(batch((DO, 2, 8.0)))  # journalled, and not in the store
    world.points = [Point(PH, 1, 7.1, 1)]
    assert values(await world.keeper.of("s")) == {"do": 8.0, "ph": 7.1}


async def test_while_the_store_is_away_the_journal_is_told_and_the_rest_follows(world) -> None:
    world.away = True
    with pytest.raises(StoreUnavailable):
        await world.keeper.of("s")
    world.write(batch((PH, 2, 7.2)))
    assert values(await world.keeper.of("s")) == {"ph": 7.2}
    world.away, world.points = False, [Point(DO, 1, 8.0, 1), Point(PH, 1, 7.1, 1)]
    assert values(await world.keeper.of("s")) == {"do": 8.0, "ph": 7.2}


async def test_a_journal_begun_anew_is_followed_from_its_start(world) -> None:
    world.write(batch((PH, 5, 7.5)))
    assert values(await world.keeper.of("s")) == {"ph": 7.5}
    world.journal.close()
    for file in world.path.parent.glob("journal.db*"):
        file.unlink()
    world.journal = Journal(world.path)
    world.points = [Point(PH, 5, 7.5, 1)]
    world.write(batch((DO, 6, 8.0)))
    assert values(await world.keeper.of("s")) == {"do": 8.0, "ph": 7.5}
    assert world.asked == 2


async def test_a_desk_that_was_asked_nothing_for_long_asks_the_store_anew(
    world, monkeypatch
) -> None:
    monkeypatch.setattr(latest_module, "FAR_BEHIND", 10)
    await world.keeper.of("s")
    for n in range(30):
        world.write(batch((PH, n, float(n))))
    world.journal.move("store", 30)
    world.journal.commit()
    world.points = [Point(PH, 29, 29.0, 1), Point(DO, 3, 8.0, 1)]
    assert values(await world.keeper.of("s")) == {"do": 8.0, "ph": 29.0}
    assert world.asked == 2


async def test_it_says_what_a_real_store_says(tmp_path) -> None:
    store = EmbeddedStore(tmp_path / "readings.db")
    await store.set_up()
    with Journal(tmp_path / "journal.db") as journal:
        history = KeptHistory(store, tmp_path / "journal.db")
        for n in range(3):
            told = batch((PH, n, 7.0 + n), (DO, n, 8.0 + n))
            journal.append([records.row(1, told)])
            journal.commit()
            assert values(await history.latest("s")) == {"do": 8.0 + n, "ph": 7.0 + n}
            await store.write([told])
        assert await history.latest("s") == await store.latest("s")
        assert await history.series("s") == [DO, PH]
        history.close()
    await store.close()

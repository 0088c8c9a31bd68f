"""Which step and which roll-up a chart reads, and how rows become buckets; the same for each store.

A chart of 30 days reads some 720 hour buckets instead of all points. The newest buckets are not
rolled up yet, so whatever lies behind the last one is read from the points.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from collector.stores.port import Buckets, Level, Points, Series
from edge.contract.quality import WITHHELD, Quality

Row = tuple[int, float, float, float, int, int]
"""One bucket on its way: at_ms, min, mean, max, count (above 0), suspect."""

_SECOND, _MINUTE, _HOUR, _DAY = 1000, 60_000, 3_600_000, 86_400_000
# At their multiples people read a clock; from an hour on they are whole hours, before whole minutes.
STEPS = (
    *(_SECOND * n for n in (1, 2, 5, 10, 15, 20, 30)),
    *(_MINUTE * n for n in (1, 2, 3, 5, 10, 15, 20, 30)),
    *(_HOUR * n for n in (1, 2, 3, 4, 6, 8, 12)),
    *(_DAY * n for n in (1, 2, 7, 14, 28, 56, 112, 224, 448, 896, 1792)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Floors:
    """From when on the points and the minute buckets are whole; older ones may be deleted."""

    points_ms: int = 0
    minutes_ms: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """How long a bucket of the chart is, and the roll-up it is made of; None for the points."""

    step_ms: int
    level: Level | None


def plan(since_ms: int, until_ms: int, most: int, floors: Floors) -> Plan:
    """The shortest step that needs at most ``most`` buckets, and the coarsest rows that serve it."""
    step = next((s for s in STEPS if _cells(since_ms, until_ms, s) <= most), STEPS[-1])
    if step >= Level.HOUR:
        return Plan(step, Level.HOUR)
    if step >= Level.MINUTE and since_ms >= floors.minutes_ms:
        return Plan(step, Level.MINUTE)
    if since_ms >= floors.points_ms:
        return Plan(step, None)
    return Plan(int(Level.HOUR), Level.HOUR)


def gather(rows: Iterable[Row], step_ms: int) -> Buckets:
    """The rows, in order of time, put together into buckets of ``step_ms``."""
    out = Buckets(step_ms=step_ms)
    last = None
    for at_ms, low, mean, high, count, suspect in rows:
        start = at_ms - at_ms % step_ms
        if start != last:
            last = start
            out.at_ms.append(start)
            out.min.append(low)
            out.mean.append(mean)
            out.max.append(high)
            out.count.append(count)
            out.suspect.append(suspect)
            continue
        out.min[-1] = min(out.min[-1], low)
        out.max[-1] = max(out.max[-1], high)
        both = out.count[-1] + count
        out.mean[-1] += (mean - out.mean[-1]) * count / both
        out.count[-1] = both
        out.suspect[-1] += suspect
    return out


def single(points: Points) -> Buckets:
    """Points that are few enough, each a bucket of its own."""
    out = Buckets(step_ms=0)
    for at_ms, value, quality in zip(points.at_ms, points.value, points.quality, strict=True):
        if value is None or quality in WITHHELD:
            continue
        out.at_ms.append(at_ms)
        for column in (out.min, out.mean, out.max):
            column.append(value)
        out.count.append(1)
        out.suspect.append(int(quality == Quality.SUSPECT))
    return out


class Shelf(Protocol):
    """What a store offers so that ``chart`` can read it."""

    async def floors(self) -> Floors: ...

    async def points(self, series: Series, since_ms: int, until_ms: int, most: int) -> Points: ...

    async def rows(
        self, level: Level, series: Series, since_ms: int, until_ms: int
    ) -> list[Row]: ...

    async def rows_of_points(
        self, series: Series, since_ms: int, until_ms: int, step_ms: int
    ) -> list[Row]: ...


async def chart(shelf: Shelf, series: Series, since_ms: int, until_ms: int, most: int) -> Buckets:
    """What ``Store.buckets`` promises, read from a shelf."""
    if most < 1:
        raise ValueError(f"a chart has at least one bucket, got {most}")
    if until_ms <= since_ms:
        return Buckets(step_ms=0)
    floors = await shelf.floors()
    if since_ms >= floors.points_ms:
        points = await shelf.points(series, since_ms, until_ms, most + 1)
        if len(points) <= most:
            return single(points)
    chosen = plan(since_ms, until_ms, most, floors)
    step, level = chosen.step_ms, chosen.level
    since_ms -= since_ms % step
    until_ms += -until_ms % step
    if level is None:
        return gather(await shelf.rows_of_points(series, since_ms, until_ms, step), step)
    rows = await shelf.rows(level, series, since_ms, until_ms)
    tail_ms = rows[-1][0] + level if rows else since_ms
    if tail_ms < until_ms:
        rows += await shelf.rows_of_points(series, tail_ms, until_ms, level)
    return gather(rows, step)


def _cells(since_ms: int, until_ms: int, step: int) -> int:
    return (until_ms - 1) // step - since_ms // step + 1

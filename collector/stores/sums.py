"""What a span holds in all: values added up, and how many there are; the same for each store."""

from collections.abc import Sequence
from math import fsum

from collector.stores.chart import Shelf
from collector.stores.port import Got, Level, Series, Span, Sum
from collector.stores.retention import DAY_MS


async def sums(shelf: Shelf, series: Series, spans: Sequence[Span]) -> list[Sum]:
    """What ``Store.sums`` promises, read from a shelf."""
    floors = await shelf.floors()
    # The points of the hour that holds their floor may be half gone.
    whole_ms = -(-floors.points_ms // Level.HOUR) * Level.HOUR
    found = []
    for since_ms, until_ms in spans:
        rows = []
        begin_ms = max(since_ms, min(whole_ms, until_ms))
        if since_ms < begin_ms:
            level = Level.MINUTE if since_ms >= floors.minutes_ms else Level.HOUR
            rows += await shelf.rows(level, series, level.start(since_ms), begin_ms)
        if begin_ms < until_ms:
            rows += await shelf.rows_of_points(series, begin_ms, until_ms, DAY_MS)
        found.append(
            Sum(
                since_ms=since_ms,
                until_ms=until_ms,
                value=fsum(row[2] * row[4] for row in rows) if rows else None,
                count=sum(row[4] for row in rows),
                suspect=sum(row[5] for row in rows),
            )
        )
    return found


def got(series: Series, since_ms: int, until_ms: int, counted: int, held: int) -> Got:
    """``held`` points, of which ``counted`` count."""
    return Got(
        series=series,
        since_ms=since_ms,
        until_ms=until_ms,
        counted=counted,
        withheld=held - counted,
    )


def by_series(one: Got) -> tuple[Series, int]:
    """The order in which a store tells them."""
    return one.series, one.since_ms

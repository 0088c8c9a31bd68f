"""Batches for the stores' tests, built from plain rows."""

from collections.abc import Iterable

from alerts.rules.inputs import Amendment
from collector.stores.port import Series
from edge.contract.quality import Quality
from edge.contract.reading import Batch, Reading

SITE = "riverside"
DEVICE = "sonde-1"
PLACE = "laobakou"
PH = Series(SITE, DEVICE, PLACE, "", "ph")
NH3N = Series(SITE, DEVICE, PLACE, "", "nh3n")
NOON = 1_780_315_200_000  # 2026-06-01 12:00 UTC, a whole day, hour and minute
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000

Row = tuple[Series, int, float | None, Quality]


def batch(rows: Iterable[Row]) -> Batch:
    """One batch of rows of one device."""
    rows = list(rows)
    site, device = rows[0][0].site, rows[0][0].device
    made = Batch(site=site, device=device, run="r1", first=0, count=len(rows))
    for seq, (series, at_ms, value, quality) in enumerate(rows):
        assert (series.site, series.device) == (site, device)
        made.add(
            Reading(
                place=series.place,
                port=series.port,
                metric=series.metric,
                value=value,
                at_ms=at_ms,
                quality=quality,
                run="r1",
                seq=seq,
            )
        )
    return made


def amendment(
    series: Series, since_ms: int, until_ms: int, quality: Quality, marks: int
) -> Amendment:
    return Amendment(
        site=series.site,
        device=series.device,
        place=series.place,
        port=series.port,
        metric=series.metric,
        since_ms=since_ms,
        until_ms=until_ms,
        quality=int(quality),
        marks=marks,
    )


def good(series: Series, *values: tuple[int, float]) -> Batch:
    """One batch of good values of one series."""
    return batch((series, at_ms, value, Quality.GOOD) for at_ms, value in values)

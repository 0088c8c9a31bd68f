"""Completeness: of the readings that a day should have brought, how many came. Pure.

By points per series against the interval that the registry gives; what a device itself numbered and
lost is told elsewhere, by its sequence numbers.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from alerts.registry.model import Registry
from collector.stores.port import Got, Series, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """A series on one day. ``expected`` is None where the registry does not know the series."""

    series: Series
    since_ms: int
    until_ms: int
    counted: int
    withheld: int
    expected: int | None

    @property
    def share(self) -> float | None:
        """Of the expected readings, those that came and count, at most 1; None when none is known."""
        return min(1.0, self.counted / self.expected) if self.expected else None


def days(first: date, last: date, zone: str) -> list[Span]:
    """The days from ``first`` to ``last`` as spans of milliseconds; one of summer time is shorter."""
    midnights = [
        round(
            datetime.combine(first + timedelta(days=n), time(), ZoneInfo(zone)).timestamp() * 1000
        )
        for n in range((last - first).days + 2)
    ]
    return list(pairwise(midnights))


def intervals_of(registry: Registry, site: str) -> dict[Series, float]:
    """Seconds between two readings, by series, as the site's devices are bound."""
    return {
        Series(site, device.id, binding.place, binding.port, metric): binding.interval_s
        for device in registry.devices
        if device.site == site
        for binding in device.bindings
        for metric in binding.metrics
    }


def completeness(
    found: Iterable[Got], intervals: Mapping[Series, float], spans: Sequence[Span], now_ms: int
) -> list[Completeness]:
    """Each series on each day, silent ones too; of a day that is not over, what is due by now."""
    by_key = {(one.series, one.since_ms): one for one in found}
    rows = []
    for series in sorted(intervals.keys() | {series for series, _ in by_key}):
        interval_s = intervals.get(series)
        for since_ms, until_ms in spans:
            one = by_key.get((series, since_ms))
            over_ms = max(0, min(until_ms, now_ms) - since_ms)
            rows.append(
                Completeness(
                    series=series,
                    since_ms=since_ms,
                    until_ms=until_ms,
                    counted=one.counted if one else 0,
                    withheld=one.withheld if one else 0,
                    expected=int(over_ms / 1000 / interval_s) if interval_s else None,
                )
            )
    return rows

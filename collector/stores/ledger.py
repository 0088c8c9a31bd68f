"""Which buckets the journal's readings have touched, and when they are due. Pure: entries in, no I/O.

A bucket is due once it has closed, so that it is computed once and not with each reading; a late
reading's bucket is due at once. The time is that of the entries, so that a replay does the same.
"""

from dataclasses import dataclass, field

from alerts.rules.inputs import Amendment, Entry
from collector.stores.port import Level, Series, Touched
from edge.contract.reading import Batch

GRACE_MS = 30_000  # what is on its way when a bucket closes; later readings are late
FUTURE_MS = 3_600_000  # a bucket further ahead comes from a wrong clock and is not waited for


@dataclass(slots=True)
class _Open:
    position: int
    series: set[int] = field(default_factory=set)


class Ledger:
    """The touched buckets between ``settled`` and the last entry fed."""

    def __init__(self, position: int) -> None:
        self._fed = position
        self._now_ms = 0
        self._open: dict[tuple[Level, int], _Open] = {}
        self._numbers: dict[tuple[str, str, str, str, str], int] = {}
        self._series: list[Series] = []

    @property
    def settled(self) -> int:
        """The last position whose buckets, and those of all before it, have been taken as due."""
        return min((one.position - 1 for one in self._open.values()), default=self._fed)

    def feed(self, entry: Entry) -> None:
        """Take one entry of the journal, in order of position."""
        self._fed, self._now_ms = entry.position, entry.at_ms
        if isinstance(entry.what, Batch):
            self._touch(entry.what, entry.position)
        elif isinstance(entry.what, Amendment):
            self._touch_span(entry.what, entry.position)

    def due(self) -> list[Touched]:
        """The buckets to compute now, oldest first; they are the caller's from here on."""
        keys = [key for key in self._open if self._is_due(*key)]
        keys.sort(key=lambda key: (key[1], key[0]))
        return [
            Touched(level, at_ms, [self._series[n] for n in self._open.pop((level, at_ms)).series])
            for level, at_ms in keys
        ]

    def _touch(self, batch: Batch, position: int) -> None:
        known: dict[tuple[str, str, str], int] = {}
        last_ms, groups = None, []
        for place, port, metric, at_ms in zip(
            batch.place, batch.port, batch.metric, batch.at_ms, strict=True
        ):
            number = known.get((place, port, metric))
            if number is None:
                number = self._number(batch.site, batch.device, place, port, metric)
                known[place, port, metric] = number
            if at_ms != last_ms:  # the readings of a pack mostly share their time
                last_ms, groups = at_ms, [self._group(level, at_ms, position) for level in Level]
            for group in groups:
                group.add(number)

    def _touch_span(self, one: Amendment, position: int) -> None:
        number = self._number(one.site, one.device, one.place, one.port, one.metric)
        for level in Level:
            for at_ms in range(level.start(one.since_ms), one.until_ms + 1, level):
                self._group(level, at_ms, position).add(number)

    def _group(self, level: Level, at_ms: int, position: int) -> set[int]:
        key = level, level.start(at_ms)
        found = self._open.get(key)
        if found is None:
            found = self._open[key] = _Open(position)
        return found.series

    def _number(self, *key: str) -> int:
        site, device, place, port, metric = key
        number = self._numbers.get((site, device, place, port, metric))
        if number is None:
            number = self._numbers[site, device, place, port, metric] = len(self._series)
            self._series.append(Series(site, device, place, port, metric))
        return number

    def _is_due(self, level: Level, at_ms: int) -> bool:
        return at_ms + level + GRACE_MS <= self._now_ms or at_ms > self._now_ms + FUTURE_MS

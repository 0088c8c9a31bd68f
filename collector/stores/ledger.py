"""Which buckets the journal's readings have touched, and when they are due. Pure: entries in, no I/O.

A bucket is due once it has closed, so that it is computed once and not with each reading; a late
reading's bucket is due at once. The time is that of the entries, so that a replay does the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from alerts.rules.inputs import Amendment, Entry
from collector.stores.port import Level, Series, Touched
from edge.contract.reading import Batch, Form

GRACE_MS = 30_000  # what is on its way when a bucket closes; later readings are late
FUTURE_MS = 3_600_000  # a bucket further ahead comes from a wrong clock and is not waited for


@dataclass(slots=True)
class _Open:
    """Touched by packs of these forms, and by readings of these series beside them."""

    position: int
    forms: set[Form] = field(default_factory=set)
    series: set[Series] = field(default_factory=set)

    def all(self) -> list[Series]:
        found = set(self.series)
        for form in self.forms:
            found.update(_series(form.site, form.device, form))
        return list(found)


class Ledger:
    """The touched buckets between ``settled`` and the last entry fed; it remembers nothing else."""

    def __init__(self, position: int) -> None:
        self._fed = position
        self._now_ms = 0
        self._open: dict[tuple[Level, int], _Open] = {}
        self._minute = -1
        self._buckets: list[_Open] = []
        """Those of the minute that was touched last: most readings are of the one before them."""

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
        self._minute = -1
        return [
            Touched(level, at_ms, self._open.pop((level, at_ms)).all()) for level, at_ms in keys
        ]

    def _touch(self, batch: Batch, position: int) -> None:
        if batch.form is not None:
            for bucket in self._at(batch.at_ms[0], position):
                bucket.forms.add(batch.form)
            return
        for series, at_ms in zip(
            _series(batch.site, batch.device, batch), batch.at_ms, strict=True
        ):
            for bucket in self._at(at_ms, position):
                bucket.series.add(series)

    def _at(self, at_ms: int, position: int) -> list[_Open]:
        """The buckets that hold this time."""
        minute = at_ms // Level.MINUTE.value
        if minute != self._minute:
            self._minute = minute
            self._buckets = [
                self._open.setdefault((level, level.start(at_ms)), _Open(position))
                for level in Level
            ]
        return self._buckets

    def _touch_span(self, one: Amendment, position: int) -> None:
        series = Series(one.site, one.device, one.place, one.port, one.metric)
        for level in Level:
            for at_ms in range(level.start(one.since_ms), one.until_ms + 1, level):
                self._open.setdefault((level, at_ms), _Open(position)).series.add(series)

    def _is_due(self, level: Level, at_ms: int) -> bool:
        return at_ms + level + GRACE_MS <= self._now_ms or at_ms > self._now_ms + FUTURE_MS


def _series(site: str, device: str, columns: Batch | Form) -> Iterator[Series]:
    """Of each reading; one object for all of a batch that are the same."""
    known: dict[tuple[str, str, str], Series] = {}
    for key in zip(columns.place, columns.port, columns.metric, strict=True):
        series = known.get(key)
        if series is None:
            series = known[key] = Series(site, device, *key)
        yield series

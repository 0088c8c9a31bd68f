"""What this run of the agent has measured: numbered at once, written to the journal at a commit.

Everything waits in memory until ``commit`` writes it in one transaction: the rows, where each
sensor stands, how many were measured in all, and what was received and may go. A commit that fails
changes nothing, so it can be tried again.
"""

import json
from collections.abc import Iterable, Sequence
from math import isfinite

from edge.contract.metrics import METRICS
from edge.contract.quality import Quality
from edge.contract.ranges import Ranges
from edge.contract.reading import Reading, ReadingClass
from edge.contract.topics import Kind
from edge.errors import JournalError
from edge.journal import Dropped, Journal, Row
from edge.sensors.port import Sample

Span = tuple[str, int, int, str]
ALARM = ReadingClass.ALARM.value


class Notebook:
    """One writer for one run; ``measured`` and ``dropped`` count over all runs of this journal."""

    def __init__(self, journal: Journal, run: str) -> None:
        self.run = run
        self.seq = 0
        self.has_alarm = False
        self._rows: list[Row] = []
        self._marks: dict[str, str] = {}  # to be written
        self._stands: dict[str, str] = {}  # all of this run, for a journal that replaces this one
        self._received: list[tuple[str, int, int]] = []
        self._newest: dict[tuple[str, str, str], int] = {}
        self._is_changed = False
        self.journal = journal
        self.measured = int(journal.get("measured") or 0)
        self.dropped = int(journal.get("dropped") or 0)
        known = json.loads(str(journal.get("announce") or "[]"))
        self._to_announce: list[Span] = [(run, lo, hi, why) for run, lo, hi, why in known]

    def move_to(self, journal: Journal) -> None:
        """Go on in a new journal: the old one was damaged. Counts and marks go along."""
        self.journal = journal
        self._received.clear()
        self._marks = dict(self._stands)
        self._is_changed = True

    def mark(self, sensor: str) -> str:
        """Where a sensor stood at the last commit."""
        return str(self.journal.get(f"mark:{sensor}") or "")

    def take(self, samples: Iterable[Sample], sensor: str = "", mark: str = "") -> None:
        """Number the samples and keep them, with the sensor's mark, for the next commit."""
        for sample in samples:
            self._rows.append(self._row(sample))
            self.seq += 1
            self.measured += 1
        if sensor:
            self._marks[sensor] = self._stands[sensor] = mark
        self._is_changed = True

    def _row(self, sample: Sample) -> Row:
        metric = METRICS[sample.metric]
        series = (sample.place, sample.port, sample.metric)
        # Two points of a series at one millisecond would be one point in the store.
        at_ms = max(sample.at_ms, self._newest.get(series, -1) + 1)
        self._newest[series] = at_ms
        value, quality, reason = sample.value, int(sample.quality), sample.reason
        if value is not None and not isfinite(value):
            value, reason = None, f"the sensor said {value}"
        if value is None:
            quality = int(Quality.MISSING)
        if metric.cls is ReadingClass.ALARM:
            self.has_alarm = True
        return Row(
            at_ms=at_ms,
            kind=(Kind.READINGS if sample.place else Kind.HEALTH).value,
            cls=metric.cls.value,
            run=self.run,
            seq=self.seq,
            body=json.dumps(
                [*series, value, quality, reason], separators=(",", ":"), ensure_ascii=False
            ).encode(),
        )

    def received(self, run: str, lo: int, hi: int) -> None:
        """The server holds these: they leave the journal at the next commit."""
        self._received.append((run, lo, hi))
        self._is_changed = True

    @property
    def is_changed(self) -> bool:
        return self._is_changed

    @property
    def waiting(self) -> int:
        """Readings not committed yet."""
        return len(self._rows)

    @property
    def receipts(self) -> int:
        """Receipts not committed yet."""
        return len(self._received)

    @property
    def depth(self) -> int:
        """Readings that the server has not named, committed or not."""
        gone: dict[str, Ranges] = {}
        for run, lo, hi in self._received:
            gone.setdefault(run, Ranges()).add(lo, hi)
        named = sum(self.journal.count(run, *span) for run, spans in gone.items() for span in spans)
        return self.journal.depth + self.waiting - named

    def commit(self) -> None:
        """Write all of it in one transaction; JournalError leaves it to be tried again."""
        if not self._is_changed:
            return
        journal = self.journal
        try:
            if self._rows:
                journal.append(self._rows)
            for sensor, mark in self._marks.items():
                journal.put(f"mark:{sensor}", mark)
            for run, lo, hi in self._received:
                journal.forget(run, lo, hi)
            self._put_counts()
            journal.commit()
        except JournalError:
            journal.rollback()
            raise
        self._rows.clear()
        self._marks.clear()
        self._received.clear()
        self.has_alarm = self._is_changed = False

    def _put_counts(self) -> None:
        self.journal.put("measured", self.measured)
        self.journal.put("dropped", self.dropped)
        self.journal.put("announce", json.dumps(self._to_announce, separators=(",", ":")))

    def trim(self, max_bytes: int, before_ms: int) -> int:
        """Hold the journal's caps; how many readings that cost. They will be announced."""
        if not self.journal.is_over(max_bytes, before_ms):
            return 0
        before = self.dropped

        def note(dropped: list[Dropped]) -> None:
            self.dropped += sum(each.hi - each.lo + 1 for each in dropped)
            self._to_announce = _joined(
                [*self._to_announce, *((d.run, d.lo, d.hi, d.reason) for d in dropped)]
            )
            self._put_counts()

        self.commit()  # so that the counts put down do not run ahead of the rows
        self.journal.trim(max_bytes, before_ms, note=note)
        return self.dropped - before

    def to_announce(self, most: int) -> tuple[Span, ...]:
        """Ranges that a cap dropped and the server has not heard of."""
        return tuple(self._to_announce[:most])

    def announced(self, spans: Sequence[Span]) -> None:
        """The server has heard of these."""
        told = set(spans)
        self._to_announce = [span for span in self._to_announce if span not in told]
        self._is_changed = True


def reading_of(row: Row) -> Reading:
    """The reading that a row of a device's journal holds."""
    place, port, metric, value, quality, reason = json.loads(row.body)
    return Reading(
        place=place,
        port=port,
        metric=metric,
        value=value,
        at_ms=row.at_ms,
        quality=Quality(quality),
        reason=reason,
        run=row.run,
        seq=row.seq,
    )


def _joined(spans: Iterable[Span]) -> list[Span]:
    """The same ranges with neighbours of one run and reason made one."""
    by_run: dict[tuple[str, str], Ranges] = {}
    for run, lo, hi, reason in spans:
        by_run.setdefault((run, reason), Ranges()).add(lo, hi)
    return [(run, lo, hi, why) for (run, why), ranges in by_run.items() for lo, hi in ranges]

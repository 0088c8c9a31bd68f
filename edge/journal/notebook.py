"""What this run of the agent has measured: numbered at once, written to the journal at a commit.

Everything waits in memory until ``commit`` writes it in one transaction: the rows, where each
sensor stands, how many were measured in all, and what was received and may go. A commit that fails
changes nothing, so it can be tried again.
"""

from collections.abc import Iterable, Sequence

from edge.contract.ranges import Ranges
from edge.contract.reading import Reading, ReadingClass
from edge.errors import JournalError
from edge.journal import cuts
from edge.journal.bodies import reading_of, row_of, undatable
from edge.journal.journal import Dropped, Journal, Row
from edge.journal.losses import Losses, Span
from edge.sensors.port import Sample
from edge.timekeeping.stamps import Stamps

ALARM = ReadingClass.ALARM.value


class Notebook:
    """One writer for one run; ``measured`` and ``dropped`` count over all runs of this journal.

    ``is_sheltered``: the journal is in memory, and the one that knows the counts comes later.
    """

    def __init__(
        self, journal: Journal, run: str, boot: str = "", *, is_sheltered: bool = False
    ) -> None:
        self.run = run
        self._boot = boot
        self._undated = str(journal.get("undated") or "")  # as it stands in the journal
        self.stamps = Stamps(run, boot, str(journal.get("time") or ""), self._undated)
        if self.stamps.undatable:
            self.stamps.forget_all_but(journal.runs())
        self._shifts: dict[str, int] = {}  # runs whose rows in the journal are to be dated
        self._notes: dict[str, str | int] = {}
        self._noted: dict[str, str | int] = {}  # all of this run, as with the marks
        self.seq = 0
        self.has_alarm = False
        self._rows: list[Row] = []
        self._marks: dict[str, str] = {}  # to be written
        self._stands: dict[str, str] = {}  # all of this run, for a journal that replaces this one
        self._received: list[tuple[str, int, int]] = []
        self._owed: dict[str, Ranges] | None = None  # receipts for a disk that refuses
        self._owed_shifts: dict[str, int] = {}  # and runs of which rows there are to be dated
        self._is_changed = False
        self.journal = journal
        self.measured = 0
        self._losses = Losses()
        self._is_counting = False
        if is_sheltered:
            self._owed = {}
        else:
            self._count_on(journal)

    def _count_on(self, journal: Journal) -> None:
        """Take up the counts of the runs before."""
        if self._is_counting:
            return
        self._is_counting = True
        self.measured += int(journal.get("measured") or 0)
        self._losses.take_up(int(journal.get("dropped") or 0), str(journal.get("announce") or "[]"))

    def move_to(self, journal: Journal) -> None:
        """Go on in a new journal: the old one was damaged. Counts and marks go along."""
        self.journal = journal
        self._received.clear()
        self._shifts.clear()
        self._undated = ""
        self._marks = dict(self._stands)
        self._notes = dict(self._noted)
        self._is_changed = True

    def shelter(self, memory: Journal) -> None:
        """Go on in memory: the disk refuses. What is to be done there waits until it is back."""
        owed, shifts = list(self._received), dict(self._shifts)
        self.move_to(memory)
        self._owed, self._owed_shifts = {}, shifts
        for run, lo, hi in owed:
            self._owed.setdefault(run, Ranges()).add(lo, hi)

    def come_home(self, disk: Journal) -> int:
        """Move all that memory holds to the disk in one transaction; how many readings.

        JournalError when the disk still refuses, and then nothing is moved.
        """
        self.commit()
        before = self.measured, self._losses.copy(), self._is_counting
        memory, rows = self.journal, self.journal.pending(self.journal.depth)
        try:
            self._join(disk)
            disk.append(rows)
            for sensor, mark in self._stands.items():
                disk.put(f"mark:{sensor}", mark)
            for name, value in self._noted.items():
                disk.put(name, value)
            for run, ranges in (self._owed or {}).items():
                for lo, hi in ranges:
                    disk.forget(run, lo, hi)
            self.journal, self._undated = disk, ""
            self._put_counts()
            disk.commit()
        except JournalError:
            self.journal = memory
            self.measured, self._losses, self._is_counting = before
            raise
        self._owed, self._owed_shifts, self._undated = None, {}, self.stamps.runs()
        return len(rows)

    def _join(self, disk: Journal) -> None:
        """Date the rows that lie on the disk, and take up what only it knows."""
        for run, by_ms in self._owed_shifts.items():
            disk.shift(run, by_ms)
        if self._is_counting:
            return
        self._count_on(disk)
        if disk.get("begin_ms") is not None:
            self._noted.pop("begin_ms", None)  # the house began before this run
        clock_ms = Stamps(self.run, self._boot, str(disk.get("time") or "")).clock_ms
        if untold := cuts.untold(disk.get, clock_ms):  # memory knew of none of them
            self.note(cuts.CUTS, cuts.spell(untold))
        found = Stamps(self.run, self._boot, "", str(disk.get("undated") or ""))
        self.stamps.undatable.update(found.undatable)
        anchor = self.stamps.anchor
        for run, zero_ms in found.undated.items():
            if anchor is not None and anchor.is_known:
                disk.shift(run, anchor.zero_ms - zero_ms)
            else:
                self.stamps.undated[run] = zero_ms

    def mark(self, sensor: str) -> str:
        """Where a sensor stood at the last commit."""
        return str(self.journal.get(f"mark:{sensor}") or "")

    def take(
        self, samples: Iterable[Sample], sensor: str = "", mark: str = "", late_ms: int = 0
    ) -> None:
        """Number the samples and keep them, with the sensor's mark, for the next commit.

        ``late_ms`` is what the clock was set forward by since they were measured.
        """
        for sample in samples:
            self._rows.append(self._row(sample, late_ms))
            self.seq += 1
            self.measured += 1
        if sensor:
            self._marks[sensor] = self._stands[sensor] = mark
        self._is_changed = True

    def note(self, name: str, value: str | int) -> None:
        """Keep a named value with the next commit."""
        self._notes[name] = self._noted[name] = value
        self._is_changed = True

    def noted(self, name: str) -> str | int | bytes | None:
        """A named value, kept already or with the next commit."""
        return self._noted[name] if name in self._noted else self.journal.get(name)

    def date(self, zero_ms: int, now_ms: int) -> int:
        """This boot began at ``zero_ms`` in truth: its undated rows shift with the next commit.

        How many runs that were.
        """
        shifts = self.stamps.date(zero_ms, now_ms)
        self._shifts.update(shifts)
        if self._owed is not None:
            self._owed_shifts.update(shifts)
        by_ms = shifts.get(self.run, 0)
        self._rows = [row._replace(at_ms=row.at_ms + by_ms) for row in self._rows]
        self._is_changed = True
        return len(shifts)

    def reading(self, row: Row) -> Reading:
        """The reading that a row of the journal holds, with what is known of its time."""
        reading = reading_of(row._replace(at_ms=row.at_ms + self._shifts.get(row.run, 0)))
        return undatable(reading) if row.run in self.stamps.undatable else reading

    def _row(self, sample: Sample, late_ms: int) -> Row:
        # Two points of a series at one millisecond would be one point in the store.
        series = (sample.place, sample.port, sample.metric)
        at_ms = self.stamps.give(series, sample.at_ms + late_ms)
        row = row_of(sample, run=self.run, seq=self.seq, at_ms=at_ms)
        self.has_alarm |= row.cls == ALARM
        return row

    def received(self, run: str, lo: int, hi: int) -> None:
        """The server holds these: they leave the journal at the next commit."""
        self._received.append((run, lo, hi))
        if self._owed is not None:
            self._owed.setdefault(run, Ranges()).add(lo, hi)
        self._is_changed = True

    @property
    def dropped(self) -> int:
        """How many readings the caps have cost."""
        return self._losses.count

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
            for run, by_ms in self._shifts.items():  # rows in memory have been shifted already
                journal.shift(run, by_ms)
            if self._rows:
                journal.append(self._rows)
            for sensor, mark in self._marks.items():
                journal.put(f"mark:{sensor}", mark)
            for run, lo, hi in self._received:
                journal.forget(run, lo, hi)
            for name, value in self._notes.items():
                journal.put(name, value)
            self._put_counts()
            journal.commit()
        except JournalError:
            journal.rollback()
            raise
        self._undated = self.stamps.runs()
        self._rows.clear()
        self._marks.clear()
        self._received.clear()
        self._shifts.clear()
        self._notes.clear()
        self.has_alarm = self._is_changed = False

    def _put_counts(self) -> None:
        self.journal.put("measured", self.measured)
        self.journal.put("dropped", self.dropped)
        self.journal.put("time", self.stamps.text())
        if (undated := self.stamps.runs()) != self._undated:
            self.journal.put("undated", undated)
        self.journal.put("announce", self._losses.text())

    def trim(self, max_bytes: int, before_ms: int) -> int:
        """Hold the journal's caps; how many readings that cost. They will be announced."""
        if not self.journal.is_over(max_bytes, before_ms):
            return 0
        before = self.dropped

        def note(dropped: list[Dropped]) -> None:
            self._losses.add(dropped)
            self._put_counts()

        self.commit()  # so that the counts put down do not run ahead of the rows
        # Of a time that is a guess nobody knows how long ago it was.
        self.journal.trim(max_bytes, before_ms, note=note, ageless=self.stamps.undatable)
        return self.dropped - before

    def to_announce(self, most: int) -> tuple[Span, ...]:
        """Ranges that a cap dropped and the server has not heard of."""
        return tuple(self._losses.untold[:most])

    def announced(self, spans: Sequence[Span]) -> None:
        """The server has heard of these."""
        self._losses.told(spans)
        self._is_changed = True

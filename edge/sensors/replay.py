"""Replay: a recording in CSV is measured again, shifted so that its ``start`` is the house's begin.

Numbers go out as they stand, -9999 too: the server judges quality. An empty cell is no reading; a
cell that holds a word is a missing reading with the word as its reason.
"""

import csv
import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from math import isfinite
from pathlib import Path

from edge.contract.metrics import METRICS
from edge.contract.quality import Quality
from edge.errors import SensorError
from edge.sensors.port import Sample, Series, Step, Use
from edge.table import Table, at_seconds

NOTHING = frozenset({"", "nan", "na", "n/a", "null", "none", "-"})  # how loggers write "no value"
YEAR_S = 366 * 86_400
ROWS_A_STEP = 200  # a step is one transaction and one wait for the disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Which series a column of the recording becomes."""

    name: str
    place: str
    port: str
    metric: str
    factor: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What to replay. ``start`` and ``until`` are in the recording's own time.

    ``start`` falls on the house's begin (default: the first row); rows up to ``history_s`` before
    it are measured at once, with their shifted times; what lies before those is left out. With
    ``repeat_s`` the recording begins anew that many seconds after its start, again and again, and
    ``until`` counts on through the repeats.
    """

    file: Path
    columns: tuple[Column, ...]
    at: str = "at"
    start: str | float | None = None
    until: str | float | None = None
    history_s: float = 0.0
    repeat_s: float = 0.0

    def build(self, name: str, begin_ms: int) -> "Replay":
        return Replay(name, self, begin_ms)

    @property
    def gives(self) -> tuple[Series, ...]:
        return tuple(Series(each.place, each.port, each.metric) for each in self.columns)

    @property
    def pace_s(self) -> float:
        return 0.0  # as the rows come

    @property
    def uses(self) -> tuple[Use, ...]:
        return (Use("file", str(self.file)),)


@dataclass(slots=True)
class Replay:
    """The sensor. Its mark is the number of the next row of the file, from 0."""

    name: str
    recording: Recording
    begin_ms: int
    _rows: Iterator[tuple[int, float, list[str]]] | None = None
    _next: tuple[int, float, list[str]] | None = None
    _behind: int = 0  # rows before this one are gone from ``_rows``
    _start_s: float = 0.0
    _cells: list[tuple[int, Column]] = field(default_factory=list)

    def clock_set(self, by_ms: int) -> None:
        self.begin_ms += by_ms  # the next row is due when it was

    def step(self, mark: str, now_ms: int) -> Step:
        wanted = int(mark) if mark else 0
        if self._rows is None or self._behind > wanted:
            self._open()
        while self._next is not None and self._next[0] < wanted:
            self._behind = self._next[0] + 1
            self._advance()
        samples: list[Sample] = []
        taken = 0
        while self._next is not None and taken < ROWS_A_STEP:
            number, at_s, cells = self._next
            at_ms = self._house_ms(at_s)
            if self._is_past_until(at_s):
                return Step(samples=tuple(samples), mark=str(number))
            if at_ms > now_ms:
                return Step(samples=tuple(samples), mark=str(number), wake_ms=at_ms)
            if at_s >= self._start_s - self.recording.history_s:
                samples += self._samples(at_ms, cells)
                taken += 1
            wanted = self._behind = number + 1
            self._advance()
        if self._next is None:
            return Step(samples=tuple(samples), mark=str(wanted))
        return Step(samples=tuple(samples), mark=str(wanted), wake_ms=now_ms)

    def close(self) -> None:
        self._rows = None

    def _samples(self, at_ms: int, cells: list[str]) -> Iterator[Sample]:
        for index, column in self._cells:
            text = cells[index].strip() if index < len(cells) else ""
            if text.lower() in NOTHING:
                continue
            series = (column.place, column.port, column.metric)
            try:
                value = float(text) * column.factor
            except ValueError:
                value = float("inf")
            if isfinite(value):
                yield Sample(*series, value, at_ms)
            else:
                yield Sample(*series, None, at_ms, Quality.MISSING, f"the recording says {text!r}")

    def _house_ms(self, at_s: float) -> int:
        return self.begin_ms + round((at_s - self._start_s) * 1000)

    def _is_past_until(self, at_s: float) -> bool:
        until = self.recording.until
        return until is not None and at_s > _seconds(until)

    def _open(self) -> None:
        self._rows = self._read()
        self._next, self._behind = None, 0
        self._advance()
        if self.recording.start is not None:
            self._start_s = _seconds(self.recording.start)
        elif self._next is not None:
            self._start_s = self._next[1]

    def _advance(self) -> None:
        if self._rows is None:
            raise RuntimeError("not open")
        try:
            self._next = next(self._rows, None)
        except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
            self._rows = None
            raise SensorError(f"{self.recording.file}: {error}") from error

    def _read(self) -> Iterator[tuple[int, float, list[str]]]:
        """Rows with their number and time; in a repeat both count on from the one before."""
        numbered = 0
        for cycle in count():
            for at_s, cells in self._rows_of_file():
                if cycle == 0 or self._start_s <= at_s < self._start_s + self.recording.repeat_s:
                    yield numbered, at_s + cycle * self.recording.repeat_s, cells
                    numbered += 1
            if not self.recording.repeat_s or not numbered:
                return

    def _rows_of_file(self) -> Iterator[tuple[float, list[str]]]:
        file = self.recording.file
        with open_recording(file) as lines:
            table = csv.reader(lines)
            header = [name.strip() for name in next(table, [])]
            try:
                at = header.index(self.recording.at)
                self._cells = [(header.index(each.name), each) for each in self.recording.columns]
            except ValueError as error:
                raise SensorError(f"{file}: {error}; its columns are {header}") from error
            for number, cells in enumerate(table):
                if not cells:
                    continue
                if at >= len(cells):
                    raise SensorError(f"{file}: row {number} is cut off: {cells}")
                yield _seconds(cells[at].strip()), cells


def read(table: Table, folder: Path) -> Recording:
    """The keys of a ``[[sensor]]`` of kind replay; mistakes are complained of to the table."""
    place = table.id("place", "") if "place" in table else ""
    port = table.id("port", "") if "port" in table else ""
    columns_table = table.table("columns")
    columns = []
    for name in columns_table.keys():  # noqa: SIM118 (a Table is no mapping)
        if isinstance(columns_table.raw(name), str):
            metric = columns_table.one_of(name, METRICS)
            columns.append(Column(name=name, place=place, port=port, metric=metric))
            continue
        column = columns_table.table(name)
        columns.append(
            Column(
                name=name,
                place=column.id("place", place) if "place" in column else place,
                port=column.id("port", port) if "port" in column else port,
                metric=column.one_of("metric", METRICS),
                factor=column.number("factor", 1.0),
            )
        )
        column.done()
    if not columns:
        table.complain("columns", 'name at least one, e.g. water_temp_c = "water-temp"')
    for column_ in columns:
        if column_.port and not column_.place:
            table.complain("columns", f"{column_.name} has a port and no place; give the place")
    twice = {(c.place, c.port, c.metric) for c in columns}
    if len(twice) < len(columns):
        table.complain("columns", "two columns are the same (place, port, metric); change one")
    recording = Recording(
        file=folder / table.text("file"),
        columns=tuple(columns),
        at=table.text("at", "at"),
        start=table.moment("start"),
        until=table.moment("until"),
        history_s=table.number("history_s", 0.0, least=0, most=10 * YEAR_S),
        repeat_s=table.number("repeat_s", 0.0, least=0, most=10 * YEAR_S),
    )
    _check_header(table, recording)
    return recording


def _check_header(table: Table, recording: Recording) -> None:
    try:
        header = header_of(recording.file)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        table.complain("file", f"{recording.file} cannot be read: {error}")
        return
    for key, name in [("at", recording.at), *(("columns", c.name) for c in recording.columns)]:
        if name not in header:
            table.complain(key, f"the recording has no column {name!r}, only {', '.join(header)}")


def open_recording(file: Path) -> io.TextIOBase:
    """The file as text, unpacked when its name ends in .gz."""
    if file.suffix == ".gz":
        return io.TextIOWrapper(gzip.open(file), encoding="utf-8-sig", newline="")
    return file.open(encoding="utf-8-sig", newline="")


def header_of(file: Path) -> list[str]:
    """The names of the columns; OSError when it cannot be read."""
    with open_recording(file) as lines:
        return [name.strip() for name in next(csv.reader(lines), [])]


def _seconds(text: str | float) -> float:
    """Seconds of a time or an offset; SensorError when it is neither."""
    try:
        return float(text)
    except ValueError:
        at_s = at_seconds(str(text))
        if at_s is None:
            raise SensorError(f"{text!r} is neither a time nor seconds") from None
        return at_s

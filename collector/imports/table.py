"""A table's rows as readings: times, numbers, units, the gross range judged. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from collector.decoders.units import Convert, converter
from collector.errors import ConfigError
from collector.imports.mapping import UNIX, CsvMapping, zone_of
from edge.contract.gross import gross_quality
from edge.contract.reading import Batch

EARLIEST_MS = 631_152_000_000  # 1990-01-01: before that nobody logged by the minute
AHEAD_MS = 86_400_000  # a zone that is off by half a day is still told by its readings
RUN = "import"
_FIXED = "a logger mostly keeps winter time: give its offset, e.g. --zone=-07:00"
# What loggers and spreadsheets write where there is no reading.
NOTHING = frozenset(
    ["", "na", "n/a", "nan", "null", "none", "nil", "-", "--", "---", "—", "/", "无", "缺测"]
)


@dataclass(slots=True)
class Chunk:
    """Some rows as batches, and what of them could not be read: (line, reason, cells)."""

    rows: int = 0
    readings: int = 0
    batches: dict[tuple[str, str], Batch] = field(default_factory=dict)
    rejected: list[tuple[int, str, Sequence[str]]] = field(default_factory=list)
    lines: dict[int, tuple[int, Sequence[str]]] = field(default_factory=dict)
    """By milliseconds, so that a point which the store refuses is told by its line."""


@dataclass(frozen=True, slots=True)
class _Cell:
    index: int
    name: str
    key: tuple[str, str]
    place: str
    port: str
    metric: str
    convert: Convert | None


class Table:
    """Reads rows under this header; ConfigError when it has not the columns of the mapping."""

    def __init__(self, mapping: CsvMapping, header: Sequence[str], now_ms: int) -> None:
        names = [name.strip() for name in header]
        if not any(names):
            raise ConfigError(["line 1: is empty; it should name the columns"])
        wanted = (*mapping.times, *mapping.where, *mapping.column)
        problems = [
            f"line 1: there is no column {name!r}; the table has {', '.join(names)}"
            for name in wanted
            if name not in names
        ]
        problems += [
            f"line 1: column {name!r} stands twice" for name in wanted if names.count(name) > 1
        ]
        if problems:
            raise ConfigError(problems)
        self._many = len(names)
        self._times = [names.index(name) for name in mapping.times]
        self._where = [(names.index(name), text) for name, text in mapping.where.items()]
        self._nothing = NOTHING | {text.strip().lower() for text in mapping.missing}
        self._comma = mapping.decimal == ","
        self._time_of = _time_reader(mapping)
        self._until_ms = now_ms + AHEAD_MS
        self._cells = [
            _Cell(
                names.index(name),
                name,
                mapping.key(column),
                column.place,
                column.port,
                column.metric,
                converter(column.metric, column.unit),
            )
            for name, column in mapping.column.items()
        ]

    def read(self, cells: Sequence[str], line: int, into: Chunk) -> None:
        """Add one row's readings to the chunk, and the reason of what is none."""
        into.rows += 1
        if not any(cells):
            return
        reason = self._shape(cells)
        if reason:
            into.rejected.append((line, reason, cells))
            return
        if any(cells[i].strip() != text for i, text in self._where):
            return
        text = " ".join([cells[i].strip() for i in self._times])
        try:
            at_ms = self._time_of(text)
        except _Unclear:
            reason = f"{text!r} is there twice or never, since clocks were set then; {_FIXED}"
            into.rejected.append((line, reason, cells))
            return
        except (ValueError, OverflowError):
            into.rejected.append((line, f"{text!r} is no time in this format", cells))
            return
        if not EARLIEST_MS <= at_ms <= self._until_ms:
            into.rejected.append((line, f"{text!r} lies before 1990 or in the future", cells))
            return
        into.lines[at_ms] = line, cells
        bad = [
            bad for cell in self._cells if (bad := self._take(cell, cells[cell.index], at_ms, into))
        ]
        if bad:
            into.rejected.append((line, "; ".join(bad), cells))

    def _take(self, cell: _Cell, text: str, at_ms: int, into: Chunk) -> str:
        text = text.strip()
        if text.lower() in self._nothing:
            return ""
        try:
            value = self._number(text)
        except ValueError:
            remedy = "" if self._comma or "," not in text else "; for a decimal comma: --decimal ,"
            return f"{cell.name}: {text[:40]!r} is no number{remedy}"
        if cell.convert is not None:
            value = cell.convert(value)
        batch = into.batches.get(cell.key)
        if batch is None:
            site, device = cell.key
            batch = Batch(site=site, device=device, run=RUN, first=0, count=0)
            into.batches[cell.key] = batch
        batch.place.append(cell.place)
        batch.port.append(cell.port)
        batch.metric.append(cell.metric)
        batch.value.append(value)
        batch.at_ms.append(at_ms)
        batch.quality.append(int(gross_quality(cell.metric, value)))
        batch.seq.append(batch.count)
        batch.count += 1
        into.readings += 1
        return ""

    def _number(self, text: str) -> float:
        if self._comma:
            if "." in text:  # 1.234 with a decimal comma is 1234 to one and 1.234 to another
                raise ValueError
            text = text.replace(",", ".")
        value = float(text)
        if "_" in text or value - value != 0:  # infinite
            raise ValueError
        return value

    def _shape(self, cells: Sequence[str]) -> str:
        if len(cells) < self._many or any(cells[self._many :]):
            return f"has {len(cells)} cells, the header has {self._many}"
        return ""


class _Unclear(ValueError):
    """A time of the hour that clocks skip, or of the one that they go through twice."""


def _time_reader(mapping: CsvMapping) -> Callable[[str], int]:
    """What makes milliseconds of a text; ValueError for what is no time."""
    form, zone = mapping.time_format, zone_of(mapping.zone)
    if form in UNIX:
        unit_ms = UNIX[form]
        return lambda text: round(float(text) * unit_ms)

    def read(text: str) -> int:
        at = datetime.strptime(text, form) if form else datetime.fromisoformat(text)  # noqa: DTZ007  # zone follows
        if at.tzinfo is None:
            at = at.replace(tzinfo=zone)
            if at.utcoffset() != at.replace(fold=1).utcoffset():
                raise _Unclear
        return round(at.timestamp() * 1000)

    return read

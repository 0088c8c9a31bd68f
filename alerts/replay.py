"""Replay: what the rules would have said over recorded entries or a table of readings. Pure."""

import csv
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from alerts.registry.model import Registry
from alerts.rules.engine import Engine
from alerts.rules.inputs import Entry, PacksRevised, RegistryRevised, Sight, Tick, What
from alerts.rules.transition import Change, Transition
from edge.contract.gross import gross_quality
from edge.contract.metrics import METRICS
from edge.contract.reading import Batch

TICK_MS = 60_000
_AFTER_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What one column of a table holds; its numbers times ``scale`` are in the metric's unit."""

    place: str
    metric: str
    port: str = ""
    scale: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvMapping:
    """How a table is read: whose readings, which column is the time, and what the others hold.

    ``time_format`` is of strptime, or empty for ISO 8601; times without an offset are in ``zone``.
    Empty cells and words such as NA are no reading.
    """

    site: str
    device: str
    time: str
    columns: Mapping[str, Column]
    time_format: str = ""
    zone: str = "UTC"
    delimiter: str = ","


class CsvError(ValueError):
    """A table that does not fit its mapping: line, column, what, remedy."""


def replay(entries: Iterable[Entry], journal: str = "replay") -> list[Transition]:
    """The transitions of these entries, by a fresh engine."""
    engine = Engine(journal)
    return [transition for entry in entries for transition in engine.feed(entry)]


class Measured(NamedTuple):
    """One reading of a table or a store; ``quality`` is QARTOD's number."""

    at_ms: int
    site: str
    device: str
    place: str
    port: str
    metric: str
    value: float | None
    quality: int


def entries_from_csv(
    lines: Iterable[str],
    mapping: CsvMapping,
    registry: Registry,
    packs: Mapping[str, str],
    *,
    tick_ms: int = TICK_MS,
) -> Iterator[Entry]:
    """The table as a journal, and an hour behind it, so that the last values have been waited for.

    ``lines`` is an open file, its first line the header, its rows in any order. CsvError names what
    cannot be read. The rows of a season fit in memory.
    """
    rows = readings_from_csv(lines, mapping)
    if rows:
        known = {(device.site, device.id) for device in registry.devices}
        yield from entries_of(
            rows, registry, packs, since_ms=rows[0].at_ms, known=known, tick_ms=tick_ms
        )


def readings_from_csv(lines: Iterable[str], mapping: CsvMapping) -> list[Measured]:
    """The table's readings by time, judged by the span of their metric alone."""
    return sorted(
        (
            Measured(
                at_ms, mapping.site, mapping.device, column.place, column.port, column.metric,
                value, int(gross_quality(column.metric, value)),
            )
            for at_ms, column, value in _readings(lines, mapping)
        ),
        key=itemgetter(0),
    )  # fmt: skip


def entries_of(
    readings: Iterable[Measured],
    registry: Registry,
    packs: Mapping[str, str],
    *,
    since_ms: int,
    until_ms: int | None = None,
    known: Collection[tuple[str, str]] = frozenset(),
    tick_ms: int = TICK_MS,
) -> Iterator[Entry]:
    """Readings in order of time as a journal: each arrives when it was observed, with ticks between.

    The cell sees all the time. A device (site, id) that is not ``known`` is registered with its first
    reading: what is not there yet is not silent. Without ``until_ms`` the ticks go on for an hour in
    which the cell is blind, so that the end itself is no silence.
    """
    whats = _whats(readings, registry, packs, since_ms, until_ms, set(known), tick_ms)
    for position, (at_ms, what) in enumerate(whats, 1):
        yield Entry(position, at_ms, what)


def _whats(
    readings: Iterable[Measured],
    registry: Registry,
    packs: Mapping[str, str],
    since_ms: int,
    until_ms: int | None,
    known: set[tuple[str, str]],
    tick_ms: int,
) -> Iterator[tuple[int, What]]:
    foreign = {(device.site, device.id) for device in registry.devices if device.is_foreign}
    yield since_ms, RegistryRevised(_of_devices(registry, known))
    yield since_ms, PacksRevised(dict(packs))
    yield since_ms, Sight(True, since_ms)
    at_ms, next_tick_ms, seqs = since_ms, since_ms + tick_ms, Counter[tuple[str, str]]()
    for (at_ms, *device), together in groupby(readings, key=itemgetter(0, 1, 2)):
        for tick_at in range(next_tick_ms, at_ms, tick_ms):
            yield tick_at, Tick()
            next_tick_ms = tick_at + tick_ms
        key = (device[0], device[1])
        if key not in known:
            known.add(key)
            yield at_ms, RegistryRevised(_of_devices(registry, known))
        batch = Batch(
            site=key[0], device=key[1], run="replay", first=seqs[key], count=0,
            untrusted=key in foreign,
        )  # fmt: skip
        for one in together:
            batch.place.append(one.place)
            batch.port.append(one.port)
            batch.metric.append(one.metric)
            batch.value.append(one.value)
            batch.at_ms.append(at_ms)
            batch.quality.append(one.quality)
            batch.seq.append(batch.first + len(batch.seq))
        batch.count = len(batch)
        seqs[key] += batch.count
        yield at_ms, batch
    if until_ms is None:
        yield at_ms, Sight(False, at_ms)
        until_ms = next_tick_ms + -(-_AFTER_MS // tick_ms) * tick_ms
    for tick_at in range(next_tick_ms, until_ms, tick_ms):
        yield tick_at, Tick()


def _of_devices(registry: Registry, known: Collection[tuple[str, str]]) -> Registry:
    heard = tuple(d for d in registry.devices if (d.site, d.id) in known)
    return replace(registry, devices=heard)


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One time a rule rang on one subject, from its first breach to its end (None: still on)."""

    rule: str
    subject: str
    since_ms: int
    raised_ms: int
    cleared_ms: int | None
    severity: str
    value: float | None
    limit: float | None
    peak: float | None
    first: Transition = field(repr=False)
    """What raised it, from which its words are made."""


def episodes(transitions: Iterable[Transition]) -> list[Episode]:
    """The transitions folded: one line per ringing, in the order in which they rang."""
    found: list[Episode] = []
    open_: dict[tuple[str, str], tuple[Transition, Transition]] = {}
    for transition in transitions:
        key = (transition.rule, str(transition.subject))
        if transition.change is Change.CLEARED:
            if key in open_:
                found.append(_episode(*open_.pop(key), transition))
        elif key not in open_:
            open_[key] = (transition, transition)
        elif transition.severity > open_[key][1].severity:
            open_[key] = (open_[key][0], transition)
    found += [_episode(first, worst, None) for first, worst in open_.values()]
    return sorted(found, key=lambda episode: (episode.raised_ms, episode.rule, episode.subject))


HEADER = ("rule", "subject", "severity", "first breach", "rang", "over", "value", "limit", "peak")


def table(
    transitions: Iterable[Transition], write_time: Callable[[int], str] | None = None
) -> list[tuple[str, ...]]:
    """One row of texts per episode, as ``HEADER`` names them; times in UTC unless told otherwise."""
    at = write_time or _utc
    return [
        (
            episode.rule,
            episode.subject,
            episode.severity,
            at(episode.since_ms),
            at(episode.raised_ms),
            "" if episode.cleared_ms is None else at(episode.cleared_ms),
            *("" if f is None else f"{f:g}" for f in (episode.value, episode.limit, episode.peak)),
        )
        for episode in episodes(transitions)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What rang in both, and only in one; transitions are told apart by all but their position."""

    same: list[Transition] = field(default_factory=list)
    only_first: list[Transition] = field(default_factory=list)
    only_second: list[Transition] = field(default_factory=list)


def compare(first: Sequence[Transition], second: Sequence[Transition]) -> Comparison:
    """Two runs side by side, e.g. the live one and a replay with other rules."""
    left, right = {_mark(t) for t in first}, {_mark(t) for t in second}
    return Comparison(
        same=[t for t in first if _mark(t) in right],
        only_first=[t for t in first if _mark(t) not in right],
        only_second=[t for t in second if _mark(t) not in left],
    )


def _mark(transition: Transition) -> tuple[str, str, str, int, int]:
    return (
        transition.rule,
        str(transition.subject),
        transition.change.value,
        int(transition.severity),
        transition.at_ms,
    )


def _episode(first: Transition, worst: Transition, end: Transition | None) -> Episode:
    peak = end.peak if end is not None and end.peak is not None else worst.peak
    return Episode(
        rule=first.rule,
        subject=str(first.subject),
        since_ms=first.since_ms,
        raised_ms=first.at_ms,
        cleared_ms=end.at_ms if end else None,
        severity=worst.severity.name.lower(),
        value=worst.value,
        limit=worst.limit,
        peak=peak,
        first=first,
    )


def _readings(lines: Iterable[str], mapping: CsvMapping) -> Iterator[tuple[int, Column, float]]:
    reader = csv.DictReader(lines, delimiter=mapping.delimiter)
    header = list(reader.fieldnames or ())
    for name in (mapping.time, *mapping.columns):
        if name not in header:
            known = ", ".join(header)
            raise CsvError(f"line 1: there is no column {name!r}; the table has {known}")
    for name, column in mapping.columns.items():
        if column.metric not in METRICS:
            raise CsvError(f"column {name!r}: unknown metric {column.metric!r}; see docs/rules.md")
    zone = ZoneInfo(mapping.zone)
    for row in reader:
        at_ms = _time_ms(row[mapping.time], mapping, zone, reader.line_num)
        for name, column in mapping.columns.items():
            value = _number(row[name])
            if value is not None:
                yield at_ms, column, value * column.scale


def _time_ms(text: str | None, mapping: CsvMapping, zone: ZoneInfo, line: int) -> int:
    try:
        if mapping.time_format:
            at = datetime.strptime(text or "", mapping.time_format)  # noqa: DTZ007  # zone follows
        else:
            at = datetime.fromisoformat(text or "")
    except ValueError as error:
        shape = mapping.time_format or "ISO 8601"
        raise CsvError(f"line {line}: {mapping.time} {text!r} is no time in {shape}") from error
    if at.tzinfo is None:
        at = at.replace(tzinfo=zone)
    return round(at.timestamp() * 1000)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if abs(value) != float("inf") and value == value else None


def _utc(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")

"""Which readings a trial runs on: the journal where it reaches back, else the store; or tables."""

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from alerts.replay import CsvMapping, entries_of
from alerts.rules.inputs import Entry
from alerts.rules.plan import Plan
from alerts.trial.span import Span
from collector.commands import common
from collector.config import StoreKind
from collector.errors import ConfigError
from collector.opening import open_store
from collector.stores.port import Series
from collector.trial import asked
from collector.trial.call import Call, has_store
from collector.trial.model import Note, Origin, SourceKind
from collector.trial.sources import JournalEntries, StoreReadings, table_readings

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What is run: the span, where its entries are from, and the id that transitions bear."""

    span: Span
    origin: Origin
    entries: Iterable[Entry]
    journal: str = "replay"


def choose(call: Call, journal: JournalEntries | None, stack: ExitStack) -> Chosen:
    """``stack`` closes what is opened. ConfigError and OutsideError when there is nothing to run on."""
    if call.arguments.csv:
        return _tables(call)
    if journal is None:
        return _store(call, stack, ())
    short_ms = _why_not(journal, call)
    if short_ms is None:
        return _journal(call, journal)
    return _store(call, stack, (Note("note.journal-short", at_ms=short_ms),))


def _why_not(journal: JournalEntries, call: Call) -> int | None:
    """None where the journal serves; else from when on it has something."""
    arguments, first_ms = call.arguments, journal.first_ms
    if arguments.journal is not None or arguments.source == "journal" or call.since_ms is None:
        return None
    if first_ms is not None and first_ms <= call.since_ms - call.warm_ms:
        return None
    return (first_ms or 0) if has_store(call.config) else None


def _journal(call: Call, journal: JournalEntries) -> Chosen:
    first_ms, last_ms = journal.first_ms or 0, journal.last_ms or 0
    since_ms = first_ms if call.since_ms is None else call.since_ms
    until_ms = last_ms + 1 if call.until_ms is None else call.until_ms
    span = call.span(
        since_ms, max(until_ms, since_ms + 1 if call.until_ms is None else 0), first_ms
    )
    name = str(call.arguments.journal or call.config.journal_path)
    entries = journal.entries(call.registry, call.texts)
    origin = Origin(kind=SourceKind.JOURNAL, name=name)
    return Chosen(span=span, origin=origin, entries=entries, journal=journal.id)


def _store(call: Call, stack: ExitStack, notes: tuple[Note, ...]) -> Chosen:
    config, clock = call.config, common.clock(call.config)
    if call.since_ms is None:
        raise ConfigError(["--from: is needed to read the store; write e.g. --from 2025-06-01"])
    if not has_store(config):
        common.there(config.readings_path, "store")
    until_ms = clock.now_ms() if call.until_ms is None else call.until_ms
    span = call.span(call.since_ms, until_ms, call.since_ms - call.warm_ms)
    store = stack.enter_context(StoreReadings(open_store(config, clock=clock, read_only=True)))
    plans = call.plans()
    series = [
        one
        for one in store.series([site.id for site in call.registry.sites])
        if any(_listens(each, one) for each in plans)
    ]
    readings, early = store.readings(series, span.warm_ms, span.until_ms)
    entries = entries_of(
        readings, call.registry, call.texts, since_ms=span.warm_ms, until_ms=span.until_ms,
        known=early,
    )  # fmt: skip
    name = (
        str(config.readings_path) if config.store.kind is StoreKind.EMBEDDED else config.store.url
    )
    origin = Origin(kind=SourceKind.STORE, name=name, notes=notes)
    return Chosen(span=span, origin=origin, entries=entries)


def _tables(call: Call) -> Chosen:
    arguments = call.arguments
    # The other devices say nothing in this table; that is no silence of theirs.
    key = (arguments.site, arguments.device)
    ours = tuple(d for d in call.registry.devices if (d.site, d.id) == key)
    if not ours:
        raise ConfigError([f"--device {key[1]}: is no device of {key[0]}"])
    try:
        ZoneInfo(arguments.zone)
    except (ValueError, OSError) as error:
        raise ConfigError([f"--zone {arguments.zone}: is not known; e.g. Asia/Shanghai"]) from error
    mapping = CsvMapping(
        site=arguments.site,
        device=arguments.device,
        time=arguments.time,
        columns=asked.columns(arguments.column, []),
        time_format=arguments.time_format,
        zone=arguments.zone,
    )
    rows = table_readings(arguments.csv, mapping)
    if not rows:
        raise ConfigError([f"{', '.join(map(str, arguments.csv))}: holds no reading"])
    since_ms = rows[0].at_ms if call.since_ms is None else call.since_ms
    until_ms = rows[-1].at_ms + HOUR_MS if call.until_ms is None else call.until_ms
    span = call.span(since_ms, until_ms, min(since_ms, rows[0].at_ms))
    registry = replace(call.registry, devices=ours)
    entries = entries_of(
        rows, registry, call.texts, since_ms=rows[0].at_ms, until_ms=call.until_ms,
        known={key},
    )  # fmt: skip
    names = ", ".join(path.name for path in arguments.csv)
    origin = Origin(kind=SourceKind.CSV, name=names)
    return Chosen(span=span, origin=origin, entries=entries)


def _listens(made: Plan, one: Series) -> bool:
    key = (one.site, one.device)
    ears = made.of(*key)
    if ears is None:
        return False
    return bool(ears.judges or made.hear(ears, one.place, one.port, one.metric))

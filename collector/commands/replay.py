"""`shouwang replay`: what rules would have said, beside what did ring: a table, JSON, a page."""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

from alerts.figures import zone as zone_of
from alerts.incidents.model import Incident
from alerts.packs import shipped
from alerts.registry.model import Registry
from alerts.registry.problem import RegistryError
from alerts.registry.toml import read as read_community
from alerts.replay import CsvMapping, Measured, compare, entries_of, episodes
from alerts.rules.house import HouseTime
from alerts.rules.inputs import Entry
from alerts.rules.packs import Packs
from alerts.rules.plan import Plan
from alerts.rules.planning import plan
from alerts.rules.transition import Transition
from alerts.store.operations import Operations
from alerts.trial.matching import Did, dids
from alerts.trial.span import Span, warm_up_ms
from alerts.trial.variant import Variant, heard_by, misfits
from alerts.words import Language
from collector.commands import common
from collector.config import Config, StoreKind
from collector.errors import ConfigError
from collector.opening import open_store
from collector.stores.port import Series
from collector.trial import asked
from collector.trial.document import document
from collector.trial.page import page
from collector.trial.report import Heard, Note, Origin, Report, SourceKind, report
from collector.trial.run import Charts, Side, run
from collector.trial.sources import JournalEntries, StoreReadings, table_readings
from collector.trial.text import text
from collector.trial.words import Words
from edge.clock import Clock

AT_ONCE = 1000  # rows of the operations database
HOUR_MS = 3_600_000
LATE_MS = 24 * HOUR_MS  # later than asked by so much, and a window may not have been filled


def main(argv: Sequence[str]) -> int:
    arguments = _parser().parse_args(argv[1:])
    return common.guarded(lambda: _run(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = common.parser(
        "replay", "Try rules on what was measured, before they are switched on (docs/replay.md)."
    )
    add = parser.add_argument
    add("--from", dest="since", metavar="TIME", help="a date or RFC 3339, in the site's zone")
    add("--to", dest="until", metavar="TIME", help="not included")
    add("--warm-up", metavar="DURATION", help="read before --from (default: what the rules need)")
    what = parser.add_argument_group("which rules")
    add = what.add_argument
    add("--rules", type=Path, nargs="+", metavar="PACK", help="packs or folders of them to try")
    add("--only", action="append", default=[], metavar="RULE", help="this rule; may be repeated")
    add("--set", action="append", default=[], metavar="RULE.KEY=NUMBER", help="for the trial alone")
    add("--against", type=Path, nargs="+", metavar="PACK", help="packs beside it, or: shipped")
    source = parser.add_argument_group("on which readings")
    add = source.add_argument
    add("--source", choices=["auto", "journal", "store"], default="auto")
    add("--journal", type=Path, help="a journal (default: this cell's)")
    add("--community", type=Path, metavar="FOLDER", help="whose places these are")
    table = parser.add_argument_group("on tables of readings instead")
    add = table.add_argument
    add("--csv", type=Path, nargs="+", metavar="FILE", help="alike in columns; .gz may be")
    add("--site")
    add("--device")
    add("--time", default="at", metavar="COLUMN")
    add("--time-format", default="", metavar="STRPTIME", help="empty: ISO 8601")
    add("--zone", default="UTC", help="of times in the table")
    add(
        "--column",
        action="append",
        default=[],
        metavar="NAME=PLACE[/PORT]/METRIC[*SCALE]",
        help="what a column holds, e.g. cond=laobakou/conductivity; may be repeated",
    )
    out = parser.add_argument_group("what comes of it")
    add = out.add_argument
    add("--json", type=Path, metavar="FILE")
    add("--html", type=Path, metavar="FILE", help="one page with charts, for a browser")
    add("--lang", choices=[language.value for language in Language], default="zh")
    return parser


@dataclass(slots=True, kw_only=True)
class _Trial:
    """The call, read and checked; ``since_ms`` and ``until_ms`` as far as they were given."""

    config: Config
    arguments: argparse.Namespace
    would: Variant
    against: Variant | None
    wanted: frozenset[str]
    packs: Packs
    registry: Registry
    since_ms: int | None
    until_ms: int | None
    warm_ms: int

    @property
    def variants(self) -> list[Variant]:
        return [self.would, *([self.against] if self.against else [])]

    @property
    def texts(self) -> dict[str, str]:
        return dict(self.packs.texts)

    def plans(self) -> list[Plan]:
        """What each variant listens to."""
        found = []
        for variant in self.variants:
            packs = asked.read(variant.packs(self.texts), [])
            found.append(plan(packs, variant.registry(self.registry), HouseTime()))
        return found

    def span(self, since_ms: int, until_ms: int, warm_ms: int) -> Span:
        zone = _zone(self.registry, self.arguments.site)
        if since_ms >= until_ms:
            ends = ", ".join(
                f"{Span(since_ms=0, until_ms=1, warm_ms=0, zone=zone).local(ms):%Y-%m-%d %H:%M}"
                for ms in (since_ms, until_ms)
            )
            raise ConfigError([f"--from, --to: there is nothing between {ends}; name other times"])
        return Span(since_ms=since_ms, until_ms=until_ms, warm_ms=warm_ms, zone=zone)


def _run(arguments: argparse.Namespace) -> int:
    words = Words(Language(arguments.lang))
    with ExitStack() as stack:
        made, exact = _made(arguments, stack)
    if arguments.json is not None:
        _write(arguments.json, document(made, words))
    if arguments.html is not None:
        _write(arguments.html, page(made, words).encode())
    print(common.printable(text(made, words)))
    if exact is not None:
        print(f"\n{_exact(exact, made.transitions, words)}")
    return 0


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ConfigError(
            [f"{path}: cannot be written ({error.strerror}); name another"]
        ) from error


def _made(
    arguments: argparse.Namespace, stack: ExitStack
) -> tuple[Report, list[Transition] | None]:
    """The report; and what the engine said then, where the whole journal was replayed."""
    journal = _journal(arguments)
    if journal is not None:
        stack.callback(journal.close)
    trial = _asked(arguments, journal)
    exact: list[Transition] | None = None
    if arguments.csv:
        span, origin, entries = _of_tables(trial)
        name = "replay"
    else:
        if journal is not None and (short := _why_not(journal, trial)) is None:
            span, origin, entries = _of_journal(trial, journal)
            name = journal.id
            if trial.since_ms is None and trial.until_ms is None:
                exact = _said(trial.config, journal.id)
        else:
            begins = () if journal is None else (Note("note.journal-short", at_ms=short),)
            span, origin, entries = _of_store(trial, stack, begins)
            name = "replay"
    real = None if arguments.csv else _dids(trial.config, span)
    sides = [Side(variant, name) for variant in trial.variants]
    charts = Charts(span, _charted(trial))
    fed = run(entries, span, sides, charts, until_ms=trial.until_ms)
    notes = list(origin.notes)
    if journal is not None and journal.unreadable:
        notes.append(Note("note.mended", n=journal.unreadable))
    if fed.first_ms is not None and fed.first_ms > span.warm_ms + LATE_MS:
        notes.append(Note("note.late", at_ms=fed.first_ms))
    notes += [Note("note.problem", text=one) for side in sides for one in side.problems]
    heard = [
        Heard(transitions=side.transitions, packs=side.packs, registry=side.registry)
        for side in sides
    ]
    made = report(
        span,
        replace(origin, readings=fed.readings, notes=tuple(dict.fromkeys(notes))),
        heard[0],
        heard[1] if trial.against else None,
        real,
        charts.series,
        wanted=trial.wanted,
        settings=trial.would.settings,
        against_name=", ".join(map(str, arguments.against or ())),
    )
    return made, exact


def _asked(arguments: argparse.Namespace, journal: JournalEntries | None) -> _Trial:
    """ConfigError names every mistake of the call that can be seen before anything is read."""
    problems: list[str] = []
    config = common.settings(arguments.config)
    texts = asked.pack_texts("--rules", arguments.rules or (), problems)
    other = asked.pack_texts("--against", arguments.against or (), problems)
    packs = asked.read(texts or shipped(), problems)
    if other:
        asked.read(other, problems)
    wanted = asked.rules_named(arguments.only, packs, problems)
    changes = asked.settings(arguments.set, packs, problems)
    warm_ms = asked.duration_ms("--warm-up", arguments.warm_up, problems)
    for option in ("json", "html"):
        asked.file_to_write(f"--{option}", getattr(arguments, option), problems)
    if arguments.csv:
        problems += [
            f"--{name}: is needed with --csv"
            for name in ("community", "site", "device", "column")
            if not getattr(arguments, name)
        ]
        asked.columns(arguments.column, problems)
    registry = _registry(arguments, config, journal, problems)
    zone = _zone(registry, arguments.site)
    since_ms = asked.moment("--from", arguments.since, zone, problems)
    until_ms = asked.moment("--to", arguments.until, zone, problems)
    problems += misfits(packs, registry, changes)
    if problems:
        raise ConfigError(problems)
    heard = heard_by(packs, wanted)
    rules = [rule for rule in packs.rules.values() if not wanted or rule.id in heard]
    return _Trial(
        config=config,
        arguments=arguments,
        would=Variant(texts=texts or None, wanted=heard, settings=changes),
        against=Variant(texts=other, wanted=heard) if other else None,
        wanted=wanted,
        packs=packs,
        registry=registry,
        since_ms=since_ms,
        until_ms=until_ms,
        warm_ms=warm_up_ms(rules) if warm_ms is None else warm_ms,
    )


def _journal(arguments: argparse.Namespace) -> JournalEntries | None:
    """The journal that is asked for, or that is there."""
    if arguments.csv or arguments.source == "store":
        return None
    config = common.settings(arguments.config)
    path: Path = arguments.journal or config.journal_path
    if arguments.journal is not None and not path.is_file():
        raise ConfigError([f"{path}: there is no journal; name another with --journal"])
    if arguments.source == "journal" and arguments.journal is None:
        common.there(path, "journal")
    return JournalEntries(path) if path.is_file() else None


def _registry(
    arguments: argparse.Namespace,
    config: Config,
    journal: JournalEntries | None,
    problems: list[str],
) -> Registry:
    """Of the folder that is named, else of the operations database, else of the journal itself."""
    try:
        if arguments.community is not None:
            return read_community(arguments.community)
        if arguments.csv:
            return Registry()
        if arguments.journal is not None and not _has_operations(config):
            return (journal.registry() if journal else None) or Registry()
        with common.known_operations(config) as operations:
            return operations.registry()
    except RegistryError as error:
        problems += [str(problem) for problem in error.problems]
    except ConfigError as error:
        if journal is None and not arguments.journal and not _has_store(config):
            problems.append(
                f"there is no journal in {config.state}, and no store; "
                "name the settings with --config, or tables with --csv"
            )
        problems += error.problems
    return Registry()


def _why_not(journal: JournalEntries, trial: _Trial) -> int | None:
    """None where the journal serves; else from when on it has something."""
    arguments, first_ms = trial.arguments, journal.first_ms
    if arguments.journal is not None or arguments.source == "journal" or trial.since_ms is None:
        return None
    if first_ms is not None and first_ms <= trial.since_ms - trial.warm_ms:
        return None
    return (first_ms or 0) if _has_store(trial.config) else None


def _of_journal(trial: _Trial, journal: JournalEntries) -> tuple[Span, Origin, Iterator[Entry]]:
    first_ms, last_ms = journal.first_ms or 0, journal.last_ms or 0
    since_ms = first_ms if trial.since_ms is None else trial.since_ms
    until_ms = last_ms + 1 if trial.until_ms is None else trial.until_ms
    span = trial.span(
        since_ms, max(until_ms, since_ms + 1 if trial.until_ms is None else 0), first_ms
    )
    name = str(trial.arguments.journal or trial.config.journal_path)
    entries = journal.entries(trial.registry, trial.texts)
    return span, Origin(kind=SourceKind.JOURNAL, name=name), entries


def _of_store(
    trial: _Trial, stack: ExitStack, notes: tuple[Note, ...]
) -> tuple[Span, Origin, Iterator[Entry]]:
    config, clock = trial.config, Clock.from_environment()
    if trial.since_ms is None:
        raise ConfigError(["--from: is needed to read the store; write e.g. --from 2025-06-01"])
    if not _has_store(config):
        common.there(config.readings_path, "store")
    until_ms = clock.now_ms() if trial.until_ms is None else trial.until_ms
    span = trial.span(trial.since_ms, until_ms, trial.since_ms - trial.warm_ms)
    store = stack.enter_context(StoreReadings(open_store(config, clock=clock, read_only=True)))
    plans = trial.plans()
    series = [
        one
        for one in store.series([site.id for site in trial.registry.sites])
        if any(_listens(each, one) for each in plans)
    ]
    readings, early = store.readings(series, span.warm_ms, span.until_ms)
    entries = entries_of(
        readings, trial.registry, trial.texts, since_ms=span.warm_ms, until_ms=span.until_ms,
        known=early,
    )  # fmt: skip
    name = (
        str(config.readings_path) if config.store.kind is StoreKind.EMBEDDED else config.store.url
    )
    return span, Origin(kind=SourceKind.STORE, name=name, notes=notes), entries


def _of_tables(trial: _Trial) -> tuple[Span, Origin, Iterable[Entry]]:
    arguments = trial.arguments
    # The other devices say nothing in this table; that is no silence of theirs.
    key = (arguments.site, arguments.device)
    ours = tuple(d for d in trial.registry.devices if (d.site, d.id) == key)
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
    rows: list[Measured] = table_readings(arguments.csv, mapping)
    if not rows:
        raise ConfigError([f"{', '.join(map(str, arguments.csv))}: holds no reading"])
    since_ms = rows[0].at_ms if trial.since_ms is None else trial.since_ms
    until_ms = rows[-1].at_ms + HOUR_MS if trial.until_ms is None else trial.until_ms
    span = trial.span(since_ms, until_ms, min(since_ms, rows[0].at_ms))
    registry = replace(trial.registry, devices=ours)
    entries = entries_of(
        rows, registry, trial.texts, since_ms=rows[0].at_ms, until_ms=trial.until_ms,
        known={key},
    )  # fmt: skip
    names = ", ".join(path.name for path in arguments.csv)
    return span, Origin(kind=SourceKind.CSV, name=names), entries


def _charted(trial: _Trial) -> frozenset[str] | None:
    """The metrics whose series are kept for charts; all where a rule judges devices."""
    rules = [rule for name, rule in trial.packs.rules.items() if name in trial.wanted]
    if not rules or any(rule.JUDGES_DEVICES for rule in rules):
        return None
    return frozenset(metric for rule in rules for metric in rule.metrics)


def _listens(made: Plan, one: Series) -> bool:
    ears = made.of(one.site, one.device)
    if ears is None:
        return False
    return bool(ears.judges) or bool(made.hear(ears, one.place, one.port, one.metric))


def _zone(registry: Registry, site: str | None) -> ZoneInfo:
    """The zone of this site, else of the first one."""
    named = [one for one in registry.sites if one.id == site] or list(registry.sites)
    found = zone_of(named[0].time_zone if named else "UTC")
    return found if isinstance(found, ZoneInfo) else ZoneInfo("UTC")


def _has_store(config: Config) -> bool:
    return config.store.kind is not StoreKind.EMBEDDED or config.readings_path.is_file()


def _has_operations(config: Config) -> bool:
    file = common.database_file(config)
    return file is None or file.is_file()


def _dids(config: Config, span: Span) -> list[Did] | None:
    """What rang in the span; None for a journal from elsewhere, with no database beside it."""
    if not _has_operations(config):
        return None
    with common.known_operations(config) as operations:
        found = dids(episodes(_transitions(operations)), _incidents(operations))
    return [one for one in found if span.meets(one.raised_ms, one.cleared_ms)]


def _incidents(operations: Operations) -> Iterator[Incident]:
    before: int | None = None
    while found := operations.incidents(before=before, limit=AT_ONCE):
        yield from found
        before = found[-1].id


def _transitions(operations: Operations) -> Iterator[Transition]:
    after = 0
    while found := operations.transitions(after=after):
        yield from found
        after += len(found)


def _said(config: Config, journal: str) -> list[Transition] | None:
    """What the rules said then of this journal."""
    if not _has_operations(config):
        return None
    with common.known_operations(config) as operations:
        return [one for one in _transitions(operations) if one.journal == journal]


def _exact(then: Sequence[Transition], now: Sequence[Transition], words: Words) -> str:
    # The journal is cut off behind what all have read; what rang before cannot be compared.
    told = compare(then, now)
    return words(
        "exact", n=len(now), same=len(told.same), then=len(told.only_first),
        now=len(told.only_second),
    )  # fmt: skip

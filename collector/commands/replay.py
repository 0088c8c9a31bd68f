"""`shouwang replay`: what rules would have said, beside what did ring: a table, JSON, a page."""

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from alerts.replay import compare
from alerts.rules.transition import Transition
from alerts.words import Language
from collector.commands import common
from collector.errors import ConfigError
from collector.trial import reality
from collector.trial.call import journal_of, read_call
from collector.trial.choosing import choose
from collector.trial.document import document
from collector.trial.model import Heard, Note, Report
from collector.trial.page import page
from collector.trial.report import report
from collector.trial.run import Charts, Side, run
from collector.trial.text import text
from collector.trial.words import Words

LATE_MS = 86_400_000  # later than asked by so much, and a window may not have been filled


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
    journal = journal_of(arguments)
    if journal is not None:
        stack.callback(journal.close)
    call = read_call(arguments, journal)
    chosen = choose(call, journal, stack)
    span = chosen.span
    is_table = bool(arguments.csv)
    real = None if is_table else reality.rang(call.config, span)
    is_whole = journal is not None and chosen.journal == journal.id and call.is_whole
    then = reality.said(call.config, chosen.journal) if is_whole else None
    sides = [Side(variant, chosen.journal) for variant in call.variants]
    charts = Charts(span, call.metrics())
    fed = run(chosen.entries, span, sides, charts, until_ms=call.until_ms)
    notes = list(chosen.origin.notes)
    if journal is not None and journal.unreadable:
        notes.append(Note("note.unreadable", n=journal.unreadable))
    if fed.first_ms is not None and fed.first_ms > min(span.warm_ms, span.since_ms) + LATE_MS:
        notes.append(Note("note.late", at_ms=fed.first_ms))
    if charts.left_out:
        notes.append(Note("note.charts", n=charts.left_out))
    notes += [Note("note.problem", text=one) for side in sides for one in side.problems]
    origin = replace(chosen.origin, readings=fed.readings, notes=tuple(dict.fromkeys(notes)))
    heard = [
        Heard(transitions=side.transitions, packs=side.packs, registry=side.registry)
        for side in sides
    ]
    made = report(
        span,
        origin,
        heard[0],
        heard[1] if call.against else None,
        real,
        charts.series,
        wanted=call.wanted,
        settings=call.would.settings,
        against_name=", ".join(map(str, arguments.against or ())),
    )
    return made, then


def _exact(then: Sequence[Transition], now: Sequence[Transition], words: Words) -> str:
    # The journal is cut off behind what all have read; what rang before cannot be compared.
    told = compare(then, now)
    return words(
        "exact", n=len(now), same=len(told.same), then=len(told.only_first),
        now=len(told.only_second),
    )  # fmt: skip

"""`shouwang replay`: what the rules say over a journal or a CSV file, beside what did ring."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import orjson

from alerts import replay as replays
from alerts.packs import shipped
from alerts.registry.model import Registry
from alerts.registry.problem import RegistryError
from alerts.registry.toml import read
from alerts.rules.inputs import Entry, PacksRevised
from alerts.rules.packs import PackError, read_packs
from alerts.rules.transition import Transition
from collector import records
from collector.commands import common
from collector.config import Config
from collector.errors import ConfigError
from edge.journal.tail import Tail

READ_ROWS = 1000


def main(argv: Sequence[str]) -> int:
    arguments = _parser().parse_args(argv[1:])
    return common.guarded(lambda: _run(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = common.parser(
        "replay", "Try the rules on what was journalled, or on a table of readings."
    )
    parser.add_argument("--rules", type=Path, nargs="+", help="packs to try (default: shipped)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the transitions here too")
    parser.add_argument("--journal", type=Path, help="a journal (default: this cell's)")
    table = parser.add_argument_group("a table of readings instead of the journal")
    table.add_argument("--csv", type=Path, metavar="FILE")
    table.add_argument("--community", type=Path, metavar="FOLDER", help="whose places these are")
    table.add_argument("--site")
    table.add_argument("--device")
    table.add_argument("--time", default="at", metavar="COLUMN")
    table.add_argument("--time-format", default="", metavar="STRPTIME", help="empty: ISO 8601")
    table.add_argument("--zone", default="UTC")
    table.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="NAME=PLACE[/PORT]/METRIC[*SCALE]",
        help="what a column holds, e.g. cond=laobakou/conductivity; may be repeated",
    )
    return parser


def _run(arguments: argparse.Namespace) -> int:
    packs = _packs(arguments.rules)
    if arguments.csv is not None:
        would = replays.replay(_csv_entries(arguments, packs or shipped()))
        did: list[Transition] | None = None
    else:
        config = common.settings(arguments.config)
        if arguments.journal is None:
            path = common.there(config.journal_path, "journal")
        elif not (path := arguments.journal).is_file():
            raise ConfigError([f"{path}: there is no journal; name another with --journal"])
        did = _rang(config, _journal_id(path), is_ours=arguments.journal is None)
        would = replays.replay(_journal_entries(path, packs), _journal_id(path))
    print(common.printable(common.table(replays.HEADER, replays.table(would))))
    if did is not None:
        told = replays.compare(did, would)
        print(
            f"\n{len(would)} transitions; {len(told.same)} as they did ring, "
            f"{len(told.only_first)} only then, {len(told.only_second)} only now"
        )
    if arguments.json is not None:
        arguments.json.write_bytes(
            orjson.dumps([_plain(t) for t in would], option=orjson.OPT_INDENT_2)
        )
    return 0


def _rang(config: Config, journal: str, *, is_ours: bool) -> list[Transition] | None:
    """What did ring; None for a journal from elsewhere, where no database stands beside it."""
    file = common.database_file(config)
    if not is_ours and file is not None and not file.is_file():
        return None
    with common.known_operations(config) as operations:
        # The journal is cut off behind what all have read; what rang before cannot be compared.
        return [one for one in operations.transitions() if one.journal == journal]


def _packs(paths: Sequence[Path] | None) -> dict[str, str] | None:
    if paths is None:
        return None
    try:
        texts = {str(path): path.read_text("utf-8") for path in paths}
        read_packs(texts)
    except OSError as error:
        raise ConfigError([f"{error.filename}: cannot be read ({error.strerror})"]) from error
    except PackError as error:
        raise ConfigError([str(problem) for problem in error.problems]) from error
    return texts


def _journal_entries(path: Path, packs: Mapping[str, str] | None) -> Iterator[Entry]:
    """The journal's entries; with packs to try, these stand wherever packs are revised."""
    position = 0
    with Tail(path) as tail:
        while rows := tail.read(position, READ_ROWS):
            for row in rows:
                position = row.position
                entry = records.entry(row)
                if packs is not None and isinstance(entry.what, PacksRevised):
                    entry = entry._replace(what=PacksRevised(dict(packs)))
                yield entry


def _journal_id(path: Path) -> str:
    with Tail(path) as tail:
        return tail.id


def _csv_entries(arguments: argparse.Namespace, packs: Mapping[str, str]) -> Iterator[Entry]:
    problems = [
        f"--{name}: is needed with --csv"
        for name in ("community", "site", "device", "column")
        if not getattr(arguments, name)
    ]
    columns = {}
    for text in arguments.column:
        name, found = _column(text)
        if found is None:
            problems.append(f"--column {text!r}: write NAME=PLACE[/PORT]/METRIC[*SCALE]")
        else:
            columns[name] = found
    if problems:
        raise ConfigError(problems)
    try:
        registry: Registry = read(arguments.community)
    except RegistryError as error:
        raise ConfigError([str(problem) for problem in error.problems]) from error
    # The other devices say nothing in this table; that is no silence of theirs.
    ours = tuple(
        d for d in registry.devices if (d.site, d.id) == (arguments.site, arguments.device)
    )
    if not ours:
        raise ConfigError([f"--device {arguments.device}: is no device of {arguments.site}"])
    registry = replace(registry, devices=ours)
    mapping = replays.CsvMapping(
        site=arguments.site,
        device=arguments.device,
        time=arguments.time,
        columns=columns,
        time_format=arguments.time_format,
        zone=arguments.zone,
    )
    try:
        with arguments.csv.open(encoding="utf-8-sig", newline="") as lines:
            yield from replays.entries_from_csv(lines, mapping, registry, packs)
    except (OSError, UnicodeDecodeError, replays.CsvError) as error:
        raise ConfigError([f"{arguments.csv}: {error}"]) from error


def _column(text: str) -> tuple[str, replays.Column | None]:
    name, _, target = text.partition("=")
    path, _, scale = target.partition("*")
    parts = path.split("/")
    try:
        factor = float(scale) if scale else 1.0
    except ValueError:
        return name, None
    if not name or len(parts) not in (2, 3) or not all(parts):
        return name, None
    port = parts[1] if len(parts) == 3 else ""
    return name, replays.Column(place=parts[0], port=port, metric=parts[-1], scale=factor)


def _plain(transition: Transition) -> dict[str, object]:
    return {
        "rule": transition.rule,
        "subject": str(transition.subject),
        "change": transition.change.value,
        "class": transition.cls.value,
        "severity": transition.severity.name.lower(),
        "at_ms": transition.at_ms,
        "since_ms": transition.since_ms,
        "value": transition.value,
        "limit": transition.limit,
        "peak": transition.peak,
        "facts": transition.facts,
        "position": transition.position,
        "nth": transition.nth,
    }

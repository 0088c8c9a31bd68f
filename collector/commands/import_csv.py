"""`shouwang import-csv FILE`: years of history from a table into the store.

It never passes the rules, so history rings nobody.
"""

import argparse
import asyncio
import contextlib
import hashlib
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from alerts.store.errors import StoreError
from collector.commands import common
from collector.config import Config
from collector.errors import ConfigError, OutsideError
from collector.imports.mapping import CsvMapping, column_of, read_mapping
from collector.imports.place import Place, Rejects
from collector.imports.run import Counts, Import
from collector.imports.source import Source
from collector.imports.table import Table
from collector.opening import open_store, retention_of
from collector.stores.completeness import intervals_of
from collector.stores.port import Series, StoreMismatch, StoreUnavailable
from collector.stores.retention import DAY_MS

SAY_S = 2.0  # between two lines of progress
SHOWN_MOST = 10  # rejected rows that a dry run shows

OPTIONS = ("site", "device", "time_format", "zone", "encoding", "delimiter", "decimal")


def main(argv: Sequence[str]) -> int:
    parser = common.parser("import-csv", "Bring history from a table into the store.")
    parser.add_argument("file", type=Path, help="a CSV file; .gz may be")
    parser.add_argument("--mapping", type=Path, metavar="TOML", help="what the columns mean")
    parser.add_argument("--site", default="")
    parser.add_argument("--device", default="")
    parser.add_argument("--time", action="append", default=[], metavar="COLUMN")
    parser.add_argument(
        "--time-format", default="", metavar="STRPTIME", help="or unix, unix-ms; empty: ISO 8601"
    )
    parser.add_argument(
        "--zone",
        default="",
        help="of times without an offset (UTC); Asia/Shanghai, or --zone=+08:00",
    )
    parser.add_argument("--encoding", default="", help="e.g. gbk; found by looking")
    parser.add_argument("--delimiter", default="", help="one character; found by looking")
    parser.add_argument("--decimal", default="", help="'.' or ','")
    parser.add_argument("--missing", action="append", default=[], metavar="WORD")
    parser.add_argument("--where", action="append", default=[], metavar="COLUMN=TEXT")
    parser.add_argument(
        "--column", action="append", default=[], metavar="NAME=PLACE[/PORT]/METRIC[:UNIT]"
    )
    parser.add_argument("--rejected", type=Path, help="(default: FILE.rejected.csv)")
    parser.add_argument("--dry-run", action="store_true", help="read all, write nothing")
    parser.add_argument("--from-start", action="store_true", help="not from where it came to")
    arguments = parser.parse_args(argv[1:])
    return common.guarded(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    mapping = read_mapping(arguments.mapping, _options(arguments))
    config = common.settings(arguments.config, uses_store=True)
    if not arguments.file.is_file():
        raise ConfigError([f"{arguments.file}: there is no such file; name another"])
    _warn_of_strangers(config, mapping)
    now_ms = common.clock(config).now_ms()
    try:
        with Source(arguments.file, mapping) as source:
            table = Table(mapping, source.header, now_ms)
            one = Import(source, table, now_ms)
            if arguments.dry_run:
                for line, reason, _ in one.dry(SHOWN_MOST):
                    common.complain([f"line {line}: {reason}"])
            else:
                asyncio.run(_import(config, arguments, mapping, source, one))
    except OSError as error:
        raise ConfigError(
            [f"{error.filename or arguments.file}: {error.strerror or error}"]
        ) from error
    _tell(config, one.counts, now_ms, dry=arguments.dry_run)
    return 0


async def _import(
    config: Config,
    arguments: argparse.Namespace,
    mapping: CsvMapping,
    source: Source,
    one: Import,
) -> None:
    mark = hashlib.sha256(f"{source.path.resolve()}\n{mapping!r}".encode()).hexdigest()[:16]
    path = config.state / "imports" / f"{mark}.json"
    if arguments.from_start:
        path.unlink(missing_ok=True)
    place = Place.of(path, source)
    if place.rows:
        common.complain([f"goes on behind row {place.rows:,}; --from-start takes them all again"])
    rejected = arguments.rejected or source.path.with_name(f"{source.path.name}.rejected.csv")
    if rejected.resolve() == source.path.resolve():
        raise ConfigError([f"--rejected {rejected}: is the table itself; name another file"])
    if not place.rows:
        rejected.unlink(missing_ok=True)  # of an earlier import from the start
    rejects = Rejects(rejected, list(source.header), place.rejected_bytes)
    store = open_store(config, refused=one.refused)
    progress = _Progress(source)
    try:
        await store.set_up()
        await one.run(store, retention_of(config.retention), place, rejects, progress.say)
    except (StoreUnavailable, StoreMismatch) as error:
        raise OutsideError(f"{error}; run the same again, it goes on where it was") from error
    finally:
        await store.close()
    if one.counts.rejected:
        common.complain([f"{one.counts.rejected:,} rows or points were not taken: see {rejected}"])


class _Progress:
    """A line on stderr each two seconds."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._began = self._said = time.monotonic()

    def say(self, counts: Counts) -> None:
        now = time.monotonic()
        if now < self._said + SAY_S:
            return
        self._said = now
        pace = counts.rows / (now - self._began)
        print(
            f"{self._source.share:4.0%}  {counts.rows:,} rows, {counts.readings:,} readings,"
            f" {counts.rejected:,} rejected, {pace:,.0f} rows/s",
            file=sys.stderr,
        )


def _options(arguments: argparse.Namespace) -> dict[str, object]:
    options: dict[str, object] = {name: getattr(arguments, name) for name in OPTIONS}
    where = {}
    for text in arguments.where:
        name, is_pair, value = text.partition("=")
        if not is_pair:
            raise ConfigError([f"--where {text!r}: write COLUMN=TEXT"])
        where[name] = value
    return options | {
        "time": tuple(arguments.time),
        "missing": tuple(arguments.missing),
        "where": where,
        "column": dict(column_of(text) for text in arguments.column),
    }


def _warn_of_strangers(config: Config, mapping: CsvMapping) -> None:
    """History of a device that is gone is welcome; a slip of the pen would be on no chart."""
    with (
        contextlib.suppress(ConfigError, StoreError),
        common.known_operations(config) as operations,
    ):
        registry = operations.registry()
        for name, column in mapping.column.items():
            site, device = mapping.key(column)
            series = Series(site, device, column.place, column.port, column.metric)
            if series not in intervals_of(registry, site):
                where = "/".join(part for part in (column.place, column.port) if part)
                common.complain(
                    [
                        f"warning: column {name!r}: the registry has no {site}/{device} that measures"
                        f" {column.metric} at {where or 'itself'}; it is taken all the same"
                    ]
                )


def _tell(config: Config, counts: Counts, now_ms: int, *, dry: bool) -> None:
    span = ""
    if counts.first_ms is not None and counts.last_ms is not None:
        span = f" from {_utc(counts.first_ms)} to {_utc(counts.last_ms)}"
    kept = "would be written" if dry else f"{counts.kept:,} stored"
    print(
        f"{counts.rows:,} rows: {counts.readings:,} readings{span}, {kept};"
        f" {counts.failed:,} judged as failed; {counts.rejected:,} rejected"
    )
    days = config.retention.points_days
    if days and counts.first_ms is not None and counts.first_ms < now_ms - days * DAY_MS:
        print(
            f"note: some are older than the {days} days of retention.points_days: the embedded store"
            " keeps their hours alone, InfluxDB refuses them; raise it before importing (0: for ever)"
        )


def _utc(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")

"""How fast a danger is told, and whether a long past makes it slower.

Parts, each to be had alone by ``--only``: ``commit``, from a decision of the rules until its incident
and notices are committed; ``overview``, the pages' and the watch's queries over 10,000 open incidents,
with 100,000 closed ones and without; both on SQLite and on PostgreSQL, which syncs to disk here.
``way``, from a reading's publication until the webhook has it, with 2,000 other messages a second and
50 pages; ``way-postgres``, the same with the operations database on PostgreSQL.
"""

import argparse
import asyncio
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks import process
from benchmarks.collector import measure
from benchmarks.drain.drains import Figures, Notes
from benchmarks.drain.latency import share
from benchmarks.report import Wanted, report
from benchmarks.telling.commit import commits, prepare
from benchmarks.telling.overview import LOOKS, overview
from benchmarks.telling.way import SECONDS, way
from tests.services.servers import Missing, Postgres

CORES = 2
COMMITS = 500
OPEN, CLOSED = 10_000, 100_000
PARTS = ("commit", "overview", "way", "way-postgres")
WANTED = {
    "commit_p99_ms": Wanted(most=20),
    "commit_postgres_p99_ms": Wanted(most=20),
    "reading_to_webhook_p99_ms": Wanted(most=150),
    "reading_to_webhook_postgres_p99_ms": Wanted(most=150),
    "notices_missing": Wanted(most=0),
    "overview_ms": Wanted(most=50),
    "overview_postgres_ms": Wanted(most=50),
}
NOTES = {
    "commit_p99_ms": "SQLite; incident, story, outbox and everybody considered, from asking on",
    "commit_cpu_ms": "of the processor, with the notice sent and settled and the looks meanwhile",
    "commit_postgres_p99_ms": "PostgreSQL that syncs to disk",
    "overview_ms": f"SQLite, {OPEN:,} open and {CLOSED:,} closed, the worst but one of a hundred",
    "overview_without_past_ms": f"{OPEN:,} open alone",
    "polls_ms": "all that the watch asks again and again, together",
    "page_ms": "the whole overview from the desk, with 500 cards",
}

UNIT = re.compile(r"(_p\d+|_worst)?_(ms|per_s|percent)$")

Database = tuple[str, Callable[[], str]]
"""A word for the figures' names, and a database that nobody has used."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commits", type=int, default=COMMITS)
    parser.add_argument("--open", type=int, default=OPEN, help="incidents, 10,000 at most")
    parser.add_argument("--closed", type=int, default=CLOSED, help="incidents")
    parser.add_argument("--looks", type=int, default=LOOKS, help="at the overview's query")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of breaches")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas between")
    options = parser.parse_args()
    only = options.only.split(",")
    if unknown := set(only) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    cores = process.keep_to(CORES)
    folder = Path(tempfile.mkdtemp(prefix="shouwang-bench-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        databases: list[Database] = [("", lambda: f"sqlite:///{tempfile.mkdtemp(dir=folder)}/o.db")]
        try:
            postgres = stack.enter_context(Postgres(syncs=True))
            databases.append(("_postgres", postgres.new_database))
        except Missing as error:
            print(f"without PostgreSQL: {error}")

        def commit() -> tuple[Figures, Notes]:
            return commit_figures(databases, options.commits), NOTES

        def look() -> tuple[Figures, Notes]:
            found = overviews(databases, folder, options.open, options.closed, options.looks)
            return found, NOTES

        def tell(name: str, new: Callable[[], str] | None) -> tuple[Figures, Notes]:
            figures, notes = way(
                folder / f"way{name}", new() if new else "", seconds=options.seconds
            )
            return {_named(key, name): value for key, value in figures.items()}, {
                _named(key, name): note for key, note in notes.items()
            }

        parts = {"commit": commit, "overview": look, "way": lambda: tell("", None)}
        if len(databases) > 1:
            parts["way-postgres"] = lambda: tell(*databases[1])
        figures, notes, failed = measure({name: parts[name] for name in only if name in parts})
    print(report("notices", {**figures, "cores_used": cores}, notes, wanted=WANTED))
    if failed:
        print(f"without figures, see above: {', '.join(failed)}")
    return 1 if failed else 0


def commit_figures(databases: list[Database], count: int) -> Figures:
    """``commit_p50_ms``, ``commit_p99_ms``, ``commit_cpu_ms`` and the same of PostgreSQL."""
    figures: Figures = {}
    for name, new in databases:
        prepare(url := new(), 0, 0)
        took_ms, cpu_ms = asyncio.run(commits(url, count))
        figures |= {
            f"commit{name}_p50_ms": round(share(took_ms, 0.5), 1),
            f"commit{name}_p99_ms": round(share(took_ms, 0.99), 1),
            f"commit{name}_cpu_ms": round(cpu_ms, 2),
        }
    return figures


def overviews(
    databases: list[Database], folder: Path, is_open: int, closed: int, looks: int
) -> Figures:
    """``overview_ms`` and its like, without a past and with one."""
    figures: Figures = {}
    for name, new in databases:
        for past, count in (("_without_past", 0), ("", closed)):
            prepare(url := new(), is_open, count)
            figures |= overview(name + past, url, folder / f"desk{name}{past}", looks=looks)
    return figures


def _named(key: str, name: str) -> str:
    """``reading_to_webhook_p99_ms`` of PostgreSQL is ``reading_to_webhook_postgres_p99_ms``."""
    head = UNIT.sub("", key)
    return f"{head}{name}{key[len(head) :]}"


if __name__ == "__main__":
    sys.exit(main())

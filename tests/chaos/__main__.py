"""``python -m tests.chaos [--seconds 300] [--seed N] [NAME ...]``: the experiments, in their long form.

Prints a table and writes ``build/chaos/NAME.json``. Exit codes: 0 all held, 1 something did not (the
story is printed), 2 there is no such experiment, 3 a server that it needs is missing.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import asdict
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table

from tests.chaos import (
    broker_death,
    clocks,
    half_truths,
    mismatched_state,
    notice_kills,
    power_cut,
    rule_kills,
)
from tests.chaos.scene import Report
from tests.services.servers import (
    Missing,
    find_faketime,
    find_influxd,
    find_mosquitto,
    find_strace,
)

FOLDER = Path("build/chaos")
COLUMNS = ("issued", "stored", "dead", "dropped", "in devices")
Run = Callable[[Path, float, int], Coroutine[None, None, list[Report]]]
EXPERIMENTS: dict[str, tuple[Run, tuple[Callable[[], object], ...]]] = {
    broker_death.NAME: (broker_death.run, (find_mosquitto,)),
    power_cut.NAME: (power_cut.run, (find_mosquitto, find_strace)),
    clocks.NAME: (clocks.run, (find_mosquitto, find_faketime)),
    half_truths.NAME: (half_truths.run, (find_mosquitto, find_influxd)),
    rule_kills.NAME: (rule_kills.run, ()),
    notice_kills.NAME: (notice_kills.run, (find_mosquitto,)),
    mismatched_state.NAME: (mismatched_state.run, ()),
}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=None, help="the same harm again")
    asked = parser.parse_args(arguments)
    if unknown := [name for name in asked.names if name not in EXPERIMENTS]:
        print(f"chaos: no experiment {', '.join(unknown)}; there are {', '.join(EXPERIMENTS)}")
        return 2
    # What twenty devices say of a broker that is meant to die.
    logging.getLogger("collector.link").setLevel(logging.CRITICAL)
    seed = asked.seed if asked.seed is not None else int(time.time())
    reports: list[Report] = []
    for name in asked.names or EXPERIMENTS:
        run, needs = EXPERIMENTS[name]
        try:
            for find in needs:
                find()
        except Missing as reason:
            print(f"chaos: {name} is not run: {reason}")
            return 3
        print(f"chaos: {name}, {asked.seconds:g} s, seed {seed}", flush=True)
        with tempfile.TemporaryDirectory(prefix=f"chaos-{name}-") as folder:
            try:
                found = asyncio.run(run(Path(folder), asked.seconds, seed))
            except AssertionError as error:  # what it waited for never came
                found = [
                    Report(name=name, seconds=asked.seconds, seed=seed, complaints=[str(error)])
                ]
        write(name, found)
        reports += found
    Console().print(table(reports))
    for report in reports:
        print(done(report))
    bad = [report for report in reports if report.problems]
    for report in bad:
        print(f"\n{report.told()}")
    return 1 if bad else 0


def write(name: str, reports: Iterable[Report], folder: Path = FOLDER) -> Path:
    """All that one experiment has found, as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    told = [asdict(report) | {"problems": report.problems} for report in reports]
    path.write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    return path


def table(reports: Iterable[Report]) -> Table:
    """A line for each report: the balance, and whether all that was looked at holds."""
    found = Table("experiment", *COLUMNS, "holds", title="readings issued = all the rest")
    for column in found.columns[1:-1]:
        column.justify = "right"
    for report in reports:
        one = report.balances.get("readings")
        numbers = (one.issued, one.stored, one.dead, one.dropped, one.waiting) if one else ()
        told = [f"{number:,}" for number in numbers] or [""] * len(COLUMNS)
        found.add_row(report.name, *told, "no" if report.problems else "yes")
    return found


def done(report: Report) -> str:
    """What was done, and how often."""
    figures = ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in report.figures.items())
    return f"{report.name}: {figures}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

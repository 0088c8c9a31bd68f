"""From broker to database: Shouwang beside Telegraf, on the same two cores in the same run.

Messages of QoS 1 wait in Mosquitto for a persistent session; a consumer is started and drains them
into InfluxDB 2.7. Parts, each to be had alone by ``--only``: ``line``, ``senml`` and ``senml-xpath``
are Telegraf, ``bare`` is Shouwang's link, journal and store, ``whole`` the watch with quality, rules
of the shipped packs, roll-ups and operations database; ``backlog`` the same with 500 readings a
message; ``ceilings`` what broker and database could do at most; ``series`` what a message and a
series cost as there are more of them; ``latency`` how late rules and database are while pages are
served; ``outage`` what becomes of a database that was away.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import process
from benchmarks.drain import peer
from benchmarks.drain.ceilings import ceilings
from benchmarks.drain.drains import KEYS, Bench, Figures, Notes, of_backlogs, of_messages
from benchmarks.drain.growing import growing
from benchmarks.drain.latency import PAGES_PER_S, latency
from benchmarks.drain.outage import HOUR, outage
from benchmarks.drain.outage import MESSAGES as MESSAGES_AWAY
from benchmarks.report import Wanted, report
from tests.services.servers import Missing

CORES = 2  # for all processes together
QUIET_PERCENT = 15  # of the cores; the kernel's threads and the bench's own looks take up to 10
MESSAGES = 200_000
BACKLOG_MESSAGES = 1_000
CEILING_MESSAGES = 100_000
PARTS = ("ceilings", *KEYS, "backlog", "series", "latency", "outage")
WANTED = {
    "shouwang_bare_to_telegraf_senml": Wanted(least=4.0),
    "shouwang_bare_to_telegraf_line": Wanted(least=1.2),
    "shouwang_to_telegraf_senml": Wanted(least=2.5),
    "shouwang_to_telegraf_line": Wanted(least=1.0),
    "shouwang_to_telegraf_backlog": Wanted(least=3.0),
    "cpu_most_to_least_series": Wanted(most=1.25),
    "bytes_per_series": Wanted(most=1_000),
    "rules_p99_ms": Wanted(most=50),
    "store_p99_ms": Wanted(most=1_500),
    "pages_per_s": Wanted(least=0.98 * PAGES_PER_S),
    "outage_rules_p99_ms": Wanted(most=50),
    "catch_up_ratio": Wanted(least=5.0),
    "outage_lost": Wanted(most=0),
    "outage_doubled": Wanted(most=0),
}

Part = Callable[[], tuple[Figures, Notes]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=MESSAGES, help="of five values, queued")
    parser.add_argument("--backlog", type=int, default=BACKLOG_MESSAGES, help="of 500, queued")
    parser.add_argument("--rounds", type=int, default=1, help="of each drain; the median counts")
    parser.add_argument(
        "--outage-messages", type=int, default=MESSAGES_AWAY, help=f"the hour is {HOUR}"
    )
    parser.add_argument("--pages-per-s", type=float, default=PAGES_PER_S)
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas between")
    options = parser.parse_args()
    only = options.only.split(",")
    if unknown := set(only) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    cores = process.keep_to(CORES)
    telegraf = None
    if not {"line", "senml", "senml-xpath", "backlog"}.isdisjoint(only):
        try:
            telegraf = peer.find_telegraf()
        except Missing as error:
            print(f"without its peer: {error}")
    folder = Path(tempfile.mkdtemp(prefix="shouwang-bench-"))
    bench = Bench(folder, telegraf)
    consumers = [name for name in KEYS if name in only]

    def messages() -> tuple[Figures, Notes]:
        found = bench.rounds(options.rounds, consumers, options.messages)
        return of_messages(found, options.messages)

    def backlogs() -> tuple[Figures, Notes]:
        found = bench.rounds(options.rounds, ["senml", "bare", "whole"], 0, options.backlog)
        return of_backlogs(found, options.backlog)

    parts: dict[str, Part] = {
        "ceilings": lambda: ceilings(folder, min(CEILING_MESSAGES, options.messages)),
        "messages": messages,
        "backlog": backlogs,
        "series": lambda: growing(folder),
        "latency": lambda: latency(folder / "latency", pages_per_s=options.pages_per_s),
        "outage": lambda: outage(folder / "outage", options.outage_messages),
    }
    chosen = {
        name: part
        for name, part in parts.items()
        if name in only or (name == "messages" and consumers)
    }
    try:
        figures, notes, failed = measure(chosen)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(report("collector", {**figures, "cores_used": cores}, notes, wanted=WANTED))
    disturbed = [
        key for key, value in figures.items()
        if key.endswith("_other_work_percent") and float(value) > QUIET_PERCENT
    ]  # fmt: skip
    if disturbed:
        print(f"the machine had other work to do, so compare with care: {', '.join(disturbed)}")
    if failed:
        print(f"without figures, see above: {', '.join(failed)}")
    return 1 if failed else 0


def measure(parts: Mapping[str, Part]) -> tuple[Figures, Notes, list[str]]:
    """Figures and notes of all parts, and the names of those that fell: the others' figures stand."""
    figures: Figures = {}
    notes: Notes = {}
    failed = []
    for name, part in parts.items():
        began_s = time.monotonic()
        try:
            more, more_notes = part()
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            failed.append(name)
            print(f"{name}: {error}", flush=True)
        else:
            figures |= more
            notes |= more_notes
        print(f"{name} took {time.monotonic() - began_s:.0f} s", flush=True)
    return figures, notes, failed


if __name__ == "__main__":
    sys.exit(main())

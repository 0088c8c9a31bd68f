"""How late rules and database are under a steady load while the desk serves pages.

A message carries the moment it was sent as its own time, so both are told from sending on: through
socket, broker, socket, intake and journal. The rules are looked at from within the watch's process;
the database is asked from outside for the newest point of one device. The desk, the people who look
at its pages, and the devices are processes of their own, all on the same cores.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import orjson

from benchmarks import process
from benchmarks.drain import village
from benchmarks.drain.drains import DEVICES, Figures, Notes
from benchmarks.drain.house import House
from benchmarks.drain.measure import CONNECT_S
from benchmarks.drain.paced import Pace
from benchmarks.drain.pages import MIX, Seen
from tests.services.servers import Influxd

PER_S = 2_000
PAGES_PER_S = 50
SECONDS = 30.0
WARM_S = 5.0
LOOK_S = 0.1
VISIBLE_S = 60.0


def latency(
    folder: Path,
    per_s: float = PER_S,
    pages_per_s: float = PAGES_PER_S,
    seconds: float = SECONDS,
    warm_s: float = WARM_S,
) -> tuple[Figures, Notes]:
    """The figures of so many seconds, after some that do not count."""
    with House(folder, DEVICES, kind="timed", desk=True) as house:
        house.tell(range(5))
        house.settle()
        span_s = warm_s + seconds + warm_s
        with Pace(house.broker, DEVICES, per_s, span_s, folder / "devices.log") as pace:
            time.sleep(warm_s)
            before, cores = house.progress, process.cores_s()
            with people(house, pages_per_s, seconds, folder / "people.log") as crowd:
                visible = _watch_store(house.influx, house.bucket, seconds, 1000 * DEVICES / per_s)
                seen = seen_by(crowd, folder / "people.log")
            after, cores_after = house.progress, process.cores_s()
            sent = pace.wait(span_s + CONNECT_S)
        house.sent += sent.messages
        house.settle()
    judged = after.judged.since(before.judged)
    timed = after.timed.since(before.timed)
    busy = (cores_after[0] - cores[0]) / (cores_after[1] - cores[1])
    figures: Figures = {
        "latency_msgs_per_s": round(sent.messages / sent.seconds),
        "rules_p99_ms": round(timed.quantile_s(0.99) * 1000, 1),
        "rules_p50_ms": round(timed.quantile_s(0.5) * 1000, 1),
        "rules_after_arrival_p99_ms": round(judged.quantile_s(0.99) * 1000, 1),
        "store_p99_ms": round(share(visible, 0.99)),
        "store_p50_ms": round(share(visible, 0.5)),
        "pages_per_s": round(seen.pages / seen.seconds, 1),
        "page_p50_ms": seen.p50_ms,
        "page_p99_ms": seen.p99_ms,
        "pages_not_served": sum(seen.failed.values()),
        "latency_cores_busy_percent": round(busy * 100),
    }
    return figures, {
        "latency_msgs_per_s": f"the latest {sent.late_ms:g} ms behind its time",
        "rules_p99_ms": f"from sending until judged, {sum(timed.counts)} messages",
        "rules_after_arrival_p99_ms": "from intake, as /metrics tells it",
        "store_p99_ms": "from sending until a query finds it, asked each 0.1 s",
        "pages_per_s": f"{pages_per_s:g} asked for; of {len(MIX)}: 6 overviews, 6 places, 4 charts",
        "page_p99_ms": "from when it was due until it was whole",
        "pages_not_served": ", ".join(f"{why}: {count}" for why, count in seen.failed.items()),
    }


def people(house: House, per_s: float, seconds: float, log: Path) -> "subprocess.Popen[bytes]":
    """A process that looks at so many pages a second (``pages.py``); it must be heard out."""
    url = f"http://127.0.0.1:{house.desk_port}"
    command = [sys.executable, "-m", "benchmarks.drain.pages", url, str(house.devices)]
    with log.open("ab") as errors:
        return subprocess.Popen(
            [*command, str(per_s), str(seconds)], stdout=subprocess.PIPE, stderr=errors
        )


def seen_by(crowd: "subprocess.Popen[bytes]", log: Path) -> Seen:
    """What they saw, when they are done; RuntimeError when the process fell."""
    try:
        told, _ = crowd.communicate(timeout=CONNECT_S)
    except subprocess.TimeoutExpired:
        crowd.kill()
        raise
    if crowd.returncode != 0:
        raise RuntimeError(f"nobody looks any more: {log.read_text(errors='replace')[-2000:]}")
    return Seen(**orjson.loads(told))


def _watch_store(influx: Influxd, bucket: str, seconds: float, step_ms: float) -> list[float]:
    """Milliseconds from sending to a query's answer, of one device's messages ``step_ms`` apart."""
    device, metric = village.last_of(DEVICES)
    text = f"SELECT last(\"{metric}\") FROM reading WHERE device = '{device}'"
    looks: list[tuple[float, float]] = []
    end_ms = (time.time() + seconds) * 1000
    # What was sent until the end is waited for: who is late must not be left out for it.
    while not looks or looks[-1][1] < end_ms:
        rows = influx.query(bucket, text)
        if rows:
            looks.append((time.time() * 1000, rows[0]["time"]))
        if time.time() * 1000 > end_ms + VISIBLE_S * 1000:
            looks.append((time.time() * 1000, end_ms))  # at least so late
        time.sleep(LOOK_S)
    return became_visible(looks, step_ms)


def became_visible(looks: Sequence[tuple[float, float]], step_ms: float) -> list[float]:
    """How long each point took to be seen, of looks (when, time of the newest point) in ms: what is
    newer than the newest of the look before became visible between the two, at the later at most."""
    took: list[float] = []
    for (_, was), (now, newest) in pairwise(looks):
        point = newest
        while point > was:
            took.append(now - point)
            point -= step_ms
    return took


def share(values: Sequence[float], quantile: float) -> float:
    """The value that this share of them does not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * quantile))] if ordered else 0.0

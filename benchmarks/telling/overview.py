"""What a long past costs: the queries of the overview and of the watch's looks, and the page itself.

Each is asked of two estates with as many open incidents, one of which has closed ones behind it.
"""

import gc
import os
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

from alerts.store.operations import Operations
from benchmarks.drain.drains import Figures
from benchmarks.drain.latency import share
from benchmarks.drain.measure import CONNECT_S, Consumer
from tests.services.servers import HOST, free_port

LOOKS = 100
PAGES = 5
DUE_MOST = 100
DATABASE = "BENCH_OPERATIONS"


def overview_ms(url: str, looks: int = LOOKS) -> tuple[float, float]:
    """The overview's query, the 99th of a hundred, and its processor time here, the mean."""
    with Operations(url) as operations:
        operations.open_incidents()
        began_s = time.process_time()
        times = _times(operations.open_incidents, looks)
        return share(times, 0.99), (time.process_time() - began_s) / (looks + 1) * 1000


def polls_ms(url: str, looks: int = LOOKS) -> float:
    """The median of all that the watch asks again and again, together."""
    now = datetime.now(UTC)
    with Operations(url) as operations:
        asked: tuple[Callable[[], object], ...] = (
            lambda: operations.due(now, DUE_MOST),
            lambda: operations.climb(now),
            lambda: operations.unsent(now),
            operations.announced,
            operations.revision,
        )
        return statistics.median(_times(lambda: [ask() for ask in asked], looks))


def page_ms(folder: Path, url: str, pages: int = PAGES) -> float:
    """The overview as a desk serves it: the median of some, after one that warms it."""
    port, config = free_port(), folder / "shouwang.toml"
    (folder / "state").mkdir(parents=True)
    text = f'cell = "bench"\n[mqtt]\nurl = "mqtt://{HOST}:1"\n[desk]\nport = {port}\n'
    config.write_text(text + f'[operations]\nurl = "env:{DATABASE}"\n', "utf-8")
    command = [sys.executable, "-m", "collector.desk", str(config)]
    log = folder / "desk.log"
    with Consumer(command, dict(os.environ) | {DATABASE: url}, log) as desk:
        desk.wait(lambda: _serves(port), "desk", CONNECT_S)
        times = _times(lambda: _page(port), pages)
    shutil.rmtree(folder)
    return statistics.median(times)


def overview(name: str, url: str, folder: Path, *, looks: int = LOOKS) -> Figures:
    """All of these, each figure with ``name`` before its unit."""
    # No desk holds what filling the estate has left here; one look for garbage through it takes 50 ms.
    gc.collect()
    gc.freeze()
    wall_ms, cpu_ms = overview_ms(url, looks)
    return {
        f"overview{name}_ms": round(wall_ms, 1),
        f"overview{name}_cpu_ms": round(cpu_ms, 1),
        f"polls{name}_ms": round(polls_ms(url, looks), 1),
        f"page{name}_ms": round(page_ms(folder, url), 1),
    }


def _times(ask: Callable[[], object], count: int) -> list[float]:
    ask()
    times = []
    for _ in range(count):
        began_s = time.perf_counter()
        ask()
        times.append((time.perf_counter() - began_s) * 1000)
    return times


def _serves(port: int) -> bool:
    try:
        _page(port)
    except OSError:
        return False
    return True


def _page(port: int) -> bytes:
    with urlopen(f"http://{HOST}:{port}/", timeout=CONNECT_S) as answer:
        body: bytes = answer.read()
    return body

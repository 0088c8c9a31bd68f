"""The box about itself: journal, uptime, load, memory, disk; what a machine lacks is left out."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from edge.sensors.port import Sample


def samples(
    now_ms: int, *, since_ms: int, depth: int, errors: int, folder: Path
) -> Iterator[Sample]:
    """Health at ``now_ms``; ``folder`` names the disk that counts."""

    def of(metric: str, value: float) -> Sample:
        return Sample("", "", metric, value, now_ms)

    yield of("journal-depth", depth)
    yield of("uptime", round((now_ms - since_ms) / 1000))
    yield of("sensor-errors", errors)
    try:
        yield of("disk-free", round(shutil.disk_usage(folder).free / 1e6))
    except OSError:
        pass
    try:
        yield of("cpu-load", min(100, round(os.getloadavg()[0] / (os.cpu_count() or 1) * 100)))
    except OSError:
        pass
    free_mb = _memory_free_mb()
    if free_mb is not None:
        yield of("memory-free", free_mb)


def _memory_free_mb() -> int | None:
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024 // 1_000_000
    except (OSError, ValueError):
        pass
    return None

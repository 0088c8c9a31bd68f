"""How quick the guard is: a smoke contact on mock pins, a relay, and an agent that is busy besides."""

import re
import statistics
import time
from functools import partial
from pathlib import Path

from benchmarks.report import Figure
from tests.edge.device import wait_until
from tests.edge.guard.box import PROOF, RELAY, SENSORS, SHED, SMOKE, Box

ROUNDS = 40
STILL_S = 0.3  # longer than a contact's debounce and its sensor's look
BUSY = """
[[sensor]]
kind = "simulated"
name = "busy"
place = "shed-1"
metrics = ["shed-temp", "humidity", "co"]
interval_s = 0.1
"""
_TOOK = re.compile(r"off main, ([0-9.]+) ms after its sample")


def guard(folder: Path, url: str) -> tuple[dict[str, Figure], dict[str, str]]:
    """From a sample to the relay, and from the contact to the relay, while readings are committed."""
    folder.mkdir()
    box = Box(folder, url)
    box.write(SENSORS + BUSY + SHED.replace("pulse_s = 0.3", "pulse_s = 0.05"))
    toml = folder / "edge.toml"
    each = toml.read_text("utf-8").replace("[journal]\n", '[journal]\ndurability = "each"\n')
    toml.write_text(each, "utf-8")
    box.start(SMOKE, PROOF)
    try:
        for nth in range(1, ROUNDS + 1):
            time.sleep(STILL_S)
            box.drive("low", SMOKE)
            wait_until(partial(_has_pulsed, box, nth), "the relay")
            time.sleep(STILL_S)
            box.drive("high", SMOKE)
        wait_until(lambda: len(_TOOK.findall(box.log)) == ROUNDS, "the log")
        took_ms = [float(found) for found in _TOOK.findall(box.log)]
        contact_ms = [ms for pin, level, ms in box.outputs if (pin, level) == (RELAY, 1)]
    finally:
        box.kill()
    return {
        "guard_ms": round(max(took_ms), 2),
        "guard_median_ms": round(statistics.median(took_ms), 2),
        "guard_contact_ms": round(statistics.median(contact_ms), 1),
        "guard_contact_worst_ms": round(max(contact_ms), 1),
    }, {
        "guard_ms": f"from a sample to the pin of the relay, the worst of {ROUNDS}",
        "guard_median_ms": "the same, median",
        "guard_contact_ms": "from the smoke contact's closing, with its debounce of 50 ms; median",
        "guard_contact_worst_ms": "the same, the worst",
    }


def _has_pulsed(box: Box, times: int) -> bool:
    return box.of(RELAY).count(1) >= times

"""Temperature, throttling, supply, load and memory, as Linux tells them.

Marks: the files of ``/proc`` and ``thermal`` are confirmed by the kernel's own documentation.
``get_throttled`` (hexadecimal) and its bits are own knowledge of the Raspberry Pi's firmware, as is
the hwmon driver ``rpi_volt``; not yet seen on a real Pi.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from edge.health.probe import MACHINE, Roots, Value, entries, number_of, text_of

UNDER_VOLTAGE = 1 << 0
SLOWED = 1 << 1 | 1 << 2 | 1 << 3  # frequency capped, throttled, soft temperature limit
SINCE_BOOT = 16  # the same bits, shifted so far, say that it was so since boot
_CPU = ("cpu", "soc", "x86_pkg")


@dataclass(slots=True)
class Board:
    """A dip between two looks is told once: the firmware keeps that it was so since boot."""

    roots: Roots = MACHINE
    name: str = "board"
    _known: int = 0

    @property
    def mark(self) -> str:
        return ""

    def ask(self) -> Iterator[Value]:
        yield from self._temperature()
        yield from self._supply()
        yield from self._load()
        yield from self._memory()

    def _temperature(self) -> Iterator[Value]:
        for zone in entries(self.roots.sys / "class/thermal"):
            kind = text_of(zone / "type") if zone.name.startswith("thermal_zone") else None
            if kind is not None and kind.lower().startswith(_CPU):
                milli = number_of(zone / "temp")
                if milli is not None:
                    yield Value("cpu-temp", milli / 1000)
                    return

    def _supply(self) -> Iterator[Value]:
        firmware = self.roots.sys / "devices/platform/soc/soc:firmware/get_throttled"
        bits = number_of(firmware, 16)
        if bits is not None:
            since_boot = bits >> SINCE_BOOT
            now = bits | (since_boot & ~self._known)
            self._known = since_boot
            yield Value("throttled", float(bool(now & SLOWED)))
            yield Value("under-voltage", float(bool(now & UNDER_VOLTAGE)))
            return
        for chip in entries(self.roots.sys / "class/hwmon"):
            if text_of(chip / "name") == "rpi_volt":
                alarm = number_of(chip / "in0_lcrit_alarm")
                if alarm is not None:
                    yield Value("under-voltage", float(bool(alarm)))
                return

    def _load(self) -> Iterator[Value]:
        text = text_of(self.roots.proc / "loadavg")
        if text:
            load = float(text.split()[0]) / (os.cpu_count() or 1)
            yield Value("cpu-load", min(100, round(load * 100)))

    def _memory(self) -> Iterator[Value]:
        for line in (text_of(self.roots.proc / "meminfo") or "").splitlines():
            if line.startswith("MemAvailable:"):
                yield Value("memory-free", int(line.split()[1]) * 1024 // 1_000_000)
        statm = text_of(self.roots.proc / "self/statm")
        if statm:
            yield Value("agent-memory", int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6)

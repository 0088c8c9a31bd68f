"""DS18B20 thermometers on the 1-wire bus, as the kernel shows them: ``28-.../w1_slave``.

The file says whether the checksum fits and the millidegrees. 85.0 is what the chip holds before its
first conversion; no digit tells it from a true 85.0, so it is asked again and never believed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge.contract.metrics import METRICS
from edge.contract.quality import Quality
from edge.errors import SensorError
from edge.sensors.polling import Answer, Polling, Schedule, fault, read_schedule, read_series
from edge.sensors.port import Series, Use
from edge.table import Table

BUS = "/sys/bus/w1/devices"
POWER_ON = 85_000  # DS18B20 data sheet, power-on reset value of the temperature register
SPAN = (-55_000, 125_000)  # data sheet: what the chip can measure
CELSIUS = tuple(sorted(name for name, metric in METRICS.items() if metric.senml == "Cel"))
_PROBE = re.compile(r"(10|22|28|3b|42)-[0-9a-f]{12}")  # family and serial number
# The line's end belongs to it: a number that is cut off looks whole.
_TEXT = re.compile(
    r"((?:[0-9a-f]{2} ){9}): crc=[0-9a-f]{2} (YES|NO)\s+(?:[0-9a-f]{2} ){9}t=(-?\d+)\n"
)


@dataclass(frozen=True, slots=True)
class Probe:
    """The source: one chip."""

    file: Path
    of: Series

    @property
    def series(self) -> tuple[Series, ...]:
        return (self.of,)

    def ask(self) -> Mapping[Series, Answer]:
        """The kernel converts while the file is read, which takes up to 0.75 s."""
        try:
            text = self.file.read_text(encoding="ascii", errors="replace")
        except OSError as error:
            raise SensorError(f"{self.file}: {error.strerror}; {self._others()}") from error
        return {self.of: answer_of(text)}

    def close(self) -> None:
        pass

    def _others(self) -> str:
        bus = self.file.parent.parent
        try:
            there = sorted(each.name for each in bus.iterdir() if _PROBE.fullmatch(each.name))
        except OSError:
            return f"there is no {bus}: is 1-wire switched on (dtoverlay=w1-gpio)?"
        return f"on the bus: {', '.join(there) or 'no thermometer'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thermometer:
    """Which probe, and when to ask it."""

    probe: Probe
    schedule: Schedule

    def build(self, name: str, begin_ms: int) -> Polling:
        return Polling(name, self.schedule, self.probe, begin_ms)

    @property
    def gives(self) -> tuple[Series, ...]:
        return self.probe.series

    @property
    def pace_s(self) -> float:
        return self.schedule.interval_s

    @property
    def uses(self) -> tuple[Use, ...]:
        return (Use("file", str(self.probe.file)),)


def answer_of(text: str) -> Answer:
    """What the file's text says; SensorError where it is worth asking again."""
    found = _TEXT.fullmatch(text)
    if found is None:
        raise SensorError(f"the thermometer gave no reading: {text[:80]!r}")
    scratchpad, checked, milli = found[1].strip(), found[2], int(found[3])
    if checked != "YES":
        raise SensorError(f"the checksum is wrong ({scratchpad}): see the cable and its length")
    if not scratchpad.strip("0 "):  # nine noughts have a fitting checksum
        raise SensorError("the bus gives only noughts: the data wire is short to ground")
    if milli == POWER_ON:
        raise SensorError("85.0 °C is what it says before it measures: see its power supply")
    if not SPAN[0] <= milli <= SPAN[1]:
        return fault(f"{milli / 1000:g} °C is beyond what it can measure", Quality.FAIL, scratchpad)
    return Answer(milli / 1000, scratchpad)


def read(table: Table, folder: Path) -> Thermometer:
    """The keys of a ``[[sensor]]`` of kind ds18b20; mistakes are complained of to the table."""
    place, port = read_series(table)
    probe = table.text("id")
    if probe and not _PROBE.fullmatch(probe):
        table.complain("id", f"write the probe's folder, e.g. 28-0316a2795b21, got {probe!r}")
    return Thermometer(
        probe=Probe(
            folder / table.text("bus", BUS) / probe / "w1_slave",
            Series(place, port, table.one_of("metric", CELSIUS)),
        ),
        schedule=read_schedule(table, least_s=1),
    )

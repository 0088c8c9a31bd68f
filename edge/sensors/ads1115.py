"""ADS1115, four analogue inputs on I2C, through ``/dev/i2c-N`` with the standard library.

Each input is converted once when asked (single shot), from volts to the unit through two points.
Register numbers and bits are those of the data sheet SBAS444, section "Register Map".
"""

import fcntl
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from edge.contract.metrics import METRICS
from edge.contract.quality import Quality
from edge.errors import SensorError
from edge.sensors.polling import Answer, Polling, Schedule, fault, read_schedule, read_series
from edge.sensors.port import Series, Use
from edge.table import Table

I2C_SLAVE = 0x0703  # linux/i2c-dev.h: whom this open file speaks to
CONVERSION, CONFIG = 0x00, 0x01
IDLE = 0x8000  # OS: written 1 it starts, read 1 it is done
SINGLE_SHOT, RATE_128, NO_COMPARATOR = 0x0100, 0x0080, 0x0003
CONVERSION_S = 0.009  # 1/128 s and the 10 % by which the chip's oscillator may be slow
LONGEST_CONVERSION_S = 0.1
INPUTS = {"0-1": 0, "0-3": 1, "1-3": 2, "2-3": 3, "0": 4, "1": 5, "2": 6, "3": 7}
RANGES = {6.144: 0, 4.096: 1, 2.048: 2, 1.024: 3, 0.512: 4, 0.256: 5}
ADDRESSES = (0x48, 0x4B)  # the ADDR pin at GND, VDD, SDA, SCL


class Bus(Protocol):
    """One device on an I2C bus. OSError when it does not acknowledge."""

    def write(self, data: bytes) -> None: ...
    def read(self, count: int) -> bytes: ...
    def close(self) -> None: ...


class LinuxBus:
    """The bus as Linux shows it: each write and read is one message to the address."""

    def __init__(self, path: str, address: int) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.ioctl(self._file, I2C_SLAVE, address)
        except OSError:
            os.close(self._file)
            raise

    def write(self, data: bytes) -> None:
        os.write(self._file, data)

    def read(self, count: int) -> bytes:
        return os.read(self._file, count)

    def close(self) -> None:
        os.close(self._file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One input. ``low`` and ``high`` are points (volts, unit) of the straight line between them.

    Volts outside ``valid_v`` are a broken wire or a short, not a value.
    """

    channel: str
    series: Series
    low: tuple[float, float] = (0.0, 0.0)
    high: tuple[float, float] = (1.0, 1.0)
    range_v: float = 4.096
    valid_v: tuple[float, float] | None = None

    def answer(self, raw: int) -> Answer:
        """What the conversion register says, in the unit."""
        shown = f"0x{raw & 0xFFFF:04x}"
        if raw in (0x7FFF, -0x8000):
            reason = f"input {self.channel} is beyond ±{self.range_v:g} V"
            return fault(reason, Quality.FAIL, shown)
        volts = raw * self.range_v / 0x8000
        shown = f"{shown} {volts:.4f} V"
        if self.valid_v and not self.valid_v[0] <= volts <= self.valid_v[1]:
            bounds = f"{self.valid_v[0]:g} to {self.valid_v[1]:g} V"
            reason = f"input {self.channel} has {volts:.3f} V, not {bounds}: see its wires"
            return fault(reason, Quality.FAIL, shown)
        (low_v, low), (high_v, high) = self.low, self.high
        return Answer(low + (volts - low_v) * (high - low) / (high_v - low_v), shown)


@dataclass(slots=True)
class Ads1115:
    """The source: one chip with its inputs."""

    path: str
    address: int
    inputs: tuple[Input, ...]
    open_bus: Callable[[str, int], Bus] = LinuxBus
    _bus: Bus | None = field(default=None, init=False)

    @property
    def series(self) -> tuple[Series, ...]:
        return tuple(each.series for each in self.inputs)

    def ask(self) -> Mapping[Series, Answer]:
        try:
            if self._bus is None:
                self._bus = self.open_bus(self.path, self.address)
            return {
                each.series: each.answer(self._convert(self._bus, each)) for each in self.inputs
            }
        except OSError as error:
            raise SensorError(
                f"{self.path} address 0x{self.address:02x}: {error.strerror or error}; "
                "is I2C switched on, the chip wired, and may the agent open the bus (group i2c)?"
            ) from error

    def close(self) -> None:
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.close()

    def _convert(self, bus: Bus, of: Input) -> int:
        config = INPUTS[of.channel] << 12 | RANGES[of.range_v] << 9
        config |= SINGLE_SHOT | RATE_128 | NO_COMPARATOR
        bus.write(bytes([CONFIG]) + (config | IDLE).to_bytes(2, "big"))
        until_s = time.monotonic() + LONGEST_CONVERSION_S
        while True:
            time.sleep(CONVERSION_S)
            now = _word(bus)
            if now & ~IDLE != config:
                raise SensorError(
                    f"{self.path} address 0x{self.address:02x}: wrote configuration "
                    f"0x{config:04x}, read 0x{now:04x}: another chip, or it was reset"
                )
            if now & IDLE:
                break
            if time.monotonic() > until_s:
                raise SensorError(f"{self.path} address 0x{self.address:02x}: it does not convert")
        bus.write(bytes([CONVERSION]))
        raw = _word(bus)
        return raw - 0x10000 if raw & 0x8000 else raw


@dataclass(frozen=True, slots=True, kw_only=True)
class Converter:
    """Which chip with which inputs, and when to ask it."""

    path: str
    address: int
    inputs: tuple[Input, ...]
    schedule: Schedule

    def build(self, name: str, begin_ms: int) -> Polling:
        source = Ads1115(self.path, self.address, self.inputs)
        return Polling(name, self.schedule, source, begin_ms)

    @property
    def gives(self) -> tuple[Series, ...]:
        return tuple(each.series for each in self.inputs)

    @property
    def pace_s(self) -> float:
        return self.schedule.interval_s

    @property
    def uses(self) -> tuple[Use, ...]:
        return (Use("file", self.path),)


def read(table: Table, _: Path) -> Converter:
    """The keys of a ``[[sensor]]`` of kind ads1115; mistakes are complained of to the table."""
    place, port = read_series(table)
    inputs = tuple(_input(each, place, port) for each in table.tables("input"))
    if not inputs:
        table.complain("input", "there is none; write at least one [[sensor.input]]")
    if len({each.series for each in inputs}) < len(inputs):
        table.complain("input", "two are the same (place, port, metric); change one")
    return Converter(
        path=table.text("bus", "/dev/i2c-1"),
        address=table.whole("address", ADDRESSES[0], least=ADDRESSES[0], most=ADDRESSES[1]),
        inputs=inputs,
        schedule=read_schedule(table),
    )


def _input(table: Table, place: str, port: str) -> Input:
    own = read_series(table) if "place" in table else (place, table.id("port", port))
    low, high = _pair(table, "low", (0.0, 0.0)), _pair(table, "high", None)
    if low[0] == high[0]:
        table.complain("high", "must stand at other volts than low")
    range_v = table.number("range_v", 4.096)
    if range_v not in RANGES:
        table.complain("range_v", f"write one of {', '.join(f'{each:g}' for each in RANGES)}")
    valid_v = _pair(table, "valid_v", None) if "valid_v" in table else None
    if valid_v and valid_v[0] >= valid_v[1]:
        table.complain("valid_v", "write the lower voltage first")
    found = Input(
        channel=table.one_of("channel", INPUTS),
        series=Series(*own, table.one_of("metric", METRICS)),
        low=low,
        high=high,
        range_v=range_v,
        valid_v=valid_v,
    )
    table.done()
    return found


def _pair(table: Table, key: str, default: tuple[float, float] | None) -> tuple[float, float]:
    raw = table.raw(key)
    if raw is None and default is not None:
        return default
    if isinstance(raw, list) and len(raw) == 2:
        first, second = raw
        if type(first) in (int, float) and type(second) in (int, float):
            if abs(first) < 1e9 and abs(second) < 1e9:
                return float(first), float(second)
    table.complain(key, f"write two numbers, e.g. [4.5, 10.0], got {raw!r}")
    return 0.0, 1.0


def _word(bus: Bus) -> int:
    data = bus.read(2)
    if len(data) != 2:
        raise SensorError(f"the chip gave {len(data)} bytes instead of 2")
    return int.from_bytes(data, "big")

"""Electricity meters that speak DL/T 645-2007, over a serial line or a TCP gateway. Reads only."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge.errors import SensorError
from edge.sensors.dlt645_frame import (
    ANY_METER,
    READ_DONE,
    READ_MORE,
    READ_REFUSED,
    Frame,
    digits,
    find,
    read_request,
    refusal,
)
from edge.sensors.line import Line, NoAnswer, Wire, read_line
from edge.sensors.polling import (
    FIRST_PAUSE_S,
    Answer,
    Polling,
    Schedule,
    fault,
    read_schedule,
    read_series,
)
from edge.sensors.port import Series, Use
from edge.table import Table

TCP_PORT = 4001  # of no standard: what serial servers often come with
BAUD, PARITY = 2400, "even"  # the standard's, 5.1 and 5.2.1
MOST_SILENT = 2  # items without an answer at a round's beginning; then the meter is not there
PHASES = ("a", "b", "c")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A data item: ``size`` bytes of BCD, times ``scale`` is in the metric's unit."""

    code: str
    size: int
    scale: float
    is_signed: bool = False


# Annex A of the standard. {p} is the phase: 1, 2, 3; power and power factor of all phases are 0.
ITEMS = {
    "voltage": Item(code="02010{p}00", size=2, scale=0.1),
    "current": Item(code="02020{p}00", size=3, scale=0.001, is_signed=True),
    "power": Item(code="02030{p}00", size=3, scale=0.1, is_signed=True),  # XX.XXXX kW
    "power-factor": Item(code="02060{p}00", size=2, scale=0.001, is_signed=True),
    "energy": Item(code="00010000", size=4, scale=10.0),  # forward active, XXXXXX.XX kWh
    "frequency": Item(code="02800002", size=2, scale=0.01),
}
USUAL = ["voltage", "current", "power", "energy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """What to ask and where. ``phase`` empty: power of all, voltage and current of A."""

    line: Line
    address: str
    phase: str
    place: str
    port: str
    metrics: tuple[str, ...]
    schedule: Schedule

    def build(self, name: str, begin_ms: int) -> Polling:
        return Polling(name, self.schedule, Dlt645(self), begin_ms)

    @property
    def gives(self) -> tuple[Series, ...]:
        return tuple(Series(self.place, self.port, metric) for metric in self.metrics)

    @property
    def pace_s(self) -> float:
        return self.schedule.interval_s

    @property
    def uses(self) -> tuple[Use, ...]:
        return self.line.uses


@dataclass(slots=True)
class Dlt645:
    """The source: one request for each metric, since the standard has none for several."""

    meter: Meter
    pause: Callable[[float], None] = time.sleep
    _wire: Wire = field(init=False)

    def __post_init__(self) -> None:
        self._wire = Wire(self.meter.line)

    @property
    def series(self) -> tuple[Series, ...]:
        return tuple(map(self._series, self.meter.metrics))

    def close(self) -> None:
        self._wire.close()

    def ask(self) -> Mapping[Series, Answer]:
        answers: dict[Series, Answer] = {}
        with self._wire:
            silent = self._pass(self.meter.metrics, answers)
            if silent and answers:  # the meter is there: a frame was lost
                self.pause(FIRST_PAUSE_S)
                silent = self._pass(tuple(silent), answers)
        if not answers and silent:
            raise SensorError(next(iter(silent.values())))
        return answers | {self._series(metric): fault(why) for metric, why in silent.items()}

    def _pass(self, asked: tuple[str, ...], answers: dict[Series, Answer]) -> dict[str, str]:
        """Ask for each metric; those that gave nothing, with the reason."""
        silent: dict[str, str] = {}
        for nth, metric in enumerate(asked):
            try:
                answers[self._series(metric)] = self._answer(metric)
            except SensorError as error:
                silent[metric] = str(error)
                if not answers and len(silent) >= MOST_SILENT:
                    return silent | dict.fromkeys(asked[nth + 1 :], str(error))
        return silent

    def _answer(self, metric: str) -> Answer:
        item = ITEMS[metric]
        code = item.code.format(p=_phase_number(metric, self.meter.phase))
        try:
            frame = self._wire.exchange(
                read_request(self.meter.address, code), lambda heard: self._mine(heard, code)
            )
        except NoAnswer as error:
            raise SensorError(self._why(code, error)) from error
        if frame.control == READ_REFUSED:
            return fault(f"meter {frame.address} refuses {code}: {refusal(frame.data)}")
        data = frame.data[4:]
        raw = data[::-1].hex(" ").upper()
        if frame.control == READ_MORE or len(data) != item.size:
            return fault(f"{code}: {len(data)} bytes where {item.size} were due", raw=raw)
        number = digits(data, signed=item.is_signed)
        if number is None:
            return fault(f"{code}: {raw} is no number", raw=raw)
        return Answer(float(f"{number * item.scale:.12g}"), raw)

    def _mine(self, heard: bytes, code: str) -> Frame | None:
        """The answer to this question: of this meter and of this item."""
        for frame in find(heard):
            if self.meter.address not in (ANY_METER, frame.address):
                continue
            if frame.control == READ_REFUSED:
                return frame
            if frame.control in (READ_DONE, READ_MORE):
                if frame.data[:4] == bytes.fromhex(code)[::-1]:
                    return frame
        return None

    def _why(self, code: str, error: NoAnswer) -> str:
        where = f"meter {self.meter.address}, item {code}"
        if not error.heard:
            return f"{where}: {error}; check wires A and B, baud rate, parity and address"
        shown = error.heard[:20].hex(" ")
        if find(error.heard):
            return f"{where}: only frames that are no answer to it ({shown})"
        return f"{where}: torn frame or wrong checksum ({shown}); check cable, baud rate, parity"

    def _series(self, metric: str) -> Series:
        return Series(self.meter.place, self.meter.port, metric)


def read(table: Table, _: Path) -> Meter:
    """The keys of a ``[[sensor]]`` of kind dlt645; mistakes are complained of to the table."""
    place, port = read_series(table)
    address = table.text("address", ANY_METER, most=12)
    if address != ANY_METER and not (address.isascii() and address.isdigit()):
        table.complain("address", f"write the up to 12 digits on the meter, got {address!r}")
    metrics = table.texts("metrics") if "metrics" in table else USUAL
    for metric in metrics:
        if metric not in ITEMS:
            table.complain("metrics", f"{metric!r} is not read; there are {', '.join(ITEMS)}")
    if not metrics or len(set(metrics)) < len(metrics):
        table.complain("metrics", "name each once, at least one")
    return Meter(
        line=read_line(table, tcp_port=TCP_PORT, baud=BAUD, parity=PARITY),
        address=address.zfill(12),
        phase=table.one_of("phase", PHASES, "") if "phase" in table else "",
        place=place,
        port=port,
        metrics=tuple(metrics),
        schedule=read_schedule(table),
    )


def _phase_number(metric: str, phase: str) -> int:
    if phase:
        return PHASES.index(phase) + 1
    return 1 if metric in ("voltage", "current") else 0

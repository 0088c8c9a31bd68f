"""Modbus RTU and TCP by register map; ``modbus_frame`` makes and reads the frames, ``Wire`` carries
them.

Reads only (functions 1 to 4): a sensor changes nothing in the device it asks.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge.errors import SensorError
from edge.sensors import modbus_frame
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
from edge.sensors.registers import BIT_FUNCTIONS, Block, Register, blocks, read_registers
from edge.table import Table

TCP_PORT = 502
FRAMINGS = ("tcp", "rtu")
MOST_SILENT = 2  # blocks without an answer at a round's beginning; then the device is not there
RTU_HEAD = 5  # unit, function, count and two bytes of CRC around the data of an answer
# Modbus Application Protocol V1.1b3, 7.
EXCEPTIONS = {
    1: "illegal function: the map names one that the device lacks",
    2: "illegal address: the map names a register that the device lacks",
    3: "illegal value: the map asks for too many registers at once",
    4: "the device failed",
    5: "the device needs time",
    6: "the device is busy",
    8: "the device's memory is damaged",
    10: "the gateway has no way to the device",
    11: "the device behind the gateway does not answer",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What to ask and where; ``is_rtu`` also over TCP, for gateways that only pass bytes on."""

    line: Line
    unit_id: int
    is_rtu: bool
    registers: tuple[Register, ...]
    schedule: Schedule

    def build(self, name: str, begin_ms: int) -> Polling:
        return Polling(name, self.schedule, Modbus(self), begin_ms)

    @property
    def gives(self) -> tuple[Series, ...]:
        return tuple(each.series for each in self.registers)

    @property
    def pace_s(self) -> float:
        return self.schedule.interval_s

    @property
    def uses(self) -> tuple[Use, ...]:
        return self.line.uses


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A block's registers or bits, or the number of the exception."""

    words: list[int] = field(default_factory=list)
    exception: int = 0


@dataclass(slots=True)
class Modbus:
    """The source. A connection of Modbus TCP is kept: its frames are numbered, others' are not."""

    device: Device
    pause: Callable[[float], None] = time.sleep
    _wire: Wire = field(init=False)
    _blocks: tuple[Block, ...] = field(init=False)
    _number: int = 0

    def __post_init__(self) -> None:
        self._wire = Wire(self.device.line, keep=not self.device.is_rtu)
        self._blocks = blocks(self.device.registers)

    @property
    def series(self) -> tuple[Series, ...]:
        return tuple(each.series for each in self.device.registers)

    def close(self) -> None:
        self._wire.close()

    def ask(self) -> Mapping[Series, Answer]:
        answers: dict[Series, Answer] = {}
        with self._wire:
            silent = self._pass(self._blocks, answers)
            if silent and answers:  # the device is there: a frame was lost
                self.pause(FIRST_PAUSE_S)
                silent = self._pass(tuple(silent), answers)
        if not answers and silent:
            raise SensorError(next(iter(silent.values())))
        for block, reason in silent.items():
            answers.update((each.series, fault(reason)) for each in block.registers)
        return answers

    def _pass(self, asked: tuple[Block, ...], answers: dict[Series, Answer]) -> dict[Block, str]:
        """Ask for each block; those that gave nothing, with the reason."""
        silent: dict[Block, str] = {}
        for nth, block in enumerate(asked):
            try:
                answers.update(self._answers(block))
            except SensorError as error:
                silent[block] = str(error)
                # What comes late must not be taken for the answer to the next question.
                self._wire.close()
                if not answers and len(silent) >= MOST_SILENT:
                    return silent | dict.fromkeys(asked[nth + 1 :], str(error))
        return silent

    def _answers(self, block: Block) -> dict[Series, Answer]:
        given = self._exchange(block)
        if given.exception:
            what = EXCEPTIONS.get(given.exception, "unknown to the standard")
            reason = f"{self._where(block)}: exception {given.exception}, {what}"
            return {each.series: fault(reason) for each in block.registers}
        return {
            each.series: each.decode(given.words[each.address - block.address :][: each.size])
            for each in block.registers
        }

    def _exchange(self, block: Block) -> Given:
        number = None
        if not self.device.is_rtu:
            number = self._number = self._number % 0xFFFF + 1
        unit, function = self.device.unit_id, block.function

        def understand(heard: bytes) -> Given | None:
            frame = modbus_frame.answer(heard, unit, function, number)
            return None if frame is None else _given(block, frame)

        asked = modbus_frame.read(unit, function, block.address, block.count, number)
        try:
            return self._wire.exchange(asked, understand)
        except NoAnswer as error:
            raise SensorError(self._why(block, error)) from error

    def _why(self, block: Block, error: NoAnswer) -> str:
        where, heard = self._where(block), error.heard
        if not heard:
            return f"{where}: {error}; check power, wires A and B, baud rate and unit_id"
        shown = heard[:16].hex(" ")
        if not self.device.is_rtu:
            return f"{where}: {len(heard)} bytes that are no answer to it ({shown})"
        size = -(-block.count // 8) if block.function in BIT_FUNCTIONS else 2 * block.count
        if len(heard) < RTU_HEAD + size:
            return f"{where}: cut off after {len(heard)} of {RTU_HEAD + size} bytes ({shown})"
        return f"{where}: wrong checksum or another's answer ({shown}); check cable and earth"

    def _where(self, block: Block) -> str:
        last = block.address + block.count - 1
        return f"unit {self.device.unit_id}, function {block.function}, {block.address}-{last}"


def read(table: Table, folder: Path) -> Device:
    """The keys of a ``[[sensor]]`` of kind modbus; mistakes are complained of to the table."""
    place, port = read_series(table)
    framing = table.one_of("framing", FRAMINGS, "rtu" if "serial" in table else "tcp")
    if framing == "tcp" and "serial" in table:
        table.complain("framing", "a serial line speaks rtu; take it out")
    return Device(
        line=read_line(table, tcp_port=TCP_PORT),
        unit_id=table.whole("unit_id", 1, least=1, most=255),
        is_rtu=framing == "rtu",
        registers=read_registers(table, folder, place, port),
        schedule=read_schedule(table),
    )


def _given(block: Block, frame: modbus_frame.Frame) -> Given | None:
    if frame.exception:
        return Given(exception=frame.exception)
    is_bits = block.function in BIT_FUNCTIONS
    words = (modbus_frame.bits if is_bits else modbus_frame.registers)(frame.data)
    # Bits come in whole bytes. Another number of registers answers another question.
    fits = len(words) >= block.count if is_bits else len(frame.data) == 2 * block.count
    return Given(words=words[: block.count]) if fits else None

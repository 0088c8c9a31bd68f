"""A line to a meter or sonde: a serial port or a TCP socket over which one frame asks, one answers.

Waits are bounded on the steady clock: the house's clock may be set while an answer is awaited.
"""

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

from edge.errors import SensorError
from edge.sensors.port import Use
from edge.table import Table

PARITIES = {"none": "N", "even": "E", "odd": "O"}
BAUDS = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
LONGEST_ANSWER = 4096  # bytes; more than any frame of Modbus (260) and DL/T 645 (267)
LONGEST_TURN_S = 30.0  # real: a line that several sensors share is given up for this round then
TICK_S = 0.05  # real: how often a serial port is looked at

_T = TypeVar("_T")
_turns: dict[str, threading.Lock] = {}  # by address: sensors on one line ask in turn
_turns_lock = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Where it is. ``serial`` is a device file; without it ``host`` and ``port``."""

    serial: str = ""
    host: str = ""
    port: int = 0
    baud: int = 9600
    parity: str = "none"
    stop_bits: int = 1
    timeout_s: float = 1.0

    def __str__(self) -> str:
        return self.serial or f"{self.host}:{self.port}"

    @property
    def uses(self) -> tuple[Use, ...]:
        """A serial line may be shared by sensors that ask with the same settings."""
        settings = f"{self.baud} 8{PARITIES[self.parity]}{self.stop_bits}"
        return (Use("serial", self.serial, settings),) if self.serial else ()


def read_line(table: Table, *, tcp_port: int, baud: int = 9600, parity: str = "none") -> Line:
    """The keys ``serial`` with baud, parity, stop_bits or ``tcp``, and ``timeout_s`` (real)."""
    serial, host, port = "", "", 0
    if ("serial" in table) == ("tcp" in table):
        table.complain("serial", 'write serial = "/dev/ttyUSB0" or tcp = "host:port", one of them')
    if "serial" in table:
        serial = table.text("serial")
    if "tcp" in table:
        text = table.text("tcp")
        try:
            parts = urlsplit(f"//{text}")
            host, port = parts.hostname or "", parts.port or tcp_port
        except ValueError:
            pass
        if not host:
            table.complain("tcp", f"write host or host:port, got {text!r}")
        for key in ("baud", "parity", "stop_bits"):
            if key in table:
                table.complain(
                    key, "belongs to a serial line; set it at the far end of the TCP one"
                )
    line = Line(
        serial=serial,
        host=host,
        port=port,
        baud=table.whole("baud", baud, least=BAUDS[0], most=BAUDS[-1]),
        parity=table.one_of("parity", PARITIES, parity),
        stop_bits=table.whole("stop_bits", 1, least=1, most=2),
        timeout_s=table.number("timeout_s", 1.0, least=0.05, most=60),
    )
    if line.baud not in BAUDS:
        table.complain("baud", f"write one of {', '.join(map(str, BAUDS))}")
    return line


class NoAnswer(SensorError):
    """Nothing, or nothing that could be understood; ``heard`` are the bytes that came."""

    def __init__(self, text: str, heard: bytes) -> None:
        self.heard = heard
        super().__init__(text)


@dataclass(slots=True)
class Wire:
    """The line opened. In a ``with`` it is this sensor's turn; others on the line wait.

    Unless ``keep`` it is closed after each turn, so that several sensors and even processes may
    use one port, and an adapter that was pulled out is found again.
    """

    line: Line
    keep: bool = False
    _device: Any = None
    _turn: threading.Lock = field(init=False)

    def __post_init__(self) -> None:
        name = os.path.realpath(self.line.serial) if self.line.serial else str(self.line)
        with _turns_lock:
            self._turn = _turns.setdefault(name, threading.Lock())

    def __enter__(self) -> "Wire":
        if not self._turn.acquire(timeout=LONGEST_TURN_S):
            raise SensorError(f"{self.line}: busy with another sensor for {LONGEST_TURN_S:.0f} s")
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if not self.keep:
                self.close()
        finally:
            self._turn.release()

    def close(self) -> None:
        device, self._device = self._device, None
        if device is not None:
            with suppress(OSError):
                device.close()

    def exchange(
        self, frame: bytes, understand: Callable[[bytes], _T | None], *, strips_echo: bool = True
    ) -> _T:
        """Send ``frame``; what ``understand`` makes of all bytes since, as soon as it is not None.

        A first copy of ``frame`` is what a two-wire adapter heard itself say, unless the device's
        own answer looks the same (``strips_echo`` False). NoAnswer after ``timeout_s``; SensorError when the line is broken, which also closes it.
        """
        try:
            if self._device is None:
                self._device = _open(self.line)
            self._drain()
            self._send(frame)
            return self._await(frame if strips_echo else b"", understand)
        except OSError as error:  # pyserial's SerialException is one
            self.close()
            raise SensorError(f"{self.line}: {error}; check cable, address and rights") from error

    def _await(self, echo: bytes, understand: Callable[[bytes], _T | None]) -> _T:
        heard = b""
        until_s = time.monotonic() + self.line.timeout_s
        while (rest_s := until_s - time.monotonic()) > 0 and len(heard) < LONGEST_ANSWER:
            some = self._receive(rest_s)
            if some:
                heard += some
                if echo and heard.startswith(echo):
                    heard = heard[len(echo) :]
                answer = understand(heard)
                if answer is not None:
                    return answer
        raise NoAnswer(f"{self.line}: no answer within {self.line.timeout_s:g} s", heard)

    def _send(self, frame: bytes) -> None:
        if isinstance(self._device, socket.socket):
            self._device.settimeout(self.line.timeout_s)
            self._device.sendall(frame)
        else:
            self._device.write(frame)

    def _receive(self, rest_s: float) -> bytes:
        if isinstance(self._device, socket.socket):
            self._device.settimeout(rest_s)
            try:
                some = self._device.recv(LONGEST_ANSWER)
            except TimeoutError:
                return b""
            if not some:
                raise ConnectionError("the far end closed the connection")
            return some
        self._device.timeout = min(rest_s, TICK_S)
        return bytes(self._device.read(max(1, self._device.in_waiting)))

    def _drain(self) -> None:
        """What came late answers an older question."""
        if not isinstance(self._device, socket.socket):
            self._device.reset_input_buffer()
            return
        self._device.setblocking(False)
        for _ in range(16):
            try:
                if not self._device.recv(LONGEST_ANSWER):
                    self.close()  # it was closed while nobody asked
                    self._device = _open(self.line)
                    return
            except BlockingIOError:
                return


def _open(line: Line) -> Any:
    if not line.serial:
        return socket.create_connection((line.host, line.port), timeout=line.timeout_s)
    try:
        import termios

        import serial
    except ImportError as error:
        raise SensorError("pyserial is not installed; pip install 'shouwang[serial]'") from error
    try:
        return serial.Serial(
            line.serial,
            baudrate=line.baud,
            parity=PARITIES[line.parity],
            stopbits=line.stop_bits,
            timeout=TICK_S,
            write_timeout=line.timeout_s,
            exclusive=True,
        )
    except (ValueError, termios.error) as error:
        what = f"baud {line.baud}, parity {line.parity}, {line.stop_bits} stop bits"
        raise SensorError(f"{line}: the port does not take {what}: {error}") from error

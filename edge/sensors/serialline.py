"""A device that says its values as ASCII lines on a serial port, by the standard library's termios.

A line that fits ``pattern`` as a whole gives its named groups. A device that speaks by itself is
listened to from its next whole line on, since what waits in the port is old; one that must be asked
is sent ``ask`` first. Lines that do not fit are passed over until ``timeout_s`` is over.
"""

import fcntl
import os
import re
import select
import termios
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge.errors import SensorError
from edge.sensors.line import BAUDS, PARITIES
from edge.sensors.named import Named, read_named, shown
from edge.sensors.polling import Answer, Polling, Schedule, fault, read_schedule
from edge.sensors.port import Series, Use
from edge.table import Table

LONGEST_LINE = 512  # bytes; the rest of a longer one is thrown away with it
MOST_BYTES = 65_536  # that a device may say while it is listened to: 115200 baud for over 5 s
EXAMPLE = 'values.level = "water-level" for pattern = "L=(?P<level>[-0-9.]+)"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """The serial port: 8 data bits, or 7 with ``has_7_bits``."""

    path: str
    baud: int = 9600
    parity: str = "none"
    stop_bits: int = 1
    has_7_bits: bool = False

    @property
    def settings(self) -> str:
        """As people write them: 9600 8N1, and that it stays open."""
        bits = 7 if self.has_7_bits else 8
        return f"{self.baud} {bits}{PARITIES[self.parity]}{self.stop_bits}, held open"


@dataclass(slots=True)
class SerialLine:
    """The source. The port stays open between rounds."""

    port: Port
    pattern: re.Pattern[str]
    values: tuple[Named, ...]
    ask_bytes: bytes = b""
    timeout_s: float = 5.0
    _file: int | None = field(default=None, init=False)

    @property
    def series(self) -> tuple[Series, ...]:
        return tuple(each.series for each in self.values)

    def ask(self) -> Mapping[Series, Answer]:
        """Listens until each value was said once, at most ``timeout_s`` of real time."""
        try:
            if self._file is None:
                self._file = _open(self.port)
            said, last = self._listen(self._file, time.monotonic() + self.timeout_s)
        except (OSError, termios.error) as error:
            raise SensorError(
                f"{self.port.path}: {error.args[-1]}; see cable and rights"
            ) from error
        if last is None:
            raise SensorError(
                f"{self.port.path}: no line within {self.timeout_s:g} s at {self.port.baud} baud; "
                "see cable and baud"
            )
        if not said:
            raise SensorError(f"{self.port.path}: no line fits the pattern; one was {last!r}")
        return {
            each.series: each.answer(said[each.name])
            if each.name in said
            else fault(f"nothing said of {each.name} within {self.timeout_s:g} s")
            for each in self.values
        }

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def _listen(self, file: int, until_s: float) -> tuple[dict[str, str], str | None]:
        """What was said by name, and a line to show, one that did not fit if there was any."""
        said: dict[str, str] = {}
        odd = last = None
        termios.tcflush(file, termios.TCIFLUSH)
        if self.ask_bytes:
            _write(file, self.ask_bytes, until_s)
        for line in _lines(file, until_s, is_within=not self.ask_bytes):
            last = line
            found = self.pattern.fullmatch(line)
            if found is None:
                odd = line
            else:
                said |= {name: text for name, text in found.groupdict().items() if text is not None}
                if all(each.name in said for each in self.values):
                    break
        shown_line = odd if odd is not None else last
        return said, None if shown_line is None else shown(shown_line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """Which port, what its lines say, and when to listen."""

    port: Port
    pattern: re.Pattern[str]
    values: tuple[Named, ...]
    ask_bytes: bytes
    timeout_s: float
    schedule: Schedule

    def build(self, name: str, begin_ms: int) -> Polling:
        source = SerialLine(self.port, self.pattern, self.values, self.ask_bytes, self.timeout_s)
        return Polling(name, self.schedule, source, begin_ms)

    @property
    def gives(self) -> tuple[Series, ...]:
        return tuple(each.series for each in self.values)

    @property
    def pace_s(self) -> float:
        return self.schedule.interval_s

    @property
    def uses(self) -> tuple[Use, ...]:
        return (Use("serial", self.port.path, self.port.settings),)


def read(table: Table, _: Path) -> Speaker:
    """The keys of a ``[[sensor]]`` of kind serialline; mistakes are complained of to the table."""
    try:
        pattern = re.compile(table.text("pattern"))
    except re.error as error:
        table.complain("pattern", f"is no regular expression: {error}")
        pattern = re.compile("")
    values = read_named(table, "values", EXAMPLE)
    for each in values:
        if pattern.pattern and each.name not in pattern.groupindex:
            names = ", ".join(pattern.groupindex) or "none"
            table.complain("values", f"the pattern has no group {each.name!r}; it has {names}")
    ask = table.text("ask", "") if "ask" in table else ""
    if not ask.isascii():
        table.complain("ask", "write ASCII only")
    baud = table.whole("baud", 9600, least=BAUDS[0], most=BAUDS[-1])
    if baud not in BAUDS:
        table.complain("baud", f"write one of {', '.join(map(str, BAUDS))}")
    return Speaker(
        port=Port(
            path=table.text("serial"),
            baud=baud,
            parity=table.one_of("parity", PARITIES, "none"),
            stop_bits=table.whole("stop_bits", 1, least=1, most=2),
            has_7_bits=table.whole("data_bits", 8, least=7, most=8) == 7,
        ),
        pattern=pattern,
        values=values,
        ask_bytes=ask.encode("ascii", "replace"),
        timeout_s=table.number("timeout_s", 5.0, least=0.05, most=300),
        schedule=read_schedule(table),
    )


def _open(port: Port) -> int:
    """The port opened raw and for us alone; O_NONBLOCK, so that no modem line holds us."""
    file = os.open(port.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(file, termios.TIOCEXCL)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # pyserial looks at this one
        flags = termios.CREAD | termios.CLOCAL | (termios.CS7 if port.has_7_bits else termios.CS8)
        if port.parity != "none":
            flags |= termios.PARENB
        if port.parity == "odd":
            flags |= termios.PARODD
        if port.stop_bits == 2:
            flags |= termios.CSTOPB
        speed = getattr(termios, f"B{port.baud}")
        control = termios.tcgetattr(file)[6]
        # A byte of wrong parity is thrown away, and its line will not fit.
        checked = 0 if port.parity == "none" else termios.INPCK | termios.IGNPAR
        termios.tcsetattr(file, termios.TCSANOW, [checked, 0, flags, 0, speed, speed, control])
    except BaseException:
        os.close(file)
        raise
    return file


def _write(file: int, data: bytes, until_s: float) -> None:
    while data:
        if not _waits(file, select.POLLOUT, until_s):
            raise OSError(0, "the port takes nothing")
        data = data[os.write(file, data) :]


def _lines(file: int, until_s: float, *, is_within: bool) -> Iterator[str]:
    """Whole lines until the time is over; ``is_within``: the first may be the rest of one."""
    rest, total = b"", 0
    while total < MOST_BYTES and _waits(file, select.POLLIN, until_s):
        try:
            some = os.read(file, 4096)
        except BlockingIOError:
            continue
        if not some:
            raise OSError(0, "the device is gone")
        total += len(some)
        *ended, rest = re.split(rb"[\r\n]+", rest + some)
        for line in ended:
            if is_within or len(line) > LONGEST_LINE:
                is_within = False
            elif line.strip():
                yield line.decode("ascii", "replace").strip()
        rest = rest[: LONGEST_LINE + 1]


def _waits(file: int, event: int, until_s: float) -> bool:
    poll = select.poll()
    poll.register(file, event)
    rest_s = until_s - time.monotonic()
    return rest_s > 0 and bool(poll.poll(max(1, round(rest_s * 1000))))

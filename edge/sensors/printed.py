"""A file or a command that prints values: for the sensor that nobody foresaw.

It is named in the device's own file only; no configuration by wire may ever reach it. A command is
run without a shell, in a group of its own, with a deadline and a bound on what it may print, and
sees nothing of the agent's environment but where programs are and the language.
"""

import json
import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge.errors import SensorError
from edge.sensors.named import Named, read_named, shown
from edge.sensors.polling import DAY_S, Answer, Polling, Schedule, fault, read_schedule
from edge.sensors.port import Series, Use
from edge.table import Table

MOST_BYTES = 65_536
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ")  # the rest may hold the broker's password
FORMATS = ("json", "lines")


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """The source. Exactly one of ``file`` and ``command`` is given."""

    values: tuple[Named, ...]
    is_json: bool
    file: Path | None = None
    max_age_s: float | None = None
    command: tuple[str, ...] = ()
    folder: Path = Path()
    timeout_s: float = 10.0

    @property
    def series(self) -> tuple[Series, ...]:
        return tuple(each.series for each in self.values)

    def ask(self) -> Mapping[Series, Answer]:
        text = self._read() if self.file is not None else self._run()
        said = _json(text) if self.is_json else _lines(text)
        answers = {}
        for each in self.values:
            found = _look_up(said, each.name)
            is_there = found is not None
            missing = fault(f"it says nothing of {each.name}; it says {shown(', '.join(said))}")
            answers[each.series] = each.answer(found) if is_there else missing
        return answers

    def close(self) -> None:
        pass

    def _read(self) -> str:
        file = self.file or Path()
        try:
            # A pipe without a writer would hold the reader for ever.
            number = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(number, "rb") as opened:
                age_s = time.time() - os.fstat(opened.fileno()).st_mtime
                data = opened.read(MOST_BYTES + 1) or b""
        except OSError as error:
            raise SensorError(f"{file}: {error.strerror}") from error
        if self.max_age_s is not None and age_s > self.max_age_s:
            raise SensorError(f"{file} was last written {age_s:.0f} s ago")
        return _text(data, str(file))

    def _run(self) -> str:
        environment = {key: os.environ[key] for key in PASSED_ON if key in os.environ}
        try:
            process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, cwd=self.folder, env=environment, start_new_session=True,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            raise SensorError(f"{self.command[0]} cannot be run: {error}") from error
        with process:
            try:
                data, complaint = self._collect(process)
            finally:
                _kill(process)
        code = process.returncode
        if code:
            raise SensorError(f"{self.command[0]} ended with {code}: {shown(complaint.strip())}")
        return _text(data, self.command[0])

    def _collect(self, process: subprocess.Popen[bytes]) -> tuple[bytes, str]:
        """What it prints until it ends; SensorError at the deadline or when it is too much."""
        until_s = time.monotonic() + self.timeout_s
        streams = {process.stdout: b"", process.stderr: b""}
        with selectors.DefaultSelector() as selector:
            for stream in streams:
                if stream is not None:
                    selector.register(stream, selectors.EVENT_READ)
            while selector.get_map():
                self._bound(until_s)
                for key, _ in selector.select(until_s - time.monotonic()):
                    chunk = os.read(key.fd, MOST_BYTES)
                    stream = process.stdout if key.fileobj is process.stdout else process.stderr
                    streams[stream] += chunk
                    if not chunk:
                        selector.unregister(key.fileobj)
                    if len(streams[stream]) > MOST_BYTES:
                        raise SensorError(f"{self.command[0]} printed over {MOST_BYTES} bytes")
        try:
            process.wait(max(0.0, until_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._bound(until_s)
        return streams[process.stdout], streams[process.stderr].decode(errors="replace")

    def _bound(self, until_s: float) -> None:
        if time.monotonic() >= until_s:
            raise SensorError(f"{self.command[0]} took longer than {self.timeout_s:g} s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Printing:
    """What is printed where, and when to look."""

    source: Printed
    schedule: Schedule

    def build(self, name: str, begin_ms: int) -> Polling:
        return Polling(name, self.schedule, self.source, begin_ms)

    @property
    def gives(self) -> tuple[Series, ...]:
        return self.source.series

    @property
    def pace_s(self) -> float:
        return self.schedule.interval_s

    @property
    def uses(self) -> tuple[Use, ...]:
        return () if self.source.file is None else (Use("file", str(self.source.file)),)


def read(table: Table, folder: Path) -> Printing:
    """The keys of a ``[[sensor]]`` of kind printed; mistakes are complained of to the table."""
    command = table.texts("command")
    if ("file" in table) == bool(command):
        table.complain("command", 'give either file or command, e.g. command = ["vcgencmd", "x"]')
    if command and "/" in command[0]:
        command[0] = str(folder / command[0])
    if command and shutil.which(command[0]) is None:
        table.complain("command", f"{command[0]!r} is no program that may be run")
    file = folder / table.text("file") if "file" in table else None
    max_age_s = table.number("max_age_s", above=0, most=DAY_S) if "max_age_s" in table else None
    if max_age_s is not None and file is None:
        table.complain("max_age_s", "is for a file; take it out")
    return Printing(
        source=Printed(
            values=read_named(table, "values", 'values.temp = "shed-temp"'),
            is_json=table.one_of("format", FORMATS, "lines") == "json",
            file=file,
            max_age_s=max_age_s,
            command=tuple(command),
            folder=folder,
            timeout_s=table.number("timeout_s", 10.0, least=0.1, most=300),
        ),
        schedule=read_schedule(table),
    )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """The command and what it started: a child that stays would hold the pipe and the memory."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    process.wait()


def _text(data: bytes, where: str) -> str:
    if len(data) > MOST_BYTES:
        raise SensorError(f"{where}: over {MOST_BYTES} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise SensorError(f"{where}: not UTF-8: {error}") from error


def _json(text: str) -> Mapping[str, object]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SensorError(f"not JSON ({error}): {shown(text.strip())!r}") from error
    if not isinstance(said, dict):
        raise SensorError(f"not a JSON object: {shown(text.strip())!r}")
    return said


def _lines(text: str) -> Mapping[str, object]:
    """``name value``, ``name=value`` or ``name: value``; of a name said twice the last counts."""
    said: dict[str, object] = {}
    for line in text.splitlines():
        parts = line.replace("=", " ", 1).replace(":", " ", 1).split()
        if len(parts) >= 2 and not parts[0].startswith("#"):
            said[parts[0]] = " ".join(parts[1:])
    if not said:
        raise SensorError(f"no line of the form `name value`: {shown(text.strip())!r}")
    return said


def _look_up(said: Mapping[str, object], name: str) -> object:
    """The value of a name; ``a.b`` looks into ``a`` where no name is written so."""
    if name in said:
        return said[name]
    first, dot, rest = name.partition(".")
    inner = said.get(first)
    return _look_up(inner, rest) if dot and isinstance(inner, dict) else None

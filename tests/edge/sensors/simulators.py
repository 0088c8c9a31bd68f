"""Starts a simulator beside this file in its own process and tells it which fault to show."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Simulator:
    """``where`` is its host:port or device file."""

    def __init__(self, process: "subprocess.Popen[str]", mode: str) -> None:
        self._process = process
        self.mode = mode
        self.where = self._line()

    def fault(self, name: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(name + "\n")
        self._process.stdin.flush()
        assert self._line() == "ok"

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, "the simulator has died"
        return line


@contextmanager
def simulator(script: str, *, mode: str, **arguments: Any) -> Iterator[Simulator]:
    command = [
        sys.executable,
        str(Path(__file__).parent / script),
        json.dumps({"mode": mode, **arguments}),
    ]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    with process:
        try:
            yield Simulator(process, mode)
        finally:
            process.kill()

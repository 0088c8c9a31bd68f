"""A real agent in a process of its own, and what the kernel says it takes."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Self

from benchmarks import process
from benchmarks.receiver import SITE
from edge.clock import Clock

ROOT = Path(__file__).resolve().parents[1]
END_S = 30.0


class Device:
    """``shouwang-edge run`` on a file with these sensors; its journal lies in ``folder``.

    ``bytecode`` is where compiled modules are kept between the starts, as pip leaves them on a
    device. With ``speed`` its clock runs so much faster.
    """

    def __init__(
        self, name: str, folder: Path, url: str, sensors: str, *, bytecode: Path,
        durability: str = "10", agent: str = "", speed: float = 1.0,
    ) -> None:  # fmt: skip
        self.name = name
        self.folder = folder
        self._bytecode = bytecode
        self._speed = speed
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "edge.toml").write_text(
            f'site = "{SITE}"\ndevice = "{name}"\n[mqtt]\nurl = "{url}"\n'
            f'[journal]\npath = "journal.db"\ndurability = {durability}\n'
            f'[agent]\n{agent}\n[time]\ntrust = "system"\n{sensors}\n',
            encoding="utf-8",
        )

    def __enter__(self) -> Self:
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = str(self._bytecode)
        if self._speed != 1.0:
            now_s = Clock().now_ms() / 1000
            environment["SHOUWANG_CLOCK"] = Clock(now_s, now_s, self._speed).spell()
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "edge.cli", "run", str(self.folder / "edge.toml")],
                stdout=log, stderr=log, cwd=ROOT, env=environment,
            )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        process.end(self._process, END_S)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def kill(self) -> None:
        """As a power cut would."""
        self._process.kill()
        self._process.wait()

    def memory_mb(self) -> dict[str, float]:
        """``rss`` now, ``peak`` ever, ``pss`` (shared pages by their share), in 10^6 bytes."""
        keys = (("rss", "VmRSS"), ("peak", "VmHWM"), ("pss", "Pss"))
        return {name: process.memory_mb(self._process.pid, key) for name, key in keys}

    def cpu_s(self) -> float:
        """CPU of all its threads since it began, in user space and in the kernel."""
        return process.cpu_s(self._process.pid)

    def written_bytes(self) -> int:
        """What it made the kernel write to the disk; without the file system's own."""
        io = Path(f"/proc/{self._process.pid}/io").read_text()
        return int(re.search(r"^write_bytes: (\d+)", io, re.M)[1])  # type: ignore[index]

"""A box in a shed under test: its file, its process on mock pins, and what its outputs did."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.edge.device import ROOT, SOON_S

SMOKE, PROOF, BUTTON, RELAY, HORN = 17, 27, 23, 22, 24
SENSORS = f"""
[[sensor]]
kind = "contact"
name = "smoke-1"
place = "shed-1"
metric = "smoke"
pin = {SMOKE}
normally = "open"
[[sensor]]
kind = "contact"
name = "proof-1"
place = "shed-1"
port = "feeder"
metric = "relay"
pin = {PROOF}
normally = "open"
"""
SHED = f"""
[[output]]
name = "main"
kind = "gpio"
wiring = "trip"
place = "shed-1"
port = "feeder"
pin = {RELAY}
pulse_s = 0.3
proof = {{ metric = "relay" }}
[[output]]
name = "horn"
kind = "gpio"
wiring = "buzzer"
pin = {HORN}
[[guard]]
name = "smoke"
kind = "contact"
place = "shed-1"
metric = "smoke"
off = ["main"]
sound = ["horn"]
[command]
key = "file:device.key"
"""


class Box:
    """The device's process, its pins, and what its outputs did."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.process: subprocess.Popen[str] | None = None
        self.outputs: list[tuple[int, int, float]] = []
        self._driven = threading.Semaphore(0)
        self._ready = threading.Event()

    def write(self, text: str, key: bytes = bytes(range(32))) -> None:
        (self.folder / "device.key").write_text(key.hex() + "\n", encoding="ascii")
        (self.folder / "edge.toml").write_text(
            f'site = "riverside"\ndevice = "box"\n[mqtt]\nurl = "{self.url}"\nkeep_alive_s = 5\n'
            f'[journal]\npath = "journal.db"\n{text}\n',
            encoding="utf-8",
        )

    def start(self, *inputs: int) -> None:
        self._ready.clear()
        self.outputs = []
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("pinned_box.py")),
                 str(self.folder / "edge.toml"), *map(str, inputs)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                cwd=self.folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
            )  # fmt: skip
        self._listener = threading.Thread(target=self._listen, args=(self.process,))
        self._listener.start()
        assert self._ready.wait(SOON_S), (self.folder / "log").read_text()

    def drive(self, level: str, pin: int) -> None:
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(f"{level} {pin}\n")
        self.process.stdin.flush()
        assert self._driven.acquire(timeout=SOON_S)

    def press(self, seconds: float) -> None:
        self.drive("low", BUTTON)
        time.sleep(seconds)  # how long the finger stays
        self.drive("high", BUTTON)

    def of(self, pin: int) -> list[int]:
        return [level for number, level, _ in self.outputs if number == pin]

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self._ended()

    def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        assert self._ended() == 0, self.log

    def _ended(self) -> int:
        assert self.process is not None
        code = self.process.wait(SOON_S)
        self._listener.join(SOON_S)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()
        return code

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    @property
    def said(self) -> list[str]:
        path = self.folder / "said.txt"
        return path.read_text("utf-8").splitlines() if path.exists() else []

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            word = line.split()
            if word[0] == "ready":
                self._ready.set()
            elif word[0] == "driven":
                self._driven.release()
            else:
                self.outputs.append((int(word[0]), int(word[1]), float(word[2])))

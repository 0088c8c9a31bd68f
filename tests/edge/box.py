"""A box under test: a root of its own, versions that are short scripts, and a systemd of our own.

``Init`` does what the two units ask of systemd: keep the agent running, run the judge while there
is a trial, forget /run at a power cut. The programs reach it by a ``systemctl`` of their own PATH.
"""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from edge.install.versions import Versions

ROOT = Path(__file__).resolve().parents[2]
WITHIN_S, SETTLE_S = 2.0, 0.5

# What `run` does, by the kind of version.
GOOD = 'echo "$name run-$$" > "$RUNTIME_DIRECTORY/reported"; exec sleep 60'
SILENT = "exec sleep 60"
CRASHING = "exit 1"
UNUSABLE = "exit 2"  # systemd does not start it again
FLAPPING = 'echo "$name run-$$" > "$RUNTIME_DIRECTORY/reported"; sleep 0.2; exit 1'
LATE = "sleep 1; " + GOOD

SCRIPT = """#!/bin/sh
name="$(basename "$(dirname "$(dirname "$(realpath "$0")")")")"
echo "$name $*" >> "{root}/said"
case "$1" in
  run) {run} ;;
  check) {check} ;;
esac
export PYTHONPATH={tree}
exec {python} -m edge.cli "$@"
"""


class Box:
    """The folder of versions and the programs around it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "opt"
        self.run = folder / "run"
        self.orders = folder / "orders"
        self.bin = folder / "bin"
        self.config = folder / "edge.toml"
        for each in (self.root / "versions", self.run, self.orders, self.bin):
            each.mkdir(parents=True)
        self.config.touch()
        self.versions = Versions(self.root)
        systemctl = self.bin / "systemctl"
        systemctl.write_text(
            f'#!/bin/sh\necho "$@" > {self.orders}/.$$ && mv {self.orders}/.$$ {self.orders}/$$\n'
        )
        systemctl.chmod(0o755)

    def add(self, name: str, run: str, check: str = "exit 0") -> None:
        folder = self.versions.path(name)
        (folder / "bin").mkdir(parents=True)
        script = folder / "bin/shouwang-edge"
        script.write_text(
            SCRIPT.format(root=self.root, run=run, check=check, tree=ROOT, python=sys.executable)
        )
        script.chmod(0o755)
        (folder / "ready").touch()

    def said(self) -> list[str]:
        """Each call of a version: its name and what it was called with."""
        said = self.root / "said"
        return said.read_text().splitlines() if said.exists() else []

    def environment(self, **more: str) -> Mapping[str, str]:
        return {**os.environ, "PATH": f"{self.bin}:{os.environ['PATH']}", **more}

    def upgrade(self, source: str | Path, *more: str | Path) -> subprocess.CompletedProcess[str]:
        """As a person would call the version that runs."""
        return subprocess.run(
            [
                self.root / "current/bin/shouwang-edge", "upgrade", source, *more,
                "--root", self.root, "--config", self.config,
            ],
            env=self.environment(), capture_output=True, text=True, timeout=120,
        )  # fmt: skip


class Init:
    """The systemd of a box."""

    def __init__(self, box: Box, within_s: float = WITHIN_S) -> None:
        self._box = box
        self._within_s = within_s
        self._agent: subprocess.Popen[bytes] | None = None
        self._judge: subprocess.Popen[bytes] | None = None
        self._is_up = False
        self._thread: threading.Thread | None = None

    def boot(self) -> None:
        self._is_up = True
        self._start_agent()
        if (self._box.root / "trial").exists():
            self._start_judge()
        self._thread = threading.Thread(target=self._turn, daemon=True)
        self._thread.start()

    def cut_power(self) -> None:
        """Everything dies at once, and /run with it."""
        self._is_up = False
        assert self._thread is not None
        self._thread.join(10)
        for process in (self._agent, self._judge):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait(10)
        self._agent = self._judge = None
        self._forget()

    @property
    def is_judging(self) -> bool:
        return self._judge is not None and self._judge.poll() is None

    def running(self) -> str | None:
        """The version of the process that runs."""
        if self._agent is None or self._agent.poll() is not None:
            return None
        calls = [line for line in self._box.said() if " run" in line]
        return calls[-1].split(" ")[0] if calls else None

    def _turn(self) -> None:
        while self._is_up:
            for order in sorted(self._box.orders.glob("[0-9]*")):
                words = order.read_text().split()
                order.unlink()
                if words[0] == "restart" and "shouwang-edge.service" in words:
                    self._stop_agent()
                    self._start_agent()
                if words[0] == "restart" and "shouwang-edge-trial.service" in words:
                    if (self._box.root / "trial").exists():
                        self._start_judge()
            if self._agent is not None and self._agent.poll() not in (None, 2):
                self._stop_agent()
                self._start_agent()
            if self._judge is not None and self._judge.poll() not in (None, 0):
                self._start_judge()
            time.sleep(0.02)

    def _start_agent(self) -> None:
        self._agent = subprocess.Popen(
            [self._box.root / "current/bin/shouwang-edge", "run", self._box.config],
            env=self._box.environment(RUNTIME_DIRECTORY=str(self._box.run)),
        )

    def _stop_agent(self) -> None:
        if self._agent is not None and self._agent.poll() is None:
            self._agent.terminate()
            self._agent.wait(10)
        self._forget()

    def _start_judge(self) -> None:
        with (self._box.root / "judged").open("a") as log:
            self._judge = subprocess.Popen(
                [
                    self._box.root / "previous/bin/shouwang-edge", "trial",
                    "--root", self._box.root, "--report", self._box.run / "reported",
                    "--within", str(self._within_s), "--settle", str(SETTLE_S),
                ],
                env=self._box.environment(), stderr=log,
            )  # fmt: skip

    def _forget(self) -> None:
        shutil.rmtree(self._box.run)
        self._box.run.mkdir()

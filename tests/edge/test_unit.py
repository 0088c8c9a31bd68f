"""The agent asks the kernel for nothing that its unit forbids."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edge.box import Box
from tests.edge.device import ROOT, wait_until

UNITS = ROOT / "docs/deploy/systemd"
CONFIG = """
site = "riverside"
device = "box"
[mqtt]
url = "{url}"
[journal]
path = "{folder}/journal.db"
[[sensor]]
kind = "simulated"
name = "air"
place = "shed-1"
metrics = ["shed-temp"]
interval_s = 1
[[sensor]]
kind = "printed"
name = "said"
place = "shed-1"
command = ["echo", "x 20"]
values.x = "humidity"
interval_s = 1
"""

pytestmark = [
    pytest.mark.skipif(shutil.which(name) is None, reason=f"there is no {name} here")
    for name in ("systemd-analyze", "strace")
]


def group(name: str) -> Iterator[str]:
    """The calls of one of systemd's groups."""
    told = subprocess.run(
        ["systemd-analyze", "syscall-filter", "--no-pager", name], capture_output=True, text=True
    )
    for word in re.findall(r"^ +([@\w-]+)$", told.stdout, re.M):
        yield from group(word) if word.startswith("@") else [word]


def allowed(unit: str) -> set[str]:
    """What is left of the unit's SystemCallFilter= lines, in their order."""
    calls: set[str] = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", (UNITS / unit).read_text(), re.M):
        is_taken = line.startswith("~")
        for word in line.lstrip("~").split():
            found = set(group(word)) if word.startswith("@") else {word}
            calls = calls - found if is_taken else calls | found
    return calls


def asked(trace: Path) -> set[str]:
    return set(re.findall(r"^\d+ +(\w+)\(", trace.read_text(), re.M))


@pytest.mark.mosquitto
def test_the_agent_stays_within_its_filter(mosquitto_server, tmp_path: Path) -> None:
    broker = mosquitto_server()
    (tmp_path / "edge.toml").write_text(CONFIG.format(url=broker.url, folder=tmp_path))
    trace = tmp_path / "trace"
    agent = subprocess.Popen(
        [
            "strace", "-f", "-qq", "-o", trace,
            sys.executable, "-m", "edge.cli", "run", tmp_path / "edge.toml",
        ],
        cwd=ROOT, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        wait_until(
            lambda: agent.poll() is not None or committed(trace), "a commit and a connection"
        )
        if agent.poll() is not None and "ptrace" in agent.communicate()[1]:
            pytest.skip("nothing may be traced here")
    finally:
        if agent.poll() is None:
            os.kill(int(trace.read_text().split(" ", 1)[0]), signal.SIGTERM)  # strace ends with it
        agent.communicate(timeout=20)
    assert {"fdatasync", "connect", "execve"} <= asked(trace)
    as_root = {"fchown"}  # SQLite gives its files to the owner of the database
    assert asked(trace) - as_root - allowed("shouwang-edge.service") == set()


def committed(trace: Path) -> bool:
    text = trace.read_text() if trace.exists() else ""
    return "fdatasync(" in text and "sin_port" in text and '"x 20' in text


def test_the_judge_stays_within_its_filter(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.add("one", "exit 0")
    box.add("two", "exit 0")
    box.versions.begin("one")
    box.versions.begin_trial("two")
    trace = tmp_path / "trace"
    done = subprocess.run(
        [
            "strace", "-f", "-qq", "-o", trace, sys.executable, "-m", "edge.cli", "trial",
            "--root", box.root, "--report", box.run / "reported", "--within", "0.1", "--settle", "1",
        ],
        cwd=ROOT, env=box.environment(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    if "ptrace" in done.stderr:
        pytest.skip("nothing may be traced here")
    assert box.versions.current == "one", done.stderr
    assert asked(trace) - allowed("shouwang-edge-trial.service") == set()

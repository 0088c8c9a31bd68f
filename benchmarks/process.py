"""What the kernel says of a process, and its orderly end."""

import os
import re
import subprocess
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """CPU of all its threads since it began, in user space and in the kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mb(pid: int, name: str) -> float:
    """VmRSS (now), VmHWM (ever) or Pss (shared pages by their share), in 10^6 bytes."""
    file = "smaps_rollup" if name == "Pss" else "status"
    text = Path(f"/proc/{pid}/{file}").read_text()
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"/proc/{pid}/{file} has no {name}")
    return int(found[1]) * 1024 / 1e6


def end(process: subprocess.Popen[bytes], within_s: float) -> None:
    """As `systemctl stop` would; killed when it takes longer."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

"""What the kernel says of a process, and its orderly end."""

import os
import re
import subprocess
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
IDLE, IOWAIT = 4, 5  # columns of a line of /proc/stat, its name counted


def keep_to(cores: int) -> int:
    """Run here, and whatever is started from here, on so many cores at most; how many they are."""
    mine = sorted(os.sched_getaffinity(0))[:cores]
    os.sched_setaffinity(0, mine)
    return len(mine)


def cores_s() -> tuple[float, float]:
    """Of the cores we may run on, since boot: seconds they were busy for anybody, and all seconds."""
    names = {f"cpu{core}" for core in os.sched_getaffinity(0)}
    idle = total = 0
    for line in Path("/proc/stat").read_text().splitlines():
        fields = line.split()
        if fields[0] in names:
            total += sum(map(int, fields[1:9]))  # guests are counted in user
            idle += int(fields[IDLE]) + int(fields[IOWAIT])
    return (total - idle) / TICKS, total / TICKS


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

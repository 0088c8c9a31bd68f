"""How much an agent takes of a small box, and how quick it is: real processes on loopback.

An agent, Mosquitto, a meter (pymodbus' server behind a pty) and a server that answers `received` run
in processes of their own. Nothing is faked but the wires and the hours: where a day is told, the
house clock ran faster for a minute.
"""

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.card import Card
from benchmarks.device import ROOT, Device
from benchmarks.guard import guard
from benchmarks.receiver import Seen, Server
from benchmarks.report import Figure, report
from edge.contract.quality import Quality
from edge.identity import new_run
from edge.journal.journal import Journal
from edge.journal.notebook import Notebook
from edge.sensors.port import Sample
from tests.edge.sensors.simulators import simulator
from tests.services.servers import Mosquitto

PZEM = {"0": [2281], "1": [1234, 0], "3": [2800, 0], "5": [4711, 0], "7": [500, 99], "9": [0]}
PROBE = "28-0316a2795b21"
BACKLOG = 500_000  # readings: so many that the live ones meanwhile have a p99
FULL_MB = 200
SOON_S = 60.0
DAY_S = 86_400
STEADY_S = 3.0  # after the first reading, before anything is counted

Figures = dict[str, Figure]


@dataclass(frozen=True, slots=True)
class House:
    """What all measures share."""

    folder: Path
    broker: Mosquitto
    server: Server

    def device(self, name: str, sensors: str, **more: object) -> Device:
        where = more.pop("folder", self.folder / name)
        assert isinstance(where, Path)
        return Device(
            name, where, self.broker.url, sensors, bytecode=self.folder / "bytecode", **more  # type: ignore[arg-type]
        )  # fmt: skip

    def wait(self, device: Device, place: str, holds: Callable[[Seen], bool]) -> Seen:
        """What came of a place, as soon as it ``holds``."""
        until_s = time.monotonic() + SOON_S
        while not holds(seen := self.server.seen(device.name, place)):
            if device.has_ended or time.monotonic() > until_s:
                raise SystemExit(f"{device.name}: {place} has {seen.count} readings\n{device.log}")
            time.sleep(0.02)
        return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=25, help="of each steady measure")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # nothing stays mounted or running
    folder = Path(tempfile.mkdtemp(prefix="shouwang-bench-edge-"))
    try:
        with Mosquitto(folder / "broker") as broker, Server(broker.host, broker.port) as server:
            house = House(folder, broker, server)
            figures: Figures = {}
            notes: dict[str, str] = {}
            for part in (steady, drain, full_journal, cards):
                found, how = part(house, options.seconds)
                figures |= found
                notes |= how
            found, how = guard(folder / "guard", broker.url)
            figures |= found
            notes |= how
    finally:
        shutil.rmtree(folder)
    print(report("edge", figures, notes))


def steady(house: House, seconds: float) -> tuple[Figures, dict[str, str]]:
    """Memory with drivers in use, CPU of one reading a second, CPU to the first reading."""
    bus = house.folder / "w1"
    (bus / PROBE).mkdir(parents=True)
    (bus / PROBE / "w1_slave").write_text(
        "72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=23125\n"
    )
    probe = (
        f'[[sensor]]\nkind = "ds18b20"\nid = "{PROBE}"\nbus = "{bus}"\nmetric = "shed-temp"\n'
        'place = "shed"\ninterval_s = 1\n'
    )
    with simulator("modbus_simulator.py", mode="pty", registers={"4": PZEM}) as meter:
        both = probe + (
            f'[[sensor]]\nkind = "modbus"\nmap = "pzem-004t-v3"\nserial = "{meter.where}"\n'
            'place = "shed"\nport = "p1"\ninterval_s = 1\n'
        )
        starts = []
        for nth in range(4):
            with house.device(f"start-{nth}", both, durability='"each"') as device:
                house.wait(device, "shed/p1", lambda seen: seen.count > 0)
                starts.append(device.cpu_s())
        with house.device("meter", both) as one, house.device("probe", probe) as other:
            for device, place in ((one, "shed/p1"), (other, "shed")):
                house.wait(device, place, lambda seen: seen.count > 0)
            time.sleep(STEADY_S)
            before = one.cpu_s(), other.cpu_s(), time.monotonic()
            time.sleep(seconds)
            took_s = time.monotonic() - before[2]
            memory, least = one.memory_mb(), other.memory_mb()
            busy = one.cpu_s() - before[0], other.cpu_s() - before[1]
    return {
        "rss_mb": round(memory["rss"], 1),
        "rss_peak_mb": round(memory["peak"], 1),
        "pss_mb": round(memory["pss"], 1),
        "rss_probe_alone_mb": round(least["rss"], 1),
        "cpu_percent": round(busy[1] / took_s * 100, 2),
        "cpu_meter_percent": round(busy[0] / took_s * 100, 2),
        "start_cpu_s": round(statistics.median(starts[1:]), 2),
    }, {
        "rss_mb": f"VmRSS after {took_s:.0f} s: paho, PZEM-004T on a pty, DS18B20",
        "rss_peak_mb": "VmHWM of the same",
        "pss_mb": "the same, pages shared with other processes by their share",
        "rss_probe_alone_mb": "paho and DS18B20",
        "cpu_percent": "of one core: one DS18B20 a second, a commit each 10 s",
        "cpu_meter_percent": "of one core: PZEM (6 readings) and DS18B20 a second",
        "start_cpu_s": "from start to the first reading at the server; median of 3",
    }


def drain(house: House, _: float, backlog: int = BACKLOG) -> tuple[Figures, dict[str, str]]:
    """A backlog into Mosquitto while a live sensor goes on."""
    live = '[[sensor]]\nkind = "simulated"\nmetrics = ["shed-temp"]\nplace = "late"\ninterval_s = 0.1\n'
    device = house.device("drain", live, durability='"each"', agent="backlog_per_s = 1000000")
    fill(device.folder / "journal.db", backlog)
    with device:
        done = house.wait(device, "backlog", lambda seen: seen.count >= backlog)
        busy_s = device.cpu_s()
        late = house.server.seen(device.name, "late").late_ms
        memory = device.memory_mb()
    late.sort()
    took_s = done.last_s - done.first_s
    return {
        "drain_readings_per_s": round(backlog / took_s),
        "drain_live_p99_ms": round(late[int(len(late) * 0.99)], 1),
        "drain_live_readings": len(late),
        "drain_cpu_s": round(busy_s, 2),
        "drain_rss_peak_mb": round(memory["peak"], 1),
    }, {
        "drain_readings_per_s": f"{backlog:,} readings, backlog_per_s lifted; Mosquitto, `received`",
        "drain_live_p99_ms": "10 a second meanwhile, each committed; from planned moment to server",
        "drain_cpu_s": "of the agent, its start included",
    }


def full_journal(house: House, _: float) -> tuple[Figures, dict[str, str]]:
    """Open a full journal whose writer was killed."""
    path = house.folder / "full" / "journal.db"
    path.parent.mkdir()
    script = "import sys; from benchmarks.edge import overfill; overfill(sys.argv[1])"
    writer = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert writer.stdout is not None
    writer.stdout.readline()
    writer.kill()
    writer.communicate()
    size, wal = path.stat().st_size, path.with_name(path.name + "-wal").stat().st_size
    script = (
        "import sys, time; from edge.journal.journal import Journal; from edge.journal.notebook import Notebook\n"
        "began = time.perf_counter(); journal = Journal(sys.argv[1]); Notebook(journal, 'r')\n"
        "opened = time.perf_counter(); journal.depth; print(opened - began, "
        "time.perf_counter() - began)\n"
        "import os; os._exit(0)"  # leaves the write-ahead log as it was
    )
    took = []
    for _ in range(3):
        for file in (path, path.with_name(path.name + "-wal")):
            with file.open("rb") as cold:  # as after a power cut: nothing of it in memory
                os.fsync(cold.fileno())
                os.posix_fadvise(cold.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        done = subprocess.run(
            [sys.executable, "-c", script, str(path)],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        took.append([float(word) for word in done.stdout.split()])
    how = f"{size / 1e6:.0f} MB, {wal / 1e6:.0f} MB of them in the -wal of a writer killed by -9"
    return {
        "journal_open_s": round(max(each[0] for each in took), 3),
        "journal_depth_s": round(max(each[1] for each in took), 3),
    }, {
        "journal_open_s": f"{how}; not in memory; the slowest of 3",
        "journal_depth_s": "the same until it is known how many readings wait",
    }


def cards(house: House, seconds: float) -> tuple[Figures, dict[str, str]]:
    """Bytes that a day of three usual boxes writes to the card."""
    sonde = (
        '[[sensor]]\nkind = "simulated"\nplace = "reach"\ninterval_s = 300\nmetrics = ["water-temp",'
        ' "ph", "do", "conductivity", "turbidity", "nh3n", "water-level"]\n'
    )
    ports = "".join(
        f'[[sensor]]\nkind = "simulated"\nname = "p{n}"\nplace = "shed"\nport = "p{n}"\n'
        f'metrics = ["power"]\ninterval_s = 10\nseed = {n}\n'
        for n in range(24)
    )
    itself = '[[sensor]]\nkind = "simulated"\nmetrics = ["battery"]\ninterval_s = 300\n'
    boxes = {
        "river": (sonde, "10", 60.0, "7 metrics each 5 min, durability 10 s"),
        "river_each": (sonde, '"each"', 60.0, 'the same, durability "each"'),
        "shed": (ports, "10", 10.0, "24 ports each 10 s, durability 10 s"),
        "guard_room": (itself, "10", 60.0, "its own health each 5 min"),
    }
    figures: Figures = {}
    notes: dict[str, str] = {}
    with ExitStack() as stack:
        found: dict[str, Card | None] = {}
        devices: dict[str, Device] = {}
        for name, (sensors, durability, speed, _) in boxes.items():
            folder = house.folder / f"card-{name}"
            try:
                found[name] = stack.enter_context(Card(folder))
            except OSError:
                found[name] = None
            device = house.device(
                f"card-{name.replace('_', '-')}", sensors,
                folder=folder, durability=durability, speed=speed,
            )  # fmt: skip
            devices[name] = stack.enter_context(device)
        time.sleep(STEADY_S * 2)
        before = {name: written(devices[name], found[name]) for name in boxes}
        time.sleep(seconds * 1.5)
        after = {name: written(devices[name], found[name]) for name in boxes}
    for name, (_, _, speed, what) in boxes.items():
        scale = DAY_S / (seconds * 1.5 * speed)
        process, device_ = (b - a for a, b in zip(before[name], after[name], strict=True))
        figures[f"card_{name}_bytes_per_day"] = round((device_ or process) * scale)
        figures[f"card_{name}_process_bytes_per_day"] = round(process * scale)
        by = "at the block device, ext4 included" if found[name] else "write_bytes of the process"
        notes[f"card_{name}_bytes_per_day"] = f"{what}; {by}; {seconds * 1.5 * speed / 60:.0f} min"
        notes[f"card_{name}_process_bytes_per_day"] = "write_bytes of the process alone"
    figures["card_bytes_per_day"] = figures["card_shed_bytes_per_day"]
    notes["card_bytes_per_day"] = "the shed's, the largest"
    return figures, notes


def written(device: Device, card: Card | None) -> tuple[int, int]:
    """Bytes by the process, and by the card if there is one."""
    return device.written_bytes(), card.written_bytes() if card else 0


def fill(path: Path, count: int) -> None:
    """A journal with a backlog: a run of half a day ago, one reading a second."""
    now_ms = time.time_ns() // 1_000_000 - DAY_S * 500
    with Journal(path) as journal:
        notebook = Notebook(journal, new_run(now_ms))
        for start in range(0, count, 1000):
            at = range(start, min(start + 1000, count))
            notebook.take(
                Sample("backlog", "", "shed-temp", 20 + n % 997 / 100, now_ms + n, Quality.GOOD)
                for n in at
            )
            notebook.commit()


def overfill(path: str) -> None:
    """Write until the journal is full and wait with an open -wal to be killed."""
    journal = Journal(path)
    notebook = Notebook(journal, "r1")
    n = 0
    while journal.size_bytes < FULL_MB * 1e6:
        notebook.take(
            Sample("shed", "p1", "power", 110 + k % 997 / 100, k * 1000)
            for k in range(n, n + 10_000)
        )
        notebook.commit()
        n += 10_000
    sys.stdout.write("full\n")
    sys.stdout.flush()
    time.sleep(SOON_S)


if __name__ == "__main__":
    main()

"""The agent against a real broker: nothing lost, nothing measured twice."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge.clock import Clock
from edge.contract.ranges import encode_received
from edge.contract.status import State, Status
from tests.edge.device import ROOT, SAID, Device, Server, wait_until

pytestmark = pytest.mark.mosquitto

TOPIC = "shouwang/v1/riverside/box"
SIMULATED = """
[[sensor]]
kind = "simulated"
place = "shed-1"
metrics = ["shed-temp", "smoke"]
interval_s = {interval_s}
seed = 7
{more}
"""
REPLAY = """
[[sensor]]
kind = "replay"
file = "river.csv"
place = "laobakou"
start = "2019-01-17T08:00Z"
history_s = 86400000
columns = { temp = "water-temp", cond = "conductivity" }
"""


def write_recording(folder: Path, rows: int, *, step_s: int = 900) -> None:
    """Half of the rows before the start, half behind it; each value stands once."""
    begin = 1_547_712_000  # 2019-01-17T08:00Z
    lines = ["at,temp,cond"]
    for n in range(rows):
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(begin + (n - rows // 2) * step_s))
        lines.append(f"{at},{n / 1000},{100000 + n}")
    (folder / "river.csv").write_text("\n".join(lines), encoding="utf-8")


def assert_whole(server: Server, measured: object) -> None:
    """Everything measured is there, and the numbers have no gap."""
    found = server.seqs()
    assert sum(len(seqs) for seqs in found.values()) == measured
    for seqs in found.values():
        assert seqs == set(range(len(seqs)))


def test_what_is_measured_arrives_and_then_leaves_the_journal(server, device) -> None:
    device.write(SIMULATED.format(interval_s=1, more="count = 20"), exit_when_done=True)
    device.clock = Clock(time.time(), time.time(), 20.0)
    device.start()
    summary = device.end()
    assert summary["waiting"] == 0
    assert_whole(server, summary["measured"])
    assert len(server.of("smoke")) == len(server.of("shed-temp")) == 20
    assert len(server.of("journal-depth")) >= 1
    assert json.loads((device.folder / "summary.json").read_text()) == summary
    temps = sorted(server.of("shed-temp"), key=lambda reading: reading.seq)
    times = [reading.at_ms for reading in temps]
    assert times == sorted(set(times))


def test_birth_goodbye_and_last_will_are_said(broker, server, device) -> None:
    device.write(SIMULATED.format(interval_s=60, more=""))
    device.start()
    wait_until(lambda: server.statuses, "the birth")
    birth = server.statuses[0]
    assert (birth.state, birth.firmware.split()[0]) == (State.ONLINE, "shouwang-edge")
    began = time.monotonic()
    summary = device.stop()
    assert time.monotonic() - began < 5
    assert summary["run"] == birth.run
    wait_until(lambda: len(server.statuses) == 2, "the goodbye")
    assert server.statuses[1].state is State.STOPPING
    device.start()
    wait_until(lambda: len(server.statuses) == 3, "the second birth")
    assert server.statuses[2].run != birth.run
    device.kill()
    assert server.statuses[2].cuts_ms == ()
    killed_ms = Clock().now_ms()
    wait_until(lambda: len(server.statuses) == 4, "the last will")
    assert server.statuses[3].state is State.OFFLINE
    assert server.statuses[3].run == server.statuses[2].run
    device.start()
    wait_until(lambda: len(server.statuses) == 5, "the birth after the cut")
    (cut_ms,) = server.statuses[4].cuts_ms  # what was measured after this may be lost
    assert killed_ms - 10_000 < cut_ms <= killed_ms


def test_each_power_cut_is_told_though_no_broker_was_there_between_them(server, device) -> None:
    server_url, device.url = device.url, "mqtt://127.0.0.1:1"
    device.write(SIMULATED.format(interval_s=60, more=""))
    killed_ms = []
    known: set[str] = set(_runs(device))
    for _ in range(3):
        device.start()
        wait_until(lambda: set(_runs(device)) - known, "it has measured")
        known.update(_runs(device))
        device.kill()
        killed_ms.append(Clock().now_ms())
    device.url = server_url
    device.write(SIMULATED.format(interval_s=60, more=""))
    device.start({"RUNTIME_DIRECTORY": str(device.folder)})
    wait_until((device.folder / "reported").exists, "the server has named a reading of this run")
    cuts_ms = server.statuses[0].cuts_ms
    assert len(cuts_ms) == 3
    for cut, killed in zip(cuts_ms, killed_ms, strict=True):
        assert killed - 10_000 < cut <= killed
    assert sorted(set(cuts_ms)) == list(cuts_ms)
    device.stop()
    device.start()  # the server has heard of them: they are not told for ever
    wait_until(lambda: len(server.statuses) >= 3, "the next birth")
    assert server.statuses[2].cuts_ms == ()


def test_a_device_that_is_stopped_as_it_starts_ends_in_order(device) -> None:
    device.write(SIMULATED.format(interval_s=60, more=""))
    device.start()
    # Its handlers are there before it reads its file, long before it measures.
    wait_until(lambda: _catches(device.process.pid, signal.SIGTERM), "it hears a signal")
    summary = device.stop()
    assert summary["run"]


def _catches(pid: int, number: signal.Signals) -> bool:
    """Whether the process has a handler for the signal (proc(5), SigCgt)."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> (number - 1) & 1)


def test_readings_stay_until_the_server_names_them_and_are_sent_again(server, device) -> None:
    server.is_silent = True
    device.write(SIMULATED.format(interval_s=1, more="count = 5"), exit_when_done=True)
    device.clock = Clock(time.time(), time.time(), 20.0)
    device.start()
    wait_until(lambda: _depth(device) >= 10, "ten readings in the journal")
    assert device.process.poll() is None
    server.is_silent = False  # the broker has delivered them; only the agent still has them
    assert_whole(server, device.end()["measured"])


def test_a_retained_receipt_is_ignored(server, device) -> None:
    server.is_silent = True
    device.write(SIMULATED.format(interval_s=1, more="count = 3"))
    device.start()
    wait_until(lambda: _depth(device) >= 6, "readings in the journal")
    device.kill()
    run = _runs(device)[0]
    server.end_session("box")  # in which it would wait as if it were said live
    server.say(f"{TOPIC}/received", encode_received({run: [(0, 10**6)]}), retain=True)
    seen = len(server.statuses)
    device.start()
    wait_until(lambda: len(server.statuses) > seen, "the second birth")
    server.say(f"{TOPIC}/received", b"no receipt")
    wait_until(lambda: len(_runs(device)) == 2, "health of the second run")
    assert run in _runs(device)
    server.say(f"{TOPIC}/received", encode_received({run: [(0, 10**6)]}))
    wait_until(lambda: run not in _runs(device), "the live receipt to be followed")


def test_a_backlog_does_not_hold_up_a_live_alarm(broker, server, device) -> None:
    write_recording(device.folder, 20_000)
    device.write(
        REPLAY + SIMULATED.format(interval_s=0.2, more=""), backlog_per_s=200, health_interval_s=600
    )
    device.start()
    wait_until(lambda: len(server.of("smoke")) >= 10, "live readings")
    late = [time.time() * 1000 - reading.at_ms for reading in server.of("smoke")[-5:]]
    assert min(late) < 5_000
    device.kill()
    arrived = [reading.metric for reading in server.readings.values()]
    tenth = [n for n, metric in enumerate(arrived) if metric == "smoke"][9]
    assert arrived[:tenth].count("conductivity") < 15_000  # of 20,000


def test_agent_killed_at_random_measures_each_recorded_row_exactly_once(server, device) -> None:
    write_recording(device.folder, 4_000)
    device.write(REPLAY, exit_when_done=True, health_interval_s=86_400)
    # The half that lies ahead takes 20 days: 10 s at this speed.
    device.clock = Clock(time.time(), time.time(), 172_800.0)
    chance = random.Random(3)
    for _ in range(6):
        device.start()
        time.sleep(chance.uniform(0.3, 1.5))
        device.kill()
    device.start()
    summary = device.end(90)
    assert_whole(server, summary["measured"])
    assert sorted(round(reading.value) for reading in server.of("conductivity")) == [
        100_000 + n for n in range(4_000)
    ]
    assert len(server.of("water-temp")) == 4_000
    times = [reading.at_ms for reading in sorted(server.of("conductivity"), key=lambda r: r.value)]
    assert times == sorted(set(times))


@pytest.mark.parametrize("forgets", [False, True], ids=["with its database", "database deleted"])
def test_broker_killed_at_random_loses_nothing(broker, server, device, forgets) -> None:
    write_recording(device.folder, 3_000)
    device.write(REPLAY, exit_when_done=True, health_interval_s=86_400, durability=10)
    device.clock = Clock(time.time(), time.time(), 172_800.0)
    device.start()
    for _ in range(3):
        time.sleep(0.7)
        broker.kill()
        if forgets:
            broker.delete_database()
        time.sleep(0.3)
        broker.start()
    summary = device.end(90)
    assert_whole(server, summary["measured"])
    assert len(server.of("conductivity")) == 3_000


def test_a_damaged_journal_is_set_aside_and_the_agent_goes_on(server, device) -> None:
    (device.folder / "journal.db").write_bytes(b"no database" * 1000)
    device.write(SIMULATED.format(interval_s=0.05, more="count = 5"), exit_when_done=True)
    device.start()
    assert_whole(server, device.end()["measured"])
    assert "set aside as" in (device.folder / "log").read_text()
    assert list(device.folder.glob("journal.db.damaged-*"))


def test_a_second_agent_on_the_same_journal_ends_with_code_3(server, device) -> None:
    device.write(SIMULATED.format(interval_s=60, more=""))
    device.start()
    wait_until(lambda: server.statuses, "the birth")
    second = subprocess.run(
        [sys.executable, "-m", "edge.cli", "run", str(device.folder / "edge.toml")],
        cwd=ROOT, capture_output=True, text=True, env=dict(os.environ),
    )  # fmt: skip
    assert second.returncode == 3
    assert "end that one first" in second.stderr


def _depth(device: Device) -> int:
    return int(_ask(device, "SELECT count(*) FROM record")[0][0])


def _runs(device: Device) -> list[str]:
    return [run for (run,) in _ask(device, "SELECT DISTINCT run FROM record ORDER BY run")]


def _ask(device: Device, question: str) -> list[tuple]:
    path = device.folder / "journal.db"
    if not path.exists():
        return [(0,)]
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return db.execute(question).fetchall()
    except sqlite3.OperationalError:
        return [(0,)]
    finally:
        db.close()


def test_while_nobody_listens_readings_wait_and_then_come_in_order(server, device) -> None:
    server.say(str(SAID), Status(state=State.OFFLINE).encode(), retain=True)
    device.write(SIMULATED.format(interval_s=1, more="count = 20"), exit_when_done=True)
    device.clock = Clock(time.time(), time.time(), 20.0)
    device.start()
    wait_until(lambda: server.statuses, "the device is online")
    time.sleep(1.5)  # longer than it takes to measure all
    assert not server.readings
    server.say(str(SAID), Status(state=State.ONLINE).encode(), retain=True)
    assert_whole(server, device.end()["measured"])
    assert server.order == sorted(server.order)
    assert server.doubles == 0

"""`shouwang-edge read`: what the person on the ladder sees, against sensors in other processes."""

import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from edge.sensors.simulation.curves import CURVES
from edge.verbs import paper
from edge.verbs.read import age_of
from tests.edge.device import ROOT
from tests.edge.sensors.simulators import simulator

HEAD = """
site = "riverside"
device = "box"
[mqtt]
url = "mqtt://127.0.0.1:1"
user = "box"
password = "env:NOT_SET_ON_THIS_SHELL"
"""
METER = """
[[sensor]]
kind = "modbus"
name = "meter"
place = "shed-1"
port = "port-2"
serial = "{where}"
map = "pzem-004t-v3"
metrics = ["voltage", "energy"]
retries = 0
[[sensor.calibration]]
metric = "voltage"
polynomial = [0.1, 1.0]
date = 2026-05-01
who = "梅阿姨"
"""
AIR = """
[[sensor]]
kind = "simulated"
name = "air"
place = "shed-1"
metrics = ["shed-temp", "smoke"]
"""
STUCK = """
[[sensor]]
kind = "ds18b20"
name = "stuck"
place = "weir"
metric = "water-temp"
bus = "w1"
id = "28-0316a2795b21"
answer_within_s = 1
"""
REGISTERS = {"4": {"0": [2299, 1234, 0, 2837, 0, 0x1E24, 1, 500, 95, 0]}}


def write(folder: Path, sensors: str) -> list[str]:
    file = folder / "edge.toml"
    file.write_text(HEAD + sensors, encoding="utf-8")
    return [sys.executable, "-m", "edge.cli", "read", str(file)]


def run(command: list[str], *more: str) -> tuple[int, str]:
    done = subprocess.run(
        [*command, *more], capture_output=True, text=True, cwd=ROOT, timeout=60,
        env={**os.environ, "GPIOZERO_PIN_FACTORY": "mock"},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def readings(text: str) -> dict[str, dict[str, Any]]:
    sensors = json.loads(text)["sensors"]
    return {each["metric"]: each for sensor in sensors for each in sensor["readings"]}


def hang(folder: Path) -> None:
    (folder / "w1" / "28-0316a2795b21").mkdir(parents=True)
    os.mkfifo(folder / "w1" / "28-0316a2795b21" / "w1_slave")


def test_a_meter_shows_value_raw_registers_and_calibration_without_broker_password_or_journal(
    tmp_path: Path,
) -> None:
    pytest.importorskip("pymodbus")
    pytest.importorskip("serial")
    with simulator("modbus_simulator.py", mode="pty", registers=REGISTERS) as meter:
        command = write(tmp_path, METER.format(where=meter.where))
        code, text = run(command)
        assert code == 0, text
        assert "电压 voltage                     230.00 V  good           0 s  raw 08FB" in text
        assert "before: 229.90 V; calibrated 2026-05-01 by 梅阿姨" in text
        assert "2 values, none missing" in text
        code, text = run(command, "--json")
        voltage = readings(text)["voltage"]
        assert (code, voltage["value"], voltage["before"], voltage["raw"]) == (
            0, 230.0, 229.9, "08FB",
        )  # fmt: skip
        # The agent, or another program, holds the port.
        with open(meter.where, "rb+", buffering=0) as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            code, text = run(command)
        assert code == 3
        assert "another program holds it, perhaps the agent" in " ".join(text.split())
        meter.fault("silence")
        code, text = run(command)
        assert code == 3
        assert "no answer within 1 s; check power" in " ".join(text.split())
    assert sorted(each.name for each in tmp_path.iterdir()) == ["edge.toml"]


def test_a_sensor_that_hangs_ends_at_its_own_bound_and_the_others_are_shown(tmp_path: Path) -> None:
    hang(tmp_path)
    code, text = run(write(tmp_path, STUCK + AIR))
    assert code == 3
    assert "no answer within 1 s" in text
    assert "棚内温度 shed-temp" in text
    assert "3 values, 1 missing: see stuck" in text
    code, text = run(write(tmp_path, STUCK + AIR), "--sensor", "air")
    assert code == 0
    assert "stuck" not in text


def test_contacts_and_rain_gauges_are_listened_to_until_they_have_said_something(
    tmp_path: Path,
) -> None:
    pytest.importorskip("gpiozero")
    command = write(
        tmp_path,
        """
[[sensor]]
kind = "contact"
place = "shed-1"
metric = "smoke"
pin = 17
normally = "closed"
[[sensor]]
kind = "rain"
place = "weir"
pin = 27
mm_per_tip = 0.2
""",
    )
    code, text = run(command, "--json")
    found = readings(text)
    assert (code, found["smoke"]["value"], found["smoke"]["raw"]) == (0, 1, "open")
    assert (found["rain"]["value"], found["rain"]["raw"]) == (0, "0 tips waiting, 0 in all")


def test_wrong_calls_and_files_end_with_2(tmp_path: Path) -> None:
    command = write(tmp_path, AIR)
    code, text = run(command, "--sensor", "water")
    assert (code, text) == (2, "no sensor water; there are air\n")
    assert run(command, "--every", "0")[0] == 2
    code, text = run(write(tmp_path, AIR + "report_s = 0"))
    assert code == 2
    assert "sensor.air.report_s: write a number above 0" in text


def test_watch_repeats_until_ctrl_c(tmp_path: Path) -> None:
    file = tmp_path / "level"
    file.write_text("m 1.5")
    command = write(
        tmp_path, '[[sensor]]\nkind = "printed"\nplace = "weir"\nfile = "level"\n'
        'values.m = "water-level"\n',
    )  # fmt: skip
    with subprocess.Popen(
        [*command, "--watch", "--json", "--every", "0.1"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        until = time.monotonic() + 30
        seen: set[float] = set()
        while seen < {1.5, 1.6}:
            assert time.monotonic() < until
            found = readings(process.stdout.readline())
            if found:
                seen.add(found["water-level"]["value"])
                file.write_text("m 1.6")
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait(10) == 0


def test_on_a_terminal_a_sensor_that_takes_long_shows_that_it_is_asked(tmp_path: Path) -> None:
    hang(tmp_path)
    command = write(tmp_path, STUCK)
    terminal, end = pty.openpty()
    with subprocess.Popen(command, stdin=end, stdout=end, stderr=end, cwd=ROOT) as process:
        os.close(end)
        text = b""
        try:
            while True:
                text += os.read(terminal, 4096)
        except OSError:  # the far end has closed
            pass
    os.close(terminal)
    assert process.returncode == 3
    shown = text.decode()
    assert "stuck: asking… 0 s" in shown
    assert shown.index("asking") < shown.index("MISSING 缺测")


@pytest.mark.parametrize(
    ("age_ms", "said"),
    [(-5, "0 s"), (999, "0 s"), (119_999, "119 s"), (120_000, "2 min"), (7_199_999, "119 min"),
     (7_200_000, "2 h"), (172_800_000, "2 d"), (86_400_000 * 4000, "4000 d")],
)  # fmt: skip
def test_an_age_fits_its_column(age_ms: int, said: str) -> None:
    assert age_of(age_ms) == said


def test_no_line_is_wider_than_a_terminal(tmp_path: Path) -> None:
    hang(tmp_path)
    metrics = ", ".join(f'"{each}"' for each in CURVES)
    whole = f'[[sensor]]\nkind = "simulated"\nname = "all"\nplace = "weir"\nmetrics = [{metrics}]\n'
    _, text = run(write(tmp_path, STUCK + whole))
    assert max(map(paper.width, text.splitlines())) <= paper.WIDTH
    assert "…" not in text


def test_a_chinese_character_takes_two_columns() -> None:
    assert paper.width("水位 level") == 10
    assert paper.left("水位计", 5) == "水位…"
    assert paper.aligned_right("水位", 6) == "  水位"
    assert [paper.width(line) for line in paper.note("水" * 30, 26, 4)] == [26, 26, 20]
    assert paper.note("one two three", 26, 10) == [" " * 10 + "one two three"]
    assert paper.plain("a\x1b[2Jb") == "a?[2Jb"

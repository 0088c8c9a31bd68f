"""`shouwang-edge check`: what cannot be meant, and what a day costs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge import VERSION, config
from edge.cli import main
from edge.contract import senml
from edge.contract.reading import Reading
from edge.sensors.pins import Wiring
from edge.sensors.port import Sample
from edge.verbs import estimate
from tests.edge.device import ROOT

HEAD = """
site = "riverside"
device = "box"
[mqtt]
url = "mqtt://127.0.0.1:1"
"""
CONTRADICTING = """
[[sensor]]
kind = "modbus"
name = "port-2-meter"
place = "shed-1"
port = "port-2"
serial = "/nowhere/ttyUSB9"
map = "pzem-004t-v3"
metrics = ["voltage", "power"]
interval_s = 5
report_s = 5
[[sensor]]
kind = "dlt645"
name = "shed-meter"
place = "shed-1"
port = "port-2"
serial = "/nowhere/../nowhere/ttyUSB9"
metrics = ["voltage", "power"]
[[sensor]]
kind = "contact"
name = "smoke-1"
place = "shed-1"
metric = "smoke"
pin = 17
normally = "closed"
[[sensor]]
kind = "rain"
name = "rain-1"
place = "weir"
pin = "BOARD11"
mm_per_tip = 0.2
[[sensor]]
kind = "printed"
name = "level"
place = "weir"
file = "/nowhere/level"
values.m = "water-level"
report_s = 900
[[sensor.calibration]]
metric = "water-level"
points = [[0, 0.1], [1, 1.2]]
date = 2200-01-01
who = "Mei"
[[sensor]]
kind = "simulated"
name = "old"
place = "weir"
metrics = ["water-temp"]
[[sensor.calibration]]
metric = "water-temp"
polynomial = [0.1, 1]
date = 2020-01-01
due = 365
who = "Mei"
"""


def check(folder: Path, text: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    (folder / "edge.toml").write_text(text, encoding="utf-8")
    code = main(["check", str(folder / "edge.toml")])
    said = capsys.readouterr()
    return code, " ".join((said.out + said.err).split())


CONTRADICTIONS = (
    "warning: shed-1/port-2/voltage, shed-1/port-2/power are measured by port-2-meter and shed-met",
    "warning: pin GPIO17 is used by smoke-1 and rain-1; a pin serves one",
    "has several settings: port-2-meter 9600 8N1, shed-meter 2400 8E1; give them the same",
    "warning: there is no /nowhere/ttyUSB9 here, which port-2-meter would read",
    "warning: there is no /nowhere/level here, which level would read",
    "warning: port-2-meter: report_s 5 is not longer than interval_s 5",
    "warning: level: weir/water-level is calibrated on 2200-01-01, which is to come",
    "warning: old: weir/water-temp is due for calibration since 2020-12-31",
)


def test_each_contradiction_is_a_warning_with_its_remedy(tmp_path: Path, capsys) -> None:
    code, said = check(tmp_path, HEAD + CONTRADICTING, capsys)
    assert code == 0
    assert [each for each in CONTRADICTIONS if each not in said] == []
    assert said.endswith(" 9 warnings")


def test_contradictions_are_told_beside_mistakes_of_other_tables(tmp_path: Path, capsys) -> None:
    wrong = HEAD.replace("mqtt://127.0.0.1:1", "http://x") + CONTRADICTING
    code, said = check(tmp_path, wrong, capsys)
    assert code == 2
    assert "mqtt.url: write mqtt://host:port" in said
    assert "warning: pin GPIO17" in said


def test_a_sound_file_has_a_summary_and_no_warning(tmp_path: Path, capsys) -> None:
    code, said = check(
        tmp_path,
        HEAD + '[[sensor]]\nkind = "simulated"\nname = "air"\nplace = "shed-1"\n'
        'metrics = ["shed-temp", "humidity"]\ninterval_s = 60\nreport_s = 900\n',
        capsys,
    )  # fmt: skip
    assert code == 0
    assert (
        "sensor kind measures reports readings/day kB/day air simulated 60 s changes, 15 min"
        in said
    )
    assert "≥ 192" in said
    assert "shed-1: shed-temp, humidity" in said
    assert "over the wire: at least about" in said
    assert "warning" not in said


@pytest.mark.parametrize("durability", ['"each"', "60"])
def test_the_estimate_is_near_what_the_encoder_writes(tmp_path: Path, durability: str) -> None:
    file = tmp_path / "edge.toml"
    file.write_text(
        f"{HEAD}[journal]\ndurability = {durability}\n"
        '[[sensor]]\nkind = "simulated"\nname = "air"\nplace = "shed-1"\n'
        'metrics = ["shed-temp", "humidity", "current"]\ninterval_s = 10\ncount = 8640\n',
        encoding="utf-8",
    )
    found = config.read(file)
    sensor = found.sensors[0].build(0)
    samples: list[Sample] = []
    mark, now_ms = "", 1_800_000_000_000
    while (step := sensor.step(mark, now_ms)).samples:
        samples += step.samples
        mark = step.mark
    readings = [
        Reading(place=s.place, port=s.port, metric=s.metric, value=s.value, at_ms=s.at_ms, run="r" * 24, seq=n)
        for n, s in enumerate(samples, 200_000)
    ]  # fmt: skip
    size = 3 if durability == '"each"' else 18
    packs = [readings[n : n + size] for n in range(0, len(readings), size)]
    written = sum(len(senml.encode(pack)) for pack in packs)
    load = estimate.of_sensor(found.sensors[0])
    assert load.readings == len(readings) == 25_920
    assert load.bytes is not None
    wire = load.bytes + estimate.of_packs(found, [load])
    # Topics, receipt and headers of MQTT, TCP and IP: about 310 bytes a pack beside its payload.
    assert wire == pytest.approx(written + 310 * len(packs), rel=0.12)


@pytest.mark.parametrize("pin", [17, "17", "GPIO17", "bcm17", "BOARD11"])
def test_a_pin_has_one_name(pin: int | str) -> None:
    assert Wiring(pin=pin).name == "GPIO17"
    assert Wiring(pin="WPI0").name == "WPI0"


SECRET = 'user = "box"\npassword = "env:SHOUWANG_TEST_PASSWORD"\n[[sensor]]\nkind = "simulated"\nmetrics = ["battery"]\n'


def test_a_check_by_hand_knows_the_secrets_that_the_service_gets(tmp_path, capsys) -> None:
    file, beside = tmp_path / "edge.toml", tmp_path / "edge.env"
    file.write_text(HEAD + SECRET, encoding="utf-8")
    assert main(["check", str(file)]) == 2
    assert "write it into edge.env" in capsys.readouterr().err
    beside.write_text("# for the broker\nexport SHOUWANG_TEST_PASSWORD='pass word'\n")
    assert main(["check", str(file)]) == 0
    said = capsys.readouterr()
    assert "pass word" not in said.out + said.err
    beside.unlink()
    beside.mkdir()  # nobody may read it, not even root
    assert main(["check", str(file)]) == 2
    assert "its variables are not seen here" in capsys.readouterr().err


@pytest.mark.parametrize("buffering", [[], ["-u"]])
def test_a_reader_that_has_seen_enough_is_no_error(tmp_path, buffering: list[str]) -> None:
    (tmp_path / "edge.toml").write_text(HEAD + CONTRADICTING, encoding="utf-8")
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, *buffering, "-m", "edge.cli", "check", tmp_path / "edge.toml"],
        stdout=writer, stderr=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_version_is_told(capsys) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"shouwang-edge {VERSION}\n"

"""ADS1115: registers as the chip has them, volts to units, and what a broken wire looks like."""

import errno
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.contract.quality import Quality
from edge.errors import SensorError
from edge.sensors.ads1115 import Ads1115, Input
from edge.sensors.kinds import KINDS
from edge.sensors.port import Series
from edge.table import Table

LEVEL, BATTERY = Series("weir", "", "water-level"), Series("", "", "battery")
# A 4-20 mA gauge of 0 to 5 m over 165 ohm; a battery behind a divider of 1:11.
GAUGE = Input(
    channel="0", series=LEVEL, low=(0.66, 0.0), high=(3.3, 5.0), valid_v=(0.594, 3.465)
)  # fmt: skip
DIVIDER = Input(channel="3", series=BATTERY, high=(1.0, 11.0), range_v=2.048)


class WireBus:
    """The messages of LinuxBus, carried to the chip's process."""

    def __init__(self, path: str, address: int) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._lines = self._socket.makefile("rw")
        self._address = address

    def write(self, data: bytes) -> None:
        self._say(f"w {self._address} {data.hex()}")

    def read(self, count: int) -> bytes:
        return bytes.fromhex(self._say(f"r {self._address} {count}"))

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def _say(self, line: str) -> str:
        self._lines.write(line + "\n")
        self._lines.flush()
        word, _, rest = self._lines.readline().strip().partition(" ")
        if word != "ok":
            raise OSError(errno.EREMOTEIO, "Remote I/O error")
        return rest


@contextmanager
def chip(folder: Path, volts: str, fault: str = "none") -> Iterator[str]:
    path = folder / "i2c"
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("ads1115_chip.py")), str(path), volts, fault]
    )
    try:
        until = time.monotonic() + 20
        while not path.exists():
            assert time.monotonic() < until
            time.sleep(0.01)
        yield str(path)
    finally:
        process.kill()
        process.wait()
        path.unlink(missing_ok=True)


def ask(path: str, *inputs: Input, address: int = 0x48):
    source = Ads1115(path, address, inputs, open_bus=WireBus)
    try:
        return source.ask()
    finally:
        source.close()


def test_each_input_is_converted_to_its_unit(tmp_path: Path) -> None:
    with chip(tmp_path, "1.98,0.5,0,1.15") as path:
        found = ask(path, GAUGE, DIVIDER)
    assert found[LEVEL].value == pytest.approx(2.5, abs=0.001)
    assert found[BATTERY].value == pytest.approx(12.65, abs=0.001)
    assert found[LEVEL].raw == "0x3de0 1.9800 V"


@pytest.mark.parametrize(
    ("channel", "volts"),
    [("0", 0.1), ("1", 0.4), ("2", 0.9), ("3", 1.6), ("0-1", -0.3), ("0-3", -1.5),
     ("1-3", -1.2), ("2-3", -0.7)],
)  # fmt: skip
@pytest.mark.parametrize("range_v", [6.144, 2.048])
def test_every_channel_and_pair(tmp_path: Path, channel: str, volts: float, range_v: float) -> None:
    one = Input(channel=channel, series=LEVEL, range_v=range_v)
    with chip(tmp_path, "0.1,0.4,0.9,1.6") as path:
        assert ask(path, one)[LEVEL].value == pytest.approx(volts, abs=range_v / 0x8000)


@pytest.mark.parametrize(
    ("volts", "reason"),
    [("0.02", "see its wires"), ("3.9", "see its wires"), ("5", "beyond ±4.096 V")],
)
def test_a_broken_wire_is_known_to_be_wrong(tmp_path: Path, volts: str, reason: str) -> None:
    with chip(tmp_path, f"{volts},0,0,1.0") as path:
        found = ask(path, GAUGE, DIVIDER)
    assert (found[LEVEL].value, found[LEVEL].quality) == (None, Quality.FAIL)
    assert reason in found[LEVEL].reason
    assert found[BATTERY].value == pytest.approx(11, abs=0.001)


@pytest.mark.parametrize(
    ("fault", "address", "reason"),
    [
        ("none", 0x49, "address 0x49: Remote I/O error"),
        ("stuck", 0x48, "does not convert"),
        ("reset", 0x48, "wrote configuration 0x4383, read 0x8583"),
    ],
)
def test_a_chip_that_does_not_do_as_told(tmp_path, fault, address, reason) -> None:
    with chip(tmp_path, "1,1,1,1", fault) as path, pytest.raises(SensorError) as raised:
        ask(path, GAUGE, address=address)
    assert reason in str(raised.value)


def test_a_bus_that_is_not_there_and_a_file_that_is_no_bus(tmp_path: Path) -> None:
    with pytest.raises(SensorError, match=r"No such file.*is I2C switched on"):
        Ads1115(str(tmp_path / "i2c-1"), 0x48, (GAUGE,)).ask()
    (tmp_path / "file").touch()
    with pytest.raises(SensorError, match="Inappropriate ioctl"):
        Ads1115(str(tmp_path / "file"), 0x48, (GAUGE,)).ask()


def read(**keys) -> tuple[object, list[str]]:
    problems: list[str] = []
    one = {
        "channel": "0", "metric": "water-level", "low": [0.66, 0], "high": [3.3, 5],
        "valid_v": [0.594, 3.465], **keys,
    }  # fmt: skip
    table = Table({"place": "weir", "address": 0x49, "input": [one]}, "", problems)
    plan = KINDS["ads1115"](table, Path())
    table.done()
    return plan, problems


def test_its_keys() -> None:
    plan, problems = read()
    assert problems == []
    source = plan.build("adc", 0).source  # type: ignore[attr-defined]
    assert (source.path, source.address, source.inputs) == ("/dev/i2c-1", 0x49, (GAUGE,))
    wrong: list[tuple[dict[str, object], str]] = [
        ({"channel": "4"}, "0-1"),
        ({"range_v": 5}, "4.096"),
        ({"high": [0.66, 5]}, "other volts"),
        ({"high": [True, 5]}, "two numbers"),
        ({"valid_v": [3, 1]}, "lower voltage first"),
        ({"gain": 1}, "unknown key"),
    ]
    for keys, word in wrong:
        _, problems = read(**keys)
        assert len(problems) == 1, (keys, problems)
        assert word in problems[0]

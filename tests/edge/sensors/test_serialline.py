"""Lines on a serial port, from a device in another process at the end of a pseudo-terminal."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.errors import SensorError
from edge.sensors.kinds import KINDS
from edge.sensors.named import Named
from edge.sensors.port import Series
from edge.sensors.serialline import Port, SerialLine
from edge.table import Table

LEVEL, TEMP = Series("weir", "", "water-level"), Series("weir", "", "water-temp")
VALUES = (Named(name="level", series=LEVEL, factor=0.001), Named(name="temp", series=TEMP))
PATTERN = r"(?P<level>[-0-9.]+) mm;(?P<temp>\S+)"


@contextmanager
def talker(mode: str, lines: bytes = b"", question: bytes = b"") -> Iterator[str]:
    """The device's port, as long as the device lives."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("talker.py")), mode, lines.hex(),
         question.hex()],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def line_on(path: str, **more) -> SerialLine:
    keys = {
        "port": Port(path=path), "pattern": re.compile(PATTERN), "values": VALUES,
        "timeout_s": 20.0, **more,
    }  # fmt: skip
    return SerialLine(**keys)


def ask(sensor: SerialLine) -> dict[Series, tuple[float | None, str]]:
    try:
        return {of: (each.value, each.reason) for of, each in sensor.ask().items()}
    finally:
        sensor.close()


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_device_that_speaks_by_itself_is_listened_to_from_a_whole_line_on(end: bytes) -> None:
    with talker("stream", b"1234.5 mm;14.25" + end) as path:
        for _ in range(5):
            assert ask(line_on(path)) == {LEVEL: (pytest.approx(1.2345), ""), TEMP: (14.25, "")}


def test_the_rest_of_a_line_that_looks_like_one_is_none() -> None:
    with talker("halves", b"1234.5 mm;14.25\r\n") as path:  # "4.5 mm;14.25" fits the pattern
        for _ in range(10):
            assert ask(line_on(path))[LEVEL][0] == pytest.approx(1.2345)
            time.sleep(0.075)  # so that the next begins within a line


def test_a_device_is_asked_when_it_must_be_and_stays_open_between() -> None:
    with talker("answer", b"garbage\r\n-7 mm;3\r\n", b"M!\r") as path:
        sensor = line_on(path, ask_bytes=b"M!\r")
        for _ in range(3):
            assert sensor.ask()[LEVEL].value == pytest.approx(-0.007)
        sensor.close()


def test_values_may_stand_on_lines_of_their_own() -> None:
    pattern = re.compile(r"L=(?P<level>\d+)|T=(?P<temp>\d+)")
    with talker("stream", b"T=9\r\nL=500\r\n") as path:
        assert ask(line_on(path, pattern=pattern)) == {LEVEL: (0.5, ""), TEMP: (9, "")}
    with talker("answer", b"T=9\r\n", b"?") as path:
        found = ask(line_on(path, pattern=pattern, ask_bytes=b"?", timeout_s=0.5))
    assert found == {LEVEL: (None, "nothing said of level within 0.5 s"), TEMP: (9, "")}


def test_what_is_no_number_is_a_fault_that_quotes_it() -> None:
    with talker("answer", b"8 mm;ERR7\n", b"?") as path:
        found = ask(line_on(path, ask_bytes=b"?"))
    assert found[TEMP] == (None, "it says temp 'ERR7', which is no number")
    assert found[LEVEL][0] == pytest.approx(0.008)


@pytest.mark.parametrize(
    ("mode", "lines", "reason"),
    [
        ("mute", b"", "no line within 1 s at 9600 baud"),
        ("stream", b"no line end ever ", "no line within 1 s"),
        ("stream", b"a=1\n", "no line fits the pattern; one was 'a=1'"),
        ("stream", b"\xff\xfe\x80\n", "no line fits the pattern"),
        ("answer", b"7" * 10_000 + b" mm;3\n", "no line within 1 s"),
        ("leave", b"", "see cable"),
    ],
)
def test_a_device_that_gives_nothing_is_an_error_with_its_remedy(mode, lines, reason) -> None:
    with talker(mode, lines, b"?") as path, pytest.raises(SensorError) as raised:
        ask(line_on(path, timeout_s=1.0, ask_bytes=b"" if mode == "stream" else b"?"))
    assert reason in str(raised.value)
    assert path in str(raised.value)


def test_a_port_that_is_not_there_and_one_that_is_no_port(tmp_path: Path) -> None:
    with pytest.raises(SensorError, match="No such file"):
        ask(line_on(str(tmp_path / "ttyUSB0")))
    (tmp_path / "file").touch()
    with pytest.raises(SensorError, match="ioctl"):
        ask(line_on(str(tmp_path / "file")))


def read(**keys) -> tuple[object, list[str]]:
    problems: list[str] = []
    raw = {
        "place": "weir", "serial": "/dev/ttyUSB0", "pattern": PATTERN,
        "values": {"level": {"metric": "water-level", "factor": 0.001}, "temp": "water-temp"},
        **keys,
    }  # fmt: skip
    table = Table(raw, "", problems)
    plan = KINDS["serialline"](table, Path())
    table.done()
    return plan, problems


def test_its_keys() -> None:
    plan, problems = read(ask="M!\r", parity="even", data_bits=7)
    assert problems == []
    source = plan.build("s", 0).source  # type: ignore[attr-defined]
    assert source.values == VALUES
    assert source.ask_bytes == b"M!\r"
    assert source.port == Port(path="/dev/ttyUSB0", parity="even", has_7_bits=True)
    wrong: list[tuple[dict[str, object], str]] = [
        ({"pattern": "("}, "regular expression"),
        ({"pattern": "(?P<level>x)"}, "no group 'temp'"),
        ({"values": {}}, "at least one"),
        ({"values": {"level": "sea"}}, "one of"),
        ({"baud": 9601}, "9600"),
        ({"ask": "问"}, "ASCII"),
        ({"prot": 1}, "unknown key"),
    ]
    for keys, word in wrong:
        _, problems = read(**keys)
        assert len(problems) == 1, (keys, problems)
        assert word in problems[0]

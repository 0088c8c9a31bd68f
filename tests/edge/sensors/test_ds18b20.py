"""DS18B20: the kernel's files as they are, with the faults that they show."""

from pathlib import Path

import pytest

from edge.contract.quality import Quality
from edge.errors import SensorError
from edge.sensors.ds18b20 import Probe, answer_of
from edge.sensors.kinds import KINDS
from edge.sensors.polling import Polling
from edge.sensors.port import Series
from edge.table import Table

HOUR = 1_799_960_400_000
PROBE = "28-0316a2795b21"
TEMP = Series("weir", "", "water-temp")
BYTES = "72 01 4b 46 7f ff 0e 10 57"


def text(milli: int | str, scratchpad: str = BYTES, checked: str = "YES") -> str:
    """As drivers/w1/slaves/w1_therm.c prints it."""
    return f"{scratchpad} : crc={scratchpad[-2:]} {checked}\n{scratchpad} t={milli}\n"


@pytest.mark.parametrize(
    ("milli", "value"), [(23125, 23.125), (0, 0), (-62, -0.062), (84_937, 84.937), (125_000, 125)]
)
def test_a_reading_is_degrees(milli: int, value: float) -> None:
    assert answer_of(text(milli)) == (value, BYTES, "", Quality.NOT_EVALUATED)


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        (text(85_000, "50 05 4b 46 7f ff 0c 10 1c"), "85.0 °C is what it says before it measures"),
        (text(23_125, checked="NO"), "the checksum is wrong"),
        (text(-62, "ff ff ff ff ff ff ff ff ff", "NO"), "the checksum is wrong"),
        (text(0, "00 00 00 00 00 00 00 00 00"), "short to ground"),
        ("", "gave no reading"),
        (text(23_125)[:70], "gave no reading"),
        (text(23_125)[:40], "gave no reading"),
        (text("x"), "gave no reading"),
    ],
)
def test_a_fault_is_no_value(what: str, reason: str) -> None:
    with pytest.raises(SensorError) as raised:
        answer_of(what)
    assert reason in str(raised.value)


def test_what_the_chip_cannot_measure_is_known_to_be_wrong() -> None:
    answer = answer_of(text(127_937))
    assert (answer.value, answer.quality) == (None, Quality.FAIL)


def built(folder: Path, **keys) -> Polling:
    problems: list[str] = []
    raw = {"place": "weir", "metric": "water-temp", "id": PROBE, "bus": "bus", **keys}
    table = Table(raw, "", problems)
    plan = KINDS["ds18b20"](table, folder)
    table.done()
    assert problems == []
    sensor = plan.build("probe-1", HOUR)
    assert isinstance(sensor, Polling)
    sensor.pause = lambda _: None
    return sensor


def test_a_probe_that_wakes_falls_silent_and_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "bus" / PROBE / "w1_slave"
    file.parent.mkdir(parents=True)
    (tmp_path / "bus" / "28-00000a2795b2").mkdir()
    (tmp_path / "bus" / "w1_bus_master1").mkdir()
    sensor = built(tmp_path, interval_s=60)
    told, mark = [], ""
    wakes = [text(85_000), text(14_250), None, text(14_312)]
    for minute, said in enumerate(wakes):
        file.write_text(said) if said else file.unlink()
        step = sensor.step(mark, HOUR + minute * 60_000)
        mark = step.mark
        (sample,) = step.samples
        told.append((sample.value, sample.quality))
        if said is None:
            assert "28-00000a2795b2, 28-0316a2795b21" in sample.reason
            file.parent.rmdir()
            file.parent.mkdir()
    missing, good = (None, Quality.MISSING), Quality.NOT_EVALUATED
    assert told == [missing, (14.25, good), missing, (14.312, good)]


def test_a_power_on_value_is_asked_again_at_once(tmp_path: Path) -> None:
    file = tmp_path / "bus" / PROBE / "w1_slave"
    file.parent.mkdir(parents=True)
    file.write_text(text(85_000))
    sensor = built(tmp_path)
    sensor.pause = lambda _: [file.write_text(text(21_500)), None][1]  # type: ignore[assignment]
    (sample,) = sensor.step("", HOUR).samples
    assert sample.value == 21.5


def test_a_bus_that_is_switched_off_says_so(tmp_path: Path) -> None:
    with pytest.raises(SensorError, match="w1-gpio"):
        Probe(tmp_path / "bus" / PROBE / "w1_slave", TEMP).ask()


@pytest.mark.parametrize(
    ("keys", "word"),
    [
        ({"id": "../../etc"}, "28-0316a2795b21"),
        ({"metric": "ph"}, "water-temp"),
        ({"interval_s": 0.1}, "at least 1"),
        ({"pin": 4}, "unknown key"),
    ],
)
def test_its_keys(keys: dict[str, object], word: str) -> None:
    problems: list[str] = []
    table = Table({"place": "weir", "metric": "water-temp", "id": PROBE, **keys}, "", problems)
    KINDS["ds18b20"](table, Path())
    table.done()
    assert len(problems) == 1
    assert word in problems[0]

"""Measuring: what of a sensor's samples becomes a reading, by its keys."""

import re
from datetime import date
from pathlib import Path

import pytest

from edge import config
from edge.contract.quality import Quality
from edge.errors import ConfigError
from edge.measuring.flood import Bound
from edge.measuring.measuring import Layer, Measuring
from edge.measuring.onchange import Changes, OnChange
from edge.sensors.port import Sample

HEAD = 'site = "riverside"\ndevice = "box"\n[mqtt]\nurl = "mqtt://127.0.0.1:1883"\n'
ROOT = Path(__file__).resolve().parents[3]
SENSOR = """
[[sensor]]
kind = "simulated"
name = "sonde"
place = "weir"
metrics = ["water-level", "water-temp", "door"]
"""


def read(tmp_path: Path, more: str, sensor: str = SENSOR) -> Measuring:
    (tmp_path / "edge.toml").write_text(f"{HEAD}{sensor}{more}", encoding="utf-8")
    return config.read(tmp_path / "edge.toml").sensors[0].measuring


def problems(tmp_path: Path, more: str, sensor: str = SENSOR) -> str:
    with pytest.raises(ConfigError) as raised:
        read(tmp_path, more, sensor)
    return "\n".join(raised.value.problems)


def level(value: float | None, at_s: float, quality: int = 2, reason: str = "") -> Sample:
    metric, at_ms = "water-level", round(at_s * 1000)
    return Sample("weir", "", metric, value, at_ms, Quality(quality), reason)


def rain(value: float, at_s: float) -> Sample:
    return Sample("weir", "", "rain", value, round(at_s * 1000))


# Warm-up


def test_a_cold_sensor_gives_no_numbers_but_its_faults() -> None:
    layer = Layer(Measuring(warm_up_s=30), 1000.0)
    (cold,) = layer.measure([level(1.2, 0)], 1010.0)
    assert (cold.value, cold.quality) == (None, Quality.MISSING)
    assert cold.reason == "warming up, 20 s left"
    (fault,) = layer.measure([level(None, 0, 9, "no answer")], 1011.0)
    assert fault.reason == "no answer"
    assert layer.measure([level(1.2, 0)], 1030.0) == (level(1.2, 0),)


def test_it_is_cold_again_after_a_silence_as_long_as_its_warm_up_and_not_after_a_lost_frame() -> (
    None
):
    layer = Layer(Measuring(warm_up_s=30), 0.0)
    layer.measure([level(None, 0, 9)], 100.0)
    assert layer.measure([level(1.2, 0)], 110.0)[0].value == 1.2
    layer.measure([level(None, 0, 9)], 120.0)
    layer.measure([level(None, 0, 9)], 140.0)
    assert layer.measure([level(1.2, 0)], 150.0)[0].reason == "warming up, 30 s left"
    assert layer.measure([level(1.2, 0)], 180.0)[0].value == 1.2


# Calibration


def calibrated(tmp_path: Path, keys: str, *samples: Sample) -> list[Sample]:
    text = f"[[sensor.calibration]]\nmetric = 'water-level'\nwho = 'Mei'\n{keys}"
    return list(Layer(read(tmp_path, text), 0.0).measure(samples, 0.0))


def test_two_points_make_a_line_and_coefficients_a_polynomial(tmp_path: Path) -> None:
    line = "date = 2026-05-01\npoints = [[0.5, 1.0], [2.5, 4.0]]"
    (found,) = calibrated(tmp_path, line, level(1.5, 0))
    assert found.value == 2.5
    curve = "date = '2026-05-01'\npolynomial = [0.1, 0.9, 0.01]\nvalid = [0, 5]"
    (found,) = calibrated(tmp_path, curve, level(2, 0))
    assert found.value == 1.94


def test_a_value_beyond_the_calibration_is_suspect_and_says_so(tmp_path: Path) -> None:
    curve = "date = 2026-05-01\npolynomial = [0, 1.1]\nvalid = [0, 5]"
    inside, beyond = calibrated(tmp_path, curve, level(5, 0), level(6, 0))
    assert (inside.quality, beyond.quality) == (Quality.NOT_EVALUATED, Quality.SUSPECT)
    assert (beyond.value, beyond.reason) == (6.6, "6 lies beyond its calibration, 0 to 5")


def test_a_missing_value_stays_missing_and_a_sentinel_one(tmp_path: Path) -> None:
    line = "date = 2026-05-01\npolynomial = [0.5, 2]"
    missing, sentinel = calibrated(tmp_path, line, level(None, 0, 9, "cut"), level(-9999, 0))
    assert (missing.value, missing.reason, sentinel.value) == (None, "cut", -9999)


def test_the_day_from_which_a_calibration_is_due(tmp_path: Path) -> None:
    text = "[[sensor.calibration]]\nmetric = 'water-temp'\nwho = 'Mei'\ndate = 2026-05-01\n"
    (found,) = read(tmp_path, text + "polynomial = [0.1, 1]\ndue = 180").calibrations
    assert [found.is_due(day) for day in (date(2026, 10, 27), date(2026, 10, 28))] == [False, True]
    (found,) = read(tmp_path, text + "polynomial = [0.1, 1]\ndue = 2027-05-01").calibrations
    assert str(found) == "calibrated 2026-05-01 by Mei, due 2027-05-01"


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("metric = 'ph'\npolynomial = [0, 1]", "gives no such 'ph'; it gives door, water-level"),
        ("metric = 'door'\npolynomial = [0, 1]", "is yes or no; take the calibration out"),
        ("metric = 'water-temp'\npolynomial = [0, nan]", "polynomial: write 2 to 6 numbers"),
        ("metric = 'water-temp'\npolynomial = [inf, 1]", "polynomial: write 2 to 6 numbers"),
        ("metric = 'water-temp'\npolynomial = [1]", "polynomial: write 2 to 6 numbers"),
        (
            "metric = 'water-temp'\npolynomial = [0, 1, -0.05]",
            "turns between 0 and 38; see the coe",
        ),
        ("metric = 'water-temp'\npolynomial = [3, 0]", "turns between 0 and 38"),
        ("metric = 'water-temp'\npoints = [[1, 2], [1, 3]]", "two raw values are the same"),
        ("metric = 'water-temp'\npoints = [[1, 2]]", "points: write [[raw, true], [raw, true]]"),
        ("metric = 'water-temp'", "write either polynomial = [a0, a1] or points"),
        ("metric = 'water-temp'\npolynomial = [0, 1]\ndue = 2026-04-30", "2026-04-30 is not after"),
        ("metric = 'water-temp'\npolynomial = [0, 1]\ndue = 0", "write 1 to 3660 days"),
        ("metric = 'water-temp'\npolynomial = [0, 1]\nplace = 'bank'", "the sensor gives no such"),
        ("metric = 'water-temp'\npolynomial = [0, 1]\nwhen = 3", "unknown key"),
    ],
)
def test_a_wrong_calibration_is_complained_of(tmp_path: Path, keys: str, words: str) -> None:
    more = f"[[sensor.calibration]]\nwho = 'Mei'\ndate = 2026-05-01\n{keys}\n"
    found = problems(tmp_path, more)
    assert words in found
    assert "sensor.sonde.calibration[1 of 1]" in found


def test_a_calibration_without_day_or_name_and_one_given_twice(tmp_path: Path) -> None:
    each = "[[sensor.calibration]]\nmetric = 'water-temp'\npolynomial = [0, 1]\n"
    found = problems(tmp_path, each)
    assert "calibration[1 of 1].date: write a day, date = 2026-05-01; is missing" in found
    assert "calibration[1 of 1].who: is missing" in found
    each += "who = 'Mei'\ndate = 2026-05-01\n"
    assert "is calibrated twice; keep the newer" in problems(tmp_path, each + each)


# Report on change


def reported(plan: OnChange, *samples: Sample) -> list[tuple[float | None, float]]:
    changes = Changes(plan)
    return [(each.value, each.at_ms / 1000) for each in changes.take(samples)]


def test_between_heartbeats_only_a_change_of_the_threshold_is_reported() -> None:
    told = reported(
        OnChange(report_s=900),
        level(1.25, 0), level(1.279, 60), level(1.28, 120), level(1.26, 180),
        level(1.25, 240), level(1.25, 1139), level(1.25, 1140),
    )  # fmt: skip
    assert told == [(1.25, 0), (1.28, 120), (1.25, 240), (1.25, 1140)]


def test_a_slow_drift_shows_as_soon_as_it_adds_up() -> None:
    drift = [level(round(1 + n * 0.004, 3), n * 60) for n in range(15)]
    assert [value for value, _ in reported(OnChange(report_s=86_400), *drift)] == [1, 1.032]


def test_a_fault_its_end_and_another_quality_are_news_and_the_words_of_a_fault_are_not() -> None:
    told = reported(
        OnChange(report_s=900),
        level(1.2, 0), level(None, 60, 9, "no answer"), level(None, 120, 9, "next attempt in 5 s"),
        level(1.2, 180), level(1.2, 240, 3), level(1.2, 300, 3), level(1.2, 360),
    )  # fmt: skip
    assert [at for _, at in told] == [0, 60, 180, 240, 360]


def test_what_rain_was_withheld_is_in_the_next_reading() -> None:
    fell = [0.0, 0.2, 0.2, 0.2, 0.2, 0.2, 0.0, 0.4, 0.0]
    told = reported(OnChange(report_s=900), *[rain(mm, n * 60) for n, mm in enumerate(fell)])
    assert told == [(0, 0), (1.0, 300)]
    more = reported(
        OnChange(report_s=900), *[rain(mm, n * 60) for n, mm in enumerate([*fell, *[0.0] * 20])]
    )
    assert more == [(0, 0), (1.0, 300), (0.4, 1200)]
    assert sum(mm or 0 for mm, _ in more) == pytest.approx(sum(fell))


def test_a_metric_without_a_threshold_is_news_at_any_change_and_each_series_by_itself() -> None:
    changes = Changes(OnChange(report_s=900, thresholds={"water-temp": 0.5}))
    door = [Sample("weir", "", "door", value, n * 1000) for n, value in enumerate([0, 0, 1, 1])]
    temp = [
        Sample("weir", "", "water-temp", value, n * 1000) for n, value in enumerate([9, 9.4, 9.5])
    ]
    assert [each.value for each in changes.take(door)] == [0, 1]
    assert [each.value for each in changes.take(temp)] == [9, 9.5]
    turbidity = [Sample("weir", "", "turbidity", v, n) for n, v in enumerate([5, 5, 5.1])]
    assert [each.value for each in changes.take(turbidity)] == [5, 5.1]


def test_a_clock_that_is_set_back_silences_nothing() -> None:
    told = reported(OnChange(report_s=900), level(1.2, 100_000), level(1.2, 10), level(1.2, 20))
    assert told == [(1.2, 100_000), (1.2, 10)]


def test_what_others_said_for_the_sensor_makes_its_next_value_news() -> None:
    layer = Layer(Measuring(on_change=OnChange(report_s=900)), 0.0)
    assert layer.report([level(1.2, 0)], 0.0)
    assert not layer.report([level(1.2, 1)], 1.0)
    layer.spoken_for()
    assert layer.report([level(1.2, 2)], 2.0)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("report_change = { water-level = 0.1 }", "report_s: is missing beside report_change"),
        ("report_s = 900\nreport_change = { ph = 0.1 }", "the sensor gives no such metric"),
        ("report_s = 900\nreport_change = { door = 1 }", "each change of a yes or no is reported"),
        ("report_s = 900\nreport_change = { water-level = 0 }", "write a number above 0"),
        ("report_s = 0", "report_s: write a number above 0"),
        ("warm_up_s = -1", "warm_up_s: write a number at least 0"),
        ("answer_within_s = 0.1", "answer_within_s: write a number at least 1"),
        ("median_of = 3", "unknown key"),
    ],
)
def test_wrong_keys_are_complained_of(tmp_path: Path, more: str, words: str) -> None:
    assert words in problems(tmp_path, more)


def test_what_paces_itself_says_how(tmp_path: Path) -> None:
    gauge = '[[sensor]]\nkind = "rain"\nplace = "weir"\npin = 27\nmm_per_tip = 0.2\n'
    found = problems(tmp_path, "report_s = 900\nwarm_up_s = 5", gauge)
    assert "report_s: take it out and use interval_s and at_once_mm" in found
    assert "warm_up_s: a bucket needs none" in found
    contact = (
        '[[sensor]]\nkind = "contact"\nplace = "a"\npin = 1\nnormally = "open"\nmetric = "door"\n'
    )
    assert "use heartbeat_s" in problems(tmp_path, "report_s = 900", contact)


# Floods


def test_a_flood_is_bounded_and_its_newest_values_arrive() -> None:
    bound = Bound(10.0)
    first = bound.take([level(n, n) for n in range(1000)], 0.0)
    assert [each.value for each in first] == list(range(900, 1000))
    assert bound.dropped == 900
    assert bound.take([level(1000, 1000), rain(1, 1), level(1001, 1001)], 0.0) == ()
    assert bound.dropped == 901  # the newest of each series waits
    assert {each.value for each in bound.take([], 1.0)} == {1001, 1}
    assert not bound.is_holding


def test_a_sensor_may_always_give_what_its_own_pace_gives(tmp_path: Path) -> None:
    fast = '[[sensor]]\nkind = "printed"\nfile = "x"\nplace = "a"\ninterval_s = 0.1\nvalues = { a = "ph", b = "do", c = "orp", d = "tp" }\n'
    assert read(tmp_path, "", fast).most_per_s == pytest.approx(120)
    assert read(tmp_path, "").most_per_s == 0  # what is simulated is as fast as the disk takes it
    assert read(tmp_path, "most_per_s = 5").most_per_s == 5


# What is written for people loads as it stands


def test_the_keys_of_the_sample_file_are_right_when_they_are_used(tmp_path: Path) -> None:
    sample = (ROOT / "edge/samples/edge.toml").read_text(encoding="utf-8")
    begin, end = sample.index("# warm_up_s"), sample.index("# A fault to try the alarm with")
    used = "".join(
        line[2:] for line in sample[begin:end].splitlines(keepends=True) if "median" not in line
    )
    (tmp_path / "edge.toml").write_text(sample[:begin] + used + sample[end:], encoding="utf-8")
    found = config.read(tmp_path / "edge.toml").sensors[0].measuring
    assert (found.warm_up_s, found.answer_within_s, found.most_per_s) == (30, 60, 100)
    assert found.on_change is not None
    assert found.on_change.thresholds["shed-temp"] == 0.5
    (calibration,) = found.calibrations
    assert calibration.value(0.4) == pytest.approx(0)


def test_the_examples_of_the_page_are_right(tmp_path: Path) -> None:
    page = (ROOT / "docs/measuring.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    sonde = SENSOR.replace('"door"', '"turbidity"')
    level, turbidity = read(tmp_path, example, sonde).calibrations
    assert level.value(3.11) == pytest.approx(3)
    assert turbidity.valid == (0, 400)

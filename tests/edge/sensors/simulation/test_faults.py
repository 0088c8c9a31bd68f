"""Each fault of a signal looks as it does in the field, and is over when it is over."""

from statistics import mean, pstdev

import pytest

from edge.contract.gross import gross_quality
from edge.contract.metrics import METRICS
from edge.contract.quality import Quality
from edge.sensors.simulation.faults import SHAPES, STUCK, WHOLE
from edge.sensors.simulation.injection import Injection
from tests.edge.sensors.simulation.saying import DAY_S, HOUR_S, values

AT_S, FOR_S = 10 * HOUR_S, 10 * HOUR_S


def with_fault(shape: str, metric: str, seconds: float = 30 * HOUR_S, **more) -> list:
    plan = {key: more.pop(key) for key in ("interval_s",) if key in more}
    times = {"at_s": AT_S, "for_s": FOR_S, **more}
    its = "" if shape in WHOLE else metric
    return values(
        metric, seconds, injections=(Injection(shape=shape, metric=its, **times),), **plan
    )


@pytest.mark.parametrize("shape", [*SHAPES, STUCK, *WHOLE])
@pytest.mark.parametrize("metric", ["do", "turbidity", "shed-temp"])
def test_before_and_after_a_fault_the_sensor_says_the_truth(shape: str, metric: str) -> None:
    fault = with_fault(shape, metric, to=3.0, by=1.0, times=2.0, chance=0.5)
    healthy = values(metric, 30 * HOUR_S)
    assert fault[:600] == healthy[:600]
    assert fault[1200:] == healthy[1200:]
    assert fault == with_fault(shape, metric, to=3.0, by=1.0, times=2.0, chance=0.5)


def test_a_fouled_oxygen_probe_sinks_and_loses_its_day_until_it_is_cleaned() -> None:
    week = {"at_s": DAY_S, "for_s": 10 * DAY_S, "interval_s": 900.0}
    said = with_fault("fouling", "do", 12 * DAY_S, by=-2.0, **week)
    days = [said[96 * n : 96 * (n + 1)] for n in range(12)]
    assert mean(days[0]) == pytest.approx(8.4, abs=0.05)
    assert mean(days[10]) == pytest.approx(8.4 - 1.9, abs=0.05)
    assert pstdev(days[10]) < 0.5 * pstdev(days[0])
    assert mean(days[11]) == pytest.approx(8.4, abs=0.05)


def test_what_grows_on_a_turbidity_window_also_makes_it_noisy() -> None:
    said = with_fault("fouling", "turbidity", by=20.0)
    assert mean(said[1140:1200]) == pytest.approx(6 + 19.5, abs=0.6)
    assert pstdev(said[1140:1200]) > 2.5 * pstdev(said[:600])


def test_a_drifting_ph_goes_a_tenth_in_a_week() -> None:
    said = with_fault("drift", "ph", 8 * DAY_S, by=0.1, at_s=0, for_s=7 * DAY_S, interval_s=900.0)
    assert mean(said[96 * 6 : 96 * 7]) - mean(said[96 * 7 :]) == pytest.approx(0.093, abs=0.01)


def test_an_ammonium_probe_that_loses_slope_multiplies_all_that_it_says() -> None:
    said = with_fault("gain", "nh3n", times=0.5)
    assert mean(said[1190:1200]) == pytest.approx(0.35 * 0.5, abs=0.02)


def test_a_stuck_value_is_the_last_one_again_and_again() -> None:
    said = with_fault(STUCK, "ph")
    assert set(said[600:1200]) == {said[599]}
    assert len(set(said[1200:1300])) > 3


def test_spikes_are_single_samples_many_times_too_high() -> None:
    said = with_fault("spike", "conductivity", times=5.0, chance=0.02)
    high = [n for n, value in enumerate(said) if value > 1500]
    assert 3 <= len(high) <= 30
    assert all(600 <= n < 1200 for n in high)


@pytest.mark.parametrize(
    ("metric", "sentinel"), [("do", -9999.0), ("water-temp", 85.0), ("conductivity", 65535.0)]
)
def test_a_sentinel_is_said_as_the_logger_says_it_and_judged_to_be_none(metric, sentinel) -> None:
    said = with_fault("spike", metric, to=sentinel, chance=0.1)
    assert 30 < said.count(sentinel) < 100
    assert gross_quality(metric, sentinel) is Quality.FAIL


def test_a_bad_cable_is_ten_times_as_noisy() -> None:
    said, healthy = with_fault("noise", "water-level", times=10.0), values("water-level", 9e4)
    assert mean(said[600:1200]) == pytest.approx(mean(healthy[600:1200]), abs=0.01)
    assert pstdev(said[600:1200]) > 2 * pstdev(healthy[600:1200])


def test_a_boat_under_the_radar_is_a_step_of_minutes_and_fog_leaves_holes() -> None:
    said = with_fault("offset", "water-level", by=-0.6, for_s=300)
    assert mean(said[600:605]) == pytest.approx(mean(said[590:600]) - 0.6, abs=0.02)
    said = with_fault("dropout", "water-level", chance=0.5)
    assert 200 < said[600:1200].count(None) < 400
    assert None not in said[:600]


def test_a_level_gauge_in_the_sun_swings_with_the_day() -> None:
    said = with_fault("wave", "water-level", 3 * DAY_S, at_s=0, for_s=3 * DAY_S, by=0.05)
    by_hour = [mean(said[60 * h : 60 * (h + 1)]) for h in range(24)]  # from 16:00 on
    assert max(by_hour) - min(by_hour) == pytest.approx(0.1, abs=0.05)
    assert by_hour.index(max(by_hour)) in (22, 23, 0)  # around three in the afternoon


def test_a_sonde_out_of_the_water_measures_air() -> None:
    assert mean(with_fault("out-of-water", "conductivity")[600:1200]) < 5
    temp = with_fault("out-of-water", "water-temp", 3 * DAY_S, at_s=DAY_S, for_s=DAY_S)
    assert max(temp[1440:2880]) - min(temp[1440:2880]) > 14  # ±8 °C
    assert max(temp[:1440]) - min(temp[:1440]) < 4
    oxygen = with_fault("out-of-water", "do")[600:1200]
    assert 8.5 < mean(oxygen) < 10.5  # air's own, near saturation


def test_a_sonde_in_silt_looks_like_black_water() -> None:
    assert max(with_fault("buried", "do")[600:1200]) < 0.2
    redox = with_fault("buried", "orp")[600:1200]
    assert redox[0] > -180
    assert -370 < mean(redox[-60:]) < -330
    assert set(with_fault("buried", "turbidity")[600:1200]) == {METRICS["turbidity"].span[1]}
    assert pstdev(with_fault("buried", "water-temp")[600:1200]) < 0.1


def test_a_pack_that_burns_through_heats_then_smokes_then_draws_nothing() -> None:
    burning = {"at_s": 600.0, "for_s": 3600.0, "interval_s": 5.0}

    def said(metric: str) -> list[float]:
        return with_fault("runaway", metric, 2400, **burning)

    heat, gas, smoke, drawn = map(said, ("port-temp", "co", "smoke", "current"))

    def per_minute(n: int) -> float:
        return heat[n + 12] - heat[n]

    fire, begin = smoke.index(1), 600 // 5
    assert per_minute(begin) < 3
    assert per_minute(begin + 72) == pytest.approx(10, abs=2)
    assert max(heat) > 170
    assert gas[begin] < 10
    assert mean(gas[begin + 72 : begin + 84]) == pytest.approx(300, abs=5)
    assert 360 + 60 <= fire * 5 - 600 <= 360 + 180
    assert set(smoke[fire:]) == {1}
    assert min(drawn[:fire]) > 0
    assert set(drawn[fire:]) == {0}

"""Simulated sensors: honest curves, named faults, the same again for the same seed."""

import pytest

from edge.contract.metrics import METRICS
from edge.sensors.port import Sample
from edge.sensors.simulated import CURVES, Curve, Injection, Simulated, Simulation

BEGIN = 1_800_000_000_000


def simulated(**more) -> Simulated:
    plan = {"place": "shed-1", "port": "", "metrics": ("shed-temp",), "interval_s": 60.0, **more}
    return Simulated("sim", Simulation(**plan), BEGIN)


def play(sensor: Simulated, seconds: float, mark: str = "") -> list[Sample]:
    samples: list[Sample] = []
    now_ms = BEGIN + round(seconds * 1000)
    while True:
        step = sensor.step(mark, now_ms)
        samples += step.samples
        mark = step.mark
        if step.wake_ms is None or step.wake_ms > now_ms:
            return samples


def test_the_same_seed_gives_the_same_values_from_any_mark() -> None:
    whole = play(simulated(seed=1), 6000)
    assert whole == play(simulated(seed=1), 6000)
    assert whole[40:] == play(simulated(seed=1), 6000, "40")
    assert whole != play(simulated(seed=2), 6000)
    assert [s.at_ms - BEGIN for s in whole[:3]] == [0, 60_000, 120_000]


@pytest.mark.parametrize("metric", sorted(CURVES))
def test_every_curve_stays_in_the_usual_range_of_its_metric(metric: str) -> None:
    usual = METRICS[metric].usual or METRICS[metric].span
    values = [s.value for s in play(simulated(metrics=(metric,), interval_s=900.0), 86_400)]
    assert len(values) == 97
    assert all(usual[0] <= value <= usual[1] for value in values if value is not None)


def test_a_shed_is_warmer_in_the_afternoon_than_before_dawn() -> None:
    samples = play(simulated(interval_s=3600.0), 86_000)
    by_hour = {(s.at_ms // 3_600_000 + 8) % 24: s.value or 0.0 for s in samples}
    assert by_hour[15] > by_hour[3] + 8


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("step", [0, 0, 80, 80, 80, 80, 0]),
        ("ramp", [0, 0, 0, 20, 40, 60, 0]),
        ("silence", [0, 0, None, None, None, None, 0]),
    ],
)
def test_an_injection_has_its_shape_and_ends(shape: str, expected: list) -> None:
    injection = Injection(at_s=120, for_s=240, metric="shed-temp", port="", shape=shape, to=80)
    sensor = simulated(injections=(injection,), curves=(("shed-temp", Curve(base=0)),))
    by_time = {(s.at_ms - BEGIN) // 60_000: s.value for s in play(sensor, 360)}
    assert [by_time.get(n) for n in range(7)] == expected


def test_count_until_and_history_bound_it() -> None:
    assert len(play(simulated(count=5), 10**6)) == 5
    assert len(play(simulated(until_s=300.0), 10**6)) == 6
    history = play(simulated(history_s=150.0), 0)
    assert [(s.at_ms - BEGIN) // 1000 for s in history] == [-120, -60, 0]


def test_a_contact_is_a_heartbeat_of_noughts() -> None:
    samples = play(simulated(metrics=("smoke", "water")), 600)
    assert {(s.metric, s.value) for s in samples} == {("smoke", 0), ("water", 0)}


@pytest.mark.parametrize("by_ms", [-90_000, 90_000])
def test_when_the_clock_was_set_the_next_round_is_due_when_it_was(by_ms: int) -> None:
    sensor = simulated()
    first = sensor.step("", BEGIN)
    sensor.clock_set(by_ms)
    assert sensor.step(first.mark, BEGIN + by_ms + 59_999).samples == ()
    (sample,) = sensor.step(first.mark, BEGIN + by_ms + 60_000).samples
    assert sample.at_ms == BEGIN + by_ms + 60_000

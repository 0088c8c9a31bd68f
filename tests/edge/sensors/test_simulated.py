"""Simulated sensors: honest curves, named faults, the same again for the same seed."""

import re
from pathlib import Path

import pytest

from edge import config
from edge.contract.metrics import METRICS
from edge.errors import ConfigError
from edge.sensors.port import Sample
from edge.sensors.simulated import ALL_SHAPES, Simulated, Simulation
from edge.sensors.simulation.curves import CURVES, Curve
from edge.sensors.simulation.injection import Injection

BEGIN = 1_800_000_000_000
PAGE = Path(__file__).resolve().parents[3] / "docs" / "simulated.md"


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
    injection = Injection(at_s=120, for_s=240, metric="shed-temp", shape=shape, to=80)
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


HEAD = 'site = "riverside"\ndevice = "box"\n[mqtt]\nurl = "mqtt://127.0.0.1:1883"\n'


def problems_of(folder: Path, sensor: str) -> list[str]:
    (folder / "edge.toml").write_text(
        f'{HEAD}[[sensor]]\nkind = "simulated"\nplace = "p"\n{sensor}', encoding="utf-8"
    )
    try:
        config.read(folder / "edge.toml")
    except ConfigError as error:
        return [problem.partition(": ")[2] for problem in error.problems]
    return []


def test_the_examples_of_the_page_load_and_speak(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "edge.toml").write_text(HEAD + example, encoding="utf-8")
    for sensor in config.read(tmp_path / "edge.toml").sensors:
        told = sensor.build(BEGIN).step("0", BEGIN + 600_000).samples
        assert {sample.metric for sample in told} == {each.metric for each in sensor.plan.gives}


def test_the_page_names_every_fault() -> None:
    table = PAGE.read_text(encoding="utf-8").partition("## Faults")[2]
    assert set(re.findall(r"`([a-z-]+)`", table)) >= set(ALL_SHAPES)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ('metrics = ["do"]\n[[sensor.inject]]\nmetric = "do"\nshape = "fouling"\nat_s = 0\n'
         "for_s = 9", "inject[1 of 1].by: is missing"),
        ('metrics = ["do"]\n[[sensor.inject]]\nshape = "stuck"\nat_s = 0\nfor_s = 9',
         "inject[1 of 1].metric: is missing"),
        ('metrics = ["do"]\n[[sensor.inject]]\nshape = "buried"\nat_s = 0\nfor_s = 9\n'
         'metric = "do"', "inject[1 of 1].metric: unknown key"),
        ('metrics = ["rain"]\n[[sensor.inject]]\nshape = "clogged"\nat_s = 0\nfor_s = 9',
         "inject[1 of 1].shape: clogged is of a rain gauge in a storm"),
        ('metrics = ["power"]\n[[sensor.inject]]\nshape = "welded"\nat_s = 0\nfor_s = 9',
         "inject[1 of 1].shape: welded is of a socket"),
        ('metrics = ["do"]\n[[sensor.storm]]\nat_s = 0\nhours = 1\nmm = 5',
         "storm: nothing here shows it"),
        ('metrics = ["port-state"]', "'port-state' has no curve"),
        ('metrics = ["power"]\ncharging = "petrol"', "charging: write one of lead, lithium"),
    ],
)  # fmt: skip
def test_what_cannot_be_simulated_is_named_with_its_remedy(tmp_path, keys, expected) -> None:
    (problem,) = problems_of(tmp_path, keys)
    assert expected in problem

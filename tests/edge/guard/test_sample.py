"""The guards of the shipped sample, over simulated sheds: each danger trips its own, an evening none."""

import tomllib
from pathlib import Path

import pytest

from edge import config
from edge.guard.guard import Guard
from edge.guard.rule import Rule, read_rules
from edge.guard.telling import Change, Turn
from edge.outputs.plan import OutputPlan, Switch, Wiring
from edge.sensors.port import Sample, Series
from edge.sensors.simulated import Simulation
from edge.sensors.simulation.charging import Pack
from edge.sensors.simulation.curves import CURVES, Curve
from edge.sensors.simulation.injection import Injection
from edge.table import Table

SAMPLE = Path(config.__file__).parent / "samples/edge.toml"
BEGIN_MS = 1_800_000_000_000  # 16:00 in China, so that the evening's charging lies ahead
STEP_S, HOURS = 5, 6
AT_S = 3 * 3600
SERIES = [
    Series("shed-1", "", "smoke"), Series("shed-1", "", "shed-temp"),
    Series("shed-1", "feeder", "residual-current"),
    Series("shed-1", "p01", "power"), Series("shed-1", "p01", "port-temp"),
]  # fmt: skip


def never() -> Switch:
    raise AssertionError("the outputs here are not opened")


class Output:
    """Drives nothing."""

    fault = ""

    def __init__(self, name: str, wiring: Wiring) -> None:
        self.plan = OutputPlan(name=name, wiring=wiring, open=never, place="shed-1")

    def cut(self) -> None: ...
    def hold(self) -> None: ...
    def sound(self, is_on: bool, by: str = "guard") -> None: ...


def rules() -> tuple[Rule, ...]:
    """The guards that the sample holds as comments."""
    text = SAMPLE.read_text("utf-8")
    part = text[text.index("# [[guard]]") : text.index("# [button]")]
    raw = tomllib.loads("\n".join(line.removeprefix("#").strip() for line in part.splitlines()))
    problems: list[str] = []
    paces = dict.fromkeys(SERIES, float(STEP_S))
    found = read_rules(Table(raw, "", problems), paces, ("main",), ("horn",))
    assert problems == []
    return found


def play(series: Series, *faults: Injection, curve: Curve | None = None) -> list[Sample]:
    """One series through the evening."""
    curve = curve or CURVES[series.metric]
    plan = Simulation(
        place=series.place, port=series.port, metrics=(series.metric,), interval_s=STEP_S, seed=5,
        curves=((series.metric, curve),), injections=faults,
        charging=Pack.LEAD if series.port == "p01" else None,
    )  # fmt: skip
    sensor, mark = plan.build("sim", BEGIN_MS), "0"
    found: list[Sample] = []
    while (step := sensor.step(mark, BEGIN_MS + HOURS * 3_600_000)).samples:
        found += step.samples
        mark = step.mark
    return found


def raised(evening: dict[Series, list[Sample]]) -> set[str]:
    """The guards that have acted by its end."""
    changes: list[Change] = []
    clock = [0]
    guard = Guard(
        rules(), [Output("main", Wiring.TRIP), Output("horn", Wiring.BUZZER)], "",
        steady_ms=lambda: clock[0], look_up=lambda: (0, BEGIN_MS + clock[0]),
        tell=lambda _, told, __: changes.extend(told),
    )  # fmt: skip
    for sample in sorted((s for each in evening.values() for s in each), key=lambda s: s.at_ms):
        clock[0] = sample.at_ms - BEGIN_MS
        guard.look()
        guard.observe([sample])
    return {change.name for change in changes if change.turn is Turn.RAISED}


QUIET = {series: play(series) for series in SERIES}
SMOKE, SHED, LEAK, POWER, PORT = SERIES


def fault(shape: str, of: Series, for_s: float = 1800, **more: float) -> dict[Series, list[Sample]]:
    metric = "" if shape in ("runaway", "bad-contact", "more-load") else of.metric
    its = Injection(at_s=AT_S, for_s=for_s, shape=shape, metric=metric, **more)
    return {of: play(of, its)}


def test_an_evening_of_charging_trips_nothing() -> None:
    assert max(sample.value or 0 for sample in QUIET[POWER]) > 100  # somebody does charge
    assert raised(QUIET) == set()


@pytest.mark.parametrize(
    ("danger", "acts"),
    [
        (fault("runaway", SMOKE), {"smoke"}),
        (fault("step", SMOKE, for_s=STEP_S, to=1), {"smoke"}),
        (fault("ramp", SHED, to=75, for_s=7200), {"shed-hot"}),
        (fault("runaway", SHED, for_s=900), {"shed-hot", "shed-heating"}),
        (fault("ramp", LEAK, to=40), {"leakage"}),  # from 4 to 40 mA in the rain
        (fault("step", LEAK, to=31), {"leakage"}),
        (fault("step", LEAK, to=28), set()),
        (fault("ramp", PORT, to=95, for_s=7200), {"port-1-hot"}),
        (fault("runaway", PORT, for_s=900), {"port-1-hot", "port-1-heating"}),
        (fault("step", POWER, to=1100), {"port-1-load"}),
        (fault("step", POWER, to=1100, for_s=STEP_S), set()),  # an inrush, not held for 10 s
        (fault("step", POWER, to=2300, for_s=STEP_S), {"port-1-surge"}),
        (fault("silence", SMOKE), {"smoke-silent"}),
        (fault("spike", SHED, to=85.0, chance=0.002), set()),  # a probe's word for none, not heat
    ],
)
def test_a_danger_trips_the_guards_that_are_for_it(danger, acts) -> None:
    assert raised({**QUIET, **danger}) == acts

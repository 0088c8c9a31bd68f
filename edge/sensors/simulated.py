"""Simulated: small honest curves and injected faults, the same for the same seed and sample.

Shapes after domain.md 1.4 (faults), 2.5 (stage) and 3.7 (charging), in a small way.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from math import cos, pi
from pathlib import Path

from edge.contract.metrics import METRICS
from edge.sensors.port import Sample, Series, Step, Use
from edge.table import Table

SAMPLES_A_STEP = 200  # a step is one transaction and one wait for the disk
ZONE_S = 8 * 3600  # the day of the curves is that of China
DAY_S = 86_400
YEAR_S = 366 * DAY_S
SHAPES = ("step", "ramp", "silence")


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """``base`` plus a daily wave of ``swing`` that is highest at ``peak_h``, plus noise."""

    base: float
    swing: float = 0.0
    peak_h: float = 15.0
    noise: float = 0.0


# Plausible figures of this project for a temperate place; a shed draws most in the evening.
CURVES = {
    "shed-temp": Curve(base=21, swing=6, peak_h=15, noise=0.15),
    "port-temp": Curve(base=27, swing=5, peak_h=21, noise=0.2),
    "wire-temp": Curve(base=26, swing=6, peak_h=21, noise=0.2),
    "humidity": Curve(base=65, swing=-15, peak_h=15, noise=1),
    "smoke": Curve(base=0),
    "water": Curve(base=0),
    "door": Curve(base=0),
    "relay": Curve(base=1),
    "co": Curve(base=2, noise=0.5),
    "current": Curve(base=14, swing=9, peak_h=21, noise=0.3),
    "residual-current": Curve(base=4, noise=0.4),
    "voltage": Curve(base=228, swing=-4, peak_h=20, noise=0.8),
    "power": Curve(base=110, noise=1.1),
    "water-level": Curve(base=1.25, swing=0.015, peak_h=4, noise=0.003),
    "flow": Curve(base=3.2, swing=0.1, peak_h=4, noise=0.05),
    "rain": Curve(base=0),
    "water-temp": Curve(base=14, swing=1.5, peak_h=17, noise=0.05),
    "ph": Curve(base=7.6, swing=0.2, peak_h=16, noise=0.02),
    "do": Curve(base=8.4, swing=0.9, peak_h=16, noise=0.05),
    "conductivity": Curve(base=420, swing=12, peak_h=6, noise=2),
    "turbidity": Curve(base=6, noise=0.6),
    "nh3n": Curve(base=0.35, noise=0.02),
    "battery": Curve(base=12.7, swing=0.25, peak_h=14, noise=0.01),
    "signal": Curve(base=-71, noise=2),
    "cpu-temp": Curve(base=48, swing=5, peak_h=15, noise=0.5),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """A fault from ``at_s`` after the begin for ``for_s``: named as injected wherever it shows."""

    at_s: float
    for_s: float
    metric: str
    port: str
    shape: str
    to: float = 0.0

    def holds(self, metric: str, port: str, offset_s: float) -> bool:
        return (
            self.metric == metric
            and self.port == port
            and self.at_s <= offset_s < self.at_s + self.for_s
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What to simulate: each metric at ``interval_s``; ends after ``count`` rounds or ``until_s``.

    ``history_s`` of samples before the begin are measured at once.
    """

    place: str
    port: str
    metrics: tuple[str, ...]
    interval_s: float
    seed: int = 0
    curves: tuple[tuple[str, Curve], ...] = ()
    injections: tuple[Injection, ...] = ()
    history_s: float = 0.0
    count: int | None = None
    until_s: float | None = None

    def build(self, name: str, begin_ms: int) -> "Simulated":
        return Simulated(name, self, begin_ms)

    @property
    def gives(self) -> tuple[Series, ...]:
        return tuple(Series(self.place, self.port, metric) for metric in self.metrics)

    @property
    def pace_s(self) -> float:
        return self.interval_s

    @property
    def uses(self) -> tuple[Use, ...]:
        return ()


@dataclass(slots=True)
class Simulated:
    """The sensor. Its mark is the number of the next round; round 0 falls on the begin."""

    name: str
    simulation: Simulation
    begin_ms: int

    def clock_set(self, by_ms: int) -> None:
        self.begin_ms += by_ms  # the next round is due when it was

    def step(self, mark: str, now_ms: int) -> Step:
        plan = self.simulation
        first = -int(plan.history_s // plan.interval_s)
        number = int(mark) if mark else first
        samples: list[Sample] = []
        while len(samples) < SAMPLES_A_STEP:
            offset_s = number * plan.interval_s
            if plan.count is not None and number - first >= plan.count:
                return Step(samples=tuple(samples), mark=str(number))
            if plan.until_s is not None and offset_s > plan.until_s:
                return Step(samples=tuple(samples), mark=str(number))
            at_ms = self.begin_ms + round(offset_s * 1000)
            if at_ms > now_ms:
                return Step(samples=tuple(samples), mark=str(number), wake_ms=at_ms)
            samples += self._round(number, offset_s, at_ms)
            number += 1
        return Step(samples=tuple(samples), mark=str(number), wake_ms=now_ms)

    def close(self) -> None:
        pass

    def _round(self, number: int, offset_s: float, at_ms: int) -> Iterator[Sample]:
        plan = self.simulation
        for metric in plan.metrics:
            value = self._value(metric, number, offset_s, at_ms)
            if value is not None:
                yield Sample(plan.place, plan.port, metric, value, at_ms)

    def _value(self, metric: str, number: int, offset_s: float, at_ms: int) -> float | None:
        plan = self.simulation
        curve = dict(plan.curves).get(metric) or CURVES[metric]
        chance = random.Random(f"{plan.seed}/{plan.place}/{plan.port}/{metric}/{number}")
        hour = (at_ms / 1000 + ZONE_S) % DAY_S / 3600
        value = curve.base + curve.swing * cos(2 * pi * (hour - curve.peak_h) / 24)
        for injection in plan.injections:
            if not injection.holds(metric, plan.port, offset_s):
                continue
            if injection.shape == "silence":
                return None
            share = (offset_s - injection.at_s) / injection.for_s
            value += (injection.to - value) * (share if injection.shape == "ramp" else 1)
        value += chance.gauss(0, curve.noise) if curve.noise else 0.0
        low, high = METRICS[metric].span
        return round(min(max(value, low), high), METRICS[metric].decimals)


def read(table: Table, _: Path) -> Simulation:
    """The keys of a ``[[sensor]]`` of kind simulated; mistakes are complained of to the table."""
    place = table.id("place", "") if "place" in table else ""
    port = table.id("port", "") if "port" in table else ""
    if port and not place:
        table.complain("place", "is missing beside port")
    metrics = table.texts("metrics")
    if not metrics:
        table.complain("metrics", 'name at least one, e.g. metrics = ["shed-temp", "smoke"]')
    given = table.table("curve")
    curves = tuple((name, _curve(given.table(name))) for name in given.keys())  # noqa: SIM118
    for metric in metrics:
        if metric not in METRICS:
            table.complain("metrics", f"{metric!r} is not in the catalogue")
        elif metric not in CURVES and metric not in dict(curves):
            table.complain("metrics", f"{metric!r} has no curve; write [sensor.curve.{metric}]")
    for metric in dict(curves):
        if metric not in metrics:
            table.complain("curve", f"{metric!r} is not among metrics")
    if len(set(metrics)) < len(metrics):
        table.complain("metrics", "one stands twice; take it out")
    return Simulation(
        place=place,
        port=port,
        metrics=tuple(metrics),
        interval_s=table.number("interval_s", 60.0, least=0.01, most=86_400),
        seed=table.whole("seed", 0, least=0, most=2**53),
        curves=curves,
        injections=tuple(_injection(each, metrics, port) for each in table.tables("inject")),
        history_s=table.number("history_s", 0.0, least=0, most=YEAR_S),
        count=table.whole("count", least=1, most=10**9) if "count" in table else None,
        until_s=table.number("until_s", least=0) if "until_s" in table else None,
    )


def _curve(table: Table) -> Curve:
    curve = Curve(
        base=table.number("base"),
        swing=table.number("swing", 0.0),
        peak_h=table.number("peak_h", 15.0, least=0, most=24),
        noise=table.number("noise", 0.0, least=0),
    )
    table.done()
    return curve


def _injection(table: Table, metrics: list[str], port: str) -> Injection:
    shape = table.one_of("shape", SHAPES)
    injection = Injection(
        at_s=table.number("at_s"),
        for_s=table.number("for_s", above=0),
        metric=table.one_of("metric", metrics or ("",)),
        port=table.id("port", port) if "port" in table else port,
        shape=shape,
        to=table.number("to", 0.0 if shape == "silence" else None),
    )
    if injection.port != port:
        table.complain("port", f"is not this sensor's port {port!r}; take it out")
    table.done()
    return injection

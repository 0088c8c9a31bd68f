"""Simulated: curves, storms and charging sessions with injected faults, the same for the same seed.

``simulation`` holds what is said when, pure; here stand the sensor and its keys (docs/simulated.md).
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.contract.metrics import METRICS
from edge.sensors.port import Sample, Series, Step, Use
from edge.sensors.simulation.charging import MODELLED, Pack, Socket
from edge.sensors.simulation.curves import CURVES, DAY_S, Curve, Signal
from edge.sensors.simulation.faults import (
    CHARGING_SHAPES,
    RAIN_SHAPES,
    SHAPES,
    STUCK,
    WHOLE,
    Moment,
    Said,
)
from edge.sensors.simulation.injection import Injection
from edge.sensors.simulation.rain import told_mm
from edge.sensors.simulation.storm import Storm, rise_m
from edge.table import Table

SAMPLES_A_STEP = 200  # a step is one transaction and one wait for the disk
YEAR_S = 366 * DAY_S
ALL_SHAPES = (*SHAPES, STUCK, *RAIN_SHAPES, *CHARGING_SHAPES, *WHOLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What to simulate: each metric at ``interval_s``; ends after ``count`` rounds or ``until_s``.

    ``history_s`` of samples before the begin are measured at once. ``charging``: it is a socket.
    """

    place: str
    port: str
    metrics: tuple[str, ...]
    interval_s: float
    seed: int = 0
    curves: tuple[tuple[str, Curve], ...] = ()
    storms: tuple[Storm, ...] = ()
    charging: Pack | None = None
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
            samples += self._round(number, at_ms)
            number += 1
        return Step(samples=tuple(samples), mark=str(number), wake_ms=now_ms)

    def close(self) -> None:
        pass

    def _round(self, number: int, at_ms: int) -> Iterator[Sample]:
        plan = self.simulation
        for metric in plan.metrics:
            value = self._value(metric, number)
            if value is not None:
                yield Sample(plan.place, plan.port, metric, value, at_ms)

    def _value(self, metric: str, number: int) -> float | None:
        """What is said in that round: the signal, what faults make of it, noise, and the digits."""
        plan, offset_s = self.simulation, number * self.simulation.interval_s
        at_s = self.begin_ms / 1000 + offset_s
        key = f"{plan.seed}/{plan.place}/{plan.port}/{metric}/{number}"
        said: Said = self._signal(metric, offset_s, at_s)
        for nth, fault in enumerate(plan.injections):
            if fault.metric not in ("", metric) or not fault.lasts(offset_s):
                continue
            if fault.shape == STUCK:
                # The last round before it, which other faults may have met.
                return self._value(metric, -int(-fault.at_s // plan.interval_s) - 1)
            now = Moment(at_s, fault.share(offset_s), random.Random(f"{key}/{nth}"))
            said = _with(fault, metric, said, now)
        if not isinstance(said, Signal):
            return said
        value = said.level + said.wave
        value += random.Random(key).gauss(0, said.noise) if said.noise else 0.0
        low, high = METRICS[metric].span
        return round(min(max(value, low), high), METRICS[metric].decimals)

    def _signal(self, metric: str, offset_s: float, at_s: float) -> Signal:
        """Without the faults of one signal; those of rain and of a socket are in it."""
        plan = self.simulation
        if plan.charging is not None and metric in MODELLED:
            return self._socket(plan.charging).at(
                metric,
                at_s,
                self._curve("voltage").at(at_s).level,
                self._curve("port-temp").at(at_s),
            )
        signal = self._curve(metric).at(at_s)
        if metric == "rain" and plan.storms:
            here = told_mm(plan.storms, plan.injections, offset_s)
            before = told_mm(plan.storms, plan.injections, offset_s - plan.interval_s)
            return signal._replace(level=signal.level + here - before)
        if metric == "water-level":
            return signal._replace(level=signal.level + rise_m(plan.storms, offset_s))
        return signal

    def _curve(self, metric: str) -> Curve:
        return dict(self.simulation.curves).get(metric) or CURVES.get(metric) or Curve(base=0)

    def _socket(self, pack: Pack) -> Socket:
        plan, begin_s = self.simulation, self.begin_ms / 1000
        faults = tuple(fault.since(begin_s) for fault in plan.injections)
        return Socket(f"{plan.seed}/{plan.place}/{plan.port}", pack, faults)


def _with(fault: Injection, metric: str, said: Said, now: Moment) -> Said:
    if not isinstance(said, Signal):
        return said  # an earlier fault has the last word
    if fault.shape in WHOLE:
        return WHOLE[fault.shape](metric, said, fault, now)
    shape = SHAPES.get(fault.shape)
    return said if shape is None else shape.act(said, fault, now)


# The keys of a ``[[sensor]]``


def read(table: Table, _: Path) -> Simulation:
    """The keys of a ``[[sensor]]`` of kind simulated; mistakes are complained of to the table."""
    place = table.id("place", "") if "place" in table else ""
    port = table.id("port", "") if "port" in table else ""
    if port and not place:
        table.complain("place", "is missing beside port")
    metrics = table.texts("metrics")
    if not metrics:
        table.complain("metrics", 'name at least one, e.g. metrics = ["shed-temp", "smoke"]')
    charging = None
    if "charging" in table:
        charging = Pack(table.one_of("charging", tuple(Pack)))
    given = table.table("curve")
    curves = tuple((name, _curve(given.table(name))) for name in given.keys())  # noqa: SIM118
    modelled = MODELLED if charging is not None else ()
    for metric in metrics:
        if metric not in METRICS:
            table.complain("metrics", f"{metric!r} is not in the catalogue")
        elif metric not in (*CURVES, *dict(curves), *modelled):
            table.complain("metrics", f"{metric!r} has no curve; write [sensor.curve.{metric}]")
    for metric in dict(curves):
        if metric not in metrics:
            table.complain("curve", f"{metric!r} is not among metrics")
    if len(set(metrics)) < len(metrics):
        table.complain("metrics", "one stands twice; take it out")
    storms = tuple(_storm(each) for each in table.tables("storm"))
    if storms and not {"rain", "water-level"}.intersection(metrics):
        table.complain("storm", "nothing here shows it; add rain or water-level to metrics")
    return Simulation(
        place=place,
        port=port,
        metrics=tuple(metrics),
        interval_s=table.number("interval_s", 60.0, least=0.01, most=86_400),
        seed=table.whole("seed", 0, least=0, most=2**53),
        curves=curves,
        storms=storms,
        charging=charging,
        injections=tuple(
            _injection(each, metrics, port, storms, charging) for each in table.tables("inject")
        ),
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


def _storm(table: Table) -> Storm:
    storm = Storm(
        at_s=table.number("at_s"),
        hours=table.number("hours", above=0, most=240),
        mm=table.number("mm", above=0, most=2000),
        peak=table.number("peak", 0.4, least=0.05, most=0.95),
        mm_per_tip=table.number("mm_per_tip", 0.2, least=0.05, most=2),
        lag_s=60 * table.number("lag_min", 20.0, least=0, most=600),
        tau_s=3600 * table.number("tau_h", 4.0, above=0, most=240),
        m_per_mm=table.number("m_per_mm", 0.03, least=0, most=1),
        seed=table.whole("seed", 0, least=0, most=2**53),
    )
    table.done()
    return storm


def _injection(
    table: Table, metrics: list[str], port: str, storms: tuple[Storm, ...], charging: Pack | None
) -> Injection:
    shape = table.one_of("shape", ALL_SHAPES)
    metric = ""
    if shape in SHAPES or shape == STUCK:
        metric = table.one_of("metric", metrics or ("",))
    if shape in RAIN_SHAPES and not storms:
        table.complain("shape", f"{shape} is of a rain gauge in a storm; write [[sensor.storm]]")
    if shape in CHARGING_SHAPES and charging is None:
        table.complain("shape", f'{shape} is of a socket; write charging = "lead" or "lithium"')
    if "port" in table and table.id("port") != port:
        table.complain("port", f"is not this sensor's port {port!r}; take it out")
    injection = Injection(
        at_s=table.number("at_s"),
        for_s=table.number("for_s", above=0),
        shape=shape,
        metric=metric,
        **_amounts(table, shape),
    )
    table.done()
    return injection


def _amounts(table: Table, shape: str) -> dict[str, float]:
    """The keys that the shape needs, and those that it may have."""
    known = SHAPES.get(shape)
    needs = known.needs if known is not None else CHARGING_SHAPES.get(shape, ())
    may = known.may if known is not None else {}
    found = {key: table.number(key) for key in needs}
    found |= {key: table.number(key, may[key]) for key in may if key != "to" or "to" in table}
    if "to" in table and shape == "silence":
        table.number("to")  # of no use, and of no harm
    return found

"""A charging shed on recorded curves: normal nights, and faults put into them. The faults are made up.

Every recorded curve stands at a socket of its own, read between its points, with the noise of a
meter; a fault is put into each, so that a rule is asked once for each curve and sampling.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random

from alerts.registry.model import PlaceKind
from tests.alerts.rules import worlds
from tests.alerts.seasons.recorded import Curve, curves
from tests.alerts.seasons.season import MINUTE_MS, TICK_MS, Event, Row, Season

BEGIN_MS = 1_780_308_000_000  # 2026-06-01, 18:00 in China
HOUR_S, MINUTE_S = 3_600, 60
NOISE = 0.01  # of a socket's meter
TAIL_S = 3 * HOUR_S
PLATEAU_S = 2 * HOUR_S  # put before a recording, which begins when somebody looked

Signal = Callable[[float], float]
"""Seconds after the begin -> the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """``rules`` must ring in it, those of ``may`` are forgiven."""

    name: str
    rules: tuple[str, ...]
    may: tuple[str, ...] = ()


def charging(curve: Curve, before_s: float = PLATEAU_S) -> Signal:
    """The curve between its points, its first value made ``before_s`` longer; unplugged after it."""
    times = [at_s + before_s for at_s, _ in curve]

    def at(at_s: float) -> float:
        if at_s < times[0]:
            return curve[0][1]
        if at_s > times[-1] + MINUTE_S:
            return 0.0
        n = bisect_right(times, at_s)
        if n == len(times):
            return curve[-1][1]
        part = (at_s - times[n - 1]) / (times[n] - times[n - 1])
        return curve[n - 1][1] + part * (curve[n][1] - curve[n - 1][1])

    return at


def full_at_s(curve: Curve, before_s: float = PLATEAU_S) -> float | None:
    """When it falls under what two boards call full; None where the recording ends before."""
    peak = max(watts for _, watts in curve)
    line = max(30.0, 0.2 * peak)
    return next((at_s + before_s for at_s, watts in curve if watts < line), None)


def night(step_s: int, seed: int = 0, before_s: float = PLATEAU_S) -> Season:
    """All recorded curves as they are, ``before_s`` of their first value put before them."""
    signals = {port: charging(curve, before_s) for port, curve in _ports(whole=True).items()}
    return _season(f"normal night, {step_s} s", step_s, signals, seed, _length_s(before_s))


def injected(fault: str, step_s: int, seed: int = 0) -> Season:
    """The same with one fault in each curve, each at a moment of its own."""
    chance = Random(f"{fault} {seed}")
    plan = FAULTS[fault]
    signals: dict[str, Signal] = {}
    events: list[Event] = []
    last_s = _length_s(PLATEAU_S)
    for port, curve in _ports().items():
        made = _INJECT[fault](curve, chance)
        if made is None:
            continue
        signal, since_s, until_s = made
        signals[port] = signal
        last_s = max(last_s, until_s + HOUR_S)
        events.append(_event(plan, since_s, until_s, port))
    season = _season(f"{fault}, {step_s} s", step_s, signals, seed, last_s)
    return replace(season, events=tuple(events))


FAULTS: Mapping[str, Fault] = {
    f.name: f
    for f in (
        Fault(
            name="another appliance", rules=("eb-port-overp",), may=("eb-port-step", "eb-feeder")
        ),
        Fault(name="short appliance", rules=("eb-port-overp",), may=("eb-port-step",)),
        Fault(name="second bike", rules=("eb-port-step",)),
        Fault(name="does not taper", rules=("eb-no-taper", "eb-port-long")),
        Fault(name="full and still on", rules=("eb-float",)),
        Fault(name="rises at the end", rules=("eb-float-rise",), may=("eb-port-step", "eb-float")),
        Fault(name="flickers", rules=("eb-flicker",), may=("eb-port-step",)),
    )
}

Made = tuple[Signal, float, float] | None
"""The signal with the fault, from when it is one, and until when; None where the curve has no room."""


def _appliance(minutes: float) -> Callable[[Curve, Random], Made]:
    def inject(curve: Curve, chance: Random) -> Made:
        healthy, watts = charging(curve), chance.uniform(850, 1900)
        since_s = chance.uniform(0.3, 0.8) * PLATEAU_S
        until_s = since_s + minutes * MINUTE_S
        return lambda s: healthy(s) + (watts if since_s <= s < until_s else 0.0), since_s, until_s

    return inject


def _second_bike(curve: Curve, chance: Random) -> Made:
    healthy, watts = charging(curve), chance.uniform(95, 240)
    since_s = chance.uniform(0.4, 0.9) * PLATEAU_S
    until_s = since_s + 40 * MINUTE_S
    return lambda s: healthy(s) + (watts if since_s <= s < until_s else 0.0), since_s, until_s


def _no_taper(curve: Curve, chance: Random) -> Made:
    level = max(watts for _, watts in curve)
    return lambda s: level if s < 12.5 * HOUR_S else 0.0, 0.0, 12.5 * HOUR_S


def _stays_on(curve: Curve, chance: Random) -> Made:
    full_s = full_at_s(curve)
    if full_s is None:
        return None
    healthy, rest = charging(curve), curve[-1][1]
    end_s = curve[-1][0] + PLATEAU_S
    until_s = full_s + 4 * HOUR_S
    return lambda s: healthy(s) if s < end_s else rest if s < until_s else 0.0, full_s, until_s


def _rises(curve: Curve, chance: Random) -> Made:
    """From a moment in the taper on it grows by 6 to 12 % each ten minutes, as a pack that warms."""
    full_s = full_at_s(curve)
    if full_s is None:
        return None
    healthy, speed = charging(curve), chance.uniform(0.06, 0.12)
    since_s = full_s - chance.uniform(0, 20) * MINUTE_S
    level, until_s = healthy(since_s), since_s + 2 * HOUR_S

    def signal(at_s: float) -> float:
        if at_s < since_s:
            return healthy(at_s)
        return level * (1 + speed) ** ((at_s - since_s) / 600) if at_s < until_s else 0.0

    return signal, since_s, until_s


def _flickers(curve: Curve, chance: Random) -> Made:
    """A contact that comes and goes, each time for 20 s to 4 min."""
    healthy = charging(curve)
    since_s = chance.uniform(0.2, 0.5) * PLATEAU_S
    until_s = since_s + HOUR_S
    turns, at_s = [], since_s
    while at_s < until_s:
        turns.append(at_s)
        at_s += chance.uniform(20, 240)
    if len(turns) % 2:
        turns.pop()
    return lambda s: 0.0 if bisect_right(turns, s) % 2 else healthy(s), since_s, until_s


_INJECT: Mapping[str, Callable[[Curve, Random], Made]] = {
    "another appliance": _appliance(25),
    "short appliance": _appliance(3),
    "second bike": _second_bike,
    "does not taper": _no_taper,
    "full and still on": _stays_on,
    "rises at the end": _rises,
    "flickers": _flickers,
}


def _ports(whole: bool = False) -> dict[str, Curve]:
    return {str(n): curve for n, (_, curve) in enumerate(sorted(curves(whole).items()), 1)}


def _length_s(before_s: float) -> float:
    return before_s + max(curve[-1][0] for curve in _ports().values()) + TAIL_S


def _season(
    name: str, step_s: int, signals: Mapping[str, Signal], seed: int, length_s: float
) -> Season:
    spots = [(worlds.PLACE, port, "power") for port in signals]
    registry = worlds.village(PlaceKind.SHED, spots, interval_s=step_s)
    rows = [
        row
        for port, signal in signals.items()
        for row in _read(port, signal, step_s, seed, length_s)
    ]
    return Season(name=name, registry=registry, rows=rows, tick_ms=TICK_MS)


def _read(port: str, signal: Signal, step_s: int, seed: int, length_s: float) -> Iterator[Row]:
    """A meter's readings: each socket a little after the one before it, in tenths of a watt."""
    chance = Random(f"{seed}/{port}/{step_s}")
    offset_s = chance.uniform(0, min(step_s, 5))
    for n in range(int(length_s / step_s)):
        at_s = n * step_s + offset_s
        watts = max(0.0, signal(at_s)) * (1 + chance.gauss(0, NOISE))
        yield BEGIN_MS + round(at_s * 1000), worlds.PLACE, port, "power", round(watts, 1)


def _event(plan: Fault, since_s: float, until_s: float, port: str) -> Event:
    return Event(
        name=plan.name, since_ms=BEGIN_MS + round(since_s * 1000),
        until_ms=BEGIN_MS + round(until_s * 1000), rules=plan.rules, may=plan.may, port=port,
        late_ms=20 * MINUTE_MS,
    )  # fmt: skip

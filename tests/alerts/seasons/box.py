"""The rest of a shed: its box's detectors, thermometers and meters, with faults put into a quiet evening.

All of it is made up: levels and noise of the simulator's curves, ramps and steps of this project.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random

from alerts.registry.model import PlaceKind
from edge.sensors.simulation.charging import TAPER, Pack
from edge.sensors.simulation.charging import session as drawn
from edge.sensors.simulation.curves import CURVES, DAY_S
from tests.alerts.rules import worlds
from tests.alerts.seasons.season import MINUTE_MS, TICK_MS, Event, Row, Season

BEGIN_S = 1_780_243_200  # 2026-06-01, 00:00 in China
HOUR_S, MINUTE_S = 3_600, 60
SOCKETS = ("1", "2", "3", "4", "5", "6")
LAMP_W = 20.0
HOLDS = frozenset({"smoke", "water", "relay", "blocked", "mains"})  # contacts have no noise

Series = tuple[str, str]
"""Port, metric."""
Signal = Callable[[float], float | None]
"""Seconds after the begin -> the value; None: it says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """From ``since_s`` (when its line is crossed) for ``hours``; the signals it takes the place of."""

    rules: tuple[str, ...]
    signals: Mapping[Series, Signal]
    since_s: float
    hours: float
    may: tuple[str, ...] = ()
    port: str = ""


def injected(name: str, step_s: int, seed: int = 0) -> Season:
    """Six hours of an evening (for heat of the day: of a day) with that fault."""
    chance = Random(f"{name} {seed}")
    begin_s = BEGIN_S + (10 if name == "hot afternoon" else 18) * HOUR_S
    fault = FAULTS[name](chance)
    length_s = fault.since_s + fault.hours * HOUR_S + 2 * HOUR_S
    since_ms = round((begin_s + fault.since_s) * 1000)
    event = Event(
        name=name, since_ms=since_ms, until_ms=since_ms + round(fault.hours * HOUR_S * 1000),
        rules=fault.rules, may=fault.may, port=fault.port, late_ms=20 * MINUTE_MS,
    )  # fmt: skip
    signals = _evening(seed, begin_s, fault.signals)
    season = _season(f"{name}, {step_s} s", signals, begin_s, length_s, step_s, seed)
    return replace(season, events=(event,))


def quiet(seed: int, step_s: int, days: float) -> Season:
    """Sheds' ordinary nights: everybody charges, boards switch off 35 to 90 minutes after full."""
    signals = _evening(seed, BEGIN_S)
    name = f"quiet shed {seed}, {step_s} s"
    season = _season(name, signals, BEGIN_S, days * DAY_S, step_s, seed)
    return replace(season, tick_ms=MINUTE_MS)


def _evening(
    seed: int, begin_s: float, given: Mapping[Series, Signal] | None = None
) -> dict[Series, Signal]:
    """The signals of a shed with those that a fault gives; relays and feeder follow the sockets."""
    signals: dict[Series, Signal] = {
        ("", metric): _curve(metric, begin_s)
        for metric in ("shed-temp", "co", "smoke", "water", "voltage", "residual-current")
    }
    given = given or {}
    for port in SOCKETS:
        pack = Pack.LEAD if int(port) % 2 else Pack.LITHIUM
        power = given.get((port, "power")) or _socket(f"{seed}/{port}", pack, begin_s)
        signals[port, "power"] = power
        signals[port, "relay"] = _powered(power)
        signals[port, "port-temp"] = _warm(power, begin_s)
        signals[port, "residual-current"] = lambda s: 1.5
    sockets = [signals[port, "power"] for port in SOCKETS]
    signals["", "power"] = lambda s: LAMP_W + _sum(sockets, s)
    signals["", "current"] = lambda s: (LAMP_W + _sum(sockets, s)) / 220 / 0.6
    return {**signals, **given}


def _powered(power: Signal) -> Signal:
    return lambda s: float(bool(power(s)))


def _curve(metric: str, begin_s: float) -> Signal:
    def at(at_s: float) -> float:
        signal = CURVES[metric].at(begin_s + at_s)
        return signal.level + signal.wave

    return at


def _socket(seed: str, pack: Pack, begin_s: float) -> Signal:
    """A session each day; nothing once the board has switched it off."""

    @lru_cache(64)
    def off_s(day: int) -> float:
        its = drawn(seed, day, pack)
        at_s = its.start_s + its.cc_s
        while its.power_w(at_s) > max(30.0, TAPER * its.full_w) and at_s < its.until_s:
            at_s += 60
        return min(its.until_s, at_s + Random(f"{seed}/{day}").uniform(35, 90) * 60)

    def at(at_s: float) -> float:
        now_s = begin_s + at_s
        day = int((now_s + 8 * HOUR_S) // DAY_S)
        its = drawn(seed, day, pack)
        if now_s < its.start_s:
            day -= 1
            its = drawn(seed, day, pack)
        return its.power_w(now_s) if now_s < off_s(day) else 0.0

    return at


def _warm(power: Signal, begin_s: float) -> Signal:
    ambient = _curve("port-temp", begin_s)
    return lambda s: (ambient(s) or 0.0) + 0.25 * ((power(s - 600) or 0.0) / 130) ** 2


def _sum(sockets: Sequence[Signal], at_s: float) -> float:
    return sum(power(at_s) or 0.0 for power in sockets)


def _season(
    name: str, signals: Mapping[Series, Signal], begin_s: float, length_s: float, step_s: int,
    seed: int,
) -> Season:  # fmt: skip
    spots = [(worlds.PLACE, port, metric) for port, metric in signals]
    rows = list(_read(name, signals, begin_s, length_s, step_s, seed))
    world = worlds.village(PlaceKind.SHED, spots, interval_s=step_s)
    return Season(name=name, registry=world, rows=rows, tick_ms=TICK_MS)


def _read(
    name: str, signals: Mapping[Series, Signal], begin_s: float, length_s: float, step_s: int,
    seed: int,
) -> Iterator[Row]:  # fmt: skip
    chance = Random(f"{name} {seed}")
    offset_s = chance.uniform(0, step_s)
    for n in range(int((length_s - offset_s) / step_s)):
        at_s = n * step_s + offset_s
        at_ms = round((begin_s + at_s) * 1000)
        for (port, metric), signal in signals.items():
            value = signal(at_s)
            if value is None:
                continue
            if metric not in HOLDS and value:
                noise = CURVES[metric].noise if metric != "power" else 0.01 * value
                value = max(0.0, value + chance.gauss(0, noise))
            yield at_ms, worlds.PLACE, port, metric, round(value, 1)


# The faults. Each begins an hour into the evening, at a moment of its own.


def _ramp(low: float, high: float, since_s: float, minutes: float) -> Signal:
    """Evenly from one to the other, and stays there."""
    length_s = minutes * MINUTE_S
    return lambda s: low + (high - low) * min(1.0, max(0.0, (s - since_s) / length_s))


def _while(value: float | None, usual: Signal, since_s: float, hours: float) -> Signal:
    return lambda s: value if since_s <= s < since_s + hours * HOUR_S else usual(s)


def _begin(chance: Random) -> float:
    return HOUR_S + chance.uniform(0, 15) * MINUTE_S


def _fire(chance: Random) -> Fault:
    """Heat from half a degree a minute to ten, carbon monoxide, smoke one to three minutes later."""
    since_s = _begin(chance)
    smoke_s = since_s + 360 + chance.uniform(60, 180)

    def heat(at_s: float) -> float:
        minutes = max(0.0, min(at_s - since_s, 360.0)) / 60
        after = max(0.0, at_s - since_s - 360) / 60
        return min(180.0, 24 + 0.5 * minutes + 9.5 * minutes * minutes / 12 + 10 * after)

    return Fault(
        rules=("eb-shed-temp", "eb-shed-temp-rise", "eb-co", "eb-co-rise"),
        may=("eb-smoke",),  # it has a fault of its own, from the moment on when there is smoke
        signals={
            ("", "shed-temp"): heat,
            ("", "co"): _ramp(2, 300, since_s, 6),
            ("", "smoke"): lambda s: float(s >= smoke_s),
        },
        since_s=since_s,
        hours=1,
    )


def _smoke(chance: Random) -> Fault:
    since_s = _begin(chance)
    smoke = _while(1.0, lambda s: 0.0, since_s, 0.5)
    return Fault(rules=("eb-smoke",), signals={("", "smoke"): smoke}, since_s=since_s, hours=0.5)


def _hot_socket(chance: Random) -> Fault:
    """A bad contact: 2 °C a minute up to 75 to 95; an event from 60 on."""
    begin_s, top = _begin(chance), chance.uniform(75, 95)
    minutes = (top - 30) / 2
    since_s = begin_s + 30 / 2 * MINUTE_S
    temp = _ramp(30, top, begin_s, minutes)
    return Fault(
        rules=("eb-port-temp",), may=("eb-port-temp-rise",), port="1",
        signals={("1", "port-temp"): temp}, since_s=since_s, hours=2,
    )  # fmt: skip


def _arcing_socket(chance: Random) -> Fault:
    """6 °C a minute for ten minutes."""
    since_s = _begin(chance)
    temp = _ramp(30, 90, since_s, 10)
    return Fault(
        rules=("eb-port-temp-rise",), may=("eb-port-temp",), port="1",
        signals={("1", "port-temp"): temp}, since_s=since_s, hours=1,
    )  # fmt: skip


def _leak(chance: Random) -> Fault:
    """2 to 45 mA within an hour of rain; an event from 15 mA on."""
    begin_s = _begin(chance)
    leak = _ramp(2, 45, begin_s, 60)
    since_s = begin_s + 13 / 43 * HOUR_S
    return Fault(
        rules=("eb-rcd",),
        signals={("2", "residual-current"): leak},
        since_s=since_s,
        hours=2,
        port="2",
    )


def _leaking_feeder(chance: Random) -> Fault:
    since_s = _begin(chance)
    leak = _while(chance.uniform(330, 800), lambda s: 40.0, since_s, 1)
    return Fault(
        rules=("eb-rcd-feeder",), signals={("", "residual-current"): leak}, since_s=since_s, hours=1
    )


def _full_circuit(chance: Random) -> Fault:
    """The feeder's meter over its rating of 40 A."""
    since_s = _begin(chance)
    amperes = _while(chance.uniform(43, 55), lambda s: 9.0, since_s, 0.75)
    return Fault(
        rules=("eb-feeder",), signals={("", "current"): amperes}, since_s=since_s, hours=0.75
    )


def _full_sockets(chance: Random) -> Fault:
    """No meter at the feeder: the sockets together draw more than 40 A at 220 V."""
    since_s, watts = _begin(chance), chance.uniform(1600, 1900)
    drawn_w = _while(watts, lambda s: 110.0, since_s, 0.75)
    signals: dict[Series, Signal] = {(port, "power"): drawn_w for port in SOCKETS}
    signals["", "power"] = signals["", "current"] = lambda s: None
    may = ("eb-port-overp", "eb-port-step", "eb-port-temp", "eb-port-temp-rise")
    return Fault(rules=("eb-feeder",), may=may, signals=signals, since_s=since_s, hours=0.75)


def _tap(chance: Random) -> Fault:
    """Somebody has tapped the feeder: 40 to 90 % more than all sockets, of which each draws 110 W."""
    since_s, more = _begin(chance), chance.uniform(1.4, 1.9)
    sockets: dict[Series, Signal] = {(port, "power"): lambda s: 110.0 for port in SOCKETS}
    tapped = _while(660 * more, lambda s: 660.0, since_s, 3)
    return Fault(
        rules=("eb-balance",), signals={**sockets, ("", "power"): tapped}, since_s=since_s, hours=3
    )


def _welded(chance: Random) -> Fault:
    since_s = _begin(chance)
    off = _while(0.0, lambda s: 1.0, since_s, 1)
    signals: dict[Series, Signal] = {("3", "power"): lambda s: 110.0, ("3", "relay"): off}
    return Fault(rules=("eb-relay",), signals=signals, since_s=since_s, hours=1, port="3")


def _no_load(chance: Random) -> Fault:
    since_s = _begin(chance)
    on = _while(1.0, lambda s: 0.0, since_s, 3)
    idle = _while(3.0, lambda s: 0.0, since_s, 3)
    signals: dict[Series, Signal] = {("4", "power"): idle, ("4", "relay"): on}
    return Fault(rules=("eb-noload",), signals=signals, since_s=since_s, hours=3, port="4")


def _steps(
    rule: str, metric: str, value: float, usual: float, may: tuple[str, ...] = ()
) -> Callable[[Random], Fault]:
    def make(chance: Random) -> Fault:
        since_s = _begin(chance)
        signal = _while(value, lambda s: usual, since_s, 1)
        signals = {("", metric): signal}
        return Fault(rules=(rule,), may=may, signals=signals, since_s=since_s, hours=1)

    return make


def _silent_detector(chance: Random) -> Fault:
    since_s = _begin(chance)
    smoke = _while(None, lambda s: 0.0, since_s, 3)
    return Fault(
        rules=("eb-smoke-silent",), signals={("", "smoke"): smoke}, since_s=since_s, hours=3
    )


def _silent_box(chance: Random) -> Fault:
    since_s = _begin(chance)
    signals = {
        series: _while(None, signal, since_s, 3) for series, signal in _evening(0, BEGIN_S).items()
    }
    return Fault(rules=("eb-offline",), signals=signals, since_s=since_s, hours=3)


def _hot_afternoon(chance: Random) -> Fault:
    """A tin roof: 43 to 48 °C from noon on."""
    heat = _ramp(30, chance.uniform(43, 48), 0, 120)
    return Fault(
        rules=("eb-hot-afternoon",), signals={("", "shed-temp"): heat}, since_s=2 * HOUR_S, hours=4
    )


FAULTS: Mapping[str, Callable[[Random], Fault]] = {
    "fire": _fire,
    "smoke alone": _smoke,
    "hot socket": _hot_socket,
    "arcing socket": _arcing_socket,
    "leak at a socket": _leak,
    "leak at the feeder": _leaking_feeder,
    "circuit overloaded": _full_circuit,
    "circuit overloaded, no meter": _full_sockets,
    "tapped feeder": _tap,
    "welded relay": _welded,
    "nothing to charge": _no_load,
    "low voltage": _steps("eb-volt", "voltage", 188.0, 226.0),
    "broken neutral": _steps("eb-volt-danger", "voltage", 305.0, 226.0, may=("eb-volt",)),
    "power cut": _steps("eb-mains", "mains", 0.0, 1.0),
    "no voltage": _steps("eb-no-volts", "voltage", 3.0, 226.0, may=("eb-volt", "eb-volt-danger")),
    "water in the shed": _steps("eb-flood", "water", 1.0, 0.0),
    "way out blocked": _steps("eb-blocked", "blocked", 1.0, 0.0),
    "silent detector": _silent_detector,
    "silent box": _silent_box,
    "hot afternoon": _hot_afternoon,
}

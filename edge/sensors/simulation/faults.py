"""The shapes of faults on one signal, and those of a whole sonde or socket. Pure."""

import random
from collections.abc import Callable, Mapping
from typing import NamedTuple

from edge.contract.metrics import METRICS
from edge.sensors.simulation.curves import Signal, daily
from edge.sensors.simulation.injection import Injection

Said = Signal | float | None
"""A float is said as it stands, without noise or bounds; None is silence."""


class Moment(NamedTuple):
    """``at_s`` since 1970, ``share`` of the fault; ``chance`` is of this sample and fault alone."""

    at_s: float
    share: float
    chance: random.Random


class Shape(NamedTuple):
    """What it makes of a signal, and the keys that it needs or may have (with what they are then)."""

    act: Callable[[Signal, Injection, Moment], Said]
    needs: tuple[str, ...] = ()
    may: Mapping[str, float] = {}


def _step(signal: Signal, fault: Injection, _: Moment) -> Said:
    return Signal(fault.to or 0.0, 0.0, signal.noise)


def _ramp(signal: Signal, fault: Injection, now: Moment) -> Said:
    value = signal.level + signal.wave
    return Signal(value + ((fault.to or 0.0) - value) * now.share, 0.0, signal.noise)


def _dropout(signal: Signal, fault: Injection, now: Moment) -> Said:
    return None if now.chance.random() < fault.chance else signal


def _offset(signal: Signal, fault: Injection, _: Moment) -> Said:
    return signal._replace(level=signal.level + fault.by)


def _drift(signal: Signal, fault: Injection, now: Moment) -> Said:
    return signal._replace(level=signal.level + fault.by * now.share)


def _gain(signal: Signal, fault: Injection, now: Moment) -> Said:
    times = 1 + (fault.times - 1) * now.share
    return Signal(signal.level * times, signal.wave * times, signal.noise)


def _fouling(signal: Signal, fault: Injection, now: Moment) -> Said:
    """It drifts while the day shows ever less in it; noise grows where what grows on it moves."""
    grown = 1 + 3 * now.share if fault.by > 0 else 1.0
    level = signal.level + fault.by * now.share
    return Signal(level, signal.wave * (1 - 0.7 * now.share), signal.noise * grown)


def _noise(signal: Signal, fault: Injection, _: Moment) -> Said:
    return signal._replace(noise=signal.noise * fault.times)


def _spike(signal: Signal, fault: Injection, now: Moment) -> Said:
    if now.chance.random() >= fault.chance:
        return signal
    if fault.to is not None:
        return fault.to
    return Signal((signal.level + signal.wave) * fault.times, 0.0, signal.noise)


def _wave(signal: Signal, fault: Injection, now: Moment) -> Said:
    return signal._replace(wave=signal.wave + daily(fault.by, 15.0, now.at_s))


SHAPES = {
    "step": Shape(_step, ("to",)),
    "ramp": Shape(_ramp, ("to",)),
    "silence": Shape(lambda *_: None),
    "dropout": Shape(_dropout, (), {"chance": 0.5}),  # a radar in fog or heavy rain
    "offset": Shape(_offset, ("by",)),  # a boat under the radar, a wet vent tube, a gate
    "drift": Shape(_drift, ("by",)),  # until it is calibrated
    "gain": Shape(_gain, ("times",)),  # an ion-selective probe loses its slope
    "fouling": Shape(_fouling, ("by",)),  # until it is cleaned
    "noise": Shape(_noise, ("times",)),  # a bad cable or ground
    "spike": Shape(_spike, (), {"chance": 0.05, "times": 5.0, "to": 0.0}),
    "wave": Shape(_wave, ("by",)),  # a level gauge that warms in the sun
}
STUCK = "stuck"  # the last value again and again; the sensor itself knows what that was
RAIN_SHAPES = ("clogged", "double")
CHARGING_SHAPES: Mapping[str, tuple[str, ...]] = {
    "no-taper": (),
    "cv-rise": (),
    "more-load": ("by",),
    "splitter": (),
    "welded": (),
    "bad-contact": ("times",),
}


# Faults of the whole: what each metric becomes; those that are not named go on.


def _out_of_water(metric: str, signal: Signal, _: Injection, now: Moment) -> Said:
    """The sonde measures air: its day, all the oxygen there can be, no ions."""
    air_c = signal.level + daily(8.0, 15.0, now.at_s)
    match metric:
        case "water-temp":
            return Signal(signal.level, air_c - signal.level, 0.2)
        case "do":
            return Signal(9.5, daily(-0.8, 15.0, now.at_s), 0.05)  # saturation at 10 to 26 °C
        case "conductivity":
            return Signal(2.0, 0.0, 0.5)
        case "turbidity":
            return Signal(0.1, 0.0, 0.05)
    return signal


def _buried(metric: str, signal: Signal, _: Injection, now: Moment) -> Said:
    """The sonde lies in silt; to a rule that looks like black and odorous water."""
    match metric:
        case "do":
            return Signal(0.05, 0.0, 0.01)
        case "orp":
            return Signal(-150 - 200 * min(1.0, 4 * now.share), 0.0, 5.0)
        case "turbidity":
            return float(METRICS[metric].span[1])
        case "water-temp":
            return Signal(signal.level, 0.0, 0.01)
    return signal


HEATING_S = 360.0  # in which the rise grows from half a degree a minute to ten
HOTTEST_C = 180.0


def _runaway(metric: str, signal: Signal, fault: Injection, now: Moment) -> Said:
    """A pack burns through: heat, gas, smoke one to three minutes later, then the current is gone."""
    passed_s = now.share * fault.for_s
    smoke_s = HEATING_S + random.Random(f"{fault.at_s}/smoke").uniform(60, 180)
    heated = min(1.0, passed_s / HEATING_S)
    match metric:
        case "shed-temp" | "port-temp" | "wire-temp":
            minutes = min(passed_s, HEATING_S) / 60
            risen = 0.5 * minutes + 9.5 * minutes * heated / 2
            risen += 10 * max(0.0, passed_s - HEATING_S) / 60
            return signal._replace(level=min(HOTTEST_C, signal.level + risen))
        case "co":
            return Signal(5 + 295 * heated, 0.0, signal.noise)
        case "smoke":
            return float(passed_s >= smoke_s)
        case "current" | "power":
            return signal if passed_s < smoke_s else 0.0
    return signal


WHOLE: Mapping[str, Callable[[str, Signal, Injection, Moment], Said]] = {
    "out-of-water": _out_of_water,
    "buried": _buried,
    "runaway": _runaway,
}

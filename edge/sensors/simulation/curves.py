"""A quantity without anything special about it: a level, a daily wave, noise."""

from dataclasses import dataclass
from math import cos, pi
from typing import NamedTuple

ZONE_S = 8 * 3600  # the day of the curves is that of China
DAY_S = 86_400


class Signal(NamedTuple):
    """What a sensor is about to say: ``level`` and ``wave`` together, with ``noise`` (sigma) on top."""

    level: float
    wave: float = 0.0
    noise: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """``base`` plus a daily wave of ``swing`` that is highest at ``peak_h``, plus noise."""

    base: float
    swing: float = 0.0
    peak_h: float = 15.0
    noise: float = 0.0

    def at(self, at_s: float) -> Signal:
        """At seconds since 1970."""
        return Signal(self.base, daily(self.swing, self.peak_h, at_s), self.noise)


def daily(swing: float, peak_h: float, at_s: float) -> float:
    hour = (at_s + ZONE_S) % DAY_S / 3600
    return swing * cos(2 * pi * (hour - peak_h) / 24)


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
    "orp": Curve(base=180, swing=30, peak_h=15, noise=5),
    "nh3n": Curve(base=0.35, noise=0.02),
    "battery": Curve(base=12.7, swing=0.25, peak_h=14, noise=0.01),
    "signal": Curve(base=-71, noise=2),
    "cpu-temp": Curve(base=48, swing=5, peak_h=15, noise=0.5),
}

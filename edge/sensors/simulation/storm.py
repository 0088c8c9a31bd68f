"""A storm: the tips of a bucket under it, and how the stream below rises and falls.

The hyetograph is of the Chicago kind (Keifer and Chu 1957): steepest at the peak, which lies at a
share of the duration. The tips are a Poisson process of that intensity, given its total: so a storm
of 52 mm in 6 h is one of 52 mm whatever the seed, and crosses the limit that it was made for.
The stage is a linear reservoir that each tip beyond the first losses fills, after a lag.
"""

import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp

SHARP = 0.7  # exponent of the intensity's fall, and its rounding as a share of the duration
ROUND = 0.15
LOSS_MM = 2.0  # wets the ground and does not run off


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """``mm`` in ``hours`` from ``at_s`` after the begin. ``m_per_mm`` of level, without outflow."""

    at_s: float
    hours: float
    mm: float
    peak: float = 0.4
    mm_per_tip: float = 0.2
    lag_s: float = 1200.0
    tau_s: float = 14_400.0
    m_per_mm: float = 0.03
    seed: int = 0

    def fallen_mm(self, offset_s: float) -> float:
        """What the bucket has counted by then."""
        return bisect_right(tips(self), offset_s) * self.mm_per_tip

    def rise_m(self, offset_s: float) -> float:
        """How much higher the stream stands for it."""
        lost = int(LOSS_MM / self.mm_per_tip)
        passed = (offset_s - self.lag_s - tip_s for tip_s in tips(self)[lost:])
        whole = sum(exp(-each / self.tau_s) for each in passed if each >= 0)
        return whole * self.mm_per_tip * self.m_per_mm


@lru_cache(64)
def tips(storm: Storm) -> tuple[float, ...]:
    """When the bucket tips, in order, as seconds after the begin."""
    chance = random.Random(f"{storm.seed}/{storm.at_s}/{storm.mm}/{storm.hours}")
    count = round(storm.mm / storm.mm_per_tip)
    length_s = storm.hours * 3600
    shares = sorted(_time_of(chance.random(), storm.peak) for _ in range(count))
    return tuple(storm.at_s + share * length_s for share in shares)


def fallen_mm(storms: Sequence[Storm], offset_s: float) -> float:
    return sum(storm.fallen_mm(offset_s) for storm in storms)


def rise_m(storms: Sequence[Storm], offset_s: float) -> float:
    return sum(storm.rise_m(offset_s) for storm in storms)


def _time_of(share: float, peak: float) -> float:
    """The time, as a share of the duration, by which that share of the storm has fallen."""
    before = share < peak
    towards = (peak - share) / peak if before else (share - peak) / (1 - peak)
    low, high = 0.0, 1.0
    for _ in range(40):  # the sum is known in closed form, its inverse is not
        middle = (low + high) / 2
        low, high = (middle, high) if _sum(middle) < towards * _sum(1.0) else (low, middle)
    return peak * (1 - low) if before else peak + (1 - peak) * low


def _sum(away: float) -> float:
    """What falls within that distance of the peak on one side, by the integral of the intensity."""
    return float(away / (away + ROUND) ** SHARP)

"""A socket at which somebody charges each day: constant current, constant voltage, then float or nothing.

Charger sizes, durations and the shape of the phases are those of common 48 to 72 V packs (own
knowledge; docs/simulated.md). Whoever has a seed, a socket and a day has the session.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from math import exp

from edge.sensors.simulation.curves import DAY_S, ZONE_S, Signal
from edge.sensors.simulation.injection import Injection

MODELLED = ("power", "current", "port-temp", "port-state", "relay")
# Battery volts, its Wh, and what its charger draws at the wall.
PACKS = ((48, 576, 130), (48, 960, 190), (60, 1200, 240), (72, 2000, 400))
EFFICIENCY = 0.85
TAPER = 0.2  # of the full power: there constant voltage ends
NOISE = 0.01
C_PER_A2 = 0.25  # a socket at 10 A becomes 25 °C warmer
WARM_S, WARM_STEP_S, WARM_STEPS = 600.0, 120.0, 30
CV_RISE = 0.08  # each 10 min: a pack that warms itself and draws more
IDLE, CHARGING, FLOAT = 0.0, 1.0, 5.0  # port-state, as boards say it


class Pack(StrEnum):
    LEAD = "lead"
    LITHIUM = "lithium"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Times are seconds since 1970; ``cc_s`` is how long the full power lasts."""

    start_s: float
    until_s: float
    full_w: float
    cc_s: float
    tau_s: float
    rest_w: float
    inrush: float
    power_factor: float

    def power_w(self, at_s: float) -> float:
        """A healthy session."""
        age_s = at_s - self.start_s
        if age_s < 0 or at_s >= self.until_s:
            return 0.0
        if age_s < 1:
            return self.full_w * self.inrush
        if age_s < self.cc_s:
            return self.full_w
        tapered = self.full_w * exp(-(age_s - self.cc_s) / self.tau_s)
        return tapered if tapered > TAPER * self.full_w else self.rest_w


@lru_cache(64)
def session(seed: str, day: int, pack: Pack) -> Session:
    """That day's at a socket; most plug in between 18 and 23 h and come back in the morning."""
    chance = random.Random(f"{seed}/session/{day}")
    is_evening = chance.random() < 0.75
    hour = min(23.0, max(18.0, chance.gauss(20.5, 1.2))) if is_evening else chance.uniform(9, 17)
    end_h = chance.uniform(30.5, 32.5) if is_evening else hour + chance.uniform(6, 8)
    volts, capacity_wh, wall_w = chance.choice(PACKS)
    full_w = wall_w * chance.uniform(0.95, 1.05)
    missing_wh = (0.8 - chance.uniform(0.1, 0.7)) * capacity_wh
    rest_w = chance.uniform(3, 8) * volts / 48 if pack is Pack.LEAD else chance.uniform(0, 2)
    midnight_s = day * DAY_S - ZONE_S
    return Session(
        start_s=midnight_s + hour * 3600,
        until_s=midnight_s + end_h * 3600,
        full_w=full_w,
        cc_s=missing_wh / (full_w * EFFICIENCY) * 3600,
        tau_s=chance.uniform(25, 60) * 60,
        rest_w=rest_w,
        inrush=chance.uniform(1.5, 3),
        power_factor=chance.uniform(0.5, 0.65),
    )


@dataclass(frozen=True, slots=True)
class Socket:
    """One socket with its faults, whose times are seconds since 1970 here."""

    seed: str
    pack: Pack
    faults: Sequence[Injection]

    def at(self, metric: str, at_s: float, volts: float, ambient: Signal) -> Signal:
        """One of MODELLED; ``ambient`` is the socket's temperature without a load."""
        match metric:
            case "power":
                power_w = self.power_w(at_s)
                return Signal(power_w, noise=NOISE * power_w)
            case "current":
                current_a = self.current_a(at_s, volts)
                return Signal(current_a, noise=NOISE * current_a)
            case "port-temp":
                return ambient._replace(level=ambient.level + self.warmth_c(at_s, volts))
            case "relay":
                return Signal(0.0 if self._is("welded", at_s) else 1.0)
        return Signal(self.state(at_s))

    def power_w(self, at_s: float) -> float:
        """At the wall, with what is wrong."""
        total_w = self._power_w(self.seed, at_s)
        if self._is("splitter", at_s):
            total_w += self._power_w(f"{self.seed}/splitter", at_s)
        if total_w:
            total_w += sum(each.by for each in self._all("more-load", at_s))
        return total_w

    def current_a(self, at_s: float, volts: float) -> float:
        factor = self._session(self.seed, at_s).power_factor
        return self.power_w(at_s) / (volts * factor)

    def warmth_c(self, at_s: float, volts: float) -> float:
        """Above the air: the square of the current, behind by ten minutes."""
        total, share = 0.0, 1 - exp(-WARM_STEP_S / WARM_S)
        for step in range(WARM_STEPS):
            then_s = at_s - step * WARM_STEP_S
            ohmic = C_PER_A2
            for each in self._all("bad-contact", then_s):
                ohmic *= each.times
            heat = ohmic * self.current_a(then_s, volts) ** 2
            total += heat * share * exp(-step * WARM_STEP_S / WARM_S)
        return total

    def state(self, at_s: float) -> float:
        its = self._session(self.seed, at_s)
        if self._is("welded", at_s) or not its.start_s <= at_s < its.until_s:
            return IDLE
        return CHARGING if self.power_w(at_s) > TAPER * its.full_w else FLOAT

    def _power_w(self, seed: str, at_s: float) -> float:
        its = self._session(seed, at_s)
        healthy_w = its.power_w(at_s)
        cv_s = its.start_s + its.cc_s
        if not healthy_w or at_s < cv_s:
            return healthy_w
        if self._is("no-taper", at_s):
            return its.full_w
        for each in self._all("cv-rise", at_s):
            since_s = max(cv_s, each.at_s)
            return float(its.power_w(since_s) * (1 + CV_RISE) ** ((at_s - since_s) / 600))
        return healthy_w

    def _session(self, seed: str, at_s: float) -> Session:
        """Today's once it has begun, else yesterday's."""
        day = int((at_s + ZONE_S) // DAY_S)
        today = session(seed, day, self.pack)
        return today if at_s >= today.start_s else session(seed, day - 1, self.pack)

    def _all(self, shape: str, at_s: float) -> list[Injection]:
        return [each for each in self.faults if each.shape == shape and each.lasts(at_s)]

    def _is(self, shape: str, at_s: float) -> bool:
        return bool(self._all(shape, at_s))

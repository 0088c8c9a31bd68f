"""Session: a charging session as its power tells it: start, plateau, taper, float, end."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from alerts.rules.limit import Limited, LimitState
from alerts.rules.rule import (
    COMMON_HOLES,
    Duration,
    Expected,
    Mistake,
    Number,
    Of,
    Shift,
    State,
)
from alerts.rules.window import LeastInWindow, MedianInWindow

_HOUR_MS, _MINUTE_MS = 3_600_000, 60_000
FLOAT_SHARE = 0.2  # of the session's peak, as a board tells "full" (domain: board defaults)
TAPER_SHARE = 0.8  # of the peak: under it the charger has left its plateau
PLATEAU_BAND = 0.1  # +-5 % of the plateau; upwards it drifts with the battery's voltage
LEFT_SHARE = 0.5  # so much less from one level to the next is no taper: something was unplugged
STEP_INTERVALS = 6  # what is usual is told from as many readings, however far apart they are
SAME_SHARE = 0.25  # after a gap the same session goes on if the power has changed by no more
# A step up of this much in taper or float is another bike, not the same battery.
ANOTHER_SHARE, ANOTHER_W, ANOTHER_OF_PEAK = 1.5, 20.0, 0.6
LEAST_RISE_W = 5.0  # a healthy battery in float goes from 5.2 to 6.3 W (recorded)
ARMED_AFTER_MS = 30 * _MINUTE_MS  # a board's dynamic overload is armed after 30 minutes


class Phase(IntEnum):
    IDLE = 0
    CHARGING = 1
    FLOAT = 2


class Aspect(StrEnum):
    """What a rule looks at in a session, and in which unit its limits are."""

    DURATION = "duration"
    FLOAT = "float"
    PLATEAU = "plateau"
    FLOAT_RISE = "float-rise"
    STEP = "step"
    ENERGY = "energy"


_UNITS = {
    Aspect.DURATION: "hours of charging",
    Aspect.FLOAT: "minutes in float",
    Aspect.PLATEAU: "hours without a taper",
    Aspect.FLOAT_RISE: "percent risen in taper or float",
    Aspect.STEP: "watts over the usual of this session",
    Aspect.ENERGY: "watt-hours",
}
_WINDOWS = (Aspect.FLOAT_RISE, Aspect.STEP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session(Limited):
    """Judges one ``aspect`` of the session at a socket.

    It starts at ``start_w``, floats under a fifth of its peak or ``float_w`` (the larger), and ends
    under ``idle_w``: then the charger is unplugged, switched off, or draws too little to be told.
    Levels are medians of three readings, so that an inrush is no plateau.
    """

    GIVES: ClassVar = COMMON_HOLES | {"port", "value", "peak", "hours", "energy", "percent", "rise"}
    NUMBERS: ClassVar = ("start_w", "float_w", "idle_w", "window_ms")

    kind: Literal["session"] = "session"
    metric: Literal["power"] = "power"
    of: Literal[Of.PORT] = Of.PORT
    aspect: Aspect
    start_w: Annotated[Number, Field(gt=0)] = 30.0
    float_w: Annotated[Number, Field(gt=0)] = 30.0
    idle_w: Annotated[Number, Field(gt=0)] = 2.0
    window_ms: Annotated[Duration, Field(alias="window")] = 0

    def measure(self) -> str:
        return _UNITS[self.aspect]

    def span(self) -> tuple[float, float] | None:
        return None

    def begin(self, expected: Expected) -> State | None:
        return SessionState(self, expected) if self.given() else None

    def mistakes(self) -> Iterator[Mistake]:
        yield from Limited.mistakes(self)
        if not self.idle_w < self.float_w <= self.start_w:
            what = f"{self.idle_w:g}, {self.float_w:g} and {self.start_w:g} W do not rise"
            yield Mistake(
                "float_w", what, "let idle_w lie under float_w, and that not over start_w"
            )
        if (self.aspect in _WINDOWS) != bool(self.window_ms):
            remedy = f"{' and '.join(_WINDOWS)} need it, no other aspect has one"
            yield Mistake("window", "does not fit the aspect", remedy)


class SessionState(LimitState):
    """One socket's session so far; ``level`` is the median of its last three readings."""

    __slots__ = (
        "aspect", "before", "energy_wh", "first_float_ms", "float_w", "highest", "idle_w",
        "level", "phase", "plateau_ms", "rise_w", "seen_ms", "start_w", "started_ms",
        "tapers", "top_w", "watts", "window",
    )  # fmt: skip

    def __init__(self, rule: Session, expected: Expected) -> None:
        super().__init__(rule, expected)
        self.aspect = rule.aspect
        self.start_w, self.float_w, self.idle_w = rule.start_w, rule.float_w, rule.idle_w
        self.window: LeastInWindow | MedianInWindow | None = None
        if rule.aspect is Aspect.FLOAT_RISE:
            self.window = LeastInWindow(rule.window_ms)
        elif rule.aspect is Aspect.STEP:
            self.window = MedianInWindow(max(rule.window_ms, STEP_INTERVALS * expected.interval_ms))
        self.phase = Phase.IDLE
        self.seen_ms = -1
        self.watts = 0.0
        self._start(0)

    def take(self, value: float, at_ms: int, watched_ms: int) -> Sequence[Shift] | None:
        seen_ms = self.seen_ms
        if at_ms < seen_ms:
            return None
        self.seen_ms = at_ms
        if self.phase is Phase.IDLE:
            if value < self.start_w:
                self.watts = value
                return None if self.breach is None else self.judge(0.0, at_ms, watched_ms)
            self._start(at_ms)
        elif at_ms - seen_ms <= self.hold_ms:
            self.energy_wh += (self.watts + value) / 2 * (at_ms - seen_ms) / _HOUR_MS
        elif abs(value - self.level) > SAME_SHARE * max(value, self.level):
            # What has been in between is not known.
            self.phase = Phase.IDLE
            if value >= self.start_w:
                self._start(at_ms)
        self.watts = value
        before = self.before
        if len(before) < 2:
            before.append(value)
            return None if self.breach is None else self.judge(0.0, at_ms, watched_ms)
        first, second = before
        before[0], before[1] = second, value
        if first > second:
            first, second = second, first
        self._follow(first if value < first else second if value > second else value, at_ms)
        return self.judge(self._measure(at_ms), at_ms, watched_ms)

    def _start(self, at_ms: int) -> None:
        self.phase = Phase.CHARGING if at_ms else Phase.IDLE
        self.started_ms = self.plateau_ms = self.first_float_ms = at_ms
        self.energy_wh = self.level = self.top_w = self.rise_w = self.highest = 0.0
        self.tapers = False
        self.before: list[float] = []
        if self.window is not None:
            self.window.clear()

    def _follow(self, level: float, at_ms: int) -> None:
        """Move on to where the session is at this level."""
        before_w, top_w = self.level, self.top_w
        self.level = level
        if (self.tapers or self.phase is Phase.FLOAT) and level > self.float_w:
            jumps = before_w > 0 and level > ANOTHER_SHARE * before_w
            if jumps and level - before_w > ANOTHER_W:
                last = self.before
                self._start(at_ms)
                self.before, self.level, top_w = last, level, 0.0
        if self.float_w <= level < LEFT_SHARE * before_w:
            top_w = 0.0  # a rice cooker's peak does not make a bike's charge a float
        if level > top_w:
            self.top_w = top_w = level
        if level < self.idle_w:
            self.phase = Phase.IDLE
            return
        if level < max(self.float_w, FLOAT_SHARE * top_w):
            if self.phase is not Phase.FLOAT:
                self.phase, self.first_float_ms = Phase.FLOAT, at_ms
        else:
            self.phase = Phase.CHARGING
        self.tapers = level <= TAPER_SHARE * top_w
        if level > self.highest:
            self.highest = level
        elif self.highest - level > PLATEAU_BAND * self.highest:
            self.highest = level
            self.plateau_ms = at_ms

    def _measure(self, at_ms: int) -> float:
        """What the rule looks at, in its unit."""
        aspect, phase = self.aspect, self.phase
        if phase is Phase.IDLE:
            return 0.0
        if aspect is Aspect.FLOAT:
            return (at_ms - self.first_float_ms) / _MINUTE_MS if phase is Phase.FLOAT else 0.0
        if aspect is Aspect.FLOAT_RISE:
            return self._rise(at_ms)
        if phase is Phase.FLOAT:
            return 0.0
        if aspect is Aspect.DURATION:
            return (at_ms - self.started_ms) / _HOUR_MS
        if aspect is Aspect.PLATEAU:
            return 0.0 if self.tapers else (at_ms - self.plateau_ms) / _HOUR_MS
        if aspect is Aspect.ENERGY:
            return self.energy_wh
        assert self.window is not None
        usual = self.window.add(self.watts, at_ms)
        return max(0.0, self.watts - usual) if at_ms - self.started_ms >= ARMED_AFTER_MS else 0.0

    def _rise(self, at_ms: int) -> float:
        assert self.window is not None
        if not self.tapers and self.phase is not Phase.FLOAT:
            self.window.clear()
            return 0.0
        least = self.window.add(self.level, at_ms)
        self.rise_w = self.level - least
        return 100 * self.rise_w / max(least, 1.0) if self.rise_w >= LEAST_RISE_W else 0.0

    def show(self, measure: float, limit: float | None, peak: float) -> Mapping[str, Any]:
        floats = self.phase is Phase.FLOAT
        facts = {
            "hours": (self.seen_ms - self.started_ms) / _HOUR_MS,
            "minutes": (self.seen_ms - self.first_float_ms) / _MINUTE_MS if floats else 0.0,
            "energy": self.energy_wh,
            "percent": measure if self.aspect is Aspect.FLOAT_RISE else 0.0,
            "rise": measure if self.aspect is Aspect.STEP else self.rise_w,
        }
        return {"value": self.watts, "peak": max(self.top_w, self.watts), "facts": facts}

    def dump(self) -> list[Any]:
        data: list[Any] = [LimitState.dump(self), self.seen_ms, self.watts]
        if self.phase is Phase.IDLE and self.breach is None:
            return data
        return [
            *data, int(self.phase), self.started_ms, self.plateau_ms, self.first_float_ms,
            self.energy_wh, self.level, self.top_w, self.rise_w, self.highest,
            self.tapers, list(self.before), self.window.dump() if self.window else None,
        ]  # fmt: skip

    def load(self, data: list[Any]) -> None:
        LimitState.load(self, data[0])
        self.seen_ms, self.watts = data[1:3]
        if len(data) == 3:
            return
        if len(data) == 16:
            data = [*data[:11], *data[12:]]  # until 0.1 the plateau's lowest stood there as well
        self.phase = Phase(data[3])
        (
            self.started_ms, self.plateau_ms, self.first_float_ms, self.energy_wh, self.level,
            self.top_w, self.rise_w, self.highest, self.tapers,
        ) = data[4:13]  # fmt: skip
        self.before = list(data[13])
        if self.window is not None and data[14] is not None:
            self.window.load(data[14])

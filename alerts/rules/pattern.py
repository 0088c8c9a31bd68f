"""Pattern: how often a value swings up and down within a window (flicker)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from alerts.rules.limit import Limited, LimitState
from alerts.rules.rule import READING_HOLES, Duration, Expected, Number, Shift, State

SWINGS_MOST = 64
LEAST_INTERVALS = 12  # a window of fewer readings could not hold five swings of one that flickers


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern(Limited):
    """Rings on so many swings within ``window``; a swing turns by ``percent`` and by ``least``.

    Only a turn counts: a value that falls in three steps has swung once. The window is at least
    twelve of the series' intervals long, so that a slow meter tells it late rather than never.
    """

    GIVES: ClassVar = READING_HOLES - {"limit"} | {"count", "window"}
    MEASURE: ClassVar = "swings"
    NUMBERS: ClassVar = ("window_ms", "percent", "least")

    kind: Literal["pattern"] = "pattern"
    window_ms: Annotated[Duration, Field(alias="window", gt=0)]
    percent: Annotated[Number, Field(gt=0, lt=100)]
    """Of the larger of the two values."""
    least: Annotated[Number, Field(gt=0)]

    def measure(self) -> str:
        return f"swings by {self.percent:g} % and {self.least:g} in {self.window_ms // 60_000}m"

    def begin(self, expected: Expected) -> State | None:
        return PatternState(self, expected) if self.given() else None


class PatternState(LimitState):
    """The last extreme, the direction since, and when the value turned."""

    __slots__ = ("extreme", "least", "newest", "seen_ms", "share", "swings", "up", "window_ms")

    def __init__(self, rule: Pattern, expected: Expected) -> None:
        super().__init__(rule, expected)
        self.window_ms = max(rule.window_ms, LEAST_INTERVALS * expected.interval_ms)
        self.least, self.share = rule.least, rule.percent / 100
        self.swings: list[int] = []
        self.extreme = self.newest = 0.0
        self.up: bool | None = None
        self.seen_ms = -1

    def take(self, value: float, at_ms: int, watched_ms: int) -> Sequence[Shift] | None:
        seen_ms = self.seen_ms
        if at_ms < seen_ms:
            return None
        self.seen_ms, self.newest = at_ms, value
        if seen_ms < 0 or at_ms - seen_ms > self.hold_ms:
            self.extreme, self.up = value, None
        swings, extreme, up = self.swings, self.extreme, self.up
        if up is not None and (value >= extreme if up else value <= extreme):
            self.extreme = value
        else:
            far = abs(value - extreme)
            larger = value if value > extreme else extreme
            if far > self.least and far > self.share * larger:
                self.up, self.extreme = value > extreme, value
                swings.append(at_ms)
                if len(swings) > SWINGS_MOST:
                    swings.pop(0)
        if not swings and self.breach is None:
            return None
        while swings and at_ms - swings[0] > self.window_ms:
            swings.pop(0)
        return self.judge(float(len(swings)), at_ms, watched_ms)

    def show(self, measure: float, limit: float | None, peak: float) -> Mapping[str, Any]:
        facts = {"count": measure, "window": self.window_ms / 60_000}
        return {"value": self.newest, "peak": max(self.newest, self.extreme), "facts": facts}

    def dump(self) -> list[Any]:
        return [
            LimitState.dump(self), self.seen_ms, self.newest, self.extreme, self.up,
            list(self.swings),
        ]  # fmt: skip

    def load(self, data: list[Any]) -> None:
        LimitState.load(self, data[0])
        self.seen_ms, self.newest, self.extreme, self.up = data[1:5]
        self.swings.extend(data[5])

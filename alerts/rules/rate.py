"""Rate: how fast a value changes over a while; or how soon it will be at a line."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from alerts.rules.limit import Limited, LimitState
from alerts.rules.rule import (
    READING_HOLES,
    Duration,
    Expected,
    Mistake,
    Number,
    Shift,
    State,
    spell_duration,
)
from alerts.rules.window import BUCKETS, MedianInWindow

NEVER_MIN = 1e6  # so many minutes to the line: it is not on its way there
_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate(Limited):
    """Judges the change over ``over``, told in the metric's unit for each ``per``.

    Both ends are medians of three values, so that one wave or lost reading is no rate; less than
    half of ``over`` gives none either. With ``line`` (a place's own number) the measure is how many
    minutes remain until the value is there, at this rate. With ``usual`` nothing is on its way that
    is not ``over_usual`` above the median of that while: what was lifted out is only back.
    """

    GIVES: ClassVar = READING_HOLES - {"limit"} | {"rate", "window", "line"}
    MEASURE: ClassVar = "change"
    NUMBERS: ClassVar = ("over_ms", "line", "usual_ms", "over_usual")

    kind: Literal["rate"] = "rate"
    over_ms: Annotated[Duration, Field(alias="over", gt=0)]
    per: Annotated[Duration, Field(gt=0)]
    line: Number | None = None
    minutes_to_line: bool = False
    usual_ms: Annotated[Duration, Field(alias="usual")] = 0
    over_usual: Annotated[Number, Field(ge=0)] = 0.0

    def measure(self) -> str:
        if self.minutes_to_line:
            usual = f"{self.over_usual:g} over the median of {spell_duration(self.usual_ms)}"
            return "minutes to the line" + (f" from {usual} on," if self.usual_ms else "")
        return f"per {spell_duration(self.per)}, over {spell_duration(self.over_ms)}:"

    def begin(self, expected: Expected) -> State | None:
        if not self.given() or (self.minutes_to_line and self.line is None):
            return None
        return RateState(self, expected)

    def mistakes(self) -> Iterator[Mistake]:
        yield from Limited.mistakes(self)
        if self.minutes_to_line and self.line is None and not self.per_place:
            yield Mistake("line", "is missing", "give it, or set per_place = true")
        if self.usual_ms and not self.minutes_to_line:
            yield Mistake("usual", "is for minutes to a line", "leave it out")


class RateState(LimitState):
    """Medians of the last ``over``, at most one for each sixtieth of it."""

    __slots__ = (
        "before",
        "line",
        "newest",
        "over_ms",
        "over_usual",
        "per_ms",
        "points",
        "rate",
        "seen_ms",
        "usual",
        "width_ms",
    )

    def __init__(self, rule: Rate, expected: Expected) -> None:
        super().__init__(rule, expected)
        self.over_ms, self.per_ms = rule.over_ms, rule.per
        self.line = rule.line if rule.minutes_to_line else None
        self.usual = MedianInWindow(rule.usual_ms) if rule.usual_ms else None
        self.over_usual = rule.over_usual
        self.width_ms = max(1, rule.over_ms // BUCKETS)
        self.before: list[float] = []
        self.points: list[tuple[int, float]] = []
        """(observed, median); the first is the last one that is at least ``over`` old."""
        self.seen_ms = -1
        self.newest = self.rate = 0.0

    def take(self, value: float, at_ms: int, watched_ms: int) -> Sequence[Shift] | None:
        seen_ms, points, before = self.seen_ms, self.points, self.before
        if at_ms <= seen_ms:
            return None
        if at_ms - seen_ms > self.hold_ms and seen_ms >= 0:
            points.clear()
            before.clear()
        self.seen_ms, self.newest = at_ms, value
        is_over = self.usual is None or (
            value >= self.usual.add(value, at_ms) + self.over_usual or len(self.usual) < 2
        )
        if len(before) < 2:
            before.append(value)
            return None
        first, second = before
        before[0], before[1] = second, value
        if first > second:
            first, second = second, first
        median = first if value < first else second if value > second else value
        since_ms = at_ms - self.over_ms
        while len(points) > 1 and points[1][0] <= since_ms:
            points.pop(0)
        if not points:
            points.append((at_ms, median))
            return None
        then_ms, then = points[0]
        if at_ms - points[-1][0] >= self.width_ms:
            points.append((at_ms, median))
        if at_ms - then_ms < self.over_ms / 2:
            return None
        self.rate = rate = (median - then) / (at_ms - then_ms) * self.per_ms
        line = self.line
        if line is None:
            return self.judge(rate, at_ms, watched_ms)
        left = NEVER_MIN
        if rate > 0 and is_over:
            left = max(0.0, min(NEVER_MIN, (line - median) / rate * self.per_ms / _MINUTE_MS))
        return self.judge(left, at_ms, watched_ms)

    def show(self, measure: float, limit: float | None, peak: float) -> Mapping[str, Any]:
        facts = {"rate": self.rate, "window": self.over_ms / _MINUTE_MS}
        if self.line is not None:
            facts |= {"line": self.line, "minutes": measure}
        return {"value": self.newest, "peak": self.newest, "facts": facts}

    def dump(self) -> list[Any]:
        points = [list(point) for point in self.points]
        return [
            LimitState.dump(self), self.seen_ms, self.newest, self.rate, list(self.before),
            self.width_ms, points, *([self.usual.dump()] if self.usual else []),
        ]  # fmt: skip

    def load(self, data: list[Any]) -> None:
        LimitState.load(self, data[0])
        self.seen_ms, self.newest, self.rate = data[1:4]
        self.before = list(data[4])
        if data[5] == self.width_ms:  # else the window has another length now: begin anew
            self.points.extend((at_ms, median) for at_ms, median in data[6])
        if self.usual is not None and len(data) > 7:
            self.usual.load(data[7])

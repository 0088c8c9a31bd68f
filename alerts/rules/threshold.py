"""Threshold: a value beyond a limit for a while; below, above, or outside of two."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from alerts.rules.limit import Limited, LimitState
from alerts.rules.rule import READING_HOLES, Expected, Mistake, Number, Shift, State
from alerts.words import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold(Limited):
    """Rings when a value stands beyond a step's limit.

    With ``inrush`` the first value after one under it is not judged, unless it is above the
    severest limit too: what is switched on draws a multiple for less than a second.
    """

    GIVES: ClassVar = READING_HOLES
    NUMBERS: ClassVar = ("inrush",)

    kind: Literal["threshold"] = "threshold"
    inrush: Number | None = None

    def begin(self, expected: Expected) -> State | None:
        if not self.given():
            return None
        return LimitState(self, expected) if self.inrush is None else InrushState(self, expected)

    def mistakes(self) -> Iterator[Mistake]:
        yield from Limited.mistakes(self)
        lowest = min((s.above for s in self.step if s.above is not None), default=None)
        if self.inrush is not None and (lowest is None or self.inrush > lowest):
            remedy = "use what is drawn before anything is switched on"
            yield Mistake("inrush", "does not lie under the limits", remedy)

    def lines(self) -> list[tuple[Severity, float, str]]:
        found = []
        for step in self.step:
            if step.above is not None:
                found.append((step.severity, step.above, "above"))
            if step.below is not None:
                found.append((step.severity, step.below, "below"))
        return found


class InrushState(LimitState):
    """The limits, and the value before."""

    __slots__ = ("before", "inrush", "top")

    def __init__(self, rule: Threshold, expected: Expected) -> None:
        super().__init__(rule, expected)
        assert rule.inrush is not None
        self.inrush = rule.inrush
        self.top = max(step.above for step in rule.given() if step.above is not None)
        self.before = 0.0

    def take(self, value: float, at_ms: int, watched_ms: int) -> Sequence[Shift] | None:
        if at_ms < self.last_ms:
            return None
        before, self.before = self.before, value
        if before < self.inrush and self.breach is None and self.terms.high < value <= self.top:
            self.last_ms = at_ms
            return None
        return self.judge(value, at_ms, watched_ms)

    def dump(self) -> list[Any]:
        return [LimitState.dump(self), self.before]

    def load(self, data: list[Any]) -> None:
        if isinstance(data[0], list):  # else of a rule that knew no inrush
            self.before = data[1]
            data = data[0]
        LimitState.load(self, data)

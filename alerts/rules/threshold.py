"""Threshold: a value beyond a limit for a while; below, above, or outside of two."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from alerts.rules.limit import Limited, LimitState
from alerts.rules.rule import READING_HOLES, Expected, State
from alerts.words import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold(Limited):
    """Rings when a value stands beyond a step's limit."""

    GIVES: ClassVar = READING_HOLES

    kind: Literal["threshold"] = "threshold"

    def begin(self, expected: Expected) -> State | None:
        return LimitState(self, expected) if self.given() else None

    def lines(self) -> list[tuple[Severity, float, str]]:
        found = []
        for step in self.step:
            if step.above is not None:
                found.append((step.severity, step.above, "above"))
            if step.below is not None:
                found.append((step.severity, step.below, "below"))
        return found

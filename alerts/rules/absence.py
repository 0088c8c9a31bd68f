"""Absence: a device from which nothing comes any more, judged on arrival and only while we see."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from alerts.rules.rule import (
    STRICT,
    DeviceState,
    Duration,
    Expected,
    Level,
    Mistake,
    Rule,
    Shift,
    spell_duration,
    step_mistakes,
)
from alerts.words import Severity

# A device that has lost us comes back within its reconnect back-off (a minute) and then speaks
# within one interval; so long we wait after blindness before calling anybody silent.
RECONNECT_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsenceStep:
    """Silent for ``after``, and in any case until the device's own heartbeat is overdue."""

    __pydantic_config__: ClassVar = STRICT
    NUMBERS: ClassVar = ("after_ms",)

    severity: Level
    after_ms: Annotated[Duration, Field(alias="after")] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence(Rule):
    """Rings when nothing arrives from a device; over once it has been heard for ``keep``."""

    GIVES: ClassVar = frozenset({"status"})
    JUDGES_DEVICES: ClassVar = True
    IS_TIMELESS: ClassVar = False
    NUMBERS: ClassVar = ("keep_ms",)

    kind: Literal["absence"] = "absence"
    step: tuple[AbsenceStep, ...]
    keep_ms: Annotated[Duration, Field(alias="keep")] = 0

    @property
    def steps(self) -> tuple[AbsenceStep, ...]:
        return self.step

    def begin(self, expected: Expected) -> DeviceState:
        return AbsenceState(self, expected)

    def spell(self) -> Iterator[str]:
        for step in self.step:
            after = (
                f"for {spell_duration(step.after_ms)}, and until " if step.after_ms else "until "
            )
            yield f"{step.severity.name.lower()}: silent {after}its own interval is overdue"

    def mistakes(self) -> Iterator[Mistake]:
        yield from step_mistakes(self.step)
        if self.metric:
            yield Mistake("metric", "absence has no metric", "leave it out")
        durations = [step.after_ms for step in self.step]
        if durations != sorted(durations):
            yield Mistake("step", "a severer step comes earlier", "let 'after' grow with severity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the states of a rule share whose devices speak at one pace."""

    severities: tuple[Severity, ...]
    after_ms: tuple[int, ...]
    """How long silent for each of them."""
    keep_ms: int
    least_ms: int
    """So long the house must have seen before it calls anybody silent."""


@lru_cache(4096)
def _terms(steps: tuple[AbsenceStep, ...], keep_ms: int, interval_ms: int, hold_ms: int) -> Terms:
    return Terms(
        severities=tuple(step.severity for step in steps),
        after_ms=tuple(max(step.after_ms, hold_ms) for step in steps),
        keep_ms=keep_ms,
        least_ms=interval_ms + RECONNECT_MS,
    )


class AbsenceState(DeviceState):
    """When the device was last heard, in house time and in watched time."""

    __slots__ = ("back_ms", "heard_ms", "heard_watched_ms", "level", "since_ms", "terms", "word")

    def __init__(self, rule: Absence, expected: Expected) -> None:
        self.terms = _terms(rule.step, rule.keep_ms, expected.interval_ms, expected.hold_ms)
        self.heard_ms = expected.now_ms
        self.heard_watched_ms = expected.watched_ms
        self.since_ms = 0
        self.back_ms: int | None = None
        self.level = -1
        self.word = ""

    def severity(self) -> Severity | None:
        return self.terms.severities[self.level] if self.level >= 0 else None

    def heard(self, at_ms: int, watched_ms: int) -> Sequence[Shift]:
        gap_ms = watched_ms - self.heard_watched_ms
        self.heard_ms, self.heard_watched_ms = at_ms, watched_ms
        if self.level < 0:
            return ()
        if self.back_ms is None or gap_ms >= self.terms.after_ms[0]:
            self.back_ms = watched_ms
        return self._back(at_ms, watched_ms)

    def said(self, word: str) -> None:
        self.word = word

    def look(self, at_ms: int, watched_ms: int, seeing_ms: int) -> Sequence[Shift]:
        if seeing_ms < self.terms.least_ms:
            return ()
        silent_ms = watched_ms - self.heard_watched_ms
        if silent_ms < self.terms.after_ms[0]:
            return self._back(at_ms, watched_ms) if self.back_ms is not None else ()
        self.back_ms = None
        level = self.level
        while level + 1 < len(self.terms.after_ms) and silent_ms >= self.terms.after_ms[level + 1]:
            level += 1
        if level == self.level:
            return ()
        if self.level < 0:
            self.since_ms = self.heard_ms
        self.level = level
        return [self._shift(at_ms, self.terms.severities[level], silent_ms)]

    def _back(self, at_ms: int, watched_ms: int) -> Sequence[Shift]:
        if self.back_ms is None or watched_ms - self.back_ms < self.terms.keep_ms:
            return ()
        self.level, self.back_ms = -1, None
        return [self._shift(at_ms, None, max(0, at_ms - self.since_ms))]

    def _shift(self, at_ms: int, severity: Severity | None, silent_ms: int) -> Shift:
        facts: dict[str, float | str] = {"minutes": silent_ms // 60_000}
        if self.word:
            facts["status"] = self.word
        return Shift(at_ms=at_ms, since_ms=self.since_ms, severity=severity, facts=facts)

    def dump(self) -> list[Any]:
        return [
            self.heard_ms, self.heard_watched_ms, self.since_ms, self.back_ms, self.level, self.word,
        ]  # fmt: skip

    def load(self, data: list[Any]) -> None:
        (
            self.heard_ms, self.heard_watched_ms, self.since_ms, self.back_ms, self.level, self.word,
        ) = data  # fmt: skip
        self.level = min(self.level, len(self.terms.severities) - 1)

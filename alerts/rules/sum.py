"""Sum: what has come together over 1, 3, 6, 12 or 24 hours, against the lines of a profile."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from alerts.registry.model import Names
from alerts.rules.ladder import Change, Ladder, Spec
from alerts.rules.rule import (
    READING_HOLES,
    STRICT,
    Duration,
    Expected,
    Level,
    Mistake,
    Number,
    Rule,
    Shift,
    Stale,
    State,
    spell_step,
    step_mistakes,
)
from alerts.rules.window import SumInWindow
from alerts.words import Language, Severity
from edge.contract.compare import Limit
from edge.contract.metrics import METRICS

HOURS = (1, 3, 6, 12, 24)
_HOUR_MS = 3_600_000
# A step's measure is the part of a line that has come together, over the window where it is the
# largest. A line is reached, not passed; 250 tips of 0.2 mm are 50 mm whatever rounding says.
_WHOLE = 1.0 - 1e-9
_NAMELESS = Names(zh="")
Amount = Annotated[Number, Field(gt=0)] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SumStep:
    """Reached by any of its lines (``in_3h = 50.0``); clear when all are under ``clear`` of them.

    ``called`` is what the profile calls the step, said as {called_zh} and {called_en}.
    """

    __pydantic_config__: ClassVar = STRICT
    NUMBERS: ClassVar = (*(f"in_{hours}h" for hours in HOURS), "clear", "keep_ms")

    severity: Level
    in_1h: Amount = None
    in_3h: Amount = None
    in_6h: Amount = None
    in_12h: Amount = None
    in_24h: Amount = None
    clear: Annotated[Number, Field(ge=0, lt=1)] = 0.8
    keep_ms: Annotated[Duration, Field(alias="keep")] = 0
    called: Names = _NAMELESS
    for_ms: ClassVar = 0
    samples: ClassVar = 1

    def line(self, hours: int) -> float | None:
        line: float | None = getattr(self, f"in_{hours}h")
        return line


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum(Rule):
    """Rings when the readings of a window add up to a step's line."""

    GIVES: ClassVar = READING_HOLES - {"peak"} | {"hours", "called_zh", "called_en"}

    kind: Literal["sum"] = "sum"
    step: tuple[SumStep, ...]

    @property
    def steps(self) -> tuple[SumStep, ...]:
        return self.step

    def begin(self, expected: Expected) -> State | None:
        return SumState(self, expected) if any(_lines(step) for step in self.step) else None

    def spell(self) -> Iterator[str]:
        for step in self.step:
            lines = " or ".join(f"{line:g} in {hours}h" for hours, line in _lines(step))
            if lines:
                called = f" ({step.called.zh}, {step.called.en})" if step.called.zh else ""
                yield spell_step(step, lines + called)

    def mistakes(self) -> Iterator[Mistake]:
        yield from step_mistakes(self.step)
        metric = METRICS.get(self.metric)
        if metric is not None and not metric.counts:
            what = f"{self.metric!r} is no amount that can be added up"
            yield Mistake("metric", what, "use one that counts, such as 'rain'")
        for n, step in enumerate(self.step, 1):
            if not _lines(step) and not self.per_place:
                remedy = "give one, or set per_place = true and let places give it"
                yield Mistake(f"step {n}", "needs a line such as 'in_3h'", remedy)
            if not 0 <= step.clear < 1:
                yield Mistake(f"step {n}.clear", "is a part of the line", "use 0 up to below 1")
        for hours in HOURS:
            lines = [line for s in self.step if (line := s.line(hours)) is not None]
            if lines != sorted(lines):
                what = f"a severer step has a smaller 'in_{hours}h'"
                yield Mistake("step", what, "let the lines grow with the severity")
        for step in self.step:
            lines = [line for _, line in _lines(step)]
            if lines != sorted(lines):
                what = f"a longer window has a smaller line in {step.severity.name.lower()}"
                yield Mistake("step", what, "let the lines grow with the hours")


class SumState(State):
    """The windows that any step asks for, and the gates of the steps."""

    __slots__ = ("arrived_ms", "hold_ms", "ladder", "last_ms", "specs", "steps", "windows")

    def __init__(self, rule: Sum, expected: Expected) -> None:
        self.steps = _counting(rule.step)
        self.specs = _specs(self.steps, rule.stale is Stale.COUNTS)
        self.ladder: Ladder | None = None
        """While anything is under way."""
        wanted = {hours for step in self.steps for hours, _ in _lines(step)}
        self.windows = {hours: SumInWindow(hours * _HOUR_MS) for hours in sorted(wanted)}
        self.hold_ms = expected.hold_ms
        self.last_ms = -1
        self.arrived_ms = 0

    def take(self, value: float, at_ms: int, watched_ms: int) -> Sequence[Shift] | None:
        last_ms, ladder = self.last_ms, self.ladder
        is_dry = value <= 0
        total = 0.0
        for window in self.windows.values():
            if not is_dry or window.total:
                window.add(value, at_ms if is_dry is False else max(at_ms, last_ms))
                total += window.total
        if total == 0 and ladder is None:
            self.last_ms = max(at_ms, last_ms)
            return None
        measures = [self._measure(step) for step in self.steps]
        # Late rain is counted where it belongs; the sums are those of the newest reading.
        at_ms = max(at_ms, last_ms)
        self.last_ms = at_ms
        shifts: list[Shift] = []
        if ladder is None:
            if measures[0] < _WHOLE:
                return None
            ladder = self.ladder = Ladder(self.specs)
        else:
            waited = ladder.advance(at_ms, last_ms, self.hold_ms)
            shifts = [self._shift(ladder, change) for change in waited]
        self.arrived_ms = watched_ms
        before_ms = last_ms if last_ms >= 0 else None
        changes = ladder.judge(measures, at_ms, before_ms, self.hold_ms)
        shifts += [self._shift(ladder, change) for change in changes]
        if ladder.calm:
            self.ladder = None
        return shifts

    def severity(self) -> Severity | None:
        return None if self.ladder is None else self.ladder.severity

    def waits(self) -> bool:
        return self.ladder is not None and self.ladder.waits()

    def wait(self, watched_ms: int) -> Sequence[Shift]:
        ladder = self.ladder
        if ladder is None:
            return ()
        until_ms = self.last_ms + watched_ms - self.arrived_ms
        changes = ladder.advance(until_ms, self.last_ms, self.hold_ms)
        shifts = [self._shift(ladder, change) for change in changes]
        if ladder.calm:
            self.ladder = None
        return shifts

    def _measure(self, step: SumStep) -> float:
        return max(self.windows[hours].total / line for hours, line in _lines(step))

    def _shift(self, ladder: Ladder, change: Change) -> Shift:
        at_ms, severity, rung = change
        step = self.steps[ladder.rungs.index(rung) if rung else 0]
        hours, line = max(_lines(step), key=lambda each: self.windows[each[0]].total / each[1])
        facts: dict[str, float | str] = {"hours": float(hours)}
        if step.called.zh:
            facts["called_zh"] = step.called.zh
            facts["called_en"] = step.called.by(Language.EN)
        return Shift(
            at_ms=at_ms,
            since_ms=ladder.since_ms,
            severity=severity,
            value=round(self.windows[hours].total, 6),
            limit=line,
            facts=facts,
        )

    def dump(self) -> list[Any]:
        windows = [[hours, w.dump()] for hours, w in self.windows.items() if w.total]
        ladder = [] if self.ladder is None else self.ladder.dump()
        return [self.last_ms, self.arrived_ms, windows, ladder]

    def load(self, data: list[Any]) -> None:
        self.last_ms, self.arrived_ms = data[:2]
        for hours, window in data[2]:
            if hours in self.windows:
                self.windows[hours].load(window)
        if data[3]:
            self.ladder = Ladder(self.specs)
            self.ladder.load(data[3])
            if self.ladder.calm:
                self.ladder = None


def _lines(step: SumStep) -> list[tuple[int, float]]:
    return [(hours, line) for hours in HOURS if (line := step.line(hours)) is not None]


@lru_cache(4096)
def _counting(steps: tuple[SumStep, ...]) -> tuple[SumStep, ...]:
    """Those that have a line here."""
    return tuple(step for step in steps if _lines(step))


@lru_cache(4096)
def _specs(steps: tuple[SumStep, ...], insists: bool) -> tuple[Spec, ...]:
    return tuple((step.severity, _limit(step), 1, insists) for step in steps)


def _limit(step: SumStep) -> Limit:
    return Limit(above=_WHOLE, clear_above=step.clear, keep_ms=step.keep_ms)

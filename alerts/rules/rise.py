"""Rise: a value far above the least of the last while; by so much, by so many percent, or both."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal, Protocol

from pydantic import Field

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
    spell_duration,
    spell_step,
    step_mistakes,
)
from alerts.rules.window import LeastInWindow, MedianInWindow
from alerts.words import Severity
from edge.contract.compare import Limit


class Base(Protocol):
    """What a rise is measured from."""

    def add(self, value: float, at_ms: int) -> float: ...
    def clear(self) -> None: ...
    def dump(self) -> list[Any]: ...
    def load(self, data: list[Any]) -> None: ...


# A step's measure is the part of its needed rise that has come about: 1.0 is the alarm line. The
# limit lies a hair under it, since a rise of exactly the needed amount counts.
_WHOLE = 1.0 - 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class RiseStep:
    """Breached once ``rise`` (in the metric's unit) and ``percent`` are reached, as far as given.

    Clear once the value has come back to ``clear`` (a part of the needed rise) above the base.
    """

    __pydantic_config__: ClassVar = STRICT
    NUMBERS: ClassVar = ("rise", "percent", "clear", "for_ms", "keep_ms")

    severity: Level
    rise: Annotated[Number, Field(gt=0)] | None = None
    percent: Annotated[Number, Field(gt=0)] | None = None
    clear: Annotated[Number, Field(ge=0, lt=1)] = 0.5
    for_ms: Annotated[Duration, Field(alias="for")] = 0
    keep_ms: Annotated[Duration, Field(alias="keep")] = 0
    samples: Annotated[int, Field(ge=1, le=100)] = 1

    def needed(self, base: float) -> float:
        """The rise above ``base`` that breaches; infinite where a percentage has no meaning."""
        needed = self.rise or 0.0
        if self.percent is not None:
            needed = max(needed, base * self.percent / 100) if base > 0 else needed
        return needed or float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rise(Rule):
    """Rings when a value has risen above the least of ``window``; ``settle`` ends a new normal.

    The base is taken over medians of three, so that one lost or zero reading is no base. It stands
    still from the first breach on. When the value stays high but has not risen any further within
    ``settle``, the rule accepts the new level and clears. With ``usual`` a rise counts only above
    the median of that while by ``over_usual``: a probe that was lifted out and is put back has not
    risen.
    """

    GIVES: ClassVar = READING_HOLES | {"from_value", "rise", "percent", "window"}
    NUMBERS: ClassVar[tuple[str, ...]] = (
        "window_ms", "settle_ms", "floor", "usual_ms", "over_usual",
    )  # fmt: skip

    kind: Literal["rise"] = "rise"
    window_ms: Annotated[Duration, Field(alias="window", gt=0)]
    settle_ms: Annotated[Duration, Field(alias="settle", gt=0)]
    floor: Number | None = None
    """Lower values are not looked at: a probe that hangs dry gives no base to rise from."""
    usual_ms: Annotated[Duration, Field(alias="usual")] = 0
    over_usual: Annotated[Number, Field(ge=0)] = 0.0
    step: tuple[RiseStep, ...]

    @property
    def steps(self) -> tuple[RiseStep, ...]:
        return self.step

    def begin(self, expected: Expected) -> State | None:
        given = [s for s in self.step if s.rise is not None or s.percent is not None]
        return RiseState(self, given, expected.hold_ms) if given else None

    def spell(self) -> Iterator[str]:
        for step in self.step:
            rises = ((step.rise, ""), (step.percent, " %"))
            when = " and ".join(f"+{rise:g}{unit}" for rise, unit in rises if rise is not None)
            if when and self.usual_ms:
                usual = f"{self.over_usual:g} over the median of {spell_duration(self.usual_ms)}"
                when += f", to {usual},"
            if when:
                yield spell_step(step, f"{when} in {spell_duration(self.window_ms)}")

    def mistakes(self) -> Iterator[Mistake]:
        yield from step_mistakes(self.step)
        for n, step in enumerate(self.step, 1):
            if step.rise is None and step.percent is None and not self.per_place:
                remedy = "give one, or set per_place = true and let places give it"
                yield Mistake(f"step {n}", "needs 'rise' or 'percent'", remedy)
            if not 0 <= step.clear < 1:
                yield Mistake(f"step {n}.clear", "is a part of the rise", "use 0 up to below 1")
        if self.over_usual and not self.usual_ms:
            yield Mistake("over_usual", "is over nothing", 'give a while, such as usual = "1d"')
        for key in ("rise", "percent"):
            given = [getattr(s, key) for s in self.step if getattr(s, key) is not None]
            if given != sorted(given):
                what = f"a severer step has a smaller '{key}'"
                yield Mistake("step", what, "let the rises grow with the severity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the states of a rule share whose values hold alike."""

    steps: tuple[RiseStep, ...]
    specs: tuple[Spec, ...]
    least_rise: float
    window_ms: int
    settle_ms: int
    floor: float
    over_usual: float
    hold_ms: int


class Ascent(Ladder):
    """What a rise has come to while one is under way: its base stands still."""

    __slots__ = ("arrived_ms", "base", "peak", "steady_since_ms", "value")

    def __init__(self, specs: tuple[Spec, ...]) -> None:
        super().__init__(specs)
        self.arrived_ms = 0
        self.base = self.peak = self.value = 0.0
        self.steady_since_ms: int | None = None


class RiseState(State):
    """The window, the last two values and, unless all is calm, the rise."""

    __slots__ = ("before", "last_ms", "rise", "terms", "usual", "window")

    def __init__(self, rule: Rise, steps: Sequence[RiseStep], hold_ms: int) -> None:
        floor = float("-inf") if rule.floor is None else rule.floor
        insists = rule.stale is Stale.COUNTS
        # At least as long as a value holds: else one lost reading of a slow gauge takes the base away.
        window_ms = max(rule.window_ms, hold_ms)
        self.terms = _terms(
            tuple(steps), insists, window_ms, rule.settle_ms, floor, rule.over_usual, hold_ms
        )
        self.window: Base = LeastInWindow(window_ms)
        self.usual = MedianInWindow(rule.usual_ms) if rule.usual_ms else None
        self.last_ms = -1
        self.before: tuple[float, ...] = ()
        self.rise: Ascent | None = None

    def take(self, value: float, at_ms: int, watched_ms: int) -> Sequence[Shift] | None:
        last_ms, terms, rise = self.last_ms, self.terms, self.rise
        if at_ms < last_ms or value < terms.floor:
            return None
        if at_ms - last_ms > terms.window_ms:
            self.before = ()
            self.window.clear()
        self.last_ms = at_ms
        over = float("-inf") if self.usual is None else self._over(self.usual, value, at_ms)
        before = self.before
        if len(before) < 2:
            self.before = (*before, value)
            if rise is None:
                return None
            least = rise.base
        else:
            first, second = before
            self.before = second, value
            least = self.window.add(_median(first, second, value), at_ms)
        shifts: list[Shift] = []
        if rise is not None:
            # What the value before has brought about by now has its figures, whether a tick or this
            # reading finds it out.
            waited = rise.advance(at_ms, last_ms, terms.hold_ms)
            shifts = [self._shift(rise, change, rise.value) for change in waited]
        if rise is None or rise.calm:
            if value - least < terms.least_rise or value <= least or value < over:
                self.rise = None
                return shifts or None
            if rise is None:
                rise = self.rise = Ascent(terms.specs)
            rise.base, rise.peak = least, value
        rise.value, rise.arrived_ms = value, watched_ms
        rise.peak = max(rise.peak, value)
        risen = value - rise.base
        changes = rise.judge(
            [risen / step.needed(rise.base) for step in terms.steps],
            at_ms,
            last_ms if last_ms >= 0 else None,
            terms.hold_ms,
        )
        shifts += [self._shift(rise, change, value) for change in changes]
        if rise.severity is not None and self._has_settled(rise, least, at_ms, last_ms):
            rise.reset()
            shifts.append(self._shift(rise, (at_ms, None, None), value))
        if rise.calm:
            self.rise = None
        return shifts

    def severity(self) -> Severity | None:
        return None if self.rise is None else self.rise.severity

    def waits(self) -> bool:
        return self.rise is not None and self.rise.waits()

    def wait(self, watched_ms: int) -> Sequence[Shift]:
        rise = self.rise
        if rise is None:
            return ()
        changes = rise.advance(self.until(watched_ms), self.last_ms, self.terms.hold_ms)
        shifts = [self._shift(rise, change, rise.value) for change in changes]
        if rise.calm:
            self.rise = None
        return shifts

    def until(self, watched_ms: int) -> int:
        """Up to which observed time the last value may be taken to hold (as ``LimitState``)."""
        assert self.rise is not None
        return self.last_ms + watched_ms - self.rise.arrived_ms

    def _over(self, usual: MedianInWindow, value: float, at_ms: int) -> float:
        """What a rise must reach to count; a new station knows no usual yet."""
        median, is_known = usual.add(value, at_ms), len(usual) > 1
        return median + self.terms.over_usual if is_known else float("-inf")

    def _has_settled(self, rise: Ascent, least: float, at_ms: int, last_ms: int) -> bool:
        """Whether the value has not risen anew for ``settle``, seen without a gap."""
        terms = self.terms
        step = terms.steps[0]
        if rise.value - least > step.clear * step.needed(least):
            rise.steady_since_ms = None
        elif rise.steady_since_ms is None or at_ms - last_ms > terms.hold_ms:
            rise.steady_since_ms = at_ms
        elif at_ms - rise.steady_since_ms >= terms.settle_ms:
            rise.steady_since_ms = None
            return True
        return False

    def _shift(self, rise: Ascent, change: Change, value: float) -> Shift:
        at_ms, severity, rung = change
        at = rise.rungs.index(rung) if rung else 0
        risen = value - rise.base
        facts: dict[str, float | str] = {
            "from_value": rise.base,
            "rise": risen,
            "window": self.terms.window_ms // 60_000,
        }
        if rise.base > 0:
            facts["percent"] = 100 * risen / rise.base
        if severity is None:
            rise.steady_since_ms = None
        return Shift(
            at_ms=at_ms,
            since_ms=rise.since_ms,
            severity=severity,
            value=value,
            limit=rise.base + self.terms.steps[at].needed(rise.base),
            peak=rise.peak,
            facts=facts,
        )

    def dump(self) -> list[Any]:
        rise = self.rise
        data = [self.last_ms, list(self.before), self.window.dump()]
        if rise is not None:
            data += [
                rise.arrived_ms, rise.value, rise.base, rise.peak, rise.steady_since_ms, rise.dump(),
            ]  # fmt: skip
        return data if self.usual is None else [*data, self.usual.dump()]

    def load(self, data: list[Any]) -> None:
        self.last_ms, self.before = data[0], tuple(data[1])
        self.window.load(data[2])
        if len(data) in (4, 10):  # with what the rule then thought usual
            if self.usual is not None:
                self.usual.load(data[-1])
            data = data[:-1]
        if len(data) > 3:
            rise = Ascent(self.terms.specs)
            rise.arrived_ms, rise.value, rise.base, rise.peak, rise.steady_since_ms = data[3:8]
            rise.load(data[8])
            self.rise = None if rise.calm else rise


@lru_cache(4096)
def _terms(
    steps: tuple[RiseStep, ...], insists: bool, window_ms: int, settle_ms: int, floor: float,
    over_usual: float, hold_ms: int,
) -> Terms:  # fmt: skip
    return Terms(
        steps=steps,
        specs=tuple((step.severity, _limit(step), step.samples, insists) for step in steps),
        least_rise=min(step.rise or 0.0 for step in steps),
        window_ms=window_ms,
        settle_ms=settle_ms,
        floor=floor,
        over_usual=over_usual,
        hold_ms=hold_ms,
    )


def _limit(step: RiseStep) -> Limit:
    return Limit(above=_WHOLE, clear_above=step.clear, for_ms=step.for_ms, keep_ms=step.keep_ms)


def _median(a: float, b: float, c: float) -> float:
    low, high = (a, b) if a <= b else (b, a)
    return low if c <= low else high if c >= high else c

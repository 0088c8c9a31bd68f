"""Limits: the steps of the rules that judge one measure, and the state that judges it.

A *measure* is what a kind makes of the readings: the value itself, a rate, a count, a percentage.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Annotated, Any, ClassVar

from pydantic import Field

from alerts.rules.band import Band, Calendar, calendar_of
from alerts.rules.ladder import Change, Ladder, Spec
from alerts.rules.rule import (
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
from alerts.words import Severity
from edge.contract.compare import Limit
from edge.contract.metrics import METRICS


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitStep:
    """Breached strictly beyond ``above`` or ``below`` for ``for``, in ``samples`` values in a row.

    ``outside = [low, high]`` is another way to write both. Clear at or within ``clear`` (one side),
    or ``back`` inside the limits (either or both), for ``keep``. With ``bands`` it counts only in
    one of them; outside of them it is as good as clear.
    """

    __pydantic_config__: ClassVar = STRICT
    NUMBERS: ClassVar = ("above", "below", "clear", "back", "for_ms", "keep_ms")

    severity: Level
    above: Number | None = None
    below: Number | None = None
    outside: tuple[Number, Number] | None = None
    clear: Number | None = None
    back: Annotated[Number, Field(ge=0)] | None = None
    for_ms: Annotated[Duration, Field(alias="for")] = 0
    keep_ms: Annotated[Duration, Field(alias="keep")] = 0
    samples: Annotated[int, Field(ge=1, le=100)] = 1
    bands: tuple[Band, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.outside is None:
            return
        if self.above is not None or self.below is not None:
            raise ValueError("'outside' stands for 'above' and 'below'; leave them out")
        # Kept as the two limits, so that a place may move either.
        object.__setattr__(self, "below", self.outside[0])
        object.__setattr__(self, "above", self.outside[1])
        object.__setattr__(self, "outside", None)

    @property
    def is_given(self) -> bool:
        return self.above is not None or self.below is not None

    def limit(self) -> Limit:
        """The step for the comparison kernel; ValueError says what does not fit."""
        above, below, back = self.above, self.below, self.back or 0.0
        if self.clear is not None and None not in (above, below):
            raise ValueError("'clear' serves one side; with 'above' and 'below' use 'back'")
        if self.clear is not None and self.back is not None:
            raise ValueError("'clear' and 'back' say the same thing twice")
        clear_above = None if above is None else above - back if self.clear is None else self.clear
        clear_below = None if below is None else below + back if self.clear is None else self.clear
        if None not in (above, below) and clear_above < clear_below:  # type: ignore[operator]
            raise ValueError("'back' leaves no value that is clear")
        return Limit(
            above=above,
            below=below,
            clear_above=clear_above,
            clear_below=clear_below,
            for_ms=self.for_ms,
            keep_ms=self.keep_ms,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the states of a rule share whose values hold alike; there may be a hundred thousand.

    ``low`` to ``high`` are the measures at which a calm one stays calm.
    """

    specs: tuple[Spec, ...]
    low: float
    high: float
    bands: tuple[tuple[Band, ...], ...] | None
    """None where no step has any."""
    calendar: Calendar
    hold_ms: int


@lru_cache(4096)
def _terms(given: tuple[LimitStep, ...], insists: bool, hold_ms: int, zone: str) -> Terms:
    bands = tuple(step.bands for step in given)
    return Terms(
        specs=tuple((step.severity, step.limit(), step.samples, insists) for step in given),
        low=max((s.below for s in given if s.below is not None), default=float("-inf")),
        high=min((s.above for s in given if s.above is not None), default=float("inf")),
        bands=bands if any(bands) else None,
        calendar=calendar_of(zone),
        hold_ms=hold_ms,
    )


@lru_cache(4096)
def _holding(terms: Terms, hold_ms: int) -> Terms:
    """The same for values that hold so long."""
    return replace(terms, hold_ms=hold_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited(Rule):
    """What the kinds have in common whose steps are limits of one measure."""

    MEASURE: ClassVar[str] = ""
    """What the limits are numbers of, for docs/rules.md; empty: of the metric, in its unit."""

    step: tuple[LimitStep, ...]

    @property
    def steps(self) -> tuple[LimitStep, ...]:
        return self.step

    def given(self) -> tuple[LimitStep, ...]:
        """The steps that have a limit here."""
        return tuple([s for s in self.step if s.above is not None or s.below is not None])

    def measure(self) -> str:
        """The measure in words, for docs/rules.md."""
        return self.MEASURE

    def span(self) -> tuple[float, float] | None:
        """Between which numbers a limit makes sense."""
        if self.MEASURE:
            return None
        return METRICS[self.metric].span if self.metric in METRICS else None

    def spell(self) -> Iterator[str]:
        measure = self.measure()
        for step in self.step:
            sides = (("above", step.above), ("below", step.below))
            when = " or ".join(f"{side} {limit:g}" for side, limit in sides if limit is not None)
            if when:
                bands = f" ({'; '.join(map(str, step.bands))})" if step.bands else ""
                yield spell_step(step, f"{measure} {when}{bands}".strip())

    def mistakes(self) -> Iterator[Mistake]:
        yield from step_mistakes(self.step)
        span = self.span()
        for n, step in enumerate(self.step, 1):
            if not step.is_given:
                if not self.per_place:
                    remedy = "give one, or set per_place = true and let places give it"
                    yield Mistake(f"step {n}", "needs 'above' or 'below'", remedy)
                continue
            try:
                step.limit()
            except ValueError as error:
                remedy = "put the clear limit on the safe side of the limit"
                yield Mistake(f"step {n}", str(error), remedy)
            for key, number in (("above", step.above), ("below", step.below)):
                if number is not None and span and not span[0] <= number <= span[1]:
                    what = f"{number:g} lies outside {span[0]:g} to {span[1]:g}, so it never rings"
                    yield Mistake(f"step {n}.{key}", what, f"use the unit of {self.metric!r}")
        for key, sign in (("above", 1.0), ("below", -1.0)):
            rising = [getattr(s, key) * sign for s in self.step if getattr(s, key) is not None]
            if rising != sorted(rising):
                what = f"a severer step has a milder '{key}'"
                yield Mistake("step", what, "let the limits go further out with the severity")


class Breach(Ladder):
    """The gates of the steps while one is breached, with the newest measure and the peak."""

    __slots__ = ("arrived_ms", "peak", "value")

    def __init__(self, specs: tuple[Spec, ...]) -> None:
        super().__init__(specs)
        self.arrived_ms = 0
        self.value = self.peak = 0.0


class LimitState(State):
    """The time of the newest measure and, unless all is calm, what the breach has come to."""

    __slots__ = ("breach", "last_ms", "terms")

    def __init__(self, rule: Limited, expected: Expected) -> None:
        insists = rule.stale is Stale.COUNTS
        self.terms = _terms(rule.given(), insists, expected.hold_ms, expected.zone)
        self.last_ms = -1
        self.breach: Breach | None = None

    @property
    def hold_ms(self) -> int:
        """How long a value holds."""
        return self.terms.hold_ms

    def hold(self, hold_ms: int) -> None:
        """From now on values hold so long."""
        self.terms = _holding(self.terms, hold_ms)

    def judge(self, value: float, at_ms: int, watched_ms: int) -> Sequence[Shift] | None:
        """Take in one measure; None when nothing is under way."""
        last_ms = self.last_ms
        if at_ms < last_ms:
            return None
        terms, breach = self.terms, self.breach
        if breach is None and terms.low <= value <= terms.high:
            self.last_ms = at_ms
            return None
        shifts: list[Shift] = []
        if breach is None:
            breach = self.breach = Breach(terms.specs)
        else:
            # What the value before has brought about by now has its figures, whether a tick or this
            # reading finds it out.
            waited = breach.advance(at_ms, last_ms, terms.hold_ms)
            shifts = [self._shift(breach, change, breach.value) for change in waited]
        if breach.calm or self._beyond(value) > self._beyond(breach.peak):
            breach.peak = value
        self.last_ms, breach.arrived_ms, breach.value = at_ms, watched_ms, value
        measures = [value] * len(terms.specs)
        if terms.bands is not None:
            _silence(measures, terms, terms.bands, at_ms)
        changes = breach.judge(measures, at_ms, last_ms if last_ms >= 0 else None, terms.hold_ms)
        shifts += [self._shift(breach, change, value) for change in changes]
        if breach.calm:
            self.breach = None
        return shifts

    take = judge  # where the value is the measure

    def severity(self) -> Severity | None:
        return None if self.breach is None else self.breach.severity

    def waits(self) -> bool:
        return self.breach is not None and self.breach.waits()

    def wait(self, watched_ms: int) -> Sequence[Shift]:
        breach = self.breach
        if breach is None:
            return ()
        changes = breach.advance(self.until(watched_ms), self.last_ms, self.terms.hold_ms)
        shifts = [self._shift(breach, change, breach.value) for change in changes]
        if breach.calm:
            self.breach = None
        return shifts

    def until(self, watched_ms: int) -> int:
        """Up to which observed time the last value of a breach may be taken to hold.

        What has passed here since it came has passed there since it was measured, whatever the
        device's clock says. Time in which the house was blind does not count: the value that would
        have ended the wait may be on its way.
        """
        assert self.breach is not None
        return self.last_ms + watched_ms - self.breach.arrived_ms

    def show(self, measure: float, limit: float | None, peak: float) -> Mapping[str, Any]:
        """What a Shift shows of it: ``value``, ``limit``, ``peak``, ``facts``, ``metric``."""
        return {"value": measure, "limit": limit, "peak": peak}

    def _beyond(self, value: float) -> float:
        return max(value - self.terms.high, self.terms.low - value)

    def _shift(self, breach: Breach, change: Change, value: float) -> Shift:
        at_ms, severity, rung = change
        limit = (rung or breach.rungs[0]).limit
        under = limit.above is None or (limit.below is not None and value < limit.below)
        return Shift(
            at_ms=at_ms,
            since_ms=breach.since_ms,
            severity=severity,
            **self.show(value, limit.below if under else limit.above, breach.peak),
        )

    def dump(self) -> list[Any]:
        breach = self.breach
        if breach is None:
            return [self.last_ms]
        return [self.last_ms, breach.arrived_ms, breach.value, breach.peak, breach.dump()]

    def load(self, data: list[Any]) -> None:
        self.last_ms = data[0]
        if len(data) > 1:
            breach = Breach(self.terms.specs)
            breach.arrived_ms, breach.value, breach.peak = data[1:4]
            breach.load(data[4])
            self.breach = None if breach.calm else breach


def _silence(
    measures: list[float], terms: Terms, bands: tuple[tuple[Band, ...], ...], at_ms: int
) -> None:
    """Let the steps that are out of their bands see a value that is clear."""
    for i, some in enumerate(bands):
        if some and not any(terms.calendar.within(band, at_ms) for band in some):
            limit = terms.specs[i][1]
            clear = limit.clear_above if limit.above is not None else limit.clear_below
            assert clear is not None
            measures[i] = clear

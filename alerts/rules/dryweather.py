"""Dry weather: a rise without rain near by; without a rain gauge its cause is unknown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from alerts.registry.model import Names
from alerts.rules.order import Order
from alerts.rules.rise import Rise, RiseState, RiseStep
from alerts.rules.rule import (
    STRICT,
    Duration,
    Ear,
    Expected,
    KeyedEar,
    Mistake,
    Number,
    Series,
    Shift,
    State,
    spell_duration,
)
from alerts.rules.window import LeastInWindow, MedianInWindow, SumInWindow
from alerts.words import Severity

RAIN = "rain"
DAY_MS = 86_400_000
PEAKS_MOST = 16
"""Of earlier rises, the newest: with as many in a month none is told that is no higher."""
_NONE: dict[str, Any] = {}  # of states without a gauge, as most are; nobody writes into it


@dataclass(frozen=True, slots=True, kw_only=True)
class Causes:
    """What the message says of the cause: no rain near by, or nobody who measures it."""

    __pydantic_config__: ClassVar = STRICT
    dry: Names
    unknown: Names


@dataclass(frozen=True, slots=True, kw_only=True)
class DryWeather(Rise):
    """Rings on a rise as kind ``rise`` does, unless ``rain_mm`` fell near by within ``dry``.

    It is dry where a gauge near by has been heard without a gap for all of ``dry``; where none has,
    the cause is unknown, and said so. A rise that began in the rain stays excused until it is over.
    ``from = "usual"`` takes the median of ``window`` as the base in place of its least value, or
    the least of the last day where that is more: what has crept up on a lens has not risen.

    What has become a habit of the place is not told again: a rise while as many as ``often`` within
    ``habit`` have peaked higher. It is told as soon as it outgrows them.
    """

    GIVES: ClassVar = Rise.GIVES | {"cause_zh", "cause_en"}
    NUMBERS: ClassVar = (*Rise.NUMBERS, "dry_ms", "rain_mm", "wait_ms", "habit_ms", "often")

    kind: Literal["dry-weather"] = "dry-weather"  # type: ignore[assignment]
    base: Annotated[Literal["least", "usual"], Field(alias="from")] = "least"
    dry_ms: Annotated[Duration, Field(alias="dry", gt=0)]
    rain_mm: Annotated[Number, Field(gt=0)]
    wait_ms: Annotated[Duration, Field(alias="wait")]
    needs_gauge: bool = False
    """Not told at all while no gauge near by knows: for what every storm brings."""
    habit_ms: Annotated[Duration, Field(alias="habit")] = 0
    often: Annotated[Number, Field(ge=1, le=PEAKS_MOST)] = 3.0
    causes: Causes

    @property
    def near(self) -> tuple[str, ...]:
        return (RAIN,)

    def begin(self, expected: Expected) -> State | None:
        given = [s for s in self.step if s.rise is not None or s.percent is not None]
        return DryWeatherState(self, given, expected.hold_ms) if given else None

    def spell(self) -> Iterator[str]:
        base = "the least" if self.base == "least" else "the median"
        for said in Rise.spell(self):
            dry = f"under {self.rain_mm:g} mm of rain in {spell_duration(self.dry_ms)}"
            gauge = "" if self.needs_gauge else " or no gauge"
            habit = f"{self.often:g} higher ones in {spell_duration(self.habit_ms)}"
            also = f"; not after {habit}" if self.habit_ms else ""
            yield f"{said}, over {base}, with {dry}{gauge}{also}"

    def mistakes(self) -> Iterator[Mistake]:
        yield from Rise.mistakes(self)
        for key in ("dry", "unknown"):
            names: Names = getattr(self.causes, key)
            if not names.zh.strip() or not names.en.strip():
                yield Mistake(f"causes.{key}", "is said in one language only", "give zh and en")


class _Gauge:
    """One rain gauge: what fell, and since when it has been heard without a gap."""

    __slots__ = ("hold_ms", "last_ms", "since_ms", "window")

    def __init__(self, hold_ms: int, dry_ms: int) -> None:
        self.hold_ms = hold_ms
        self.window = SumInWindow(dry_ms)
        self.since_ms = self.last_ms = -1

    def add(self, value: float, at_ms: int) -> None:
        self.window.add(value, at_ms)
        if at_ms < self.last_ms:
            return
        if self.last_ms < 0 or at_ms - self.last_ms > self.hold_ms:
            self.since_ms = at_ms
        self.last_ms = at_ms


class _Usual:
    """The median of the window, or the least of the last day where that is more."""

    __slots__ = ("_day", "_median")

    def __init__(self, window_ms: int) -> None:
        self._median, self._day = MedianInWindow(window_ms), LeastInWindow(DAY_MS)

    def add(self, value: float, at_ms: int) -> float:
        return max(self._median.add(value, at_ms), self._day.add(value, at_ms))

    def clear(self) -> None:
        self._median.clear()
        self._day.clear()

    def dump(self) -> list[Any]:
        return [*self._median.dump(), self._day.dump()]

    def load(self, data: list[Any]) -> None:
        self._median.load(data[:3])
        if len(data) > 3:
            self._day.load(data[3])


class DryWeatherState(RiseState):
    """A rise, and the gauges near by; ``excused`` while the rise that stands began in the rain, or
    is a ``habit`` of the place: then until it outgrows that."""

    __slots__ = ("by", "excused", "gauges", "habit", "known", "order_of", "peaks", "stands")

    def __init__(self, rule: DryWeather, steps: Sequence[RiseStep], hold_ms: int) -> None:
        super().__init__(rule, steps, hold_ms)
        if rule.base == "usual":
            self.window = _Usual(rule.window_ms)
        self.by = rule
        """With the place's numbers."""
        self.peaks: tuple[tuple[int, float], ...] = ()
        """(when it was over, how high) of earlier rises that no rain excused, oldest first."""
        self.habit = False
        self.gauges: dict[str, _Gauge] = _NONE
        self.order_of: Order | None = None
        """Where there are gauges to wait for."""
        self.stands = self.excused = self.known = False
        """Whether a rise is under way, began in the rain, or was known to begin without any."""

    def ear(self, series: Series) -> Ear:
        if series.metric != RAIN:
            return self
        self.order_of = self.order_of or Order(self.by.wait_ms)
        self.gauges = {**self.gauges, series.key: _Gauge(series.hold_ms, self.by.dry_ms)}
        return KeyedEar(self, series.key)

    def severity(self) -> Severity | None:
        return None if self.excused or self.habit else super().severity()

    def waits(self) -> bool:
        return bool(self.order_of and self.order_of.held) or super().waits()

    def wait(self, watched_ms: int) -> Sequence[Shift]:
        shifts: list[Shift] = []
        if self.order_of is not None:
            for at_ms, key, value, then_ms in self.order_of.due(watched_ms):
                shifts += self._go_on(key, value, at_ms, then_ms) or ()
        if super().waits():
            shifts += self._unless_excused(super().wait(watched_ms))
        return shifts

    def until(self, watched_ms: int) -> int:
        until_ms = super().until(watched_ms)
        return self.order_of.until(until_ms) if self.order_of and self.gauges else until_ms

    def take(self, value: float, at_ms: int, watched_ms: int) -> Sequence[Shift] | None:
        return self.hear("", value, at_ms, watched_ms)

    def hear(self, key: str, value: float, at_ms: int, watched_ms: int) -> Sequence[Shift] | None:
        order = self.order_of
        if order is None or not order.wait_ms or not self.gauges:
            return self._go_on(key, value, at_ms, watched_ms)
        is_known = bool(order.held)
        going = order.add(key, value, at_ms, watched_ms)
        if not going and is_known:
            return None  # that something waits has been said
        shifts: list[Shift] = []
        for then_ms, each, held, seen_ms in going:
            shifts += self._go_on(each, held, then_ms, seen_ms) or ()
        return shifts

    def _go_on(self, key: str, value: float, at_ms: int, watched_ms: int) -> Sequence[Shift] | None:
        if key:
            if gauge := self.gauges.get(key):
                gauge.add(value, at_ms)
            return None
        shifts = super().take(value, at_ms, watched_ms)
        if shifts:
            return self._unless_excused(shifts)
        rise = self.rise
        if self.habit and rise is not None and not self._is_habit(value, at_ms):
            self.habit = False
            change = at_ms, rise.severity, rise.highest()
            return self._unless_excused([self._shift(rise, change, value)])
        return shifts

    def _unless_excused(self, shifts: Sequence[Shift]) -> Sequence[Shift]:
        """The shifts with their cause; none of a rise that began in the rain."""
        told = []
        for shift in shifts:
            if not self.stands:
                self.stands = True
                self.excused, self.known = self._weather(shift.at_ms)
                self.habit = not self.excused and self._is_habit(shift.peak or 0.0, shift.at_ms)
            if not self.excused and not self.habit:
                cause = self.by.causes.dry if self.known else self.by.causes.unknown
                facts = {**(shift.facts or {}), "cause_zh": cause.zh, "cause_en": cause.en}
                told.append(replace(shift, facts=facts))
            if shift.severity is None:
                if self.by.habit_ms and not self.excused:
                    peak = shift.at_ms, shift.peak or 0.0
                    self.peaks = (*self.peaks, peak)[-PEAKS_MOST:]
                self.stands = self.excused = self.known = self.habit = False
        return told

    def _is_habit(self, value: float, at_ms: int) -> bool:
        """Whether as many earlier rises as ``often`` were higher; those of long ago are forgotten."""
        self.peaks = tuple(each for each in self.peaks if at_ms - each[0] <= self.by.habit_ms)
        return sum(peak >= value for _, peak in self.peaks) >= round(self.by.often)

    def _weather(self, at_ms: int) -> tuple[bool, bool]:
        """Whether rain near by excuses it, and whether it is known that there was none."""
        is_dry = False
        for gauge in self.gauges.values():
            gauge.window.add(0.0, at_ms)
            if gauge.window.total >= self.by.rain_mm:
                return True, False
            is_fresh = at_ms - gauge.last_ms <= gauge.hold_ms
            is_dry |= is_fresh and 0 <= gauge.since_ms <= at_ms - self.by.dry_ms
        return self.by.needs_gauge and not is_dry, is_dry

    def dump(self) -> list[Any]:
        gauges = [
            [key, gauge.since_ms, gauge.last_ms, gauge.window.dump()]
            for key, gauge in self.gauges.items()
        ]
        own = [self.stands, self.excused, self.known, self.habit, [list(p) for p in self.peaks]]
        order = [] if self.order_of is None else self.order_of.dump()
        return [super().dump(), order, own, gauges]

    def load(self, data: list[Any]) -> None:
        super().load(data[0])
        if data[1]:
            self.order_of = self.order_of or Order(self.by.wait_ms)
            self.order_of.load(data[1], {"", *self.gauges})
        self.stands, self.excused, self.known = data[2][:3]
        if len(data[2]) > 3:
            self.habit, peaks = data[2][3:]
            self.peaks = tuple((at_ms, peak) for at_ms, peak in peaks)
        for key, since_ms, last_ms, window in data[3]:
            if gauge := self.gauges.get(key):
                gauge.since_ms, gauge.last_ms = since_ms, last_ms
                gauge.window.load(window)

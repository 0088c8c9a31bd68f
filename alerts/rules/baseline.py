"""Baseline: a value against the place's own usual range, by hour of the day and season."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from alerts.rules.band import calendar_of
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

_HOUR_MS, _DAY_MS = 3_600_000, 86_400_000
DAYS_MOST = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline(Limited):
    """Judges how many percent a value lies beyond the usual range of this hour of the day.

    The range runs from one ``quantile`` to the opposite one of the hour's means over the last
    ``window``, which stands for the season; it must have ``learn`` days. Above it the measure is
    positive, below negative, within it 0; a difference under ``least`` is none. What lasts for
    some days becomes usual.
    """

    GIVES: ClassVar = READING_HOLES - {"limit"} | {"usual", "percent", "days"}
    MEASURE: ClassVar = "percent"
    NUMBERS: ClassVar = ("window_ms", "quantile", "learn", "least")

    kind: Literal["baseline"] = "baseline"
    window_ms: Annotated[Duration, Field(alias="window", gt=0)]
    quantile: Annotated[Number, Field(gt=0.5, lt=1)]
    learn: Annotated[Number, Field(ge=3)]
    least: Annotated[Number, Field(ge=0)] = 0.0

    def measure(self) -> str:
        return (
            f"percent beyond the {100 * self.quantile:g} % quantile of this hour over "
            f"{spell_duration(self.window_ms)},"
        )

    def begin(self, expected: Expected) -> State | None:
        return BaselineState(self, expected) if self.given() else None

    def mistakes(self) -> Iterator[Mistake]:
        yield from Limited.mistakes(self)
        days = self.window_ms / _DAY_MS
        if not self.learn <= days <= DAYS_MOST:
            what = f"{days:g} days do not lie between 'learn' and {DAYS_MOST}"
            yield Mistake("window", what, "use some weeks")


class BaselineState(LimitState):
    """For each hour of the day the means of the last days, and the range they give now."""

    __slots__ = (
        "count", "days", "hour", "hours", "learn", "least", "newest", "quantile", "range", "site",
        "slot", "total", "usual", "window_days",
    )  # fmt: skip

    def __init__(self, rule: Baseline, expected: Expected) -> None:
        super().__init__(rule, expected)
        self.window_days = rule.window_ms // _DAY_MS
        self.quantile, self.learn, self.least = rule.quantile, rule.learn, rule.least
        self.site = calendar_of(expected.zone)
        self.hours: dict[int, list[tuple[int, float]]] = {}
        """By hour of the day: (hour since 1970, mean), oldest first."""
        self.slot, self.hour, self.count, self.total = -1, 0, 0, 0.0
        self.range: tuple[float, float] | None = None
        self.usual = self.newest = 0.0
        self.days = 0

    def take(self, value: float, at_ms: int, watched_ms: int) -> Sequence[Shift] | None:
        slot = at_ms // _HOUR_MS
        if slot < self.slot:
            return None
        if slot != self.slot:
            self._turn(slot)
        self.count += 1
        self.total += value
        found = self.range
        if found is None:
            return None
        low, high = found
        measure = 0.0
        if value > high:
            if value - high >= self.least:
                measure = 100 * (value - high) / max(abs(high), 1e-9)
        elif value < low and low - value >= self.least:
            measure = 100 * (value - low) / max(abs(low), 1e-9)
        self.newest = value
        return self.judge(measure, at_ms, watched_ms)

    def _turn(self, slot: int) -> None:
        """Put the last hour away, and work out the range of the one that begins."""
        if self.count:
            self.hours.setdefault(self.hour, []).append((self.slot, self.total / self.count))
        self.slot, self.count, self.total = slot, 0, 0.0
        self.hour = self.site.hour(slot * _HOUR_MS)
        self._work_out()

    def _work_out(self) -> None:
        days = self.hours.get(self.hour, [])
        while days and self.slot - days[0][0] > self.window_days * 24:
            days.pop(0)
        self.days = len(days)
        if len(days) < self.learn:
            self.range = None
            return
        means = sorted(mean for _, mean in days)
        # So many lie beyond on either side, at least one: a single day is no range.
        beyond = max(1, int((1 - self.quantile) * len(means)))
        self.range = means[beyond], means[-1 - beyond]
        self.usual = means[len(means) // 2]

    def show(self, measure: float, limit: float | None, peak: float) -> Mapping[str, Any]:
        facts = {"usual": self.usual, "percent": abs(measure), "days": float(self.days)}
        return {"value": self.newest, "peak": self.newest, "facts": facts}

    def dump(self) -> list[Any]:
        hours = [[hour, [list(day) for day in days]] for hour, days in self.hours.items()]
        return [
            LimitState.dump(self),
            self.slot,
            self.hour,
            self.count,
            self.total,
            self.newest,
            hours,
        ]

    def load(self, data: list[Any]) -> None:
        LimitState.load(self, data[0])
        self.slot, self.hour, self.count, self.total, self.newest = data[1:6]
        self.hours = {hour: [(slot, mean) for slot, mean in days] for hour, days in data[6]}
        if self.slot >= 0:
            self._work_out()

"""Flat: a value that has not moved for hours; a probe that is stuck, dry or overgrown."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from alerts.rules.limit import Limited
from alerts.rules.rule import COMMON_HOLES, Expected, Mistake, Number, Shift, State
from alerts.rules.several import SeveralState
from edge.contract.metrics import METRICS

_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Flat(Limited):
    """Rings when one of ``tolerances`` (by metric) has not been left for so many hours.

    ``floors`` (by metric): lower values are not looked at, since there the water itself is flat.
    """

    GIVES: ClassVar = COMMON_HOLES | {"value", "hours", "stuck_zh", "stuck_en"}
    MEASURE: ClassVar = "hours without moving"

    kind: Literal["flat"] = "flat"
    tolerances: dict[str, Number]
    floors: dict[str, Number] = field(default_factory=dict)

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(self.tolerances)

    def begin(self, expected: Expected) -> State | None:
        return FlatState(self, expected) if self.given() else None

    def mistakes(self) -> Iterator[Mistake]:
        yield from Limited.mistakes(self)
        if self.metric:
            yield Mistake("metric", "flat has its metrics in 'tolerances'", "leave it out")
        for metric, tolerance in self.tolerances.items():
            if tolerance < 0:
                yield Mistake(f"tolerances.{metric}", "is negative", "use 0 or more")
        for metric in self.floors:
            if metric not in self.tolerances:
                yield Mistake(f"floors.{metric}", "has no tolerance", "give it one, or drop it")


class FlatState(SeveralState):
    """Per metric, since when which span has not been left; ``stuck`` is the longest."""

    __slots__ = ("floors", "runs", "stuck", "tolerances")

    def __init__(self, rule: Flat, expected: Expected) -> None:
        super().__init__(rule, expected, 0)
        self.tolerances, self.floors = rule.tolerances, rule.floors
        self.runs: dict[str, list[float]] = {}
        """By series: [since, last, low, high]."""
        self.stuck = ""

    def take_in(
        self, key: str, value: float, at_ms: int, watched_ms: int
    ) -> Sequence[Shift] | None:
        run = self.runs.get(key)
        if run is None:
            self.runs[key] = [at_ms, at_ms, value, value]
            return None
        if at_ms < run[1]:
            return None
        metric = key[key.rindex("/") + 1 :]
        low, high = min(run[2], value), max(run[3], value)
        gap_ms = at_ms - run[1]
        run[1] = at_ms
        if gap_ms > self.hold_by[key]:
            run[0] += gap_ms  # what was not seen is not counted; stuck before and after is one run
        if high - low > self.tolerances[metric] or value < self.floors.get(metric, value):
            run[0], run[2], run[3] = at_ms, value, value
        else:
            run[2], run[3] = low, high
        if self.breach is None and (at_ms - run[0]) / _HOUR_MS <= self.terms.high:
            return None
        hours, self.stuck = max(((r[1] - r[0]) / _HOUR_MS, each) for each, r in self.runs.items())
        return self.judge(hours, max(at_ms, self.last_ms), watched_ms)

    def show(self, measure: float, limit: float | None, peak: float) -> Mapping[str, Any]:
        run = self.runs.get(self.stuck)  # None: its series is no longer registered
        metric = self.stuck.rpartition("/")[2] or next(iter(self.tolerances))
        facts = {
            "hours": measure,
            "stuck_zh": METRICS[metric].zh,
            "stuck_en": METRICS[metric].en.lower(),
        }
        return {"value": run[3] if run else None, "facts": facts, "metric": metric}

    def dump(self) -> list[Any]:
        return [SeveralState.dump(self), self.stuck, self.runs]

    def load(self, data: list[Any]) -> None:
        SeveralState.load(self, data[0])
        self.stuck = data[1]
        self.runs = {key: list(run) for key, run in data[2].items() if key in self.hold_by}

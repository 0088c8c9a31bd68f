"""K of n: so many of several conditions at one place, at some time within a window, or all at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from alerts.rules.limit import Limited
from alerts.rules.rule import (
    COMMON_HOLES,
    STRICT,
    Duration,
    Expected,
    Mistake,
    Number,
    Shift,
    State,
    spell_duration,
)
from alerts.rules.several import SeveralState
from edge.contract.metrics import METRICS


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Met strictly beyond its limit, in ``samples`` values in a row."""

    __pydantic_config__: ClassVar = STRICT
    metric: str
    above: Number | None = None
    below: Number | None = None
    samples: Annotated[int, Field(ge=1, le=100)] = 1

    def is_met(self, value: float) -> bool:
        return (self.above is not None and value > self.above) or (
            self.below is not None and value < self.below
        )

    def __str__(self) -> str:
        sides = (("above", self.above), ("below", self.below))
        return f"{self.metric} " + " or ".join(f"{s} {v:g}" for s, v in sides if v is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class KofN(Limited):
    """Rings when more conditions are met than ``above`` says.

    With a ``window`` a condition counts as long after it was met. Without one it counts while its
    newest value meets it and holds, and the rule judges at readings of the first condition only:
    what the others have brought about is seen by a later reading of it, never by an older one.
    """

    GIVES: ClassVar = COMMON_HOLES | {"value", "count", "found_zh", "found_en", "window"}
    MEASURE: ClassVar = "conditions"
    PER_DEVICE: ClassVar = False
    NUMBERS: ClassVar = ("window_ms", "wait_ms")

    kind: Literal["k-of-n"] = "k-of-n"
    among: tuple[Condition, ...]
    window_ms: Annotated[Duration, Field(alias="window")] = 0
    wait_ms: Annotated[Duration, Field(alias="wait")] = 0

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(condition.metric for condition in self.among))

    def measure(self) -> str:
        window = f" within {spell_duration(self.window_ms)}" if self.window_ms else " at once"
        return f"of {'; '.join(map(str, self.among))}{window}:"

    def begin(self, expected: Expected) -> State | None:
        return KofNState(self, expected) if self.given() else None

    def mistakes(self) -> Iterator[Mistake]:
        yield from Limited.mistakes(self)
        if self.metric:
            yield Mistake("metric", "k-of-n has its metrics in 'among'", "leave it out")
        if len(self.metrics) < len(self.among) or len(self.among) < 2:
            yield Mistake("among", "needs two metrics or more, each once", "name them")
        for n, condition in enumerate(self.among, 1):
            span = METRICS[condition.metric].span if condition.metric in METRICS else None
            given = [v for v in (condition.above, condition.below) if v is not None]
            if not given:
                yield Mistake(f"among {n}", "needs 'above' or 'below'", "give one")
            if span and any(not span[0] <= value <= span[1] for value in given):
                what = f"lies outside {span[0]:g} to {span[1]:g}, so it is never met"
                yield Mistake(f"among {n}", what, f"use the unit of {condition.metric!r}")
        for n, step in enumerate(self.step, 1):
            if step.above is not None and step.above >= len(self.among):
                what = f"more than {step.above:g} of {len(self.among)} can not be met"
                yield Mistake(f"step {n}.above", what, "use a smaller number")


@lru_cache(1024)
def _by_metric(among: tuple[Condition, ...]) -> dict[str, Condition]:
    """One for all states of a rule."""
    return {condition.metric: condition for condition in among}


class KofNState(SeveralState):
    """Per condition: how many values in a row meet it, when the last did, and the newest value."""

    __slots__ = ("conditions", "count", "met_ms", "newest", "seen_ms", "window_ms")

    def __init__(self, rule: KofN, expected: Expected) -> None:
        super().__init__(rule, expected, rule.wait_ms)
        self.conditions = _by_metric(rule.among)
        self.window_ms = rule.window_ms
        self.count: dict[str, int] = {}
        """By series."""
        self.met_ms: dict[str, int] = {}
        self.seen_ms: dict[str, int] = {}
        self.newest = 0.0

    def hear(self, key: str, value: float, at_ms: int, watched_ms: int) -> Sequence[Shift] | None:
        # While nothing is met, a value that does not meet its condition is in order at any time.
        is_idle = not (self.met_ms or self.count or self.holds_back or self.breach)
        if is_idle and self.order_of is not None:
            if not self.conditions[key[key.rindex("/") + 1 :]].is_met(value):
                self.seen_ms[key] = max(at_ms, self.seen_ms.get(key, 0))
                return None
        return SeveralState.hear(self, key, value, at_ms, watched_ms)

    def take_in(
        self, key: str, value: float, at_ms: int, watched_ms: int
    ) -> Sequence[Shift] | None:
        if at_ms < self.seen_ms.get(key, 0):
            return None
        metric = key[key.rindex("/") + 1 :]
        condition = self.conditions[metric]
        gap_ms = at_ms - self.seen_ms.get(key, at_ms)
        self.seen_ms[key] = at_ms
        if condition.is_met(value):
            run = self.count.get(key, 0) if gap_ms <= self.hold_by.get(key, gap_ms) else 0
            self.count[key] = run + 1
            if run + 1 >= condition.samples:
                self.met_ms[key] = at_ms
        elif key in self.count:
            del self.count[key]
        if not self.window_ms and metric != next(iter(self.conditions)):
            return None
        self.newest = value
        if not self.met_ms and self.breach is None:
            return None
        return self.judge(float(len(self._met(at_ms))), max(at_ms, self.last_ms), watched_ms)

    def _met(self, at_ms: int) -> list[str]:
        """The metrics whose condition counts now, in the order of the rule."""
        found = set()
        for key, met_ms in self.met_ms.items():
            metric = key[key.rindex("/") + 1 :]
            if self.window_ms:
                counts = at_ms - met_ms <= self.window_ms
            else:
                enough = self.count.get(key, 0) >= self.conditions[metric].samples
                # One that is no longer heard does not raise, and does not clear either.
                is_fresh = at_ms - met_ms <= self.hold_by.get(key, 0)
                counts = enough and (is_fresh or self.severity() is not None)
            if counts:
                found.add(metric)
        return [metric for metric in self.conditions if metric in found]

    def show(self, measure: float, limit: float | None, peak: float) -> Mapping[str, Any]:
        met = self._met(self.last_ms) or list(self.conditions)
        facts = {
            "count": measure,
            "window": self.window_ms / 60_000,
            "found_zh": "、".join(METRICS[metric].zh for metric in met),
            "found_en": ", ".join(METRICS[metric].en.lower() for metric in met),
        }
        metric = next(iter(self.conditions))
        if self.window_ms:
            return {"facts": facts}
        return {"value": self.newest, "facts": facts, "metric": metric}

    def dump(self) -> list[Any]:
        return [SeveralState.dump(self), self.count, self.met_ms, self.seen_ms, self.newest]

    def load(self, data: list[Any]) -> None:
        SeveralState.load(self, data[0])
        heard = self.hold_by
        self.count, self.met_ms, self.seen_ms = (
            {key: figure for key, figure in table.items() if key in heard} for table in data[1:4]
        )
        self.newest = data[4]

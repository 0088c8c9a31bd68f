"""Water class: how many classes of GB 3838 the means of a day lie under the place's target."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from alerts.rules.limit import Limited
from alerts.rules.rule import (
    COMMON_HOLES,
    Duration,
    Ear,
    Expected,
    Mistake,
    Number,
    Series,
    Shift,
    State,
    spell_duration,
)
from alerts.rules.several import SeveralState
from alerts.rules.window import BUCKETS, MeanInWindow
from edge.contract.metrics import METRICS

# GB 3838-2002 table 1, classes I to V, mg/L, read in stored copies: at least for oxygen, at most for
# the others. Temperature and total nitrogen are left out of a river's verdict (own knowledge).
LINES = {
    "do": (7.5, 6.0, 5.0, 3.0, 2.0),
    "codmn": (2.0, 4.0, 6.0, 10.0, 15.0),
    "cod": (15.0, 15.0, 20.0, 30.0, 40.0),
    "bod5": (3.0, 3.0, 4.0, 6.0, 10.0),
    "nh3n": (0.15, 0.5, 1.0, 1.5, 2.0),
    "tp": (0.02, 0.1, 0.2, 0.3, 0.4),
}
NAMES = ("", "Ⅰ", "Ⅱ", "Ⅲ", "Ⅳ", "Ⅴ", "劣Ⅴ")
NAMES_EN = ("", "I", "II", "III", "IV", "V", "worse than V")


def class_of(metric: str, mean: float) -> int:
    """1 to 5; 6 is worse than V."""
    lines = LINES[metric]
    if metric == "do":
        return next((n for n, line in enumerate(lines, 1) if mean >= line), 6)
    return next((n for n, line in enumerate(lines, 1) if mean <= line), 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaterClass(Limited):
    """Judges by how many classes the worst mean of ``window`` is worse than ``target`` (1 to 5).

    A mean counts once it spans five sixths of the window. Indicative: classes are of laboratories.
    """

    GIVES: ClassVar = COMMON_HOLES | {
        "value", "class_zh", "class_en", "target_zh", "target_en", "worst_zh", "worst_en",
    }  # fmt: skip
    MEASURE: ClassVar = "classes worse than the target,"
    NUMBERS: ClassVar = ("window_ms", "target")

    kind: Literal["water-class"] = "water-class"
    window_ms: Annotated[Duration, Field(alias="window", gt=0)]
    target: Annotated[Number, Field(ge=1, le=5)] | None = None

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(LINES)

    def measure(self) -> str:
        return f"{self.MEASURE} by means over {spell_duration(self.window_ms)}"

    def begin(self, expected: Expected) -> State | None:
        if self.target is None or not self.given():
            return None
        return WaterClassState(self, expected, round(self.target))

    def mistakes(self) -> Iterator[Mistake]:
        yield from Limited.mistakes(self)
        if self.metric:
            yield Mistake("metric", "the metrics are those of GB 3838", "leave it out")
        if self.target is None and not self.per_place:
            yield Mistake("target", "is missing", "give it, or set per_place = true")


class WaterClassState(SeveralState):
    """The mean of each series; judged anew with each sixtieth of the window."""

    __slots__ = ("bucket", "means", "target", "window_ms", "worst", "worst_mean")

    def __init__(self, rule: WaterClass, expected: Expected, target: int) -> None:
        super().__init__(rule, expected, 0)
        self.window_ms, self.target = rule.window_ms, target
        self.means: dict[str, MeanInWindow] = {}
        self.bucket = -1
        self.worst, self.worst_mean = "do", 0.0

    def ear(self, series: Series) -> Ear:
        ear = super().ear(series)
        # Judged once in a sixtieth, so that is how long a verdict holds, beside a value's own time.
        self.hold(max(self.hold_ms, series.hold_ms + self.window_ms // BUCKETS))
        return ear

    def take_in(
        self, key: str, value: float, at_ms: int, watched_ms: int
    ) -> Sequence[Shift] | None:
        mean = self.means.get(key)
        if mean is None:
            mean = self.means[key] = MeanInWindow(self.window_ms)
        bucket = mean.add(value, at_ms)
        if bucket <= self.bucket:
            return None
        self.bucket = bucket
        worst = 0
        for each, window in self.means.items():
            if window.spans() * 6 < self.window_ms * 5 or window.is_stale(at_ms):
                continue
            metric = each[each.rindex("/") + 1 :]
            found = class_of(metric, window.mean())
            if found > worst:
                worst, self.worst, self.worst_mean = found, metric, window.mean()
        if not worst:
            return None
        return self.judge(float(worst - self.target), max(at_ms, self.last_ms), watched_ms)

    def show(self, measure: float, limit: float | None, peak: float) -> Mapping[str, Any]:
        found = max(1, min(6, round(measure) + self.target))
        facts = {
            "class_zh": NAMES[found], "class_en": NAMES_EN[found],
            "target_zh": NAMES[self.target], "target_en": NAMES_EN[self.target],
            "worst_zh": METRICS[self.worst].zh, "worst_en": METRICS[self.worst].en.lower(),
        }  # fmt: skip
        return {"value": self.worst_mean, "facts": facts, "metric": self.worst}

    def dump(self) -> list[Any]:
        means = [[key, mean.dump()] for key, mean in self.means.items()]
        return [SeveralState.dump(self), self.bucket, self.worst, self.worst_mean, means]

    def load(self, data: list[Any]) -> None:
        SeveralState.load(self, data[0])
        self.bucket, self.worst, self.worst_mean = data[1:4]
        for key, dumped in data[4]:
            if key in self.hold_by:
                self.means[key] = MeanInWindow(self.window_ms)
                self.means[key].load(dumped)

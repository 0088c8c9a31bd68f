"""Measuring: what stands between any sensor and the notebook, as keys of its ``[[sensor]]``. Pure.

Warm-up, then calibration; then the guard sees the value; then report on change, then the bound on
floods. Interval, alignment and medians belong to the sensors that are asked (``polling.py``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edge.contract.quality import Quality
from edge.measuring.calibration import Calibration, read_calibrations
from edge.measuring.flood import Bound
from edge.measuring.onchange import SUMS, Changes, OnChange, read_on_change
from edge.sensors.port import Plan, Sample, Series
from edge.table import Table

ANSWER_WITHIN_S = 60.0  # real: longer than any kind's own waits with their retries by default
MOST_PER_S = 100.0  # a wire that chatters gives more, a sensor that measures does not
LEAST_OVER = 3.0  # of its own pace a sensor may always give
HOUR_S = 3600.0
DAY_S = 86_400.0
# These pace themselves: what the keys of others would do they do with their own.
OWN_PACE = {
    "contact": "heartbeat_s: it tells each change and a heartbeat",
    "rain": "interval_s and at_once_mm: it tells the sum of each interval, and a shower at once",
}
UNBOUND = frozenset({"replay", "simulated"})  # a recording is as fast as the disk takes it


@dataclass(frozen=True, slots=True, kw_only=True)
class Measuring:
    """How one sensor's values are treated. ``most_per_s`` 0: no bound but the disk's."""

    warm_up_s: float = 0.0
    on_change: OnChange | None = None
    calibrations: tuple[Calibration, ...] = ()
    answer_within_s: float = ANSWER_WITHIN_S
    most_per_s: float = 0.0


def read_measuring(table: Table, kind: str, plan: Plan) -> Measuring:
    """The keys of a ``[[sensor]]`` that are the same for every kind."""
    gives = plan.gives
    if kind in OWN_PACE:
        for key in ("report_s", "report_change"):
            if key in table:
                table.complain(key, f"take it out and use {OWN_PACE[kind]}")
    if kind == "rain" and "warm_up_s" in table:
        table.complain("warm_up_s", "a bucket needs none, and its tips would be lost; take it out")
    if "median_of" in table and any(series.metric in SUMS for series in gives):
        table.complain("median_of", "of sums would lose what the others held; take it out")
    pace = LEAST_OVER * len(gives) / plan.pace_s if plan.pace_s else 0.0
    usual = 0.0 if kind in UNBOUND else max(MOST_PER_S, pace)
    return Measuring(
        warm_up_s=table.number("warm_up_s", 0.0, least=0, most=HOUR_S),
        on_change=read_on_change(table, gives),
        calibrations=read_calibrations(table, gives),
        answer_within_s=table.number("answer_within_s", ANSWER_WITHIN_S, least=1, most=DAY_S),
        most_per_s=table.number("most_per_s", usual, least=0, most=1e6),
    )


@dataclass(slots=True)
class Layer:
    """The state of one sensor's measuring. ``now_s`` is steady house time."""

    plan: Measuring
    begun_s: float
    _warm_s: float = field(init=False)
    _silent_s: float | None = None
    _calibrations: Mapping[Series, Calibration] = field(init=False)
    _changes: Changes | None = field(init=False)
    bound: Bound | None = field(init=False)

    def __post_init__(self) -> None:
        plan = self.plan
        self._warm_s = self.begun_s + plan.warm_up_s
        self._calibrations = {each.series: each for each in plan.calibrations}
        self._changes = Changes(plan.on_change) if plan.on_change else None
        self.bound = Bound(plan.most_per_s) if plan.most_per_s else None

    def measure(self, samples: Sequence[Sample], now_s: float) -> tuple[Sample, ...]:
        """The samples as they are true: without what a cold sensor says, and calibrated."""
        if self.plan.warm_up_s and samples:
            samples = self._warm(samples, now_s)
        if self._calibrations:
            samples = [self._calibrated(sample) for sample in samples]
        return tuple(samples)

    def report(self, samples: Sequence[Sample], now_s: float) -> tuple[Sample, ...]:
        """Those of them that are handed on; the others were never readings and get no number."""
        if self._changes is not None:
            samples = self._changes.take(samples)
        if self.bound is not None:
            samples = self.bound.take(samples, now_s)
        return tuple(samples)

    def spoken_for(self) -> None:
        """Something was told in the sensor's place, so what it says next is news."""
        if self._changes is not None:
            self._changes.forget()

    def _warm(self, samples: Sequence[Sample], now_s: float) -> Sequence[Sample]:
        if all(sample.value is None for sample in samples):
            self._silent_s = now_s if self._silent_s is None else self._silent_s
        else:
            # Who said nothing for so long may have had no power, and is cold again.
            if self._silent_s is not None and now_s - self._silent_s >= self.plan.warm_up_s:
                self._warm_s = now_s + self.plan.warm_up_s
            self._silent_s = None
        left_s = self._warm_s - now_s
        if left_s <= 0:
            return samples
        reason = f"warming up, {left_s:.0f} s left"
        return [
            sample
            if sample.value is None
            else sample._replace(value=None, quality=Quality.MISSING, reason=reason)
            for sample in samples
        ]

    def _calibrated(self, sample: Sample) -> Sample:
        found = self._calibrations.get(Series(sample.place, sample.port, sample.metric))
        return sample if found is None else found.applied(sample)

"""Report on change: between heartbeats only what is news goes on. Pure; times are the samples' own.

A value is compared with the last one reported, not the last one measured, so a slow drift shows as
soon as it adds up to the threshold.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from edge.contract.metrics import METRICS
from edge.contract.quality import Quality
from edge.sensors.port import Sample, Series
from edge.table import Table

DAY_S = 86_400
# Automated flood warning systems of the ALERT kind report at 0.04 inch of rain and 0.1 foot of
# level (NOAA CNRFC, "Flash Flooding and Rapid Hydrologic Response", confirmed): about 1 mm and 3 cm.
THRESHOLDS = {"rain": 1.0, "water-level": 0.03}
SUMS = frozenset({"rain"})  # each reading is what fell since the one before, so none may be lost
EXACT = 1e-9  # 1.28 - 1.25 is a hair less than 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class OnChange:
    """``report_s`` is the heartbeat; a metric without a threshold is news at any change."""

    report_s: float
    thresholds: Mapping[str, float] = field(default_factory=lambda: dict(THRESHOLDS))


def read_on_change(table: Table, gives: Sequence[Series]) -> OnChange | None:
    """The keys ``report_s`` and ``report_change``; None when each measurement is reported."""
    given = table.table("report_change")
    thresholds = {}
    for metric in given.keys():  # noqa: SIM118 (a Table is no mapping)
        thresholds[metric] = given.number(metric, above=0, most=1e9)
        if metric not in {series.metric for series in gives}:
            given.complain(metric, "the sensor gives no such metric; take it out")
        elif metric in METRICS and METRICS[metric].is_flag:
            given.complain(metric, "each change of a yes or no is reported; take it out")
    if "report_s" not in table:
        if thresholds:
            table.complain("report_s", "is missing beside report_change; write the heartbeat")
        return None
    report_s = table.number("report_s", above=0, most=DAY_S)
    return OnChange(report_s=report_s, thresholds={**THRESHOLDS, **thresholds})


@dataclass(slots=True)
class Changes:
    """What was reported last of each series, and what waits of sums."""

    plan: OnChange
    _last: dict[Series, Sample] = field(default_factory=dict)
    _rest: dict[Series, float] = field(default_factory=dict)

    def take(self, samples: Iterable[Sample]) -> list[Sample]:
        """Those that are reported; a sum carries what was withheld before it."""
        return [told for sample in samples if (told := self._told(sample)) is not None]

    def forget(self) -> None:
        """Somebody else spoke for the sensor: the next sample of each series is news."""
        self._last.clear()

    def _told(self, sample: Sample) -> Sample | None:
        series = Series(sample.place, sample.port, sample.metric)
        if sample.metric in SUMS and sample.value is not None:
            whole = round(sample.value + self._rest.pop(series, 0.0), 9)
            sample = sample._replace(value=whole)
        last = self._last.get(series)
        if last is None or self._is_news(last, sample):
            self._last[series] = sample
            return sample
        if sample.metric in SUMS and sample.value:
            self._rest[series] = sample.value
        return None

    def _is_news(self, last: Sample, sample: Sample) -> bool:
        # A clock that was set back makes it due, too: silence until the old time would be long.
        if abs(sample.at_ms - last.at_ms) >= self.plan.report_s * 1000:
            return True
        if _standing(sample) != _standing(last):
            return True
        if sample.value is None or last.value is None:
            return False  # the words of a fault may count seconds; the heartbeat brings them
        change = abs(sample.value if sample.metric in SUMS else sample.value - last.value)
        if METRICS[sample.metric].is_flag:
            return change != 0
        least = self.plan.thresholds.get(sample.metric, 0.0)
        return change > 0 and change >= least - EXACT


def _standing(sample: Sample) -> tuple[bool, Quality]:
    return sample.value is None, Quality(sample.quality)

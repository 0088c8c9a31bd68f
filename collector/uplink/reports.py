"""Reports in the making: readings gathered into intervals, and which have been sent. Pure.

An interval is sent once. What arrives for it afterwards is late and counted: a second report of the
same interval would replace the first at the bureau by a part of it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone

from edge.contract.metrics import METRICS
from edge.contract.quality import WITHHELD
from edge.contract.ranges import Ranges
from edge.contract.reading import Batch

GRACE_MS = 30_000  # after an interval's end, and after its last reading: what is under way arrives
BEIJING = timezone(timedelta(hours=8))
_WITHHELD = frozenset(map(int, WITHHELD))


@dataclass(slots=True)
class Stat:
    """One factor's values in one interval."""

    metric: str
    last_ms: int
    last: float
    low: float
    high: float
    total: float
    count: int = 1

    def add(self, at_ms: int, value: float) -> None:
        if at_ms >= self.last_ms:
            self.last_ms, self.last = at_ms, value
        self.low, self.high = min(self.low, value), max(self.high, value)
        self.total += value
        self.count += 1


@dataclass(slots=True)
class Report:
    """One interval. ``first`` is the journal's position of its first reading."""

    start_ms: int
    first: int
    touched_ms: int
    is_sealed: bool = False  # on its way: what is sent again is the same
    stats: dict[str, Stat] = field(default_factory=dict)

    def body(self, cn: str) -> str:
        """What stands between the && of CP: time, then each factor's fields."""
        at_ms = max(stat.last_ms for stat in self.stats.values()) if cn == "2011" else self.start_ms
        fields = [f"DataTime={datetime.fromtimestamp(at_ms / 1000, BEIJING):%Y%m%d%H%M%S}"]
        fields += [_fields(factor, stat, cn) for factor, stat in sorted(self.stats.items())]
        return ";".join(fields)


@dataclass(slots=True, kw_only=True)
class Reports:
    """``series``: (site, place, port, metric) -> factor. ``sent``: the intervals' numbers."""

    interval_ms: int
    keep_ms: int
    series: Mapping[tuple[str, str, str, str], str]
    sent: Ranges = field(default_factory=Ranges)
    late: int = 0
    expired: int = 0
    position: int = 0
    """The last journal position that was fed."""
    _open: dict[int, Report] = field(default_factory=dict)

    def feed(self, position: int, batch: Batch, now_ms: int) -> None:
        """Take in the values that rules may see; the rest is nobody's report."""
        for i, value in enumerate(batch.value):
            key = batch.site, batch.place[i], batch.port[i], batch.metric[i]
            factor = self.series.get(key)
            if factor is None or value is None or batch.quality[i] in _WITHHELD:
                continue
            at_ms = batch.at_ms[i]
            number = at_ms // self.interval_ms
            if at_ms < now_ms - self.keep_ms or number in self.sent:
                self.late += 1
                continue
            report = self._open.get(number)
            if report is not None and report.is_sealed:
                self.late += 1
                continue
            if report is None:
                start_ms = number * self.interval_ms
                report = self._open[number] = Report(start_ms, position, now_ms)
            report.touched_ms = now_ms
            if factor in report.stats:
                report.stats[factor].add(at_ms, value)
            else:
                report.stats[factor] = Stat(
                    batch.metric[i], at_ms, value, low=value, high=value, total=value
                )

    def next(self, now_ms: int) -> Report | None:
        """The oldest interval that is over and has rested. From now on it does not change."""
        for number in sorted(self._open):
            report = self._open[number]
            over_ms = max(report.start_ms + self.interval_ms, report.touched_ms) + GRACE_MS
            if report.is_sealed or over_ms <= now_ms:
                report.is_sealed = True
                return report
        return None

    def done(self, report: Report) -> None:
        """The bureau has it."""
        number = report.start_ms // self.interval_ms
        self._open.pop(number, None)
        self.sent.add(number, number)

    def expire(self, now_ms: int) -> None:
        """Give up what nobody took within the time it is kept."""
        oldest = (now_ms - self.keep_ms) // self.interval_ms
        for number in [number for number in self._open if number < oldest]:
            del self._open[number]
            self.expired += 1
        if self.sent and next(iter(self.sent))[1] < oldest:
            self.sent = Ranges((lo, hi) for lo, hi in self.sent if hi >= oldest)

    @property
    def waiting(self) -> int:
        return len(self._open)

    @property
    def settled(self) -> int:
        """Up to here nothing of the journal is needed again."""
        return min((report.first - 1 for report in self._open.values()), default=self.position)

    def dump(self) -> bytes:
        return json.dumps({"interval_ms": self.interval_ms, "sent": list(self.sent)}).encode()

    def load(self, body: bytes) -> None:
        """What ``dump`` gave; another interval's numbers mean nothing here."""
        known = json.loads(body)
        if known["interval_ms"] == self.interval_ms:
            self.sent = Ranges((int(lo), int(hi)) for lo, hi in known["sent"])


def _fields(factor: str, stat: Stat, cn: str) -> str:
    metric = METRICS[stat.metric]

    def told(kind: str, value: float) -> str:
        return f"{factor}-{kind}={value:.{metric.decimals}f}"

    if metric.counts:
        values = [told("Cou", stat.total)]
    elif cn == "2011":
        values = [told("Rtd", stat.last)]
    else:
        mean = stat.total / stat.count
        values = [told("Min", stat.low), told("Avg", mean), told("Max", stat.high)]
    return ",".join([*values, f"{factor}-Flag=N"])


def qn(at_ms: int) -> str:
    """A request's number: the time to the millisecond, Beijing's."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(BEIJING)
    return f"{at:%Y%m%d%H%M%S}{at_ms % 1000:03d}"

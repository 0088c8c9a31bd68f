"""A tipping bucket by GPIO: the tips of each interval as millimetres, so that readings may be added.

Tips stand in the mark as they fall, so a power cut costs only those of the last commit; those that
fall while the agent is off nobody counts, and the interval's reading says so. A reading covers the
time since the one before; a shower is told early, as soon as it is worth ``at_once_mm``.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import NamedTuple

from edge.contract.quality import Quality
from edge.errors import SensorError
from edge.sensors.pins import Line, Wiring, read_wiring
from edge.sensors.polling import DAY_S, LONGEST_BACKOFF_S, Answer, fault, read_series
from edge.sensors.port import Sample, Series, Step, Use
from edge.table import Table

LOOK_MS = 100  # house: how long a tip may wait before it stands in the mark
MOST_INTERVALS = 500  # told one by one; what a longer hole held is told as one sum
SET_MS = 5000  # a clock that goes so far from the steady one was set
STUCK_S = 600.0  # a bucket closes the contact for a tenth of a second
UNWATCHED = "not counted over the whole time: the agent or the gauge was off; there may be more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """``mm_per_tip`` as its calibration found; a tip counts after ``debounce_s`` without an edge."""

    series: Series
    wiring: Wiring
    mm_per_tip: float
    debounce_s: float = 0.1
    interval_s: float = 60.0
    at_once_mm: float = 1.0

    def build(self, name: str, begin_ms: int) -> "RainGauge":
        return RainGauge(name, self)

    @property
    def gives(self) -> tuple[Series, ...]:
        return (self.series,)

    @property
    def pace_s(self) -> float:
        return self.interval_s

    @property
    def uses(self) -> tuple[Use, ...]:
        return (Use("pin", self.wiring.name),)


@dataclass(frozen=True, slots=True)
class Mark:
    """Where the gauge stands: the interval's end, its tips not told yet, all tips ever counted."""

    end_ms: int
    waiting: int = 0
    total: int = 0
    is_partial: bool = False

    def spell(self) -> str:
        return f"{self.end_ms}/{self.waiting}/{self.total}/{int(self.is_partial)}"

    @classmethod
    def parse(cls, text: str) -> "Mark | None":
        """The mark that ``spell`` wrote, or None."""
        try:
            end_ms, waiting, total, is_partial = (int(part) for part in text.split("/"))
        except ValueError:
            return None
        return cls(end_ms, waiting, total, bool(is_partial))


class Tally(NamedTuple):
    """The tips of the time up to ``at_ms`` since the reading before; partial: there may be more."""

    at_ms: int
    tips: int
    is_partial: bool


def account(
    known: Mark | None, tips_ms: Sequence[int], now_ms: int, gauge: Gauge,
    *, is_new: bool = False, is_off: bool = False, jump_ms: int = 0,
) -> tuple[list[Tally], Mark]:  # fmt: skip
    """What is due at ``now_ms`` after these tips, in order, and the mark after it.

    Every tip is in exactly one tally or still waits in the mark, whatever the clock does.
    """
    interval_ms = round(gauge.interval_s * 1000)
    next_ms = now_ms - now_ms % interval_ms + interval_ms
    tallies: list[Tally] = []
    mark = known or Mark(next_ms, is_partial=True)
    is_set = abs(jump_ms) > SET_MS or not 0 <= next_ms - mark.end_ms <= (
        inf if is_new else MOST_INTERVALS * interval_ms
    )
    if is_set or (is_new and mark.end_ms <= now_ms):
        if mark.waiting:
            at_ms = now_ms if is_set else mark.end_ms
            tallies.append(Tally(at_ms, mark.waiting, True))
        mark = Mark(next_ms, 0, mark.total, True)
    end_ms, waiting = mark.end_ms, mark.waiting
    is_partial = mark.is_partial or is_new or is_off
    for moment_ms in [*tips_ms, now_ms + 1]:  # the last is no tip, but ends what is over
        while moment_ms > end_ms and end_ms <= now_ms:
            tallies.append(Tally(end_ms, waiting, is_partial))
            end_ms, waiting, is_partial = end_ms - end_ms % interval_ms + interval_ms, 0, is_off
        waiting += 1
    waiting -= 1
    if waiting and waiting * gauge.mm_per_tip >= gauge.at_once_mm:
        tallies.append(Tally(now_ms, waiting, is_partial))
        waiting = 0
    return tallies, Mark(end_ms, waiting, mark.total + len(tips_ms), is_partial)


@dataclass(slots=True)
class Tips:
    """Which edges are tips: a closing after ``still_s`` without any edge, so no bounce counts."""

    still_s: float
    times_s: list[float] = field(default_factory=list)
    """Tips not taken yet."""
    is_closed: bool = False
    edge_s: float = -inf

    def edge(self, at_s: float, is_closed: bool) -> None:
        if is_closed and at_s - self.edge_s >= self.still_s:
            self.times_s.append(at_s)
        self.edge_s, self.is_closed = at_s, is_closed

    def take(self) -> list[float]:
        taken, self.times_s = self.times_s, []
        return taken


@dataclass(slots=True)
class RainGauge:
    """The sensor."""

    name: str
    gauge: Gauge
    last: Mapping[Series, Answer] = field(default_factory=dict)
    """What was told last, or waits to be told, with all tips ever counted."""
    steady: Callable[[], float] = time.monotonic
    _line: Line | None = None
    _tips: Tips = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _is_new: bool = True
    _looked: tuple[int, float] | None = None
    _try_ms: int = 0
    _failures: int = 0
    _fault: str = ""

    def __post_init__(self) -> None:
        self._tips = Tips(self.gauge.debounce_s)

    def step(self, mark: str, now_ms: int) -> Step:
        self._watch(now_ms)
        is_off = self._line is None
        tips_ms, jump_ms = self._look(now_ms)
        tallies, new = account(
            Mark.parse(mark), tips_ms, now_ms, self.gauge,
            is_new=self._is_new, is_off=is_off, jump_ms=jump_ms,
        )  # fmt: skip
        self._is_new = False
        samples = tuple(self._told(tally, new.total, is_off) for tally in tallies)
        if not samples:
            self._show(new, is_off)
        wake_ms = min(new.end_ms, now_ms + LOOK_MS)
        return Step(samples=samples, mark=new.spell(), wake_ms=wake_ms)

    def close(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def _look(self, now_ms: int) -> tuple[list[int], int]:
        """The tips since the last look in house time, and by how much the clock was set since."""
        with self._lock:
            now_s = self.steady()
            tips_ms = [now_ms - round((now_s - at_s) * 1000) for at_s in self._tips.take()]
        jump_ms = 0
        if self._looked is not None:
            then_ms, then_s = self._looked
            jump_ms = now_ms - then_ms - round((now_s - then_s) * 1000)
        self._looked = now_ms, now_s
        return tips_ms, jump_ms

    def _told(self, tally: Tally, total: int, is_off: bool) -> Sample:
        raw = f"{tally.tips} tips, {total} in all"
        value = round(tally.tips * self.gauge.mm_per_tip, 6)
        with self._lock:
            closed_s = self.steady() - self._tips.edge_s if self._tips.is_closed else 0.0
        if is_off and not tally.tips:
            answer = fault(self._fault, raw=raw)
        elif closed_s > STUCK_S and not tally.tips:
            reason = f"the contact is closed for {closed_s:.0f} s: a short, or a bucket that sticks"
            answer = fault(reason, Quality.FAIL, raw)
        elif tally.is_partial:
            answer = Answer(value, raw, UNWATCHED, Quality.SUSPECT)
        else:
            answer = Answer(value, raw)
        self.last = {self.gauge.series: answer}
        return Sample(*self.gauge.series, answer.value, tally.at_ms, answer.quality, answer.reason)

    def _show(self, mark: Mark, is_off: bool) -> None:
        """Between readings ``last`` counts along, for who tips the bucket by hand."""
        raw = f"{mark.waiting} tips waiting, {mark.total} in all"
        value = round(mark.waiting * self.gauge.mm_per_tip, 6)
        waiting = Answer(value, raw, "not told yet")
        self.last = {self.gauge.series: fault(self._fault, raw=raw) if is_off else waiting}

    def _watch(self, now_ms: int) -> None:
        """See that the line is open; where it cannot be, why."""
        longest_ms = round(LONGEST_BACKOFF_S * 1000)
        if self._line is not None:
            return
        if self._failures and now_ms < self._try_ms <= now_ms + longest_ms:
            return
        try:
            self._line = Line(self.gauge.wiring, self._edge)
            is_closed = self._line.is_closed
        except SensorError as error:
            self._line, self._fault = None, str(error)
            self._try_ms = now_ms + min(longest_ms, 1000 * 2 ** min(self._failures, 16))
            self._failures += 1
            return
        self._failures = 0
        with self._lock:
            self._tips.is_closed = is_closed
            if is_closed:
                self._tips.edge_s = self.steady()

    def _edge(self, at_s: float, is_closed: bool) -> None:
        with self._lock:  # the driver's thread
            self._tips.edge(at_s, is_closed)


def read(table: Table, _: Path) -> Gauge:
    """The keys of a ``[[sensor]]`` of kind rain; mistakes are complained of to the table."""
    place, port = read_series(table)
    interval_s = table.number("interval_s", 60.0, least=1, most=3600)
    if 3600 % interval_s:
        table.complain("interval_s", "must divide an hour, so that 1, 5 and 60 min can be added up")
    return Gauge(
        series=Series(place, port, table.one_of("metric", ("rain",), "rain")),
        wiring=read_wiring(table),
        mm_per_tip=table.number("mm_per_tip", above=0, most=10),
        debounce_s=table.number("debounce_s", 0.1, least=0, most=5),
        interval_s=interval_s,
        at_once_mm=table.number("at_once_mm", 1.0, above=0, most=DAY_S),
    )

"""What sensors that are asked share: when to ask, how often to try again, what to say of a fault.

A sensor of this kind brings a ``Source``; its plan builds ``Polling`` around it. Each interval gives
exactly one sample of each series: a value, or none with the reason.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from edge.contract.quality import Quality
from edge.errors import SensorError
from edge.sensors.port import Sample, Series, Step
from edge.table import Table

DAY_S = 86_400
FIRST_PAUSE_S = (
    0.1  # real: between attempts of one round; a line of 9600 baud is quiet again by then
)
LONGEST_BACKOFF_S = 60.0  # house: between rounds that are tried at all, while none succeeds
MOST_SKIPPED = 10  # intervals; a longer hole is a clock that was set or a machine that slept
TARDY_S = 1.0  # house: asked this close after the moment planned, a sample carries that moment


class Answer(NamedTuple):
    """One series as the sensor told it. ``raw`` is for the person on the ladder: 0x0899."""

    value: float | None
    raw: str = ""
    reason: str = ""
    quality: Quality = Quality.NOT_EVALUATED


def fault(reason: str, quality: Quality = Quality.MISSING, raw: str = "") -> Answer:
    """No value, and why. MISSING: there is none; FAIL: there is one, and it is known to be wrong."""
    return Answer(None, raw, reason, quality)


class Source(Protocol):
    """The sensor itself. It bounds its own waits."""

    @property
    def series(self) -> tuple[Series, ...]:
        """What it measures; each round gives a sample of each."""
        ...

    def ask(self) -> Mapping[Series, Answer]:
        """Each series now; SensorError when nothing can be had, and then it is asked again."""
        ...

    def close(self) -> None:
        """Let go of port and socket; the next ``ask`` opens them again. Called after an error."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When to ask, in house seconds. ``is_aligned``: at whole multiples of the interval in UTC.

    ``retries`` is how often a round that failed is tried again at once.
    """

    interval_s: float = 60.0
    is_aligned: bool = True
    retries: int = 2


def read_schedule(table: Table, interval_s: float = 60.0, *, least_s: float = 0.1) -> Schedule:
    """The keys ``interval_s``, ``align`` and ``retries`` of a ``[[sensor]]``."""
    return Schedule(
        interval_s=table.number("interval_s", interval_s, least=least_s, most=DAY_S),
        is_aligned=table.flag("align", True),
        retries=table.whole("retries", 2, least=0, most=10),
    )


def read_series(table: Table) -> tuple[str, str]:
    """The keys ``place`` and ``port``, both empty for the box itself."""
    place = table.id("place", "") if "place" in table else ""
    port = table.id("port", "") if "port" in table else ""
    if port and not place:
        table.complain("place", "is missing beside port")
    return place, port


@dataclass(slots=True)
class Polling:
    """The sensor. Its mark is the moment planned of the last round, in house milliseconds."""

    name: str
    schedule: Schedule
    source: Source
    begin_ms: int
    pause: Callable[[float], None] = time.sleep
    last: Mapping[Series, Answer] = field(default_factory=dict)
    """What the last round gave, with its raw form."""
    _failures: int = 0
    _fault: str = ""
    _try_ms: int = 0

    def step(self, mark: str, now_ms: int) -> Step:
        due_ms = self._moment(now_ms)
        last_ms = int(mark) if mark else None
        if last_ms is not None and last_ms > now_ms + self._interval_ms:
            last_ms = None  # the clock was set back: waiting for the old time would be silence
            self._try_ms = 0
        if last_ms is not None and due_ms <= last_ms:
            return Step(mark=mark, wake_ms=last_ms + self._interval_ms)
        samples = self._skipped(last_ms, due_ms)
        is_tardy = now_ms - due_ms > min(TARDY_S * 1000, self._interval_ms / 10)
        at_ms = now_ms if is_tardy else due_ms
        self.last = self._round(due_ms, now_ms)
        for series in self.source.series:
            answer = self.last.get(series) or fault("the sensor gave no such value")
            samples.append(Sample(*series, answer.value, at_ms, answer.quality, answer.reason))
        return Step(samples=tuple(samples), mark=str(due_ms), wake_ms=due_ms + self._interval_ms)

    def close(self) -> None:
        self.source.close()

    @property
    def _interval_ms(self) -> int:
        return max(1, round(self.schedule.interval_s * 1000))

    def _moment(self, now_ms: int) -> int:
        """The newest moment planned that is not after ``now_ms``."""
        base = 0 if self.schedule.is_aligned else self.begin_ms
        return now_ms - (now_ms - base) % self._interval_ms

    def _skipped(self, last_ms: int | None, due_ms: int) -> list[Sample]:
        """A sample for each interval that passed while the round before took its time."""
        if last_ms is None or not self.last:  # what passed while the agent was away is a gap
            return []
        missed = range(last_ms + self._interval_ms, due_ms, self._interval_ms)
        if len(missed) > MOST_SKIPPED:
            return []
        reason = "not asked: the round before took longer than the interval"
        return [
            Sample(*series, None, at_ms, Quality.MISSING, reason)
            for at_ms in missed
            for series in self.source.series
        ]

    def _round(self, due_ms: int, now_ms: int) -> Mapping[Series, Answer]:
        if self._failures and now_ms < self._try_ms <= now_ms + round(LONGEST_BACKOFF_S * 1000):
            wait_s = (self._try_ms - now_ms) / 1000
            return self._all(f"{self._fault}; not asked, next attempt in {wait_s:.0f} s")
        for attempt in range(self.schedule.retries + 1):
            if attempt:
                self.pause(FIRST_PAUSE_S * 2 ** (attempt - 1))
            try:
                answers = self.source.ask()
            except Exception as error:  # a driver may raise anything, and a fault is a sample
                self._fault = str(error) if isinstance(error, SensorError) else repr(error)
                self.source.close()
            else:
                self._failures = 0
                return answers
        self._failures += 1
        # One interval after the first failed round, then two, four: a lost frame costs one sample.
        backoff_s = self.schedule.interval_s * 2.0 ** min(self._failures - 1, 16)
        self._try_ms = due_ms + round(min(LONGEST_BACKOFF_S, backoff_s) * 1000)
        return self._all(self._fault)

    def _all(self, reason: str) -> Mapping[Series, Answer]:
        return {series: fault(reason) for series in self.source.series}

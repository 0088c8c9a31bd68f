"""What sensors that are asked share: when to ask, how often to try again, what to say of a fault.

A sensor of this kind brings a ``Source``; its plan builds ``Polling`` around it. Each interval gives
exactly one sample of each series: a value, or none with the reason.
"""

import time
from collections.abc import Callable, Mapping, Sequence
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
MOST_ASKS = 9  # in one round
MOST_SKIPPED = 10  # intervals; a longer hole is a clock that was set or a machine that slept
TARDY_S = 1.0  # house: asked this close after the moment planned, a sample carries that moment;
# this close before it, once the clock was set, it is not asked again


class Answer(NamedTuple):
    """One series as the sensor told it. ``raw`` is for the person on the ladder: 0x0899."""

    value: float | None
    raw: str = ""
    reason: str = ""
    quality: Quality = Quality.NOT_EVALUATED


def fault(reason: str, quality: Quality = Quality.MISSING, raw: str = "") -> Answer:
    """No value, and why. MISSING: there is none; FAIL: there is one, and it is known to be wrong."""
    return Answer(None, raw, reason, quality)


def median(answers: Sequence[Answer], wanted: int, otherwise: Answer) -> Answer:
    """The middle one of those with a value, of an even number the lower: it was measured as it
    stands. Fewer than half of those ``wanted`` are no value, and say why.
    """
    good = sorted(
        (each for each in answers if each.value is not None and each.quality != Quality.FAIL),
        key=lambda each: each.value or 0.0,
    )
    if 2 * len(good) < wanted:
        last = next((each for each in reversed(answers) if each not in good), otherwise)
        return last._replace(
            value=None, reason=f"{len(good)} of {wanted} asks gave a value; {last.reason}"
        )
    middle = good[(len(good) - 1) // 2]
    worst = max(good, key=lambda each: each.quality)
    return middle._replace(quality=worst.quality, reason=worst.reason)


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

    ``retries`` is how often an ask that failed is tried again in a round. A round asks
    ``median_of`` times, ``median_gap_s`` of real time apart, and takes the middle value of each
    series.
    """

    interval_s: float = 60.0
    is_aligned: bool = True
    retries: int = 2
    median_of: int = 1
    median_gap_s: float = 0.2


def read_schedule(table: Table, interval_s: float = 60.0, *, least_s: float = 0.1) -> Schedule:
    """The keys of a ``[[sensor]]`` that say when it is asked, and how often in a round."""
    schedule = Schedule(
        interval_s=table.number("interval_s", interval_s, least=least_s, most=DAY_S),
        is_aligned=table.flag("align", True),
        retries=table.whole("retries", 2, least=0, most=10),
        median_of=table.whole("median_of", 1, least=1, most=MOST_ASKS),
        median_gap_s=table.number("median_gap_s", 0.2, least=0, most=60),
    )
    if schedule.median_of % 2 == 0:
        table.complain("median_of", f"write an odd number, 1 to {MOST_ASKS}: it has a middle")
    if (schedule.median_of - 1) * schedule.median_gap_s > schedule.interval_s / 2:
        table.complain("median_gap_s", "the asks fill over half of interval_s; ask less or closer")
    return schedule


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
    _late_ms: int = 0  # what the mark lacks, because the clock was set behind it

    def clock_set(self, by_ms: int) -> None:
        self._late_ms += by_ms

    def step(self, mark: str, now_ms: int) -> Step:
        due_ms = self._moment(now_ms)
        last_ms = int(mark) if mark else None
        if last_ms is not None and self._late_ms:
            # Off the grid now: asked just before a moment planned, and that one was not missed.
            last_ms = self._moment(last_ms + self._late_ms + self._tardy_ms)
        if last_ms is not None and last_ms > now_ms + self._interval_ms:
            last_ms = None  # the clock was set back: waiting for the old time would be silence
            self._try_ms = 0
        if last_ms is not None and due_ms <= last_ms:
            return Step(mark=mark, wake_ms=self._moment(last_ms) + self._interval_ms)
        self._late_ms = 0
        samples = self._skipped(last_ms, due_ms)
        is_tardy = now_ms - due_ms > self._tardy_ms
        at_ms = now_ms if is_tardy else due_ms
        self.last = self._round(due_ms, now_ms)
        for series in self.source.series:
            answer = self.last.get(series) or fault("the sensor gave no such value")
            samples.append(Sample(*series, answer.value, at_ms, answer.quality, answer.reason))
        return Step(samples=tuple(samples), mark=str(due_ms), wake_ms=due_ms + self._interval_ms)

    def look(self, now_ms: int) -> Mapping[Series, Answer]:
        """A round now, whatever the schedule and the faults before it say."""
        self._failures = 0
        self.last = self._round(now_ms, now_ms)
        return self.last

    def close(self) -> None:
        self.source.close()

    @property
    def _interval_ms(self) -> int:
        return max(1, round(self.schedule.interval_s * 1000))

    @property
    def _tardy_ms(self) -> int:
        return min(round(TARDY_S * 1000), self._interval_ms // 10)

    def _moment(self, now_ms: int) -> int:
        """The newest moment planned that is not after ``now_ms``."""
        base = 0 if self.schedule.is_aligned else self.begin_ms
        return now_ms - (now_ms - base) % self._interval_ms

    def _skipped(self, last_ms: int | None, due_ms: int) -> list[Sample]:
        """A sample for each interval that passed while the round before took its time."""
        if last_ms is None or not self.last:  # what passed while the agent was away is a gap
            return []
        missed = range(self._moment(last_ms) + self._interval_ms, due_ms, self._interval_ms)
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
        asks = self._asks()
        if asks:
            self._failures = 0
            wanted = self.schedule.median_of
            return asks[0] if wanted == 1 else self._medians(asks, wanted)
        self._failures += 1
        # One interval after the first failed round, then two, four: a lost frame costs one sample.
        backoff_s = self.schedule.interval_s * 2.0 ** min(self._failures - 1, 16)
        self._try_ms = due_ms + round(min(LONGEST_BACKOFF_S, backoff_s) * 1000)
        return self._all(self._fault)

    def _asks(self) -> list[Mapping[Series, Answer]]:
        """The asks of one round that were answered."""
        answered: list[Mapping[Series, Answer]] = []
        failed = 0
        while len(answered) < self.schedule.median_of and failed <= self.schedule.retries:
            try:
                answered.append(self.source.ask())
            except Exception as error:  # a driver may raise anything, and a fault is a sample
                self._fault = str(error) if isinstance(error, SensorError) else repr(error)
                self.source.close()
                failed += 1
                if failed <= self.schedule.retries:
                    self.pause(FIRST_PAUSE_S * 2 ** (failed - 1))
            else:
                if len(answered) < self.schedule.median_of:
                    self.pause(self.schedule.median_gap_s)
        return answered

    def _medians(
        self, asks: Sequence[Mapping[Series, Answer]], wanted: int
    ) -> Mapping[Series, Answer]:
        nothing = fault(self._fault or "the sensor gave no such value")
        return {
            series: median([ask.get(series, nothing) for ask in asks], wanted, nothing)
            for series in self.source.series
        }

    def _all(self, reason: str) -> Mapping[Series, Answer]:
        return {series: fault(reason) for series in self.source.series}

"""When the agent says how it is, and all that it says then."""

from collections.abc import Iterator

from edge.contract.quality import Quality
from edge.crew import Crew
from edge.health.box import Box
from edge.journal.keeper import Keeper
from edge.sensors.port import Sample
from edge.timekeeping.timekeeper import Timekeeper

TIMELESS = "the time is not known: neither NTP nor the server has told it since the box began"


class Checkup:
    """Due at once, then each ``interval_s`` house seconds."""

    def __init__(
        self, box: Box, keeper: Keeper, crew: Crew, clock: Timekeeper, interval_s: float
    ) -> None:
        self._box = box
        self._keeper = keeper
        self._crew = crew
        self._clock = clock
        self._interval_ms = round(interval_s * 1000)
        self._due_ms = clock.now_ms()

    def look(self) -> tuple[Sample, ...]:
        """What is to be told now, which is nothing most of the time; JournalError."""
        now_ms = self._clock.now_ms()
        if now_ms < self._due_ms:
            return ()
        self._due_ms = now_ms + self._interval_ms
        return tuple(self._tell(now_ms))

    def wait_s(self) -> float:
        """When ``look`` is due, in real seconds."""
        return self._clock.real((self._due_ms - self._clock.now_ms()) / 1000)

    def hurry(self) -> None:
        """There is news: be due now."""
        self._due_ms = self._clock.now_ms()

    def every(self, interval_s: float) -> None:
        """From now on in this interval."""
        self._interval_ms = round(interval_s * 1000)
        self._due_ms = min(self._due_ms, self._clock.now_ms() + self._interval_ms)

    def clock_set(self, by_ms: int) -> None:
        """The clock was set forward, or back when it is negative."""
        self._box.clock_set(by_ms)
        self._due_ms += by_ms

    def _tell(self, now_ms: int) -> Iterator[Sample]:
        yield from self._box.ask(now_ms, self._crew.faults)
        yield from self._keeper.health(now_ms)
        if not self._clock.is_known:
            yield Sample("", "", "clock-offset", None, now_ms, Quality.MISSING, TIMELESS)
        elif (ahead_ms := self._clock.offset_ms) is not None:
            yield Sample("", "", "clock-offset", ahead_ms / 1000, now_ms)
        yield from self._crew.health(now_ms)

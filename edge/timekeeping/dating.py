"""What the journal knows of time, and what becomes of its readings when the clock is set."""

import logging

from edge.journal import cuts
from edge.journal.notebook import Notebook
from edge.sensors.port import Sample
from edge.timekeeping.timekeeper import ClockSet, Timekeeper

_log = logging.getLogger(__name__)


class Dating:
    """``begin_ms`` is when the house began: as given, or the first start with this journal;
    ``cuts_ms`` when runs before were cut off, as far as the server has not heard of it.
    """

    def __init__(self, clock: Timekeeper, notebook: Notebook, begin_ms: int | None) -> None:
        self._clock = clock
        self._notebook = notebook
        self._is_given = begin_ms is not None
        self.begin_ms = begin_ms or 0
        self.cuts_ms: tuple[int, ...] = ()

    def recall(self, run: str) -> None:
        """Begin with the time that the journal knows; date what it holds, as far as that goes."""
        stamps = self._notebook.stamps
        if self._notebook.noted(cuts.OPEN_RUN):  # nobody noted its end
            _log.warning(
                "journal: the run before ended without a goodbye; a power cut, most likely"
            )
        self.cuts_ms = cuts.untold(self._notebook.noted, stamps.clock_ms)
        if self.cuts_ms:
            self._notebook.note(cuts.CUTS, cuts.spell(self.cuts_ms))
        self._notebook.note(cuts.OPEN_RUN, run)
        self._clock.recall(stamps.clock_ms, stamps.anchor)
        started_ms = self._clock.now_ms()
        if self._clock.is_house:
            stamps.start(started_ms)
        elif self._clock.is_known:
            zeros_ms = tuple(stamps.undated.values())
            self._date()
            begin_ms = self._notebook.noted("begin_ms")
            if zeros_ms and begin_ms is not None and int(begin_ms) >= zeros_ms[-1]:
                by_ms = self._clock.anchor.zero_ms - zeros_ms[-1]  # it was chosen undated, too
                self._notebook.note("begin_ms", int(begin_ms) + by_ms)
        else:
            stamps.start(started_ms)
            stamps.begin_undated(self._clock.anchor.zero_ms)
            _log.warning("time: unknown; readings are dated as soon as it is known")
        if not self._is_given:
            known = self._notebook.noted("begin_ms")
            self._begin(started_ms if known is None else int(known))

    def clock_set(self, was_set: ClockSet) -> None:
        by_ms, now_ms = was_set.by_ms, self._clock.now_ms()
        forward = "forward" if by_ms >= 0 else "back"
        _log.warning(
            "time: set %s by %.3f s, by the %s", forward, abs(by_ms) / 1000, was_set.source
        )
        if not self._is_given:
            self._begin(self.begin_ms + by_ms)
        if not was_set.was_known:
            self._date()
        elif by_ms < 0:
            self._notebook.stamps.turn_back(now_ms)
        self._notebook.take([Sample("", "", "clock-offset", -by_ms / 1000, now_ms)])

    def remember(self) -> None:
        """The time goes to the disk with the next commit."""
        if not self._clock.is_house:
            self._notebook.stamps.anchor = self._clock.anchor
        self._notebook.stamps.clock_ms = self._clock.now_ms()

    def ended(self) -> None:
        """The run ends with a goodbye."""
        self._notebook.note(cuts.OPEN_RUN, "")

    def _begin(self, at_ms: int) -> None:
        self.begin_ms = at_ms
        self._notebook.note("begin_ms", at_ms)

    def _date(self) -> None:
        if dated := self._notebook.date(self._clock.anchor.zero_ms, self._clock.now_ms()):
            _log.info("time: known; the readings of %d runs are dated by it", dated)

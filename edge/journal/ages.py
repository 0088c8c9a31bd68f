"""Whether the clock can be trusted to say what is too old."""

import logging

from edge.timekeeping.timekeeper import Timekeeper

# A clock that is set ahead by mistake must not make all that waits too old; the server holds to the same.
LEAP_MS = 3_600_000
PAUSE_S = 86_400.0  # real

_log = logging.getLogger(__name__)


class Ages:
    """Ages count but for a day after the clock, known before, was set ahead by more than an hour."""

    def __init__(self, clock: Timekeeper) -> None:
        self._clock = clock
        self._setting, _ = clock.look()
        self._was_known = clock.is_known
        self._from_s = 0.0

    def may_count(self, now_s: float) -> bool:
        """``now_s`` is ``time.monotonic``."""
        setting, _ = self._clock.look()
        # The first setting after a start is none: what lay in the journal was dated with it.
        if self._was_known and self._clock.late_ms(self._setting, setting) > LEAP_MS:
            self._from_s = now_s + PAUSE_S
            _log.warning("journal: the clock leapt ahead; for a day nothing goes for its age")
        self._setting, self._was_known = setting, self._clock.is_known
        return now_s >= self._from_s

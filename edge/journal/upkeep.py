"""What the journal asks for as time goes on: a commit, a trim to its caps, another try of the disk."""

import logging
import time
from collections.abc import Callable

from edge.config import JournalConfig
from edge.errors import JournalError
from edge.journal.ages import Ages
from edge.journal.intake import Intake
from edge.journal.keeper import Keeper
from edge.journal.pace import Pace, Uncommitted
from edge.timekeeping.dating import Dating
from edge.timekeeping.timekeeper import Timekeeper

TRIM_S = 5.0  # real: how often the caps are looked at

_log = logging.getLogger(__name__)


class Upkeep:
    """``moved`` is called when readings are kept in another journal than before."""

    def __init__(
        self, keeper: Keeper, intake: Intake, dating: Dating, clock: Timekeeper,
        moved: Callable[[], None],
    ) -> None:  # fmt: skip
        self._keeper = keeper
        self._notebook = keeper.notebook
        self._intake = intake
        self._dating = dating
        self._clock = clock
        self._moved = moved
        self._pace = Pace()
        self._trim_s = 0.0
        self._ages = Ages(clock)

    def work(self, config: JournalConfig, *, is_ending: bool, is_finishing: bool) -> float:
        """Do what is due; in how many seconds something will be. JournalError.

        ``is_ending``: no sensor brings more; ``is_finishing``: and the process ends for that.
        """
        now_s = time.monotonic()
        waits = [self._commit_if_due(config, now_s, is_ending, is_finishing)]
        self._intake.answer()
        if now_s >= self._trim_s:
            self._trim(config)
            self._trim_s = now_s + TRIM_S
        waits.append(self._trim_s - now_s)
        if self._keeper.look(now_s):
            self._moved()
        waits.append(self._keeper.wait_s(now_s))
        return min(wait for wait in waits if wait is not None)

    def commit(self) -> None:
        """To the disk, to a new journal, or to memory; JournalError when that refuses, too."""
        self._dating.remember()
        while True:
            try:
                self._notebook.commit()
                break
            except JournalError as error:
                self.failed(error)
        self._pace.committed()
        self._intake.committed()

    def failed(self, error: JournalError) -> None:
        """Go on elsewhere; raises the error where there is no elsewhere."""
        self._keeper.failed(error)
        self._moved()

    def _commit_if_due(
        self, config: JournalConfig, now_s: float, is_ending: bool, is_finishing: bool
    ) -> float | None:
        held = Uncommitted(
            is_changed=self._notebook.is_changed,
            rows=self._notebook.waiting,
            receipts=self._notebook.receipts,
            has_alarm=self._notebook.has_alarm,
            is_awaited=self._intake.is_awaited,
            is_ending=is_ending,
            is_finishing=is_finishing,
        )
        due_s = self._pace.look(held, self._clock.real(config.durability_s), now_s)
        if due_s is None or due_s > now_s:
            return None if due_s is None else due_s - now_s
        self.commit()
        return None

    def _trim(self, config: JournalConfig) -> None:
        may_age = self._ages.may_count(time.monotonic())
        before_ms = self._clock.now_ms() - config.max_age_ms if may_age else 0
        where = "memory" if self._keeper.is_sheltered else "journal"
        if gone := self._notebook.trim(self._keeper.max_bytes, before_ms):
            _log.warning("%s: over its cap, %d readings dropped and announced", where, gone)

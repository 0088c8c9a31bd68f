"""Tending the journal: its caps of bytes and age, and what the house says about it.

At the cap the oldest of the lowest class goes, first what every consumer has used. What a consumer
still lacked is written down in the transaction that drops it, so that completeness can tell of it.
A clock that was stepped deletes nothing by age for a day, restarts included.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from alerts.rules.inputs import GivenUp
from collector.config import DeadLettersConfig, JournalConfig
from collector.house import House
from collector.journaling import Journaling
from collector.reasons import why
from collector.records import row
from collector.stores.retention import DAY_MS, ClockWatch
from edge.contract.reading import Batch
from edge.journal.files import damaged
from edge.journal.journal import Journal
from edge.journal.rows import Dropped

log = logging.getLogger("collector.watch")

TEND_S, AGE_S = 5.0, 60.0  # real seconds between looks, and between deletions by age
AGAIN_S = 0.25  # real seconds, while there is more than one run may take
MOST_ROWS = 5_000  # a run: some 30 ms of the thread that confirms readings
HOUR_MS = 3_600_000
NO_CAP = 2**62
_PAUSED, _PAUSED_AT = "trim-paused-until", "trim-paused-at"

_T = TypeVar("_T")


class Time(Protocol):
    def now_ms(self) -> int: ...


class AtWork(Protocol):
    """The consumer that keeps readings (``collector.follower.Follower``)."""

    @property
    def in_hand(self) -> tuple[int, int]: ...

    def forgetting(self) -> AbstractContextManager[None]: ...


class Lately:
    """How many within the last hour. A clock that was set back begins anew."""

    def __init__(self) -> None:
        self._found: deque[tuple[int, int]] = deque()

    def add(self, count: int, now_ms: int) -> None:
        if count:
            self._found.append((now_ms, count))

    def total(self, now_ms: int) -> int:
        found = self._found
        while found and not 0 <= now_ms - found[0][0] < HOUR_MS:
            found.popleft()
        return sum(count for _, count in found)


class Tending:
    """``positions`` gives each consumer's cursor; ``store`` is the one that keeps readings.

    ``steps`` is what ``last_seen`` said of the journal before anything was written to it.
    """

    def __init__(
        self,
        journaling: Journaling,
        steps: ClockWatch,
        positions: Callable[[], Mapping[str, int]],
        clock: Time,
        journal: JournalConfig,
        deadletters: DeadLettersConfig,
        store: AtWork,
    ) -> None:
        self.bytes = 0
        self.letters: dict[str, int] = {}
        """Dead records that lie there, by the class of their reason."""
        self.needed = 0
        """Readings that the cap took before every consumer had used them, since the start."""
        self.set_aside = 0
        """Damaged journals that lie beside this one."""
        self.share = 0.0
        """% of the cap that is taken by what some consumer has still to use."""
        self.entries = 0
        self.oldest_ms: int | None = None
        """How many entries there are, and when the oldest arrived."""
        self._journaling = journaling
        self._positions = positions
        self._clock = clock
        self._journal = journal
        self._deadletters = deadletters
        self._store = store
        self._steps = steps
        self._aged_s = -AGE_S
        self._lately = Lately()
        self._is_losing = False

    @property
    def why(self) -> str:
        """What is wrong with the journal, or ""."""
        lost = self._lately.total(self._clock.now_ms())
        if not lost:
            return ""
        return f"the journal is full: {lost} readings went within an hour before they were used"

    def figures(self, house: House, now_ms: int) -> list[tuple[int, Batch]]:
        """What the house has to say about its journal."""
        return [
            *house.said("journal-share", self.share, now_ms),
            *house.said("journal-dropped", self._lately.total(now_ms), now_ms),
            *house.said("journal-set-aside", self.set_aside, now_ms),
        ]

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            pause_s = await self.look(loop.time())
            await asyncio.sleep(pause_s)

    async def look(self, now_s: float) -> float:
        """One round (``now_s`` is steady); in how many seconds the next one is due."""
        now_ms = self._clock.now_ms()
        steps = await self._watch_clock(now_ms)
        is_aging = now_s - self._aged_s >= AGE_S and not steps.why_paused()
        before_ms = now_ms - int(self._journal.days * DAY_MS) if is_aging else None
        cursors = dict(self._positions())

        done = min(cursors.values(), default=None)

        def tend(journal: Journal) -> tuple[list[Dropped], bool]:
            stored, _ = self._store.in_hand
            hand, most = (stored, journal.last), self._most(journal)
            dropped = _trim(journal, most, before_ms, now_ms, done, hand)
            self._measure(journal, journal.last if done is None else done)
            return dropped, journal.has_more

        def take_needed(journal: Journal) -> tuple[list[Dropped], bool]:
            hand, most = self._store.in_hand, self._most(journal)
            dropped = _trim(journal, most, None, now_ms, done, hand)
            self._measure(journal, journal.last if done is None else done)
            return dropped, journal.has_more

        dropped, has_more = await self._journaling.call(tend)
        self._note(dropped, now_ms)
        if not has_more and await self._journaling.call(self._is_over):
            # What the store lacks: never what it is at, or it would be both stored and given up.
            with self._store.forgetting():
                dropped, has_more = await self._journaling.call(take_needed)
            self._note(dropped, now_ms)
        if has_more:
            return AGAIN_S
        if is_aging:
            self._aged_s = now_s
            letters_ms = now_ms - int(self._deadletters.days * DAY_MS)
            lost = await self._journaling.call(lambda one: _drop_letters(one, letters_ms))
            self._journaling.letters_lost += lost
        return TEND_S

    async def _watch_clock(self, now_ms: int) -> ClockWatch:
        before = self._steps
        steps = self._steps = before.saw(now_ms)
        if steps.paused_until_ms != before.paused_until_ms:
            until_ms = steps.paused_until_ms or 0
            await self._journaling.call(lambda journal: _remember(journal, until_ms, now_ms))
            log.warning("%s", steps.why_paused() or "the clock is steady again; deleting goes on")
        return steps

    def _is_over(self, journal: Journal) -> bool:
        return journal.size_bytes > self._most(journal)

    def _most(self, journal: Journal) -> int:
        # Letters lie in the same file, and have a cap of their own.
        return self._journal.megabytes * 2**20 + journal.letter_bytes

    def _measure(self, journal: Journal, done: int) -> None:
        self.bytes = journal.size_bytes
        self.letters = _by_class(journal)
        self.set_aside = len(damaged(journal.path))
        first, last = journal.first, journal.last
        oldest = journal.read(0, 1)
        self.entries = last - first + 1 if oldest else 0
        self.oldest_ms = oldest[0].at_ms if oldest else None
        waiting = (last - max(done, first - 1)) / max(1, last - first + 1)
        readings = max(0, self.bytes - journal.letter_bytes)
        # Rows are near enough of one size; only bytes beside a cap can be full.
        self.share = 100 * waiting * readings / (self._journal.megabytes * 2**20)

    def _note(self, dropped: Sequence[Dropped], now_ms: int) -> None:
        lost = sum(one.hi - one.lo + 1 for one in dropped if one.is_needed)
        self.needed += lost
        self._lately.add(lost, now_ms)
        is_losing = bool(self._lately.total(now_ms))
        if is_losing != self._is_losing:
            self._is_losing = is_losing
            if is_losing:
                log.error("the journal is full: readings go before they are used; %d so far", lost)
            else:
                log.warning("the journal has dropped no reading for an hour")


def last_seen(journal: Journal) -> ClockWatch:
    """The time of the newest record, and until when deleting waits, as written down."""
    newest = journal.read(max(0, journal.last - 1), 1)
    until, since = journal.get(_PAUSED), journal.get(_PAUSED_AT)
    if isinstance(until, int) and until:
        # The clock that the pause was reckoned by: a record of it may never have been written.
        return ClockWatch(last_ms=since if isinstance(since, int) else None, paused_until_ms=until)
    return ClockWatch(last_ms=newest[-1].at_ms if newest else None)


def _trim(
    journal: Journal,
    most_bytes: int,
    before_ms: int | None,
    now_ms: int,
    done: int | None,
    hand: tuple[int, int],
) -> list[Dropped]:
    """Hold the caps; what the store will never have is written down in the same transaction."""
    stored, _ = hand

    def note(dropped: list[Dropped]) -> None:
        lost = [each for each in dropped if each.is_needed and each.position > stored]
        journal.append(row(now_ms, _given_up(each)) for each in lost)

    return _write(
        journal,
        lambda: journal.trim(
            most_bytes,
            before_ms,
            done,
            note=note,
            ahead_ms=now_ms + DAY_MS,
            most_rows=MOST_ROWS,
            hand=hand,
        ),
    )


def _given_up(dropped: Dropped) -> GivenUp:
    site, _, device = dropped.stream.partition("/")
    return GivenUp(
        site=site,
        device=device,
        run=dropped.run,
        lo=dropped.lo,
        hi=dropped.hi,
        reason=dropped.reason,
        by_house=True,
        since_ms=dropped.since_ms,
        until_ms=dropped.until_ms,
    )


def _remember(journal: Journal, until_ms: int, now_ms: int) -> None:
    def put() -> None:
        journal.put(_PAUSED, until_ms)
        journal.put(_PAUSED_AT, now_ms)

    _write(journal, put)


def _drop_letters(journal: Journal, before_ms: int) -> int:
    """Those too old; over the cap they go as they come."""
    return _write(journal, lambda: journal.bound_letters(NO_CAP, before_ms))


def _write(journal: Journal, work: Callable[[], _T]) -> _T:
    try:
        done = work()
        journal.commit()
    except BaseException:
        journal.rollback()
        raise
    return done


def _by_class(journal: Journal) -> dict[str, int]:
    """Dead records by the class of their reason."""
    found: dict[str, int] = {}
    for letter in journal.letters():
        name = why(letter.topic, letter.reason).value
        found[name] = found.get(name, 0) + letter.count
    return found

"""A follower: one consumer's way through the journal, from memory while it keeps up.

What is committed is offered and kept in memory, bounded; a follower that has fallen behind lets go
of it and reads the journal again until it has caught up.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

from alerts.rules.inputs import Entry
from collector.journaling import Journaling, log, weigh
from collector.records import Unreadable, entry
from edge.journal.journal import Journal
from edge.journal.rows import Row

READ_ROWS = 100  # rows reread at once: a millisecond of the loop, so that no alarm waits for it
DRAIN_ROWS = 500  # the same in a drain
# Real seconds between two slices while readings come in a few at a time: so that their way through the
# journal to the rules is mostly free. 20 times as many as come at 1,000 a second are read all the same.
REST_S = 0.002
YIELD_MOST = 8_000  # entries handed out at once
HOLD_MOST = 200_000  # readings and other entries kept in memory: some 50 MB


class Follower:
    """``async for entries in follower: ...; await follower.move(entries[-1].position)``.

    Each ``async for`` begins behind the cursor, so what was not durable comes again. Entries are in
    order and none is left out, but for what the journal's caps have dropped.
    """

    def __init__(
        self,
        journaling: Journaling,
        name: str,
        *,
        hold_most: int = HOLD_MOST,
        yield_most: int = YIELD_MOST,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.name = name
        self.arrived_ms = 0
        """When the entry handed out last had arrived (house clock); 0 before the first."""
        self._at = journaling.cursor(name)
        self._journaling = journaling
        self._hold_most = hold_most
        self._yield_most = yield_most
        self._held: deque[Entry] = deque()
        self._weight = 0
        self._sleep = sleep
        self._commits = 0
        self._offered = asyncio.Event()
        self._taken = self._at
        self._forgets = self._cuts = 0
        journaling.follow(self)

    @property
    def journal(self) -> str:
        """The id of the journal that positions belong to."""
        return self._journaling.id

    @property
    def position(self) -> int:
        """The cursor: the work up to here is durable."""
        return self._journaling.cursor(self.name)

    @property
    def last(self) -> int:
        """The last entry of the journal."""
        return self._journaling.last

    @property
    def reached(self) -> int:
        """The last entry handed out."""
        return self._at

    def lag_ms(self, now_ms: int) -> int:
        """How old the entry handed out last is; 0 when there is none behind it."""
        if self._at >= self._journaling.last or not self.arrived_ms:
            return 0
        return max(0, now_ms - self.arrived_ms)

    @property
    def depth(self) -> int:
        """How many entries are in the journal and not yet done with."""
        return max(0, self._journaling.last - self.position)

    @property
    def in_hand(self) -> tuple[int, int]:
        """The cursor, and the last entry that was handed out or is being read: what lies between is
        at work. Exact in the journal's thread, within ``forgetting``.
        """
        return self.position, max(self.position, self._taken)

    @contextmanager
    def forgetting(self) -> Iterator[None]:
        """Nothing is handed out from memory: what a cap takes of the journal is gone here as well."""
        self._held.clear()
        self._weight = 0
        self._forgets += 1
        self._cuts += 1
        try:
            yield
        finally:
            self._forgets -= 1

    def offer(self, entries: Sequence[Entry], weight: int) -> None:
        """New entries, just committed, and what they weigh."""
        if self._forgets:
            self._offered.set()
            return
        self._held.extend(entries)
        self._weight += weight
        if self._weight > self._hold_most:
            self._held.clear()  # it is behind: the journal has them
            self._weight = 0
        self._offered.set()

    async def move(self, position: int) -> None:
        """The work up to here is durable. Written with the next commit: a loss only repeats work."""
        self._journaling.move(self.name, position)

    def __aiter__(self) -> AsyncIterator[list[Entry]]:
        return self._follow()

    async def _follow(self) -> AsyncIterator[list[Entry]]:
        self._at = self._taken = self.position
        while True:
            entries = self._from_memory()
            if entries is None:
                entries = await self._from_journal()
            if entries:
                self._at = entries[-1].position
                self.arrived_ms = entries[-1].at_ms
                yield entries
            elif self._at >= self._journaling.last:
                self._offered.clear()
                await self._offered.wait()

    def _from_memory(self) -> list[Entry] | None:
        """The next entries; None when memory does not hold them."""
        held = self._held
        while held and held[0].position <= self._at:
            self._weight -= weigh((held.popleft(),))
        if self._at >= self._journaling.last:
            return []
        if not held or held[0].position != self._at + 1:
            return None
        entries = [held.popleft() for _ in range(min(self._yield_most, len(held)))]
        self._taken = entries[-1].position
        self._weight -= weigh(entries)
        return entries

    async def _read(self, after: int, most: int) -> list[Row]:
        """So many rows, which from now on are at work: a cap that takes meanwhile spares them."""

        def read(journal: Journal) -> list[Row]:
            rows = journal.read(after, most)
            self._taken = rows[-1].position if rows else after
            return rows

        if not self._forgets:
            cuts = self._cuts
            rows = await self._journaling.reread(after, most)
            if cuts == self._cuts:
                self._taken = rows[-1].position if rows else after
                return rows
        # A cap is at work, or was: in the thread in which it takes, so that neither has the other's.
        return await self._journaling.call(read)

    async def _from_journal(self) -> list[Entry]:
        after, commits = self._at, self._journaling.commits
        # In a drain, where hundreds are committed at once, nobody waits for a single one.
        is_drain = self._journaling.newest >= READ_ROWS
        if commits != self._commits and not is_drain:
            await self._sleep(REST_S)
        self._commits = commits
        most = DRAIN_ROWS if is_drain else READ_ROWS
        rows = await self._read(after, most)
        entries = []
        for row in rows:
            try:
                entries.append(entry(row))
            except Unreadable as error:
                log.error("%s; it is passed over", error)
        if rows and not entries:
            self._at = rows[-1].position
        elif not rows and self._at == after:
            # What lay between was dropped by a cap: go on with what memory holds.
            self._at = self._held[0].position - 1 if self._held else self._journaling.last
        return entries

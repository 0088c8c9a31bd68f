"""The journal's one thread: group commit, and whatever else the journal's file is asked.

Whatever is waiting when the thread is free becomes one transaction with one fsync. Order holds:
writes are committed, offered to the followers and answered in the order in which they were asked.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from alerts.rules.inputs import Entry, What
from collector.records import row
from edge.contract.reading import Batch
from edge.errors import JournalDamaged, JournalError
from edge.journal.journal import Journal
from edge.journal.rows import DeadLetter, Row
from edge.journal.tail import Tail

log = logging.getLogger("collector.journal")

GROUP_MOST = 5_000  # records a transaction: about 30 ms of the thread at five readings each
AGAIN_S = (0.2, 5.0)  # first and longest pause while the disk refuses

LETTERS_BYTES = 64 * 2**20  # of dead letters kept, unless told otherwise

_T = TypeVar("_T")


class Offered(Protocol):
    """Who hears of new entries (a Follower)."""

    def offer(self, entries: Sequence[Entry], weight: int) -> None: ...


@dataclass(slots=True, kw_only=True)
class Work:
    """What one caller wants on disk, whole or not at all."""

    said: Sequence[tuple[int, What]] = ()
    """Facts with their arrival (ms, house clock), each a record."""
    covers: Sequence[tuple[str, str, int, int]] = ()
    letters: Sequence[DeadLetter] = ()
    unburied: Sequence[int] = ()
    """Ids of dead letters that are none any more."""
    puts: Sequence[tuple[str, str | int | bytes]] = ()
    after: int = 0
    """Positions up to this one are given to nobody any more."""
    done: "asyncio.Future[list[Entry]]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Journaling:
    """Owns the journal while it runs; ``why`` says why writing is held up, or ""."""

    def __init__(
        self,
        journal: Journal,
        *,
        letters_bytes: int = LETTERS_BYTES,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.id = journal.id
        self.last = journal.last
        self.why = ""
        self.commits = 0
        self.letters_lost = 0
        """Records of dead letters whose bytes the cap took; they stay counted."""
        self._journal = journal
        self._letters_bytes = letters_bytes
        self._jitter = jitter
        self._followers: list[Offered] = []
        self._waiting: list[Work] = []
        self._moves: dict[str, int] = {}
        self._asked = asyncio.Event()
        # One thread: an SQLite connection serves one at a time, and order is its order.
        self._thread = ThreadPoolExecutor(1, "journal")
        # Another for those who are behind, with a connection of its own: no commit waits for them.
        self._reading = ThreadPoolExecutor(1, "journal-read")
        self._tail = Journal.tail(journal.path)

    @property
    def waiting(self) -> int:
        """How many writes have not begun."""
        return len(self._waiting)

    def follow(self, follower: Offered) -> None:
        """From now on this one is offered what is committed."""
        self._followers.append(follower)

    def submit(self, work: Work) -> "asyncio.Future[list[Entry]]":
        """Take the work's place in the order; the future has its entries once they are on disk."""
        self._waiting.append(work)
        self._asked.set()
        return work.done

    async def write(self, work: Work) -> list[Entry]:
        """Its entries, once they are on disk. Waits as long as the disk refuses."""
        return await self.submit(work)

    def move(self, name: str, position: int) -> None:
        """Set a consumer's cursor with the next commit: a loss of it only means reading again."""
        self._moves[name] = position

    def cursor(self, name: str) -> int:
        """A consumer's cursor, as last moved."""
        moved = self._moves.get(name)
        return self._journal.cursor(name) if moved is None else moved

    async def call(self, work: Callable[[Journal], _T]) -> _T:
        """What this gives, run in the journal's thread between two transactions."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, work, self._journal)

    async def reread(self, after: int, limit: int) -> list[Row]:
        """Up to so many rows behind this position, of what is committed, while writing goes on."""

        def read(tail: Tail) -> list[Row]:
            # Its file may have been moved away from under us, or another put in its place.
            return tail.read(after, limit) if tail.id == self.id else []

        loop = asyncio.get_running_loop()
        rows = await loop.run_in_executor(self._reading, read, self._tail)
        return rows or await self.call(lambda journal: journal.read(after, limit))

    async def run(self) -> None:
        """Commit what is asked until cancelled; JournalDamaged ends it: open the journal anew."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            while self._waiting:
                group = self._take()
                await self._commit(group)

    async def close(self) -> None:
        """Commit what waits, if the disk takes it, and close the file."""
        try:
            while self._waiting:
                await self._commit(self._take(), tries=1)
            if self._moves:
                await self._commit([], tries=1)
        except JournalError as error:
            log.error("the last writes are not on disk: %s", error)
        finally:
            await self.call(lambda journal: journal.close())
            self._thread.shutdown(wait=False)
            await asyncio.get_running_loop().run_in_executor(self._reading, self._tail.close)
            self._reading.shutdown(wait=False)

    def _take(self) -> list[Work]:
        group, records = [], 0
        for work in self._waiting:
            group.append(work)
            records += len(work.said)
            if records >= GROUP_MOST:
                break
        del self._waiting[: len(group)]
        return group

    async def _commit(self, group: list[Work], tries: int | None = None) -> None:
        moves, self._moves = self._moves, {}
        pause_s, longest_s = AGAIN_S
        while True:
            task = asyncio.ensure_future(
                self.call(lambda journal: self._write(journal, group, moves))
            )
            try:
                # A transaction that has begun is seen through, also when we are asked to end.
                first = await asyncio.shield(task)
                break
            except asyncio.CancelledError:
                await asyncio.wait((task,))
                if not task.cancelled() and task.exception() is None:
                    self._settle(group, task.result())
                else:
                    self._waiting[:0] = group
                    self._moves = moves | self._moves
                raise
            except JournalError as error:
                self.why = str(error)
                log.error("the journal cannot be written: %s", error)
                if isinstance(error, JournalDamaged) or tries == 1:
                    raise
                await asyncio.sleep(pause_s * (0.5 + self._jitter() / 2))
                pause_s = min(pause_s * 2, longest_s)
        if self.why:
            log.info("the journal is written again")
        self.why = ""
        self._settle(group, first)

    def _settle(self, group: list[Work], first: int) -> None:
        """Number the entries, offer them, answer the callers."""
        self.commits += 1
        position = first
        answers: list[list[Entry]] = []
        for work in group:
            entries = []
            for at_ms, what in work.said:
                entries.append(Entry(position, at_ms, what))
                position += 1
            answers.append(entries)
        self.last = position - 1
        fresh = [entry for entries in answers for entry in entries]
        if fresh:
            weight = weigh(fresh)
            for follower in self._followers:
                follower.offer(fresh, weight)
        for work, entries in zip(group, answers, strict=True):
            if not work.done.done():
                work.done.set_result(entries)

    def _write(self, journal: Journal, group: Sequence[Work], moves: dict[str, int]) -> int:
        """One transaction; the position of its first record."""
        lost = 0
        try:
            journal.skip_to(max(work.after for work in group) if group else 0)
            rows = [row(at_ms, what) for work in group for at_ms, what in work.said]
            last = journal.append(rows) if rows else journal.last
            for work in group:
                for stream, run, lo, hi in work.covers:
                    journal.cover(stream, run, lo, hi)
                if work.unburied:
                    journal.unbury(work.unburied)
                if work.letters:
                    journal.bury(work.letters)
                for name, value in work.puts:
                    journal.put(name, value)
            if journal.letter_bytes > self._letters_bytes:
                lost = journal.bound_letters(self._letters_bytes)
            for name, position in moves.items():
                journal.move(name, position)
            journal.commit()
        except BaseException:
            journal.rollback()
            raise
        self.letters_lost += lost
        return last - len(rows) + 1


def weigh(entries: Iterable[Entry]) -> int:
    """What entries take of a follower's room: each entry and each reading is one."""
    return sum([
        1 + len(entry.what.at_ms) if type(entry.what) is Batch else 1 for entry in entries
    ])  # fmt: skip

"""The rules' consumer: the journal's entries to the engine, its transitions to the operations.

The engine's state is one snapshot file beside the journal, saved only when every transition up to
its position is committed. Whatever came after it is read again, and repeats itself harmlessly.

The rules go on while transitions are written down, in order, those that wait in one transaction.
``late`` hears of what has waited for ``PATIENCE_S``, and from then on of all that comes, until the
database takes something again.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from alerts.rules.engine import Engine
from alerts.rules.inputs import Entry
from alerts.rules.packs import Packs
from alerts.rules.transition import Transition
from alerts.store.errors import LeaseLost, StoreUnavailable
from collector.delays import Delays
from collector.follower import Follower
from collector.snapshots import replace_snapshot
from edge.clock import Clock

log = logging.getLogger("collector.rules")

SAVE_S = 5.0  # real seconds: what a restart judges again is a few seconds of readings
SAVE_SHARE = 50  # a save waits so many times as long as the last one took: it is 2 % of the time
# Entries fed before the loop may turn: some milliseconds. With a tenth as many, rules that share the loop
# with a drain fall so far behind that they must read the journal again, which costs a quarter more.
BREATH = 500
BACK_OFF_S = (0.2, 10.0)
REASON_MOST = 300  # characters: SQLAlchemy's words hold the whole statement
PATIENCE_S = 5.0  # real seconds that a fire may wait for the operations database (design.md)
WAIT_MOST = 5_000  # records whose transitions wait in memory; past that the rules wait with them
TAKE_MOST = 200  # transitions in one transaction, when many have waited

Take = Callable[[Sequence[Transition], Packs], Awaitable[None]]
"""Writes transitions down; StoreUnavailable when it cannot now."""
Bury = Callable[[Transition, str], Awaitable[object]]
"""Keeps a transition that cannot be written down among the dead letters, with the reason."""
Late = Callable[[Sequence[Transition], Packs], None]
"""Hears of transitions that could not be committed in time; they will be taken later."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the rules said of one record, by these packs, at ``since_s`` of the loop's clock."""

    transitions: Sequence[Transition]
    packs: Packs
    since_s: float


class Judging:
    """Follows the journal; ``why`` says why transitions cannot be written down, or "".

    ``refusal`` says what was refused last and given up, until the next start: somebody must look.
    """

    def __init__(
        self,
        follower: Follower,
        path: Path,
        take: Take,
        bury: Bury,
        *,
        late: Late = lambda transitions, packs: None,
        patience_s: float = PATIENCE_S,
        clock: Clock = Clock(),  # noqa: B008 - frozen
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.why = ""
        self.refusal = ""
        self.transitions = 0
        self.refused = 0
        self.delays = Delays()
        """From an entry's arrival until it is judged."""
        self._clock = clock
        self._follower = follower
        self._path = path
        self._take = take
        self._bury = bury
        self._late = late
        self._patience_s = patience_s
        self._waiting: deque[Found] = deque()
        self._are_late = False
        self._writing: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._jitter = jitter
        self.engine = load_engine(path, follower)
        self.settled = self.engine.position
        """All up to here is judged, and what it brought is written down."""
        self._saved = self.engine.position
        self._saved_s = 0.0
        self._save_took_s = 0.0

    def begin_anew(self) -> None:
        """Judge all of the journal again; what is known of it is passed over. Before ``run`` only."""
        self._path.unlink(missing_ok=True)
        self.engine = Engine(self._follower.journal)
        self.settled = self._saved = 0

    async def run(self) -> None:
        """Judge until cancelled; the snapshot is saved then, too."""
        loop = asyncio.get_running_loop()
        # Whatever fell between feeding and committing: back to what is known to be committed.
        self.engine = load_engine(self._path, self._follower)
        self._saved, self._saved_s = self.engine.position, loop.time()
        await self._follower.move(self.engine.position)
        self.settled = self.engine.position
        self._waiting.clear()  # they are judged again
        self._are_late = False
        self._writing = None
        try:
            async for entries in self._follower:
                timed = 0
                for number, entry in enumerate(entries, 1):
                    found = self.engine.feed(entry)
                    if found:
                        await self._hand_over(Found(found, self.engine.packs, loop.time()))
                    elif not self._waiting:
                        self.settled = entry.position
                    if number % BREATH == 0:
                        self._time(entries[timed:number])
                        timed = number
                        await asyncio.sleep(0)
                self._time(entries[timed:])
                if self._writing is not None and self._writing.done():
                    self._writing.result()
                due_s = self._saved_s + max(SAVE_S, self._save_took_s * SAVE_SHARE)
                if loop.time() >= due_s and not self._are_late:
                    if self._writing is not None and not self._writing.done():
                        await asyncio.wait((self._writing,), timeout=self._patience_s)
                    if not self._waiting:
                        await self._save(loop)
        finally:
            if self._deadline is not None:
                self._deadline.cancel()
            if self._writing is not None:
                self._writing.cancel()
                await asyncio.gather(self._writing, return_exceptions=True)
            # Only when nothing that was fed is still to be written down.
            if self.settled == self.engine.position > self._saved:
                await asyncio.shield(self._save(loop))

    async def _hand_over(self, found: Found) -> None:
        """To be written down; waits only when too much waits already."""
        self._waiting.append(found)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write(), name="rules-write")
            self._look_after(self._patience_s)
        elif self._are_late:
            self._late(found.transitions, found.packs)
        if len(self._waiting) >= WAIT_MOST:
            await asyncio.wait((self._writing,))
        if self._writing.done():
            self._writing.result()

    def _look_after(self, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(seconds, self._look_for_late)

    def _look_for_late(self) -> None:
        """Whether the oldest has waited too long; then all that wait are late."""
        if not self._waiting or self._are_late:
            return
        oldest_s = asyncio.get_running_loop().time() - self._waiting[0].since_s
        if oldest_s < self._patience_s:
            self._look_after(self._patience_s - oldest_s)
            return
        self._are_late = True
        for one in self._waiting:
            self._late(one.transitions, one.packs)

    def _time(self, entries: Sequence[Entry]) -> None:
        """All of them as the first, which has waited longest: one look at the clock for many."""
        if entries:
            delay_ms = self._clock.now_ms() - entries[0].at_ms
            self.delays.note(max(0, delay_ms) / 1000, len(entries))

    async def _write(self) -> None:
        """Write down what waits, in order."""
        while self._waiting:
            group = self._group()
            await self._write_down(
                [one for found in group for one in found.transitions], group[0].packs
            )
            for _ in group:
                self._waiting.popleft()
            if self._are_late:
                self._are_late = False
                self._look_after(self._patience_s)
        # Nothing that was fed since has brought anything.
        self.settled = self.engine.position

    def _group(self) -> list[Found]:
        """The oldest that wait, of the same packs, as many as one transaction holds."""
        group: list[Found] = []
        count = 0
        for found in self._waiting:
            count += len(found.transitions)
            if group and (count > TAKE_MOST or found.packs is not group[0].packs):
                break
            group.append(found)
        return group

    async def _write_down(self, transitions: Sequence[Transition], packs: Packs) -> None:
        """Until they are committed. One that can never be is a dead letter, and passed over."""
        shortest_s, longest_s = BACK_OFF_S
        pause_s = shortest_s
        waiting = [transitions]
        while waiting:
            some = waiting[0]
            try:
                await self._take(some, packs)
            except StoreUnavailable as error:
                if not self.why:
                    log.warning("transitions wait: %s", error)
                self.why = str(error)
                await asyncio.sleep(pause_s * (0.5 + self._jitter() / 2))
                pause_s = min(pause_s * 2, longest_s)
                continue
            except LeaseLost:
                raise
            except Exception as error:
                if len(some) > 1:
                    waiting[:1] = [[one] for one in some]
                    continue
                (one,) = some
                log.exception("transition %s cannot be written down; report this", one.key)
                reason = f"{type(error).__name__}: {error}"[:REASON_MOST]
                await self._bury(one, f"cannot be written down, report this: {reason}")
                self.refused += 1
                self.refusal = (
                    f"{self.refused} transitions were refused, the last of {one.rule} on "
                    f"{one.subject}: {reason}; see `shouwang deadletter list`"
                )
            else:
                self.transitions += len(some)
            self.why = ""
            waiting.pop(0)

    async def _save(self, loop: asyncio.AbstractEventLoop) -> None:
        position, took_s, pieces = self.engine.position, 0.0, []
        began_s = loop.time()
        for piece in self.engine.dump_in_pieces():
            pieces.append(piece)
            took_s += loop.time() - began_s
            await asyncio.sleep(0)  # the link goes on meanwhile; nobody else feeds the engine
            began_s = loop.time()
        self._save_took_s = took_s
        # The file's fsync takes milliseconds that the link need not wait for.
        replacing = loop.run_in_executor(None, replace_snapshot, self._path, pieces)
        try:
            await asyncio.shield(replacing)
        except asyncio.CancelledError:
            await asyncio.wait((replacing,))  # the save at the end writes the same file
            raise
        self._saved, self._saved_s = position, loop.time()
        await self._follower.move(position)


def load_engine(path: Path, follower: Follower) -> Engine:
    """The engine of the snapshot, or a new one when there is none that fits this journal."""
    fresh = Engine(follower.journal)
    try:
        engine = Engine.load(path.read_bytes())
    except FileNotFoundError:
        return fresh
    except Exception as error:  # of another version, or damaged: the journal has it all
        log.error("the rules' snapshot %s cannot be read (%s); the rules begin anew", path, error)
        return fresh
    if engine.journal != follower.journal:
        ids = (engine.journal, follower.journal)
        log.error("the rules' snapshot is of journal %s, this is %s; the rules begin anew", *ids)
        return fresh
    if engine.position > follower.last:
        ends = (engine.position, follower.last)
        log.error("the rules' snapshot is at %d, the journal ends at %d: was it restored?", *ends)
    return engine

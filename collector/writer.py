"""The store's two consumers of the journal: the writer, and the roll-up that goes behind it.

Each has a cursor of its own and moves it only when what lies before it is durable in the store, so
that a slow, dead or replaced store costs time and no reading, and delays nobody else. Their waits
are real seconds: a database takes no part in the house's time.
"""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Protocol, TypeVar

from alerts.rules.inputs import Amendment, Entry
from collector.delays import Delays
from collector.stores.ledger import Ledger
from collector.stores.port import Store, StoreMismatch, StoreUnavailable, Touched
from edge.clock import Clock
from edge.contract.metrics import BY_HOUSE
from edge.contract.reading import Batch

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]

_log = logging.getLogger(__name__)

READINGS_MOST = 40_000  # a write: 4 MB of lines, two fifths of a second of SQLite
LINGER_S = 0.1  # a quiet cell makes some writes a second, and a reading is stored soon
ROLL_UP_LINGER_S = 1.0
# Readings of one linger from which on buckets wait, for this long at most: while a backlog comes in, what
# the database can do is needed for points, and many buckets at once cost it less.
ROLL_UP_BUSY, ROLL_UP_PATIENCE_S = 40_000, 60.0
BREATH = 1_000  # entries after which the loop may turn: a millisecond
BACK_OFF_S = (0.2, 5.0)  # a store that is back is found soon, and a try costs little


class Follower(Protocol):
    """A consumer's place in the journal: an iterator of entries in order, and a durable cursor."""

    @property
    def position(self) -> int:
        """The cursor: everything up to here was done with before."""
        ...

    def __aiter__(self) -> AsyncIterator[Sequence[Entry]]: ...

    async def move(self, position: int) -> None:
        """Everything up to here is done with; on disk when it returns."""
        ...


class Writer:
    """Writes the journal's readings into the store.

    ``stored`` counts the readings of devices that the store has taken since the start; ``ok`` and
    ``why`` are its word for the status; ``position`` is how far the store holds the journal.
    ``delays`` is from an entry's arrival until it was stored, ``writes`` how long the store took
    (real seconds).
    """

    def __init__(
        self,
        follower: Follower,
        store: Store,
        *,
        clock: Clock = Clock(),  # noqa: B008 - frozen
        linger_s: float = LINGER_S,
        sleep: Sleep = asyncio.sleep,
        chance: random.Random | None = None,
    ) -> None:
        self.stored = 0
        self.position = follower.position
        self.delays, self.writes = Delays(), Delays()
        self._clock = clock
        self._follower = follower
        self._store = store
        self._linger_s = linger_s
        self._patience = Patience("store", sleep, chance or random.Random())
        self._moved = asyncio.Condition()

    @property
    def ok(self) -> bool:
        return not self._patience.why

    @property
    def why(self) -> str:
        return self._patience.why

    async def run(self) -> None:
        """Follow the journal until cancelled, or until the follower ends."""
        async with aclosing(_gathered(self._follower, self._linger_s)) as gathered:
            async for entries in gathered:
                batches = [entry.what for entry in entries if isinstance(entry.what, Batch)]
                if any(map(len, batches)):
                    await self._write(batches, entries[-1].at_ms)
                    # All of them as the first, which has waited longest.
                    delay_ms = self._clock.now_ms() - entries[0].at_ms
                    self.delays.note(max(0, delay_ms) / 1000, len(entries))
                # Behind the readings they are about, and again whenever those are written again.
                amendments = [entry.what for entry in entries if isinstance(entry.what, Amendment)]
                if amendments:
                    await self._amend(amendments)
                async with self._moved:
                    self.position = entries[-1].position
                    self._moved.notify_all()
                await self._follower.move(self.position)

    async def reached(self, position: int) -> None:
        """Wait until the store holds everything up to this position."""
        async with self._moved:
            await self._moved.wait_for(lambda: self.position >= position)

    async def _write(self, batches: Sequence[Batch], arrived_ms: int) -> None:
        time = asyncio.get_running_loop().time

        async def write() -> int:
            began_s = time()
            stored = await self._store.write(batches, arrived_ms)
            self.writes.note(time() - began_s)
            return stored

        kept = await self._patience.until_done(write)
        self.stored += max(0, kept - _readings_of_house(batches))

    async def _amend(self, amendments: Sequence[Amendment]) -> None:
        await self._patience.until_done(lambda: self._store.amend(amendments))


class RollUp:
    """Computes the minute and hour buckets anew that the journal's readings have touched.

    ``reached`` waits until the store holds a position (``Writer.reached``). ``rolled`` counts the
    buckets computed since the start.
    """

    def __init__(
        self,
        follower: Follower,
        store: Store,
        reached: Callable[[int], Awaitable[None]],
        *,
        linger_s: float = ROLL_UP_LINGER_S,
        patience_s: float = ROLL_UP_PATIENCE_S,
        sleep: Sleep = asyncio.sleep,
        chance: random.Random | None = None,
    ) -> None:
        self.rolled = 0
        self.position = follower.position
        self._follower = follower
        self._store = store
        self._reached = reached
        self._linger_s = linger_s
        self._patience_s = patience_s
        self._patience = Patience("roll-up", sleep, chance or random.Random())
        self._ledger = Ledger(follower.position)

    @property
    def ok(self) -> bool:
        return not self._patience.why

    @property
    def why(self) -> str:
        return self._patience.why

    async def run(self) -> None:
        """Follow the journal until cancelled, or until the follower ends."""
        clock = asyncio.get_running_loop()
        rested_s = clock.time()
        async with aclosing(_gathered(self._follower, self._linger_s)) as gathered:
            async for entries in gathered:
                for number, entry in enumerate(entries, 1):
                    self._ledger.feed(entry)
                    if number % BREATH == 0:
                        await asyncio.sleep(0)
                is_busy = _readings(entries) >= ROLL_UP_BUSY
                if is_busy and clock.time() - rested_s < self._patience_s:
                    continue
                rested_s = clock.time()
                await self._reached(entries[-1].position)
                await self._compute(self._ledger.due())
                if self._ledger.settled > self.position:
                    self.position = self._ledger.settled
                    await self._follower.move(self.position)

    async def _compute(self, due: Sequence[Touched]) -> None:
        if due:
            await self._patience.until_done(lambda: self._store.roll_up(due))
            self.rolled += sum(len(touched.series) for touched in due)


class Patience:
    """Tries again until the store has done it; ``why`` says what is wrong meanwhile, else ""."""

    def __init__(self, name: str, sleep: Sleep, chance: random.Random) -> None:
        self.why = ""
        self._name = name
        self._sleep = sleep
        self._chance = chance

    async def until_done(self, work: Callable[[], Awaitable[T]]) -> T:
        tries = 0
        while True:
            try:
                done = await work()
            except (StoreUnavailable, StoreMismatch) as error:
                if not self.why:
                    _log.warning("%s waits: %s", self._name, error)
                self.why = str(error)
                await self._sleep(back_off(tries, self._chance))
                tries += 1
                continue
            if self.why:
                _log.info("%s goes on after %d tries", self._name, tries)
                self.why = ""
            return done


def back_off(tries: int, chance: random.Random) -> float:
    """Real seconds before the next try: doubling within BACK_OFF_S, less up to half by chance."""
    first, most = BACK_OFF_S
    return min(most, first * 2.0 ** min(tries, 16)) * chance.uniform(0.5, 1.0)


async def _gathered(follower: Follower, linger_s: float) -> AsyncGenerator[list[Entry], None]:
    """The follower's entries in larger lists: as many readings as a write takes, or a short wait."""
    clock = asyncio.get_running_loop()
    source = aiter(follower)
    coming = asyncio.create_task(_next(source), name="store-follow")
    try:
        while (entries := await coming) is not None:
            coming = asyncio.create_task(_next(source), name="store-follow")
            until = clock.time() + linger_s
            readings = _readings(entries)
            while readings < READINGS_MOST:
                # A task and no wait_for, which would cut the follower off in the midst of a read.
                done, _ = await asyncio.wait({coming}, timeout=max(0.0, until - clock.time()))
                more = coming.result() if done else None
                if more is None:
                    break
                coming = asyncio.create_task(_next(source), name="store-follow")
                entries += more
                readings += _readings(more)
            if entries:
                yield entries
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
        if isinstance(source, AsyncGenerator):
            await source.aclose()


async def _next(source: AsyncIterator[Sequence[Entry]]) -> list[Entry] | None:
    try:
        return list(await anext(source))
    except StopAsyncIteration:
        return None


def _readings_of_house(batches: Sequence[Batch]) -> int:
    # Of no run, as those of foreign devices: a look at the metric is for these few alone.
    return sum([
        len(batch) for batch in batches
        if not batch.run and batch.metric and batch.metric[0] in BY_HOUSE
    ])  # fmt: skip


def _readings(entries: Sequence[Entry]) -> int:
    return sum([len(entry.what.at_ms) for entry in entries if isinstance(entry.what, Batch)])

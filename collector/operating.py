"""The operations database as the watch uses it: one thread, patience, and the tasks that need it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from alerts.incidents.acts import Done, Result
from alerts.incidents.roster import Roster
from alerts.notify.dispatcher import Dispatcher
from alerts.notify.port import Channel
from alerts.registry.model import ChannelKind, Registry
from alerts.rules.packs import Packs
from alerts.rules.transition import Transition
from alerts.store.errors import StoreUnavailable
from alerts.store.lease import RENEW_S, Lease, Taken
from alerts.store.operations import Operations
from edge.clock import Clock
from edge.contract.settings import Reported

log = logging.getLogger("collector.watch")

POLL_S = 1.0  # real seconds: what people changed is seen within one
CLIMB_HOUSE_S, CLIMB_S = 10.0, (0.1, 0.5)  # house seconds, within these real ones on a fast clock

_T = TypeVar("_T")
Adopt = Callable[[Registry], Awaitable[None]]


class Operating:
    """``why`` says why the database cannot be used, or ""."""

    def __init__(
        self,
        operations: Operations,
        channels: Mapping[ChannelKind, Channel],
        clock: Clock,
        lease: Lease,
    ) -> None:
        self.why = "not opened yet"
        self._loop = asyncio.get_running_loop()
        self.operations = operations
        self._lease = lease
        self._is_ours = asyncio.Event()
        self._clock = clock
        # One thread: the database is called synchronously, and its writers queue anyhow.
        self._thread = ThreadPoolExecutor(1, "operations")
        self._ready = asyncio.Event()
        self._ran_out = asyncio.Event()
        self._dispatcher = Dispatcher(operations, channels, clock, executor=self._thread)

    @property
    def attempts(self) -> Mapping[str, int]:
        """Attempts to send since the start, by how they ended."""
        return self._dispatcher.attempts

    async def open(self, taken: Callable[[Taken], Awaitable[None]] | None = None) -> None:
        """Bring the schema to the newest, wait for the lease, and keep it; ``taken`` hears of it.

        Raises when the database is not there, and LeaseLost when another watch took over.
        """
        await self.ask(self.operations.set_up)
        found = await self._stand_by()
        if taken is not None:
            await taken(found)
        self._is_ours.set()
        self._ready.set()
        while True:
            self._ran_out.clear()
            try:
                async with asyncio.timeout(RENEW_S):
                    await self._ran_out.wait()
            except TimeoutError:
                pass
            try:
                await self.ask(self._lease.renew)
            except StoreUnavailable:
                await asyncio.sleep(POLL_S)

    async def _stand_by(self) -> Taken:
        told = ""
        while True:
            answer = await self.ask(self._lease.take)
            if isinstance(answer, Taken):
                return answer
            self.why = str(answer)
            if self.why != told:
                log.warning("%s", answer)
                told = self.why
            await asyncio.sleep(POLL_S)

    def presume(self) -> None:
        """The lease was ours when the database was last heard: go on while it is away.

        Nobody can take the lease of a database that is away, and nothing is written without it.
        """
        self._is_ours.set()

    async def ours(self) -> None:
        """Until the cell is ours to watch."""
        await self._is_ours.wait()

    async def take(self, transitions: Sequence[Transition], packs: Packs) -> None:
        """Write transitions down, with all that follows."""
        await self._ready.wait()
        await self.ask(partial(self.operations.take, transitions, packs, self._clock.now()))
        self._dispatcher.wake()

    async def watch_registry(self, adopt: Adopt) -> None:
        """``adopt`` each revision of the registry, the present one first."""
        await self._ready.wait()
        adopted: int | None = None
        while True:
            try:
                if await self.ask(self.operations.revision) != adopted:
                    registry = await self.ask(self.operations.registry)
                    await adopt(registry)
                    adopted = registry.revision
            except StoreUnavailable:
                pass  # ``why`` says it
            await asyncio.sleep(POLL_S)

    async def climb(self) -> None:
        """Let time act on incidents."""
        await self._ready.wait()
        while True:
            try:
                if await self.ask(partial(self.operations.climb, self._clock.now())):
                    self._dispatcher.wake()
            except StoreUnavailable:
                pass
            shortest_s, longest_s = CLIMB_S
            house_s = self._clock.real(CLIMB_HOUSE_S)
            await asyncio.sleep(min(longest_s, max(shortest_s, house_s)))

    async def send_digests(self) -> None:
        """Write the digests that are due into the outbox."""
        await self._ready.wait()
        if await self.ask(partial(self.operations.send_digests, self._clock.now())):
            self._dispatcher.wake()

    async def clean_up(self) -> None:
        """Drop what nobody will ask for again."""
        await self._ready.wait()
        await self.ask(partial(self.operations.clean_up, self._clock.now()))

    async def roster(self) -> Roster:
        """Who answers for whom."""
        await self._ready.wait()
        return await self.ask(self.operations.roster)

    async def dispatch(self) -> None:
        """Send what is due."""
        await self._ready.wait()
        await self._dispatcher.run()

    async def prove(self) -> None:
        """Until the database has committed, and the dispatcher has looked at the outbox after that."""
        await self.keep_asking(self.operations.prove)
        await self._dispatcher.looked()

    async def press(self, site: str, device: str, target: str, at_ms: int | None) -> Result:
        """A button was pressed at ``at_ms``; waits for the database as long as it takes."""
        at = None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC)
        take = self.operations.take_by_button
        result = await self.keep_asking(lambda: take(site, device, target, at, self._clock.now()))
        facts = {"device": f"{site}/{device}", "incident": target}
        if isinstance(result, Done):
            log.info("taken over by a button", extra={"facts": facts})
            self._dispatcher.wake()
        else:
            log.warning("a button took over nothing: %s", result, extra={"facts": facts})
        return result

    async def report(self, site: str, device: str, reported: Reported) -> None:
        """A device says what became of its settings."""
        now = self._clock.now()
        await self.keep_asking(lambda: self.operations.report(site, device, reported, now))

    async def keep_asking(self, work: Callable[[], _T]) -> _T:
        """``work``'s answer, tried again while the database is away."""
        await self._ready.wait()
        while True:
            try:
                return await self.ask(work)
            except StoreUnavailable:
                await asyncio.sleep(POLL_S)

    def wake(self) -> None:
        """Somebody acted: look at the outbox now (from any thread)."""
        self._loop.call_soon_threadsafe(self._dispatcher.wake)

    async def give_up(self) -> bool:
        """Let another watch begin at once; whether the database heard it."""
        if not self._lease.epoch:
            return False
        try:
            await self.ask(self._lease.give_up)
        except StoreUnavailable:
            return False
        return True

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self.operations.close)
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def ask(self, work: Callable[[], _T]) -> _T:
        """``work``'s answer, from the database's own thread; StoreUnavailable when it is away."""
        try:
            answer = await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except StoreUnavailable as error:
            self.why = str(error)
            if not self._lease.is_sure:
                self._ran_out.set()  # so that it is taken again at once
            raise
        self.why = ""
        return answer

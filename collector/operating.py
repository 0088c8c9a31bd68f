"""The operations database as the watch uses it: one thread, patience, and the tasks that need it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from alerts.incidents.acts import Done, Result
from alerts.notify.dispatcher import Dispatcher
from alerts.notify.notice import Notice
from alerts.notify.port import Channel
from alerts.registry.model import ChannelKind, Registry
from alerts.rules.packs import Packs
from alerts.rules.transition import Transition
from alerts.store.errors import StoreUnavailable
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
        self, operations: Operations, channels: Mapping[ChannelKind, Channel], clock: Clock
    ) -> None:
        self.why = "not opened yet"
        self.operations = operations
        self._clock = clock
        # One thread: the database is called synchronously, and its writers queue anyhow.
        self._thread = ThreadPoolExecutor(1, "operations")
        self._ready = asyncio.Event()
        self._dispatcher = Dispatcher(operations, channels, clock, executor=self._thread)

    @property
    def attempts(self) -> Mapping[str, int]:
        """Attempts to send since the start, by how they ended."""
        return self._dispatcher.attempts

    async def open(self) -> None:
        """Bring the schema to the newest, then stay; raises when the database is not there."""
        await self.ask(self.operations.set_up)
        self._ready.set()
        await asyncio.Event().wait()

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

    async def pressed(self, notice: Notice) -> None:
        """Its person pressed 1 in a call: takes the incident over, as by a button."""
        take = self.operations.acknowledge
        act = partial(take, notice.incident, notice.person, "call")
        result = await self.keep_asking(lambda: act(self._clock.now()))
        if isinstance(result, Done):
            self._dispatcher.wake()
        else:
            log.warning("a key pressed in a call took over nothing: %s", result)

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

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self.operations.close)
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def ask(self, work: Callable[[], _T]) -> _T:
        """``work``'s answer, from the database's own thread; StoreUnavailable when it is away."""
        try:
            answer = await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except StoreUnavailable as error:
            self.why = str(error)
            raise
        self.why = ""
        return answer

"""The operations database as the watch uses it: one thread, patience, and the tasks that need it.

What cannot be written down in time and is of fire class goes out from memory (``tell_late``).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from alerts.incidents.acts import Done, Result
from alerts.incidents.roster import HandOver, Roster
from alerts.notify.dispatcher import Dispatcher
from alerts.notify.notice import Notice
from alerts.notify.port import Channel
from alerts.notify.receipts import Receipt
from alerts.registry.model import ChannelKind, Registry
from alerts.rules.packs import Packs
from alerts.rules.transition import Transition
from alerts.store.errors import LeaseLost, StoreError, StoreUnavailable
from alerts.store.lease import RENEW_S, Lease, Taken
from alerts.store.operations import Operations
from alerts.store.receipted import Effect
from edge.clock import Clock
from edge.contract.settings import Reported

log = logging.getLogger("collector.watch")

CLAIM_S = 3.0  # real seconds; a database that is away holds up no start for longer
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
        self._is_ours = False
        self._clock = clock
        # One thread: the database is called synchronously, and its writers queue anyhow.
        self._thread = ThreadPoolExecutor(1, "operations")
        self._ready = asyncio.Event()
        self._ran_out = asyncio.Event()
        self._dispatcher = Dispatcher(
            operations, channels, clock, executor=self._thread, code=operations.code
        )
        self._registry: Registry | None = None
        self._handed: Mapping[str, HandOver] = {}
        """The hand-overs known last, for what is told from memory."""
        self._unwritten = operations.unwritten()
        self._late = Dispatcher(self._unwritten, channels, clock, executor=_Here())

    @property
    def attempts(self) -> Mapping[str, int]:
        """Attempts to send since the start, by how they ended; those from memory count too."""
        late = self._late.attempts
        return {how: count + late[how] for how, count in self._dispatcher.attempts.items()}

    def use(self, registry: Registry) -> None:
        """The registry that holds from now on, for what is told from memory."""
        self._registry = registry

    async def claim(
        self,
        held: Callable[[], Awaitable[None]] | None = None,
        *,
        presume: bool = False,
    ) -> Taken | None:
        """Bring the schema to the newest, and wait until the lease is ours.

        ``held`` hears that another has it. With ``presume`` it was ours when the database was last
        heard: None while that is away, for then nobody can take it, and nothing is written without.
        """
        said = ""
        while True:
            try:
                async with asyncio.timeout(CLAIM_S):
                    await self.ask(self.operations.set_up)
                    answer = await self.ask(self._lease.take)
            except LeaseLost:
                raise
            except (StoreError, TimeoutError) as error:
                self.why = str(error) or f"the operations database does not answer in {CLAIM_S:g} s"
                if presume:
                    self._is_ours = True
                    return None
                await asyncio.sleep(POLL_S)
                continue
            if isinstance(answer, Taken):
                self._is_ours = True
                self._ready.set()
                return answer
            presume, self.why = False, str(answer)
            if self.why != said:
                log.warning("%s", answer)
                said = self.why
                if held is not None:
                    await held()
            await asyncio.sleep(POLL_S)

    async def open(self, taken: Callable[[Taken], Awaitable[None]] | None = None) -> None:
        """Keep the lease, once it is ours; ``taken`` hears when it is taken only now.

        Raises LeaseLost when another watch took over.
        """
        if not self._ready.is_set():
            found = await self.claim()
            if found is not None and taken is not None:
                await taken(found)
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

    async def take(self, transitions: Sequence[Transition], packs: Packs) -> None:
        """Write transitions down, with all that follows."""
        await self._ready.wait()

        def work() -> None:
            now = self._clock.now()
            self.operations.take(transitions, packs, now)
            # Asked only now: the database may have kept the call waiting while people were told.
            for transition in transitions:
                if sent := self._unwritten.sent(transition):
                    self.operations.record(transition, sent, now)

        await self.ask(work)
        if self._unwritten.forget(transitions, self._clock.now()):
            self._late.wake()
        self._dispatcher.wake()

    def tell_late(self, transitions: Sequence[Transition], packs: Packs) -> None:
        """These could not be written down in time: fire class goes out from memory."""
        if self._registry is None or not self._is_ours:
            return  # nobody is known yet, or another watch tells them
        roster = Roster(registry=self._registry, handed=self._handed)
        if self._unwritten.tell(transitions, packs, roster, self._clock.now()):
            self._late.wake()

    async def dispatch_late(self) -> None:
        """Send what is told from memory; this waits for no database."""
        await self._late.run()

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

    async def remind(self) -> None:
        """Write the reminders that are due into the outbox."""
        await self._ready.wait()
        operations = self.operations
        for work in (
            operations.remind,
            operations.remind_of_turns,
            operations.remind_of_silences,
        ):
            if await self.ask(partial(work, self._clock.now())):
                self._dispatcher.wake()

    async def clean_up(self) -> None:
        """Drop what nobody will ask for again."""
        await self._ready.wait()
        await self.ask(partial(self.operations.clean_up, self._clock.now()))

    async def roster(self) -> Roster:
        """Who answers for whom."""
        await self._ready.wait()
        roster: Roster = await self.ask(self.operations.roster)
        self._handed = roster.handed
        return roster

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
        self._taken_over("a button", result, facts)
        return result

    async def pressed(self, notice: Notice) -> None:
        """Its person pressed 1 in a call: takes the incident over, as by a button."""
        take = self.operations.acknowledge
        act = partial(take, notice.incident, notice.person, "call")
        result = await self.keep_asking(lambda: act(self._clock.now()))
        self._taken_over("a key in a call", result, {"incident": notice.incident})

    def _taken_over(self, by: str, result: Result, facts: Mapping[str, object]) -> None:
        if isinstance(result, Done):
            log.info("taken over by %s", by, extra={"facts": facts})
            self._dispatcher.wake()
        else:
            log.warning("%s took over nothing: %s", by, result, extra={"facts": facts})

    async def receipt(self, receipt: Receipt, *, asks_key: bool) -> Effect:
        """The provider says what became of a call or an SMS."""
        hold = partial(self.operations.receipt, receipt, asks_key=asks_key)
        effect = await self.keep_asking(lambda: hold(now=self._clock.now()))
        if effect in (Effect.TAKEN, Effect.FAILED):
            self._dispatcher.wake()
        return effect

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

    async def give_up(self) -> None:
        """Let another watch begin at once, if the database hears it."""
        if self._lease.epoch:
            try:
                await self.ask(self._lease.give_up)
            except StoreUnavailable as error:
                log.info("the lease runs out by itself: %s", error)

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


class _Here(Executor):
    """Runs what it is given at once, for an outbox that is memory of the loop's own."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done

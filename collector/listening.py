"""Listening: from the broker through intake to the journal, and back with the confirmations.

PUBACK and ``received`` go out when the commit that holds a message has been fsynced, never before.
While the disk writes, the next messages are judged; the link bounds how much is open.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from alerts.registry.model import Registry
from alerts.rules.inputs import Sight, What
from collector.flood import STRANGERS, Allowance, Device, Floods, native
from collector.intake import Bindings, Intake
from collector.journaling import Journaling, Work
from collector.judged import Answered, Counts, Judged
from collector.link.base import LinkBase
from collector.link.port import Message
from collector.receipts import Receipts
from collector.refusals import Refusals
from collector.roll import Roll
from edge.clock import Clock
from edge.contract.command import Result
from edge.contract.ranges import Ranges
from edge.contract.settings import Reported
from edge.contract.status import Status
from edge.contract.topics import SERVER, Kind, Topic

log = logging.getLogger("collector.watch")

LOOK_S = 0.1  # real seconds between looks at the link
QUIET_S, QUIET_MOST_S = 0.5, 2.0  # real seconds: what waited at the broker has come
REGISTRY_WAIT_S = 5.0  # real seconds for the operations database; then the last known one serves

NO_LIMIT = Allowance(messages_per_s=0, bytes_per_s=0, burst_s=1)

Intervals = dict[str, dict[str, list[tuple[int, int]]]]


class Hears(Protocol):
    """What devices say that is not measured: who they are, and what became of our wishes."""

    def saw(self, site: str, device: str, status: Status) -> None: ...

    def heard(self, site: str, device: str, result: Result) -> None: ...

    async def pressed(self, site: str, device: str, result: Result) -> None:
        """Until it is written down."""
        ...

    def reported(self, site: str, device: str, reported: Reported) -> None: ...


class Listening:
    """``make_link`` gives a link in the name of these sites; ``hears`` what is not measured."""

    def __init__(
        self,
        journaling: Journaling,
        held: Mapping[tuple[str, str], Ranges],
        clock: Clock,
        make_link: Callable[[Sequence[str]], LinkBase],
        hears: Hears,
        allowance: Allowance = NO_LIMIT,
    ) -> None:
        self.intake = Intake(Bindings(Registry()), held)
        self.refusals = Refusals()
        self.revision = 0
        """Of the registry that binds."""
        self.link: LinkBase | None = None
        self.counts = Counts()
        self.receipts = Receipts()
        self.roll = Roll(clock.speed)
        self._journaling = journaling
        self._clock = clock
        self._make_link = make_link
        self._hears = hears
        self._allowance = allowance
        self._registered: frozenset[Device] = frozenset()
        self._floods = Floods(allowance, self._whose)
        self._sites: tuple[str, ...] = ()
        self._own: asyncio.Future[Work] | None = None
        self._filters: tuple[str, ...] = ()
        self._gone: set[str] = set()
        self._changed = asyncio.Event()
        self._fresh = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()

    @property
    def why(self) -> str:
        """Why nothing is heard, or ""."""
        if self.link is not None:
            return self.link.why
        if not self._fresh.is_set():
            return "waiting for the registry"
        return "" if self._sites else "no site is registered; import a community"

    @property
    def site(self) -> str:
        """In whose name the server speaks of itself, or ""."""
        return self._sites[0] if self._sites else ""

    def expect(self, site: str, nonce: str) -> "asyncio.Future[Work]":
        """What journals our own reading with this nonce, once it is heard; the one before is let go."""
        self.intake.expected = site, nonce
        self._own = asyncio.get_running_loop().create_future()
        return self._own

    def use(self, registry: Registry, *, fresh: bool = True) -> None:
        """From now on this registry binds; ``fresh`` when it came from the database just now."""
        self.intake.bindings = Bindings(registry)
        self.intake.quality.use(registry)
        filters = self.intake.bindings.foreign.filters
        # The broker's session remembers what an older registry asked for.
        self._gone = (self._gone | set(self._filters)) - set(filters)
        self._filters = filters
        if self.link is not None:
            self.link.follow(filters)
        self.revision = registry.revision
        self._registered = frozenset(
            [(device.site, device.id) for device in registry.devices]
            + [(site.id, SERVER) for site in registry.sites]
        )
        self._floods.forget()
        sites = tuple(site.id for site in registry.sites)
        if sites != self._sites:
            self._sites = sites
            self._changed.set()
        if fresh:
            self._fresh.set()

    async def run(self) -> None:
        """Listen in the name of the registered sites until cancelled; anew when they change."""
        try:
            async with asyncio.timeout(REGISTRY_WAIT_S):
                await self._fresh.wait()
        except TimeoutError:
            log.warning("the operations database is not there; the last registry known serves")
        while True:
            while not self._sites:
                await self._changed.wait()
                self._changed.clear()
            self._changed.clear()
            try:
                async with self._make_link(self._sites) as link:
                    self.link = link
                    link.follow((*self._filters, *self._gone))
                    link.follow(self._filters)
                    await self._listen(link)
            finally:
                self.link = None

    async def _listen(self, link: LinkBase) -> None:
        """Until the sites change."""
        parts = [
            asyncio.create_task(self._take_in(link), name="intake"),
            asyncio.create_task(self.receipts.run(link), name="receipts"),
            asyncio.create_task(self._changed.wait(), name="sites"),
        ]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
        for part in done:
            part.result()

    async def _take_in(self, link: LinkBase) -> None:
        async for messages in link.batches():
            now_ms = self._clock.now_ms()
            admitted, over = self._floods.admit(messages, time.monotonic())
            judged = self.intake.judge(admitted, now_ms)
            judged.counts.messages += len(messages) - len(admitted)
            judged.counts.flooded += len(messages) - len(admitted)
            self._name_floods(over)
            said: list[tuple[int, What]] = [(now_ms, one) for one in judged.said]
            said += [(now_ms, one) for one in judged.given_up]
            said += [(now_ms, what) for what in judged.measured]
            if judged.own is not None:
                said.append((now_ms, judged.own))
            # Taken before anything later is let pass: it tells of what this commit will hold.
            intervals = self.intake.intervals(judged.spoke)
            work = Work(said=said, covers=judged.covers, letters=judged.letters)
            self._journaling.submit(work)
            if judged.own is not None and self._own is not None and not self._own.done():
                self._own.set_result(work)
            task = asyncio.create_task(self._confirm(link, messages, judged, intervals, work))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            self._hand_on(link, judged)
            for question in judged.questions:
                topic = Topic(question.site, question.device, Kind.TIME_RESPONSE)
                answer = question.answer(self._clock.now_ms())
                await link.publish(str(topic), answer, qos=0)

    async def _confirm(
        self,
        link: LinkBase,
        messages: Sequence[Message],
        judged: Judged,
        intervals: Intervals,
        work: Work,
    ) -> None:
        """Once it is on disk: PUBACK, then ``received``."""
        # Whoever stops waiting does not take back what the journal is about to write.
        await asyncio.shield(work.done)
        pressed = {id(answer.message) for answer in judged.answers if answer.result.is_taken}
        await link.ack([message for message in messages if id(message) not in pressed])
        self.receipts.add(intervals)
        self.counts.add(judged.counts)
        self.roll.note(judged, self._clock.now_ms())
        self.refusals.note(judged, self._clock.now_ms())

    def confirm_again(self, intervals: Mapping[str, Mapping[str, list[tuple[int, int]]]],
                      counts: Counts) -> None:  # fmt: skip
        """What dead letters held is on disk."""
        self.receipts.add(intervals)
        self.counts.add(counts)

    def flooded(self) -> dict[str, int]:
        """Messages dropped since the start, by ``site/device``; those of strangers as one."""
        return {_name(device): count for device, count in self._floods.dropped().items()}

    def _whose(self, topic: str) -> Device | None:
        device = native(topic)
        if device is None:
            who = self.intake.bindings.foreign.at(topic)
            return None if who is None else (who.mapping.device.site, who.mapping.device.id)
        return device if device in self._registered else None

    def _name_floods(self, over: Mapping[Device, int]) -> None:
        """Log where a flood begins and ends; between, the figures tell."""
        now_s, allowance = time.monotonic(), self._allowance
        for device in self._floods.begun(over, now_s):
            log.warning(
                "%s sends more than %g messages or %g kB a second; what is over is dropped and "
                "not confirmed, see [limits]",
                _name(device), allowance.messages_per_s, allowance.bytes_per_s / 1024,
            )  # fmt: skip
        for device in self._floods.ended(now_s):
            dropped = self._floods.dropped().get(device, 0)
            log.info("%s floods no longer; %d of its messages dropped", _name(device), dropped)

    def _hand_on(self, link: LinkBase, judged: Judged) -> None:
        """In the order of the messages: an answer's nonce is newer than a status before it."""
        for site, device, status in judged.statuses:
            self._hears.saw(site, device, status)
        for site, device, reported in judged.reports:
            self._hears.reported(site, device, reported)
        for answer in judged.answers:
            self._hears.heard(answer.site, answer.device, answer.result)
            if answer.result.is_taken:
                task = asyncio.create_task(self._press(link, answer))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)

    async def _press(self, link: LinkBase, answer: Answered) -> None:
        """PUBACK once the database has it: a press that is lost would leave people running."""
        await self._hears.pressed(answer.site, answer.device, answer.result)
        await link.ack([answer.message])

    async def look(self) -> None:
        """Journal what the cell sees: seeing once settled, blind from when the link was lost."""
        await self._say(Sight(False, self._clock.now_ms()))
        seen: tuple[LinkBase, int] | None = None
        while True:
            link = self.link
            if seen is not None and (
                link is not seen[0] or not link.connected or link.epoch != seen[1]
            ):
                blind_s = max(0.0, time.monotonic() - seen[0].since_s)
                blind_ms = int(blind_s * self._clock.speed * 1000)
                await self._say(Sight(False, self._clock.now_ms() - blind_ms))
                seen = None
            elif seen is None and link is not None and is_settled(link, time.monotonic()):
                seen = link, link.epoch
                await self._say(Sight(True, self._clock.now_ms()))
            await asyncio.sleep(LOOK_S)

    async def _say(self, sight: Sight) -> None:
        await self._journaling.write(Work(said=[(self._clock.now_ms(), sight)]))


def is_settled(link: LinkBase, now_s: float) -> bool:
    """Whether the link has brought what was waiting at the broker (``time.monotonic``)."""
    if not link.connected:
        return False
    quiet_s = now_s - max(link.seen_s, link.since_s)
    return quiet_s >= QUIET_S or now_s - link.since_s >= QUIET_MOST_S


def _name(device: Device) -> str:
    return "unregistered devices" if device == STRANGERS else "/".join(device)

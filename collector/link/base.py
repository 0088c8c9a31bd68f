"""What both adapters share: the life of a link that reconnects, its state, and the server's birth.

MQTT gives a connection one last will. The server says ``online`` once per site, so each further
site has a small connection of its own that carries nothing but that site's birth and will. A user
has no other connection: its client id is its name. There only the first site hears from the broker
that the server vanished; the others' devices go on, and keep what no ``received`` names.
"""

import asyncio
import logging
import random
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Self, TypeVar

from collector.link.inbox import Inbox
from collector.link.port import CONNECT_S, FILTERS, PUBLISH_S, Broker, Message
from edge.contract.status import State, Status
from edge.contract.topics import SERVER, Kind, Topic

T = TypeVar("T")

log = logging.getLogger("collector.link")

BACK_OFF_S = (0.2, 15.0)  # first and longest pause between attempts, before jitter
STEADY_S = 10.0  # a connection that held this long begins the back-off anew
TOGETHER = 100  # subscriptions a packet
FAREWELL_S = 1.0  # for the last words at a regular end, within serve's 5 s
IN_FLIGHT = 200  # our own publications without PUBACK; the broker's window may be smaller
# Those under way, and those whose PUBACK never came. A connection that leaves so many open is ended:
# each keeps its packet id, and there are 65,535.
UNCONFIRMED_MOST = 2 * IN_FLIGHT
CONFIRMS_NOTHING = "takes what we publish and does not confirm it; is something between us?"


class LinkDown(Exception):
    """An attempt failed or a connection ended; the text says why, with the remedy if there is one."""


class LinkBase(ABC):
    """A link; ``sites`` are those in whose name the server says that it is there."""

    def __init__(
        self,
        broker: Broker,
        *,
        sites: Sequence[str] = (),
        filters: Sequence[str] = FILTERS,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.broker = broker
        self.epoch = 0
        self.connected = False
        self.since_s = time.monotonic()
        self.seen_s = 0.0
        self.why = "not connected yet"
        self._sites = tuple(sites) if broker.user else tuple(sites[:1])
        self._filters = tuple(filters)
        self._jitter = jitter
        self._followed: tuple[str, ...] = ()
        self._gone: set[str] = set()
        self._other = asyncio.Event()
        self._inbox = Inbox(self._pause, self._resume)
        self._turned = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._room = asyncio.Semaphore(IN_FLIGHT)
        self._further = [
            type(self)(
                replace(broker, client_id=f"{broker.client_id}-{site}"),
                sites=(site,),
                filters=(),
                jitter=jitter,
            )
            for site in sites[len(self._sites) :]
        ]

    # The port

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name=f"link {self.broker.client_id}")
        for link in self._further:
            await link.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        ends = [self._end(), *(link.__aexit__() for link in self._further)]
        await asyncio.gather(*ends, return_exceptions=True)

    async def changed(self) -> None:
        await self._turned.wait()

    async def batches(self) -> AsyncIterator[list[Message]]:
        while True:
            yield await self._inbox.take()

    async def ack(self, messages: Sequence[Message]) -> None:
        # Not only once connected: a session's backlog comes before the subscriptions are confirmed.
        epoch = self.epoch
        ids = [m.token & 0xFFFF for m in messages if m.token >> 16 == epoch and m.token & 0xFFFF]
        if ids:
            self._send_acks(ids)
        self._inbox.done(messages)

    def follow(self, filters: Sequence[str]) -> None:
        self._gone |= set(self._followed) - set(filters)
        self._gone -= set(filters)
        self._followed = tuple(filters)
        self._other.set()

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False
    ) -> bool:
        if not self.connected:
            return False
        try:
            async with asyncio.timeout(PUBLISH_S), self._room:
                return await self._send(topic, payload, qos, retain)
        except (TimeoutError, OSError, LinkDown):
            return False

    async def publish_all(self, messages: Sequence[tuple[str, bytes]]) -> int:
        taken = 0
        for few in _chunks(
            messages, IN_FLIGHT // 2
        ):  # the other half is left to whoever is in a hurry
            if self.connected:
                taken += await self._send_few(few)
        return taken

    async def _send_few(self, messages: Sequence[tuple[str, bytes]]) -> int:
        """How many the broker took within the time; an adapter may know a quicker way."""
        return sum(await asyncio.gather(*(self.publish(*message) for message in messages)))

    # Life

    async def _run(self) -> None:
        shortest_s, longest_s = BACK_OFF_S
        pause_s = shortest_s
        while True:
            try:
                self.epoch += 1
                async with asyncio.timeout(CONNECT_S):
                    await self._open()
                self._turn(True, "")
                await self._say(State.ONLINE)
                following = asyncio.create_task(self._keep_following(), name="following")
                try:
                    why = await self._ended()
                finally:
                    following.cancel()
                    await asyncio.gather(following, return_exceptions=True)
            except LinkDown as error:
                why = str(error)
            except TimeoutError:
                why = f"{self.broker} does not answer within {CONNECT_S:g} s; is it an MQTT broker?"
            except ssl.SSLCertVerificationError as error:
                why = f"{self.broker} shows a certificate that is not trusted "
                why += f"({error.verify_message}); name its CA in [mqtt] ca"
            except OSError as error:
                why = f"{self.broker} cannot be reached ({error.strerror or error}); is it running?"
            except ValueError as error:
                why = f"{self.broker} speaks no MQTT we understand: {error}"
            except Exception as error:  # a bug costs a connection, never the link
                log.exception("the link broke")
                why = f"a fault of our own, report it: {error!r}"
            if self.connected and time.monotonic() - self.since_s > STEADY_S:
                pause_s = shortest_s
            await self._drop()
            self._turn(False, why)
            await asyncio.sleep(pause_s * (0.5 + self._jitter() / 2))
            pause_s = min(pause_s * 2, longest_s)

    async def _keep_following(self) -> None:
        """On this connection: subscribe to what is followed, and let go of what no longer is."""
        heard: set[str] = set()
        while True:
            self._other.clear()
            try:
                new = [one for one in self._followed if one not in heard]
                for few in _chunks(new, TOGETHER):
                    heard.update(few)
                    for pattern in await self._subscribe(few):
                        # A device that may not be heard must not cost us the others.
                        log.error("%s refuses the subscription %s", self.broker, pattern)
                for few in _chunks(sorted(self._gone), TOGETHER):
                    await self._unsubscribe(few)
                    self._gone.difference_update(few)
                    heard.difference_update(few)
            except (OSError, LinkDown):
                return  # the connection is ending; the next one begins anew
            await self._other.wait()

    def _turn(self, connected: bool, why: str) -> None:
        if connected != self.connected or why != self.why:
            facts = {"broker": str(self.broker), "client": self.broker.client_id}
            if connected:
                log.info("connected", extra={"facts": facts})
            else:
                log.warning("not connected: %s", why, extra={"facts": facts})
        if connected != self.connected:
            self.since_s = time.monotonic()
        self.connected, self.why = connected, why
        self._turned.set()
        self._turned = asyncio.Event()

    async def _end(self) -> None:
        if self._task is None:
            return
        try:
            async with asyncio.timeout(FAREWELL_S):
                await self._say(State.STOPPING)
        except TimeoutError:
            pass  # the last will says it
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        try:
            async with asyncio.timeout(FAREWELL_S):
                await self._close()
        except (TimeoutError, OSError):
            pass
        self.connected, self.why = False, "closed"

    async def _say(self, state: State) -> None:
        payload = Status(state=state).encode()
        topics = [Topic(site, SERVER, Kind.STATUS) for site in self._sites]
        await asyncio.gather(*(self.publish(str(topic), payload, retain=True) for topic in topics))

    def _will(self) -> tuple[str, bytes] | None:
        """Topic and payload of the last will, to be retained."""
        if not self._sites:
            return None
        topic = Topic(self._sites[0], SERVER, Kind.STATUS)
        return str(topic), Status(state=State.OFFLINE).encode()

    def _take_in(self, messages: Sequence[Message]) -> None:
        self.seen_s = time.monotonic()
        self._inbox.put(messages)

    # What an adapter brings

    @abstractmethod
    async def _open(self) -> None:
        """Connect, be accepted, subscribe; LinkDown, OSError or ValueError when it fails."""

    @abstractmethod
    async def _subscribe(self, filters: Sequence[str]) -> list[str]:
        """Subscribe at QoS 1; those that the broker refuses. LinkDown when the connection ends."""

    @abstractmethod
    async def _unsubscribe(self, filters: Sequence[str]) -> None:
        """Hear these no more. LinkDown when the connection ends."""

    @abstractmethod
    async def _ended(self) -> str:
        """Until the connection ends: why."""

    @abstractmethod
    async def _drop(self) -> None:
        """Let go of a connection that failed or ended, without a word."""

    @abstractmethod
    async def _close(self) -> None:
        """End a connection in order (DISCONNECT, so that the will stays unsaid)."""

    @abstractmethod
    def _send_acks(self, ids: Sequence[int]) -> None:
        """PUBACK for these packet ids of the present connection."""

    @abstractmethod
    async def _send(self, topic: str, payload: bytes, qos: int, retain: bool) -> bool:
        """Publish; whether the broker took it."""

    @abstractmethod
    def _pause(self) -> None:
        """Stop reading; no longer than half the keep-alive, or the broker's pings go unheard."""

    @abstractmethod
    def _resume(self) -> None:
        """Read again."""


def _chunks(whole: Sequence[T], size: int) -> list[Sequence[T]]:
    return [whole[at : at + size] for at in range(0, len(whole), size)]

"""One connection: bytes to its talk, what is heard through the door, answers back once on disk."""

import asyncio
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from collector.listeners.config import ListenerConfig
from collector.listeners.port import Heard, Noise, Talk
from edge.clock import Clock

log = logging.getLogger("collector.listeners")

READ_BYTES = 16_384
LOOK_S = 15.0  # real seconds between looks at what waits for its other parts
ANSWER_S = 10.0  # real seconds for an answer to leave; then the peer is gone
RATE_BYTES, BURST_BYTES = 8_192, 65_536  # a second; and at once: a talkative station sends 1 kB/s
NOISE_MOST = 20  # pieces of noise in a row; then it is no device of this format


class Door(Protocol):
    """The way into the house."""

    def refusal(self, format: str, address: str, peer: str) -> str:
        """Why nobody of this address may speak from there, or ""."""
        ...

    def take(self, format: str, topic: str, heard: Heard) -> "asyncio.Future[object]":
        """Take it in; done when it is on disk."""
        ...

    def bury(self, topic: str, reason: str, raw: bytes) -> "asyncio.Future[object]":
        """A dead letter; done when it is on disk."""
        ...

    def came(self, format: str, address: str) -> None:
        """A connection begins on which this device speaks."""
        ...

    def left(self, format: str, address: str) -> None:
        """It has ended."""
        ...


@dataclass(slots=True)
class Counts:
    """What came to all ports since the start."""

    connections: int = 0
    refused: int = 0  # connections beyond the bound
    heard: int = 0
    noise: int = 0
    strangers: int = 0
    lost: int = 0  # bytes a relay passed on and could not read, being busy
    falls: int = 0


class Peer:
    """``attend`` until the other side goes, is silent for too long, or is none of ours."""

    def __init__(
        self,
        name: str,
        address: str,
        config: ListenerConfig,
        door: Door,
        clock: Clock,
        counts: Counts,
    ) -> None:
        self.name = name
        self.address = address
        self.idle_s = config.idle_s
        self.counts = counts
        self._format = config.format
        self._door = door
        self._clock = clock
        self._known: set[str] = set()
        self._strangers: set[str] = set()
        self._noise = 0
        self._allowance = float(BURST_BYTES)
        self._since_s = time.monotonic()

    async def attend(
        self, talk: Talk, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            while (data := await self.read(reader, talk)) is not None:
                ends = await self.hear(
                    talk.feed(data, time.monotonic(), self._clock.now_ms() / 1000), writer
                )
                if ends:
                    break
                await self._slow_down(len(data))
        finally:
            self.finish(talk)

    async def overhear(self, talk: Talk, data: bytes) -> None:
        """Take in what passes by; nobody is answered and nobody sent away."""
        for event in talk.feed(data, time.monotonic(), self._clock.now_ms() / 1000):
            await self.hear((event,), None)

    async def read(self, reader: asyncio.StreamReader, talk: Talk) -> bytes | None:
        """The next bytes; None at the end, or after ``idle_s`` without any."""
        quiet_s = 0.0
        while quiet_s < self.idle_s:
            wait_s = min(LOOK_S, self.idle_s - quiet_s)
            try:
                async with asyncio.timeout(wait_s):
                    data = await reader.read(READ_BYTES)
            except TimeoutError:
                quiet_s += wait_s
                await self.hear(talk.feed(b"", time.monotonic(), self._clock.now_ms() / 1000), None)
                continue
            return data or None
        return None

    async def hear(
        self, events: Iterable[Heard | Noise], writer: asyncio.StreamWriter | None
    ) -> bool:
        """Take the events in; without a writer nobody is answered. Whether the talk is over."""
        waiting: list[tuple[asyncio.Future[object], bytes]] = []
        is_over = False
        for event in events:
            if isinstance(event, Noise):
                waiting.append((self._noted(event), b""))
                is_over = self._noise >= NOISE_MOST
            elif refusal := self._door.refusal(self._format, event.address, self.address):
                if buried := self._strange(event, refusal):
                    waiting.append((buried, b""))
                # A gateway may bring strangers along; one who is nobody is shown the door.
                is_over = not self._known
            else:
                self._noise = 0
                if event.address not in self._known:
                    self._known.add(event.address)
                    self._door.came(self._format, event.address)
                self.counts.heard += 1
                topic = f"{self._format}/{event.address}"
                waiting.append((self._door.take(self._format, topic, event), event.answer))
            if is_over:
                break
        for done, answer in waiting:
            # Who stops waiting does not take back what the journal is about to write.
            await asyncio.shield(done)
            if answer and writer is not None:
                writer.write(answer)
        if writer is not None:
            async with asyncio.timeout(ANSWER_S):
                await writer.drain()
        return is_over

    def finish(self, talk: Talk) -> None:
        """What is left within the talk is noise; the devices have gone. Nobody waits for the disk."""
        for left in talk.end():
            self._noted(left)
        for address in self._known:
            self._door.left(self._format, address)

    def _noted(self, noise: Noise) -> "asyncio.Future[object]":
        self._noise += 1
        self.counts.noise += 1
        return self._door.bury(self.name, noise.reason, noise.raw)

    def _strange(self, event: Heard, refusal: str) -> "asyncio.Future[object] | None":
        self.counts.strangers += 1
        if event.address in self._strangers or len(self._strangers) > NOISE_MOST:
            return None  # told once a connection
        self._strangers.add(event.address)
        return self._door.bury(f"{self._format}/{event.address}", refusal, event.raw)

    async def _slow_down(self, size: int) -> None:
        """Who floods is read more slowly, until TCP slows the sender itself."""
        now_s = time.monotonic()
        self._allowance = min(BURST_BYTES, self._allowance + (now_s - self._since_s) * RATE_BYTES)
        self._since_s = now_s
        self._allowance -= size
        if self._allowance < 0:
            await asyncio.sleep(-self._allowance / RATE_BYTES)

"""A line to a chat, kept open: asked for, opened again with growing pauses, and heard by tasks."""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp

from alerts.notify.outbound import Outbound, OutboundError
from alerts.notify.outcome import Accepted, Outcome
from alerts.secrets import SecretError
from collector.replies.port import Hear, Said

log = logging.getLogger("collector.replies")

BACK_OFF_S = (2.0, 120.0)  # real seconds, before jitter
STEADY_S = 60.0  # an open line of that age begins the back-off anew
HEARTBEAT_S = 60.0
AT_ONCE = 50  # messages that are being acted on; what comes beyond waits in the socket


class LineError(Exception):
    """The other side gives no line, or says what cannot be read."""


class App(Protocol):
    """The same app as a channel, for the words of the answer."""

    async def say(self, account: str, text: str) -> Outcome: ...
    async def close(self) -> None: ...


class Line:
    """``run`` until cancelled; ``why`` says why nothing is heard, or ""."""

    name = ""

    def __init__(
        self,
        outbound: Outbound,
        app: App,
        hear: Hear,
        *,
        back_off_s: tuple[float, float] = BACK_OFF_S,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.why = "not connected yet"
        self._outbound = outbound
        self._app = app
        self._hear = hear
        self._back_off_s = back_off_s
        self._jitter = jitter
        self._acting: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(AT_ONCE)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        shortest_s, longest_s = self._back_off_s
        pause_s = shortest_s
        try:
            while True:
                began_s = loop.time()
                try:
                    await self._listen()
                    why = "the line was closed"
                except (
                    LineError,
                    OutboundError,
                    SecretError,
                    aiohttp.ClientError,
                    OSError,
                ) as error:
                    why = _why(error)
                if not self.why:
                    log.warning("%s: %s; it is opened again", self.name, why)
                self.why = why
                if loop.time() - began_s > STEADY_S:
                    pause_s = shortest_s
                await asyncio.sleep(pause_s * (0.5 + self._jitter() / 2))
                pause_s = min(pause_s * 2, longest_s)
        finally:
            for task in self._acting:
                task.cancel()
            await asyncio.gather(*self._acting, return_exceptions=True)
            await self._outbound.close()

    async def _listen(self) -> None:
        async with self._outbound.socket(await self._address(), heartbeat_s=HEARTBEAT_S) as socket:
            self.why = ""
            log.info("%s: the line is open", self.name)
            opened = asyncio.create_task(self._opened(socket), name=f"{self.name}-ping")
            try:
                async for message in socket:
                    await self._room.acquire()
                    task = asyncio.create_task(self._take(socket, message))
                    self._acting.add(task)
                    task.add_done_callback(self._done)
            finally:
                opened.cancel()
                await asyncio.gather(opened, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._acting.discard(task)
        self._room.release()
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, (LineError, ValueError)):
            log.warning("%s: a message cannot be read: %s", self.name, error)
        elif isinstance(error, (ConnectionError, aiohttp.ClientError)):
            log.info("%s: closed before a message was confirmed; it comes again", self.name)
        else:
            log.error("%s: a message broke; report this", self.name, exc_info=error)

    async def _answer(self, said: Said) -> None:
        """Act, and let the same app say what came of it."""
        words = await self._hear(said)
        if words:
            await self._tell(said.account, words)

    async def _tell(self, account: str, words: str) -> None:
        outcome = await self._app.say(account, words)
        if not isinstance(outcome, Accepted):
            log.warning("%s: an answer did not go out: %s", self.name, outcome.why)

    async def _opened(self, socket: Any) -> None:
        """What a line needs while it is open, beyond WebSocket's own pings."""

    async def _address(self) -> str:
        """Of the line, newly given; LineError when there is none."""
        raise NotImplementedError

    async def _take(self, socket: Any, message: aiohttp.WSMessage) -> None:
        """One message: act on it, and confirm it only then."""
        raise NotImplementedError


def _why(error: Exception) -> str:
    """Without the line's address, which holds a ticket."""
    if isinstance(error, aiohttp.ClientResponseError):
        return f"the line that was offered answers HTTP {error.status}"
    if isinstance(error, aiohttp.InvalidURL):
        return "the line that was offered is no address"
    return str(error) or type(error).__name__


def same_house(given: str, base: str) -> str:
    """``given`` when it is a line into the house of ``base``; LineError otherwise.

    The address comes by wire: it may not lead a secret's ticket, or us, anywhere else.
    """
    there, here = urlsplit(given), urlsplit(base)
    wanted = "wss" if here.scheme == "https" else "ws"
    if there.scheme != wanted or not there.hostname or not here.hostname:
        raise LineError(f"the line offered is no {wanted} address")
    # Two labels: api.dingtalk.com and wss-open-connection.dingtalk.com.
    tail = ".".join(here.hostname.split(".")[-2:])
    is_number = here.hostname.replace(".", "").isdigit() or ":" in here.hostname
    is_same = there.hostname == here.hostname
    if not is_same and (is_number or not there.hostname.endswith("." + tail)):
        raise LineError(f"the line offered leads to {there.hostname}, not into {tail}")
    return given

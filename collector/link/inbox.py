"""What was read from the broker and is not yet acknowledged, and when reading should pause."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from collector.link.port import Message

BATCH = 2_000  # messages handed out at once: some 30 ms of work
MOST_MESSAGES = 20_000  # a 3.1.1 broker does not hold to a window: we do
MOST_BYTES = 32 * 2**20


class Inbox:
    """Bounded by what is *outstanding*: read and not yet acknowledged, waiting ones included."""

    def __init__(
        self,
        pause: Callable[[], None],
        resume: Callable[[], None],
        *,
        most_messages: int = MOST_MESSAGES,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._pause, self._resume = pause, resume
        self._most_messages, self._most_bytes = most_messages, most_bytes
        self._waiting: deque[Message] = deque()
        self._messages = 0
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._paused = False

    @property
    def is_full(self) -> bool:
        return self._messages >= self._most_messages or self._bytes >= self._most_bytes

    @property
    def outstanding(self) -> int:
        """How many messages are read and not yet acknowledged."""
        return self._messages

    def put(self, messages: Sequence[Message]) -> None:
        self._waiting.extend(messages)
        self._messages += len(messages)
        self._bytes += sum(len(message.payload) for message in messages)
        self._arrived.set()
        if self.is_full and not self._paused:
            self._paused = True
            self._pause()

    async def take(self, most: int = BATCH) -> list[Message]:
        """At least one message, in order."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        waiting = self._waiting
        return [waiting.popleft() for _ in range(min(most, len(waiting)))]

    def done(self, messages: Sequence[Message]) -> None:
        """These are no longer outstanding."""
        self._messages -= len(messages)
        self._bytes -= sum(len(message.payload) for message in messages)
        if self._paused and self._messages * 2 <= self._most_messages and not self.is_full:
            self._paused = False
            self._resume()

"""The receipts of calls and SMS, heard from the provider's queue: no public address is needed.

A message is deleted once its effect is committed, so a receipt may be acted on again, which changes
nothing. What cannot be used is counted, told shortly and deleted: it holds up nothing.
"""

import asyncio
import logging
import random
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

from alerts.notify.mns import Message
from alerts.notify.mns_queue import WAIT_S, Queue, QueueTrouble
from alerts.notify.receipts import Receipt, Unreadable, read
from alerts.registry.model import ChannelKind
from alerts.store.errors import LeaseLost
from alerts.store.receipted import Effect
from edge.clock import Clock

log = logging.getLogger("collector.receipts")

BACK_OFF_S = (2.0, 300.0)  # real seconds, before jitter
# A queue that answers "nothing" at once has too many long polls, and each of them is paid for.
AT_ONCE_S, REST_S = 1.0, 5.0
TAKES_MOST = 8  # a receipt that still fits nothing, or breaks us, by then is let go

NOT_YET = "not asked yet"

Take = Callable[[Receipt], Awaitable[Effect]]
"""Acts on a receipt; waits for the operations database for as long as it takes."""


class ReceiptQueue:
    """``run`` until cancelled; ``why`` says why nothing is heard, or ""."""

    def __init__(
        self,
        channel: ChannelKind,
        queue: Queue,
        take: Take,
        clock: Clock,
        *,
        wait_s: int = WAIT_S,
        back_off_s: tuple[float, float] = BACK_OFF_S,
        rest_s: float = REST_S,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.name = channel.value
        self.why = NOT_YET
        self.counts: Counter[str] = Counter()
        """Receipts since the start, by their effect; ``foreign``, ``unreadable``, ``let-go``."""
        self._channel = channel
        self._queue = queue
        self._take = take
        self._clock = clock
        self._wait_s = wait_s
        self._back_off_s = back_off_s
        self._rest_s = rest_s
        self._jitter = jitter

    async def run(self) -> None:
        shortest_s, longest_s = self._back_off_s
        pause_s = shortest_s
        try:
            while True:
                try:
                    await self._hear()
                    pause_s, self.why = shortest_s, ""
                except QueueTrouble as error:
                    if self.why in ("", NOT_YET):
                        log.warning("receipts of %s: %s; asked again", self.name, error)
                    self.why = str(error)
                    await asyncio.sleep(pause_s * (0.5 + self._jitter() / 2))
                    pause_s = min(pause_s * 2, longest_s)
        finally:
            await self._queue.close()

    async def _hear(self) -> None:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        # Until it is known to work the poll is short: a start, and its end, are soon seen.
        wait_s = min(self._wait_s, 1) if self.why else self._wait_s
        messages = await self._queue.receive(wait_s)
        for message in messages:
            if await self._is_done(message):
                await self._queue.delete(message)
        if not messages and loop.time() - began_s < min(AT_ONCE_S, wait_s / 2):
            await asyncio.sleep(self._rest_s)

    async def _is_done(self, message: Message) -> bool:
        """Whether the message may go: all its receipts are acted on, or never will be."""
        is_last = message.takes >= TAKES_MOST
        is_done = True
        for receipt in read(self._channel, message.body):
            if isinstance(receipt, Receipt):
                effect = await self._act(receipt)
                if effect is not None and effect is not Effect.EARLY:
                    self.counts[effect.value] += 1
                elif is_last:
                    self.counts["let-go"] += 1
                    log.warning("a receipt of %s fits no notice and is let go", self.name)
                else:
                    is_done = False
            elif isinstance(receipt, Unreadable):
                self.counts["unreadable"] += 1
                log.warning("a receipt of %s cannot be read: %s", self.name, receipt.why)
            else:
                self.counts["foreign"] += 1
        return is_done

    async def _act(self, receipt: Receipt) -> Effect | None:
        """Its effect; None for one that broke us."""
        try:
            effect = await self._take(self._in_house_time(receipt))
        except LeaseLost:
            raise  # another watch acts on it
        except Exception as error:  # one receipt that breaks us must not stop the others
            # By its place alone: the error's own text may hold the number.
            place = traceback.extract_tb(error.__traceback__)[-1]
            log.error(
                "a receipt of notice %d broke (%s in %s, line %d); report this",
                receipt.notice,
                type(error).__name__,
                place.name,
                place.lineno,
            )
            return None
        if effect not in (Effect.KNOWN, Effect.EARLY):
            facts = {"notice": receipt.notice, "effect": effect.value, "code": receipt.code}
            log.info("a receipt of %s", self.name, extra={"facts": facts})
        return effect

    def _in_house_time(self, receipt: Receipt) -> Receipt:
        if receipt.at is None:
            return receipt
        ago = datetime.now(UTC) - receipt.at
        return replace(receipt, at=self._clock.now() - ago * self._clock.speed)

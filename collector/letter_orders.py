"""Orders about dead letters, carried out by the watch."""

import asyncio
from collections.abc import Callable

from alerts.orders import Order, OrderState, OrderVerb
from collector.replaying import Replaying, Selection

REVISION_WAIT_S = 5.0  # real seconds; whoever asks has just mended the registry


class LetterOrders:
    """``revision`` is that of the registry by which letters are judged."""

    def __init__(self, replaying: Replaying, revision: Callable[[], int]) -> None:
        self._replaying = replaying
        self._revision = revision

    async def carry_out(self, order: Order) -> tuple[OrderState, str]:
        """What came of it, in words. JournalError when the journal refuses."""
        selection = Selection.of(order.values)
        if order.verb is OrderVerb.PURGE:
            return OrderState.DONE, f"{await self._replaying.purge(selection)} records purged"
        try:
            async with asyncio.timeout(REVISION_WAIT_S):
                while self._revision() < order.revision:  # noqa: ASYNC110 - another task adopts it
                    await asyncio.sleep(0.1)
        except TimeoutError:
            why = f"the registry's revision {order.revision} is not in force yet; nothing was done"
            return OrderState.REFUSED, why
        return OrderState.DONE, str(await self._replaying.replay(selection))

"""What the dispatcher needs: a channel for each kind of address, and the outbox."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from alerts.notify.notice import Notice
from alerts.notify.outcome import Outcome


class Channel(Protocol):
    """One way to reach an address. Shared by all its addresses; safe to call concurrently."""

    async def send(self, notice: Notice) -> Outcome:
        """Hand the notice over. Trouble of the channel is an Outcome, never an exception."""
        ...

    async def close(self) -> None: ...


class Outbox(Protocol):
    """The operations database as the dispatcher sees it; synchronous, called in a worker thread."""

    def due(self, now: datetime, limit: int) -> Sequence[Notice]:
        """Notices to send by ``now``, oldest first; per (incident, address) none whose elder waits."""
        ...

    def settle(self, notice_id: int, outcome: Outcome, now: datetime, jitter: float) -> None:
        """Write the outcome down. ``jitter`` (0 to 1) spreads the next attempt of a Retry."""
        ...

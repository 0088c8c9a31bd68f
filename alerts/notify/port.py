"""What the dispatcher needs: a channel for each kind of address, the outbox, and a way to devices."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from alerts.notify.notice import Notice
from alerts.notify.outcome import Outcome
from alerts.registry.model import ChannelKind
from edge.contract.command import Result, Verb


class Channel(Protocol):
    """One way to reach an address. Shared by all its addresses; safe to call concurrently."""

    async def send(self, notice: Notice) -> Outcome:
        """Hand the notice over. Trouble of the channel is an Outcome, never an exception."""
        ...

    async def close(self) -> None: ...


class Outbox(Protocol):
    """The operations database as the dispatcher sees it; synchronous, called in a worker thread."""

    def due(
        self, now: datetime, limit: int, full: Collection[tuple[ChannelKind, str]] = ()
    ) -> Sequence[Notice]:
        """Notices to send by ``now``: of fire class, then the oldest first.

        Per (incident, address) none whose elder waits. To the addresses that are ``full`` of what
        is under way those of fire class alone.
        """
        ...

    def fire_in_back_off(self) -> Sequence[Notice]:
        """What of fire class has been tried or held, and is not taken yet, due or not."""
        ...

    def settle(self, notice_id: int, outcome: Outcome, now: datetime, jitter: float) -> None:
        """Write the outcome down. ``jitter`` (0 to 1) spreads the next attempt of a Retry."""
        ...

    def hold(self, notice_ids: Sequence[int], until: datetime, why: str) -> None:
        """These wait for their turn until then, and say why; no attempt is counted."""
        ...

    def second(self, notice_id: int, now: datetime) -> bool:
        """Tell its person at the next address as well, once; whether there is one to send now."""
        ...


@dataclass(frozen=True, slots=True)
class Unheard:
    """A command has no answer, and why; ``is_sent`` when it may have been done all the same."""

    why: str
    is_sent: bool = False


@dataclass(frozen=True, slots=True)
class Unfit:
    """A command that can never go out as things are registered, and why."""

    why: str


class Speaker(Protocol):
    """Commands to devices, each signed with the device's own key over its newest nonce."""

    async def command(
        self,
        site: str,
        device: str,
        verb: Verb,
        target: str,
        *,
        texts: Sequence[tuple[str, str]] = (),
        is_urgent: bool = False,
    ) -> Result | Unheard | Unfit:
        """What the device answered; one command at a time per device, within some seconds."""
        ...

"""What a line hands over, and what it is told: who said what, and the words that go back."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from alerts.registry.model import ChannelKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One message of one account, whose identity the chat vouches for.

    ``id`` is the chat's own, the same when it says it again. ``incident`` is that of a button,
    None where words were typed.
    """

    channel: ChannelKind
    account: str
    text: str
    id: str
    incident: int | None = None


Hear = Callable[[Said], Awaitable[str]]
"""What is answered; "" for nothing. Takes as long as the operations database is away."""

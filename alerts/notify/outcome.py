"""How an attempt to send ends: accepted, retry with when, or rejected with why."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Accepted:
    """The channel took it; ``proof`` is its own word (a status, a message id)."""

    proof: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now; ``after`` is the channel's wish, None leaves it to the back-off."""

    why: str
    after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """Never: the same message would be refused again; ``gone``: nor will any other be taken there."""

    why: str
    gone: bool = False


Outcome = Accepted | Retry | Rejected

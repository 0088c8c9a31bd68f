"""Browsers in which people want their notices: what is told of one, and what reaches it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

MOST = 10  # of one person; the eldest gives way: nobody reads at more places than that


class Ending(StrEnum):
    """Why a browser gets no more notices."""

    WITHDRAWN = "withdrawn"  # its push service says so: the person, or the browser, took it back
    REMOVED = "removed"  # somebody switched it off here
    MOVED = "moved"  # it shows another person's notices now
    ELDEST = "eldest"  # its person has more than ``MOST``
    LEFT = "left"  # its person is no longer registered


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Where a browser is reached, and the keys that it gave for it: whoever has them may write there."""

    endpoint: str = field(repr=False)
    p256dh: bytes = field(repr=False)
    auth: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """One browser of one person. ``outcome`` is how the last try ended: a word of ``NoticeState``."""

    id: str
    person: str
    label: str
    made_at: datetime
    tried_at: datetime | None = None
    outcome: str = ""
    gone_at: datetime | None = None
    ending: Ending | None = None

"""A notice: words for one address, and how far it has come."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from alerts.registry.model import Address
from alerts.words import IncidentClass, Language, Severity


class NoticeReason(StrEnum):
    OPENED = "opened"
    REOPENED = "reopened"
    SEVERITY = "severity"
    CLIMBED = "climbed"  # nobody in the tier before took over
    ASSIGNED = "assigned"  # somebody gave it to this person
    FLAPPING = "flapping"  # it keeps coming and going: no more is told until it is calm
    RECOVERED = "recovered"
    SECOND_LOOK = "second-look"
    CLOSED = "closed"
    LINK = "link"  # asked for a link of their own
    DIGEST = "digest"  # what can wait, once a day and place
    REMINDER = "reminder"  # a second look, or a call on whoever reported, still waits
    HUSHED = "hushed"  # somebody has it, or it is over: an announcer falls silent


CALLING = (
    NoticeReason.OPENED,
    NoticeReason.REOPENED,
    NoticeReason.SEVERITY,
    NoticeReason.CLIMBED,
    NoticeReason.FLAPPING,
)
"""Those that ask somebody to take over."""
TELLING = (*CALLING, NoticeReason.ASSIGNED)
"""Those after which somebody has been told of it."""


class NoticeState(StrEnum):
    """What a channel can prove; "delivered" is never claimed."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    OPENED = "opened"
    ACKNOWLEDGED = "acknowledged"
    RETRYING = "retrying"
    REJECTED = "rejected"
    OVERTAKEN = "overtaken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One outbox row: unique by (incident, reason, step, address). Its words are fixed.

    ``incident`` 0 is none: a reminder of a turn or of a silence.
    """

    id: int
    incident: int
    reason: NoticeReason
    step: int
    person: str
    address: Address
    language: Language
    cls: IncidentClass
    severity: Severity
    title: str
    text: str = field(repr=False)  # it ends with the link
    link: str = field(repr=False)  # good in somebody's name
    created_at: datetime
    due_at: datetime
    state: NoticeState = NoticeState.WAITING
    attempts: int = 0
    settled_at: datetime | None = None
    detail: str = ""
    """The channel's own words for the last outcome, secrets masked."""
    others: tuple[int, ...] = ()
    """Ids of those that go with it in one message; never in the outbox."""

    @property
    def key(self) -> str:
        """By which a service knows a message that comes again; another one once others go with it.

        A service that took the first attempt, unheard, would drop the second with all it adds.
        """
        if not self.others:
            return str(self.id)
        digest = hashlib.sha256(",".join(map(str, sorted(self.others))).encode())
        return f"{self.id}-{digest.hexdigest()[:12]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """Somebody who might have been told: whether, and the reason, for "why was I (not) told?"."""

    incident: int
    at: datetime
    person: str
    step: int
    told: bool
    reason: str
    """A word of ``alerts/incidents/who.py``: tier, other-place, quiet-hours, no-address, ..."""

"""Who has asked for quiet, until when and why: silences, maintenance windows, one's own snooze."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from alerts.incidents.model import Incident
from alerts.incidents.who import Reason, place_of
from alerts.notify.notice import NoticeReason
from alerts.registry.model import Registry
from alerts.words import NIGHT_CLASSES, IncidentClass
from edge.contract.subject import SubjectKind

LONGEST = timedelta(days=30)  # longer is no silence but a rule, a place or a device to change
AHEAD = timedelta(days=366)  # further off nobody means what they wrote
SNOOZE_LONGEST = timedelta(hours=24)


class SilenceKind(StrEnum):
    SILENCE = "silence"  # somebody knows of it and is at it
    MAINTENANCE = "maintenance"  # work at a place or device, announced before

    @property
    def reason(self) -> Reason:
        return Reason.MAINTENANCE if self is SilenceKind.MAINTENANCE else Reason.SILENCED


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Nobody is called for what it covers between ``since`` and ``until``. "" covers any.

    Fire class is covered only once a second person has confirmed it.
    """

    id: int
    site: str
    place: str = ""
    device: str = ""
    rule: str = ""
    kind: SilenceKind = SilenceKind.SILENCE
    since: datetime
    until: datetime
    who: str
    why: str
    made_at: datetime
    confirmed_by: str = ""
    confirmed_at: datetime | None = None
    ended_by: str = ""
    ended_at: datetime | None = None

    def holds(self, now: datetime) -> bool:
        return self.since <= now < self.until and self.ended_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snooze:
    """One person's own quiet: for one incident, or (None) for all that is not fire, flood, safety."""

    person: str
    incident: int | None
    until: datetime


def covers(silence: Silence, incident: Incident, registry: Registry) -> bool:
    """Whether this incident is what the silence is about."""
    subject = incident.subject
    if subject.site != silence.site or (silence.rule and silence.rule != incident.rule):
        return False
    if incident.cls is IncidentClass.FIRE and not silence.confirmed_by:
        return False
    if silence.device:
        about = subject.name if subject.kind is SubjectKind.DEVICE else incident.device
        if about != silence.device:
            return False
    if silence.place:
        place = place_of(incident, registry)
        return place is not None and place.id == silence.place
    return True


def muted_by(
    silences: Iterable[Silence], incident: Incident, registry: Registry, now: datetime
) -> Silence | None:
    """The silence that holds now, of several the one that ends last."""
    holding = [one for one in silences if one.holds(now) and covers(one, incident, registry)]
    return max(holding, key=lambda one: one.until, default=None)


def snoozed_until(
    snoozes: Iterable[Snooze], person: str, incident: Incident, reason: NoticeReason, now: datetime
) -> datetime | None:
    """Until when this person wants no such notice; a rise in severity is always told."""
    if reason is NoticeReason.SEVERITY:
        return None
    ends = [
        one.until
        for one in snoozes
        if one.person == person
        and one.until > now
        and (one.incident == incident.id if one.incident else incident.cls not in NIGHT_CLASSES)
    ]
    return max(ends, default=None)

"""Who has a post's phone, and who wants no notices for a while: from rows, and of rows."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from alerts.incidents import who
from alerts.incidents.roster import HandOver
from alerts.incidents.silences import Snooze
from alerts.notify.notice import NoticeReason
from alerts.registry.model import Registry
from alerts.store import tables as t
from alerts.words import NIGHT_CLASSES, IncidentClass

# An answer to whoever asked just now, and what makes a box fall silent.
_AT_ANY_HOUR = (NoticeReason.LINK.value, NoticeReason.HUSHED.value)


def handed(connection: Connection) -> dict[str, HandOver]:
    """The newest hand-over of each post."""
    h = t.hand_over.c
    newest = select(func.max(h.id)).group_by(h.post)
    rows = connection.execute(select(t.hand_over).where(h.id.in_(newest)))
    return {
        row.post: HandOver(
            post=row.post, holder=row.holder, at=row.at, who=row.who, origin=row.origin
        )
        for row in rows
    }


def snoozes_of(connection: Connection, now: datetime, person: str | None = None) -> list[Snooze]:
    """Those that hold now."""
    z = t.snooze.c
    query = select(t.snooze).where(z.until > now)
    if person is not None:
        query = query.where(z.person == person)
    return [
        Snooze(person=row.person, incident=row.incident or None, until=row.until)
        for row in connection.execute(query)
    ]


def in_quiet(registry: Registry, now: datetime) -> dict[IncidentClass, list[str]]:
    """Whoever has quiet hours now, by the classes that these hold back."""
    zones = {site.id: who.zone_of(site.id, registry) for site in registry.sites}
    return {
        cls: [
            person.id
            for person in registry.people
            if who.quiet_until(person, cls, zones.get(person.site, UTC), now) is not None
        ]
        for cls in IncidentClass
        if cls not in NIGHT_CLASSES
    }


def rests(notice: Any, quiet: Mapping[IncidentClass, Collection[str]]) -> ColumnElement[bool]:
    """Whether a ``notice`` (the table, or an alias) finds its person ``in_quiet``.

    What was held up, tried again or handed on since it was written would ring in the night.
    """
    n = notice.c
    theirs = [and_(n.cls == cls.value, n.person.in_(people)) for cls, people in quiet.items()]
    return and_(n.reason.not_in(_AT_ANY_HOUR), or_(*theirs))

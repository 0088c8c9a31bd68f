"""Who has a post's phone, and who wants no notices for a while, out of their rows."""

from datetime import datetime

from sqlalchemy import Connection, func, select

from alerts.incidents.roster import HandOver
from alerts.incidents.silences import Snooze
from alerts.store import tables as t


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

"""Who has a post's shared phone: hand-overs, as rows."""

from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from alerts.incidents.acts import Refusal, Refused
from alerts.incidents.roster import HandOver, Roster
from alerts.registry.model import Registry
from alerts.store import tables as t
from alerts.store.database import Database


class Posts:
    """A part of ``Operations``; each call is one transaction."""

    _database: Database

    def _registry(self, connection: Connection) -> Registry:
        raise NotImplementedError

    def hand_over(
        self, post: str, holder: str, who: str, origin: str, now: datetime
    ) -> HandOver | Refused:
        """``holder`` has the phone from now on, says ``who``; all of one site."""
        with self._database.write() as connection:
            people = {person.id: person for person in self._registry(connection).people}
            if not all(id in people for id in (post, holder, who)) or not people[post].is_post:
                return Refused(Refusal.UNKNOWN_PERSON)
            if len({people[id].site for id in (post, holder, who)}) > 1:
                return Refused(Refusal.NOT_OF_THIS_SITE)
            row = {"post": post, "holder": holder, "at": now, "who": who, "origin": origin}
            connection.execute(insert(t.hand_over), row)
            return HandOver(post=post, holder=holder, at=now, who=who, origin=origin)

    def roster(self) -> Roster:
        """Who answers for whom."""
        with self._database.read() as connection:
            return Roster(registry=self._registry(connection), handed=handed(connection))


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

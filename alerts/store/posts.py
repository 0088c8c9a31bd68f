"""Who has a post's shared phone: hand-overs, as rows."""

from datetime import datetime

from sqlalchemy import insert

from alerts.incidents.acts import Refusal, Refused
from alerts.incidents.roster import HandOver, Roster
from alerts.store import tables as t
from alerts.store.browser_rows import in_browsers, reachable
from alerts.store.part import Part
from alerts.store.who_rows import handed


class Posts(Part):
    """A part of ``Operations``; each call is one transaction."""

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
            registry = reachable(self._registry(connection), in_browsers(connection))
            return Roster(registry=registry, handed=handed(connection))

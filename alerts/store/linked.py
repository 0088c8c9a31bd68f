"""What people do by the link in a notice: it was opened, cannot come, a link of one's own."""

from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from alerts.incidents import who as told_who
from alerts.incidents.acts import Done, Refusal, Refused, Result
from alerts.incidents.lifecycle import Act, line_of
from alerts.incidents.model import State, StoryKind
from alerts.notify.notice import NoticeReason, NoticeState
from alerts.store import tables as t
from alerts.store.browser_rows import in_browsers
from alerts.store.incident_rows import story_row
from alerts.store.part import Part


class Linked(Part):
    """A part of ``Operations``; each call is one transaction."""

    def opened(self, incident_id: int, person: str) -> int:
        """A person's eyes were on it: their accepted notices are opened; how many that changed."""
        n = t.notice.c
        with self._database.write() as connection:
            done = connection.execute(
                update(t.notice)
                .where(n.incident == incident_id, n.person == person, n.is_group.is_(False))
                .where(n.state == NoticeState.ACCEPTED.value)
                .values(state=NoticeState.OPENED.value)
            )
            return done.rowcount

    def decline(self, incident_id: int, who: str, origin: str, now: datetime) -> Result:
        """``who`` cannot come (去不了), which is a good answer: the next tier is asked at once."""
        with self._database.write() as connection:
            incident, registry, refused = self._open_act(connection, incident_id, who, None)
            if incident is None or refused is not None:
                return refused or Refused(Refusal.UNKNOWN_INCIDENT)
            line = line_of(StoryKind.DECLINED, now, Act(who=who, origin=origin))
            connection.execute(insert(t.story), story_row(incident.id, line))
            if incident.state is State.OPEN and incident.part_of is None:
                incident = self._climb_on(connection, incident, "declined", registry, now)
            return Done(incident)

    def send_link(self, incident_id: int, who: str, now: datetime) -> Result:
        """A link of their own to ``who``, at their first personal address and in their browsers."""
        n = t.notice.c
        with self._database.write() as connection:
            incident, registry, refused = self._open_act(connection, incident_id, who, None)
            if incident is None or refused is not None:
                return refused or Refused(Refusal.UNKNOWN_INCIDENT)
            person = next(each for each in registry.people if each.id == who)
            own = [one for one in person.addresses if not one.group][:1]
            own += in_browsers(connection).get(who, ())
            if person.site != incident.subject.site:
                return Refused(Refusal.NOT_OF_THIS_SITE)
            if not own:
                return Refused(Refusal.NO_ADDRESS)
            rule = self._rulebook().rules.get(incident.words_of)
            for address in own:  # once a round
                row: dict[str, Any] = self._teller.row(
                    incident, NoticeReason.LINK, person, address, registry, rule, now
                ) | {"due_at": now, "step": told_who.BESIDE}
                known = select(n.id).where(
                    *(n[name] == row[name] for name in ("incident", "channel", "to", "reason")),
                    *(n[name] == row[name] for name in ("step", "round", "level")),
                )
                if connection.execute(known).first() is None:
                    connection.execute(insert(t.notice), row)
            return Done(incident)

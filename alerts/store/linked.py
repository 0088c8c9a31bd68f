"""What people do by the link in a notice: it was opened, cannot come, a link of one's own."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from alerts.incidents import lifecycle
from alerts.incidents import who as told_who
from alerts.incidents.acts import Done, Refusal, Refused, Result
from alerts.incidents.lifecycle import Act, Event, line_of
from alerts.incidents.model import DutyKind, Incident, State, StoryKind
from alerts.notify.notice import TELLING, NoticeReason, NoticeState
from alerts.registry.model import Registry
from alerts.store import tables as t
from alerts.store.browser_rows import in_browsers
from alerts.store.incident_rows import story_row
from alerts.store.part import Part

_ASKING = [reason.value for reason in (*TELLING, NoticeReason.SECOND_LOOK)]


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
        """``who`` cannot come (去不了), which is a good answer: somebody else is asked at once.

        Of what was given to them whoever gave it hears; what they took over goes on to the next.
        Else it counts once, and only of somebody whose turn it is: a second tap, or one from a tier
        before, passes nobody over.
        """
        with self._database.write() as connection:
            incident, registry, refused = self._open_act(connection, incident_id, who, None)
            if incident is None or refused is not None:
                return refused or Refused(Refusal.UNKNOWN_INCIDENT)
            act = Act(who=who, origin=origin)
            is_turn = self._is_turn_of(connection, incident, who, registry)
            line = line_of(StoryKind.DECLINED, now, act)
            connection.execute(insert(t.story), story_row(incident.id, line))
            self._let_reminders_go(connection, incident.id, registry, now)
            match incident.state:
                case State.ACKNOWLEDGED if _has_it(incident, who):
                    incident = self._give_back(connection, incident, act, registry, now)
                case State.OPEN if is_turn and incident.part_of is None:
                    incident = self._climb_on(connection, incident, "declined", registry, now, who)
                case State.RECOVERED if is_turn:
                    incident = self._ask_another(connection, incident, who, registry, now)
            return Done(incident)

    def _is_turn_of(
        self, connection: Connection, incident: Incident, who: str, registry: Registry
    ) -> bool:
        """Whether they are asked now."""
        declined = self._teller.declined(connection, incident)
        if who in declined:
            return False
        if incident.state is State.RECOVERED:
            asked = told_who.looks_again(incident, registry, declined)
        else:
            asked = told_who.at_step(incident, registry)
        if any(person.id == who for person in asked):
            return True
        n = t.notice.c  # who stands in for one of them was told as one of them
        told = select(n.id).where(n.incident == incident.id, n.person == who)
        told = told.where(n.step == incident.step, n.round == incident.relapses)
        return connection.execute(told.where(n.reason.in_(_ASKING))).first() is not None

    def _give_back(
        self,
        connection: Connection,
        incident: Incident,
        act: Act,
        registry: Registry,
        now: datetime,
    ) -> Incident:
        """To whoever gave it, who is told; where nobody would hear, the climb goes on at once."""
        giver = self._giver(connection, incident)
        if giver and giver not in self._teller.declined(connection, incident):
            back = lifecycle.step(
                incident, Event.ASSIGNED, now, act=replace(act, to=giver), timers=self._timers
            )
            if back is not None and self._can_tell(connection, back, registry, now):
                return self._apply(connection, incident, back, registry, now)
        released = lifecycle.step(incident, Event.EXPIRED, now, act=act, timers=self._timers)
        if released is None:
            return incident
        free = self._apply(connection, incident, released, registry, now)
        return self._climb_on(connection, free, "declined", registry, now, act.who)

    def _giver(self, connection: Connection, incident: Incident) -> str:
        """Who gave it to whoever has it; "" where they took it themselves."""
        if not incident.assigned:
            return ""
        s = t.story.c
        given = select(s.who).where(s.incident == incident.id, s.kind == StoryKind.ASSIGNED.value)
        last = connection.execute(given.order_by(s.id.desc())).scalars().first()
        return last or ""

    def _ask_another(
        self,
        connection: Connection,
        incident: Incident,
        who: str,
        registry: Registry,
        now: datetime,
    ) -> Incident:
        """The second look is anybody's again, and the tiers after are asked, one at a time."""
        d = t.duty.c
        connection.execute(
            update(t.duty)
            .where(d.incident == incident.id, d.kind == DutyKind.SECOND_LOOK.value)
            .where(d.is_open.is_(True), d.person == who)
            .values(person="")
        )
        return self._tell(connection, incident, NoticeReason.SECOND_LOOK, registry, now)

    def send_link(self, incident_id: int, who: str, now: datetime) -> Result:
        """A link of their own to ``who``, at their first personal address and in their browsers."""
        n = t.notice.c
        with self._database.write() as connection:
            incident, registry, refused = self._open_act(connection, incident_id, who, None)
            if incident is None or refused is not None:
                return refused or Refused(Refusal.UNKNOWN_INCIDENT)
            person = next(each for each in registry.people if each.id == who)
            reachable = told_who.addresses_for(person, NoticeReason.LINK)
            own = [one for one in reachable if not one.group][:1]
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


def _has_it(incident: Incident, who: str) -> bool:
    """Whether they can give it back: a part goes with its leader, a false alarm is nobody's."""
    is_theirs = incident.acknowledged_by == who and not incident.false_alarm
    return is_theirs and (incident.assigned or incident.part_of is None)

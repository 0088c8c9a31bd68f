"""What people do about an incident: take it over, give it away, say what is so, look again, close it."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from alerts.incidents import lifecycle
from alerts.incidents.acts import Conflict, Done, Refusal, Refused, Result
from alerts.incidents.duties import CallOn, SecondLook, duty_of
from alerts.incidents.lifecycle import Act, Event, line_of
from alerts.incidents.model import DutyKind, Incident, State, StoryKind, StoryLine
from alerts.notify.notice import CALLING
from alerts.registry.model import ChannelKind, Registry
from alerts.store import tables as t
from alerts.store.incident_rows import (
    duty_row,
    incident_of,
    story_row,
)
from alerts.store.part import Part
from alerts.words import Severity

TAPPED_TWICE = timedelta(seconds=10)  # within this one tap arrived twice; later it is renewed
_CALLING = [reason.value for reason in CALLING]


class Acts(Part):
    """Each is refused, or in conflict with what happened meanwhile, or done and written down."""

    def acknowledge(
        self,
        incident_id: int,
        who: str,
        origin: str,
        now: datetime,
        on_behalf_of: str = "",
        *,
        version: int | None = None,
    ) -> Result:
        """``who`` takes over. Conflict when it has recovered, or somebody else was quicker.

        With the ``version`` that ``who`` has seen, it may be taken over from somebody.
        """
        act = Act(who=who, origin=origin, on_behalf_of=on_behalf_of)
        with self._database.write() as connection:
            incident, registry, refused = self._open_act(connection, incident_id, who, version)
            if incident is None or refused is not None:
                return refused or Refused(Refusal.UNKNOWN_INCIDENT)
            answered = not (incident.false_alarm or incident.assigned)
            if incident.state is State.ACKNOWLEDGED and answered:
                if incident.acknowledged_by != who and version is None:
                    return Conflict(incident)
                since = incident.acknowledged_at
                if incident.acknowledged_by == who and since and now - since < TAPPED_TWICE:
                    return Done(incident)
            change = lifecycle.step(incident, Event.ACKNOWLEDGED, now, act=act, timers=self._timers)
            if change is None:
                return Conflict(incident)
            return Done(self._apply(connection, incident, change, registry, now))

    def take_by_button(
        self, site: str, device: str, target: str, pressed_at: datetime | None, now: datetime
    ) -> Result:
        """Somebody pressed the button of an announcer: its post takes over what it announced.

        Only what this very announcer was told to call out, for a post of its site that still has
        it. A press from before the call's end (void, back again, worse) is too late: Conflict.
        """
        to = f"{site}/{device}"
        address, n = ChannelKind.ANNOUNCER.value, t.notice.c
        if not (target.isascii() and target.isdigit() and len(target) < 19):  # a BIGINT's digits
            return Refused(Refusal.UNKNOWN_INCIDENT)
        with self._database.read() as connection:
            registry = self._registry(connection)
            told = connection.execute(
                select(n.person)
                .where(n.incident == int(target), n.channel == address, n.to == to)
                .where(n.reason.in_(_CALLING))
                .order_by(n.id.desc())
            ).first()
            incident = connection.execute(
                select(t.incident).where(t.incident.c.id == int(target), t.incident.c.site == site)
            ).first()
            s = t.story.c
            lines = connection.execute(
                select(s.kind, s.at, s.facts).where(s.incident == int(target))
            )
            is_late = any(
                pressed_at is not None and line.at > pressed_at and ends_call(line)
                for line in lines
            )
        if told is None or incident is None:
            return Refused(Refusal.UNKNOWN_INCIDENT)
        if not any(
            person.id == told.person
            and person.site == site
            and any((one.channel.value, one.to) == (address, to) for one in person.addresses)
            for person in registry.people
        ) or not any((one.site, one.id) == (site, device) for one in registry.devices):
            return Refused(Refusal.UNKNOWN_PERSON)
        if is_late:
            return Conflict(incident_of(incident))
        return self.acknowledge(int(target), told.person, f"button:{to}", now)

    def comment(
        self,
        incident_id: int,
        who: str,
        text: str,
        origin: str,
        now: datetime,
        on_behalf_of: str = "",
    ) -> Result:
        """A line of the story; it changes nothing else, so it conflicts with nothing."""
        if not text.strip():
            return Refused(Refusal.NO_WORDS)
        with self._database.write() as connection:
            incident, _, refused = self._open_act(connection, incident_id, who, None)
            if incident is None or refused is not None:
                return refused or Refused(Refusal.UNKNOWN_INCIDENT)
            act = Act(who=who, origin=origin, on_behalf_of=on_behalf_of, note=text.strip())
            line = line_of(StoryKind.COMMENT, now, act)
            connection.execute(insert(t.story), story_row(incident.id, line))
            return Done(incident)

    def false_alarm(
        self,
        incident_id: int,
        who: str,
        reason: str,
        origin: str,
        now: datetime,
        on_behalf_of: str = "",
        *,
        version: int | None = None,
    ) -> Result:
        """Mute it until its rule has cleared once; what has recovered closes."""
        if not reason.strip():
            return Refused(Refusal.NO_WORDS)
        act = Act(who=who, origin=origin, on_behalf_of=on_behalf_of, note=reason.strip())
        with self._database.write() as connection:
            incident, registry, refused = self._open_act(connection, incident_id, who, version)
            if incident is None or refused is not None:
                return refused or Refused(Refusal.UNKNOWN_INCIDENT)
            if incident.seen_on_site:
                return Refused(Refusal.SEEN_ON_SITE)
            if incident.false_alarm:
                return Conflict(incident)
            change = lifecycle.step(incident, Event.FALSE_ALARM, now, act=act)
            if change is None:
                return Conflict(incident)
            return Done(self._apply(connection, incident, change, registry, now))

    def confirm_second_look(
        self,
        duty_id: int,
        who: str,
        outcome: SecondLook | str,
        note: str,
        now: datetime,
        origin: str = "",
        on_behalf_of: str = "",
    ) -> Result:
        """``who`` looked again: ``fine`` closes the incident, ``still-there`` opens it again.

        Conflict when the duty is done already, or the rule sees the danger again.
        """
        outcome = SecondLook(outcome)
        act = Act(who=who, origin=origin, on_behalf_of=on_behalf_of, note=note.strip())
        d = t.duty.c
        with self._database.write() as connection:
            row = connection.execute(
                select(t.duty).where(d.id == duty_id, d.kind == DutyKind.SECOND_LOOK.value)
            ).first()
            if row is None:
                return Refused(Refusal.UNKNOWN_DUTY)
            incident, registry, refused = self._open_act(connection, row.incident, who, None)
            if incident is None or refused is not None:
                return refused or Refused(Refusal.UNKNOWN_INCIDENT)
            # The lock on the incident is held now: look at the duty once more.
            is_open = connection.execute(select(d.is_open).where(d.id == duty_id)).scalar_one()
            event = Event.CONFIRMED if outcome is SecondLook.FINE else Event.STILL_THERE
            change = lifecycle.step(incident, event, now, act=act, timers=self._timers)
            if not is_open or change is None:
                return Conflict(incident)
            connection.execute(
                update(t.duty)
                .where(d.id == duty_id)
                .values(
                    is_open=False,
                    done_at=now,
                    done_by=who,
                    outcome=outcome.value,
                    note=act.note,
                )
            )
            facts: dict[str, float | str] = {
                "duty": DutyKind.SECOND_LOOK.value,
                "outcome": outcome.value,
            }
            done = line_of(StoryKind.DUTY_DONE, now, act, facts)
            connection.execute(insert(t.story), story_row(incident.id, done))
            return Done(self._apply(connection, incident, change, registry, now))

    def close_incident(
        self,
        incident_id: int,
        who: str,
        note: str,
        origin: str,
        now: datetime,
        on_behalf_of: str = "",
        *,
        version: int | None = None,
    ) -> Result:
        """Close what has recovered. What its rule still sees is not closed by anybody."""
        act = Act(who=who, origin=origin, on_behalf_of=on_behalf_of, note=note.strip())
        with self._database.write() as connection:
            incident, registry, refused = self._open_act(connection, incident_id, who, version)
            if incident is None or refused is not None:
                return refused or Refused(Refusal.UNKNOWN_INCIDENT)
            if incident.state is State.CLOSED:
                return Conflict(incident)
            change = lifecycle.step(incident, Event.CONFIRMED, now, act=act)
            if change is None:
                return Refused(Refusal.STILL_RAISED)
            return Done(self._apply(connection, incident, change, registry, now))

    def assign(
        self,
        incident_id: int,
        who: str,
        to: str,
        origin: str,
        now: datetime,
        on_behalf_of: str = "",
        *,
        version: int | None = None,
    ) -> Result:
        """``who`` gives it to ``to``, who is told; unanswered, the climb goes on.

        To oneself it is taking over. Conflict when it has recovered, or somebody else has it and
        ``version`` does not say that ``who`` has seen that.
        """
        act = Act(who=who, origin=origin, on_behalf_of=on_behalf_of, to=to)
        with self._database.write() as connection:
            incident, registry, refused = self._open_act(connection, incident_id, who, version)
            if incident is None or refused is not None:
                return refused or Refused(Refusal.UNKNOWN_INCIDENT)
            person = next((person for person in registry.people if person.id == to), None)
            if person is None:
                return Refused(Refusal.UNKNOWN_PERSON)
            if person.site != incident.subject.site:
                return Refused(Refusal.NOT_OF_THIS_SITE)
            held = incident.state is State.ACKNOWLEDGED and not incident.false_alarm
            if held and version is None and incident.acknowledged_by not in (who, to):
                return Conflict(incident)
            event = Event.ACKNOWLEDGED if who == to else Event.ASSIGNED
            change = lifecycle.step(incident, event, now, act=act, timers=self._timers)
            if change is None:
                return Conflict(incident)
            if event is Event.ASSIGNED and not self._can_tell(connection, change, registry, now):
                return Refused(Refusal.NOT_REACHED)
            return Done(self._apply(connection, incident, change, registry, now))

    def record_report(
        self,
        incident_id: int,
        who: str,
        reporter: str,
        phone: str,
        words: str,
        origin: str,
        now: datetime,
        on_behalf_of: str = "",
    ) -> Result:
        """``who`` writes down that ``reporter`` told of it; it will be called on (回访)."""
        if not reporter.strip():
            return Refused(Refusal.NO_WORDS)
        with self._database.write() as connection:
            incident, _, refused = self._open_act(connection, incident_id, who, None)
            if incident is None or refused is not None:
                return refused or Refused(Refusal.UNKNOWN_INCIDENT)
            row = {
                "incident": incident.id,
                "at": now,
                "who": who,
                "reporter": reporter.strip(),
                "phone": phone.strip(),
                "words": words.strip(),
            }
            connection.execute(insert(t.report), row)
            act = Act(who=who, origin=origin, on_behalf_of=on_behalf_of, note=words.strip())
            line = line_of(StoryKind.REPORTED, now, act)
            connection.execute(insert(t.story), story_row(incident.id, line))
            if incident.state in (State.RECOVERED, State.CLOSED):
                call_on(connection, incident, now)
            return Done(incident)

    def called_on(
        self,
        duty_id: int,
        who: str,
        outcome: CallOn | str,
        note: str,
        now: datetime,
        origin: str = "",
        on_behalf_of: str = "",
    ) -> Result:
        """``who`` called on whoever reported it. Not content opens it again once it has recovered or closed."""
        outcome = CallOn(outcome)
        act = Act(who=who, origin=origin, on_behalf_of=on_behalf_of, note=note.strip())
        d = t.duty.c
        with self._database.write() as connection:
            row = connection.execute(
                select(t.duty).where(d.id == duty_id, d.kind == DutyKind.CALL_ON.value)
            ).first()
            if row is None:
                return Refused(Refusal.UNKNOWN_DUTY)
            incident, registry, refused = self._open_act(connection, row.incident, who, None)
            if incident is None or refused is not None:
                return refused or Refused(Refusal.UNKNOWN_INCIDENT)
            facts: dict[str, float | str] = {
                "duty": DutyKind.CALL_ON.value,
                "outcome": outcome.value,
            }
            done = connection.execute(
                update(t.duty)
                .where(d.id == duty_id, d.is_open.is_(True))
                .values(
                    # Whoever was not reached is still to be called on.
                    is_open=outcome is CallOn.UNREACHED,
                    done_at=None if outcome is CallOn.UNREACHED else now,
                    done_by=who,
                    outcome=outcome.value,
                    note=act.note,
                )
            )
            if done.rowcount != 1:
                return Conflict(incident)
            line = line_of(StoryKind.DUTY_DONE, now, act, facts)
            connection.execute(insert(t.story), story_row(incident.id, line))
            self._let_reminders_go(connection, incident.id, registry, now)
            if outcome is CallOn.NOT_CONTENT:
                return Done(self._not_content(connection, incident, act, registry, now))
            return Done(incident)

    def _not_content(
        self,
        connection: Connection,
        incident: Incident,
        act: Act,
        registry: Registry,
        now: datetime,
    ) -> Incident:
        """Open again, if it had recovered or closed; what is open of the same hears of it."""
        if incident.state is State.CLOSED:
            other = self._open_of(connection, incident.rule, incident.subject)
            if other is not None:
                line = line_of(StoryKind.REPORTED, now, act, {"because": "not-content"})
                connection.execute(insert(t.story), story_row(other.id, line))
                return incident
        change = lifecycle.step(incident, Event.NOT_CONTENT, now, act=act, timers=self._timers)
        if change is None:
            return incident
        return self._apply(connection, incident, change, registry, now)


def call_on(connection: Connection, incident: Incident, now: datetime) -> None:
    """A duty for each report of this incident that has none yet: it has recovered, or closed."""
    r = t.report.c
    waiting = connection.execute(
        select(r.id).where(r.incident == incident.id, r.duty.is_(None))
    ).scalars()
    for report in list(waiting):
        duty = duty_row(duty_of(incident, DutyKind.CALL_ON, now))
        key = connection.execute(insert(t.duty), duty).inserted_primary_key
        assert key is not None
        connection.execute(update(t.report).where(r.id == report).values(duty=key[0]))
        line = StoryLine(at=now, kind=StoryKind.DUTY_OPENED, facts={"duty": DutyKind.CALL_ON.value})
        connection.execute(insert(t.story), story_row(incident.id, line))


def ends_call(line: Any) -> bool:
    """Whether a line of the story makes an earlier "I take it" void."""
    if line.kind == StoryKind.SEVERITY.value:
        was, now = (str(line.facts.get(name, "")).upper() for name in ("was", "severity"))
        return was in Severity.__members__ and Severity[was] < Severity.__members__.get(now, 0)
    return line.kind in (StoryKind.ACKNOWLEDGEMENT_VOID.value, StoryKind.REOPENED.value)

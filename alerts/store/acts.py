"""People's acts beside taking over: give it to somebody, write down a report, call on who reported."""

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from alerts.incidents import lifecycle
from alerts.incidents.acts import Conflict, Done, Refusal, Refused, Result
from alerts.incidents.duties import CallOn, duty_of
from alerts.incidents.lifecycle import Act, Change, Event, Timers, line_of
from alerts.incidents.model import DutyKind, Incident, State, StoryKind, StoryLine
from alerts.registry.model import Registry
from alerts.store import tables as t
from alerts.store.database import Database
from alerts.store.incident_rows import duty_row, incident_of, story_row


class Acts:
    """A part of ``Operations``; each call is one transaction."""

    _database: Database
    _timers: Timers

    def _open_act(
        self, connection: Connection, incident_id: int, who: str, version: int | None
    ) -> tuple[Incident | None, Registry, Refused | Conflict | None]:
        raise NotImplementedError

    def _apply(
        self,
        connection: Connection,
        before: Incident | None,
        change: Change,
        registry: Registry,
        now: datetime,
    ) -> Incident:
        raise NotImplementedError

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
            act = Act(who=who, origin=origin, note=words.strip())
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
        """``who`` called on whoever reported it. Not content opens it again while it has recovered."""
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
            if outcome is CallOn.NOT_CONTENT and incident.state is State.RECOVERED:
                change = lifecycle.step(
                    incident, Event.STILL_THERE, now, act=act, timers=self._timers
                )
                if change is not None:
                    return Done(self._apply(connection, incident, change, registry, now))
            return Done(incident)


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


def locked(connection: Connection, incident_id: int) -> Incident | None:
    """The incident, nobody else's until the transaction ends."""
    row = connection.execute(
        select(t.incident).where(t.incident.c.id == incident_id).with_for_update()
    ).first()
    return incident_of(row) if row is not None else None

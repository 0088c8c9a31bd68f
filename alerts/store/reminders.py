"""Reminders of duties that wait: written into the outbox once, and let go when they are done."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from alerts.incidents import who
from alerts.incidents.daytime import free_at
from alerts.incidents.duties import Waiting, ends_at, still_waits
from alerts.incidents.model import DutyKind, Incident, StoryKind, StoryLine
from alerts.incidents.reminders import HOLDS, STALE, Due, Item, Mark, Reminder, due
from alerts.incidents.roster import Roster
from alerts.notify.notice import NoticeReason, NoticeState
from alerts.registry.model import Address, ChannelKind, Person, Registry
from alerts.reminder import reminder_words
from alerts.store import tables as t
from alerts.store.incident_rows import (
    considered_row,
    duty_of,
    incident_of,
    story_row,
)
from alerts.store.part import Part, locked
from alerts.store.quiet import silences_now
from alerts.store.telling import UNSENT
from alerts.store.who_rows import handed, snoozes_of
from alerts.words import IncidentClass, Severity

MOST = 2000  # open duties that are looked at, the oldest first
_REMINDER = NoticeReason.REMINDER
_UNSENT = (t.notice.c.reason == _REMINDER.value, t.notice.c.state.in_(UNSENT))


class Reminders(Part):
    """A part of ``Operations``; each call is one transaction."""

    def remind(self, now: datetime) -> int:
        """Write the reminders that are due; how many messages. Called often, each is said once."""
        with self._database.read() as connection:
            found = self._due_reminders(connection, self._registry(connection), now)
            late = select(t.notice.c.id).where(*_UNSENT, t.notice.c.due_at <= now).limit(1)
            unsent = connection.execute(late).first()
        if not found.weighed and unsent is None:
            return 0
        with self._database.write() as connection:
            registry = self._registry(connection)
            # Under their locks, so that a look that is done meanwhile finds the reminder, or it
            # finds the look.
            ids = sorted({one.waiting.incident.id for one in found.weighed})
            for incident in ids:
                locked(connection, incident)
            _hold(connection, registry, now)
            found = self._due_reminders(connection, registry, now, ids)
            for reminder in found.reminders:
                self._write_reminder(connection, reminder, registry, now)
            _record(connection, found, now)
            return len(found.reminders)

    def _due_reminders(
        self,
        connection: Connection,
        registry: Registry,
        now: datetime,
        incidents: Collection[int] | None = None,
    ) -> Due:
        d = t.duty.c
        wanted = [d.is_open.is_(True), d.opened_at > now - STALE]
        if incidents is not None:
            wanted.append(d.incident.in_(incidents))
        waiting = _waiting(connection, wanted)
        return due(
            waiting,
            _marks(connection, waiting),
            registry,
            now,
            roster=Roster(registry=registry, handed=handed(connection)),
            silences=silences_now(connection, now),
            snoozes=snoozes_of(connection, now),
            span=self._timers.second_look,
        )

    def _write_reminder(
        self, connection: Connection, reminder: Reminder, registry: Registry, now: datetime
    ) -> None:
        first = reminder.items[0].waiting
        message = next_message(connection)
        rule = self._rulebook().rules.get(first.incident.words_of)
        person, address = reminder.person, reminder.address
        row = self._teller.row(first.incident, _REMINDER, person, address, registry, rule, now)
        row |= self._reminder_words(reminder.items, person, address, registry, now)
        row |= {
            # It can wait: it takes no token that is kept for fire, nor stands before an alarm.
            "cls": IncidentClass.UPKEEP.value,
            "severity": int(Severity.MINOR),
            "due_at": reminder.due_at,
            "step": who.BESIDE,
            "round": message,
        }
        connection.execute(insert(t.notice), row)
        marks = [
            {
                "about": _about(item.waiting.duty.id),
                "level": item.level,
                "person": name,
                "reason": _said(item).value,
                "message": message,
                "at": now,
            }
            for item in reminder.items
            for name in (person.id, *reminder.others)
        ]
        connection.execute(insert(t.reminder), marks)

    def _reminder_words(
        self,
        items: tuple[Item, ...],
        person: Person,
        address: Address,
        registry: Registry,
        now: datetime,
    ) -> dict[str, Any]:
        links = {
            one.waiting.duty.id: self._reminder_link(one, person, address, now) for one in items
        }
        title, text = reminder_words(
            items, links, self._rulebook().rules, registry, person, now, group=address.group
        )
        return {"title": title, "text": text, "link": links[items[0].waiting.duty.id]}

    def _reminder_link(self, item: Item, person: Person, address: Address, now: datetime) -> str:
        """Signed for the one incident; a call is written down on the console's page, where the
        phone number stands."""
        incident = item.waiting.incident
        if item.waiting.duty.kind is DutyKind.CALL_ON:
            return self._teller.link(f"/incidents/{incident.id}")
        return self._teller.link_for(incident, person, address, now)

    def _let_reminders_go(
        self, connection: Connection, incident: int, registry: Registry, now: datetime
    ) -> None:
        """Messages about this incident that are not sent: overtaken, or without what is done."""
        n, r, d = t.notice.c, t.reminder.c, t.duty.c
        duties = connection.execute(select(d.id).where(d.incident == incident)).scalars()
        about = select(r.message).where(r.about.in_([_about(duty) for duty in duties]))
        rows = connection.execute(select(t.notice).where(*_UNSENT, n.round.in_(about))).all()
        for row in rows:
            self._let_go_of(connection, row, registry, now)

    def _let_go_of(
        self, connection: Connection, row: Row[Any], registry: Registry, now: datetime
    ) -> None:
        n, r = t.notice.c, t.reminder.c
        said = connection.execute(
            select(r.about, r.level, r.reason).where(r.message == row.round, r.person == row.person)
        ).all()
        by_duty = {int(mark.about.partition(":")[2]): mark for mark in said}
        waiting = _waiting(connection, [t.duty.c.id.in_(by_duty)])
        left = tuple(
            Item(
                waiting=each,
                level=by_duty[each.duty.id].level,
                stands_behind=by_duty[each.duty.id].reason == who.Reason.STANDS_BEHIND.value,
                ends_at=ends_at(each, self._timers.second_look),
            )
            for each in waiting
            if still_waits(each) and row.person not in each.declined
        )
        if len(left) == len(by_duty):
            return
        changed: dict[str, Any] = {"state": NoticeState.OVERTAKEN.value, "settled_at": now}
        person = next((one for one in registry.people if one.id == row.person), None)
        if left and person is not None:
            address = Address(
                channel=ChannelKind(row.channel), to=row.to, group=row.is_group, secret=row.secret
            )
            changed = self._reminder_words(left, person, address, registry, now)
            changed["incident"] = left[0].waiting.incident.id
        connection.execute(update(t.notice).where(n.id == row.id).values(changed))


def next_message(connection: Connection) -> int:
    """A number of its own for a message; one process at a time writes them."""
    last = connection.execute(select(func.max(t.reminder.c.message))).scalar()
    return (last or 0) + 1


def _waiting(connection: Connection, wanted: Iterable[Any]) -> list[Waiting]:
    """Duties with their incidents, and who declined those."""
    d, i, s = t.duty.c, t.incident.c, t.story.c
    query = select(t.duty).where(*wanted).order_by(d.opened_at, d.id).limit(MOST)
    duties = [duty_of(row) for row in connection.execute(query)]
    ids = {duty.incident for duty in duties}
    incidents: Mapping[int, Incident] = {
        row.id: incident_of(row)
        for row in connection.execute(select(t.incident).where(i.id.in_(ids)))
    }
    declined: dict[int, set[str]] = {}
    lines = select(s.incident, s.who).where(s.incident.in_(ids), s.kind == StoryKind.DECLINED.value)
    for line in connection.execute(lines):
        declined.setdefault(line.incident, set()).add(line.who)
    return [
        Waiting(
            duty=duty,
            incident=incidents[duty.incident],
            declined=frozenset(declined.get(duty.incident, ())),
        )
        for duty in duties
    ]


def _marks(connection: Connection, waiting: Iterable[Waiting]) -> list[Mark]:
    r = t.reminder.c
    names = {_about(each.duty.id): each.duty.id for each in waiting}
    rows = connection.execute(
        select(r.about, r.level, r.person, r.reason).where(r.about.in_(names)).order_by(r.id)
    )
    return [
        Mark(
            duty=names[row.about],
            level=row.level,
            person=row.person,
            reason=who.Reason(row.reason),
        )
        for row in rows
    ]


def _record(connection: Connection, found: Due, now: datetime) -> None:
    """Everybody who was considered, the story of each incident, and what nobody could be told of."""
    for one in found.weighed:
        incident, duty = one.waiting.incident, one.waiting.duty
        rows = [considered_row(verdict.considered(incident.id, now)) for verdict in one.verdicts]
        if rows:
            connection.execute(insert(t.considered), rows)
        told = [verdict.person.id for verdict in one.verdicts if verdict.due_at is not None]
        if told:
            facts: dict[str, float | str] = {
                "reason": _REMINDER.value,
                "duty": duty.kind.value,
                "people": ", ".join(told),
            }
            line = StoryLine(at=now, kind=StoryKind.TOLD, facts=facts)
            connection.execute(insert(t.story), story_row(incident.id, line))
            continue
        reasons = [verdict.reason for verdict in one.verdicts]
        held = next((why for why in reasons if why in HOLDS), who.Reason.NOT_ACCEPTED)
        mark = {
            "about": _about(duty.id),
            "level": one.level,
            "person": "",
            "reason": held.value,
            "message": 0,
            "at": now,
        }
        connection.execute(insert(t.reminder), mark)


def _hold(connection: Connection, registry: Registry, now: datetime) -> None:
    """What could not be sent by day, or while its reader wanted quiet, waits until it may be."""
    n = t.notice.c
    people = {person.id: person for person in registry.people}
    snoozes = snoozes_of(connection, now)
    for row in connection.execute(select(t.notice).where(*_UNSENT, n.due_at <= now)).all():
        person = people.get(row.person)
        if person is None:  # left, and is reminded of nothing
            changed: dict[str, Any] = {"state": NoticeState.OVERTAKEN.value, "settled_at": now}
        else:
            until, _ = free_at(person, row.incident, registry, snoozes, now)
            changed = {"due_at": until}
        connection.execute(update(t.notice).where(n.id == row.id).values(changed))


def _about(duty: int) -> str:
    return f"duty:{duty}"


def _said(item: Item) -> who.Reason:
    return who.Reason.STANDS_BEHIND if item.stands_behind else who.Reason.REMINDED

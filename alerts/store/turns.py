"""Reminders of turns at posts and of silences that end: about no incident, each written once."""

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from alerts.incidents import who
from alerts.incidents.endings import Ending, about, due_endings
from alerts.incidents.roster import Roster
from alerts.incidents.shifts import AHEAD, ShiftReminder, begins_at, due_shifts
from alerts.notify.notice import NoticeReason, NoticeState
from alerts.registry.model import Address, Person, Registry
from alerts.shift_words import shift_words
from alerts.silence_words import silence_words
from alerts.store import tables as t
from alerts.store.part import Part
from alerts.store.quiet import silences_now
from alerts.store.reminders import next_message
from alerts.store.telling import UNSENT
from alerts.store.who_rows import handed, snoozes_of
from alerts.words import IncidentClass, Severity


class Turns(Part):
    """A part of ``Operations``; each call is one transaction."""

    def remind_of_turns(self, now: datetime) -> int:
        """Tell whoever has the next turn at a post, or that nobody has; how many messages."""
        with self._database.read() as connection:
            late = _begun(connection, now)
            if not late and not _due(connection, self._registry(connection), now):
                return 0
        with self._database.write() as connection:
            connection.execute(
                update(t.notice)
                .where(t.notice.c.id.in_(late), t.notice.c.state.in_(UNSENT))
                .values(state=NoticeState.OVERTAKEN.value, settled_at=now)
            )
            registry = self._registry(connection)
            found = _due(connection, registry, now)
            for one in found:
                self._write_turn(connection, one, registry, now)
            return sum(one.address is not None for one in found)

    def _write_turn(
        self, connection: Connection, one: ShiftReminder, registry: Registry, now: datetime
    ) -> None:
        link = self._teller.link("/people")
        words = (*shift_words(one.shift, registry, one.person, link, now), link)
        _write(connection, one.shift.about, one.person, one.reason, one.address, words, now)

    def remind_of_silences(self, now: datetime) -> int:
        """Tell whoever asked for a long silence that it is about to end; how many messages."""
        with self._database.read() as connection:
            if not _ending(connection, self._registry(connection), now):
                return 0
        with self._database.write() as connection:
            registry = self._registry(connection)
            found = _ending(connection, registry, now)
            link = self._teller.link("/silences")
            for one in found:
                rules, language = self._rulebook().rules, one.person.language
                said = silence_words(one.silence, rules, registry, language, link, now)
                words = (*said, link)
                _write(connection, one.about, one.person, one.reason, one.address, words, now)
            return sum(one.address is not None for one in found)


def _write(
    connection: Connection,
    name: str,
    person: Person,
    reason: who.Reason,
    address: Address | None,
    words: tuple[str, str, str],
    now: datetime,
) -> None:
    """The message, if there is where to send it, and the mark that it was decided."""
    message = 0
    if address is not None:
        message = next_message(connection)
        row = _plain_row(person, address, words, now)
        connection.execute(insert(t.notice), row | {"round": message})
    mark = {
        "about": name,
        "level": 1,
        "person": person.id,
        "reason": reason.value,
        "message": message,
        "at": now,
    }
    connection.execute(insert(t.reminder), mark)


def _plain_row(
    person: Person, address: Address, words: tuple[str, str, str], now: datetime
) -> dict[str, object]:
    """An outbox row about no incident; its ``round`` is the caller's."""
    title, text, link = words
    return {
        "incident": None,
        "reason": NoticeReason.REMINDER.value,
        "step": who.BESIDE,
        "level": 0,
        "person": person.id,
        "channel": address.channel.value,
        "to": address.to,
        "is_group": address.group,
        "secret": address.secret,
        "language": person.language.value,
        "cls": IncidentClass.UPKEEP.value,
        "severity": int(Severity.MINOR),
        "title": title,
        "text": text,
        "link": link,
        "created_at": now,
        "due_at": now,
        "state": NoticeState.WAITING.value,
        "attempts": 0,
        "detail": "",
    }


def _due(connection: Connection, registry: Registry, now: datetime) -> list[ShiftReminder]:
    if not registry.rotas:
        return []
    r = t.reminder.c
    told = connection.execute(
        select(r.about).where(r.about.startswith("turn:") | r.about.startswith("gap:"))
    )
    roster = Roster(registry=registry, handed=handed(connection))
    return list(due_shifts(roster, set(told.scalars()), now, snoozes_of(connection, now)))


def _ending(connection: Connection, registry: Registry, now: datetime) -> list[Ending]:
    silences = silences_now(connection, now)
    r = t.reminder.c
    told = connection.execute(select(r.about).where(r.about.in_([about(s) for s in silences])))
    snoozes = snoozes_of(connection, now)
    return list(due_endings(silences, set(told.scalars()), registry, now, snoozes))


def _begun(connection: Connection, now: datetime) -> list[int]:
    """Messages that were not sent before the turn began."""
    n, r = t.notice.c, t.reminder.c
    rows = connection.execute(
        select(n.id, r.about)
        .join(t.reminder, r.message == n.round)
        .where(n.reason == NoticeReason.REMINDER.value, n.state.in_(UNSENT))
        .where(n.incident.is_(None), n.created_at > now - AHEAD)
    )
    return [
        row.id
        for row in rows
        if (begins := begins_at(row.about)) is not None and begins <= now.timestamp()
    ]

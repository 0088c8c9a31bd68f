"""Silences, maintenance windows and snoozes, as rows."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from alerts.incidents.acts import Refusal, Refused
from alerts.incidents.endings import about
from alerts.incidents.model import Incident, State
from alerts.incidents.silences import (
    AHEAD,
    LONGEST,
    SNOOZE_LONGEST,
    Silence,
    SilenceKind,
    Snooze,
    muted_by,
)
from alerts.notify.notice import NoticeReason, NoticeState
from alerts.registry.model import Registry
from alerts.store import tables as t
from alerts.store.part import Part
from alerts.store.telling import UNSENT
from alerts.store.who_rows import snoozes_of

_FIELDS = [
    "site", "place", "device", "rule", "since", "until", "who", "why", "made_at", "confirmed_by",
    "confirmed_at", "ended_by", "ended_at",
]  # fmt: skip


class Quiet(Part):
    """A part of ``Operations``; each call is one transaction."""

    def silence(self, wanted: Silence, now: datetime) -> Silence | Refused:
        """Write it down; it has its id then. Of the past or too long it is refused."""
        if not wanted.why.strip():
            return Refused(Refusal.NO_WORDS)
        begins = max(wanted.since, now)
        if begins > now + AHEAD or not begins < wanted.until <= begins + LONGEST:
            return Refused(Refusal.NO_SUCH_TIME)
        with self._database.write() as connection:
            registry = self._registry(connection)
            if refused := _is_wrong(wanted, registry):
                return Refused(refused)
            if wanted.rule and not self._knows(connection, wanted.rule):
                return Refused(Refusal.UNKNOWN_RULE)
            made = replace(wanted, made_at=now, confirmed_by="", confirmed_at=None)
            row = {name: getattr(made, name) for name in _FIELDS} | {"kind": made.kind.value}
            key = connection.execute(insert(t.silence), row).inserted_primary_key
            assert key is not None
            return replace(made, id=key[0])

    def _knows(self, connection: Connection, rule: str) -> bool:
        """Of the packs that are known here, or one that has rung."""
        rung = select(t.incident.c.id).where(t.incident.c.rule == rule).limit(1)
        return rule in self._rulebook().rules or connection.execute(rung).first() is not None

    def confirm_silence(self, silence_id: int, who: str, now: datetime) -> Silence | Refused:
        """A second person agrees: from now on it covers fire class too."""
        with self._database.write() as connection:
            known = self._known_silence(connection, silence_id, who)
            if isinstance(known, Refused):
                return known
            if known.who == who:
                return Refused(Refusal.SAME_PERSON)
            if known.confirmed_by or known.ended_at is not None:
                return known
            changed = replace(known, confirmed_by=who, confirmed_at=now)
            return _put(connection, changed)

    def end_silence(self, silence_id: int, who: str, now: datetime) -> Silence | Refused:
        """Before its time; what it held back is looked at again at once."""
        with self._database.write() as connection:
            known = self._known_silence(connection, silence_id, who)
            if isinstance(known, Refused) or known.ended_at is not None:
                return known
            changed = _put(connection, replace(known, ended_by=who, ended_at=now))
            i, n, r = t.incident.c, t.notice.c, t.reminder.c
            said = select(r.message).where(r.about == about(known), r.message > 0)
            connection.execute(  # that it is about to end is no news any more
                update(t.notice)
                .where(n.round.in_(said), n.reason == NoticeReason.REMINDER.value)
                .where(n.state.in_(UNSENT))
                .values(state=NoticeState.OVERTAKEN.value, settled_at=now)
            )
            held = (i.site == known.site, i.is_open.is_(True), i.muted_until.isnot(None))
            at_once = update(t.incident).where(*held, i.state == State.OPEN.value)
            connection.execute(at_once.values(next_step_at=now))
            # What somebody has in hand is looked at once nobody has it any longer.
            free = update(t.incident).where(*held)
            connection.execute(free.values(muted_until=now, version=i.version + 1))
            return changed

    def silences(
        self, *, site: str | None = None, now: datetime | None = None, limit: int = 100
    ) -> list[Silence]:
        """The newest first; with ``now`` those that hold or are still to come."""
        s = t.silence.c
        query = select(t.silence).order_by(s.id.desc()).limit(limit)
        if site is not None:
            query = query.where(s.site == site)
        if now is not None:
            query = query.where(s.until > now, s.ended_at.is_(None))
        with self._database.read() as connection:
            return [_silence(row) for row in connection.execute(query)]

    def snooze(
        self, who: str, incident: int | None, until: datetime, now: datetime
    ) -> Snooze | Refused:
        """``who`` wants no notices until then; an earlier wish about the same is replaced."""
        if until > now + SNOOZE_LONGEST:
            return Refused(Refusal.NO_SUCH_TIME)
        z = t.snooze.c
        with self._database.write() as connection:
            if not any(person.id == who for person in self._registry(connection).people):
                return Refused(Refusal.UNKNOWN_PERSON)
            known = select(t.incident.c.id).where(t.incident.c.id == incident)
            if incident is not None and connection.execute(known).first() is None:
                return Refused(Refusal.UNKNOWN_INCIDENT)
            # What has run out goes as well: nobody asks for it again.
            connection.execute(
                delete(t.snooze).where(
                    or_(z.until <= now, (z.person == who) & (z.incident == (incident or 0)))
                )
            )
            if until > now:
                row = {"person": who, "incident": incident or 0, "until": until, "made_at": now}
                connection.execute(insert(t.snooze), row)
            return Snooze(person=who, incident=incident, until=until)

    def snoozes(self, person: str, now: datetime) -> list[Snooze]:
        with self._database.read() as connection:
            return snoozes_of(connection, now, person)

    def snoozed(self, incident: int, now: datetime) -> list[Snooze]:
        """Who wants no notices of this one incident now."""
        with self._database.read() as connection:
            return [one for one in snoozes_of(connection, now) if one.incident == incident]

    def _known_silence(
        self, connection: Connection, silence_id: int, who: str
    ) -> Silence | Refused:
        row = connection.execute(
            select(t.silence).where(t.silence.c.id == silence_id).with_for_update()
        ).first()
        if row is None:
            return Refused(Refusal.UNKNOWN_SILENCE)
        people = self._registry(connection).people
        if not any(person.id == who and person.site == row.site for person in people):
            return Refused(Refusal.UNKNOWN_PERSON)
        return _silence(row)


def silence_over(
    connection: Connection, incident: Incident, registry: Registry, now: datetime
) -> Silence | None:
    """The silence that covers this incident now, if any."""
    here = silences_now(connection, now, incident.subject.site)
    return muted_by(here, incident, registry, now)


def silences_now(connection: Connection, now: datetime, site: str | None = None) -> list[Silence]:
    """Those that hold, of one site or of all."""
    s = t.silence.c
    query = select(t.silence).where(s.until > now, s.since <= now, s.ended_at.is_(None))
    if site is not None:
        query = query.where(s.site == site)
    return [_silence(row) for row in connection.execute(query)]


def _is_wrong(wanted: Silence, registry: Registry) -> Refusal | None:
    if not any(p.id == wanted.who and p.site == wanted.site for p in registry.people):
        return Refusal.UNKNOWN_PERSON
    at = wanted.site
    places: Sequence[Any] = registry.places
    devices: Sequence[Any] = registry.devices
    for name, known in ((wanted.place, places), (wanted.device, devices)):
        if name and not any(one.site == at and one.id == name for one in known):
            return Refusal.UNKNOWN_PLACE
    return None


def _put(connection: Connection, silence: Silence) -> Silence:
    row = {name: getattr(silence, name) for name in _FIELDS}
    connection.execute(update(t.silence).where(t.silence.c.id == silence.id).values(row))
    return silence


def _silence(row: Row[Any]) -> Silence:
    fields = row._mapping
    return Silence(
        id=fields["id"],
        kind=SilenceKind(fields["kind"]),
        **{name: fields[name] for name in _FIELDS},
    )

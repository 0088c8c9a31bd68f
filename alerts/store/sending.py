"""The outbox as the dispatcher and the channels see it: what is due, and what came of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, exists, func, insert, select, update

from alerts.incidents import climb, who
from alerts.incidents.model import Incident, State
from alerts.notify.notice import CALLING, Considered, Notice, NoticeReason, NoticeState
from alerts.notify.outcome import Outcome
from alerts.registry.model import Address, ChannelKind, Person, Registry
from alerts.store import outbox
from alerts.store import tables as t
from alerts.store.browser_rows import in_browsers, is_copy, tried, with_browsers
from alerts.store.incident_rows import (
    considered_row,
    notice_of,
    notice_row_anew,
)
from alerts.store.part import Part, locked, save
from alerts.store.telling import UNSENT, level_of
from alerts.words import IncidentClass

_CALLING = [reason.value for reason in CALLING]


class Sending(Part):
    """What is lost goes to the person's next address, or to the next tier."""

    def due(self, now: datetime, limit: int) -> list[Notice]:
        """Notices to send by ``now``: of fire class, then the oldest first.

        Per (incident, address) none whose elder waits.
        """
        notice, elder = t.notice, t.notice.alias("elder")
        elder_waits = exists().where(
            elder.c.incident == notice.c.incident,
            elder.c.channel == notice.c.channel,
            elder.c.to == notice.c.to,
            elder.c.id < notice.c.id,
            elder.c.state.in_(UNSENT),
        )
        query = (
            select(notice)
            .where(notice.c.state.in_(UNSENT), notice.c.due_at <= now, ~elder_waits)
            # Else a fire would stand behind a storm that is older and longer than ``limit``.
            .order_by(notice.c.cls != IncidentClass.FIRE.value, notice.c.due_at, notice.c.id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [notice_of(row) for row in connection.execute(query)]

    def settle(self, notice_id: int, outcome: Outcome, now: datetime, jitter: float = 0.0) -> None:
        """Write an attempt's outcome down; what is lost goes to the next address, or the next tier."""
        n = t.notice.c
        with self._database.write() as connection:
            row = connection.execute(
                select(t.notice).where(n.id == notice_id).with_for_update()
            ).first()
            if row is None or row.state not in (*UNSENT, NoticeState.OVERTAKEN.value):
                return  # settled before: a repeat after a crash
            settled = outbox.settle(notice_of(row), outcome, now, jitter)
            notice = settled.notice
            connection.execute(
                update(t.notice)
                .where(n.id == notice_id)
                .values(
                    state=notice.state.value,
                    attempts=notice.attempts,
                    due_at=notice.due_at,
                    settled_at=notice.settled_at,
                    detail=notice.detail,
                )
            )
            tried(connection, notice, outcome, now)
            if notice.state is NoticeState.ACCEPTED and notice.reason in CALLING:
                self._heard(connection, row, now)
            elif settled.lost and row.state != NoticeState.OVERTAKEN.value:
                self._hand_on(connection, row, now)

    def hold(self, notice_ids: Sequence[int], until: datetime, why: str) -> None:
        """These wait for their turn until then, and say why; no attempt is counted."""
        n = t.notice.c
        with self._database.write() as connection:
            connection.execute(
                update(t.notice)
                .where(n.id.in_(notice_ids), n.state.in_(UNSENT))
                .values(due_at=until, detail=why)
            )

    def second(self, notice_id: int, now: datetime) -> bool:
        """A call that no channel has taken yet goes to its person's next address as well, once."""
        with self._database.write() as connection:
            row = connection.execute(
                select(t.notice).where(t.notice.c.id == notice_id).with_for_update()
            ).first()
            if row is None or row.state not in UNSENT or row.reason not in _CALLING:
                return False
            if is_copy(row):
                return False  # the person's own notice goes a second way
            registry = self._registry(connection)
            person, untried, tried = self._addresses_left(connection, row, registry)
            if tried > 1 or not untried:
                return False
            _consider(connection, row, who.Reason.NEXT_ADDRESS, now)
            return self._tell_there(connection, row, person, untried[0], registry, now)

    def _heard(self, connection: Connection, row: Any, now: datetime) -> None:
        """The tier's first notice was accepted: its wait counts from here."""
        incident = locked(connection, row.incident)
        if incident is None or not _is_current(incident, row):
            return
        n = t.notice.c
        accepted = select(func.count()).where(
            *_same_call(row), n.state.notin_([*UNSENT, NoticeState.REJECTED.value])
        )
        if connection.execute(accepted).scalar_one() != 1:
            return
        steps = who.tiers_of(incident, self._registry(connection))
        heard = climb.accepted(incident, steps, now)
        if heard != incident:
            save(connection, incident, replace(heard, version=incident.version + 1))

    def _hand_on(self, connection: Connection, row: Any, now: datetime) -> None:
        """To the person's next address; else, when nobody of the tier is reached, a tier up."""
        if row.reason == NoticeReason.HUSHED.value or is_copy(row):
            return  # silence is for this announcer alone; beside a copy stands the person's own notice
        registry = self._registry(connection)
        person, untried, _ = self._addresses_left(connection, row, registry)
        reason = who.Reason.NEXT_ADDRESS if untried else who.Reason.NOT_ACCEPTED
        _consider(connection, row, reason, now)
        if untried:
            self._tell_there(connection, row, person, untried[0], registry, now)
            return
        incident = locked(connection, row.incident)
        if incident is None or row.reason not in _CALLING or not _is_current(incident, row):
            return
        n = t.notice.c
        reached = select(n.id).where(
            n.incident == row.incident,
            n.step == row.step,
            n.round == row.round,
            n.reason.in_(_CALLING),
            n.state != NoticeState.REJECTED.value,
        )
        if connection.execute(reached).first() is None:
            self._climb_on(connection, incident, "not-accepted", registry, now)

    def _addresses_left(
        self, connection: Connection, row: Any, registry: Registry
    ) -> tuple[Person | None, list[Address], int]:
        """Who was told, at which addresses not yet, and at how many already."""
        n = t.notice.c
        reason = NoticeReason(row.reason)
        person = next((p for p in registry.people if p.id == row.person), None)
        if person is not None:
            person = with_browsers(person, in_browsers(connection), reason)
        known = {
            (other.channel, other.to)
            for other in connection.execute(
                select(n.channel, n.to).where(*_same_call(row), n.person == row.person)
            )
        }
        untried = [
            address
            for address in (who.addresses_for(person, reason) if person else ())
            if (address.channel.value, address.to) not in known
        ]
        return person, untried, len(known)

    def _tell_there(
        self,
        connection: Connection,
        row: Any,
        person: Person | None,
        address: Address,
        registry: Registry,
        now: datetime,
    ) -> bool:
        """The same notice to another address; False where somebody has it there already."""
        n = t.notice.c
        again = notice_row_anew(row, now) | {
            "channel": address.channel.value,
            "to": address.to,
            "is_group": address.group,
            "secret": address.secret,
        }
        if ChannelKind.ANNOUNCER.value in (row.channel, again["channel"]):
            again |= self._words_for(connection, row, person, address, registry, now)
        # A neighbour may have had the same group address for the same notice.
        taken = select(n.id).where(
            *_same_call(row), n.channel == again["channel"], n.to == again["to"]
        )
        if connection.execute(taken).first() is not None:
            return False
        connection.execute(insert(t.notice), again)
        return True

    def _words_for(
        self,
        connection: Connection,
        row: Any,
        person: Person | None,
        address: Address,
        registry: Registry,
        now: datetime,
    ) -> dict[str, Any]:
        """What is read and what is said aloud differ: the words for the other kind of address."""
        incident = locked(connection, row.incident)
        if incident is None or person is None:
            return {}
        rule = self._rulebook().rules.get(incident.words_of)
        reason = NoticeReason(row.reason)
        fresh = self._teller.row(incident, reason, person, address, registry, rule, now)
        return {name: fresh[name] for name in ("title", "text", "link")}


def _is_current(incident: Incident, row: Any) -> bool:
    """Whether this notice calls the tier that has its wait right now."""
    return (
        incident.state is State.OPEN
        and row.step == incident.step
        and row.round == incident.relapses
        and row.level in (0, level_of(incident, NoticeReason.SEVERITY))
    )


def _same_call(row: Any) -> tuple[Any, ...]:
    """Notices of one telling: same incident, reason, step, round and level."""
    n = t.notice.c
    return (
        n.incident == row.incident,
        n.reason == row.reason,
        n.step == row.step,
        n.round == row.round,
        n.level == row.level,
    )


def _consider(connection: Connection, row: Any, reason: who.Reason, now: datetime) -> None:
    """Whoever this notice was for was considered once more."""
    verdict = Considered(
        incident=row.incident,
        at=now,
        person=row.person,
        step=row.step,
        told=reason.told,
        reason=reason.value,
    )
    connection.execute(insert(t.considered), considered_row(verdict))

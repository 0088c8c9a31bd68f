"""The outbox as the dispatcher and the channels see it: what is due, and what came of it."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, exists, func, insert, not_, or_, select, tuple_, update

from alerts.incidents import climb, who
from alerts.incidents.model import Incident, State
from alerts.notify.delays import GONE
from alerts.notify.notice import CALLING, Considered, Notice, NoticeReason, NoticeState
from alerts.notify.outcome import Outcome
from alerts.registry.model import Address, ChannelKind, Person, Registry
from alerts.store import outbox
from alerts.store import tables as t
from alerts.store.browser_rows import in_browsers, is_copy, is_in_browser, tried, with_browsers
from alerts.store.incident_rows import (
    considered_row,
    notice_of,
    notice_row_anew,
)
from alerts.store.part import Part, locked, save
from alerts.store.telling import UNHEARD, UNSENT, level_of
from alerts.store.who_rows import in_quiet, rests
from alerts.words import IncidentClass

IN_BACK_OFF_MOST = 1000  # watched over from the start; whatever else is due soon is seen then
_CALLING = [reason.value for reason in CALLING]


class Sending(Part):
    """What is lost goes to the person's next address, or to other people."""

    def due(
        self, now: datetime, limit: int, full: Collection[tuple[ChannelKind, str]] = ()
    ) -> list[Notice]:
        """Notices to send by ``now``: of fire class, then the oldest first.

        Per (incident, address) none whose elder waits. To the addresses that are ``full`` of what
        is under way those of fire class alone: they would hide all others. None to whoever has
        quiet hours by now.
        """
        notice, elder = t.notice, t.notice.alias("elder")
        with self._database.read() as connection:
            quiet = in_quiet(self._registry(connection), now)
            elder_waits = exists().where(
                elder.c.incident == notice.c.incident,
                elder.c.channel == notice.c.channel,
                elder.c.to == notice.c.to,
                elder.c.id < notice.c.id,
                elder.c.state.in_(UNSENT),
                # A reminder may wait for the day; alarms do not.
                elder.c.reason != NoticeReason.REMINDER.value,
                # Quiet that somebody wanted of the elder holds up no news that quiet does not hold.
                not_(and_(elder.c.due_at > now, elder.c.attempts == 0, elder.c.detail == "")),
                not_(rests(elder, quiet)),
            )
            query = (
                select(notice)
                .where(notice.c.state.in_(UNSENT), notice.c.due_at <= now, ~elder_waits)
                .where(not_(rests(notice, quiet)))
                # Else a fire would stand behind a storm that is older and longer than ``limit``.
                .order_by(notice.c.cls != IncidentClass.FIRE.value, notice.c.due_at, notice.c.id)
                .limit(limit)
            )
            if full:
                there = [(channel.value, to) for channel, to in full]
                query = query.where(
                    or_(
                        notice.c.cls == IncidentClass.FIRE.value,
                        tuple_(notice.c.channel, notice.c.to).not_in(there),
                    )
                )
            return [notice_of(row) for row in connection.execute(query)]

    def fire_in_back_off(self) -> list[Notice]:
        """What of fire class has been tried or held, and is not taken yet, due or not."""
        n = t.notice.c
        # Whoever snoozes has a notice that is due later and that nothing was said of yet.
        query = select(t.notice).where(
            n.state.in_(UNSENT), n.cls == IncidentClass.FIRE.value, n.detail != ""
        )
        with self._database.read() as connection:
            return [notice_of(row) for row in connection.execute(query.limit(IN_BACK_OFF_MOST))]

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
            elif settled.lost and _is_in_hand(connection, row):
                _consider(connection, row, who.Reason.NOT_ACCEPTED, now)
            elif settled.lost and row.state != NoticeState.OVERTAKEN.value:
                self._hand_on(connection, row, self._registry(connection), now)

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
            if _is_in_hand(connection, row):
                return False
            registry = self._registry(connection)
            person, untried, tried = self._addresses_left(connection, row, registry)
            if tried > 1:
                return False
            return self._tell_next(connection, row, person, untried, registry, now)

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

    def _hand_on(
        self,
        connection: Connection,
        row: Any,
        registry: Registry,
        now: datetime,
        due_at: datetime | None = None,
    ) -> None:
        """To the person's next address; else, when nobody of the tier is reached, a tier up."""
        if row.reason == NoticeReason.HUSHED.value or is_copy(row):
            return  # silence is for this announcer alone; beside a copy stands the person's own notice
        person, untried, _ = self._addresses_left(connection, row, registry)
        if self._tell_next(connection, row, person, untried, registry, now, due_at):
            return
        _consider(connection, row, who.Reason.NOT_ACCEPTED, now)
        incident = locked(connection, row.incident)
        if incident is not None and row.reason == NoticeReason.SECOND_LOOK.value:
            self._look_elsewhere(connection, incident, row, registry, now)
            return
        if incident is None or row.reason not in _CALLING or not _is_current(incident, row):
            return
        n = t.notice.c
        reached = select(n.id).where(
            n.incident == row.incident,
            n.step == row.step,
            n.round == row.round,
            n.reason.in_(_CALLING),
            n.state.not_in(UNHEARD),
        )
        if connection.execute(reached).first() is None:
            self._climb_on(connection, incident, "not-accepted", registry, now)

    def _follow(self, connection: Connection, registry: Registry, now: datetime) -> None:
        """What is not sent yet, to an address that ``registry`` no longer has, goes where its person
        is found now; where nobody is, as if it had been rejected."""
        n = t.notice.c
        known = {
            (person.id, address.channel.value, address.to)
            for person in registry.people
            for address in person.addresses
        }
        unsent = select(n.id, n.person, n.channel, n.to).where(
            n.state.in_(UNSENT),
            n.reason != NoticeReason.HUSHED.value,  # it would speak on
        )
        lost = [
            row.id
            for row in connection.execute(unsent.order_by(n.id))
            # A browser is no address of the registry, and goes with its person (``Browsers``).
            if (row.person, row.channel, row.to) not in known and not is_in_browser(row)
        ]
        for id in lost:
            one = select(t.notice).where(n.id == id, n.state.in_(UNSENT)).with_for_update()
            row = connection.execute(one).first()
            if row is None:
                continue  # settled, or overtaken by what this brought about
            gone = {"state": NoticeState.OVERTAKEN.value, "settled_at": now, "detail": GONE}
            connection.execute(update(t.notice).where(n.id == id).values(gone))
            # Quiet that somebody wanted goes on at the new address; a pause of the old one does not.
            is_quiet = row.state == NoticeState.WAITING.value and not row.detail
            due_at = max(row.due_at, now) if is_quiet else now
            self._hand_on(connection, row, registry, now, due_at)

    def _look_elsewhere(
        self,
        connection: Connection,
        incident: Incident,
        row: Any,
        registry: Registry,
        now: datetime,
    ) -> None:
        """A second look that nobody has been told of goes to the first tier, then to the next ones."""
        n = t.notice.c
        is_owed = incident.state is State.RECOVERED or incident.seen_on_site
        told = select(n.id).where(*_same_look(row), n.state.not_in(UNHEARD))
        if not is_owed or connection.execute(told).first() is not None:
            return
        had = {
            (other.channel, other.to)
            for other in connection.execute(select(n.channel, n.to).where(*_same_look(row)))
        }
        for step in range(len(who.tiers_of(incident, registry))):
            # Whose turn that tier would be, had it just opened.
            asked = replace(incident, step=step, severity=incident.worst, acknowledged_by="")
            turn = self._teller.verdicts(connection, asked, NoticeReason.OPENED, registry, now)
            others = [
                replace(verdict, person=replace(verdict.person, addresses=left))
                for verdict in turn
                if verdict.step == step and verdict.due_at is not None
                if (left := _others(verdict.person, NoticeReason.SECOND_LOOK, had))
            ]
            if others:
                here = replace(incident, step=row.step)
                packs = self._rulebook()
                reason = NoticeReason.SECOND_LOOK
                self._teller.tell(connection, here, reason, registry, packs, now, verdicts=others)
                return

    def _addresses_left(
        self, connection: Connection, row: Any, registry: Registry
    ) -> tuple[Person | None, Sequence[Address], int]:
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
        untried = _others(person, reason, known, registry) if person else ()
        return person, untried, len(known)

    def _tell_next(
        self,
        connection: Connection,
        row: Any,
        person: Person | None,
        untried: Sequence[Address],
        registry: Registry,
        now: datetime,
        due_at: datetime | None = None,
    ) -> bool:
        """At the first of these where nobody else has had the same; whether there is one."""
        for address in untried:
            if self._tell_there(connection, row, person, address, registry, now, due_at):
                _consider(connection, row, who.Reason.NEXT_ADDRESS, now)
                return True
        return False

    def _tell_there(
        self,
        connection: Connection,
        row: Any,
        person: Person | None,
        address: Address,
        registry: Registry,
        now: datetime,
        due_at: datetime | None,
    ) -> bool:
        """The same notice to another address; False where somebody has it there already."""
        n = t.notice.c
        again = notice_row_anew(row, now) | {
            "due_at": due_at or now,
            "channel": address.channel.value,
            "to": address.to,
            "is_group": address.group,
            "secret": address.secret,
        }
        is_other = ChannelKind.ANNOUNCER.value in (row.channel, again["channel"])
        # A group must never read a link that is good in one person's name.
        is_other |= address.group != row.is_group and row.reason != NoticeReason.DIGEST.value
        if is_other:
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
        """What is read, said aloud and told to a group differ: the words for the other kind."""
        incident = locked(connection, row.incident)
        if incident is None or person is None:
            return {}
        rule = self._rulebook().rules.get(incident.words_of)
        reason = NoticeReason(row.reason)
        incident = replace(incident, step=max(0, row.step))
        fresh = self._teller.row(incident, reason, person, address, registry, rule, now)
        return {name: fresh[name] for name in ("title", "text", "link")}


def _others(
    person: Person,
    reason: NoticeReason,
    had: Collection[tuple[str, str]],
    registry: Registry | None = None,
) -> tuple[Address, ...]:
    """Their addresses for this besides those that have ``had`` it, (channel, to) each."""
    return tuple(
        address
        for address in who.addresses_for(person, reason, registry)
        if (address.channel.value, address.to) not in had
        if not (address.group and reason is NoticeReason.LINK)
    )


def _is_current(incident: Incident, row: Any) -> bool:
    """Whether this notice calls the tier that has its wait right now."""
    return (
        incident.state is State.OPEN
        and row.step == incident.step
        and row.round == incident.relapses
        and row.level in (0, level_of(incident, NoticeReason.SEVERITY))
    )


def _is_in_hand(connection: Connection, row: Any) -> bool:
    """Whether this calls people to what somebody has taken over: no further phone rings for it."""
    incident = locked(connection, row.incident) if row.reason in _CALLING else None
    if incident is None:
        return False
    return incident.state is State.ACKNOWLEDGED and not incident.assigned


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


def _same_look(row: Any) -> tuple[Any, ...]:
    """Notices of one second look, whichever tier was asked."""
    n = t.notice.c
    return n.incident == row.incident, n.reason == row.reason, n.round == row.round


def _consider(connection: Connection, row: Any, reason: who.Reason, now: datetime) -> None:
    """Whoever this notice was for was considered once more; of no incident there is no record."""
    if row.incident is None:
        return
    verdict = Considered(
        incident=row.incident,
        at=now,
        person=row.person,
        step=row.step,
        told=reason.told,
        reason=reason.value,
    )
    connection.execute(insert(t.considered), considered_row(verdict))

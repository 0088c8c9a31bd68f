"""Fire while nothing can be written down: who is told, by the same decisions, from memory.

An outbox in memory for what the rules say of fire class and the operations database cannot commit in
time. The people are those of the first tier in which anybody can be told, by the registry known last:
at their registered addresses alone, since their browsers stand in the database.
When the transition is written down at last, ``sent`` says what went out and ``forget`` ends it here;
what was not accepted by then is the database's again. A double is allowed, silence is not.
"""

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from alerts.incidents import lifecycle, who
from alerts.incidents.lifecycle import Event
from alerts.incidents.model import Incident
from alerts.incidents.roster import Roster
from alerts.notify.notice import Notice, NoticeReason, NoticeState
from alerts.notify.outcome import Outcome
from alerts.registry.model import Address, ChannelKind, Person
from alerts.rules.transition import Change, Transition
from alerts.store import outbox
from alerts.store.telling import Rulebook, Teller
from alerts.words import IncidentClass, Language, Severity

log = logging.getLogger("alerts.store")

Key = tuple[str, str, str, int, int]
_SETTLED = (NoticeState.ACCEPTED, NoticeState.REJECTED)


@dataclass(slots=True)
class _Told:
    """One transition's people. ``incident`` has a number of its own until it is written down."""

    incident: Incident
    roster: Roster
    rule: Any
    reason: NoticeReason
    people: dict[str, Person]
    notices: dict[int, Notice]


class Unwritten:
    """Fits ``alerts.notify.port.Outbox``. All but ``sent`` belongs to one thread."""

    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self._told: dict[Key, _Told] = {}
        self._hushes: dict[int, Notice] = {}
        self._worst: dict[tuple[str, str], Severity] = {}
        """What people have been told of each fire that is raised, as far as this process knows."""
        self._number = 0

    def tell(
        self,
        transitions: Iterable[Transition],
        rulebook: Rulebook,
        roster: Roster,
        now: datetime,
    ) -> int:
        """How many notices that makes, due at once; ``roster`` as it was known last."""
        count = 0
        for transition in transitions:
            if transition.key not in self._told and self._is_news(transition):
                count += self._tell(transition, rulebook, roster, now)
            self._note(transition)
        return count

    def sent(self, transition: Transition) -> Sequence[Notice]:
        """What was accepted, and what was lost; from any thread."""
        told = self._told.get(transition.key)
        notices = list(told.notices.values()) if told else []
        return [notice for notice in notices if notice.state in _SETTLED]

    def forget(self, transitions: Iterable[Transition], now: datetime) -> bool:
        """They are written down. Whether something is left to send: an announcer that speaks of what
        has its real number now must let go of the other one."""
        for transition in transitions:
            self._note(transition)
            told = self._told.pop(transition.key, None)
            for notice in told.notices.values() if told else ():
                is_said = notice.state is NoticeState.ACCEPTED
                if is_said and notice.address.channel is ChannelKind.ANNOUNCER:
                    hush = replace(
                        notice,
                        id=self._next(now),
                        reason=NoticeReason.HUSHED,
                        text="",
                        state=NoticeState.WAITING,
                        created_at=now,
                        due_at=now,
                        attempts=0,
                    )
                    self._hushes[hush.id] = hush
        return bool(self._hushes)

    # The outbox

    def due(
        self, now: datetime, limit: int, full: Collection[tuple[ChannelKind, str]] = ()
    ) -> Sequence[Notice]:
        """Notices to send by ``now``, oldest first; all are of fire class."""
        waiting = [
            notice
            for notice in (
                *(notice for told in self._told.values() for notice in told.notices.values()),
                *self._hushes.values(),
            )
            if notice.state not in _SETTLED and notice.due_at <= now
        ]
        return sorted(waiting, key=lambda notice: (notice.due_at, notice.id))[:limit]

    def fire_in_back_off(self) -> Sequence[Notice]:
        """None: memory begins empty."""
        return ()

    def settle(self, notice_id: int, outcome: Outcome, now: datetime, jitter: float) -> None:
        """What is lost goes to the person's next address, or else to the next tier."""
        if hush := self._hushes.get(notice_id):
            settled = outbox.settle(hush, outcome, now, jitter)
            self._hushes[notice_id] = settled.notice
            if settled.notice.state in _SETTLED:
                del self._hushes[notice_id]
            return
        told = self._of(notice_id)
        if told is None:
            return  # it was written down meanwhile
        settled = outbox.settle(told.notices[notice_id], outcome, now, jitter)
        told.notices[notice_id] = settled.notice
        if settled.lost:
            self._hand_on(told, settled.notice, now)

    def hold(self, notice_ids: Sequence[int], until: datetime, why: str) -> None:
        """These wait for their turn until then, and say why; no attempt is counted."""
        for told in self._told.values():
            for id in told.notices.keys() & set(notice_ids):
                told.notices[id] = replace(told.notices[id], due_at=until, detail=why)

    def second(self, notice_id: int, now: datetime) -> bool:
        """A notice that no channel has taken yet goes to its person's next address as well, once."""
        told = self._of(notice_id)
        if told is None or told.notices[notice_id].state in _SETTLED:
            return False
        first = told.notices[notice_id]
        if sum(one.person == first.person for one in told.notices.values()) > 1:
            return False
        return self._tell_next(told, first, now)

    # What is told

    def _of(self, notice_id: int) -> _Told | None:
        return next((told for told in self._told.values() if notice_id in told.notices), None)

    def _is_news(self, transition: Transition) -> bool:
        if transition.cls is not IncidentClass.FIRE or transition.severity is Severity.INFO:
            return False
        if transition.change is Change.SEVERITY:
            known = self._worst.get(_subject(transition))
            return known is None or transition.severity > known
        return transition.change is Change.RAISED

    def _note(self, transition: Transition) -> None:
        if transition.cls is not IncidentClass.FIRE:
            return
        subject = _subject(transition)
        if transition.change is Change.CLEARED:
            self._worst.pop(subject, None)
        else:
            worst = self._worst.get(subject, Severity.INFO)
            self._worst[subject] = max(worst, transition.severity)

    def _tell(
        self, transition: Transition, rulebook: Rulebook, roster: Roster, now: datetime
    ) -> int:
        opened = lifecycle.step(None, Event.HELD, now, transition=transition)
        assert opened is not None  # what is not there yet can be opened
        is_rise = transition.change is Change.SEVERITY
        told = _Told(
            incident=opened.incident,
            roster=roster,
            rule=rulebook.rules.get(transition.rule),
            reason=NoticeReason.SEVERITY if is_rise else NoticeReason.OPENED,
            people={},
            notices={},
        )
        number = self._next(now)
        if self._tell_step(told, number, now):
            self._told[transition.key] = told
            facts = (transition.rule, transition.subject, ", ".join(told.people))
            log.warning("%s of %s is told from memory to %s: nothing can be written", *facts)
        else:
            log.error("%s of %s: nobody can be told", transition.rule, transition.subject)
        return len(told.notices)

    def _tell_step(self, told: _Told, number: int, now: datetime) -> bool:
        """Tell the first tier, from the incident's step on, in which anybody can be."""
        while True:
            registry = told.roster.registry
            verdicts = who.consider(told.incident, told.reason, registry, now, roster=told.roster)
            for verdict in verdicts:
                if verdict.due_at is not None and verdict.step == told.incident.step:
                    told.people[verdict.person.id] = verdict.person
                    self._write(told, number, verdict.person, verdict.person.addresses[0], now)
            if any(notice.step == told.incident.step for notice in told.notices.values()):
                return True
            if told.incident.step + 1 >= len(who.tiers_of(told.incident, told.roster.registry)):
                return False
            told.incident = replace(told.incident, step=told.incident.step + 1)
            told.reason = NoticeReason.CLIMBED

    def _write(
        self, told: _Told, number: int, person: Person, address: Address, now: datetime
    ) -> None:
        if any(notice.address == address for notice in told.notices.values()):
            return  # two people behind one group address: one message
        row = self._teller.row(
            told.incident, told.reason, person, address, told.roster.registry, told.rule, now
        )
        notice = Notice(
            id=self._next(now),
            incident=number,
            reason=told.reason,
            step=told.incident.step,
            person=person.id,
            address=address,
            language=Language(row["language"]),
            cls=told.incident.cls,
            severity=told.incident.severity,
            title=row["title"],
            text=row["text"],
            link=row["link"],
            created_at=now,
            due_at=now,
        )
        told.notices[notice.id] = notice

    def _tell_next(self, told: _Told, notice: Notice, now: datetime) -> bool:
        """To the next address of the same person; whether there is one."""
        tried = {one.address for one in told.notices.values() if one.person == notice.person}
        person = told.people[notice.person]
        for address in person.addresses:
            if address not in tried:
                self._write(told, notice.incident, person, address, now)
                return True
        return False

    def _hand_on(self, told: _Told, lost: Notice, now: datetime) -> None:
        if self._tell_next(told, lost, now):
            return
        states = {n.state for n in told.notices.values() if n.step == told.incident.step}
        if states == {NoticeState.REJECTED} and lost.step == told.incident.step:
            steps = who.tiers_of(told.incident, told.roster.registry)
            if told.incident.step + 1 < len(steps):
                told.incident = replace(told.incident, step=told.incident.step + 1)
                told.reason = NoticeReason.CLIMBED
                self._tell_step(told, lost.incident, now)

    def _next(self, now: datetime) -> int:
        """A number that no row of the database has: of its milliseconds, and each once."""
        self._number = max(self._number + 1, int(now.timestamp() * 1000))
        return self._number


def _subject(transition: Transition) -> tuple[str, str]:
    return transition.rule, str(transition.subject)

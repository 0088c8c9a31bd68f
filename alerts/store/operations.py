"""The operations database: transitions in, incidents and notices out, people's acts between."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, exists, func, insert, or_, select, tuple_, update
from sqlalchemy import exc as sql

from alerts.incidents import climb, lifecycle, who
from alerts.incidents.acts import Conflict, Done, Refusal, Refused, Result
from alerts.incidents.duties import SecondLook, duty_of
from alerts.incidents.flapping import FLAP
from alerts.incidents.lifecycle import Act, Change, Event, Timers, line_of
from alerts.incidents.model import DutyKind, Incident, State, StoryKind, StoryLine
from alerts.incidents.silences import Silence
from alerts.links import Links
from alerts.notify.notice import CALLING, TELLING, Considered, Notice, NoticeReason, NoticeState
from alerts.notify.outcome import Outcome
from alerts.registry.model import Address, ChannelKind, Person, Registry
from alerts.rules.transition import Transition
from alerts.store import events, outbox
from alerts.store import tables as t
from alerts.store.acts import Acts, call_on, locked
from alerts.store.database import Database
from alerts.store.digests import Digests
from alerts.store.drills import Drills
from alerts.store.errors import RegistryMisfit
from alerts.store.incident_rows import (
    considered_row,
    duty_row,
    incident_of,
    incident_row,
    notice_of,
    notice_row,
    notice_row_anew,
    story_row,
    transition_row,
)
from alerts.store.lease import Lease
from alerts.store.linked import Linked
from alerts.store.orders import Orders
from alerts.store.posts import Posts
from alerts.store.quiet import Quiet, silence_over
from alerts.store.reads import Reads
from alerts.store.registry_rows import changes, write_registry
from alerts.store.rules_seen import RulesSeen, rules_seen
from alerts.store.telling import UNSENT, Rulebook, Teller, Words, level_of
from alerts.store.unwritten import Unwritten
from alerts.words import IncidentClass, Severity
from edge.contract.subject import Subject

CLIMB_AT_ONCE = 200  # incidents in one transaction, so that the desk's acts wait only briefly
FROM_MEMORY = "sent from memory while the database was away"  # behind the channel's own words
MUTABLE = frozenset({*CALLING, NoticeReason.SECOND_LOOK})  # what a silence holds back
_CALLING = [reason.value for reason in CALLING]


class Operations(Reads, Orders, Acts, Quiet, Posts, Digests, Drills, Linked):
    """Every call is one transaction. ``words`` is ``alerts.messages.notice_words`` when not given.

    With ``links`` a notice's link is signed for whoever it goes to.
    ``packs`` are the rules' words until ``take`` brings newer ones: a desk never takes.
    """

    def __init__(
        self,
        url: str,
        *,
        words: Words | None = None,
        link_base: str = "http://127.0.0.1:8000",
        packs: Rulebook | None = None,
        timers: Timers = lifecycle.TIMERS,
        links: Links | None = None,
    ) -> None:
        super().__init__(Database(url))
        self._teller = Teller(words or _notice_words, link_base, links)
        self._packs = packs
        self._timers = timers

    def __enter__(self) -> "Operations":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def set_up(self) -> None:
        """Bring the schema to the newest; quick when it is there already."""
        self._database.set_up()

    def is_set_up(self) -> bool:
        """Whether the schema is the newest; changes nothing."""
        return self._database.is_set_up()

    def close(self) -> None:
        self._database.close()

    def lease(self, holder: str, journal: str) -> Lease:
        """The lease that everything here waits for from now on, still to be taken."""
        lease = Lease(self._database, holder, journal)
        self._database.fence = lease
        return lease

    def prove(self) -> None:
        """Commit, and change nothing; StoreUnavailable when nothing can be written now."""
        self._database.prove()

    def save_registry(self, registry: Registry, who: str, why: str, now: datetime) -> int:
        """Replace the registry; its new revision. An equal one changes nothing."""
        try:
            with self._database.write() as connection:
                before = self._registry(connection)
                if replace(registry, revision=before.revision) == before:
                    return before.revision
                revision = before.revision + 1
                write_registry(connection, registry)
                connection.execute(update(t.cell).values(name=registry.cell, revision=revision))
                row = {
                    "revision": revision,
                    "at": now,
                    "who": who,
                    "why": why,
                    "changes": changes(before, registry),
                }
                connection.execute(insert(t.registry_revision), row)
                return revision
        except (sql.IntegrityError, sql.DataError) as error:
            raise RegistryMisfit(
                f"the registry does not hold together: {error.orig}; "
                "`shouwang check` names each mistake"
            ) from error

    # -- the rules -------------------------------------------------------------------------------

    def take(self, transitions: Sequence[Transition], packs: Rulebook, now: datetime) -> None:
        """Write down what the rules say, with all that follows; what is known already is skipped."""
        self._packs = packs
        if not transitions:
            return
        with self._database.write() as connection:
            known = _known_keys(connection, transitions)
            registry = self._registry(connection)
            for transition in transitions:
                if transition.key in known:
                    continue
                known.add(transition.key)
                incident = self._judge(connection, transition, registry, now)
                row = transition_row(transition) | {"incident": incident, "taken_at": now}
                connection.execute(insert(t.transition), row)

    def unwritten(self) -> Unwritten:
        """Tells of fire in the same words while nothing can be written here."""
        return Unwritten(self._teller)

    def record(self, transition: Transition, sent: Sequence[Notice], now: datetime) -> None:
        """What went out from memory before this transition could be taken; it has been taken now.

        Who accepted it is not sent it again, and the tier's wait counts from there. An announcer is
        told again: it must know the incident by its number.
        """
        w, c = t.transition.c, t.considered.c
        from_memory = who.Reason.FROM_MEMORY.value
        with self._database.write() as connection:
            incident_id = connection.execute(
                select(w.incident).where(
                    w.journal == transition.journal,
                    w.position == transition.position,
                    w.rule == transition.rule,
                    w.subject == str(transition.subject),
                    w.nth == transition.nth,
                )
            ).scalar()
            incident = locked(connection, incident_id) if incident_id is not None else None
            if incident is None:
                return
            for notice in sent:
                if notice.address.channel is not ChannelKind.ANNOUNCER:
                    _record(connection, incident, notice)
            verdicts = [
                Considered(
                    incident=incident.id,
                    at=notice.settled_at or now,
                    person=notice.person,
                    step=notice.step,
                    told=True,
                    reason=from_memory,
                )
                for notice in sent
                if notice.state is NoticeState.ACCEPTED
            ]
            known = select(c.person, c.at).where(c.incident == incident.id, c.reason == from_memory)
            recorded = {(row.person, row.at) for row in connection.execute(known)}
            if not verdicts or any((one.person, one.at) in recorded for one in verdicts):
                return  # nothing to tell, or a repeat after an answer that was lost
            connection.execute(insert(t.considered), [considered_row(one) for one in verdicts])
            accepted = [notice for notice in sent if notice.state is NoticeState.ACCEPTED]
            first, first_at = accepted[0], min(one.at for one in verdicts)
            facts: dict[str, float | str] = {
                "reason": first.reason.value,
                "step": first.step,
                "people": ", ".join(dict.fromkeys(one.person for one in verdicts)),
                "because": from_memory,
            }
            line = StoryLine(at=first_at, kind=StoryKind.TOLD, facts=facts)
            connection.execute(insert(t.story), story_row(incident.id, line))
            steps = who.tiers_of(incident, self._registry(connection))
            heard = climb.accepted(incident, steps, first_at)
            if heard != incident and incident.step == first.step:
                _save(connection, incident, replace(heard, version=incident.version + 1))

    def _judge(
        self, connection: Connection, transition: Transition, registry: Registry, now: datetime
    ) -> int | None:
        """The id of the incident that this belongs to, if any."""
        incident = self._open_of(connection, transition.rule, transition.subject)
        event = lifecycle.event_of(incident, transition)
        if event is not None:
            before = _opened_before(connection, transition) if event is Event.HELD else ()
            change = lifecycle.step(
                incident,
                event,
                now,
                transition=transition,
                timers=self._timers,
                opened_before=before,
            )
            if change is not None:
                if incident is None:
                    grouped = events.joining(connection, change.incident, registry)
                    change = replace(change, incident=grouped)
                return self._apply(connection, incident, change, registry, now).id
        return incident.id if incident is not None else None

    def _open_of(self, connection: Connection, rule: str, subject: Subject) -> Incident | None:
        i = t.incident.c
        row = connection.execute(
            select(t.incident)
            .where(i.rule == rule, i.subject == str(subject))
            .where(i.is_open.is_(True))
            .with_for_update()
        ).first()
        return incident_of(row) if row is not None else None

    def rules_seen(self, journal: str) -> RulesSeen:
        """How far the rules had come on this journal, and what stands."""
        with self._database.read() as connection:
            return rules_seen(connection, journal)

    # -- time ------------------------------------------------------------------------------------

    def climb(self, now: datetime) -> int:
        """Tell the next tiers, end expired acknowledgements, close what nobody confirmed.

        Returns how many incidents changed. Cheap when nothing is due; call it every second.
        """
        if not self._database_has_due(now):
            return 0
        changed = 0
        with self._database.write() as connection:
            registry = self._registry(connection)
            for event, incident in self._due_incidents(connection, now):
                if event is None:
                    self._climb_on(connection, incident, "wait", registry, now)
                    changed += 1
                elif change := lifecycle.step(incident, event, now, timers=self._timers):
                    self._apply(connection, incident, change, registry, now)
                    changed += 1
        return changed

    def _database_has_due(self, now: datetime) -> bool:
        with self._database.read() as connection:
            return any(
                connection.execute(query.limit(1)).first() is not None
                for _, query in self._due_queries(now)
            )

    def _due_incidents(
        self, connection: Connection, now: datetime
    ) -> list[tuple[Event | None, Incident]]:
        return [
            (event, incident_of(row))
            for event, query in self._due_queries(now)
            for row in connection.execute(query.limit(CLIMB_AT_ONCE).with_for_update())
        ]

    def _due_queries(self, now: datetime) -> list[tuple[Event | None, Any]]:
        """What time brings about; None is the next tier. One incident is in one of them at most."""
        i, d = t.incident.c, t.duty.c
        incidents = select(t.incident)
        lasts = or_(i.drill_until.is_(None), i.drill_until > now)
        # Worked out first: PostgreSQL would read all incidents there ever were for the LIMIT 1.
        looked_for = (
            select(d.incident)
            .where(
                d.is_open.is_(True),
                d.kind == DutyKind.SECOND_LOOK.value,
                d.opened_at <= now - self._timers.second_look,
            )
            .cte("looked_for")
            .prefix_with("MATERIALIZED")
        )
        return [
            (
                None,
                incidents.where(i.state == State.OPEN.value, i.next_step_at <= now, lasts),
            ),
            (
                Event.EXPIRED,
                incidents.where(
                    i.state == State.ACKNOWLEDGED.value, i.acknowledged_until <= now, lasts
                ),
            ),
            (
                Event.TIMED_OUT,
                incidents.where(
                    i.state == State.RECOVERED.value,
                    i.id.in_(select(looked_for)),
                    i.flapping.is_(False),
                ),
            ),
            (Event.DRILL_OVER, incidents.where(i.is_open.is_(True), i.drill_until <= now)),
            (
                Event.CALM,
                incidents.where(
                    i.is_open.is_(True),
                    i.state == State.RECOVERED.value,
                    i.flapping.is_(True),
                    i.recovered_at <= now - FLAP.calm,
                ),
            ),
        ]

    # -- the outbox ------------------------------------------------------------------------------

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
            registry = self._registry(connection)
            person, untried, tried = self._addresses_left(connection, row, registry)
            if tried > 1 or not untried:
                return False
            verdict = Considered(
                incident=row.incident,
                at=now,
                person=row.person,
                step=row.step,
                told=True,
                reason=who.Reason.NEXT_ADDRESS.value,
            )
            connection.execute(insert(t.considered), considered_row(verdict))
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
            _save(connection, incident, replace(heard, version=incident.version + 1))

    def _hand_on(self, connection: Connection, row: Any, now: datetime) -> None:
        """To the person's next address; else, when nobody of the tier is reached, a tier up."""
        if row.reason == NoticeReason.HUSHED.value:
            return  # silence is for this announcer alone
        registry = self._registry(connection)
        person, untried, _ = self._addresses_left(connection, row, registry)
        reason = who.Reason.NEXT_ADDRESS if untried else who.Reason.NOT_ACCEPTED
        verdict = Considered(
            incident=row.incident,
            at=now,
            person=row.person,
            step=row.step,
            told=reason.told,
            reason=reason.value,
        )
        connection.execute(insert(t.considered), considered_row(verdict))
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
        person = next((p for p in registry.people if p.id == row.person), None)
        tried = {
            (other.channel, other.to)
            for other in connection.execute(
                select(n.channel, n.to).where(*_same_call(row), n.person == row.person)
            )
        }
        untried = [
            address
            for address in (who.addresses_for(person, NoticeReason(row.reason)) if person else ())
            if (address.channel.value, address.to) not in tried
        ]
        return person, untried, len(tried)

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

    # -- people ----------------------------------------------------------------------------------

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
                if incident.acknowledged_by == who and incident.acknowledged_at == now:
                    return Done(incident)  # one tap that arrived twice
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
                pressed_at is not None and line.at > pressed_at and _ends_call(line)
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

    def _open_act(
        self, connection: Connection, incident_id: int, who: str, version: int | None
    ) -> tuple[Incident | None, Registry, Refused | Conflict | None]:
        """The incident under lock and the registry, or why the act ends here."""
        registry = self._registry(connection)
        incident = locked(connection, incident_id)
        if incident is None:
            return None, registry, Refused(Refusal.UNKNOWN_INCIDENT)
        if not any(person.id == who for person in registry.people):
            return incident, registry, Refused(Refusal.UNKNOWN_PERSON)
        if version is not None and version != incident.version:
            return incident, registry, Conflict(incident)
        return incident, registry, None

    # -- what follows ----------------------------------------------------------------------------

    def _apply(
        self,
        connection: Connection,
        before: Incident | None,
        change: Change,
        registry: Registry,
        now: datetime,
    ) -> Incident:
        """Store a change with its story, duties and notices."""
        steps = who.tiers_of(change.incident, registry)
        incident = climb.timed(change.incident, steps, told=who.tells_at_once(change.incident))
        incident = _save(connection, before, incident)
        if before is None:
            events.joined(connection, incident, registry, now)
        if change.story:
            rows = [story_row(incident.id, line) for line in change.story]
            connection.execute(insert(t.story), rows)
        if change.duty_ends is not None:
            connection.execute(
                update(t.duty)
                .where(t.duty.c.incident == incident.id, t.duty.c.is_open.is_(True))
                # Whoever reported it is called on all the same.
                .where(t.duty.c.kind != DutyKind.CALL_ON.value)
                .values(is_open=False, done_at=now, outcome=change.duty_ends)
            )
        for kind in change.duties:
            connection.execute(insert(t.duty), duty_row(duty_of(incident, kind, now)))
        if incident.state in (State.RECOVERED, State.CLOSED):
            call_on(connection, incident, now)
        if incident.state is State.ACKNOWLEDGED and not incident.assigned:
            _overtake(connection, incident)
        if before is not None and incident.state not in (before.state, State.OPEN):
            self._teller.hush(connection, incident, now)
        for reason in change.notices:
            incident = self._tell(connection, incident, reason, registry, now)
        if before is not None and incident.part_of is None:
            self._lead(connection, incident, registry, now)
        return incident

    def _lead(
        self, connection: Connection, leader: Incident, registry: Registry, now: datetime
    ) -> None:
        """What is a part of it is taken over with it, and told by itself once it no longer leads."""
        if leader.state is State.OPEN:
            return
        for part in events.parts(connection, leader):
            if leader.state is State.ACKNOWLEDGED and not leader.false_alarm:
                who_has = leader.acknowledged_by
                act = Act(who=who_has, origin=f"incident:{leader.id}", to=who_has)
                event = Event.ASSIGNED if leader.assigned else Event.ACKNOWLEDGED
                change = lifecycle.step(part, event, now, act=act, timers=self._timers)
                if change is not None:
                    self._apply(connection, part, change, registry, now)
                continue
            self._let_go(connection, part, registry, now)

    def _let_go(
        self, connection: Connection, part: Incident, registry: Registry, now: datetime
    ) -> Incident:
        """Told by itself from now on, if it was not before."""
        events.let_go(connection, part.part_of or part.id, part.id, now)
        told = self._teller.history(connection, part).this_round
        alone = replace(part, part_of=None, told_at=now, version=part.version + 1)
        alone = climb.timed(alone, who.tiers_of(alone, registry), told=who.tells_at_once(alone))
        alone = _save(connection, part, alone)
        if told or not who.tells_at_once(alone) or events.revive(connection, alone, now):
            return alone
        reason = NoticeReason.REOPENED if alone.relapses else NoticeReason.OPENED
        return self._tell(connection, alone, reason, registry, now)

    def _tell(
        self,
        connection: Connection,
        incident: Incident,
        reason: NoticeReason,
        registry: Registry,
        now: datetime,
    ) -> Incident:
        """Tell the people; a tier in which nobody can be told gives way to the next at once."""
        packs = self._rulebook()
        if incident.part_of is not None:
            if reason is NoticeReason.SEVERITY:  # worse than people know of: news of its own
                events.let_go(connection, incident.part_of, incident.id, now)
                alone = replace(incident, part_of=None, version=incident.version + 1)
                steps = who.tiers_of(alone, registry)
                incident = _save(connection, incident, climb.timed(alone, steps))
            else:
                self._teller.withhold(
                    connection, incident, reason, registry, now, who.Reason.GROUPED
                )
                return incident
        if reason in MUTABLE and (silence := silence_over(connection, incident, registry, now)):
            self._teller.tell(connection, incident, reason, registry, packs, now, silence)
            return self._mute(connection, incident, silence, now)
        told_at = self._teller.tell(connection, incident, reason, registry, packs, now)
        if reason not in CALLING or not who.tells_at_once(incident):
            return incident
        if told_at is not None:
            if told_at <= now or incident.cls is not IncidentClass.UPKEEP:
                return incident
            # Else it would climb all night past people who are told in the morning.
            steps = who.tiers_of(incident, registry)
            later = climb.accepted(incident, steps, told_at)
            if later == incident:
                return incident
            return _save(connection, incident, replace(later, version=incident.version + 1))
        return self._climb_on(connection, incident, "nobody", registry, now)

    def _climb_on(
        self,
        connection: Connection,
        incident: Incident,
        because: str,
        registry: Registry,
        now: datetime,
    ) -> Incident:
        steps = who.tiers_of(incident, registry)
        if incident.muted_until is not None and incident.muted_until <= now:
            return self._unmute(connection, incident, registry, now)
        if silence := silence_over(connection, incident, registry, now):
            return self._mute(connection, incident, silence, now)
        if not climb.has_next(incident, steps):
            # Tiers that shrank meanwhile, or a last one that nobody answers for: said, not silent.
            facts: dict[str, float | str] = {"because": because, "people": ""}
            line = StoryLine(at=now, kind=StoryKind.TOLD, facts=facts)
            connection.execute(insert(t.story), story_row(incident.id, line))
            quiet = replace(incident, next_step_at=None, version=incident.version + 1)
            return _save(connection, incident, quiet)
        up = _save(connection, incident, climb.climbed(incident, steps, now))
        climbed: dict[str, float | str] = {"step": up.step, "because": because}
        line = StoryLine(at=now, kind=StoryKind.CLIMBED, facts=climbed)
        connection.execute(insert(t.story), story_row(incident.id, line))
        return self._tell(connection, up, NoticeReason.CLIMBED, registry, now)

    def _mute(
        self, connection: Connection, incident: Incident, silence: Silence, now: datetime
    ) -> Incident:
        """Held back, and looked at again when the silence ends."""
        if incident.state is not State.OPEN:
            return incident
        if incident.muted_until != silence.until:
            facts: dict[str, float | str] = {"because": silence.kind.value, "note": silence.why}
            line = StoryLine(at=now, kind=StoryKind.MUTED, who=silence.who, facts=facts)
            connection.execute(insert(t.story), story_row(incident.id, line))
        held = replace(
            incident,
            muted_until=silence.until,
            next_step_at=silence.until,
            version=incident.version + 1,
        )
        return _save(connection, incident, held)

    def _unmute(
        self, connection: Connection, incident: Incident, registry: Registry, now: datetime
    ) -> Incident:
        """The silence has ended: whoever was not told is, and whoever was has the whole wait again."""
        if silence := silence_over(connection, incident, registry, now):
            return self._mute(connection, incident, silence, now)
        told = self._teller.history(connection, incident).this_round
        steps = who.tiers_of(incident, registry)
        free = replace(incident, muted_until=None, told_at=now, version=incident.version + 1)
        free = climb.timed(free, steps, told=who.tells_at_once(free))
        free = _save(connection, incident, free)
        line = StoryLine(at=now, kind=StoryKind.UNMUTED)
        connection.execute(insert(t.story), story_row(free.id, line))
        if told:
            return free
        reason = NoticeReason.REOPENED if free.relapses else NoticeReason.OPENED
        return self._tell(connection, free, reason, registry, now)

    def _rulebook(self) -> Rulebook:
        if self._packs is None:
            # A desk that was not given any: the rules that come with the house.
            from alerts.packs import shipped
            from alerts.rules.packs import read_packs

            self._packs = read_packs(shipped())
        return self._packs


def _ends_call(line: Any) -> bool:
    """Whether a line of the story makes an earlier "I take it" void."""
    if line.kind == StoryKind.SEVERITY.value:
        was, now = (str(line.facts.get(name, "")).upper() for name in ("was", "severity"))
        return was in Severity.__members__ and Severity[was] < Severity.__members__.get(now, 0)
    return line.kind in (StoryKind.ACKNOWLEDGEMENT_VOID.value, StoryKind.REOPENED.value)


def _notice_words(*args: Any, **words: Any) -> tuple[str, str]:
    from alerts.messages import notice_words

    return notice_words(*args, **words)


def _known_keys(
    connection: Connection, transitions: Sequence[Transition]
) -> set[tuple[str, str, str, int, int]]:
    """Which of these are written down already."""
    c = t.transition.c
    columns = (c.rule, c.subject, c.journal, c.position, c.nth)
    places = sorted({(transition.journal, transition.position) for transition in transitions})
    known: set[tuple[str, str, str, int, int]] = set()
    for start in range(0, len(places), 200):  # SQLite bounds the parameters of a statement
        some = places[start : start + 200]
        query = select(*columns).where(tuple_(c.journal, c.position).in_(some))
        known.update(
            (row.rule, row.subject, row.journal, row.position, row.nth)
            for row in connection.execute(query)
        )
    return known


def _opened_before(connection: Connection, transition: Transition) -> list[datetime]:
    """When others of the same rule and subject opened of late; false alarms count for nothing."""
    i = t.incident.c
    since = datetime.fromtimestamp(transition.at_ms / 1000, UTC) - FLAP.window
    query = (
        select(i.opened_at)
        .where(i.rule == transition.rule, i.subject == str(transition.subject))
        .where(i.opened_at > since, i.false_alarm.is_(False))
        .order_by(i.opened_at.desc())
        .limit(FLAP.times)
    )
    return list(connection.execute(query).scalars())[::-1]


def _save(connection: Connection, before: Incident | None, incident: Incident) -> Incident:
    """Insert or, by compare and set of the version, update."""
    row = incident_row(incident)
    if before is None:
        key = connection.execute(insert(t.incident), row).inserted_primary_key
        assert key is not None
        return replace(incident, id=key[0])
    i = t.incident.c
    changed = connection.execute(
        update(t.incident).where(i.id == before.id, i.version == before.version).values(row)
    )
    if changed.rowcount != 1:
        raise RuntimeError(f"incident {before.id} changed under its lock")  # a bug of this room
    return incident


def _overtake(connection: Connection, incident: Incident) -> None:
    """Somebody has it: climbs that are not sent yet are overtaken, and what he got is answered."""
    n = t.notice.c
    connection.execute(
        update(t.notice)
        .where(n.incident == incident.id, n.state.in_(UNSENT))
        .where(n.reason == NoticeReason.CLIMBED.value)
        .values(state=NoticeState.OVERTAKEN.value, settled_at=incident.acknowledged_at)
    )
    connection.execute(
        update(t.notice)
        .where(n.incident == incident.id, n.person == incident.acknowledged_by)
        .where(n.reason.in_([reason.value for reason in TELLING]))
        .where(n.is_group.is_(False))  # a group acts for nobody
        .where(or_(n.state == NoticeState.ACCEPTED.value, n.state == NoticeState.OPENED.value))
        .values(state=NoticeState.ACKNOWLEDGED.value)
    )


def _record(connection: Connection, incident: Incident, sent: Notice) -> None:
    """Settle the row that calls the same address, or write one when there is none."""
    n = t.notice.c
    settled = {
        "state": sent.state.value,
        "attempts": sent.attempts,
        "settled_at": sent.settled_at,
        "detail": f"{sent.detail}; {FROM_MEMORY}",
    }
    here = (
        n.incident == incident.id,
        n.channel == sent.address.channel.value,
        n.to == sent.address.to,
        n.reason.in_(_CALLING),
    )
    row = connection.execute(select(n.id).where(*here, n.state.in_(UNSENT)).order_by(n.id)).first()
    if row is not None:
        connection.execute(update(t.notice).where(n.id == row.id).values(settled))
        return
    fresh = notice_row(sent) | settled | {"incident": incident.id, "round": incident.relapses}
    fresh["level"] = level_of(incident, sent.reason)
    same = [n[name] == fresh[name] for name in ("reason", "step", "round", "level")]
    if connection.execute(select(n.id).where(*here, *same)).first() is None:
        connection.execute(insert(t.notice), fresh)


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

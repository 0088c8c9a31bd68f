"""The operations database: transitions in, incidents and notices out, people's acts between."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, or_, select, tuple_, update
from sqlalchemy import exc as sql

from alerts.incidents import climb, lifecycle, who
from alerts.incidents.duties import duty_of
from alerts.incidents.flapping import FLAP
from alerts.incidents.grouping import explains, leads
from alerts.incidents.lifecycle import Act, Change, Event, Timers
from alerts.incidents.model import DutyKind, Incident, State, StoryKind, StoryLine
from alerts.incidents.silences import Silence
from alerts.links import Links
from alerts.notify.notice import CALLING, TELLING, Considered, Notice, NoticeReason, NoticeState
from alerts.registry.model import ChannelKind, Registry
from alerts.rules.transition import Transition
from alerts.store import events
from alerts.store import tables as t
from alerts.store.acts import Acts, call_on
from alerts.store.browser_rows import end_of_others
from alerts.store.browsers import Browsers
from alerts.store.database import Database
from alerts.store.digests import Digests
from alerts.store.drills import Drills
from alerts.store.errors import RegistryMisfit
from alerts.store.incident_rows import (
    considered_row,
    duty_row,
    incident_of,
    notice_row,
    story_row,
    transition_row,
)
from alerts.store.lease import Lease
from alerts.store.linked import Linked
from alerts.store.orders import Orders
from alerts.store.overtaking import is_worth_a_last_word, overtake
from alerts.store.part import locked, save
from alerts.store.posts import Posts
from alerts.store.quiet import Quiet, silence_over
from alerts.store.reads import Reads
from alerts.store.receipted import Receipted
from alerts.store.registry_rows import changes, write_registry
from alerts.store.reminders import Reminders
from alerts.store.rules_seen import RulesSeen, rules_seen
from alerts.store.sending import Sending
from alerts.store.telling import UNSENT, Rulebook, Teller, Words, level_of
from alerts.store.turns import Turns
from alerts.store.unwritten import Unwritten
from alerts.words import IncidentClass
from edge.contract.subject import Subject

CLIMB_AT_ONCE = 200  # incidents in one transaction, so that the desk's acts wait only briefly
FROM_MEMORY = "sent from memory while the database was away"  # behind the channel's own words
MUTABLE = frozenset({*CALLING, NoticeReason.SECOND_LOOK})  # what a silence holds back
_CALLING = [reason.value for reason in CALLING]


class Operations(
    Reads,
    Orders,
    Receipted,
    Acts,
    Sending,
    Quiet,
    Posts,
    Digests,
    Drills,
    Linked,
    Browsers,
    Reminders,
    Turns,
):
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
        self._links = links
        self._packs = packs
        self._timers = timers

    @property
    def code(self) -> Callable[[int], str] | None:
        """Makes the short token that leads to a notice's own link; None where none are signed."""
        return self._links.code if self._links else None

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
                end_of_others(connection, {person.id for person in registry.people}, now)
                connection.execute(update(t.cell).values(name=registry.cell, revision=revision))
                row = {
                    "revision": revision,
                    "at": now,
                    "who": who,
                    "why": why,
                    "changes": changes(before, registry),
                }
                connection.execute(insert(t.registry_revision), row)
                if before.people != registry.people:
                    self._follow(connection, replace(registry, revision=revision), now)
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
                save(connection, incident, replace(heard, version=incident.version + 1))

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
                    if incident.part_of is not None:  # it has had its time to come back
                        self._let_go(connection, incident, registry, now)
                    else:
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
        incident = save(connection, before, incident)
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
        if before is not None and not is_worth_a_last_word(incident):
            overtake(connection, before, incident, change.notices, now)
        for reason in change.notices:
            incident = self._tell(connection, incident, reason, registry, now)
        if before is not None:
            overtake(connection, before, incident, change.notices, now)
        if before is not None and (before.state is State.RECOVERED or before.seen_on_site):
            self._let_reminders_go(connection, incident.id, registry, now)
        if before is not None and incident.part_of is None:
            self._lead(connection, incident, registry, now)
        elif (
            before is not None
            and before.state is State.ACKNOWLEDGED
            and incident.state is State.OPEN
        ):
            leader = events.leader_of_part(connection, incident)
            if leader is None or not leads(leader):
                return self._let_go(connection, incident, registry, now)
            self._lead(connection, leader, registry, now)  # still in the hands of whoever has that
        return incident

    def _lead(
        self, connection: Connection, leader: Incident, registry: Registry, now: datetime
    ) -> None:
        """What is a part of it is taken over with it, and told by itself once it no longer leads;
        what it had caused has time to come back before."""
        if leader.state is State.OPEN:
            return
        for part in events.parts(connection, leader):
            if not leads(leader) and not leader.false_alarm and explains(leader, part, registry):
                events.await_return(connection, leader, part, now)
                continue
            if part.state is not State.OPEN:
                continue  # in somebody's hands
            if leads(leader):
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
        alone = save(connection, part, alone)
        if told or not who.tells_at_once(alone):
            return alone
        is_silenced = silence_over(connection, alone, registry, now) is not None
        if not is_silenced and events.revive(connection, alone, now):
            self._follow(connection, registry, now)  # its people may have moved meanwhile
            return locked(connection, alone.id) or alone
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
            if events.is_told_with(connection, incident, reason, registry, now):
                self._teller.withhold(
                    connection, incident, reason, registry, now, who.Reason.GROUPED
                )
                return incident
            events.let_go(connection, incident.part_of, incident.id, now)
            alone = replace(incident, part_of=None, version=incident.version + 1)
            steps = who.tiers_of(alone, registry)
            alone = climb.timed(alone, steps, told=who.tells_at_once(alone))
            incident = save(connection, incident, alone)
        if reason in MUTABLE and (silence := silence_over(connection, incident, registry, now)):
            self._teller.tell(connection, incident, reason, registry, packs, now, silence)
            return self._mute(connection, incident, silence, now)
        shown = events.counted(connection, incident)
        told_at = self._teller.tell(connection, shown, reason, registry, packs, now)
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
            return save(connection, incident, replace(later, version=incident.version + 1))
        known = self._teller.history(connection, incident).this_round
        tier = who.at_step(incident, registry)
        because = "known" if any(one.id in known for one in tier) else "nobody"
        return self._climb_on(connection, incident, because, registry, now)

    def _climb_on(
        self,
        connection: Connection,
        incident: Incident,
        because: str,
        registry: Registry,
        now: datetime,
        people: str = "",
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
            return save(connection, incident, quiet)
        up = save(connection, incident, climb.climbed(incident, steps, now))
        climbed: dict[str, float | str] = {"step": up.step, "because": because}
        if people:
            climbed["people"] = people
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
        return save(connection, incident, held)

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
        free = save(connection, incident, free)
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
    overtaken = NoticeState.OVERTAKEN.value  # it may be over already
    row = connection.execute(
        select(n.id)
        .where(*here, n.state.in_([*UNSENT, overtaken]))
        .order_by(n.state == overtaken, n.id)
    ).first()
    if row is not None:
        connection.execute(update(t.notice).where(n.id == row.id).values(settled))
        return
    fresh = notice_row(sent) | settled | {"incident": incident.id, "round": incident.relapses}
    fresh["level"] = level_of(incident, sent.reason)
    same = [n[name] == fresh[name] for name in ("reason", "step", "round", "level")]
    if connection.execute(select(n.id).where(*here, *same)).first() is None:
        connection.execute(insert(t.notice), fresh)

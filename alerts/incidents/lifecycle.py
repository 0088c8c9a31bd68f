"""The life of an incident: one table of data, and the pure step that follows it.

Code, tests and ``docs/incidents.md`` read the same ``TRANSITIONS``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from alerts.incidents.flapping import FLAP, flaps, is_calm, returns
from alerts.incidents.model import DutyKind, Incident, State, StoryKind, StoryLine
from alerts.notify.notice import NoticeReason
from alerts.rules.transition import UNTRUSTED, Transition
from alerts.rules.transition import Change as RuleChange
from alerts.words import NIGHT_CLASSES, SECOND_LOOK_CLASSES, Severity


class Event(StrEnum):
    """What can happen to an incident. The first nine are the rule's, the others people's or time's."""

    HELD = "held"  # the rule holds it for true
    UPDATED = "updated"  # new figures, no worse than people have been told
    ROSE = "rose"  # worse than people have been told
    CLEARED = "cleared"  # the rule has cleared, and somebody must look again
    ENDED = "ended"  # the rule has cleared, and nobody needs to look again
    UNPROVEN = "unproven"  # the rule has cleared by the word of an untrusted source alone
    RELAPSED = "relapsed"  # back before it was closed
    FLAPPED = "flapped"  # back once more, of what keeps coming and going
    FLAPPED_IN_HAND = "flapped-in-hand"  # the same, and somebody still has it
    CALM = "calm"  # it kept coming and going, and has stayed away
    ACKNOWLEDGED = "acknowledged"  # a person takes over
    ASSIGNED = "assigned"  # a person gives it to another, who has yet to take it over
    EXPIRED = "expired"  # the acknowledgement, or the time to answer, has run out
    FALSE_ALARM = "false-alarm"  # a person says so: mute until the rule has cleared once
    STILL_THERE = "still-there"  # a person looked again, and it is
    NOT_CONTENT = "not-content"  # whoever reported it says that it is still there
    CONFIRMED = "confirmed"  # a person looked again, and it is over
    TIMED_OUT = "timed-out"  # nobody looked again: closed, recorded as unconfirmed
    DRILL_OVER = "drill-over"  # the time of a drill is over


TRANSITIONS: dict[State, dict[Event, State]] = {
    State.PENDING: {Event.HELD: State.OPEN},
    State.OPEN: {
        Event.UPDATED: State.OPEN,
        Event.ROSE: State.OPEN,
        Event.ACKNOWLEDGED: State.ACKNOWLEDGED,
        Event.ASSIGNED: State.ACKNOWLEDGED,
        Event.FALSE_ALARM: State.ACKNOWLEDGED,
        Event.CLEARED: State.RECOVERED,
        Event.ENDED: State.CLOSED,
        Event.UNPROVEN: State.OPEN,
        Event.STILL_THERE: State.OPEN,
        Event.CONFIRMED: State.CLOSED,
        Event.DRILL_OVER: State.CLOSED,
    },
    State.ACKNOWLEDGED: {
        Event.UPDATED: State.ACKNOWLEDGED,
        Event.ROSE: State.OPEN,
        Event.EXPIRED: State.OPEN,
        Event.ACKNOWLEDGED: State.ACKNOWLEDGED,
        Event.ASSIGNED: State.ACKNOWLEDGED,
        Event.FALSE_ALARM: State.ACKNOWLEDGED,
        Event.CLEARED: State.RECOVERED,
        Event.ENDED: State.CLOSED,
        Event.UNPROVEN: State.ACKNOWLEDGED,
        Event.STILL_THERE: State.ACKNOWLEDGED,
        Event.CONFIRMED: State.CLOSED,
        Event.DRILL_OVER: State.CLOSED,
    },
    State.RECOVERED: {
        Event.RELAPSED: State.OPEN,
        Event.FLAPPED: State.OPEN,
        Event.FLAPPED_IN_HAND: State.ACKNOWLEDGED,
        Event.CALM: State.RECOVERED,
        Event.STILL_THERE: State.OPEN,
        Event.NOT_CONTENT: State.OPEN,
        Event.CONFIRMED: State.CLOSED,
        Event.FALSE_ALARM: State.CLOSED,
        Event.TIMED_OUT: State.CLOSED,
    },
    State.CLOSED: {Event.NOT_CONTENT: State.OPEN},
}


# domain.md 5.3, "Accept"
ANSWER = {
    Severity.CRITICAL: timedelta(minutes=3),
    Severity.MAJOR: timedelta(minutes=30),
    Severity.MINOR: timedelta(hours=4),
    Severity.INFO: timedelta(hours=4),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timers:
    """House time that people have."""

    acknowledgement: timedelta = timedelta(hours=4)  # half a shift: whoever took over says so again
    second_look: timedelta = timedelta(hours=24)  # domain.md 5.3: a critical case closes in a day
    answer: Mapping[Severity, timedelta] = field(default_factory=lambda: ANSWER)
    """How long somebody to whom it was given has to take it over."""


TIMERS = Timers()


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Who did it, from where, on whose behalf (代填), and in which words; empty for the house."""

    who: str = ""
    origin: str = ""
    on_behalf_of: str = ""
    note: str = ""
    to: str = ""
    """To whom it is given."""


HOUSE = Act()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one step makes: the incident as it is now, its story, duties and the notices wanted.

    ``duty_ends`` is the outcome with which duties that are still open end; None leaves them open.
    """

    incident: Incident
    story: tuple[StoryLine, ...] = ()
    duties: tuple[DutyKind, ...] = ()
    duty_ends: str | None = None
    notices: tuple[NoticeReason, ...] = ()


def event_of(incident: Incident | None, transition: Transition) -> Event | None:
    """What a rule's transition means to this incident; None when it means nothing any more."""
    if incident is None or incident.state is State.CLOSED:
        return None if transition.change is RuleChange.CLEARED else Event.HELD
    if incident.state is State.RECOVERED:
        if transition.change is RuleChange.CLEARED:
            return None
        at = _utc(transition.at_ms)
        if not incident.flapping or is_calm(incident.returned, at):
            return Event.RELAPSED
        if transition.severity > incident.worst:
            return Event.RELAPSED  # worse than people have been told
        return Event.FLAPPED_IN_HAND if in_hand_until(incident, at) else Event.FLAPPED
    if transition.change is RuleChange.CLEARED:
        if incident.seen_on_site:
            return None  # the rule had cleared before, and it was not believed
        if not needs_second_look(incident):
            return Event.ENDED
        # Whoever can forge a reading must not be able to send people home.
        doubted = transition.is_untrusted and incident.cls in NIGHT_CLASSES
        return Event.UNPROVEN if doubted else Event.CLEARED
    # A false alarm mutes all of it until it has cleared once.
    if transition.severity > incident.worst and not incident.false_alarm:
        return Event.ROSE
    return Event.UPDATED


def in_hand_until(
    incident: Incident, at: datetime, timers: "Timers | None" = None
) -> datetime | None:
    """Until when whoever took over before it recovered still has it; None when nobody does."""
    if not incident.acknowledged_by or incident.acknowledged_at is None or incident.assigned:
        return None
    until = incident.acknowledged_at + (timers or TIMERS).acknowledgement
    return until if until > at else None


def needs_second_look(incident: Incident) -> bool:
    """Whether somebody must look again before this may close.

    A relapse means that a second look was owed before, whatever the severity is by now.
    """
    return (
        incident.cls in SECOND_LOOK_CLASSES
        and not incident.false_alarm
        and (incident.worst > Severity.INFO or incident.relapses > 0)
    )


def allows(incident: Incident, event: Event) -> bool:
    """Whether the table has this event, and a person may bring it about now."""
    if event not in TRANSITIONS[incident.state]:
        return False
    if event is Event.CALM:
        return incident.flapping
    if event is Event.DRILL_OVER:
        return incident.is_drill
    if event is Event.NOT_CONTENT:
        return not incident.is_drill
    if incident.state is State.RECOVERED:
        return True
    if event in (Event.CONFIRMED, Event.STILL_THERE):
        return incident.seen_on_site  # else the rule still sees it: nobody closes that
    if event is Event.FALSE_ALARM:
        return not incident.seen_on_site  # no rule would ever clear it
    return True


def step(
    incident: Incident | None,
    event: Event,
    now: datetime,
    *,
    transition: Transition | None = None,
    act: Act = HOUSE,
    timers: Timers = TIMERS,
    opened_before: Sequence[datetime] = (),
) -> Change | None:
    """Follow the table by one event; None when it has no such row.

    ``opened_before``: when closed ones of the same rule and subject opened, of a new one.
    ``transition`` belongs to the rule's events. A new incident has id 0 until it is stored.
    Climbing times are ``climb.py``'s.
    """
    if incident is None or (incident.state is State.CLOSED and transition is not None):
        if event is not Event.HELD or transition is None:
            return None
        return _opened(transition, now, opened_before)
    if not allows(incident, event):
        return None
    state = TRANSITIONS[incident.state][event]
    moved = replace(incident, state=state, version=incident.version + 1)
    if transition is not None:
        moved = _figures(moved, transition)
    return _STEPS[event](incident, moved, now, transition, act, timers)


def _opened(transition: Transition, now: datetime, before: Sequence[datetime]) -> Change:
    since, opened_at = _utc(transition.since_ms), _utc(transition.at_ms)
    counted = returns(before, opened_at)
    incident = Incident(
        id=0,
        rule=transition.rule,
        subject=transition.subject,
        cls=transition.cls,
        severity=transition.severity,
        worst=transition.severity,
        state=TRANSITIONS[State.PENDING][Event.HELD],
        since=since,
        opened_at=opened_at,
        place=transition.place,
        port=transition.port,
        device=transition.device,
        metric=transition.metric,
        value=transition.value,
        limit=transition.limit,
        peak=transition.peak if transition.peak is not None else transition.value,
        facts=dict(transition.facts),
        told_at=now,
        returned=counted,
        flapping=flaps(counted),
        version=1,
    )
    facts = _story_facts(incident)
    story = [StoryLine(at=since, kind=StoryKind.FIRST_SIGN)] if since < opened_at else []
    story.append(StoryLine(at=opened_at, kind=StoryKind.OPENED, facts=facts))
    if incident.flapping:
        story.append(StoryLine(at=now, kind=StoryKind.FLAPPING, facts={"times": len(counted)}))
    reason = NoticeReason.FLAPPING if incident.flapping else NoticeReason.OPENED
    known = len(counted) > FLAP.times  # the one before told it
    return Change(
        incident=incident,
        story=tuple(story),
        notices=() if known else _unless_info(incident, reason),
    )


def _updated(
    old: Incident, new: Incident, now: datetime, by: Transition | None, act: Act, timers: Timers
) -> Change:
    new = replace(new, seen_on_site=False if by is not None else new.seen_on_site)
    story: tuple[StoryLine, ...] = ()
    if new.severity != old.severity:
        story = (_severity_line(old, new, by, now),)
    return Change(incident=new, story=story)


def _rose(
    old: Incident, new: Incident, now: datetime, by: Transition | None, act: Act, timers: Timers
) -> Change:
    story = [_severity_line(old, new, by, now)]
    if old.state is State.ACKNOWLEDGED:
        story.append(
            StoryLine(at=now, kind=StoryKind.ACKNOWLEDGEMENT_VOID, facts={"because": "severity"})
        )
    new = replace(_released(new), worst=new.severity, told_at=now, seen_on_site=False)
    return Change(
        incident=new, story=tuple(story), notices=_unless_info(new, NoticeReason.SEVERITY)
    )


def _cleared(
    old: Incident, new: Incident, now: datetime, by: Transition | None, act: Act, timers: Timers
) -> Change:
    at = _utc(by.at_ms) if by else now
    new = replace(
        new, recovered_at=at, acknowledged_until=None, next_step_at=None, seen_on_site=False
    )
    return Change(
        incident=new,
        story=(
            StoryLine(at=at, kind=StoryKind.RECOVERED, facts=_story_facts(new)),
            StoryLine(at=now, kind=StoryKind.DUTY_OPENED, facts={"duty": DutyKind.SECOND_LOOK}),
        ),
        # A duty that a person's "still there" left open is this same one, opened anew.
        duty_ends="recovered",
        duties=(DutyKind.SECOND_LOOK,),
        notices=_recovery(new),
    )


def _unproven(
    old: Incident, new: Incident, now: datetime, by: Transition | None, act: Act, timers: Timers
) -> Change:
    look = {"duty": DutyKind.SECOND_LOOK, "because": UNTRUSTED}
    return Change(
        incident=replace(new, seen_on_site=True),
        story=(StoryLine(at=now, kind=StoryKind.DUTY_OPENED, facts=dict(look)),),
        duty_ends="recovered",
        duties=(DutyKind.SECOND_LOOK,),
        notices=(NoticeReason.SECOND_LOOK,),
    )


def _ended(
    old: Incident, new: Incident, now: datetime, by: Transition | None, act: Act, timers: Timers
) -> Change:
    at = _utc(by.at_ms) if by else now
    new = replace(new, recovered_at=at, closed_at=now, acknowledged_until=None, next_step_at=None)
    return Change(
        incident=new,
        story=(
            StoryLine(at=at, kind=StoryKind.RECOVERED, facts=_story_facts(new)),
            StoryLine(at=now, kind=StoryKind.CLOSED, facts={"because": "ended"}),
        ),
        duty_ends="ended",
        notices=(NoticeReason.RECOVERED,) if not (new.false_alarm or new.flapping) else (),
    )


def _relapsed(
    old: Incident, new: Incident, now: datetime, by: Transition | None, act: Act, timers: Timers
) -> Change:
    at = _utc(by.at_ms) if by else now
    counted = returns(old.returned, at)
    new = replace(_back(new, now), returned=counted, flapping=flaps(counted))
    story = [StoryLine(at=at, kind=StoryKind.REOPENED, facts=_story_facts(new))]
    if new.flapping:
        story.append(StoryLine(at=now, kind=StoryKind.FLAPPING, facts={"times": len(counted)}))
    reason = NoticeReason.FLAPPING if new.flapping else NoticeReason.REOPENED
    return Change(
        incident=new,
        story=tuple(story),
        duty_ends="relapsed",
        notices=_unless_info(new, reason),
    )


def _flapped(
    old: Incident, new: Incident, now: datetime, by: Transition | None, act: Act, timers: Timers
) -> Change:
    """Nobody hears of it; a climb goes on where it stood, and whoever has it still does."""
    at = _utc(by.at_ms) if by else now
    held = new.state is State.ACKNOWLEDGED
    new = replace(
        new if held else _released(new),
        acknowledged_until=in_hand_until(old, at, timers) if held else None,
        recovered_at=None,
        relapses=new.relapses + 1,
        returned=returns(old.returned, at),
    )
    return Change(
        incident=new,
        story=(StoryLine(at=at, kind=StoryKind.REOPENED, facts=_story_facts(new)),),
        duty_ends="relapsed",
    )


def _calm(
    old: Incident, new: Incident, now: datetime, by: Transition | None, act: Act, timers: Timers
) -> Change:
    new = replace(new, flapping=False, returned=())
    return Change(
        incident=new,
        story=(StoryLine(at=now, kind=StoryKind.CALM),),
        notices=_recovery(new),
    )


def _still_there(
    old: Incident, new: Incident, now: datetime, by: Transition | None, act: Act, timers: Timers
) -> Change:
    if old.state is not State.RECOVERED:  # looked once more, and nothing has changed
        again = StoryLine(at=now, kind=StoryKind.DUTY_OPENED, facts={"duty": DutyKind.SECOND_LOOK})
        return Change(incident=new, story=(again,), duties=(DutyKind.SECOND_LOOK,))
    return _contradicted(new, now, act, "still-there")


def _not_content(
    old: Incident, new: Incident, now: datetime, by: Transition | None, act: Act, timers: Timers
) -> Change:
    """Also once it has closed: then it leads itself, and how it was closed no longer counts."""
    if old.state is State.CLOSED:
        new = replace(new, closed_at=None, unconfirmed=False, false_alarm=False, part_of=None)
    return _contradicted(new, now, act, "not-content")


def _contradicted(new: Incident, now: datetime, act: Act, because: str) -> Change:
    """Back by a person's word against the rule's: only a person ends it."""
    return Change(
        incident=replace(_back(new, now), seen_on_site=True, flapping=False, returned=()),
        story=(
            line_of(StoryKind.REOPENED, now, act, {"because": because}),
            StoryLine(at=now, kind=StoryKind.DUTY_OPENED, facts={"duty": DutyKind.SECOND_LOOK}),
        ),
        duty_ends=because,  # a second look that is still open is this new one
        duties=(DutyKind.SECOND_LOOK,),
        notices=(NoticeReason.REOPENED,),
    )


def _acknowledged(
    old: Incident, new: Incident, now: datetime, by: Transition | None, act: Act, timers: Timers
) -> Change:
    until = now + timers.acknowledgement
    new = replace(
        new,
        acknowledged_by=act.who,
        acknowledged_at=now,
        acknowledged_until=until,
        next_step_at=None,
        false_alarm=False,
        assigned=False,
    )
    return Change(incident=new, story=(line_of(StoryKind.ACKNOWLEDGED, now, act),))


def _assigned(
    old: Incident, new: Incident, now: datetime, by: Transition | None, act: Act, timers: Timers
) -> Change:
    new = replace(
        new,
        acknowledged_by=act.to,
        acknowledged_at=now,
        acknowledged_until=now + timers.answer[new.severity],
        next_step_at=None,
        false_alarm=False,
        assigned=True,
    )
    line = line_of(StoryKind.ASSIGNED, now, act, {"people": act.to})
    return Change(incident=new, story=(line,), notices=(NoticeReason.ASSIGNED,))


def _expired(
    old: Incident, new: Incident, now: datetime, by: Transition | None, act: Act, timers: Timers
) -> Change:
    # The same tier has its whole wait again: no step is skipped, none is told twice.
    new = replace(_released(new), told_at=now)
    because = "declined" if act.who else "unanswered" if old.assigned else "expired"
    line = StoryLine(at=now, kind=StoryKind.ACKNOWLEDGEMENT_VOID, facts={"because": because})
    return Change(incident=new, story=(line,))


def _false_alarm(
    old: Incident, new: Incident, now: datetime, by: Transition | None, act: Act, timers: Timers
) -> Change:
    story = [line_of(StoryKind.FALSE_ALARM, now, act)]
    if new.state is not State.CLOSED:
        new = replace(
            new,
            false_alarm=True,
            assigned=False,
            acknowledged_by=act.who,
            acknowledged_at=now,
            acknowledged_until=None,  # it mutes until it has cleared, and does not run out
            next_step_at=None,
        )
        return Change(incident=new, story=tuple(story))
    story.append(line_of(StoryKind.CLOSED, now, act, {"because": "false-alarm"}))
    new = replace(new, false_alarm=True, closed_at=now)
    return Change(
        incident=new,
        story=tuple(story),
        duty_ends="false-alarm",
        notices=(NoticeReason.CLOSED,),
    )


def _confirmed(
    old: Incident, new: Incident, now: datetime, by: Transition | None, act: Act, timers: Timers
) -> Change:
    new = replace(
        new,
        closed_at=now,
        recovered_at=new.recovered_at or now,
        acknowledged_until=None,
        next_step_at=None,
        seen_on_site=False,
    )
    return Change(
        incident=new,
        story=(line_of(StoryKind.CLOSED, now, act, {"because": "confirmed"}),),
        duty_ends="closed",
        notices=(NoticeReason.CLOSED,),
    )


def _timed_out(
    old: Incident, new: Incident, now: datetime, by: Transition | None, act: Act, timers: Timers
) -> Change:
    new = replace(new, closed_at=now, unconfirmed=True)
    return Change(
        incident=new,
        story=(StoryLine(at=now, kind=StoryKind.CLOSED, facts={"because": "unconfirmed"}),),
        duty_ends="unconfirmed",
        notices=(NoticeReason.CLOSED,),
    )


def _drill_over(
    old: Incident, new: Incident, now: datetime, by: Transition | None, act: Act, timers: Timers
) -> Change:
    new = replace(new, closed_at=now, acknowledged_until=None, next_step_at=None)
    return Change(
        incident=new,
        story=(StoryLine(at=now, kind=StoryKind.CLOSED, facts={"because": "drill"}),),
        duty_ends="ended",
        notices=(NoticeReason.CLOSED,),
    )


_STEPS = {
    Event.UPDATED: _updated,
    Event.ROSE: _rose,
    Event.CLEARED: _cleared,
    Event.ENDED: _ended,
    Event.UNPROVEN: _unproven,
    Event.RELAPSED: _relapsed,
    Event.STILL_THERE: _still_there,
    Event.NOT_CONTENT: _not_content,
    Event.FLAPPED: _flapped,
    Event.FLAPPED_IN_HAND: _flapped,
    Event.CALM: _calm,
    Event.ACKNOWLEDGED: _acknowledged,
    Event.ASSIGNED: _assigned,
    Event.EXPIRED: _expired,
    Event.FALSE_ALARM: _false_alarm,
    Event.CONFIRMED: _confirmed,
    Event.TIMED_OUT: _timed_out,
    Event.DRILL_OVER: _drill_over,
}


def _utc(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def _figures(incident: Incident, transition: Transition) -> Incident:
    """The newest figures; the peak stays with the rule, which knows its direction."""
    changes: dict[str, Any] = {"facts": dict(transition.facts)}
    for name in ("value", "limit", "peak"):
        if (figure := getattr(transition, name)) is not None:
            changes[name] = figure
    if transition.change is not RuleChange.CLEARED:
        eased = transition.severity < incident.severity
        if not (eased and transition.is_untrusted and incident.cls in NIGHT_CLASSES):
            changes["severity"] = transition.severity
    return replace(incident, **changes)


def _released(incident: Incident) -> Incident:
    return replace(
        incident,
        acknowledged_by="",
        acknowledged_at=None,
        acknowledged_until=None,
        assigned=False,
    )


def _back(incident: Incident, now: datetime) -> Incident:
    """Open again: a new round for people, from the first tier."""
    return replace(
        _released(incident),
        recovered_at=None,
        relapses=incident.relapses + 1,
        worst=incident.severity,
        step=0,
        told_at=now,
        muted_until=None,
    )


def _recovery(incident: Incident) -> tuple[NoticeReason, ...]:
    """What keeps coming and going has not recovered until it is calm."""
    return () if incident.flapping else (NoticeReason.RECOVERED, NoticeReason.SECOND_LOOK)


def _unless_info(incident: Incident, reason: NoticeReason) -> tuple[NoticeReason, ...]:
    return (reason,) if incident.severity > Severity.INFO else ()


def _story_facts(incident: Incident) -> dict[str, float | str]:
    facts: dict[str, float | str] = {"severity": incident.severity.name.lower()}
    for name in ("value", "limit", "peak"):
        if (figure := getattr(incident, name)) is not None:
            facts[name] = figure
    return facts


def _severity_line(old: Incident, new: Incident, by: Transition | None, now: datetime) -> StoryLine:
    return StoryLine(
        at=_utc(by.at_ms) if by else now,
        kind=StoryKind.SEVERITY,
        facts={"was": old.severity.name.lower(), **_story_facts(new)},
    )


def line_of(
    kind: StoryKind, now: datetime, act: Act, facts: dict[str, float | str] | None = None
) -> StoryLine:
    said: dict[str, float | str] = {"note": act.note} if act.note else {}
    return StoryLine(
        at=now,
        kind=kind,
        who=act.who,
        on_behalf_of=act.on_behalf_of,
        origin=act.origin,
        facts={**(facts or {}), **said},
    )

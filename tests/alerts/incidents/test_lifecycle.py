"""The lifecycle: each row of the table has its sentence, and the table has nothing else."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from alerts.incidents import lifecycle
from alerts.incidents.lifecycle import TRANSITIONS, Act, Change, Event
from alerts.incidents.model import DutyKind, Incident, State, StoryKind
from alerts.notify.notice import NoticeReason
from alerts.rules.transition import Change as Said
from alerts.rules.transition import Transition
from alerts.words import IncidentClass, Severity
from tests.alerts.incidents.community import NOW, polluted, says

LATER = NOW + timedelta(minutes=20)
MEI = Act(who="mei", origin="desk")


def hear(incident: Incident | None, transition: Transition) -> Change | None:
    event = lifecycle.event_of(incident, transition)
    if event is None:
        return None
    return lifecycle.step(incident, event, LATER, transition=transition)


def opened(**fields: Any) -> Incident:
    change = hear(None, says(1, **fields))
    assert change is not None
    return change.incident


def after(incident: Incident, event: Event, **more: object) -> Incident:
    change = lifecycle.step(incident, event, LATER, **more)  # type: ignore[arg-type]
    assert change is not None
    return change.incident


def cleared(incident: Incident) -> Incident:
    change = hear(incident, says(9, Said.CLEARED, cls=incident.cls))
    assert change is not None
    return change.incident


def kinds(change: Change) -> list[StoryKind]:
    return [line.kind for line in change.story]


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_a_row(state):
    assert TRANSITIONS[state]


def test_only_whoever_reported_it_opens_what_has_closed():
    assert set(TRANSITIONS[State.CLOSED]) == {Event.NOT_CONTENT}


def test_every_event_and_every_state_is_reached_by_the_table():
    events = {event for row in TRANSITIONS.values() for event in row}
    states = {state for row in TRANSITIONS.values() for state in row.values()}
    assert events == set(Event)
    assert states == set(State) - {State.PENDING}


@pytest.mark.parametrize(
    ("state", "event"),
    [(state, event) for state in State for event in Event if state is not State.PENDING],
)
def test_step_goes_where_the_table_says_and_nowhere_else(state, event):
    seen = event is not Event.FALSE_ALARM  # what was seen on site is no false alarm
    incident = replace(
        opened(),
        state=state,
        seen_on_site=seen and state is not State.CLOSED,
        flapping=True,
        drill_until=None if event is Event.NOT_CONTENT else NOW,
    )
    change = lifecycle.step(incident, event, LATER, transition=says(5), act=MEI)
    if state is State.CLOSED:
        assert (change is not None) is (event is Event.HELD)  # a new one, by the rule
    elif event in TRANSITIONS[state]:
        assert change is not None
        assert change.incident.state is TRANSITIONS[state][event]
        assert change.incident.version == incident.version + 1
    else:
        assert change is None


def test_an_incident_opens_with_its_first_sign_and_tells():
    change = hear(None, says(1))
    assert change is not None
    assert change.incident.state is State.OPEN
    assert change.incident.since == NOW - timedelta(minutes=1)
    assert kinds(change) == [StoryKind.FIRST_SIGN, StoryKind.OPENED]
    assert change.notices == (NoticeReason.OPENED,)


def test_what_clears_before_it_was_ever_raised_is_nothing():
    assert hear(None, says(1, Said.CLEARED)) is None


def test_rising_severity_voids_an_acknowledgement_and_tells_again():
    taken = after(opened(), Event.ACKNOWLEDGED, act=MEI)
    change = hear(taken, says(2, Said.SEVERITY, severity=Severity.CRITICAL))
    assert change is not None
    assert change.incident.state is State.OPEN
    assert change.incident.acknowledged_by == ""
    assert StoryKind.ACKNOWLEDGEMENT_VOID in kinds(change)
    assert change.notices == (NoticeReason.SEVERITY,)


def test_falling_and_rising_to_what_is_known_voids_nothing():
    taken = after(opened(), Event.ACKNOWLEDGED, act=MEI)
    eased = hear(taken, says(2, Said.SEVERITY, severity=Severity.MINOR))
    assert eased is not None
    assert eased.incident.severity is Severity.MINOR
    again = hear(eased.incident, says(3, Said.SEVERITY, severity=Severity.MAJOR))
    assert again is not None
    assert again.incident.state is State.ACKNOWLEDGED
    assert again.notices == ()


def test_a_false_alarm_mutes_a_rise_until_it_has_cleared_once():
    muted = after(opened(), Event.FALSE_ALARM, act=replace(MEI, note="焊接的烟"))
    assert (muted.state, muted.acknowledged_until) == (State.ACKNOWLEDGED, None)
    risen = hear(muted, says(2, Said.SEVERITY, severity=Severity.CRITICAL))
    assert risen is not None
    assert risen.notices == ()
    ended = hear(risen.incident, says(3, Said.CLEARED))
    assert ended is not None
    assert (ended.incident.state, ended.notices, ended.duties) == (State.CLOSED, (), ())
    anew = hear(ended.incident, says(4))
    assert anew is not None
    assert (anew.incident.false_alarm, anew.notices) == (False, (NoticeReason.OPENED,))


def test_recovery_beats_a_late_acknowledgement():
    assert lifecycle.step(cleared(opened()), Event.ACKNOWLEDGED, LATER, act=MEI) is None


@pytest.mark.parametrize(
    ("cls", "severity", "looks_again"),
    [
        (IncidentClass.FIRE, Severity.MAJOR, True),
        (IncidentClass.FLOOD, Severity.MINOR, True),
        (IncidentClass.SAFETY, Severity.CRITICAL, True),
        (IncidentClass.POLLUTION, Severity.MINOR, True),
        (IncidentClass.UPKEEP, Severity.MAJOR, False),
        (IncidentClass.WATCH, Severity.CRITICAL, False),
        (IncidentClass.FIRE, Severity.INFO, False),
    ],
)
def test_recovery_of_a_danger_opens_a_second_look_and_upkeep_ends_itself(
    cls, severity, looks_again
):
    change = hear(opened(cls=cls, severity=severity), says(2, Said.CLEARED, cls=cls))
    assert change is not None
    assert change.incident.state is (State.RECOVERED if looks_again else State.CLOSED)
    assert change.duties == ((DutyKind.SECOND_LOOK,) if looks_again else ())
    assert NoticeReason.RECOVERED in change.notices
    assert (NoticeReason.SECOND_LOOK in change.notices) is looks_again


def test_a_relapse_reopens_the_same_incident_and_withdraws_the_second_look():
    recovered = replace(cleared(opened()), id=7, step=2)
    change = hear(recovered, says(10))
    assert change is not None
    assert (change.incident.id, change.incident.state) == (7, State.OPEN)
    assert (change.incident.step, change.incident.relapses) == (0, 1)
    assert change.duty_ends == "relapsed"
    assert change.notices == (NoticeReason.REOPENED,)


def test_a_mild_relapse_does_not_take_the_second_look_away():
    mild = hear(cleared(opened()), says(10, severity=Severity.INFO))
    assert mild is not None
    assert mild.notices == ()
    assert cleared(mild.incident).state is State.RECOVERED


def test_still_there_opens_it_again_and_only_a_person_ends_it():
    change = lifecycle.step(cleared(opened()), Event.STILL_THERE, LATER, act=MEI)
    assert change is not None
    incident = change.incident
    assert (incident.state, incident.seen_on_site) == (State.OPEN, True)
    assert change.duties == (DutyKind.SECOND_LOOK,)
    assert change.notices == (NoticeReason.REOPENED,)
    assert hear(incident, says(11, Said.CLEARED)) is None
    assert after(incident, Event.CONFIRMED, act=MEI).state is State.CLOSED


def test_nobody_closes_what_its_rule_still_sees():
    assert lifecycle.step(opened(), Event.CONFIRMED, LATER, act=MEI) is None


def test_the_rules_word_takes_over_from_the_persons():
    seen = after(cleared(opened()), Event.STILL_THERE, act=MEI)
    change = hear(seen, says(11))
    assert change is not None
    assert change.incident.seen_on_site is False
    assert cleared(change.incident).state is State.RECOVERED


def test_what_nobody_confirmed_is_recorded_as_unconfirmed():
    closed = after(cleared(opened()), Event.TIMED_OUT)
    assert (closed.state, closed.unconfirmed) == (State.CLOSED, True)
    confirmed = after(cleared(opened()), Event.CONFIRMED, act=MEI)
    assert confirmed.unconfirmed is False


def test_an_expired_acknowledgement_opens_at_the_same_step():
    taken = after(replace(opened(), step=1), Event.ACKNOWLEDGED, act=MEI)
    assert taken.acknowledged_until == LATER + timedelta(hours=4)
    again = after(taken, Event.EXPIRED)
    assert (again.state, again.step, again.told_at) == (State.OPEN, 1, LATER)


def test_figures_are_the_newest_and_clearing_keeps_the_severity():
    incident = opened()
    change = hear(
        incident,
        says(2, Said.CLEARED, severity=Severity.INFO, value=20.0, peak=None, facts={"a": 1.0}),
    )
    assert change is not None
    assert (change.incident.value, change.incident.peak) == (20.0, 49.5)
    assert change.incident.severity is Severity.MAJOR
    assert change.incident.facts == {"a": 1.0}


FORGEABLE = {"source": "untrusted"}


@pytest.mark.parametrize(
    ("cls", "proved"),
    [
        (IncidentClass.FIRE, False),
        (IncidentClass.FLOOD, False),
        (IncidentClass.SAFETY, False),
        (IncidentClass.POLLUTION, True),
        (IncidentClass.UPKEEP, True),
    ],
)
def test_an_untrusted_source_clears_no_fire_flood_or_safety(cls, proved):
    incident = replace(opened(cls=cls), next_step_at=LATER)
    change = hear(incident, says(2, Said.CLEARED, cls=cls, facts=FORGEABLE))
    assert change is not None
    assert (change.incident.state is State.OPEN) is not proved
    if proved:
        return
    # It climbs on, no timer ends it, and people are asked to look.
    assert change.incident.next_step_at == LATER
    assert lifecycle.step(change.incident, Event.TIMED_OUT, LATER) is None
    assert change.duties == (DutyKind.SECOND_LOOK,)
    assert change.notices == (NoticeReason.SECOND_LOOK,)
    assert after(change.incident, Event.CONFIRMED, act=MEI).state is State.CLOSED


def test_an_acknowledgement_stands_when_an_untrusted_source_says_it_is_over():
    fire = opened(cls=IncidentClass.FIRE)
    taken = after(fire, Event.ACKNOWLEDGED, act=MEI)
    change = hear(taken, says(2, Said.CLEARED, cls=IncidentClass.FIRE, facts=FORGEABLE))
    assert change is not None
    assert change.incident.state is State.ACKNOWLEDGED
    assert hear(change.incident, says(3, Said.CLEARED, cls=IncidentClass.FIRE)) is None
    again = hear(change.incident, says(4, cls=IncidentClass.FIRE))
    assert again is not None
    assert cleared(again.incident).state is State.RECOVERED


def test_a_false_alarm_ends_by_an_untrusted_word_as_well():
    muted = after(opened(cls=IncidentClass.FIRE), Event.FALSE_ALARM, act=replace(MEI, note="香"))
    change = hear(muted, says(2, Said.CLEARED, cls=IncidentClass.FIRE, facts=FORGEABLE))
    assert change is not None
    assert change.incident.state is State.CLOSED


@pytest.mark.parametrize(
    ("cls", "facts", "shown"),
    [
        (IncidentClass.FIRE, FORGEABLE, Severity.CRITICAL),
        (IncidentClass.FIRE, {}, Severity.MINOR),
        (IncidentClass.POLLUTION, FORGEABLE, Severity.MINOR),
    ],
)
def test_an_untrusted_source_makes_no_fire_milder(cls, facts, shown):
    worst = opened(cls=cls, severity=Severity.CRITICAL)
    milder = says(2, Said.SEVERITY, cls=cls, severity=Severity.MINOR, facts=facts)
    change = hear(worst, milder)
    assert change is not None
    assert change.incident.severity is shown


def test_an_untrusted_source_raises_and_makes_it_worse_like_any_other():
    minor = opened(cls=IncidentClass.FIRE, severity=Severity.MINOR, facts=FORGEABLE)
    worse = says(
        2, Said.SEVERITY, cls=IncidentClass.FIRE, severity=Severity.CRITICAL, facts=FORGEABLE
    )
    change = hear(minor, worse)
    assert change is not None
    assert change.notices == (NoticeReason.SEVERITY,)
    assert change.incident.severity is Severity.CRITICAL


def test_a_story_line_keeps_on_whose_behalf_it_was_done():
    act = Act(who="wen", origin="desk", on_behalf_of="lao-li")
    first = hear(None, polluted(1))
    assert first is not None
    change = lifecycle.step(first.incident, Event.ACKNOWLEDGED, LATER, act=act)
    assert change is not None
    assert (change.story[0].who, change.story[0].on_behalf_of) == ("wen", "lao-li")

"""Giving an incident to somebody, writing down who reported it, and what counts for a rule."""

from datetime import timedelta

import pytest

from alerts.incidents.acts import Conflict, Done, Refusal, Refused
from alerts.incidents.model import DutyKind, State, StoryKind
from alerts.incidents.precision import Precision
from alerts.notify.notice import NoticeReason
from alerts.notify.outcome import Accepted
from alerts.rules.transition import Change
from edge.contract.subject import Subject
from tests.alerts.incidents.community import NOW, polluted, says
from tests.alerts.store.conftest import PACKS

SOON = NOW + timedelta(minutes=1)
LATER = NOW + timedelta(minutes=2)


@pytest.fixture
def raised(operations):
    operations.take([says(1)], PACKS, NOW)
    return operations


def test_it_is_given_to_somebody_who_is_told_and_has_half_an_hour(raised):
    result = raised.assign(1, "wen", "mei", "console", SOON, "居委会")
    assert isinstance(result, Done)
    incident = raised.incident(1)
    assert (incident.state, incident.acknowledged_by) == (State.ACKNOWLEDGED, "mei")
    assert incident.assigned
    assert incident.acknowledged_until == SOON + timedelta(minutes=30)
    assert ("assigned", "mei") in [(n.reason.value, n.person) for n in raised.notices(incident=1)]
    assert [c.reason for c in raised.considered(1, "mei")][-1] == "assigned"
    line = next(s for s in raised.story(1) if s.kind is StoryKind.ASSIGNED)
    assert (line.who, line.on_behalf_of, line.facts["people"]) == ("wen", "居委会", "mei")


def test_unanswered_the_climb_goes_on_and_answered_it_does_not(raised):
    raised.assign(1, "wen", "mei", "console", SOON)
    raised.climb(SOON + timedelta(minutes=31))
    incident = raised.incident(1)
    assert (incident.state, incident.acknowledged_by, incident.assigned) == (State.OPEN, "", False)
    raised.assign(1, "wen", "mei", "console", SOON + timedelta(minutes=32))
    raised.acknowledge(1, "mei", "link", SOON + timedelta(minutes=33))
    raised.climb(SOON + timedelta(hours=2))
    assert raised.incident(1).state is State.ACKNOWLEDGED
    assert raised.incident(1).assigned is False


def test_whoever_is_given_it_once_more_is_told_once_more(raised):
    for hours in (0, 1):
        now = SOON + timedelta(hours=hours)
        raised.assign(1, "wen", "mei", "console", now)
        raised.assign(1, "wen", "mei", "console", now)  # tapped twice, before it went out
        (told,) = [n for n in raised.due(now, 10) if n.reason is NoticeReason.ASSIGNED]
        assert told.person == "mei"
        raised.settle(told.id, Accepted(), now)
        raised.climb(now + timedelta(minutes=31))


def test_anybody_may_take_over_what_was_given_to_somebody_who_has_not_answered(raised):
    raised.assign(1, "wen", "mei", "console", SOON)
    assert isinstance(raised.acknowledge(1, "guard", "desk", LATER), Done)
    assert raised.incident(1).acknowledged_by == "guard"


def test_what_somebody_has_is_not_given_away_unseen(raised):
    seen = raised.acknowledge(1, "guard", "desk", SOON).incident.version
    assert isinstance(raised.assign(1, "wen", "mei", "console", LATER), Conflict)
    assert isinstance(raised.assign(1, "wen", "mei", "console", LATER, version=seen), Done)


def test_it_is_given_to_nobody_unknown_and_to_oneself_is_taking_over(raised):
    assert raised.assign(1, "wen", "nobody", "x", SOON) == Refused(Refusal.UNKNOWN_PERSON)
    raised.assign(1, "wen", "wen", "console", SOON)
    assert raised.incident(1).assigned is False


def test_recovery_beats_giving_it_to_somebody(raised):
    raised.take([says(2, Change.CLEARED)], PACKS, NOW)
    assert isinstance(raised.assign(1, "wen", "mei", "console", SOON), Conflict)


def test_whoever_reported_is_called_on_once_it_has_recovered_also_after_it_closed(raised):
    raised.record_report(1, "wen", "3 号楼王大爷", "000-1", "闻到焦味", "phone", SOON)
    assert raised.duties(open=True) == []
    raised.take([says(2, Change.CLEARED)], PACKS, SOON)
    look, call = sorted(raised.duties(open=True), key=lambda duty: duty.kind != "second-look")
    assert (look.kind, call.kind) == (DutyKind.SECOND_LOOK, DutyKind.CALL_ON)
    assert [(one.reporter, one.duty) for one in raised.reporters(1)] == [("3 号楼王大爷", call.id)]
    raised.confirm_second_look(look.id, "wen", "fine", "", LATER)
    assert [duty.id for duty in raised.duties(open=True)] == [call.id]
    raised.called_on(call.id, "wen", "unreached", "没接", LATER)
    assert raised.duty(call.id).done_at is None
    raised.called_on(call.id, "wen", "content", "", LATER)
    assert raised.duties(open=True) == []
    assert isinstance(raised.called_on(call.id, "mei", "content", "", LATER), Conflict)
    assert all("王大爷" not in str(line.facts) for line in raised.story(1))


def test_one_who_is_not_content_opens_it_again_with_one_second_look(raised):
    raised.record_report(1, "wen", "王大爷", "", "", "phone", SOON)
    raised.take([says(2, Change.CLEARED)], PACKS, SOON)
    (call,) = [duty for duty in raised.duties(open=True) if duty.kind is DutyKind.CALL_ON]
    raised.called_on(call.id, "wen", "not-content", "还有焦味", LATER)
    assert raised.incident(1).state is State.OPEN
    assert [duty.kind for duty in raised.duties(open=True)] == [DutyKind.SECOND_LOOK]
    again = [line for line in raised.story(1) if line.kind is StoryKind.REOPENED]
    assert [line.facts["because"] for line in again] == ["not-content"]


@pytest.fixture
def closed(raised):
    """Closed, and whoever reported it is still to be called on: (operations, that duty)."""
    raised.record_report(1, "wen", "王大爷", "", "", "phone", SOON)
    raised.take([says(2, Change.CLEARED)], PACKS, SOON)
    raised.close_incident(1, "wen", "看过了", "console", SOON)
    (call,) = raised.duties(open=True)
    return raised, call.id


def test_one_who_is_not_content_opens_what_has_closed(closed):
    operations, call = closed
    operations.called_on(call, "wen", "not-content", "还有焦味", LATER)
    incident = operations.incident(1)
    assert (incident.state, incident.closed_at, incident.unconfirmed) == (State.OPEN, None, False)
    assert [duty.kind for duty in operations.duties(open=True)] == [DutyKind.SECOND_LOOK]
    told = [(n.reason.value, n.person) for n in operations.notices(incident=1)]
    assert ("reopened", "guard") in told
    assert operations.precision() == {}
    assert isinstance(operations.close_incident(1, "wen", "", "console", LATER), Done)


def test_what_is_open_of_the_same_hears_that_one_is_not_content(closed):
    operations, call = closed
    operations.take([says(3)], PACKS, SOON)
    operations.called_on(call, "wen", "not-content", "还有焦味", LATER)
    assert operations.incident(1).state is State.CLOSED
    last = operations.story(2)[-1]
    assert (last.kind, last.facts["because"]) == (StoryKind.REPORTED, "not-content")


def test_a_report_after_the_end_asks_for_a_call_at_once(raised):
    raised.take([says(2, Change.CLEARED)], PACKS, NOW)
    raised.record_report(1, "wen", "王大爷", "", "", "phone", SOON)
    assert DutyKind.CALL_ON in [duty.kind for duty in raised.duties(open=True)]
    assert raised.record_report(1, "wen", " ", "", "", "", SOON) == Refused(Refusal.NO_WORDS)


def test_what_has_closed_counts_for_the_rule(operations):
    for n in range(4):
        subject = Subject.of_place("riverside", f"shed-{n}")
        operations.take([says(2 * n + 1, subject=subject)], PACKS, NOW)
        if n == 0:
            operations.false_alarm(n + 1, "wen", "清洗探头", "console", SOON)
        operations.take([says(2 * n + 2, Change.CLEARED, subject=subject)], PACKS, SOON)
        if n == 1:
            (duty,) = operations.duties(open=True, incident=n + 1)
            operations.confirm_second_look(duty.id, "wen", "fine", "", LATER)
    operations.take([polluted(30)], PACKS, NOW)
    operations.climb(SOON + timedelta(hours=25))
    assert operations.precision() == {"charging.feeder": Precision(real=1, false=1, unconfirmed=2)}
    assert operations.precision("charging.feeder")["charging.feeder"].share == 0.5
    assert operations.precision("river.ammonia") == {}
    ((incident, line),) = operations.judged_false("charging.feeder")
    assert (incident.id, line.facts["note"], line.who) == (1, "清洗探头", "wen")

"""People's acts: two at once get one truth, and what came too late is told so."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from alerts.incidents.acts import Conflict, Done, Refusal, Refused, Result
from alerts.incidents.model import State, StoryKind
from alerts.notify.outcome import Accepted
from alerts.rules.transition import Change
from alerts.store.operations import Operations
from alerts.words import IncidentClass, Language, Severity
from tests.alerts.incidents.community import NOW, says
from tests.alerts.store.conftest import PACKS

SOON = NOW + timedelta(minutes=1)
LATER = NOW + timedelta(minutes=2)
Doing = Callable[[Operations], Result]


@pytest.fixture
def raised(operations):
    operations.take([says(1)], PACKS, NOW)
    return operations


@pytest.fixture
def recovered(raised):
    raised.take([says(2, Change.CLEARED)], PACKS, NOW)
    return raised


def current(result: Result) -> State:
    assert isinstance(result, Done | Conflict)
    return result.incident.state if isinstance(result, Done) else result.current.state


def test_taking_over_names_who_from_where_and_for_whom(raised):
    result = raised.acknowledge(1, "wen", "desk", SOON, "mei")
    assert isinstance(result, Done)
    assert result.incident == raised.incident(1)
    assert result.incident.acknowledged_until == SOON + timedelta(hours=4)
    line = next(s for s in raised.story(1) if s.kind is StoryKind.ACKNOWLEDGED)
    assert (line.who, line.origin, line.on_behalf_of, line.at) == ("wen", "desk", "mei", SOON)


def test_the_second_to_take_over_is_shown_the_first(raised):
    raised.acknowledge(1, "wen", "desk", SOON)
    result = raised.acknowledge(1, "mei", "desk", LATER)
    assert isinstance(result, Conflict)
    assert result.current.acknowledged_by == "wen"


def test_somebody_who_has_seen_who_has_it_may_take_it_from_him(raised):
    first = raised.acknowledge(1, "wen", "desk", SOON)
    result = raised.acknowledge(1, "mei", "desk", LATER, version=first.incident.version)
    assert isinstance(result, Done)
    assert result.incident.acknowledged_by == "mei"


def test_an_act_on_what_has_changed_meanwhile_is_a_conflict(raised):
    seen = raised.incident(1).version
    raised.take([says(2, Change.SEVERITY, severity=Severity.CRITICAL)], PACKS, NOW)
    assert isinstance(raised.acknowledge(1, "mei", "desk", LATER, version=seen), Conflict)


def test_taking_over_again_lasts_longer(raised):
    raised.acknowledge(1, "wen", "desk", SOON)
    again = raised.acknowledge(1, "wen", "desk", LATER)
    assert again.incident.acknowledged_until == LATER + timedelta(hours=4)


def test_of_many_at_once_one_takes_over(url, raised):
    people = ["mei", "wen", "guard", "engineer"]

    def take_over(who: str) -> Result:
        with Operations(url) as own:
            return own.acknowledge(1, who, "desk", SOON)

    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(take_over, people))
    done = [result for result in results if isinstance(result, Done)]
    beaten = [result for result in results if isinstance(result, Conflict)]
    assert (len(done), len(beaten)) == (1, 3)
    winner = done[0].incident.acknowledged_by
    assert {result.current.acknowledged_by for result in beaten} == {winner}


def test_recovery_beats_a_late_acknowledgement(recovered):
    assert current(recovered.acknowledge(1, "mei", "link", LATER)) is State.RECOVERED
    assert recovered.incident(1).acknowledged_by == ""


def test_a_second_look_that_is_fine_closes(recovered):
    (duty,) = recovered.duties(open=True)
    result = recovered.confirm_second_look(duty.id, "wen", "fine", "没事", LATER, "phone", "mei")
    assert current(result) is State.CLOSED
    done = recovered.duty(duty.id)
    assert (done.done_by, done.outcome, done.note, done.done_at) == ("wen", "fine", "没事", LATER)
    closing = [s for s in recovered.story(1) if s.kind in (StoryKind.DUTY_DONE, StoryKind.CLOSED)]
    assert [(s.who, s.on_behalf_of, s.origin) for s in closing] == [("wen", "mei", "phone")] * 2


def test_a_second_look_is_done_once(recovered):
    (duty,) = recovered.duties(open=True)
    recovered.confirm_second_look(duty.id, "wen", "fine", "", LATER)
    result = recovered.confirm_second_look(duty.id, "mei", "still-there", "", LATER)
    assert isinstance(result, Conflict)
    assert recovered.duty(duty.id).done_by == "wen"


def test_still_there_opens_it_again_tells_and_asks_for_another_look(recovered):
    (duty,) = recovered.duties(open=True)
    while due := recovered.due(NOW, 10):
        for notice in due:
            recovered.settle(notice.id, Accepted(), NOW)
    result = recovered.confirm_second_look(duty.id, "wen", "still-there", "还在冒烟", LATER)
    assert current(result) is State.OPEN
    assert [n.reason for n in recovered.due(LATER, 10)] == ["reopened"]
    (again,) = recovered.duties(open=True)
    third = recovered.confirm_second_look(again.id, "wen", "still-there", "", LATER)
    assert current(third) is State.OPEN
    (last,) = recovered.duties(open=True)
    assert current(recovered.confirm_second_look(last.id, "wen", "fine", "", LATER)) is State.CLOSED
    assert recovered.duties(open=True) == []


def test_an_all_clear_that_anybody_could_have_sent_waits_for_a_person(raised):
    forged = says(2, Change.CLEARED, cls=IncidentClass.SAFETY, facts={"source": "untrusted"})
    raised.take([forged], PACKS, NOW)
    raised.climb(NOW + timedelta(days=3))
    assert raised.incident(1).state is State.OPEN
    (duty,) = raised.duties(open=True)
    told = []
    while due := raised.due(LATER, 10):
        for notice in due:
            raised.settle(notice.id, Accepted(), LATER)
        told += [notice.reason for notice in due]
    assert "second-look" in told
    result = raised.confirm_second_look(duty.id, "wen", "fine", "看过了", LATER)
    assert current(result) is State.CLOSED


def test_a_look_at_what_the_rule_sees_again_closes_nothing(recovered):
    (duty,) = recovered.duties(open=True)
    recovered.take([says(3)], PACKS, SOON)
    result = recovered.confirm_second_look(duty.id, "wen", "fine", "", LATER)
    assert isinstance(result, Conflict)
    assert current(result) is State.OPEN


def test_a_false_alarm_is_muted_until_its_rule_has_cleared(raised):
    assert current(raised.false_alarm(1, "mei", "焊接", "desk", SOON)) is State.ACKNOWLEDGED
    assert raised.climb(NOW + timedelta(days=9)) == 0
    raised.take([says(2, Change.CLEARED)], PACKS, LATER)
    (incident,) = raised.incidents()
    assert (incident.state, incident.false_alarm) == (State.CLOSED, True)
    assert raised.duties() == []


def test_a_comment_is_a_line_of_the_story_and_conflicts_with_nothing(raised):
    before = raised.incident(1)
    assert raised.comment(1, "mei", " 已断电 ", "desk", SOON) == Done(before)
    assert raised.story(1)[-1].facts == {"note": "已断电"}


def test_what_has_recovered_may_be_closed_by_a_person(recovered):
    assert current(recovered.close_incident(1, "wen", "看过", "desk", LATER)) is State.CLOSED
    assert recovered.duties(open=True) == []
    assert isinstance(recovered.close_incident(1, "mei", "", "desk", LATER), Conflict)


REFUSALS: dict[str, tuple[Doing, Refusal]] = {
    "nobody takes over what is not there": (
        lambda o: o.acknowledge(99, "mei", "desk", SOON),
        Refusal.UNKNOWN_INCIDENT,
    ),
    "a stranger does not act": (
        lambda o: o.acknowledge(1, "stranger", "desk", SOON),
        Refusal.UNKNOWN_PERSON,
    ),
    "a stranger does not comment": (
        lambda o: o.comment(1, "stranger", "hello", "desk", SOON),
        Refusal.UNKNOWN_PERSON,
    ),
    "an empty comment is none": (
        lambda o: o.comment(1, "mei", " ", "desk", SOON),
        Refusal.NO_WORDS,
    ),
    "a false alarm needs its reason": (
        lambda o: o.false_alarm(1, "mei", "", "desk", SOON),
        Refusal.NO_WORDS,
    ),
    "what is still raised is not closed": (
        lambda o: o.close_incident(1, "mei", "", "desk", SOON),
        Refusal.STILL_RAISED,
    ),
    "there is no such duty": (
        lambda o: o.confirm_second_look(99, "mei", "fine", "", SOON),
        Refusal.UNKNOWN_DUTY,
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_an_act_is_refused_with_its_reason_and_changes_nothing(raised, case):
    doing, refusal = REFUSALS[case]
    before = (raised.incident(1), raised.story(1), raised.notices())
    assert doing(raised) == Refused(refusal)
    assert (raised.incident(1), raised.story(1), raised.notices()) == before


def test_what_was_seen_on_site_is_no_false_alarm(recovered):
    (duty,) = recovered.duties(open=True)
    recovered.confirm_second_look(duty.id, "wen", "still-there", "", LATER)
    result = recovered.false_alarm(1, "mei", "不是", "desk", LATER)
    assert result == Refused(Refusal.SEEN_ON_SITE)


@pytest.mark.parametrize("refusal", list(Refusal))
def test_every_refusal_has_words_in_both_languages(refusal):
    assert refusal.text(Language.ZH).endswith("。")
    assert refusal.text(Language.EN).endswith(".")

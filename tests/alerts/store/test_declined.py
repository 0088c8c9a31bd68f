"""Whoever cannot come (去不了) says so once, and somebody else is asked: never two at once."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from alerts.incidents.acts import Refusal, Refused
from alerts.incidents.model import DutyKind, State, StoryKind
from alerts.notify.outcome import Accepted
from alerts.rules.transition import Change
from alerts.store.operations import Operations
from tests.alerts.incidents.community import MEI, NOW, REGISTRY, polluted, says
from tests.alerts.store.conftest import PACKS

MINUTE = timedelta(minutes=1)
SOON, LATER = NOW + MINUTE, NOW + 2 * MINUTE


@pytest.fixture
def raised(operations):
    operations.take([says(1)], PACKS, NOW)
    told(operations, NOW)
    return operations


def told(operations: Operations, now: datetime) -> list[tuple[str, str]]:
    """Every due notice is accepted: (reason, person)."""
    found = []
    while due := operations.due(now, 20):
        for notice in due:
            operations.settle(notice.id, Accepted(), now)
            found.append((notice.reason.value, notice.person))
    return found


def words(operations: Operations, person: str) -> str:
    """Of the newest notice to them."""
    return next(n.text for n in operations.notices(incident=1) if n.person == person)


def test_the_next_tier_is_asked_and_hears_who_cannot_come(raised):
    raised.decline(1, "guard", "link", SOON)
    assert told(raised, SOON) == [("climbed", "mei")]
    assert words(raised, "mei").endswith("after 值班岗 who declined")


def test_a_second_tap_passes_nobody_over(raised):
    for second in range(3):
        raised.decline(1, "guard", "link", SOON + timedelta(seconds=second))
    assert raised.incident(1).step == 1
    assert told(raised, LATER) == [("climbed", "mei")]
    declined = [line for line in raised.story(1) if line.kind is StoryKind.DECLINED]
    assert len(declined) == 3, "what somebody says is written down all the same"


def test_one_whose_turn_it_is_not_passes_nobody_over(raised):
    raised.decline(1, "lao-li", "link", SOON)
    raised.decline(1, "wen", "link", SOON)
    assert raised.incident(1).step == 0
    assert told(raised, LATER) == []


def test_the_last_tier_that_declines_is_said_once(raised):
    for who in ("guard", "mei", "wen", "wen"):
        raised.decline(1, who, "link", SOON)
    nobody = [line for line in raised.story(1) if line.facts.get("people") == ""]
    assert [line.facts["because"] for line in nobody] == ["declined"]


def test_what_was_given_to_one_who_cannot_come_goes_back_to_whoever_gave_it(raised):
    raised.assign(1, "wen", "mei", "console", SOON)
    told(raised, SOON)
    raised.decline(1, "mei", "link", LATER)
    incident = raised.incident(1)
    assert (incident.acknowledged_by, incident.assigned) == ("wen", True)
    assert told(raised, LATER) == [("assigned", "wen")]
    assert words(raised, "wen").endswith("after 梅姐 who declined")
    raised.decline(1, "wen", "link", LATER + MINUTE)
    assert raised.incident(1).state is State.OPEN
    void = [line for line in raised.story(1) if line.kind is StoryKind.ACKNOWLEDGEMENT_VOID]
    assert [line.facts["because"] for line in void] == ["declined"]


def test_what_one_took_over_and_cannot_do_goes_on_to_the_next(raised):
    raised.acknowledge(1, "guard", "link", SOON)
    raised.decline(1, "guard", "link", LATER)
    incident = raised.incident(1)
    assert (incident.state, incident.acknowledged_by, incident.step) == (State.OPEN, "", 1)
    assert told(raised, LATER) == [("climbed", "mei")]
    assert words(raised, "mei").endswith("after 值班岗 who declined")
    raised.decline(1, "guard", "link", LATER + MINUTE)
    assert raised.incident(1).step == 1, "a second tap passes nobody over"


def test_nobody_gives_back_what_another_has_or_what_was_a_false_alarm(raised):
    raised.acknowledge(1, "mei", "link", SOON)
    raised.decline(1, "guard", "link", LATER)
    assert raised.incident(1).acknowledged_by == "mei"
    raised.false_alarm(1, "mei", "steam", "console", LATER)
    raised.decline(1, "mei", "link", LATER + MINUTE)
    assert raised.incident(1).state is State.ACKNOWLEDGED
    assert told(raised, LATER + MINUTE) == []


def test_a_second_look_that_one_cannot_take_is_asked_of_the_next(raised):
    raised.acknowledge(1, "guard", "link", NOW)
    raised.take([says(2, Change.CLEARED)], PACKS, SOON)
    told(raised, SOON)
    for _ in range(2):
        raised.decline(1, "guard", "link", LATER)
    assert told(raised, LATER) == [("second-look", "mei")]
    assert words(raised, "mei").endswith("after 值班岗 who declined")
    (look,) = [duty for duty in raised.duties(open=True) if duty.kind is DutyKind.SECOND_LOOK]
    assert look.person == ""
    raised.decline(1, "mei", "link", LATER + MINUTE)
    assert told(raised, LATER + MINUTE) == [("second-look", "wen")]


def test_a_second_look_is_asked_of_who_is_left_where_the_last_tier_declined_before_its_turn(raised):
    raised.take([says(2, Change.CLEARED)], PACKS, SOON)
    assert ("second-look", "guard") in told(raised, SOON)
    raised.decline(1, "wen", "link", LATER)
    assert told(raised, LATER) == []
    raised.decline(1, "guard", "link", LATER + MINUTE)
    assert told(raised, LATER + MINUTE) == [("second-look", "mei")]
    raised.decline(1, "mei", "link", LATER + 2 * MINUTE)
    assert told(raised, LATER + 2 * MINUTE) == []


def test_a_second_look_is_asked_of_the_next_tier_where_the_first_has_nobody(operations):
    rest = tuple(one for one in REGISTRY.people if one.id != "lao-li")
    operations.save_registry(replace(REGISTRY, people=rest), "me", "a term ends", NOW)
    operations.take([polluted(1), polluted(2, Change.CLEARED)], PACKS, NOW)
    assert ("second-look", "town") in told(operations, NOW)


def test_a_second_look_is_asked_of_the_first_tier_where_who_took_over_has_no_address(operations):
    operations.take([polluted(1)], PACKS, NOW)
    operations.acknowledge(1, "village", "desk", NOW)
    operations.take([polluted(2, Change.CLEARED)], PACKS, NOW)
    assert ("second-look", "lao-li") in told(operations, NOW)


def test_who_was_asked_before_is_named_only_if_they_heard_of_it(operations):
    nobody = tuple(
        replace(person, addresses=()) if person.id == "guard" else person
        for person in REGISTRY.people
    )
    operations.save_registry(replace(REGISTRY, people=nobody), "x", "y", NOW)
    operations.take([says(1)], PACKS, NOW)
    assert words(operations, "mei").endswith("after nobody in 0 s")


def test_the_wait_that_is_named_is_the_one_that_was(raised):
    raised.climb(NOW + 30 * MINUTE)
    assert words(raised, "mei").endswith("after 值班岗 in 1800 s")


def test_a_tier_that_had_it_already_is_passed_with_that_reason(raised):
    for minute in (31, 62):
        raised.climb(NOW + minute * MINUTE)
        told(raised, NOW + minute * MINUTE)
    raised.take([says(2, Change.CLEARED)], PACKS, NOW + 63 * MINUTE)
    raised.take([says(3)], PACKS, NOW + 64 * MINUTE)
    told(raised, NOW + 64 * MINUTE)
    raised.climb(NOW + 95 * MINUTE)
    because = [line.facts["because"] for line in raised.story(1) if line.kind is StoryKind.CLIMBED]
    assert because == ["wait", "wait", "wait", "known"]


def test_it_is_given_to_nobody_who_would_not_hear_of_it(raised):
    assert raised.assign(1, "wen", "village", "console", SOON) == Refused(Refusal.NOT_REACHED)
    assert raised.incident(1).state is State.OPEN
    asleep = tuple(
        replace(person, addresses=()) if person.id == MEI.id else person
        for person in REGISTRY.people
    )
    raised.save_registry(replace(REGISTRY, people=asleep), "x", "y", NOW)
    assert raised.assign(1, "wen", "mei", "console", SOON) == Refused(Refusal.NOT_REACHED)


def test_whoever_shares_a_group_counts_as_told_and_hears_how_it_ended(operations):
    group = replace(REGISTRY.people[0].addresses[0], to="http://127.0.0.1/group", group=True)
    guards = [replace(REGISTRY.people[0], id=name, addresses=(group,)) for name in ("a", "b")]
    others = [person for person in REGISTRY.people if person.id != "guard"]
    operations.save_registry(replace(REGISTRY, people=(*guards, *others)), "x", "y", NOW)
    operations.take([says(1)], PACKS, NOW)
    assert told(operations, NOW) == [("opened", "a")]
    operations.take([says(2, Change.CLEARED)], PACKS, SOON)
    reasons = {one: [c.reason for c in operations.considered(1, one)] for one in ("a", "b")}
    assert reasons["a"] == reasons["b"] == ["tier", "told-before", "tier"]

"""Whoever heard nothing of what is over by now hears the last word at most."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alerts.incidents.duties import SecondLook
from alerts.incidents.roster import Roster
from alerts.notify.delays import BY_NEWER, GONE
from alerts.notify.notice import NoticeState
from alerts.notify.outcome import Accepted, Rejected, Retry
from alerts.registry.model import Address, ChannelKind
from alerts.rules.transition import SOURCE, UNTRUSTED, Change
from alerts.store import events
from alerts.words import IncidentClass, Severity
from tests.alerts.incidents.community import (
    CHIEF,
    GUARD,
    MEI,
    NIGHT,
    NOW,
    REGISTRY,
    mail,
    polluted,
    says,
)
from tests.alerts.store.conftest import PACKS

MORNING = NIGHT + timedelta(hours=4, minutes=50)  # 07:00 there


def later(**how):
    return NIGHT + timedelta(**how)


def all_sent(operations, now):
    """What goes out by ``now``, in order, as person and reason."""
    sent = []
    while due := operations.due(now, 50):
        for each in due:
            operations.settle(each.id, Accepted(), now)
            sent.append((each.person, each.reason.value))
    return sent


def cleared(operations, position=2, **how):
    operations.take([polluted(position, Change.CLEARED)], PACKS, later(**how))


def looked_again(operations, **when):
    (duty,) = operations.duties(open=True)
    operations.confirm_second_look(duty.id, "town", SecondLook.FINE, "", later(**when), "console")


def test_what_opened_recovered_and_closed_at_night_is_one_message_in_the_morning(operations):
    operations.take([polluted(1)], PACKS, NIGHT)
    cleared(operations, minutes=30)
    looked_again(operations, hours=1)
    assert all_sent(operations, MORNING) == [("lao-li", "closed")]
    stale = [n for n in operations.notices() if n.state is NoticeState.OVERTAKEN]
    assert {n.reason.value for n in stale} == {"opened", "recovered", "second-look"}
    assert {(n.detail, n.attempts) for n in stale} == {(BY_NEWER, 0)}


def test_what_still_wants_a_second_look_in_the_morning_is_the_one_message_that_asks_for_it(
    operations,
):
    operations.take([polluted(1)], PACKS, NIGHT)
    cleared(operations, minutes=30)
    assert all_sent(operations, MORNING) == [("lao-li", "second-look")]
    looked_again(operations, hours=6)
    assert all_sent(operations, later(hours=7)) == [("lao-li", "closed")]


def test_what_is_back_by_the_morning_is_told_once_as_what_it_is_now(operations):
    operations.take([polluted(1)], PACKS, NIGHT)
    cleared(operations, minutes=30)
    operations.take([polluted(3)], PACKS, later(hours=1))
    assert all_sent(operations, MORNING) == [("lao-li", "reopened")]


def test_whoever_heard_the_beginning_hears_the_end_step_by_step(operations):
    operations.take([polluted(1)], PACKS, NOW)
    assert all_sent(operations, NOW) == [("lao-li", "opened")]
    operations.take([polluted(2, Change.CLEARED)], PACKS, NOW)
    assert all_sent(operations, NOW) == [("lao-li", "recovered"), ("lao-li", "second-look")]


def test_whoever_heard_the_beginning_at_another_address_hears_the_end_step_by_step(operations):
    chief = replace(CHIEF, addresses=(mail("gone"), mail("li")))
    people(operations, chief)
    operations.take([polluted(1)], PACKS, NOW)
    (opened,) = operations.due(NOW, 10)
    operations.settle(opened.id, Rejected("gone"), NOW)
    assert all_sent(operations, NOW) == [("lao-li", "opened")]
    operations.take([polluted(2, Change.CLEARED)], PACKS, NOW)
    assert all_sent(operations, NOW) == [("lao-li", "recovered"), ("lao-li", "second-look")]


def test_whoever_heard_the_beginning_in_the_evening_hears_the_end_of_the_night_once(operations):
    evening = NIGHT - timedelta(hours=5)
    operations.take([polluted(1)], PACKS, evening)
    assert all_sent(operations, evening) == [("lao-li", "opened")]
    cleared(operations, minutes=30)
    looked_again(operations, hours=1)
    assert all_sent(operations, MORNING) == [("lao-li", "closed")]


def test_of_upkeep_that_is_over_nobody_hears_who_did_not_know_of_it(operations):
    upkeep = IncidentClass.UPKEEP
    operations.take([says(1, cls=upkeep)], PACKS, NIGHT)
    operations.take([says(2, Change.CLEARED, cls=upkeep)], PACKS, later(minutes=30))
    assert all_sent(operations, MORNING) == []
    assert operations.why(1, "guard")[-1].reason == "not-told-before"


def test_of_a_false_alarm_nobody_hears_who_did_not_know_of_it(operations):
    operations.take([polluted(1)], PACKS, NIGHT)
    cleared(operations, minutes=30)
    operations.false_alarm(1, "town", "a test strip", "console", later(minutes=40))
    assert all_sent(operations, MORNING) == []


@pytest.mark.parametrize("taken_over", [False, True])
def test_of_a_false_alarm_that_the_rule_still_sees_nobody_hears_who_did_not_know_of_it(
    operations, taken_over
):
    operations.take([polluted(1)], PACKS, NIGHT)
    if taken_over:
        operations.acknowledge(1, "town", "console", later(minutes=20))
    operations.false_alarm(1, "town", "a test strip", "console", later(minutes=40))
    assert all_sent(operations, MORNING) == []
    (opened,) = operations.notices()
    assert (opened.state, opened.detail) == (NoticeState.OVERTAKEN, BY_NEWER)
    cleared(operations, hours=6)
    assert all_sent(operations, later(hours=7)) == []


def test_of_a_fire_that_was_never_delivered_everybody_hears_the_last_word(operations):
    guard = replace(GUARD, addresses=(mail("guard"),))
    operations.save_registry(replace(REGISTRY, people=(guard, MEI, CHIEF)), "me", "x", NOW)
    operations.take([says(1)], PACKS, NOW)
    (opened,) = operations.due(NOW, 10)
    operations.settle(opened.id, Retry("the mail server is away"), NOW)
    operations.climb(NOW + timedelta(minutes=31))
    after = NOW + timedelta(minutes=32)
    operations.take([says(2, Change.CLEARED)], PACKS, after)
    assert all_sent(operations, after) == [("mei", "recovered"), ("guard", "second-look")]


def test_a_machine_hears_that_it_is_over_also_where_somebody_must_look_again(operations):
    operations.take([says(1)], PACKS, NOW)
    operations.take([says(2, Change.CLEARED)], PACKS, NOW)
    assert all_sent(operations, NOW) == [("guard", "recovered"), ("guard", "second-look")]


@pytest.mark.parametrize("severity", [Severity.MAJOR, Severity.CRITICAL])
def test_to_look_again_is_asked_of_nobody_once_the_rule_sees_it_again(operations, severity):
    source = {SOURCE: UNTRUSTED}
    operations.take([says(1), says(2, Change.CLEARED, facts=source)], PACKS, NOW)
    assert [n.reason.value for n in operations.notices()] == ["second-look", "opened"]
    operations.take([says(3, severity=severity)], PACKS, NOW)
    assert ("guard", "second-look") not in all_sent(operations, NOW)


def test_what_keeps_coming_and_going_is_not_overtaken_before_it_is_calm(operations):
    for n in range(3):
        operations.take([polluted(2 * n + 1)], PACKS, later(minutes=10 * n))
        cleared(operations, 2 * n + 2, minutes=10 * n + 5)
    incident = operations.incident(1)
    assert incident.flapping
    assert all_sent(operations, MORNING)[0] == ("lao-li", "flapping")


@pytest.mark.parametrize("outcome", [Accepted("250"), Rejected("gone"), Retry("busy")])
def test_what_was_on_its_way_when_it_was_overtaken_is_what_its_channel_says(operations, outcome):
    operations.take([polluted(1)], PACKS, NOW)
    (opened,) = operations.due(NOW, 10)
    operations.take([polluted(2, Change.CLEARED)], PACKS, NOW)
    operations.settle(opened.id, outcome, NOW)
    kept = next(n for n in operations.notices() if n.id == opened.id)
    assert (
        kept.state
        is {
            Accepted: NoticeState.ACCEPTED,
            Rejected: NoticeState.REJECTED,
            Retry: NoticeState.OVERTAKEN,
        }[type(outcome)]
    )
    assert all_sent(operations, NOW) == [("lao-li", "second-look")]


def test_what_went_out_from_memory_is_recorded_although_it_is_over(operations):
    raised = says(1, severity=Severity.CRITICAL)
    memory = operations.unwritten()
    memory.tell([raised], PACKS, Roster(registry=REGISTRY), NOW)
    (told,) = memory.due(NOW, 10)
    memory.settle(told.id, Accepted("200"), NOW, 0)
    gone = says(2, Change.CLEARED, severity=Severity.CRITICAL)
    operations.take([raised, gone], PACKS, NOW)
    operations.record(raised, memory.sent(raised), NOW)
    opened = next(n for n in operations.notices() if n.reason == "opened")
    assert opened.state is NoticeState.ACCEPTED


# -- the registry ----------------------------------------------------------------------------------


def people(operations, *changed, without=""):
    """The registry with these people in the place of those of the same id."""
    new = {person.id: person for person in (*REGISTRY.people, *changed)}
    new.pop(without, None)
    registry = replace(REGISTRY, people=tuple(new.values()))
    operations.save_registry(registry, "me", "changed", later(minutes=1))


def unsent(operations, now):
    return [(n.person, n.address.to) for n in operations.due(now, 10)]


def test_what_waits_for_the_morning_goes_to_the_new_phone_and_not_to_the_old_one(operations):
    operations.take([polluted(1)], PACKS, NIGHT)
    people(operations, replace(CHIEF, addresses=(mail("li-new"),)))
    assert operations.due(MORNING - timedelta(seconds=1), 10) == []
    assert unsent(operations, MORNING) == [("lao-li", mail("li-new").to)]
    new, old = operations.notices()
    assert (old.state, old.detail) == (NoticeState.OVERTAKEN, GONE)
    assert (new.title, new.text) == (old.title, old.text)
    assert operations.incident(1).step == 0


def test_what_is_tried_at_an_address_that_is_gone_goes_to_the_new_one_at_once(operations):
    operations.take([says(1)], PACKS, NIGHT)
    (opened,) = operations.due(NIGHT, 10)
    operations.settle(opened.id, Retry("no answer", timedelta(minutes=5)), NIGHT)
    people(operations, replace(GUARD, addresses=(mail("guard-new"),)))
    assert unsent(operations, later(minutes=1)) == [("guard", mail("guard-new").to)]


def test_whoever_has_left_is_sent_nothing_and_the_next_tier_is_asked(operations):
    operations.take([polluted(1)], PACKS, NIGHT)
    people(operations, without="lao-li")
    told = operations.due(later(hours=9), 10)
    assert [(n.person, n.reason.value, n.step) for n in told] == [("town", "climbed", 2)]
    assert "not-accepted" in [each.reason for each in operations.why(1, "lao-li")]


def test_a_second_look_of_somebody_who_has_left_is_asked_of_the_next_tier(operations):
    operations.take([says(1)], PACKS, NIGHT)
    operations.take([says(2, Change.CLEARED)], PACKS, NIGHT)
    people(operations, replace(MEI, quiet_from="", quiet_to=""), without="guard")
    looks = [n.person for n in operations.due(later(hours=1), 10)]
    assert looks == ["mei"]


def test_an_announcer_that_has_left_falls_silent_all_the_same(operations):
    box = Address(channel=ChannelKind.ANNOUNCER, to="guard-room")
    people(operations, replace(GUARD, addresses=(box, mail("guard"))))
    operations.take([says(1)], PACKS, NIGHT)
    all_sent(operations, NIGHT)
    operations.take([says(2, Change.CLEARED)], PACKS, NIGHT)
    people(operations, replace(GUARD, addresses=(mail("guard"),)))
    assert ("guard", "hushed") in all_sent(operations, later(minutes=1))


def test_a_registry_that_moves_nobody_leaves_the_outbox_alone(operations):
    operations.take([polluted(1)], PACKS, NIGHT)
    before = operations.notices()
    people(operations, replace(CHIEF, name="李"), replace(GUARD, addresses=()))
    assert operations.notices() == before


def test_what_left_with_its_address_is_not_revived_with_a_part_of_an_event(operations):
    operations.take([says(1)], PACKS, NIGHT)
    people(operations, replace(GUARD, addresses=(mail("guard-new"),)))
    with operations._database.write() as connection:
        part = operations.incident(1)
        assert not events.revive(connection, part, later(minutes=2))

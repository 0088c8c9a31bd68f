"""The outbox: what is due, in which order, and what each outcome makes of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alerts.incidents.grouping import WINDOW
from alerts.links import Links
from alerts.notify.notice import NoticeState
from alerts.notify.outcome import Accepted, Rejected, Retry
from alerts.registry.model import Address, ChannelKind
from alerts.rules.transition import Change
from alerts.store import outbox
from alerts.words import IncidentClass, Severity
from edge.contract.subject import Subject
from tests.alerts.incidents.community import GUARD, MEI, NOW, REGISTRY, hook, mail, says
from tests.alerts.store.conftest import PACKS

SHED_1 = REGISTRY.places[1]


@pytest.fixture
def notice(operations):
    operations.take([says(1)], PACKS, NOW)
    (notice,) = operations.due(NOW, 10)
    return notice


@pytest.mark.parametrize(
    ("attempts", "jitter", "seconds"),
    [(1, 0.0, 2), (2, 0.0, 4), (3, 0.0, 8), (3, 1.0, 12), (9, 0.0, 300), (99, 0.0, 300)],
)
def test_the_pause_doubles_up_to_five_minutes(attempts, jitter, seconds):
    assert outbox.pause(attempts, jitter) == timedelta(seconds=seconds)


def test_a_retry_comes_back_when_its_pause_is_over(operations, notice):
    operations.settle(notice.id, Retry("busy"), NOW)
    assert operations.due(NOW + timedelta(seconds=1.9), 10) == []
    (again,) = operations.due(NOW + timedelta(seconds=2), 10)
    assert (again.state, again.attempts, again.detail) == (NoticeState.RETRYING, 1, "busy")


def test_the_channels_own_wish_comes_before_the_pause(operations, notice):
    operations.settle(notice.id, Retry("slow down", timedelta(seconds=61)), NOW)
    assert operations.due(NOW + timedelta(seconds=60), 10) == []
    assert len(operations.due(NOW + timedelta(seconds=61), 10)) == 1


def test_it_is_given_up_visibly_after_twenty_attempts(operations, notice):
    now = NOW
    for _ in range(20):
        operations.settle(notice.id, Retry("connection refused"), now)
        now += timedelta(minutes=8)
    lost = next(n for n in operations.notices() if n.id == notice.id)
    assert lost.state is NoticeState.REJECTED
    assert lost.detail == "given up after 20: connection refused"


def test_it_is_given_up_visibly_after_a_day(notice):
    settled = outbox.settle(notice, Retry("refused"), NOW + timedelta(hours=24), 0.0)
    assert settled.lost
    assert settled.notice.detail == "given up after a day: refused"


def test_accepted_keeps_the_channels_proof_and_is_not_sent_again(operations, notice):
    operations.settle(notice.id, Accepted("250 queued as 4F"), NOW)
    assert operations.due(NOW + timedelta(days=1), 10) == []
    (kept,) = operations.notices()
    assert (kept.state, kept.detail, kept.settled_at) == (
        NoticeState.ACCEPTED,
        "250 queued as 4F",
        NOW,
    )


def test_settling_twice_changes_nothing(operations, notice):
    operations.settle(notice.id, Accepted("first"), NOW)
    operations.settle(notice.id, Rejected("second"), NOW)
    operations.settle(4711, Accepted(), NOW)
    assert [n.detail for n in operations.notices()] == ["first"]


def test_the_younger_waits_for_the_elder_of_the_same_incident_and_address(operations, notice):
    operations.take([says(2, Change.SEVERITY, severity=Severity.CRITICAL)], PACKS, NOW)
    assert [n.id for n in operations.due(NOW, 10)] == [notice.id]
    operations.settle(notice.id, Retry("busy", timedelta(minutes=1)), NOW)
    assert operations.due(NOW + timedelta(seconds=59), 10) == []
    operations.settle(notice.id, Accepted(), NOW + timedelta(minutes=1))
    assert [n.reason for n in operations.due(NOW + timedelta(minutes=1), 10)] == ["severity"]


def test_another_incident_does_not_wait(operations, notice):
    operations.settle(notice.id, Retry("busy", timedelta(hours=1)), NOW)
    operations.take([says(2, rule="charging.other", cls=IncidentClass.SAFETY)], PACKS, NOW)
    assert {n.incident for n in operations.due(NOW, 10)} == {2}


def test_due_gives_the_oldest_first_and_no_more_than_asked(operations):
    for n in range(5):  # too far apart to be told as one
        apart = n * 2 * WINDOW
        operations.take([says(n, rule=f"r{n}", after=apart)], PACKS, NOW + apart)
    assert [n.incident for n in operations.due(NOW + 10 * WINDOW, 3)] == [1, 2, 3]


def test_due_leaves_addresses_out_that_are_full_but_for_fire(operations):
    one = replace(GUARD, addresses=(hook("hangs"),))
    two = replace(GUARD, id="guard-2", addresses=(hook("works"),))
    operations.save_registry(replace(REGISTRY, people=(one, two, MEI)), "me", "two", NOW)
    for n, cls in enumerate([IncidentClass.SAFETY, IncidentClass.FIRE]):
        apart = n * 2 * WINDOW
        operations.take([says(n, rule=f"r{n}", cls=cls, after=apart)], PACKS, NOW + apart)
    full = [(ChannelKind.WEBHOOK, hook("hangs").to), (ChannelKind.WEBHOOK, "unknown")]
    found = operations.due(NOW + WINDOW * 3, 10, full)
    assert {(n.person, n.cls.value) for n in found} == {
        ("guard", "fire"),
        ("guard-2", "fire"),
        ("guard-2", "safety"),
    }


def test_due_gives_fire_before_an_older_storm(operations):
    places = [replace(SHED_1, id=f"shed-{n}") for n in range(1, 6)]
    guard = replace(GUARD, places=())
    many = replace(REGISTRY, places=(*places, *REGISTRY.places[:1]), people=(guard, MEI))
    operations.save_registry(many, "me", "more sheds", NOW)
    storm = [
        says(n, subject=Subject.of_place("riverside", place.id), place=place.id, cls=cls)
        for n, place in enumerate(places)
        for cls in [IncidentClass.FIRE if n == 4 else IncidentClass.SAFETY]
    ]
    operations.take(storm[:4], PACKS, NOW)
    operations.take(storm[4:], PACKS, NOW + timedelta(minutes=1))
    found = operations.due(NOW + timedelta(minutes=1), 3)
    assert [(n.incident, n.cls.value) for n in found] == [(5, "fire"), (1, "safety"), (2, "safety")]


def test_a_rejected_address_hands_on_to_the_persons_next(operations, notice):
    operations.settle(notice.id, Rejected("410 gone"), NOW)
    (second,) = operations.due(NOW, 10)
    assert (second.person, second.address) == ("guard", GUARD.addresses[1])
    assert (second.title, second.text, second.attempts) == (notice.title, notice.text, 0)
    assert operations.why(1, "guard")[-1].reason == "next-address"
    incident = operations.incident(1)
    assert incident is not None
    assert incident.step == 0


def test_while_somebody_of_the_tier_is_reached_the_next_is_not_told(operations):
    one = replace(GUARD, addresses=(hook("one"),))
    two = replace(GUARD, id="guard-2", addresses=(hook("two"),))
    operations.save_registry(replace(REGISTRY, people=(one, two, MEI)), "me", "two", NOW)
    operations.take([says(1)], PACKS, NOW)
    first, second = operations.due(NOW, 10)
    operations.settle(first.id, Rejected("gone"), NOW)
    assert len(operations.notices()) == 2
    operations.settle(second.id, Rejected("gone"), NOW)
    assert operations.notices()[0].person == "mei"


def rejected(operations, *, rounds=1, now=NOW):
    for _ in range(rounds):
        for each in operations.due(now, 50):
            operations.settle(each.id, Rejected("gone"), now)


GROUP = Address(channel=ChannelKind.WECOM, to="env:GROUP", group=True)
OTHER_GROUP = Address(channel=ChannelKind.DINGTALK, to="env:OTHER", group=True)


def neighbours(operations, *addresses):
    """Two guards, of whom the second has these addresses; the first one has the group alone."""
    one = replace(GUARD, addresses=(GROUP,))
    two = replace(GUARD, id="guard-2", addresses=addresses)
    operations.save_registry(replace(REGISTRY, people=(one, two, MEI)), "me", "two", NOW)
    operations.take([says(1)], PACKS, NOW)


def test_a_group_that_a_neighbour_has_too_is_passed_over_for_the_address_behind_it(operations):
    neighbours(operations, OTHER_GROUP, GROUP, mail("two"))
    rejected(operations)
    (last,) = operations.due(NOW, 10)
    assert (last.person, last.address) == ("guard-2", mail("two"))
    assert operations.why(1, "guard-2")[-1].reason == "next-address"
    rejected(operations)
    assert [n.person for n in operations.due(NOW, 10)] == ["mei"]


def test_where_a_neighbour_has_had_the_last_address_the_tier_gives_way(operations):
    neighbours(operations, OTHER_GROUP, GROUP)
    rejected(operations)
    assert "not-accepted" in [each.reason for each in operations.why(1, "guard-2")]
    assert [n.person for n in operations.due(NOW, 10)] == ["mei"]


def test_a_second_way_passes_over_what_a_neighbour_has_had(operations):
    neighbours(operations, OTHER_GROUP, GROUP, mail("two"))
    first = next(n for n in operations.due(NOW, 10) if n.person == "guard-2")
    assert operations.second(first.id, NOW)
    assert {n.address.to for n in operations.due(NOW, 10)} == {
        "env:GROUP", "env:OTHER", mail("two").to
    }  # fmt: skip


@pytest.mark.parametrize(
    ("addresses", "kinds"),
    [
        ((mail("guard"), GROUP), ["personal", "group"]),
        ((GROUP, mail("guard")), ["group", "personal"]),
    ],
)
def test_a_link_in_somebodys_name_goes_to_no_group(opener, addresses, kinds):
    operations = opener(links=Links(b"k" * 32))
    guard = replace(GUARD, addresses=addresses)
    operations.save_registry(replace(REGISTRY, people=(guard, MEI)), "me", "x", NOW)
    operations.take([says(1)], PACKS, NOW)
    rejected(operations)
    told = sorted(operations.notices(), key=lambda n: n.id)
    assert [n.link.rpartition("/")[2].partition(".")[0] for n in told] == kinds
    assert all(n.link in n.text for n in told)


def test_a_link_of_ones_own_that_is_refused_is_not_handed_on_to_a_group(opener):
    operations = opener(links=Links(b"k" * 32))
    guard = replace(GUARD, addresses=(mail("guard"), GROUP))
    operations.save_registry(replace(REGISTRY, people=(guard, MEI)), "me", "x", NOW)
    operations.take([says(1)], PACKS, NOW)
    for each in operations.due(NOW, 10):
        operations.settle(each.id, Accepted(), NOW)
    operations.send_link(1, "guard", NOW)
    rejected(operations)
    assert operations.due(NOW + timedelta(days=1), 10) == []


def test_a_refused_recovery_wakes_nobody_else(operations, notice):
    operations.settle(notice.id, Accepted(), NOW)
    operations.take([says(2, Change.CLEARED)], PACKS, NOW)
    recovered = operations.due(NOW, 10)[0]
    operations.settle(recovered.id, Rejected("gone"), NOW)
    people = {n.person for n in operations.notices()}
    assert people == {"guard"}


def test_a_second_look_that_is_refused_goes_to_the_tiers_others_and_then_to_the_next_tier(
    operations,
):
    one = replace(GUARD, addresses=(mail("guard"),))
    two = replace(GUARD, id="guard-2", addresses=(mail("two"),))
    operations.save_registry(replace(REGISTRY, people=(one, two, MEI)), "me", "two", NOW)
    operations.take([says(1)], PACKS, NOW)
    for each in operations.due(NOW, 10):
        operations.settle(each.id, Accepted(), NOW)
    operations.acknowledge(1, "guard", "console", NOW)
    operations.take([says(2, Change.CLEARED)], PACKS, NOW)

    def looks():
        return [n.person for n in operations.due(NOW, 10) if n.reason == "second-look"]

    for each in operations.due(NOW, 10):
        if each.reason == "recovered":
            operations.settle(each.id, Accepted(), NOW)
    assert looks() == ["guard"]
    rejected(operations)
    assert looks() == ["guard-2"]
    assert operations.why(1, "guard-2")[-1].reason == "tier"
    rejected(operations)
    assert looks() == ["mei"]
    rejected(operations)
    assert operations.due(NOW + timedelta(days=1), 10) == []


def test_a_second_look_that_somebody_has_is_not_passed_on(operations):
    two = replace(GUARD, id="guard-2", addresses=(mail("two"),))
    operations.save_registry(replace(REGISTRY, people=(GUARD, two, MEI)), "me", "two", NOW)
    operations.take([says(1)], PACKS, NOW)
    for each in operations.due(NOW, 10):
        operations.settle(each.id, Accepted(), NOW)
    operations.take([says(2, Change.CLEARED)], PACKS, NOW)
    for each in operations.due(NOW, 10):
        operations.settle(each.id, Accepted(), NOW)
    looks = operations.due(NOW, 10)
    assert {(n.person, n.reason) for n in looks} == {
        ("guard", "second-look"), ("guard-2", "second-look")
    }  # fmt: skip
    for each in looks:
        outcome = Accepted() if each.person == "guard" else Rejected("gone")
        operations.settle(each.id, outcome, NOW)
    assert operations.due(NOW + timedelta(days=1), 10) == []


def test_a_refused_recovery_is_not_handed_on_to_a_phone(operations, notice):
    phone = Address(channel=ChannelKind.VOICE, to="13800000001")
    reached = replace(GUARD, addresses=(GUARD.addresses[0], phone))
    operations.save_registry(replace(REGISTRY, people=(reached, MEI)), "me", "phone", NOW)
    operations.settle(notice.id, Accepted(), NOW)
    operations.take([says(2, Change.CLEARED)], PACKS, NOW)
    recovered = next(n for n in operations.due(NOW, 10) if n.reason == "recovered")
    operations.settle(recovered.id, Rejected("gone"), NOW)
    assert all(n.address != phone for n in operations.notices())
    assert operations.why(1, "guard")[-1].reason == "not-accepted"


def test_an_address_that_was_dropped_meanwhile_has_no_next(operations, notice):
    moved = replace(GUARD, addresses=(mail("new"),))
    operations.save_registry(replace(REGISTRY, people=(moved, MEI)), "me", "moved", NOW)
    operations.settle(notice.id, Rejected("gone"), NOW)
    assert operations.due(NOW, 10)[0].address == mail("new")


def test_taking_over_overtakes_climbs_that_are_not_sent_yet(operations, notice):
    operations.settle(notice.id, Accepted(), NOW)
    later = NOW + timedelta(minutes=30)
    operations.climb(later)
    (climbed,) = operations.due(later, 10)
    operations.acknowledge(1, "guard", "link", later)
    assert operations.due(later, 10) == []
    states = {n.person: n.state for n in operations.notices()}
    assert states == {"mei": NoticeState.OVERTAKEN, "guard": NoticeState.ACKNOWLEDGED}
    # It was on its way already: what the channel proves is what is kept.
    operations.settle(climbed.id, Accepted("200"), later)
    assert operations.notices()[0].state is NoticeState.ACCEPTED


def test_an_overtaken_notice_is_neither_retried_nor_handed_on(operations, notice):
    operations.settle(notice.id, Accepted(), NOW)
    later = NOW + timedelta(minutes=30)
    operations.climb(later)
    (climbed,) = operations.due(later, 10)
    operations.acknowledge(1, "guard", "link", later)
    operations.settle(climbed.id, Retry("busy"), later)
    assert operations.due(later + timedelta(days=1), 10) == []
    assert len(operations.notices()) == 2


def test_what_waits_for_its_turn_says_so_and_loses_no_attempt(operations, notice):
    until = NOW + timedelta(seconds=20)
    operations.hold([notice.id], until, "waits 20 s for its turn")
    assert operations.due(NOW + timedelta(seconds=19), 10) == []
    (again,) = operations.due(until, 10)
    assert (again.state, again.attempts, again.detail) == (
        NoticeState.WAITING,
        0,
        "waits 20 s for its turn",
    )
    operations.settle(notice.id, Accepted("ok"), until)
    operations.hold([notice.id], until, "too late")
    (kept,) = operations.notices()
    assert (kept.state, kept.detail) == (NoticeState.ACCEPTED, "ok")


def test_a_call_that_is_not_taken_yet_goes_a_second_way_once_and_the_first_goes_on(
    operations, notice
):
    assert operations.second(notice.id, NOW)
    assert not operations.second(notice.id, NOW)
    first, second = sorted(operations.due(NOW, 10), key=lambda each: each.id)
    assert first.id == notice.id
    assert (second.person, second.address) == ("guard", GUARD.addresses[1])
    assert operations.why(1, "guard")[-1].reason == "next-address"
    operations.settle(first.id, Rejected("gone"), NOW)
    # Both addresses are tried, and one of them still may take it: nobody else is woken.
    assert {each.person for each in operations.notices()} == {"guard"}


def test_what_is_taken_or_calls_nobody_needs_no_second_way(operations, notice):
    operations.settle(notice.id, Accepted(), NOW)
    assert not operations.second(notice.id, NOW)
    assert not operations.second(4711, NOW)
    operations.take([says(2, Change.CLEARED)], PACKS, NOW)
    (recovered, *_) = operations.due(NOW, 10)
    assert not operations.second(recovered.id, NOW)


def test_fire_in_back_off_is_what_was_tried_or_held_and_not_what_is_snoozed(operations, notice):
    assert operations.fire_in_back_off() == []
    operations.settle(notice.id, Retry("shut out", timedelta(minutes=10)), NOW)
    assert [each.id for each in operations.fire_in_back_off()] == [notice.id]
    operations.settle(notice.id, Accepted(), NOW + timedelta(minutes=10))
    assert operations.fire_in_back_off() == []


def test_of_what_somebody_has_taken_over_no_further_address_is_rung(operations, notice):
    operations.acknowledge(1, "mei", "desk", NOW)
    assert not operations.second(notice.id, NOW)
    operations.settle(notice.id, Rejected("gone"), NOW)
    assert operations.due(NOW, 10) == []
    assert operations.why(1, "guard")[-1].reason == "not-accepted"


def test_what_was_given_to_somebody_who_has_not_answered_is_handed_on(operations, notice):
    operations.assign(1, "mei", "wen", "desk", NOW)
    operations.settle(notice.id, Rejected("gone"), NOW)
    assert [n.address.to for n in operations.due(NOW, 10) if n.person == "guard"] == [
        GUARD.addresses[1].to
    ]

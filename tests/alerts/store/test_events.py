"""What belongs together is told once, taken over once, and let go when its leader is over."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from alerts.incidents.model import State
from alerts.incidents.silences import Silence
from alerts.notify.outcome import Accepted
from alerts.registry.model import Binding, Device, Names, Site
from alerts.rules.transition import Change, Transition
from alerts.words import IncidentClass, Severity
from edge.contract.subject import Subject
from tests.alerts.incidents.community import GUARD, NOW, REGISTRY, mail, polluted, says
from tests.alerts.store.conftest import PACKS

MINUTE = timedelta(minutes=1)
P1 = Subject.of_place("riverside", "shed-1", "p1")


def told(operations, now=NOW):
    found = []
    while due := operations.due(now, 50):
        for notice in due:
            operations.settle(notice.id, Accepted(), now)
            found.append((notice.incident, notice.reason.value, notice.person))
    return found


def socket(position: int, change: Change = Change.RAISED, **fields: Any) -> Transition:
    return says(position, change, subject=P1, port="p1", rule="charging.port", **fields)


@pytest.fixture
def both(operations):
    """The feeder, and two minutes later a socket on it."""
    operations.take([says(1)], PACKS, NOW)
    assert told(operations) == [(1, "opened", "guard")]
    operations.take([socket(2, after=2 * MINUTE)], PACKS, NOW + 2 * MINUTE)
    return operations


def test_what_opens_at_the_same_place_is_told_as_one(both):
    assert told(both, NOW + 2 * MINUTE) == []
    assert both.incident(2).part_of == 1
    assert [row.reason for row in both.why(2, "guard")] == ["grouped"]
    assert [one.id for one in both.event(2)] == [1, 2] == [one.id for one in both.event(1)]
    both.climb(NOW + 31 * MINUTE)
    assert told(both, NOW + 31 * MINUTE) == [(1, "climbed", "mei")]


def test_taking_one_over_takes_over_all_of_it(both):
    both.acknowledge(1, "mei", "link", NOW + 3 * MINUTE)
    part = both.incident(2)
    assert (part.state, part.acknowledged_by) == (State.ACKNOWLEDGED, "mei")
    assert any(line.origin == "incident:1" for line in both.story(2))


def test_whoever_is_given_the_whole_of_it_is_told_once(both):
    both.assign(1, "wen", "mei", "console", NOW + 3 * MINUTE)
    assert both.incident(2).acknowledged_by == "mei"
    assert told(both, NOW + 3 * MINUTE) == [(1, "assigned", "mei")]


def test_whoever_is_given_a_part_alone_is_told_of_it(both):
    both.assign(2, "wen", "mei", "console", NOW + 3 * MINUTE)
    assert told(both, NOW + 3 * MINUTE) == [(2, "assigned", "mei")]
    assert both.incident(2).part_of is None
    assert both.incident(1).state is State.OPEN


def test_what_is_still_there_when_its_leader_is_over_is_told_by_itself(both):
    both.take([says(3, Change.CLEARED, after=3 * MINUTE)], PACKS, NOW + 3 * MINUTE)
    assert (2, "opened", "guard") in told(both, NOW + 3 * MINUTE)
    assert both.incident(2).part_of is None
    assert both.incident(2).next_step_at is not None
    assert both.event(1) == []


def test_a_false_alarm_of_the_leader_lets_the_others_go(both):
    both.false_alarm(1, "wen", "试机", "console", NOW + 3 * MINUTE)
    assert told(both, NOW + 3 * MINUTE) == [(2, "opened", "guard")]


def test_a_part_that_gets_worse_is_news_of_its_own(both):
    worse = socket(3, Change.SEVERITY, severity=Severity.CRITICAL, after=3 * MINUTE)
    both.take([worse], PACKS, NOW + 3 * MINUTE)
    assert told(both, NOW + 3 * MINUTE) == [(2, "severity", "guard")]
    assert both.incident(2).part_of is None


def test_a_part_that_ends_is_quiet_about_it_and_is_looked_at_again_all_the_same(both):
    both.take([socket(3, Change.CLEARED, after=3 * MINUTE)], PACKS, NOW + 3 * MINUTE)
    assert told(both, NOW + 3 * MINUTE) == []
    assert [duty.incident for duty in both.duties(open=True)] == [2]


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (socket(2, after=11 * MINUTE), "too late to be the same"),
        (socket(2, severity=Severity.CRITICAL), "worse than what leads"),
        (socket(2, cls=IncidentClass.SAFETY), "fire is merged with fire only"),
        (socket(2, cls=IncidentClass.WATCH), "the service's own trouble is another matter"),
        (polluted(2), "another place"),
    ],
)
def test_what_is_another_matter_is_told_apart(operations, other, what):
    operations.take([says(1)], PACKS, NOW)
    told(operations)
    operations.take([other], PACKS, NOW)
    assert operations.incident(2).part_of is None, what


def silent(position: int, device: str, change: Change = Change.RAISED) -> Transition:
    return says(
        position, change, rule="eb-offline", subject=Subject.of_device("riverside", device),
        device=device, place="", cls=IncidentClass.SAFETY, severity=Severity.MINOR,
    )  # fmt: skip


@pytest.mark.parametrize("order", [("hub", "box-1"), ("box-1", "hub")])
def test_a_dead_gateway_speaks_for_the_devices_behind_it(operations, order):
    hub = Device(id="hub", site="riverside", names=Names(zh="网关"),
                 bindings=(Binding(place="laobakou", metrics=("do",)),))  # fmt: skip
    (box,) = REGISTRY.devices
    devices = (hub, replace(box, gateway="hub"))
    operations.save_registry(replace(REGISTRY, devices=devices), "x", "y", NOW)
    for n, device in enumerate(order):
        operations.take([silent(n + 1, device)], PACKS, NOW)
    by_device = {one.device: one for one in operations.open_incidents()}
    assert by_device["box-1"].part_of == by_device["hub"].id
    assert {incident for incident, _, _ in told(operations)} == {by_device["hub"].id}
    operations.take([silent(3, "hub", Change.CLEARED)], PACKS, NOW + MINUTE)
    operations.climb(NOW + 10 * MINUTE)
    assert operations.incident(by_device["box-1"].id).part_of is not None
    operations.climb(NOW + 11 * MINUTE)
    assert operations.incident(by_device["box-1"].id).part_of is None
    assert (by_device["box-1"].id, "opened", "guard") in told(operations, NOW + 11 * MINUTE)


BOXES = ("box-1", "box-2", "box-3")
SHED_2 = replace(REGISTRY.places[1], id="shed-2", names=Names(zh="二号棚"))
(BOX,) = REGISTRY.devices
VILLAGE = replace(
    REGISTRY,
    places=(*REGISTRY.places, SHED_2),
    devices=(
        *(replace(BOX, id=name) for name in BOXES),
        replace(BOX, id="far", bindings=(Binding(place="shed-2", metrics=("current",)),)),
    ),
)


@pytest.fixture
def village(operations):
    operations.save_registry(VILLAGE, "x", "y", NOW)
    return operations


def cut(position: int, change: Change = Change.RAISED, **fields: Any) -> Transition:
    return says(position, change, rule="eb-mains", cls=IncidentClass.UPKEEP, device="box-1",
                metric="mains", value=0.0, limit=0.5, **fields)  # fmt: skip


def unheard(
    position: int, device: str, change: Change = Change.RAISED, **fields: Any
) -> Transition:
    place = "shed-2" if device == "far" else "shed-1"
    fields.setdefault("severity", Severity.MINOR)
    return says(position, change, rule="eb-offline", metric="", value=None, limit=None, peak=None,
                subject=Subject.of_device("riverside", device), device=device, place=place,
                cls=IncidentClass.UPKEEP, **fields)  # fmt: skip


def take(operations, minutes: float, *transitions: Transition):
    """Taken so many minutes after NOW, with what time has brought about; who was told."""
    now = NOW + minutes * MINUTE
    operations.take(list(transitions), PACKS, now)
    operations.climb(now)
    return told(operations, now)


def test_what_falls_silent_in_a_power_cut_is_told_by_it_however_long_it_lasts(village):
    assert take(village, 0, cut(1)) == [(1, "opened", "guard")]
    silences = [unheard(2 + n, box, after=5 * MINUTE) for n, box in enumerate(BOXES)]
    assert take(village, 5, *silences) == []
    longer = [
        unheard(5 + n, box, Change.SEVERITY, severity=Severity.MAJOR, after=29 * MINUTE)
        for n, box in enumerate(BOXES)
    ]
    assert take(village, 29, *longer) == []
    assert [one.part_of for one in village.event(1)] == [None, 1, 1, 1]
    assert [row.reason for row in village.why(2, "guard")].count("grouped") == 1
    assert take(village, 31) == [(1, "climbed", "mei")]


@pytest.mark.parametrize(
    ("position", "what"),
    [
        (unheard(2, "far"), "another shed"),
        (unheard(2, "box-2", after=-60 * MINUTE), "silent for an hour already"),
        (says(2, rule="eb-smoke", severity=Severity.CRITICAL), "fire"),
        (says(2, rule="eb-smoke-silent", cls=IncidentClass.UPKEEP, after=15 * MINUTE), "its eyes"),
        (unheard(2, "box-2", severity=Severity.CRITICAL), "worse"),
    ],
)
def test_a_power_cut_swallows_nothing_but_what_follows_from_it(village, position, what):
    take(village, 0, cut(1))
    take(village, 15, position)
    assert village.incident(2).part_of is None, what


@pytest.mark.parametrize("after", [1, 11])
def test_a_cause_that_is_noticed_later_takes_in_what_followed_from_it(village, after):
    assert take(village, 0, unheard(1, "box-2", severity=Severity.MAJOR)) == [
        (1, "opened", "guard")
    ]
    take(village, 1, unheard(2, "box-3"))  # beside the first
    take(village, after, cut(3))
    assert [one.id for one in village.event(3)] == [3, 1, 2]
    assert take(village, after + 31) == [(3, "climbed", "mei")]


def test_devices_have_ten_minutes_to_come_back_and_are_then_told_by_themselves(village):
    take(village, 0, cut(1))
    take(
        village, 30, *(unheard(2 + n, box, severity=Severity.MAJOR) for n, box in enumerate(BOXES))
    )
    assert {one[:2] for one in take(village, 40, cut(5, Change.CLEARED))} == {(1, "recovered")}
    assert take(village, 42, unheard(6, "box-1", Change.CLEARED)) == []
    update = unheard(7, "box-2", Change.SEVERITY, severity=Severity.MINOR)
    assert take(village, 43, update) == []
    again = unheard(8, "box-2", Change.SEVERITY, severity=Severity.MAJOR)
    assert take(village, 44, again) == []
    assert take(village, 49) == []
    assert sorted(take(village, 50)) == [(3, "opened", "guard"), (4, "opened", "guard")]
    assert [village.incident(n).part_of for n in (3, 4)] == [None, None]


def test_what_a_person_took_over_with_the_cut_is_told_when_it_does_not_come_back(village):
    take(village, 0, cut(1))
    take(village, 6, unheard(2, "box-2", severity=Severity.MAJOR))
    village.acknowledge(1, "mei", "link", NOW + 7 * MINUTE)
    assert village.incident(2).acknowledged_by == "mei"
    told(village, NOW + 7 * MINUTE)
    take(village, 40, cut(3, Change.CLEARED))
    assert take(village, 49) == []
    assert take(village, 50) == [(2, "opened", "guard")]


def test_a_part_that_gets_no_worse_than_the_cut_stays_in_the_hands_of_who_has_that(village):
    take(village, 0, cut(1))
    take(village, 6, unheard(2, "box-2"))
    village.acknowledge(1, "mei", "link", NOW + 7 * MINUTE)
    told(village, NOW + 7 * MINUTE)
    worse = unheard(3, "box-2", Change.SEVERITY, severity=Severity.MAJOR)
    assert take(village, 30, worse) == []
    part = village.incident(2)
    assert (part.state, part.acknowledged_by) == (State.ACKNOWLEDGED, "mei")


def test_what_somebody_has_in_hand_is_told_when_that_runs_out_and_its_leader_is_over(both):
    both.acknowledge(1, "mei", "link", NOW + 3 * MINUTE)
    both.take([says(3, Change.CLEARED, after=4 * MINUTE)], PACKS, NOW + 4 * MINUTE)
    told(both, NOW + 4 * MINUTE)
    both.climb(NOW + 243 * MINUTE)  # four hours after she took them over
    assert told(both, NOW + 243 * MINUTE) == [(2, "opened", "guard")]


def test_power_that_fails_again_takes_over_what_has_not_come_back(village):
    take(village, 0, cut(1))
    take(village, 6, unheard(2, "box-2", severity=Severity.MAJOR))
    take(village, 40, cut(3, Change.CLEARED))
    take(village, 45, cut(4, after=45 * MINUTE))
    assert village.incident(2).part_of == 3
    assert take(village, 50) == []
    take(village, 60, cut(5, Change.CLEARED, after=60 * MINUTE))
    assert take(village, 69) == []
    assert take(village, 70) == [(2, "opened", "guard")]


def guess(position: int, change: Change = Change.RAISED, **fields: Any) -> Transition:
    return says(position, change, rule="eb-outage", cls=IncidentClass.UPKEEP, device="", metric="",
                value=None, limit=None, peak=None, **fields)  # fmt: skip


def test_a_guess_takes_in_what_it_was_made_from_and_is_taken_in_by_who_knows(village):
    take(village, 5, *(unheard(1 + n, box) for n, box in enumerate(BOXES)))
    assert take(village, 10, guess(4)) == [(4, "opened", "guard")]
    assert [one.id for one in village.event(4)] == [4, 1, 2, 3]
    assert take(village, 20, cut(5)) == [(5, "opened", "guard")]
    assert [one.id for one in village.event(5)] == [5, 1, 2, 3, 4]
    assert take(village, 40, guess(6, Change.CLEARED)) == []
    assert take(village, 41, cut(7, Change.CLEARED)) == [(5, "recovered", "guard")]


def test_cuts_of_two_sites_are_two_stories(village):
    other = Site(id="hillside", names=Names(zh="山坡社区"))
    shed, box = REGISTRY.places[1], replace(BOX, site="hillside")
    people = tuple(replace(one, id=f"h-{one.id}", site="hillside") for one in REGISTRY.people)
    both = replace(
        VILLAGE,
        sites=(*VILLAGE.sites, other),
        places=(*VILLAGE.places, replace(shed, site="hillside")),
        devices=(*VILLAGE.devices, box),
        people=(*VILLAGE.people, *people),
    )
    village.save_registry(both, "x", "y", NOW)
    there = Subject.of_place("hillside", "shed-1")
    assert take(village, 0, cut(1)) == [(1, "opened", "guard")]
    assert take(village, 1, cut(2, subject=there)) == [(2, "opened", "h-guard")]
    take(village, 5, unheard(3, "box-2"), unheard(4, "box-1"))
    elsewhere = replace(unheard(5, "box-1"), subject=Subject.of_device("hillside", "box-1"))
    take(village, 5, elsewhere)
    assert [one.id for one in village.event(1)] == [1, 3, 4]
    assert [one.id for one in village.event(2)] == [2, 5]


def test_a_drill_is_neither_swallowed_by_a_cut_nor_leads_one(village):
    drill = village.open_drill(
        REGISTRY.places[1], "eb-mains", IncidentClass.UPKEEP, Severity.MAJOR, 30 * MINUTE, "w", "y",
        NOW,
    )  # fmt: skip
    take(village, 0, unheard(1, "box-2", severity=Severity.MAJOR))
    assert village.event(drill.id) == []
    take(village, 1, cut(2))
    assert [one.id for one in village.event(3)] == [3, 2]
    assert village.incident(drill.id).part_of is None


def test_a_false_alarm_of_a_cut_gives_no_time(village):
    take(village, 0, cut(1))
    take(village, 6, unheard(2, "box-2", severity=Severity.MAJOR))
    village.false_alarm(1, "wen", "试机", "console", NOW + 7 * MINUTE)
    assert told(village, NOW + 7 * MINUTE) == [(2, "opened", "guard")]


def test_what_comes_back_after_its_leader_is_over_is_told(both):
    both.take([socket(3, Change.CLEARED, after=3 * MINUTE)], PACKS, NOW + 3 * MINUTE)
    both.take([says(4, Change.CLEARED, after=4 * MINUTE)], PACKS, NOW + 4 * MINUTE)
    told(both, NOW + 4 * MINUTE)
    both.take([socket(5, after=9 * MINUTE)], PACKS, NOW + 9 * MINUTE)
    assert told(both, NOW + 9 * MINUTE) == [(2, "reopened", "guard")]


@pytest.fixture
def held_back(operations):
    """A socket that nobody was told of yet when it became a part of a power cut."""
    operations.take([unheard(1, "box-1", severity=Severity.MAJOR)], PACKS, NOW)
    operations.take([cut(2)], PACKS, NOW)
    assert told(operations) == [(2, "opened", "guard")]
    assert operations.incident(1).part_of == 2
    return operations


def test_what_its_leader_lets_go_in_a_silence_is_told_when_that_ends(held_back):
    wish = Silence(
        id=0,
        site="riverside",
        rule="eb-offline",
        since=NOW,
        until=NOW + 60 * MINUTE,
        who="wen",
        why="换网卡",
        made_at=NOW,
    )
    assert isinstance(held_back.silence(wish, NOW), Silence)
    held_back.false_alarm(2, "wen", "试机", "console", NOW + MINUTE)
    assert told(held_back, NOW + MINUTE) == []
    held_back.climb(NOW + 60 * MINUTE)
    assert told(held_back, NOW + 60 * MINUTE) == [(1, "opened", "guard")]


def test_what_its_leader_lets_go_is_told_at_the_address_that_is_right_by_then(held_back):
    guard = replace(GUARD, addresses=(mail("guard-new"),))
    people = tuple(guard if one.id == "guard" else one for one in REGISTRY.people)
    held_back.save_registry(replace(REGISTRY, people=people), "me", "moved", NOW)
    held_back.false_alarm(2, "wen", "试机", "console", NOW + MINUTE)
    assert [n.address.to for n in held_back.due(NOW + MINUTE, 10)] == [mail("guard-new").to]

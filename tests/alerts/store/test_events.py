"""What belongs together is told once, taken over once, and let go when its leader is over."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from alerts.incidents.model import State
from alerts.notify.outcome import Accepted
from alerts.registry.model import Binding, Device, Names
from alerts.rules.transition import Change, Transition
from alerts.words import IncidentClass, Severity
from edge.contract.subject import Subject
from tests.alerts.incidents.community import NOW, REGISTRY, polluted, says
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
    assert operations.incident(by_device["box-1"].id).part_of is None
    assert (by_device["box-1"].id, "opened", "guard") in told(operations, NOW + MINUTE)

"""The announcer in the guard room: what it is told, what its button does, and when it is hushed."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from alerts.incidents.acts import Conflict, Done, Refusal, Refused
from alerts.incidents.model import State, StoryKind
from alerts.notify.notice import Notice
from alerts.notify.outcome import Accepted, Rejected, Retry
from alerts.registry.model import Address, ChannelKind, Device, Names, Person, PostRole
from alerts.rules.transition import Change
from alerts.store.operations import Operations
from alerts.words import IncidentClass, Severity
from tests.alerts.incidents.community import GUARD, MEI, NOW, REGISTRY, says
from tests.alerts.store.conftest import PACKS

SPEAKER = Address(channel=ChannelKind.ANNOUNCER, to="riverside/guard-room")
POST = Person(
    id="guard-room",
    site="riverside",
    name="岗亭喇叭",
    role=PostRole.GUARD,
    addresses=(SPEAKER,),
    is_post=True,
)
BOX = Device(
    id="guard-room", site="riverside", names=Names(zh="岗亭"), bindings=(), command_key="env:X"
)
VILLAGE = replace(REGISTRY, devices=(*REGISTRY.devices, BOX), people=(*REGISTRY.people, POST))


def at(**since: float) -> datetime:
    return NOW + timedelta(**since)


@pytest.fixture
def raised(operations: Operations) -> Operations:
    operations.save_registry(VILLAGE, "engineer", "a speaker", NOW)
    operations.take([says(1)], PACKS, NOW)
    return operations


def spoken(operations: Operations, now: datetime = NOW) -> list[Notice]:
    """What is due for the box; everything due is accepted."""
    told = []
    while due := operations.due(now, 20):
        for notice in due:
            operations.settle(notice.id, Accepted(), now)
            told.append(notice)
    return [notice for notice in told if notice.address == SPEAKER]


def press(operations: Operations, pressed: datetime | None = None, now: datetime = NOW):
    return operations.take_by_button("riverside", "guard-room", "1", pressed, now)


def test_a_danger_is_put_into_words_to_say_aloud(raised):
    (notice,) = spoken(raised)
    zh, en = notice.text.splitlines()
    assert zh.startswith("要处理。")
    assert en.startswith("Needs someone.")
    assert "://" not in notice.text


def test_the_button_takes_over_in_the_name_of_the_post(raised):
    spoken(raised)
    done = press(raised, at(seconds=5), at(seconds=6))
    assert isinstance(done, Done)
    assert (done.incident.state, done.incident.acknowledged_by) == (State.ACKNOWLEDGED, POST.id)
    (line,) = [line for line in raised.story(1) if line.kind is StoryKind.ACKNOWLEDGED]
    assert (line.who, line.origin) == (POST.id, "button:riverside/guard-room")


def test_a_press_that_arrives_twice_changes_nothing_the_second_time(raised):
    first = press(raised, at(seconds=5), at(seconds=6))
    story = raised.story(1)
    assert isinstance(first, Done)
    press(raised, at(seconds=5), at(seconds=6))
    assert raised.story(1) == story


def test_a_press_that_was_voided_meanwhile_is_too_late(raised):
    press(raised, at(seconds=5), at(seconds=6))
    assert raised.climb(at(hours=5)) == 1  # the acknowledgement has run out
    assert isinstance(press(raised, at(seconds=5), at(hours=6)), Conflict)
    assert isinstance(press(raised, at(hours=6), at(hours=6)), Done)


def test_a_press_for_the_lesser_danger_does_not_take_the_worse(raised):
    worse = says(2, severity=Severity.CRITICAL, after=timedelta(minutes=2))
    raised.take([worse], PACKS, at(minutes=2))
    assert isinstance(press(raised, at(minutes=1), at(minutes=3)), Conflict)
    assert isinstance(press(raised, at(minutes=3), at(minutes=3)), Done)


def test_after_somebody_else_was_quicker_a_press_is_harmless(raised):
    raised.acknowledge(1, "mei", "link", NOW)
    assert isinstance(press(raised, NOW), Conflict)
    assert raised.incident(1).acknowledged_by == "mei"


@pytest.mark.parametrize(
    ("site", "device", "target"),
    [
        ("elsewhere", "guard-room", "1"),
        ("riverside", "box-1", "1"),
        ("riverside", "guard-room", "2"),
        ("riverside", "guard-room", "try-out"),
        ("riverside", "guard-room", "9" * 30),
    ],
)
def test_only_what_this_box_was_told_can_be_taken_by_it(raised, site, device, target):
    refused = raised.take_by_button(site, device, target, None, NOW)
    assert refused == Refused(Refusal.UNKNOWN_INCIDENT)
    assert raised.incident(1).state is State.OPEN


def test_a_box_that_is_no_longer_registered_takes_nothing(raised):
    raised.save_registry(replace(VILLAGE, devices=REGISTRY.devices), "engineer", "stolen", NOW)
    assert press(raised) == Refused(Refusal.UNKNOWN_PERSON)
    raised.save_registry(replace(VILLAGE, people=REGISTRY.people), "engineer", "no post", NOW)
    assert press(raised) == Refused(Refusal.UNKNOWN_PERSON)


def test_whoever_takes_over_the_box_is_hushed_and_what_was_not_said_never_is(raised):
    for notice in raised.due(NOW, 20):
        raised.settle(notice.id, Retry("the device is not online"), NOW)
    raised.acknowledge(1, "mei", "link", NOW)
    (hush,) = spoken(raised, at(minutes=10))
    assert (hush.reason.value, hush.incident, hush.text) == ("hushed", 1, "")


def test_each_end_of_a_call_hushes_once(raised):
    assert [n.reason.value for n in spoken(raised)] == ["opened"]
    raised.acknowledge(1, "mei", "link", NOW)
    assert [n.reason.value for n in spoken(raised)] == ["hushed"]
    raised.take([says(2, Change.CLEARED)], PACKS, NOW)
    assert spoken(raised) == []
    raised.take([says(3)], PACKS, NOW)
    assert [n.reason.value for n in spoken(raised)] == ["reopened"]
    raised.take([says(4, Change.CLEARED)], PACKS, NOW)
    (reasons,) = [[n.reason.value for n in spoken(raised)]]
    assert reasons == ["hushed", "second-look"]  # nobody had it: the first tier looks again
    raised.close_incident(1, "mei", "看过", "link", NOW)
    assert [n.reason.value for n in spoken(raised)] == ["hushed"]


def test_what_a_box_must_go_on_repeating(raised):
    assert raised.announced() == []  # nothing is accepted yet
    spoken(raised)
    assert [(n.incident, n.address) for n in raised.announced()] == [(1, SPEAKER)]
    raised.acknowledge(1, "mei", "link", NOW)
    assert raised.announced() == []


def test_a_refusal_goes_to_the_next_address_in_words_to_read(raised):
    both = replace(POST, addresses=(SPEAKER, GUARD.addresses[0]))
    others = tuple(person for person in VILLAGE.people if person.id not in (POST.id, GUARD.id))
    raised.save_registry(replace(VILLAGE, people=(*others, both)), "engineer", "both", NOW)
    raised.take([says(9, rule="charging.other", cls=IncidentClass.SAFETY)], PACKS, NOW)
    (call,) = [n for n in raised.due(NOW, 20) if n.incident == 2]
    raised.settle(call.id, Rejected("the loudspeaker is broken"), NOW)
    (again,) = [n for n in raised.due(NOW, 20) if n.incident == 2]
    assert (again.address, again.title) == (GUARD.addresses[0], "opened 2")
    assert again.link in again.text


def test_a_lost_hush_calls_nobody_else(raised):
    spoken(raised)
    raised.acknowledge(1, MEI.id, "link", NOW)
    (hush,) = raised.due(NOW, 20)
    raised.settle(hush.id, Rejected("no longer registered"), NOW)
    assert raised.due(at(hours=1), 20) == []

"""Who is told that a turn at a post comes, and who that nobody has it."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from alerts.incidents.roster import Roster
from alerts.incidents.shifts import ShiftReminder, begins_at, due_shifts
from alerts.incidents.silences import Snooze
from alerts.registry.model import Address, Away, ChannelKind, Person, PostRole, Registry, Rota, Turn
from tests.alerts.incidents.community import MEI, REGISTRY, WEN, mail
from tests.alerts.incidents.test_reminders import at

CHEN = Person(
    id="chen", site="riverside", name="陈师傅", role=PostRole.GUARD, addresses=(mail("chen"),)
)
DAY = Turn(person="wen", since="08:00", until="20:00")
NIGHT = Turn(person="chen", since="20:00", until="08:00")


def community(*turns: Turn, people: tuple[Person, ...] = (CHEN,)) -> Registry:
    changed = {person.id: person for person in people}
    known = tuple(changed.pop(person.id, person) for person in REGISTRY.people)
    rota = Rota(post="guard", turns=turns or (DAY, NIGHT))
    return replace(REGISTRY, people=(*known, *changed.values()), rotas=(rota,))


def said(registry: Registry, now: datetime, **more: Any) -> list[tuple[str, str, bool]]:
    told = more.pop("told", ())
    return [
        (one.person.id, one.reason.value, one.address is not None)
        for one in due_shifts(Roster(registry=registry), told, now, **more)
    ]


def only(registry: Registry, now: datetime) -> ShiftReminder:
    (one,) = due_shifts(Roster(registry=registry), (), now)
    return one


def test_whoever_takes_the_post_over_is_told_half_an_hour_before():
    registry = community()
    assert said(registry, at("19:29")) == []
    assert said(registry, at("19:30"))[0] == ("chen", "reminded", True)
    one = next(due_shifts(Roster(registry=registry), (), at("19:30")))
    assert (one.shift.begins_at, one.shift.ends_at) == (at("20:00"), at("08:00", 1))
    assert [place.id for place in one.shift.places] == ["shed-1"]
    assert said(registry, at("20:00")) == []  # it has begun, and it is night


def test_a_morning_s_turn_is_told_of_the_evening_before():
    assert said(community(), at("19:35"))[1:] == [("wen", "reminded", True)]


def test_each_turn_is_told_of_once():
    registry = community()
    told = {one.shift.about for one in due_shifts(Roster(registry=registry), (), at("19:30"))}
    assert len(told) == 2
    assert said(registry, at("19:35"), told=told) == []
    assert len(said(registry, at("19:35", 1), told=told)) == 2


@pytest.mark.parametrize(
    ("chen", "expected"),
    [
        (replace(CHEN, addresses=()), ("chen", "no-address", False)),
        (
            replace(CHEN, addresses=(Address(channel=ChannelKind.VOICE, to="1"),)),
            ("chen", "no-quiet-address", False),
        ),
        (
            replace(CHEN, addresses=(Address(channel=ChannelKind.WECOM, to="env:G", group=True),)),
            ("chen", "no-quiet-address", False),
        ),
        (replace(CHEN, role=PostRole.RIVER_CHIEF), ("chen", "volunteer", False)),
        (
            replace(
                CHEN, away=(Away(since="2026-05-04", until="2026-05-05"),), stand_in="engineer"
            ),
            ("engineer", "reminded", True),
        ),
    ],
    ids=["no address", "a call only", "a group only", "a volunteer", "away, with a stand-in"],
)
def test_only_who_has_an_address_of_his_own_is_told(chen, expected):
    assert said(community(people=(chen,)), at("19:30"))[0] == expected


def test_quiet_hours_and_a_snooze_put_it_off():
    quiet = community(people=(replace(CHEN, quiet_from="18:00", quiet_to="19:45"),))
    assert [one[0] for one in said(quiet, at("19:30"))] == ["wen"]
    assert [one[0] for one in said(quiet, at("19:45"))] == ["chen", "wen"]
    snooze = Snooze(person="chen", incident=None, until=at("19:50"))
    assert [one[0] for one in said(community(), at("19:40"), snoozes=[snooze])] == ["wen"]


GONE = replace(CHEN, away=(Away(since="2026-05-04", until="2026-05-04"),))


@pytest.mark.parametrize(
    ("registry", "absent"),
    [
        (community(DAY), None),
        (community(DAY, NIGHT, people=(GONE,)), "chen"),
    ],
    ids=["a hole of the rota", "away without a stand-in"],
)
def test_of_a_turn_that_nobody_has_the_next_tier_is_told_twelve_hours_before(registry, absent):
    assert said(registry, at("07:59")) == []
    one = only(registry, at("08:00"))
    assert (one.person.id, one.address) == ("mei", MEI.addresses[0])
    assert one.shift.begins_at == at("20:00")
    assert (one.shift.absent.id if one.shift.absent else None) == absent


def test_a_hole_of_the_rota_is_the_same_each_day_and_an_absence_is_not():
    hole = community(DAY)
    assert only(hole, at("08:00")).shift.about == only(hole, at("08:00", 1)).shift.about
    assert begins_at(only(hole, at("08:00")).shift.about) is None
    gone = community(DAY, NIGHT, people=(GONE,))
    assert begins_at(only(gone, at("08:00")).shift.about) == at("20:00").timestamp()


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        ((), ("mei", "reminded", True)),
        ((replace(MEI, addresses=()),), ("wen", "reminded", True)),
        (
            (replace(MEI, away=(Away(since="2026-05-04", until="2026-05-04"),)),),
            ("wen", "reminded", True),
        ),
        (
            (replace(MEI, addresses=()), replace(WEN, addresses=())),
            ("guard", "empty-rota", False),
        ),
    ],
)
def test_where_the_next_tier_cannot_be_told_the_one_behind_is(people, expected):
    assert said(community(DAY, people=people), at("08:00")) == [expected]


def test_a_community_without_tiers_has_the_usual_ones():
    registry = replace(community(DAY), tiers=())
    assert said(registry, at("08:00")) == [("mei", "reminded", True)]


def test_without_a_rota_nobody_is_told_anything():
    assert said(replace(REGISTRY, rotas=()), at("19:30")) == []
    rota = Rota(post="nobody", turns=(DAY,))
    assert said(replace(REGISTRY, rotas=(rota,)), at("19:30")) == []

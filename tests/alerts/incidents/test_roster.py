"""Who answers for a post or for somebody who is away: tables of people and times."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from alerts.incidents import lifecycle, who
from alerts.incidents.roster import HANDED_FOR, HandOver, Roster, gaps
from alerts.incidents.who import History
from alerts.notify.notice import NoticeReason
from alerts.registry.model import (
    Away,
    PostRole,
    Registry,
    Rota,
    Subscription,
    Turn,
)
from alerts.registry.turns import uncovered
from alerts.words import IncidentClass, Severity
from tests.alerts.incidents.community import (
    ADDRESSLESS,
    CHIEF,
    GUARD,
    MEI,
    NIGHT,
    NOW,
    REGISTRY,
    WEN,
    says,
)

TODAY = Away(since="2026-05-04", until="2026-05-05")
DAY = Turn(person="wen", since="08:00", until="20:00")
EVENING = Turn(person="mei", since="20:00", until="08:00", days=("mon", "tue"))


def people(*changed, **more) -> Registry:
    by_id = {person.id: person for person in changed}
    return replace(
        REGISTRY, people=tuple(by_id.get(each.id, each) for each in REGISTRY.people), **more
    )


def answer(registry: Registry, person, now=NOW, **handed):
    found = Roster(registry=registry, handed=handed).answers(person, now)
    return found.person.id, (found.gap or found.reason or "")


PHONELESS = replace(GUARD, addresses=())
ROTA = Rota(post="guard", turns=(DAY, EVENING))


@pytest.mark.parametrize(
    ("local", "holder"),
    [
        ("2026-05-04T07:59", "empty-rota"),  # a Monday; Sunday's night has nobody
        ("2026-05-04T08:00", "wen"),
        ("2026-05-04T19:59", "wen"),
        ("2026-05-04T20:00", "mei"),
        ("2026-05-05T07:59", "mei"),
        ("2026-05-06T07:59", "mei"),
        ("2026-05-06T20:00", "empty-rota"),
        ("2026-05-07T03:00", "empty-rota"),
    ],
)
def test_a_turn_holds_over_midnight_and_belongs_to_the_day_it_began(local, holder):
    registry = people(PHONELESS, rotas=(ROTA,))
    now = datetime.fromisoformat(local + "+08:00").astimezone(UTC)
    found = Roster(registry=registry).answers(PHONELESS, now)
    assert (found.gap or found.person.id) == holder


def test_the_hours_that_nobody_has_are_named():
    assert list(uncovered(ROTA)) == ["mon 00:00", "wed 20:00", "thu 20:00", "fri 20:00",
                                     "sat 20:00", "sun 20:00"]  # fmt: skip
    assert list(uncovered(Rota(post="guard", turns=(DAY, replace(EVENING, days=()))))) == []


def test_a_post_with_a_phone_is_told_by_its_phone_and_knows_who_has_it():
    registry = people(rotas=(ROTA,))
    assert answer(registry, GUARD) == ("guard", "")
    assert Roster(registry=registry).holder(GUARD, NOW) == WEN


def test_whoever_took_the_phone_over_has_it_for_a_long_shift():
    registry = people(PHONELESS, rotas=(ROTA,))
    handed = HandOver(post="guard", holder="engineer", at=NOW)
    assert answer(registry, PHONELESS, NOW, guard=handed) == ("engineer", "on-rota")
    late = NOW + HANDED_FOR
    assert answer(registry, PHONELESS, late, guard=handed) == ("wen", "on-rota")


@pytest.mark.parametrize(
    ("mei", "wen", "found"),
    [
        ({}, {}, ("mei", "")),
        ({"away": (TODAY,)}, {}, ("mei", "away")),
        ({"away": (TODAY,), "stand_in": "wen"}, {}, ("wen", "stand-in")),
        (
            {"away": (TODAY,), "stand_in": "wen"},
            {"away": (TODAY,), "stand_in": "engineer"},
            ("engineer", "stand-in"),
        ),
        (
            {"away": (TODAY,), "stand_in": "wen"},
            {"away": (TODAY,), "stand_in": "mei"},
            ("mei", "stand-in-loop"),
        ),
        ({"away": (TODAY,), "stand_in": "wen"}, {"addresses": ()}, ("wen", "no-address")),
        (
            {"away": (Away(since="2026-05-05", until="2026-05-06"),), "stand_in": "wen"},
            {},
            ("mei", ""),
        ),
    ],
)
def test_whoever_is_away_is_stood_in_for_along_the_chain(mei, wen, found):
    absent = replace(MEI, **mei)
    registry = people(absent, replace(WEN, **wen))
    assert answer(registry, absent) == found


def test_the_gaps_of_now_are_those_a_climb_would_meet():
    found = [(person.id, reason.value) for person, reason in gaps(Roster(registry=REGISTRY), NOW)]
    assert found == [("village", "no-address")]  # alone in his tier
    chief = replace(MEI, id="beside", role=ADDRESSLESS.role)
    beside = replace(REGISTRY, people=(*REGISTRY.people, chief))
    assert list(gaps(Roster(registry=beside), NOW)) == []
    loop = people(
        PHONELESS,
        replace(MEI, away=(TODAY,), stand_in="wen"),
        replace(WEN, away=(TODAY,), stand_in="mei"),
    )
    found = [(person.id, reason.value) for person, reason in gaps(Roster(registry=loop), NOW)]
    assert found == [
        ("guard", "empty-rota"), ("mei", "stand-in-loop"), ("wen", "stand-in-loop"),
        ("village", "no-address"),
    ]  # fmt: skip


def test_the_usual_tiers_have_gaps_as_those_that_are_named():
    known = people(replace(GUARD, away=(TODAY,), stand_in="", addresses=GUARD.addresses))
    found = [
        (person.id, reason.value)
        for person, reason in gaps(Roster(registry=replace(known, tiers=())), NOW)
    ]
    assert ("guard", "away") in found


# In who is told


def reasons(registry: Registry, about=None, now=NOW, history=History(), reason=NoticeReason.OPENED):  # noqa: B008
    change = lifecycle.step(None, lifecycle.Event.HELD, NOW, transition=about or says(1))
    assert change is not None
    verdicts = who.consider(
        change.incident, reason, registry, now, history, roster=Roster(registry=registry)
    )
    return [(one.person.id, one.reason.value, one.step) for one in verdicts]


def test_the_stand_in_is_told_in_the_tier_of_whoever_is_away():
    found = reasons(people(replace(GUARD, away=(TODAY,), stand_in="wen")))
    assert ("guard", "away", 0) in found
    assert ("wen", "stand-in", 0) in found


def test_a_post_without_a_phone_is_told_through_whoever_has_it():
    found = reasons(people(PHONELESS, rotas=(ROTA,)))
    assert ("guard", "on-rota-told", 0) in found
    assert ("wen", "on-rota", 0) in found


def test_subscribers_hear_beside_the_climb():
    wish = Subscription(person="engineer", classes=(IncidentClass.FIRE,), severity=Severity.MAJOR)
    found = reasons(people(subscriptions=(wish,)))
    assert ("engineer", "subscribed", who.BESIDE) in found
    assert ("guard", "tier", 0) in found


@pytest.mark.parametrize(
    ("change", "is_told"),
    [
        ({}, True),
        ({"person": "", "role": PostRole.ENGINEER}, True),
        ({"person": "", "role": PostRole.COMMUNITY}, False),
        ({"places": ("shed-1",)}, True),
        ({"places": ("laobakou",)}, False),
        ({"classes": (IncidentClass.FLOOD,)}, False),
        ({"severity": Severity.CRITICAL}, False),
        ({"severity": Severity.MINOR}, True),
        ({"sites": ("elsewhere",)}, False),
        ({"sites": ("riverside", "elsewhere")}, True),
    ],
)
def test_a_subscription_is_for_what_it_names(change, is_told):
    wish = Subscription(**({"person": "engineer"} | change))
    found = reasons(people(subscriptions=(wish,)))
    assert (("engineer", "subscribed", who.BESIDE) in found) is is_told


def test_a_role_of_another_site_may_subscribe_here_too():
    far = replace(CHIEF, id="far", site="elsewhere", role=PostRole.SUBDISTRICT, places=())
    wish = Subscription(role=PostRole.SUBDISTRICT, sites=("riverside",))
    registry = replace(REGISTRY, people=(*REGISTRY.people, far), subscriptions=(wish,))
    assert ("far", "subscribed", who.BESIDE) in reasons(registry)


def test_a_subscriber_of_another_site_hears_and_is_in_no_tier_here():
    far = replace(CHIEF, id="far", site="elsewhere", role=PostRole.GUARD, places=())
    wish = Subscription(person="far", sites=("riverside",))
    registry = replace(REGISTRY, people=(*REGISTRY.people, far), subscriptions=(wish,))
    assert ("far", "subscribed", who.BESIDE) in reasons(registry)
    assert [row for row in reasons(registry) if row[0] == "far"] == [
        ("far", "subscribed", who.BESIDE)
    ]


def test_a_subscription_ends_no_quiet_hours_and_no_digest():
    wish = Subscription(person="mei", severity=Severity.INFO)
    registry = people(subscriptions=(wish,))
    calm = says(1, cls=IncidentClass.POLLUTION)
    assert ("mei", "quiet-hours", who.BESIDE) in reasons(registry, calm, NIGHT)
    upkeep = says(1, cls=IncidentClass.UPKEEP, severity=Severity.MINOR)
    assert ("guard", "digest", 0) in reasons(registry, upkeep)
    assert "subscribed" not in {reason for _, reason, _ in reasons(registry, upkeep)}


def test_whoever_was_told_before_is_told_of_a_climb_only_once():
    wish = Subscription(person="engineer")
    registry = people(subscriptions=(wish,))
    told = History(ever={"engineer"}, this_round={"engineer"})
    found = reasons(registry, history=told, reason=NoticeReason.CLIMBED)
    assert "subscribed" not in {reason for who_, reason, _ in found if who_ == "engineer"}

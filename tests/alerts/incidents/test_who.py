"""Who is told: tables of people and reasons."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from alerts.incidents import lifecycle, who
from alerts.incidents.model import Incident
from alerts.incidents.who import History, Reason
from alerts.notify.notice import NoticeReason
from alerts.registry.model import Address, ChannelKind, PostRole, Registry
from alerts.rules.transition import Transition
from alerts.words import IncidentClass, Language, Severity
from edge.contract.subject import Subject, SubjectKind
from tests.alerts.incidents.community import (
    CHIEF,
    GUARD,
    NIGHT,
    NOW,
    REGISTRY,
    mail,
    polluted,
    says,
)

OPENED = NoticeReason.OPENED
NOBODY_YET = History()


def incident(transition: Transition, **fields: object) -> Incident:
    change = lifecycle.step(None, lifecycle.Event.HELD, NOW, transition=transition)
    assert change is not None
    return replace(change.incident, **fields)  # type: ignore[arg-type]


def reasons(
    about: Incident,
    reason: NoticeReason = OPENED,
    now: datetime = NOW,
    history: History = NOBODY_YET,
    registry: Registry = REGISTRY,
) -> dict[str, str]:
    return {
        verdict.person.id: verdict.reason.value
        for verdict in who.consider(about, reason, registry, now, history)
    }


def test_everybody_of_the_site_is_considered_with_a_reason():
    assert reasons(incident(says(1))) == {
        "guard": "tier",
        "mei": "not-this-tier",
        "wen": "not-this-tier",
        "lao-li": "other-place",
        "village": "no-tier",
        "town": "no-tier",
        "engineer": "no-tier",
    }


PHONE = Address(channel=ChannelKind.VOICE, to="13800000001")


@pytest.mark.parametrize(
    ("reason", "addresses", "why", "first"),
    [
        (NoticeReason.OPENED, (PHONE, mail("guard")), "tier", PHONE),
        (NoticeReason.RECOVERED, (PHONE, mail("guard")), "told-before", mail("guard")),
        (NoticeReason.RECOVERED, (PHONE,), "not-by-call", None),
        (NoticeReason.CLOSED, (PHONE,), "not-by-call", None),
        (NoticeReason.REOPENED, (PHONE,), "tier", PHONE),
    ],
)
def test_no_phone_is_rung_to_say_that_it_is_over(reason, addresses, why, first):
    guard = replace(GUARD, addresses=addresses)
    registry = replace(REGISTRY, people=(guard, *REGISTRY.people[1:]))
    history = NOBODY_YET if reason is OPENED else History(ever={"guard"}, this_round={"guard"})
    found = reasons(incident(says(1)), reason, history=history, registry=registry)
    assert found["guard"] == why
    assert next(iter(who.addresses_for(guard, reason)), None) == first


def test_people_of_another_site_are_not_considered():
    stranger = replace(CHIEF, id="stranger", site="elsewhere")
    registry = replace(REGISTRY, people=(*REGISTRY.people, stranger))
    assert "stranger" not in reasons(incident(says(1)), registry=registry)


def test_the_next_tier_without_an_address_says_so():
    told = reasons(incident(polluted(1), step=1), NoticeReason.CLIMBED)
    assert told["village"] == "no-address"


def test_a_climb_tells_nobody_twice():
    told = reasons(
        incident(says(1), step=1),
        NoticeReason.CLIMBED,
        history=History(ever={"guard"}, this_round={"guard"}),
    )
    assert (told["guard"], told["mei"]) == ("already-told", "tier")


@pytest.mark.parametrize(
    ("cls", "expected"),
    [
        (IncidentClass.FIRE, "tier"),
        (IncidentClass.FLOOD, "tier"),
        (IncidentClass.SAFETY, "tier"),
        (IncidentClass.POLLUTION, "quiet-hours"),
        (IncidentClass.UPKEEP, "quiet-hours"),
    ],
)
def test_quiet_hours_hold_back_all_but_what_rings_at_night(cls, expected):
    about = incident(says(1, cls=cls), step=1)
    assert reasons(about, NoticeReason.CLIMBED, NIGHT)["mei"] == expected


@pytest.mark.parametrize(
    ("cls", "expected"),
    [
        (IncidentClass.SAFETY, None),
        (IncidentClass.POLLUTION, None),
        (IncidentClass.UPKEEP, datetime(2026, 5, 4, 23, 0, tzinfo=UTC)),  # 07:00 in Shanghai
    ],
)
def test_upkeep_waits_for_the_day_where_no_quiet_hours_are_named(cls, expected):
    verdicts = who.consider(incident(says(1, cls=cls)), OPENED, REGISTRY, NIGHT)
    guard = next(verdict for verdict in verdicts if verdict.person.id == "guard")
    assert guard.due_at == (expected or NIGHT)


def test_what_quiet_hours_hold_back_is_due_when_they_end():
    verdicts = who.consider(incident(polluted(1)), OPENED, REGISTRY, NIGHT)
    chief = next(verdict for verdict in verdicts if verdict.person.id == "lao-li")
    assert chief.due_at == datetime(2026, 5, 4, 23, 0, tzinfo=UTC)  # 07:00 in Shanghai


@pytest.mark.parametrize(
    ("quiet_from", "quiet_to", "local", "until"),
    [
        ("22:00", "07:00", "21:59", None),
        ("22:00", "07:00", "22:00", "07:00+1"),
        ("22:00", "07:00", "06:59", "07:00"),
        ("22:00", "07:00", "07:00", None),
        ("12:00", "14:00", "13:00", "14:00"),
        ("12:00", "14:00", "14:00", None),
        ("08:00", "08:00", "08:00", None),
        ("", "07:00", "03:00", None),
    ],
)
def test_quiet_hours_are_half_open_and_may_span_midnight(quiet_from, quiet_to, local, until):
    zone = ZoneInfo("Asia/Shanghai")
    day = datetime(2026, 5, 4, tzinfo=zone)
    hour, minute = map(int, local.split(":"))
    person = replace(CHIEF, quiet_from=quiet_from, quiet_to=quiet_to)
    found = who.quiet_until(
        person, IncidentClass.POLLUTION, zone, day.replace(hour=hour, minute=minute)
    )
    if until is None:
        assert found is None
    else:
        clock, _, days = until.partition("+")
        end = day.replace(hour=int(clock[:2])) + timedelta(days=int(days or 0))
        assert found == end


@pytest.mark.parametrize(
    ("cls", "severity", "expected"),
    [
        (IncidentClass.UPKEEP, Severity.MINOR, "digest"),
        (IncidentClass.UPKEEP, Severity.MAJOR, "tier"),
        (IncidentClass.UPKEEP, Severity.INFO, "for-the-record"),
        (IncidentClass.FIRE, Severity.INFO, "for-the-record"),
        (IncidentClass.SAFETY, Severity.MINOR, "tier"),
    ],
)
def test_upkeep_waits_for_the_digest_and_info_tells_nobody(cls, severity, expected):
    assert reasons(incident(says(1, cls=cls, severity=severity)))["guard"] == expected


def test_a_rise_reaches_a_tier_whose_turn_had_told_nobody():
    about = incident(says(1, severity=Severity.MAJOR))  # was for the record only before
    told = reasons(about, NoticeReason.SEVERITY)
    assert (told["guard"], told["mei"]) == ("tier", "not-this-tier")


def test_a_rise_is_told_to_everyone_who_was_told():
    history = History(ever={"guard", "mei"}, this_round={"guard", "mei"})
    told = reasons(incident(says(1), step=1), NoticeReason.SEVERITY, history=history)
    assert (told["guard"], told["mei"], told["wen"]) == ("told-before", "tier", "not-this-tier")


@pytest.mark.parametrize("reason", [NoticeReason.RECOVERED, NoticeReason.CLOSED])
def test_the_end_is_told_to_everyone_who_was_told_and_to_whoever_took_over(reason):
    about = incident(says(1), acknowledged_by="wen")
    told = reasons(about, reason, history=History(ever={"guard"}))
    assert (told["guard"], told["wen"], told["mei"]) == (
        "told-before",
        "took-over",
        "not-told-before",
    )


@pytest.mark.parametrize(
    ("by", "told"), [("mei", "mei"), ("", "guard"), ("somebody-who-left", "guard")]
)
def test_the_second_look_goes_to_whoever_took_over_else_to_the_first_tier(by, told):
    about = incident(says(1), acknowledged_by=by, step=2)
    verdicts = who.consider(about, NoticeReason.SECOND_LOOK, REGISTRY, NOW)
    assert [verdict.person.id for verdict in verdicts if verdict.reason.told] == [told]


def test_a_device_belongs_to_the_place_of_its_first_binding():
    about = incident(
        says(1, subject=Subject.of_device("riverside", "box-1"), place="", device="box-1")
    )
    place = who.place_of(about, REGISTRY)
    assert place is not None
    assert place.id == "shed-1"


def test_the_cell_and_the_watch_are_the_engineers():
    cell = Subject(SubjectKind.CELL, "demo", "demo")
    about = incident(says(1, subject=cell, place="", cls=IncidentClass.WATCH))
    assert [p for p, r in reasons(about).items() if r == "tier"] == ["engineer"]
    shed = incident(says(1, cls=IncidentClass.WATCH))
    assert [p for p, r in reasons(shed).items() if r == "tier"] == ["engineer"]


def test_a_kind_of_place_without_tiers_has_the_usual_ones():
    registry = replace(REGISTRY, tiers=())
    assert who.tiers_of(incident(says(1)), registry)[0].role is PostRole.GUARD
    # Tiers for some classes only are not for the others.
    flow = who.tiers_of(incident(polluted(1, cls=IncidentClass.SAFETY)), REGISTRY)
    assert flow == who.USUAL_TIERS[REGISTRY.places[0].kind]


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_words_in_both_languages(reason):
    assert reason.text(Language.ZH).endswith("。")
    assert reason.text(Language.EN).endswith(".")

"""The morning digest: once a day and place, to whoever looks after it, and recorded on each incident."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from alerts.incidents.acts import Refusal, Refused
from alerts.notify.outcome import Accepted, Retry
from alerts.registry.model import Address, Away, ChannelKind, Subscription
from alerts.rules.transition import Change
from alerts.store import tables as t
from alerts.words import IncidentClass, Severity
from edge.contract.subject import Subject
from tests.alerts.incidents.community import GUARD, MEI, NOW, REGISTRY, WEN, polluted, says
from tests.alerts.store.conftest import PACKS

MORNING = NOW + timedelta(hours=14)  # 08:00 in Shanghai, the next day
DAY = timedelta(days=1)
UPKEEP: dict[str, Any] = {"cls": IncidentClass.UPKEEP, "severity": Severity.MINOR}


def told(operations, now):
    found = []
    while due := operations.due(now, 50):
        for notice in due:
            operations.settle(notice.id, Accepted(), now)
            found.append(notice)
    return found


@pytest.fixture
def evening(operations):
    """Today's digests are out; then two sockets float, one of them until it stops."""
    operations.send_digests(NOW)
    for n, port in enumerate(("p1", "p2")):
        subject = Subject.of_place("riverside", "shed-1", port)
        operations.take([says(n + 1, subject=subject, port=port, **UPKEEP)], PACKS, NOW)
    operations.take(
        [says(9, Change.CLEARED, subject=Subject.of_place("riverside", "shed-1", "p2"), **UPKEEP)],
        PACKS,
        NOW,
    )
    return operations


def test_it_is_sent_in_the_morning_once_to_whoever_looks_after_the_place(evening):
    assert told(evening, NOW) == []
    assert evening.send_digests(MORNING - timedelta(minutes=1)) == 0
    assert evening.send_digests(MORNING) == 1
    assert evening.send_digests(MORNING + timedelta(minutes=15)) == 0
    (notice,) = told(evening, MORNING)
    assert (notice.reason.value, notice.person) == ("digest", "guard")
    assert notice.title == "【每日汇总】一号棚"
    assert notice.text.splitlines()[0] == "charging.feeder：2 次，1 处还没好（一号棚 1 号插座）"
    assert notice.link.endswith("/places/riverside/shed-1")
    assert evening.send_digests(MORNING + DAY) == 1  # one is still open


def test_no_phone_rings_for_a_digest(evening):
    phone = Address(channel=ChannelKind.VOICE, to="13800001111")
    for addresses, heard in (((phone, GUARD.addresses[1]), ["email"]), ((phone,), [])):
        people = tuple(
            replace(person, addresses=addresses) if person.id == "guard" else person
            for person in REGISTRY.people
        )
        evening.save_registry(replace(REGISTRY, people=people), "x", "y", NOW)
        day = MORNING + DAY * len(heard)
        evening.send_digests(day)
        sent = [n for n in evening.notices(limit=9) if n.created_at == day]
        assert [n.address.channel.value for n in sent] == heard


def test_each_incident_says_who_had_the_digest(evening):
    evening.send_digests(MORNING)
    for incident in (1, 2):
        assert [row.reason for row in evening.why(incident, "guard")][-1] == "digest-sent"
        assert any(line.facts.get("reason") == "digest" for line in evening.story(incident))


def test_quiet_hours_and_absence_hold_for_the_digest_too(evening):
    people = tuple(
        replace(person, quiet_from="22:00", quiet_to="09:00", stand_in="engineer",
                away=(Away(since="2026-05-06", until="2026-05-06"),))
        if person.id == "guard" else person
        for person in REGISTRY.people
    )  # fmt: skip
    evening.save_registry(replace(REGISTRY, people=people), "x", "y", NOW)
    evening.send_digests(MORNING)
    assert told(evening, MORNING) == []
    assert [n.person for n in told(evening, MORNING + timedelta(hours=1))] == ["guard"]
    evening.send_digests(MORNING + DAY)
    assert [n.person for n in told(evening, MORNING + DAY)] == ["engineer"]


def test_a_digest_that_begins_with_a_fire_for_the_record_is_no_fire_and_rings_in_no_night(
    operations,
):
    operations.send_digests(NOW)
    operations.take([says(1, severity=Severity.INFO)], PACKS, NOW)
    assert operations.send_digests(MORNING) == 1
    (notice,) = operations.due(MORNING, 9)
    assert notice.cls is IncidentClass.UPKEEP
    operations.settle(notice.id, Retry("the mail server is away"), MORNING)
    night = MORNING + timedelta(hours=18)
    assert operations.due(night, 9) == []
    assert [one.id for one in operations.due(MORNING + DAY, 9)] == [notice.id]


def test_whoever_subscribed_to_upkeep_has_it_in_their_own_language(evening):
    wish = Subscription(person="mei", classes=(IncidentClass.UPKEEP,), severity=Severity.MINOR)
    evening.save_registry(replace(REGISTRY, subscriptions=(wish,)), "x", "y", NOW)
    evening.send_digests(MORNING)
    titles = {notice.person: notice.title for notice in told(evening, MORNING)}
    assert titles["mei"] == "[Daily digest] Shed 1"


def test_a_day_without_anything_sends_nothing_and_is_done_with(operations):
    assert operations.send_digests(NOW) == 0
    operations.take([says(1, **UPKEEP)], PACKS, NOW)
    assert operations.send_digests(NOW + timedelta(hours=1)) == 0  # tomorrow morning is soon enough
    assert operations.send_digests(MORNING) == 1


def test_what_was_told_at_once_is_not_told_again_in_the_morning(operations):
    operations.send_digests(NOW)
    operations.take([polluted(1), says(2, severity=Severity.MAJOR)], PACKS, NOW)
    assert operations.send_digests(MORNING) == 0


def test_marks_of_old_digests_and_ended_snoozes_are_cleaned_up(evening):
    evening.snooze("guard", None, NOW + timedelta(hours=1), NOW)
    evening.clean_up(NOW + timedelta(hours=2))
    assert evening.snoozes("guard", NOW) == []
    with evening._database.read() as connection:
        assert connection.execute(select(func.count()).select_from(t.digest)).scalar_one() == 2
    evening.clean_up(NOW + 40 * DAY)
    with evening._database.read() as connection:
        assert connection.execute(select(func.count()).select_from(t.digest)).scalar_one() == 0


def test_two_people_behind_one_address_have_one_digest(evening):
    same = tuple(
        replace(person, places=(), role=GUARD.role, addresses=GUARD.addresses)
        if person.id in ("guard", "engineer") else person
        for person in REGISTRY.people
    )  # fmt: skip
    evening.save_registry(replace(REGISTRY, people=same), "x", "y", NOW)
    assert evening.send_digests(MORNING) == 1
    assert [row.reason for row in evening.why(1, "engineer")][-1] == "digest-sent"


# Posts


def test_a_phone_is_handed_over_within_a_site(operations):
    assert operations.roster().holder(GUARD, NOW) is None
    operations.hand_over("guard", "mei", "wen", "console", NOW)
    operations.hand_over("guard", "wen", "wen", "console", NOW)
    assert operations.roster().holder(GUARD, NOW) == WEN
    assert operations.hand_over("mei", "wen", "wen", "", NOW) == Refused(Refusal.UNKNOWN_PERSON)
    assert operations.hand_over("guard", "x", "wen", "", NOW) == Refused(Refusal.UNKNOWN_PERSON)


def test_where_nobody_answers_the_next_tier_is_told_at_once(operations):
    people = tuple(
        replace(person, addresses=()) if person.id == "guard" else person
        for person in REGISTRY.people
    )
    operations.save_registry(replace(REGISTRY, people=people), "x", "y", NOW)
    operations.take([says(1)], PACKS, NOW)
    assert [(n.reason.value, n.person) for n in told(operations, NOW)] == [("climbed", MEI.id)]
    assert next(row.reason for row in operations.why(1, "guard")) == "empty-rota"


def test_subscribers_are_told_and_not_waited_for(operations):
    wish = Subscription(person="engineer")
    people = tuple(
        replace(person, addresses=()) if person.id == "guard" else person
        for person in REGISTRY.people
    )
    registry = replace(REGISTRY, people=people, subscriptions=(wish,))
    operations.save_registry(registry, "x", "y", NOW)
    operations.take([says(1)], PACKS, NOW)
    found = {(n.reason.value, n.person) for n in told(operations, NOW)}
    assert found == {("opened", "engineer"), ("climbed", "mei")}
    operations.take([says(2, Change.CLEARED)], PACKS, NOW)
    assert ("recovered", "engineer") in {(n.reason.value, n.person) for n in told(operations, NOW)}

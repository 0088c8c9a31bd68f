"""Receipts of calls and SMS: who pressed 1 has it, and what never arrived goes another way."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from alerts.incidents.model import State, StoryKind
from alerts.notify.notice import Notice, NoticeState
from alerts.notify.outcome import Accepted, Retry
from alerts.notify.receipts import Fate, Receipt, proof
from alerts.registry.model import Address, ChannelKind
from alerts.rules.transition import Change
from alerts.store.operations import Operations
from alerts.store.receipted import Effect
from alerts.words import IncidentClass, Severity
from tests.alerts.incidents.community import GUARD, MEI, NOW, REGISTRY, hook, mail, says
from tests.alerts.store.conftest import PACKS

PHONE, OTHER = "13800001111", "13800002222"
CALL = Address(channel=ChannelKind.VOICE, to=PHONE)
TEXT = Address(channel=ChannelKind.SMS, to=PHONE)


def at(**since: float) -> datetime:
    return NOW + timedelta(**since)


def village(*addresses: Address) -> Any:
    """The guard is told so, first by the first."""
    guard = replace(GUARD, addresses=addresses)
    others = tuple(person for person in REGISTRY.people if person.id != GUARD.id)
    return replace(REGISTRY, people=(guard, *others))


def raised(operations: Operations, *addresses: Address, settle: bool = True, **how: Any) -> Notice:
    """A danger of which the guard is told by his first address, which takes it."""
    operations.save_registry(village(*addresses), "engineer", "phones", NOW)
    operations.take([says(1, **how)], PACKS, NOW)
    (notice,) = operations.due(NOW, 10)
    if settle:
        accept(operations, notice, "7^8")
    return notice


def accept(operations: Operations, notice: Notice, id: str, more: str = "", now=NOW) -> None:
    operations.settle(notice.id, Accepted(proof(notice.address.channel, id) + more), now)


def receipt(notice: Notice, fate: Fate, **fields: Any) -> Receipt:
    code = {Fate.FAILED: "200003", Fate.DELIVERED: "DELIVERED"}.get(fate, "200000")
    values: dict[str, Any] = {
        "channel": notice.address.channel, "id": "7^8", "notice": notice.id, "number": PHONE,
        "fate": fate, "code": code, "at": at(seconds=40),
    }  # fmt: skip
    return Receipt(**(values | fields))


def hear(operations: Operations, given: Receipt, now: datetime | None = None) -> Effect:
    return operations.receipt(given, now or at(seconds=45), asks_key=True)


def state_of(operations: Operations, id: int) -> NoticeState:
    return next(notice.state for notice in operations.notices() if notice.id == id)


def detail_of(operations: Operations, id: int) -> str:
    return next(notice.detail for notice in operations.notices() if notice.id == id)


def taken_by(operations: Operations) -> list[tuple[str, str]]:
    kind = StoryKind.ACKNOWLEDGED
    return [(line.who, line.origin) for line in operations.story(1) if line.kind is kind]


# Who pressed 1


def test_one_takes_over_with_the_call_as_its_origin(operations):
    notice = raised(operations, CALL)
    assert hear(operations, receipt(notice, Fate.PRESSED)) is Effect.TAKEN
    incident = operations.incident(1)
    assert (incident.state, incident.acknowledged_by) == (State.ACKNOWLEDGED, "guard")
    assert taken_by(operations) == [("guard", "call")]
    assert state_of(operations, notice.id) is NoticeState.ACKNOWLEDGED
    assert detail_of(operations, notice.id) == (
        "CallId 7^8; the provider says: answered, 1 was pressed (200000) at 18:00"
    )


def test_a_receipt_that_comes_twice_changes_nothing_the_second_time(operations):
    notice = raised(operations, CALL)
    hear(operations, receipt(notice, Fate.PRESSED))
    story, notices = operations.story(1), operations.notices()
    assert hear(operations, receipt(notice, Fate.PRESSED), at(minutes=9)) is Effect.KNOWN
    assert (operations.story(1), operations.notices()) == (story, notices)


def test_what_was_taken_over_and_not_yet_noted_is_not_taken_over_twice(operations):
    notice = raised(operations, CALL)
    operations.acknowledge(1, "guard", "call", at(seconds=42))  # and killed before the note
    assert hear(operations, receipt(notice, Fate.PRESSED)) is Effect.KNOWN
    assert len(taken_by(operations)) == 1
    assert "1 was pressed" in detail_of(operations, notice.id)


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "9^9", "at": at(minutes=-9)},  # another call, from before this notice
        {"id": "9^9", "number": ""},  # another call, to nobody knows whom
        {"id": "9^9", "at": None},
        {"number": OTHER},
        {"channel": ChannelKind.SMS},
        {"notice": 4711},
    ],
)
def test_only_a_call_of_this_very_notice_takes_over(operations, fields):
    notice = raised(operations, CALL)
    given = replace(receipt(notice, Fate.PRESSED), **fields)
    if fields.get("notice"):  # known by the call's id all the same
        given = replace(given, id="9^9")
    assert hear(operations, given) in (Effect.KNOWN, Effect.EARLY)
    assert operations.incident(1).state is State.OPEN


def test_a_call_that_was_given_up_as_unanswered_by_the_service_may_still_be_taken(operations):
    notice = raised(operations, CALL, settle=False)
    operations.settle(notice.id, Retry("no answer within 20 s"), NOW)
    assert hear(operations, receipt(notice, Fate.PRESSED, id="1^1")) is Effect.TAKEN


def test_a_number_behind_a_reference_is_looked_up(operations, monkeypatch):
    monkeypatch.setenv("GUARD_PHONE", "+86 138-0000-1111")
    notice = raised(operations, replace(CALL, to="env:GUARD_PHONE"))
    assert hear(operations, receipt(notice, Fate.PRESSED, number=OTHER)) is not Effect.TAKEN
    assert hear(operations, receipt(notice, Fate.PRESSED)) is Effect.TAKEN


def test_without_a_question_for_a_key_a_key_means_nothing(operations):
    notice = raised(operations, CALL)
    effect = operations.receipt(receipt(notice, Fate.PRESSED), NOW, asks_key=False)
    assert effect is Effect.NOTED
    assert operations.incident(1).state is State.OPEN
    assert detail_of(operations, notice.id).endswith("heard to the end (200000) at 18:00")


def test_recovery_beats_a_press_that_comes_later(operations):
    notice = raised(operations, CALL)
    operations.take([says(2, Change.CLEARED, after=timedelta(minutes=1))], PACKS, at(minutes=1))
    assert hear(operations, receipt(notice, Fate.PRESSED), at(minutes=2)) is Effect.TOO_LATE
    assert operations.incident(1).state is State.RECOVERED
    assert "1 was pressed" in detail_of(operations, notice.id)  # for whoever asks why


def test_a_press_from_before_it_came_back_takes_nothing(operations):
    notice = raised(operations, CALL)
    for n, change in ((2, Change.CLEARED), (3, Change.RAISED)):
        operations.take([says(n, change, after=timedelta(minutes=n))], PACKS, at(minutes=n))
    late = receipt(notice, Fate.PRESSED)
    assert hear(operations, late, at(minutes=9)) is Effect.TOO_LATE
    assert operations.incident(1).state is State.OPEN


def test_a_press_for_the_lesser_danger_does_not_take_the_worse(operations):
    notice = raised(operations, CALL)
    worse = says(2, Change.SEVERITY, severity=Severity.CRITICAL, after=timedelta(minutes=1))
    operations.take([worse], PACKS, at(minutes=1))
    assert hear(operations, receipt(notice, Fate.PRESSED), at(minutes=2)) is Effect.TOO_LATE
    assert operations.incident(1).state is State.OPEN


def test_a_press_from_before_a_false_alarm_does_not_undo_it(operations):
    notice = raised(operations, CALL)
    operations.false_alarm(1, "mei", "a drill of the cooks", "link", at(minutes=1))
    assert hear(operations, receipt(notice, Fate.PRESSED), at(minutes=2)) is Effect.TOO_LATE
    assert operations.incident(1).false_alarm


def test_whoever_was_quicker_keeps_it(operations):
    notice = raised(operations, CALL)
    operations.acknowledge(1, "mei", "link", at(seconds=30))
    assert hear(operations, receipt(notice, Fate.PRESSED)) is Effect.TOO_LATE
    assert operations.incident(1).acknowledged_by == "mei"


def test_a_number_that_is_nobody_s_any_more_takes_nothing(operations):
    notice = raised(operations, CALL)
    operations.save_registry(village(mail("guard")), "engineer", "a new phone", NOW)
    assert hear(operations, receipt(notice, Fate.PRESSED)) is Effect.TOO_LATE
    assert operations.incident(1).state is State.OPEN


def test_a_group_acts_for_nobody(operations):
    notice = raised(operations, replace(CALL, group=True))
    assert hear(operations, receipt(notice, Fate.PRESSED)) is Effect.TOO_LATE
    assert operations.incident(1).state is State.OPEN


def test_after_a_restart_a_press_counts_as_before(operations, opener):
    notice = raised(operations, CALL)
    assert hear(opener(), receipt(notice, Fate.PRESSED)) is Effect.TAKEN


# What never arrived


@pytest.mark.parametrize(("first", "code"), [(CALL, "200003"), (TEXT, "MK:0001")])
def test_what_the_provider_could_not_do_goes_to_the_next_address(operations, first, code):
    notice = raised(operations, first, mail("guard"))
    assert hear(operations, receipt(notice, Fate.FAILED, code=code)) is Effect.FAILED
    assert state_of(operations, notice.id) is NoticeState.REJECTED
    words = {"200003": "nobody answered", "MK:0001": "no such number"}[code]
    assert detail_of(operations, notice.id).endswith(
        f"the provider says: {words} ({code}) at 18:00"
    )
    (again,) = operations.due(at(minutes=1), 10)
    assert (again.person, again.address) == ("guard", mail("guard"))
    assert {one.reason for one in operations.considered(1)} >= {"next-address"}


def test_when_the_person_has_no_other_address_the_next_tier_is_asked(operations):
    notice = raised(operations, CALL)
    hear(operations, receipt(notice, Fate.FAILED))
    (climbed,) = operations.due(at(minutes=1), 10)
    assert (climbed.person, climbed.reason.value) == ("mei", "climbed")


def test_a_failure_that_comes_twice_hands_on_once(operations):
    notice = raised(operations, CALL, mail("guard"), hook("guard"))
    hear(operations, receipt(notice, Fate.FAILED))
    due = operations.due(at(minutes=1), 10)
    assert hear(operations, receipt(notice, Fate.FAILED), at(minutes=1)) is Effect.KNOWN
    assert operations.due(at(minutes=1), 10) == due
    assert len(due) == 1


@pytest.mark.parametrize("end", ["taken over", "recovered", "closed", "false alarm"])
def test_nobody_is_called_to_what_is_taken_over_or_over(operations, end):
    notice = raised(operations, CALL, mail("guard"))
    if end in ("recovered", "closed"):
        operations.take([says(2, Change.CLEARED)], PACKS, at(seconds=20))
    if end == "closed":
        operations.close_incident(1, "mei", "seen", "link", at(seconds=30))
    if end == "taken over":
        operations.acknowledge(1, "mei", "link", at(seconds=30))
    if end == "false alarm":
        operations.false_alarm(1, "mei", "cooking", "link", at(seconds=30))
    before = operations.due(at(hours=1), 20)
    assert hear(operations, receipt(notice, Fate.FAILED)) is Effect.FAILED
    assert state_of(operations, notice.id) is NoticeState.REJECTED
    assert operations.due(at(hours=1), 20) == before


def test_an_earlier_round_s_failure_hands_nothing_on(operations):
    notice = raised(operations, CALL, mail("guard"))
    for n, change in ((2, Change.CLEARED), (3, Change.RAISED)):
        operations.take([says(n, change, after=timedelta(minutes=n))], PACKS, at(minutes=n))
    before = operations.due(at(minutes=5), 20)
    assert hear(operations, receipt(notice, Fate.FAILED), at(minutes=4)) is Effect.FAILED
    assert operations.due(at(minutes=5), 20) == before


def test_an_assigned_person_who_is_not_reached_is_told_at_the_next_address(operations):
    raised(operations, mail("guard"), settle=False)
    mei = replace(MEI, addresses=(CALL, mail("mei")))
    others = tuple(person for person in REGISTRY.people if person.id != MEI.id)
    operations.save_registry(replace(REGISTRY, people=(mei, *others)), "me", "phone", NOW)
    operations.assign(1, "wen", "mei", "link", at(seconds=10))
    (notice,) = [one for one in operations.due(at(seconds=10), 10) if one.person == "mei"]
    accept(operations, notice, "7^8", now=at(seconds=11))
    hear(operations, receipt(notice, Fate.FAILED))
    (again,) = [one for one in operations.due(at(minutes=1), 10) if one.person == "mei"]
    assert again.address == mail("mei")


def test_what_was_opened_meanwhile_was_not_lost(operations):
    notice = raised(operations, TEXT, mail("guard"))
    operations.opened(1, "guard")
    assert hear(operations, receipt(notice, Fate.FAILED)) is Effect.NOTED
    assert state_of(operations, notice.id) is NoticeState.OPENED
    assert operations.due(at(minutes=1), 10) == []


def test_an_earlier_attempt_s_failure_leaves_the_later_one_standing(operations):
    notice = raised(operations, CALL, mail("guard"))
    assert hear(operations, receipt(notice, Fate.FAILED, id="1^1")) is Effect.KNOWN
    assert state_of(operations, notice.id) is NoticeState.ACCEPTED


def test_a_receipt_that_is_quicker_than_our_own_note_is_heard_again(operations):
    notice = raised(operations, CALL, mail("guard"), settle=False)
    assert hear(operations, receipt(notice, Fate.FAILED)) is Effect.EARLY
    accept(operations, notice, "7^8")
    assert hear(operations, receipt(notice, Fate.FAILED)) is Effect.FAILED


def test_a_call_of_several_fails_for_all_of_them_and_is_taken_over_for_one(operations):
    first = raised(operations, CALL, mail("guard"), settle=False)
    operations.take([says(2, rule="charging.other", cls=IncidentClass.SAFETY)], PACKS, NOW)
    (second,) = [one for one in operations.due(NOW, 10) if one.id != first.id]
    for notice in (first, second):
        accept(operations, notice, "7^8", "; one message with 1 more")
    assert hear(operations, receipt(second, Fate.PRESSED)) is Effect.TAKEN
    assert [operations.incident(n).state for n in (1, 2)] == [State.OPEN, State.ACKNOWLEDGED]


def test_a_call_of_several_that_nobody_answers_is_rejected_for_each(operations):
    first = raised(operations, CALL, mail("guard"), settle=False)
    operations.take([says(2, rule="charging.other", cls=IncidentClass.SAFETY)], PACKS, NOW)
    (second,) = [one for one in operations.due(NOW, 10) if one.id != first.id]
    for notice in (first, second):
        accept(operations, notice, "7^8", "; one message with 1 more")
    hear(operations, receipt(first, Fate.FAILED))
    assert {state_of(operations, one.id) for one in (first, second)} == {NoticeState.REJECTED}
    assert [one.incident for one in operations.due(at(minutes=1), 10)] == [1, 2]


def test_what_went_out_from_memory_is_known_by_its_call(operations):
    """Its number was another then; the detail says by which call it went."""
    notice = raised(operations, CALL)
    given = replace(receipt(notice, Fate.PRESSED), notice=1_000_000_000_007)
    assert hear(operations, given) is Effect.TAKEN


# What only stands beside the notice


def test_an_answered_call_without_a_key_stays_accepted(operations):
    notice = raised(operations, CALL, mail("guard"))
    assert hear(operations, receipt(notice, Fate.ANSWERED)) is Effect.NOTED
    assert state_of(operations, notice.id) is NoticeState.ACCEPTED
    assert detail_of(operations, notice.id) == (
        "CallId 7^8; the provider says: answered, no key pressed (200000) at 18:00"
    )
    assert operations.incident(1).state is State.OPEN
    assert operations.due(at(minutes=1), 10) == []


def test_an_sms_on_the_phone_is_quoted_and_claims_nothing(operations):
    notice = raised(operations, TEXT)
    assert hear(operations, receipt(notice, Fate.DELIVERED)) is Effect.NOTED
    assert state_of(operations, notice.id) is NoticeState.ACCEPTED
    assert detail_of(operations, notice.id).endswith("delivered (DELIVERED) at 18:00")
    assert hear(operations, receipt(notice, Fate.DELIVERED)) is Effect.KNOWN


def test_nothing_of_ours_changes_nothing(operations):
    notice = raised(operations, CALL)
    before = operations.notices()
    for fate in Fate:
        stranger = replace(receipt(notice, fate), notice=4711, id="9^9")
        assert hear(operations, stranger) is Effect.EARLY
    assert operations.notices() == before

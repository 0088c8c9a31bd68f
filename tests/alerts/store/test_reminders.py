"""Reminders as rows: said once over restarts, recorded, and let go when what they say is done."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from alerts.incidents.model import DutyKind, State, StoryKind
from alerts.incidents.silences import Silence
from alerts.links import LinkKind, Links
from alerts.notify.notice import Notice, NoticeReason, NoticeState
from alerts.notify.outcome import Accepted, Rejected, Retry
from alerts.registry.model import ChannelKind
from alerts.rules.transition import Change, Transition
from alerts.store import tables as t
from alerts.store.operations import Operations
from alerts.words import IncidentClass, Severity
from edge.contract.subject import Subject
from tests.alerts.incidents.community import NOW, REGISTRY, mail, polluted, says
from tests.alerts.store.conftest import PACKS

HOUR, MINUTE, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)
OPENED = NOW - 17 * HOUR - 30 * MINUTE  # 00:30 in Shanghai; half of its time is over at 12:30
NOON = OPENED + 12 * HOUR
SECOND = OPENED + timedelta(hours=19.2)


def happen(operations: Operations, *transitions: Transition, at: datetime = OPENED) -> None:
    """The rules say this at that time."""
    shift = int((at - NOW).total_seconds() * 1000)
    moved = [
        replace(
            one, at_ms=one.at_ms + shift, since_ms=one.since_ms + shift, seen_ms=one.seen_ms + shift
        )
        for one in transitions
    ]
    operations.take(moved, PACKS, at)


def sent(operations: Operations, now: datetime) -> list[Notice]:
    """Everything that is due, accepted."""
    found: list[Notice] = []
    while batch := operations.due(now, 50):
        for notice in batch:
            operations.settle(notice.id, Accepted(), now)
        found += batch
    return found


def reminders(operations: Operations, now: datetime) -> list[Notice]:
    return [one for one in sent(operations, now) if one.reason is NoticeReason.REMINDER]


def states(operations: Operations) -> list[str]:
    return [
        one.state.value
        for one in reversed(operations.notices())
        if one.reason is NoticeReason.REMINDER
    ]


@pytest.fixture
def recovered(operations: Operations) -> Operations:
    """A fire at the shed is over since half past midnight; the guard post was asked to look."""
    happen(operations, says(1), says(2, Change.CLEARED))
    sent(operations, OPENED)
    return operations


def another(operations: Operations, position: int, port: str = "p1", at: datetime = OPENED) -> None:
    subject = Subject.of_place("riverside", "shed-1", port)
    again: dict[str, Any] = {"subject": subject, "port": port, "rule": f"charging.{port}"}
    happen(operations, says(position, **again), says(position + 1, Change.CLEARED, **again), at=at)
    sent(operations, at)


def test_it_is_said_at_half_of_the_time_and_at_80_percent_and_not_again(recovered):
    heard = []
    for minutes in range(0, 24 * 60, 5):
        now = OPENED + minutes * MINUTE
        recovered.remind(now)
        heard += [(one.person, now) for one in reminders(recovered, now)]
    assert heard == [("guard", NOON), ("guard", OPENED + timedelta(hours=19.25))]


def test_a_restart_in_the_middle_says_nothing_twice(recovered, opener):
    assert recovered.remind(NOON) == 1
    again = opener()  # before the message was sent
    assert again.remind(NOON + 5 * MINUTE) == 0
    assert len(reminders(again, NOON + 5 * MINUTE)) == 1
    assert opener().remind(SECOND - MINUTE) == 0
    assert opener().remind(SECOND) == 1


def test_everybody_who_was_considered_is_recorded_and_the_story_tells_it(recovered):
    recovered.remind(NOON)
    reasons = {row.person: row.reason for row in recovered.why(1) if row.at == NOON}
    assert reasons == {
        "guard": "reminded",
        "mei": "not-this-tier",
        "wen": "not-this-tier",
        "lao-li": "other-place",
        "village": "no-tier",
        "town": "no-tier",
        "engineer": "no-tier",
    }
    line = recovered.story(1)[-1]
    assert (line.at, line.kind) == (NOON, StoryKind.TOLD)
    assert line.facts == {"reason": "reminder", "duty": "second-look", "people": "guard"}


def test_the_message_can_wait_and_stands_before_no_alarm(recovered):
    recovered.remind(NOON)
    (notice,) = recovered.due(NOON, 10)
    assert (notice.cls, notice.severity) == (IncidentClass.UPKEEP, Severity.MINOR)
    assert (notice.title, notice.incident) == ("【等着复查】一号棚：charging.feeder", 1)


def test_a_look_that_was_done_before_it_is_sent_overtakes_it(recovered):
    recovered.remind(NOON)
    (duty,) = recovered.duties(open=True)
    recovered.confirm_second_look(duty.id, "guard", "fine", "", NOON + MINUTE)
    assert reminders(recovered, NOON + MINUTE) == []
    assert states(recovered) == ["overtaken"]
    assert recovered.remind(SECOND) == 0


@pytest.mark.parametrize(
    "deed",
    [
        lambda one: one.false_alarm(1, "wen", "清洗", "console", NOON + MINUTE),
        lambda one: one.close_incident(1, "wen", "", "console", NOON + MINUTE),
        lambda one: one.decline(1, "guard", "link", NOON + MINUTE),
        lambda one: one.climb(OPENED + DAY + HOUR),
        lambda one: happen(one, says(9), at=NOON + MINUTE),
        lambda one: one.confirm_second_look(1, "wen", "still-there", "", NOON + MINUTE),
    ],
    ids=["false alarm", "closed", "cannot come", "closed by time", "back again", "still there"],
)
def test_what_overtakes_a_message_that_is_not_sent(recovered, deed):
    recovered.remind(NOON)
    deed(recovered)
    assert states(recovered) == ["overtaken"]


def test_one_that_another_declined_still_goes_to_whom_it_is_for(recovered):
    recovered.remind(NOON)
    recovered.decline(1, "wen", "link", NOON + MINUTE)
    assert states(recovered) == ["waiting"]


def test_who_stands_behind_is_asked_also_where_both_read_one_address(recovered):
    people = tuple(
        replace(person, addresses=REGISTRY.people[0].addresses) if person.id == "mei" else person
        for person in REGISTRY.people
    )
    recovered.save_registry(replace(REGISTRY, people=people), "x", "y", OPENED)
    recovered.remind(NOON)
    recovered.decline(1, "guard", "link", NOON + MINUTE)
    assert states(recovered) == ["overtaken"]
    looks = [one for one in recovered.notices(incident=1) if one.reason == "second-look"]
    assert [one.person for one in looks] == ["mei", "guard"]
    assert looks[0].address == looks[1].address
    assert recovered.remind(NOON + 5 * MINUTE) == 0


def test_several_duties_are_one_message_and_what_is_done_meanwhile_is_taken_out(recovered):
    another(recovered, 3)
    assert recovered.remind(NOON) == 1
    (notice,) = recovered.due(NOON, 10)
    assert notice.title == "【提醒】一号棚：还有 2 件等着复查"
    assert notice.text.count("点开处理：") == 2
    recovered.confirm_second_look(1, "guard", "fine", "", NOON + MINUTE)
    (left,) = reminders(recovered, NOON + MINUTE)
    assert (left.id, left.incident) == (notice.id, 2)
    assert left.title == "【等着复查】一号棚 1 号插座：charging.p1"
    assert left.link.endswith("/incidents/2")
    recovered.confirm_second_look(2, "guard", "fine", "", NOON + 2 * MINUTE)
    assert states(recovered) == ["accepted"]


def test_a_message_that_waits_for_the_quiet_hours_end_holds_up_no_alarm(recovered):
    people = tuple(
        replace(person, quiet_from="12:00", quiet_to="15:00") if person.id == "guard" else person
        for person in REGISTRY.people
    )
    recovered.save_registry(replace(REGISTRY, people=people), "x", "y", NOON)
    another(recovered, 3)
    recovered.remind(NOON)
    assert reminders(recovered, NOON) == []
    assert [row.reason for row in recovered.why(1, "guard")][-1] == "quiet-hours"
    happen(recovered, says(9), at=NOON + MINUTE)
    assert [one.reason for one in sent(recovered, NOON + MINUTE)] == [NoticeReason.REOPENED]
    (later,) = reminders(recovered, NOON + timedelta(hours=2.5))
    assert later.title == "【等着复查】一号棚 1 号插座：charging.p1"


def test_links_are_signed_for_each_duty_and_a_call_leads_to_where_the_number_stands(opener):
    links = Links(b"k" * 16)
    operations = opener(links=links)
    operations.save_registry(REGISTRY, "engineer", "first import", NOW)
    happen(operations, says(1))
    operations.record_report(1, "wen", "王大爷", "000-1", "焦味", "phone", OPENED)
    happen(operations, says(2, Change.CLEARED))
    sent(operations, OPENED)
    operations.remind(NOON)
    (notice,) = reminders(operations, NOON)
    token = notice.link.rpartition("/l/")[2]
    link = links.read(token)
    assert link is not None
    assert (link.kind, link.incident, link.person) == (LinkKind.PERSONAL, 1, "guard")
    assert "http://127.0.0.1:8000/incidents/1" in notice.text.splitlines()[4]
    assert "王大爷" not in notice.text
    assert "000-1" not in notice.text


def test_a_call_on_whoever_reported_is_asked_for_until_somebody_was_reached(operations):
    happen(operations, says(1))
    operations.record_report(1, "wen", "王大爷", "", "", "phone", OPENED)
    happen(operations, says(2, Change.CLEARED))
    (look,) = [one for one in operations.duties(open=True) if one.kind is DutyKind.SECOND_LOOK]
    operations.confirm_second_look(look.id, "guard", "fine", "", OPENED)
    sent(operations, OPENED)
    assert operations.remind(NOON) == 1
    (call,) = operations.duties(open=True)
    operations.called_on(call.id, "guard", "unreached", "", NOON)
    assert states(operations) == ["waiting"]
    assert [one.title for one in reminders(operations, NOON)] == [
        "【等着回访】一号棚：charging.feeder"
    ]
    assert operations.remind(SECOND) == 1
    operations.called_on(call.id, "guard", "content", "", SECOND)
    assert states(operations) == ["accepted", "overtaken"]
    assert [line.facts.get("duty") for line in operations.story(1)].count("call-on") >= 2


def test_a_volunteer_s_river_is_asked_of_who_stands_behind_once(operations):
    happen(operations, polluted(1))
    operations.acknowledge(1, "lao-li", "link", OPENED)
    happen(operations, polluted(2, Change.CLEARED))
    sent(operations, OPENED)
    said = []
    for minutes in range(0, 24 * 60, 15):
        operations.remind(OPENED + minutes * MINUTE)
        said += reminders(operations, OPENED + minutes * MINUTE)
    assert [one.person for one in said] == ["town"]
    assert "还没有人回来确认" in said[0].text
    assert "老李" not in said[0].text
    reasons = [row.reason for row in operations.why(1, "lao-li") if row.at > OPENED]
    assert set(reasons) == {"volunteer"}
    assert [r.reason for r in operations.why(1, "town") if r.at > OPENED] == [
        "stands-behind",
        "already-told",
    ]


def test_a_silence_is_recorded_once_and_then_it_is_said(recovered):
    silence = Silence(
        id=0, site="riverside", since=OPENED, until=NOON + HOUR, who="wen", why="在修",
        made_at=OPENED,
    )  # fmt: skip
    made = recovered.silence(silence, OPENED)
    recovered.confirm_silence(made.id, "mei", OPENED)
    for minutes in (0, 5, 55):
        assert recovered.remind(NOON + minutes * MINUTE) == 0
    assert [row.reason for row in recovered.why(1, "guard") if row.at >= NOON] == ["silenced"]
    assert recovered.remind(NOON + HOUR) == 1


def test_where_nobody_can_be_reminded_that_is_recorded_once(operations):
    people = tuple(replace(person, addresses=()) for person in REGISTRY.people)
    happen(operations, says(1), says(2, Change.CLEARED))
    operations.save_registry(replace(REGISTRY, people=people), "x", "y", OPENED)
    assert operations.remind(NOON) == 0
    assert operations.remind(NOON + 5 * MINUTE) == 0
    at_noon = [row.reason for row in operations.why(1, "mei") if row.at >= NOON]
    assert at_noon == ["no-address"]


def test_what_an_address_refuses_goes_to_the_next_that_rings_no_phone(recovered):
    recovered.remind(NOON)
    (notice,) = recovered.due(NOON, 10)
    recovered.settle(notice.id, Rejected("gone"), NOON)
    (again,) = recovered.due(NOON, 10)
    assert again.address == mail("guard")
    recovered.confirm_second_look(1, "guard", "fine", "", NOON)
    assert states(recovered) == ["rejected", "overtaken"]


def test_what_no_channel_took_by_day_waits_for_the_morning(recovered):
    recovered.remind(SECOND)
    (notice,) = recovered.due(SECOND, 10)
    recovered.settle(notice.id, Retry("away"), SECOND)
    evening = NOON + timedelta(hours=7.6)  # 20:06
    recovered.remind(evening)
    assert reminders(recovered, evening) == []
    assert recovered.notices()[0].due_at == NOON + timedelta(hours=19.5)  # 08:00


def test_whoever_left_meanwhile_is_reminded_of_nothing(recovered):
    recovered.remind(NOON)
    people = tuple(person for person in REGISTRY.people if person.id != "guard")
    recovered.save_registry(replace(REGISTRY, people=people), "x", "y", NOON)
    recovered.remind(NOON + MINUTE)
    assert states(recovered) == ["overtaken"]


def test_it_is_no_call_and_tells_nobody_of_the_incident(recovered):
    """Who was reminded alone hears nothing of how it goes on, and takes nothing over by it."""
    people = tuple(
        replace(person, addresses=()) if person.id == "guard" else person
        for person in REGISTRY.people
    )
    recovered.save_registry(replace(REGISTRY, people=people), "x", "y", OPENED)
    recovered.remind(NOON)
    assert [one.person for one in reminders(recovered, NOON)] == ["mei"]
    assert recovered.calls("mei") == []
    recovered.confirm_second_look(1, "wen", "fine", "", NOON + MINUTE)
    assert "mei" not in [one.person for one in sent(recovered, NOON + MINUTE)]


def test_old_marks_are_cleaned_up(recovered):
    recovered.remind(NOON)

    def count() -> int:
        with recovered._database.read() as connection:
            query = select(func.count()).select_from(t.reminder)
            return int(connection.execute(query).scalar_one())

    recovered.clean_up(NOON + 20 * DAY)
    assert count() == 1
    recovered.clean_up(NOON + 31 * DAY)
    assert count() == 0


def test_nothing_is_written_while_there_is_nothing_to_say(recovered):
    before = recovered.mark()
    assert recovered.remind(NOON - MINUTE) == 0
    assert recovered.mark() == before


def test_two_days_with_a_restart_each_hour(operations, opener):
    """A fire at noon that nobody looks at, one at night that somebody does, and a polluted reach."""
    begin = NOW - 10 * HOUR  # 08:00 in Shanghai
    heard = []
    for minutes in range(0, 48 * 60, 5):
        now = begin + minutes * MINUTE
        if minutes == 4 * 60:  # 12:00
            happen(operations, says(1), says(2, Change.CLEARED), at=now)
        if minutes == 16 * 60:  # midnight
            happen(operations, polluted(3), polluted(4, Change.CLEARED), at=now)
        if minutes == 25 * 60:  # 09:00
            another(operations, 5, at=now)
        if minutes == 33 * 60 + 10:  # 17:10, before half of its time
            operations.confirm_second_look(3, "guard", "fine", "", now)
        if minutes % 60 == 0:
            operations.close()
            operations = opener()
        operations.climb(now)
        operations.remind(now)
        heard += [
            (one.person, one.incident, f"{(now + 8 * HOUR):%d %H:%M}")
            for one in reminders(operations, now)
        ]
    assert heard == [
        ("guard", 1, "05 08:00"),  # half of its time was at midnight; 80 % at 07:12
        ("town", 2, "05 12:00"),
    ]
    first, second, third = (operations.incident(n) for n in (1, 2, 3))
    assert (first.state, first.unconfirmed) == (State.CLOSED, True)
    assert (second.state, third.state) == (State.CLOSED, State.CLOSED)
    kinds = {one.reason for one in operations.notices(incident=1)}
    assert NoticeState.OVERTAKEN.value not in states(operations)
    assert NoticeReason.REMINDER in kinds
    assert ChannelKind.VOICE not in {one.address.channel for one in operations.notices(limit=200)}

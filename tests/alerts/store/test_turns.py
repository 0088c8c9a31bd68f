"""Turns and silences that end, as notices about no incident: written once, sent like any other."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from alerts.incidents.silences import Silence
from alerts.notify.notice import Notice, NoticeReason, NoticeState
from alerts.notify.outcome import Accepted, Rejected
from alerts.registry.model import Away
from alerts.store import tables as t
from alerts.store.operations import Operations
from tests.alerts.incidents.community import NOW, mail, says
from tests.alerts.incidents.test_reminders import at
from tests.alerts.incidents.test_shifts import CHEN, DAY, NIGHT, community
from tests.alerts.store.conftest import PACKS

EVENING = at("19:30")


@pytest.fixture
def rota(operations: Operations) -> Operations:
    operations.save_registry(community(DAY, NIGHT), "x", "y", NOW)
    return operations


def marks(operations: Operations) -> list[tuple[str, str]]:
    r = t.reminder.c
    with operations._database.read() as connection:
        rows = connection.execute(select(r.person, r.reason).order_by(r.id))
        return [(row.person, row.reason) for row in rows]


def texts(notices: list[Notice]) -> list[tuple[str, str]]:
    return [(one.person, one.title) for one in notices]


def test_it_is_written_once_also_over_a_restart_and_sent_like_any_other(rota, opener):
    assert rota.remind_of_turns(EVENING) == 2
    assert opener().remind_of_turns(EVENING) == 0
    found = rota.due(EVENING, 10)
    assert texts(found) == [
        ("chen", "【值班提醒】值班岗：20:00 起您值班"),
        ("wen", "【值班提醒】值班岗：5 月 5 日 08:00 起您值班"),
    ]
    assert {(one.incident, one.reason) for one in found} == {(0, NoticeReason.REMINDER)}
    assert {one.link for one in found} == {"http://127.0.0.1:8000/people"}
    for one in found:
        rota.settle(one.id, Accepted(), EVENING)
    assert {one.state for one in rota.notices()} == {NoticeState.ACCEPTED}
    assert rota.remind(EVENING) == 0
    assert rota.remind_of_turns(at("19:30", 1)) == 2


def test_a_refused_address_gives_way_to_the_next_without_an_incident(operations):
    two = replace(CHEN, addresses=(mail("old"), mail("new")))
    operations.save_registry(community(DAY, NIGHT, people=(two,)), "x", "y", NOW)
    operations.remind_of_turns(EVENING)
    first = next(one for one in operations.due(EVENING, 10) if one.person == "chen")
    operations.settle(first.id, Rejected("gone"), EVENING)
    again = next(one for one in operations.due(EVENING, 10) if one.person == "chen")
    assert again.address == mail("new")
    operations.settle(again.id, Rejected("gone too"), EVENING)
    assert "chen" not in [one.person for one in operations.due(EVENING, 10)]


def test_what_was_not_sent_before_the_turn_began_is_overtaken(rota):
    rota.remind_of_turns(EVENING)
    rota.remind_of_turns(at("20:00"))
    states = {one.person: one.state for one in rota.notices()}
    assert states == {"chen": NoticeState.OVERTAKEN, "wen": NoticeState.WAITING}


def test_whoever_was_not_told_is_recorded_with_the_reason(operations):
    silent = replace(CHEN, addresses=())
    operations.save_registry(community(DAY, NIGHT, people=(silent,)), "x", "y", NOW)
    assert operations.remind_of_turns(EVENING) == 1
    assert marks(operations) == [("chen", "no-address"), ("wen", "reminded")]
    assert operations.remind_of_turns(at("19:35")) == 0


def test_a_turn_that_nobody_has_is_told_to_the_manager_and_raises_nothing(operations):
    gone = replace(CHEN, away=(Away(since="2026-05-04", until="2026-05-04"),))
    operations.save_registry(community(DAY, NIGHT, people=(gone,)), "x", "y", NOW)
    operations.remind_of_turns(at("08:00"))
    assert texts(operations.due(at("08:00"), 10)) == [
        ("mei", "[Nobody on duty] 值班岗: nobody from 20:00")
    ]
    assert operations.open_incidents() == []


def test_it_holds_up_no_alarm_to_the_same_address(rota):
    rota.remind_of_turns(EVENING)
    rota.take([says(1)], PACKS, EVENING)
    assert "opened" in [one.reason.value for one in rota.due(EVENING, 10)]
    assert rota.due(EVENING, 1)[0].reason is NoticeReason.OPENED


def test_without_a_rota_nothing_is_written(operations):
    before = operations.mark()
    assert operations.remind_of_turns(EVENING) == 0
    assert operations.mark() == before


def test_whoever_asked_for_a_long_silence_is_told_once_before_it_ends(operations, opener):
    wanted = Silence(
        id=0, site="riverside", place="shed-1", since=at("09:00"), until=at("15:00"), who="wen",
        why="在换插座", made_at=at("09:00"),
    )  # fmt: skip
    operations.silence(wanted, at("09:00"))
    assert operations.remind_of_silences(at("13:55")) == 0
    assert operations.remind_of_silences(at("14:00")) == 1
    assert opener().remind_of_silences(at("14:05")) == 0
    (notice,) = operations.due(at("14:00"), 10)
    assert (notice.person, notice.title, notice.incident) == (
        "wen",
        "【静默快到期】一号棚：15:00 结束",
        0,
    )
    assert notice.link.endswith("/silences")
    operations.end_silence(1, "mei", at("14:01"))
    assert operations.notices()[0].state is NoticeState.OVERTAKEN

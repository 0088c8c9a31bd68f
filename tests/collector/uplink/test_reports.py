"""Readings become reports: which interval, which figures, what is late and what is given up."""

import pytest

from collector.uplink.reports import GRACE_MS, Reports, qn
from edge.contract.quality import Quality
from edge.contract.reading import Batch, Reading

MINUTE_MS = 60_000
START_MS = 1_790_000_400_000  # 2026-09-21 22:20:00 in Beijing
DAY_MS = 86_400_000


def reports(**given) -> Reports:
    series = {
        ("linjiang", "laobakou", "", "do"): "w01009",
        ("linjiang", "laobakou", "", "ph"): "w01001",
        ("linjiang", "laobakou", "", "rain"): "a01999",
    }
    return Reports(interval_ms=10 * MINUTE_MS, keep_ms=DAY_MS, series=series, **given)


def batch(
    *values: float | None, metric="do", at_ms=START_MS, quality=Quality.GOOD, **given
) -> Batch:
    found = Batch(site="linjiang", device="box", run="", first=0, count=len(values), **given)
    for n, value in enumerate(values):
        found.add(
            Reading(
                place="laobakou", port="", metric=metric, value=value,
                at_ms=at_ms + n * MINUTE_MS, quality=quality,
            )
        )  # fmt: skip
    return found


OVER_MS = START_MS + 10 * MINUTE_MS + GRACE_MS


@pytest.mark.parametrize(
    ("cn", "metric", "body"),
    [
        ("2011", "do", "DataTime=20260921222200;w01009-Rtd=7.00,w01009-Flag=N"),
        (
            "2051",
            "do",
            "DataTime=20260921222000;w01009-Min=5.00,w01009-Avg=6.00,w01009-Max=7.00,w01009-Flag=N",
        ),
        ("2061", "rain", "DataTime=20260921222000;a01999-Cou=18.0,a01999-Flag=N"),
    ],
)
def test_an_interval_is_told_in_the_fields_of_its_command(cn, metric, body):
    room = reports()
    room.feed(1, batch(5.0, 6.0, 7.0, metric=metric), START_MS)
    report = room.next(OVER_MS)
    assert report is not None
    assert report.body(cn) == body


def test_an_interval_waits_for_its_end_and_for_what_is_under_way():
    room = reports()
    room.feed(1, batch(5.0), START_MS)
    assert room.next(OVER_MS - 1) is None
    room.feed(2, batch(6.0), OVER_MS - 10_000)
    assert room.next(OVER_MS) is None
    assert room.next(OVER_MS - 10_000 + GRACE_MS) is not None


@pytest.mark.parametrize("quality", [Quality.FAIL, Quality.MISSING])
def test_what_rules_never_see_is_not_reported(quality):
    room = reports()
    room.feed(1, batch(5.0, quality=quality), START_MS)
    room.feed(2, batch(None, quality=Quality.MISSING), START_MS)
    assert (room.waiting, room.late) == (0, 0)


def test_what_comes_after_its_report_is_late_and_replaces_nothing():
    room = reports()
    room.feed(1, batch(5.0), START_MS)
    report = room.next(OVER_MS)
    assert report is not None
    room.feed(2, batch(9.0), OVER_MS)  # on its way
    assert "9.00" not in report.body("2051")
    room.done(report)
    room.feed(3, batch(9.0), OVER_MS)
    assert (room.late, room.waiting) == (2, 0)


def test_the_cursor_stays_before_what_is_not_acknowledged():
    room = reports()
    room.feed(5, batch(5.0), START_MS)
    room.feed(9, batch(5.0, at_ms=START_MS + 10 * MINUTE_MS), START_MS)
    room.position = 12
    assert room.settled == 4
    for settled in (8, 12):
        report = room.next(OVER_MS + DAY_MS // 2)
        assert report is not None
        room.done(report)
        assert room.settled == settled


def test_what_nobody_takes_is_given_up_in_the_end():
    room = reports()
    room.feed(5, batch(5.0), START_MS)
    room.position = 7
    room.expire(START_MS + DAY_MS)
    assert room.waiting == 1
    room.expire(START_MS + DAY_MS + 11 * MINUTE_MS)
    assert (room.waiting, room.expired, room.settled) == (0, 1, 7)


def test_what_was_sent_is_remembered_as_long_as_it_matters():
    room = reports()
    room.feed(5, batch(5.0), START_MS)
    report = room.next(OVER_MS)
    assert report is not None
    room.done(report)
    again = reports()
    again.load(room.dump())
    again.feed(5, batch(5.0), OVER_MS)
    assert (again.waiting, again.late) == (0, 1)
    again.expire(START_MS + 2 * DAY_MS)
    assert len(again.sent) == 0


def test_a_request_is_numbered_by_beijing_time():
    assert qn(START_MS + 7) == "20260921222000007"

"""Marks of an axis: round, few, and at moments of the site's clock."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.words import Language
from collector.trial.ticks import moments, numbers

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("low", "high", "marks"),
    [
        (0, 100, [0, 25, 50, 75, 100]),
        (380, 1500, [500, 1000, 1500]),
        (6.8, 9.1, [7, 8, 9]),
        (0.61, 0.68, [0.62, 0.64, 0.66, 0.68]),
        (-3, 3, [-2, 0, 2]),
        (5, 5, [5]),
    ],
)
def test_numbers_are_round(low, high, marks) -> None:
    assert numbers(low, high) == pytest.approx(marks)


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_there_are_few_and_all_lie_within(low, room) -> None:
    marks = numbers(low, low + room)
    assert 1 <= len(marks) <= 5
    assert all(low - 1e-6 * room <= mark <= low + 1.000001 * room for mark in marks)


@pytest.mark.parametrize(
    ("since", "hours", "texts"),
    [
        ("2025-06-01T08:20", 5, ["09:00", "10:00", "11:00", "12:00", "13:00"]),
        ("2025-06-01T20:00", 16, ["21:00", "2 Jun", "03:00", "06:00", "09:00"]),
        ("2025-06-01T00:00", 5 * 24, ["1 Jun", "2 Jun", "3 Jun", "4 Jun", "5 Jun"]),
        ("2025-02-27T12:00", 5 * 24, ["28 Feb", "1 Mar", "2 Mar", "3 Mar", "4 Mar"]),
        ("2025-11-01T00:00", 150 * 24, ["Nov", "Dec", "2025", "Feb", "Mar"]),
    ],
)
def test_moments_are_those_at_which_people_read_a_clock(since, hours, texts) -> None:
    at = datetime.fromisoformat(since).replace(tzinfo=BERLIN)
    found = [text for _, text in moments(at, at + timedelta(hours=hours), Language.EN)]
    assert found == [text.replace("2025", "2026") for text in texts]


def test_a_mark_stays_at_midnight_when_the_clocks_change() -> None:
    since = datetime(2025, 3, 28, tzinfo=BERLIN)
    found = moments(since, since + timedelta(days=5), Language.ZH)
    assert {(at.hour, at.minute) for at, _ in found} == {(0, 0)}
    assert [text for _, text in found][:3] == ["3月28日", "3月29日", "3月30日"]


@given(st.integers(1, 24 * 365 * 12))
def test_however_long_the_span_there_are_at_most_seven(hours) -> None:
    since = datetime(2025, 1, 1, 5, tzinfo=BERLIN)
    assert len(moments(since, since + timedelta(hours=hours), Language.ZH)) <= 7

"""How long the journal lasts: by size, by age, for want of disk."""

import pytest

from edge.health.room import LEAST_MS, READING_BYTES, Fill, Rate, hours_left

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MB = 10**6


@pytest.mark.parametrize(
    ("why", "fill", "per_h", "hours"),
    [
        ("an empty journal is filled", Fill(rows=0, size_bytes=0), MB / READING_BYTES, 14.0),
        ("a full one", Fill(rows=9, size_bytes=14 * MB), 1.0, 0.0),
        ("one over its cap", Fill(rows=9, size_bytes=20 * MB), 1.0, 0.0),
        ("its own rows tell their size", Fill(rows=14_000, size_bytes=7 * MB), 2_000.0, 7.0),
        ("a disk that is fuller", Fill(rows=0, size_bytes=0, free_bytes=3 * MB),
         MB / READING_BYTES, 3.0),
        ("nothing comes in: the age", Fill(rows=0, size_bytes=0), 0.0, 48.0),
        ("age takes what waits first", Fill(rows=9, size_bytes=0, oldest_ms=DAY_MS), 1.0, 24.0),
        ("and what is over age is lost now", Fill(rows=9, size_bytes=0, oldest_ms=-9 * DAY_MS),
         1.0, 0.0),
    ],
)  # fmt: skip
def test_the_hours_left_are_those_of_the_first_loss(why, fill, per_h, hours) -> None:
    found = hours_left(fill, per_h, 2 * DAY_MS, max_bytes=14 * MB, max_age_ms=2 * DAY_MS)
    assert found == pytest.approx(hours), why


def test_a_rate_needs_a_minute_and_is_the_newest() -> None:
    rate = Rate(100, 0)
    assert rate.look(500, LEAST_MS - 1) is None
    assert rate.look(700, LEAST_MS) == pytest.approx(36_000)
    assert rate.look(900, LEAST_MS + 10) == pytest.approx(36_000)
    assert rate.look(760, 2 * LEAST_MS) == pytest.approx(3_600)


def test_a_clock_that_is_set_back_begins_a_rate_anew() -> None:
    rate = Rate(0, 10 * LEAST_MS)
    assert rate.look(50, 0) is None
    assert rate.look(60, LEAST_MS) == pytest.approx(600)

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.stores.chart import STEPS, Floors, Plan, gather, plan
from collector.stores.port import Level
from tests.collector.stores.batches import DAY, HOUR, MINUTE, NOON


@pytest.mark.parametrize(
    ("span_ms", "most", "expected"),
    [
        (30 * DAY, 600, Plan(2 * HOUR, Level.HOUR)),
        (30 * DAY, 720, Plan(HOUR, Level.HOUR)),
        (365 * DAY, 600, Plan(DAY, Level.HOUR)),
        (DAY, 600, Plan(3 * MINUTE, Level.MINUTE)),
        (HOUR, 600, Plan(10_000, None)),
        (10 * 365 * DAY, 1, Plan(1792 * DAY, Level.HOUR)),
    ],
)
def test_the_coarsest_rows_that_serve_are_read(span_ms, most, expected):
    assert plan(NOON, NOON + span_ms, most, Floors()) == expected


def test_what_the_minutes_no_longer_hold_is_read_from_the_points_and_then_from_the_hours():
    kept = Floors(minutes_ms=NOON + 1)
    assert plan(NOON, NOON + DAY, 600, kept) == Plan(3 * MINUTE, None)
    kept = Floors(minutes_ms=NOON + 1, points_ms=NOON + 1)
    assert plan(NOON, NOON + DAY, 600, kept) == Plan(HOUR, Level.HOUR)


def test_steps_rise_and_fit_the_rows_they_are_made_of():
    assert all(a < b for a, b in pairwise(STEPS))
    assert all(step % HOUR == 0 for step in STEPS if step >= HOUR)
    assert all(step % MINUTE == 0 for step in STEPS if step >= MINUTE)


@given(st.lists(st.tuples(st.integers(0, 99), st.floats(-1e6, 1e6)), min_size=1))
def test_buckets_hold_each_value_once_whatever_the_rows(values):
    values.sort(key=lambda pair: pair[0])
    rows = [(at, value, value, value, 1, 1) for at, value in values]
    found = gather(rows, 10)
    assert sum(found.count) == sum(found.suspect) == len(values)
    for i, start in enumerate(found.at_ms):
        inside = [value for at, value in values if start <= at < start + 10]
        assert found.min[i] == min(inside)
        assert found.max[i] == max(inside)
        assert found.mean[i] == pytest.approx(sum(inside) / len(inside), abs=1e-6)

"""Envelopes: small whatever the length, no spike lost, gaps where nothing came."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.trial.envelope import Column, Envelope, runs

SPAN = 1_000_000


@given(
    st.lists(st.tuples(st.integers(0, SPAN - 1), st.floats(-1e6, 1e6)), min_size=1),
    st.integers(1, 300),
)
def test_the_lowest_and_the_highest_value_are_always_in_it(readings, most) -> None:
    envelope = Envelope(0, SPAN, most=200)
    for at_ms, value in readings:
        envelope.add(at_ms, value)
    step_ms, columns = envelope.columns(most)
    assert len(columns) <= most
    assert min(c.low for c in columns) == min(value for _, value in readings)
    assert max(c.high for c in columns) == max(value for _, value in readings)
    for at_ms, value in readings:
        assert any(
            c.at_ms <= at_ms < c.at_ms + step_ms and c.low <= value <= c.high for c in columns
        )


def test_one_spike_of_a_season_stays_in_sight() -> None:
    season = 90 * 86_400_000
    envelope = Envelope(0, season)
    for at_ms in range(0, season, 300_000):
        envelope.add(at_ms, 900.0 if at_ms == 300_000 * 12_345 else 400.0)
    _, columns = envelope.columns(600)
    assert [c.high for c in columns].count(900.0) == 1
    assert len(columns) <= 600


def test_values_from_outside_are_none_of_it() -> None:
    envelope = Envelope(1000, 11_000)
    for at_ms in (999, 11_000, 50_000):
        envelope.add(at_ms, 1.0)
    assert (envelope.count, envelope.columns(10)) == (0, (1000, []))


def test_a_part_is_as_fine_as_what_was_kept() -> None:
    envelope = Envelope(0, 100_000, most=100)
    for at_ms in range(0, 100_000, 1000):
        envelope.add(at_ms, float(at_ms))
    step_ms, columns = envelope.columns(50, 20_000, 30_000)
    assert step_ms == 1000
    assert [c.at_ms for c in columns] == list(range(20_000, 30_000, 1000))
    assert envelope.columns(5, 20_000, 30_000)[0] == 2000


@pytest.mark.parametrize(
    ("times", "hold_ms", "lengths"),
    [
        ([0, 10, 20], 0, [3]),
        ([0, 10, 40], 0, [2, 1]),
        ([0, 10, 40], 20, [3]),
        ([0, 10, 41], 20, [2, 1]),
        ([], 5, []),
    ],
)
def test_a_curve_breaks_where_nothing_came_for_longer_than_a_value_holds(
    times, hold_ms, lengths
) -> None:
    columns = [Column(at_ms, 1.0, 1.0) for at_ms in times]
    assert [len(run) for run in runs(columns, 10, hold_ms)] == lengths

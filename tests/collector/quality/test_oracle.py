"""The tests on line, held against ``ioos_qc`` over whole series; where they differ stands here too."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.registry.model import Registry
from edge.contract.quality import Check
from tests.collector.quality.room import HOUR_MS, MINUTE_MS, REGISTRY, batch, control, override

qartod = pytest.importorskip("ioos_qc.qartod", reason="ioos_qc is in the development group")

GOOD, SUSPECT, FAIL = 1, 3, 4
SPAN = {"fail_low": -50.0, "fail_high": 50.0, "suspect_low": -50.0, "suspect_high": 50.0}
OFF = dict.fromkeys(
    ("spike_suspect", "spike_fail", "rate_suspect", "rate_fail", "noise",
     "flat_suspect_h", "flat_fail_h", "calm", "neighbour", "rain_mm"), 0.0,
)  # fmt: skip
STEP_MS = 10 * MINUTE_MS
values = st.lists(
    st.one_of(st.floats(-60, 60), st.sampled_from([0.0, 1.0, 1.0, 1.5, 2.0, 5.0])),
    min_size=3,
    max_size=60,
)


@pytest.fixture(autouse=True, scope="module")
def quiet() -> Iterator[None]:
    """numpy warns of its own casts inside ioos_qc."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def room(**numbers: float) -> Registry:
    """A place where only these tests of DO are on, and every value is within its span."""
    return replace(
        REGISTRY, overrides=(override("do", "up", **(OFF | SPAN | {"rest_above": -99} | numbers)),)
    )


def flags(
    registry: Registry, check: Check, series: Sequence[float | None], step_ms: int = STEP_MS
) -> list[int]:
    """What our test says of each value, in one batch; 9 where there is none.

    A batch is marked back to where it holds what was judged later; ``flat`` only from then on.
    """
    one = batch("do", series, step_ms=step_ms)
    control(registry).judge(one)
    return [
        9
        if value is None
        else FAIL
        if one.marks.get(i, 0) & check.fail
        else SUSPECT
        if one.marks.get(i, 0) & check.suspect
        else GOOD
        for i, value in enumerate(series)
    ]


def lately(marked: Sequence[bool]) -> list[bool]:
    """Whether it was marked within the last hour."""
    return [any(marked[max(0, n - 6) : n + 1]) for n in range(len(marked))]


def times(count: int, step_ms: int = STEP_MS) -> "np.ndarray":
    return np.arange(count) * np.timedelta64(step_ms, "ms") + np.datetime64("2026-11-22")


def theirs(found: "np.ndarray") -> list[int]:
    return [int(flag) for flag in np.ma.filled(found, 9)]


@given(series=st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1, max_size=40))
def test_gross_range_is_theirs(series):
    numbers = {"fail_low": -20.0, "fail_high": 30.0, "suspect_low": -5.0, "suspect_high": 7.5}
    # -9999 and the like are codes for no value here, which is another test.
    series = [value for value in series if value is None or value not in SENTINELS] or [0.0]
    found = qartod.gross_range_test(
        [np.nan if value is None else value for value in series], (-20.0, 30.0), (-5.0, 7.5)
    )
    assert flags(room(**numbers), Check.GROSS, series) == theirs(found)


SENTINELS = frozenset({-9999.0, -999.0, 7999.0, 9999.0, 65535.0, 32767.0, -32768.0})


@given(series=values.map(lambda raw: [max(-50.0, min(50.0, value)) for value in raw]))
def test_spike_is_theirs_by_the_differential_method(series):
    """But for the first and the last value, which they call not evaluated."""
    ours = flags(room(spike_suspect=2.0, spike_fail=20.0), Check.SPIKE, series)
    found = theirs(qartod.spike_test(series, 2.0, 20.0, method="differential"))
    assert ours[1:-1] == found[1:-1]
    assert (ours[0], ours[-1], found[0], found[-1]) == (GOOD, GOOD, 2, 2)


def test_their_average_method_marks_the_neighbours_of_a_spike_and_each_step_which_ours_does_not():
    spike, step = [1.0, 1.0, 9.0, 1.0, 1.0], [1.0, 1.0, 9.0, 9.0, 9.0]
    registry = room(spike_suspect=2.0, spike_fail=20.0)
    assert theirs(qartod.spike_test(spike, 2.0, 20.0))[1:-1] == [3, 3, 3]
    assert flags(registry, Check.SPIKE, spike) == [1, 1, 3, 1, 1]
    assert theirs(qartod.spike_test(step, 2.0, 20.0))[1:-1] == [3, 3, 1]
    assert flags(registry, Check.SPIKE, step) == [1, 1, 1, 1, 1]


# Not on the threshold itself: they divide, we multiply.
@given(
    series=st.lists(st.integers(-40, 40).map(lambda n: n + 0.3 * (n % 2)), min_size=2, max_size=40)
)
def test_rate_of_change_is_theirs_without_a_floor_for_noise(series):
    per_hour = 35.1
    ours = flags(room(rate_suspect=per_hour, rate_fail=4 * per_hour), Check.RATE, series)
    found = qartod.rate_of_change_test(
        series, times(len(series)), per_hour / 3600, 4 * per_hour / 3600
    )
    assert ours == theirs(found)


def test_within_the_noise_of_a_value_no_step_is_a_rate_which_theirs_does_not_know():
    series = [8.0, 8.2, 8.0, 8.5]
    found = qartod.rate_of_change_test(series, times(4, MINUTE_MS), 2 / 3600)
    assert theirs(found) == [1, 3, 3, 3]
    registry = room(rate_suspect=2.0, noise=0.3)
    assert flags(registry, Check.RATE, series, MINUTE_MS) == [1, 1, 1, 3]


def test_two_readings_within_a_second_have_a_rate_which_theirs_divides_by_zero():
    registry = room(rate_suspect=2.0, noise=0.3)
    assert flags(registry, Check.RATE, [8.0, 8.2, 8.1], 500) == [1, 1, 1]
    assert theirs(qartod.rate_of_change_test([8.0, 8.2, 8.1], times(3, 500), 2 / 3600)) == [1, 3, 3]


resting = st.lists(
    st.tuples(st.sampled_from([1.0, 2.0, 3.0]), st.integers(1, 30)), min_size=1, max_size=6
).map(lambda runs: [value for value, count in runs for _ in range(count)])


@given(series=resting)
def test_flat_line_is_theirs_where_a_value_either_rests_or_moves(series):
    ours = flags(room(flat_tolerance=0.5, flat_suspect_h=1, flat_fail_h=2), Check.FLAT, series)
    found = qartod.flat_line_test(series, times(len(series)), 3600, 7200, tolerance=0.5)
    assert ours == (theirs(found) if len(series) > 2 else [1] * len(series))


wandering = st.lists(st.integers(-3, 3), min_size=30, max_size=120).map(
    lambda steps: [round(20 + 0.1 * float(n), 2) for n in np.cumsum(steps)]
)


@given(series=wandering)
def test_flat_line_is_never_earlier_than_theirs_and_within_two_windows_of_it(series):
    """Ours keeps the lowest and highest value since the run began, theirs a whole window.

    So a run that is left begins anew: until it is as long again, ours says nothing.
    """
    numbers = {"flat_tolerance": 0.45, "flat_suspect_h": 1.0}
    ours = [flag > GOOD for flag in flags(room(**numbers), Check.FLAT, series)]
    window, double = (
        [
            flag > GOOD
            for flag in theirs(
                qartod.flat_line_test(
                    series, times(len(series)), hours * 3600, 10**6, tolerance=0.45
                )
            )
        ]
        for hours in (1, 2)
    )
    assert all(here <= there for here, there in zip(ours, window, strict=True))
    assert all(there <= here for here, there in zip(lately(ours), double, strict=True))


def test_with_a_tolerance_of_0_theirs_never_fires_and_ours_means_exactly_the_same():
    series = [4.0] * 20
    found = qartod.flat_line_test(series, times(20), 3600, 7200, tolerance=0)
    assert set(theirs(found)) == {GOOD}
    ours = flags(room(flat_suspect_h=1, flat_fail_h=2), Check.FLAT, series)
    assert ours == [1] * 6 + [3] * 6 + [4] * 8


def test_few_readings_are_a_flat_line_for_them_and_none_for_us():
    hours = 4 * HOUR_MS
    found = qartod.flat_line_test([4.0] * 4, times(4, hours), 6 * 3600, 24 * 3600, tolerance=0.1)
    assert theirs(found) == [1, 3, 3, 3]
    registry = replace(
        room(flat_suspect_h=6, flat_fail_h=24, flat_tolerance=0.1),
        devices=(
            replace(
                REGISTRY.devices[0],
                bindings=tuple(
                    replace(b, interval_s=4 * 3600.0) for b in REGISTRY.devices[0].bindings
                ),
            ),
        ),
    )
    assert flags(registry, Check.FLAT, [4.0] * 6, hours) == [1, 1, 1, 1, 3, 3]


@settings(deadline=None)  # pandas
@given(series=wandering)
def test_attenuated_signal_is_never_earlier_than_theirs_and_within_two_windows_of_it(series):
    """By range; theirs is not evaluated (2) until its window is full."""
    ours = [flag > GOOD for flag in flags(room(calm=0.55, calm_h=1), Check.ATTENUATED, series)]
    at = times(len(series))
    window, double = (
        [
            flag == SUSPECT
            for flag in theirs(
                qartod.attenuated_signal_test(
                    series,
                    at,
                    0.55,
                    -1,
                    test_period=hours * 3600 + 1,
                    min_obs=hours * 6 + 1,
                    check_type="range",
                )
            )
        ]
        for hours in (1, 2)
    )
    assert all(here <= there for here, there in zip(ours, window, strict=True))
    assert all(there <= here for here, there in zip(lately(ours), double, strict=True))

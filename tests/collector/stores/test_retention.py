import pytest

from collector.stores.retention import DAY_MS, ClockWatch
from tests.collector.stores.batches import HOUR, NOON


def test_a_clock_that_walks_pauses_nothing():
    watch = ClockWatch()
    for hours in (0, 1, 1, 20, 19.5, 40):
        watch = watch.saw(NOON + int(hours * HOUR))
        assert watch.why_paused() == ""


def test_a_clock_that_jumps_ahead_pauses_deleting_for_a_day():
    watch = ClockWatch().saw(NOON).saw(NOON + 700 * DAY_MS)
    assert (
        watch.why_paused()
        == "the clock was stepped; deleting waits 24 h more, unless it steps again"
    )
    assert watch.saw(NOON + 700 * DAY_MS + 20 * HOUR).why_paused() != ""
    assert watch.saw(NOON + 700 * DAY_MS + 20 * HOUR).saw(NOON + 701 * DAY_MS).why_paused() == ""


@pytest.mark.parametrize(
    ("to_ms", "is_paused"),
    [
        (NOON + 2 * HOUR, False),  # within what a machine that slept may have missed
        (NOON - 2 * HOUR, True),
        (0, True),  # 1970
        (2_090_000_000_000, True),  # 2036
    ],
)
def test_which_steps_pause_deleting_and_for_a_day_each(to_ms, is_paused):
    watch = ClockWatch().saw(NOON).saw(to_ms)
    assert bool(watch.why_paused()) is is_paused
    assert bool(watch.saw(to_ms + DAY_MS - 1).why_paused()) is is_paused
    assert not watch.saw(to_ms + DAY_MS).why_paused()


def test_a_clock_that_falls_back_pauses_deleting_too():
    assert ClockWatch().saw(NOON).saw(NOON - 2 * HOUR).why_paused() != ""


def test_mending_the_clock_is_a_step_as_well():
    watch = ClockWatch().saw(NOON).saw(NOON + 700 * DAY_MS).saw(NOON + HOUR)
    assert watch.why_paused() != ""
    assert watch.saw(NOON + 12 * HOUR).saw(NOON + 26 * HOUR).why_paused() == ""

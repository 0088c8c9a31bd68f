import random

import pytest

from collector.skew import LATE_FOR_MS, LATE_MS, LEAST, LOOKS, LOOKS_MS, SILENT_MS, WINDOW, Skews

BOX = ("riverside", "box")
T0 = 1_790_000_000_000
MINUTE = 60_000


def after(late_ms: list[int], every_ms: int = MINUTE) -> float | None:
    """What is told when packs come at this pace, each so late."""
    skews = Skews()
    for n, late in enumerate(late_ms):
        skews.note(BOX, late, T0 + n * every_ms)
    return skews.of(BOX)


@pytest.mark.parametrize(
    ("late_ms", "ahead_s"),
    [
        ([40] * 2, None),  # too few to tell
        ([40] * 3, -0.04),
        ([40, 9_000, 35, 8_000, 30, 45], -0.04),  # the quickest tell the clock, not the way
        ([-90_000] * 3, 90.0),
        ([-300_000, 40, 40, 40, -300_000], -0.04),  # two odd packs are no clock
        ([-300_000] * 5 + [40] * WINDOW, -0.04),  # the clock was set
        ([200_000] * 16, -200.0),  # late for a quarter of an hour, each of them: behind
        ([200_000] * 15, None),  # it may still be a backlog
        ([7_200_000 - n * 600_000 for n in range(12)] + [40] * 3, -0.04),  # it was
        ([200_000] * 10 + [40] + [200_000] * 10, None),  # a clock that is behind is never in time
    ],
)
def test_the_clock_is_told_by_the_quickest_of_the_last_packs(late_ms, ahead_s):
    assert after(late_ms) == ahead_s


def test_a_clock_two_minutes_off_is_found_on_any_way():
    chance = random.Random(7)
    for _ in range(50):
        way = [int(chance.expovariate(1 / 2_000)) for _ in range(30)]
        found = after([-120_000 + ms for ms in way])
        assert found is not None
        assert 117.0 < found <= 120.0


def test_on_a_fast_clock_the_way_is_no_lateness():
    skews = Skews(speed=400.0)
    for n in range(60):
        skews.note(BOX, 400_000, T0 + n * MINUTE)  # a second, on a busy machine
    assert skews.of(BOX) == -1.0
    for n in range(60, 60 + WINDOW):
        skews.note(BOX, -300_000, T0 + n * MINUTE)
    assert skews.of(BOX) == 300.0


def test_after_a_long_silence_it_begins_anew():
    skews = Skews()
    for n in range(LEAST):
        skews.note(BOX, -90_000, T0 + n)
    skews.note(BOX, LATE_MS, T0 + SILENT_MS + LEAST)
    assert skews.of(BOX) is None
    assert LATE_FOR_MS < SILENT_MS


def test_beyond_so_many_packs_a_second_none_is_looked_at():
    skews = Skews()
    for _ in range(LOOKS):
        assert skews.looks(T0) > 0
        skews.note(BOX, 40, T0)
    assert skews.looks(T0 + LOOKS_MS - 1) == 0
    assert skews.looks(T0 + LOOKS_MS) == LOOKS
    assert skews.looks(T0 - 5 * LOOKS_MS) == LOOKS  # the clock was set back

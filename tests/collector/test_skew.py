"""How far a device's clock seems to be off."""

import pytest

from collector.skew import HALF_MS, Skews

BOX = ("riverside", "box")


@pytest.mark.parametrize(
    ("packs", "skew_s", "says"),
    [
        ([], None, "nothing was heard"),
        ([(0, 250)], 0.25, "the way's length"),
        ([(0, 86_400_000), (1_000, 300), (2_000, 90_000)], 0.3, "a backlog, then live, then slow"),
        ([(0, -40_000), (1_000, -39_000)], -40.0, "a clock that is ahead"),
        ([(0, 200), (HALF_MS, 65_000)], 0.2, "the five minutes before still count"),
        (
            [(0, 200), (HALF_MS, 65_000), (2 * HALF_MS, 66_000)],
            65.0,
            "and those before them do not",
        ),
        ([(0, 200), (5 * HALF_MS, 65_000)], 65.0, "nor what came before a silence"),
    ],
)
def test_it_is_the_least_of_what_came_lately(packs, skew_s, says) -> None:
    skews = Skews()
    for now_ms, late_ms in packs:
        skews.note(BOX, late_ms, now_ms)
    assert skews.of(BOX) == skew_s, says

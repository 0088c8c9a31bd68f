"""Rise over a window: base, clearing, settling, memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.registry.model import PlaceKind
from alerts.replay import replay
from alerts.rules.rule import spell_duration
from alerts.rules.window import BUCKETS, LeastInWindow
from tests.alerts.rules.worlds import PACK, T0, batch, every, journal, registry

MINUTE = 60_000
WORLD = registry(PlaceKind.REACH, "water-level", interval_s=300)


def rises(values: list[float], pack: str = PACK) -> list[tuple[str, float]]:
    whats = list(every(5 * MINUTE, values, MINUTE, metric="water-level"))
    changes = replay(journal(WORLD, {"p": pack}, whats))
    return [(t.change.value, (t.at_ms - T0) / MINUTE) for t in changes if t.rule == "level-rise"]


@pytest.mark.parametrize(
    ("sentence", "values", "expected"),
    [
        ("a rise of exactly the needed amount rings", [1.0] * 4 + [1.3], [("raised", 20)]),
        ("less does not", [1.0] * 4 + [1.29], []),
        ("one lost reading is no base", [1.0, 1.0, 0.2, 1.0, 1.05, 1.0, 1.1], []),
        ("a slow rise stays within the window", [1.0 + 0.04 * n for n in range(20)], []),
        (
            "it clears at half of the rise above the base, held for `keep`",
            [1.0] * 4 + [1.4, 1.4, 1.16, 1.15, 1.1, 1.0],
            [("raised", 20), ("cleared", 40)],
        ),
        (
            "the base stands still while it is raised, so a plateau is not over after the window",
            [1.0] * 4 + [1.4] * 12,
            [("raised", 20)],
        ),
        (
            "a plateau that has not risen for `settle` is the new normal",
            [1.0] * 4 + [1.4] * 24 + [1.75],
            [("raised", 20), ("cleared", 115), ("raised", 140)],
        ),
    ],
)
def test_rises(sentence: str, values: list[float], expected: list[tuple[str, float]]) -> None:
    assert rises(values) == expected, sentence


def test_both_the_amount_and_the_percentage_must_be_reached() -> None:
    pack = PACK.replace("rise = 0.3,", "rise = 0.3, percent = 50.0,")
    assert rises([1.0] * 4 + [1.4], pack) == []
    assert rises([1.0] * 4 + [1.5], pack) == [("raised", 20)]
    assert rises([0.2] * 4 + [0.4], pack) == []


def test_values_under_the_floor_are_no_base() -> None:
    pack = PACK.replace('settle = "1h"', 'settle = "1h"\nfloor = 0.5')
    assert rises([1.0] * 4 + [0.1] * 4 + [1.0] * 4, pack) == []
    assert rises([1.0] * 4 + [0.1] * 4 + [1.0] * 4) != []


USUAL = PACK.replace('settle = "1h"', 'settle = "1h"\nusual = "1d"\nover_usual = 0.2')


@pytest.mark.parametrize(
    ("sentence", "values", "rings"),
    [
        ("a gauge that is lifted out and put back", [1.0] * 60 + [0.2] * 12 + [1.0] * 12, False),
        ("and put back a hand too high", [1.0] * 60 + [0.2] * 12 + [1.15] * 12, False),
        ("a real rise", [1.0] * 60 + [1.1, 1.2, 1.35, 1.4], True),
        ("a real rise out of a drop", [1.0] * 60 + [0.5] * 12 + [1.1, 1.3, 1.4], True),
        ("a new station knows no usual yet", [1.0] * 4 + [1.4], True),
    ],
)
def test_a_rise_counts_above_what_is_usual(sentence: str, values: list[float], rings: bool) -> None:
    assert bool(rises(values, USUAL)) is rings, sentence


def test_one_lost_reading_of_a_slow_gauge_does_not_take_the_base_away() -> None:
    world = registry(PlaceKind.REACH, "water-level", interval_s=900)
    levels = [1.0, 1.0, 1.0, 1.0, None, 1.35, 1.4]
    whats = [
        (T0 + n * 15 * MINUTE + n % 2 * 900, batch((T0 + n * 15 * MINUTE + n % 2 * 900, v), metric="water-level"))
        for n, v in enumerate(levels)
        if v is not None
    ]  # fmt: skip
    assert [t.change.value for t in replay(journal(world, {"p": PACK}, whats))] == ["raised"]


def test_the_facts_tell_the_rise() -> None:
    whats = list(every(5 * MINUTE, [1.0] * 4 + [1.4], MINUTE, metric="water-level"))
    (raised,) = replay(journal(WORLD, {"p": PACK}, whats))
    assert raised.facts == pytest.approx(
        {"from_value": 1.0, "rise": 0.4, "percent": 40.0, "window": 30}
    )
    assert (raised.value, raised.limit, raised.peak) == (1.4, 1.3, 1.4)


def test_a_gap_longer_than_the_window_begins_anew() -> None:
    early = [(T0 + n * 5 * MINUTE, 1.0) for n in range(4)]
    late = [(T0 + (n * 5 + 120) * MINUTE, 2.0) for n in range(4)]
    whats = [(at, batch((at, value), metric="water-level")) for at, value in early + late]
    assert [t for t in replay(journal(WORLD, {"p": PACK}, whats)) if t.rule == "level-rise"] == []


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(-5, 5)), max_size=200))
def test_the_window_gives_the_least_of_its_length_in_bounded_memory(
    steps: list[tuple[int, int]],
) -> None:
    window_ms, window, seen, at_ms = 6000, LeastInWindow(6000), [], 1_000_000
    width_ms = window_ms // BUCKETS
    for step, value in steps:
        at_ms += step
        seen.append((at_ms, float(value)))
        got = window.add(float(value), at_ms)
        exact = [v for t, v in seen if at_ms - t <= window_ms]
        wider = [v for t, v in seen if at_ms - t <= window_ms + width_ms]
        assert min(wider) <= got <= min(exact)
        assert len(window) <= 64


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0s"), (10_000, "10s"), (90_000, "90s"), (5_400_000, "90m"), (86_400_000, "1d")],
)
def test_durations_are_spelled_as_packs_have_them(ms: int, text: str) -> None:
    assert spell_duration(ms) == text

"""Storms that were made to cross one limit cross it and no higher one; the stream follows behind."""

from itertools import pairwise

import pytest

from edge.sensors.simulation.injection import Injection
from edge.sensors.simulation.storm import Storm, tips
from tests.edge.sensors.simulation.saying import HOUR_S, values

# Rainstorm signals by mm within hours (GB/T 27961 as provinces use it): blue, yellow, orange, red.
SIGNALS = {"blue": (12, 50), "yellow": (6, 50), "orange": (3, 50), "red": (3, 100)}
AT_S = 2 * HOUR_S


def most_in(storm: Storm, hours: float) -> float:
    return max(
        storm.fallen_mm(tip + hours * HOUR_S - 1e-6) - storm.fallen_mm(tip - 1e-6)
        for tip in tips(storm)
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("mm", "hours", "colour"),
    [(55, 12, "blue"), (52, 6, "yellow"), (52, 3, "orange"), (105, 3, "red"), (35, 1, None)],
)
def test_a_storm_reaches_its_colour_and_no_higher_one(mm, hours, colour, seed) -> None:
    storm = Storm(at_s=AT_S, hours=hours, mm=mm, seed=seed)
    reached = [name for name, (within, limit) in SIGNALS.items() if most_in(storm, within) >= limit]
    assert (reached[-1] if reached else None) == colour
    if colour is None:
        assert most_in(storm, 1) >= 30  # Beijing's blue, and nobody else's


def test_tips_are_of_two_tenths_and_densest_at_the_peak() -> None:
    storm = Storm(at_s=AT_S, hours=6, mm=60, peak=0.4)
    times = tips(storm)
    assert len(times) == 300
    assert times[0] >= AT_S
    assert times[-1] <= AT_S + 6 * HOUR_S
    counts = [sum(0 <= t - AT_S - n * 1440 < 1440 for t in times) for n in range(15)]
    assert counts.index(max(counts)) in (5, 6)
    assert len({round(b - a, 3) for a, b in pairwise(times)}) > 250  # chance, no clockwork
    assert tips(storm) == tips(Storm(at_s=AT_S, hours=6, mm=60, peak=0.4))
    assert tips(storm) != tips(Storm(at_s=AT_S, hours=6, mm=60, peak=0.4, seed=1))


@pytest.mark.parametrize("interval_s", [60.0, 300.0])
def test_a_gauge_tells_all_of_it_in_whole_tips(interval_s) -> None:
    storm = Storm(at_s=AT_S, hours=3, mm=52)
    said = values("rain", 8 * HOUR_S, interval_s=interval_s, storms=(storm,))
    assert sum(said) == pytest.approx(52)
    assert sum(said[: int(AT_S / interval_s) + 1]) == 0
    assert all(round(value / 0.2, 6).is_integer() for value in said)


def test_a_stream_rises_behind_the_rain_and_falls_over_hours() -> None:
    storm = Storm(at_s=AT_S, hours=3, mm=50)
    said = values("water-level", 30 * HOUR_S, storms=(storm,))
    still = values("water-level", 30 * HOUR_S)
    rise = [wet - dry for wet, dry in zip(said, still, strict=True)]
    assert max(rise[: AT_S // 60 + 15]) == pytest.approx(0, abs=0.002)
    assert 0.8 <= max(rise) <= 1.5
    top = rise.index(max(rise))
    assert AT_S / 60 + 60 < top < AT_S / 60 + 240
    assert rise[top + 240] == pytest.approx(max(rise) / 2.718, rel=0.35)
    assert rise[-1] < 0.05


def test_a_clogged_gauge_says_nothing_and_then_all_of_it_slowly() -> None:
    storm = Storm(at_s=AT_S, hours=2, mm=40)
    fault = Injection(shape="clogged", at_s=AT_S, for_s=6 * HOUR_S)
    said = values("rain", 10 * HOUR_S, storms=(storm,), injections=(fault,))
    shut = AT_S // 60 + 240  # two thirds of it
    assert sum(said[:shut]) == 0
    assert max(said) <= 0.6
    assert sum(said) == pytest.approx(40)


def test_a_bouncing_contact_counts_each_tip_twice() -> None:
    storm = Storm(at_s=AT_S, hours=2, mm=40)
    fault = Injection(shape="double", at_s=0, for_s=10 * HOUR_S)
    said = values("rain", 8 * HOUR_S, storms=(storm,), injections=(fault,))
    assert sum(said) == pytest.approx(80)

"""A guard's judgement as tables: what its samples bring about, second by second."""

import time
from math import nan

import pytest

from edge.contract.compare import Limit
from edge.contract.quality import Quality
from edge.guard.rule import Kind, Rule
from edge.guard.watching import Watching
from edge.sensors.port import Sample, Series

S = 1000


def watching(kind: Kind, metric: str, limit: Limit, **more) -> Watching:
    hold_s, window_s = more.pop("hold_s", 180), more.pop("window_s", 0)
    rule = Rule(
        name="g", kind=kind, series=Series("shed-1", "", metric), limit=limit, hold_ms=hold_s * S,
        window_ms=window_s * S, **more,
    )  # fmt: skip
    return Watching(rule, 0)


def told(each: Watching, steps) -> list[tuple[float, str]]:
    """The edges of (second, value) steps; "look" only lets time pass, None is no value."""
    edges = []
    for at_s, value in steps:
        if value == "look":
            edge = each.look(round(at_s * S))
        else:
            quality = Quality.MISSING if value is None else Quality.NOT_EVALUATED
            sample = Sample("shed-1", "", each.rule.series.metric, value, 0, quality)
            edge = each.take(sample, round(at_s * S))
        if edge is not None:
            edges.append((at_s, edge.value))
    return edges


HOT = Limit(above=80, clear_above=72, for_ms=10 * S, keep_ms=30 * S)


@pytest.mark.parametrize(
    ("sentence", "steps", "edges"),
    [
        ("hot for as long as asked raises", [(0, 81), (5, 82), (10, 81)], [(10, "raised")]),
        ("waiting alone raises while the value holds", [(0, 81), (10, "look")], [(10, "raised")]),
        ("a moment is not enough", [(0, 81), (9, 79), (10, 81), (15, "look")], []),
        ("exactly at the limit is within", [(0, 80), (60, 80)], []),
        ("a little cooler is not clear", [(0, 81), (10, 81), (20, 75), (90, 75)], [(10, "raised")]),
        ("cool for as long as asked clears", [(0, 81), (10, 81), (20, 70), (50, 70)],
         [(10, "raised"), (50, "cleared")]),
        ("a value too old to hold raises nothing", [(0, 81), (5, "look"), (200, "look")],
         [(200, "raised")]),
        ("no value is no proof of anything", [(0, None), (10, None), (20, "look")], []),
        ("a sentinel is no heat", [(0, 9999), (10, 9999), (20, 9999)], []),
    ],
)  # fmt: skip
def test_a_limit(sentence, steps, edges) -> None:
    assert told(watching(Kind.LIMIT, "port-temp", HOT), steps) == edges, sentence


def test_a_value_that_no_longer_holds_does_not_count_towards_the_wait() -> None:
    each = watching(Kind.LIMIT, "port-temp", HOT, hold_s=5)
    assert told(each, [(0, 81), (20, "look"), (21, 81), (25, 81)]) == []
    assert told(each, [(30, 81), (31, 81)]) == [(31, "raised")]


@pytest.mark.parametrize("quality", [Quality.FAIL, Quality.MISSING])
def test_a_value_that_its_sensor_calls_wrong_neither_raises_nor_clears(quality: Quality) -> None:
    each = watching(Kind.CONTACT, "smoke", Limit(above=0.5))
    wrong = Sample("shed-1", "", "smoke", 1.0, 0, quality, "the contact chatters")
    assert each.take(wrong, 1 * S) is None
    assert told(each, [(2, 1)]) == [(2, "raised")]
    well = wrong._replace(value=0.0)
    assert each.take(well, 3 * S) is None
    assert each.is_raised


def test_a_contact_raises_with_its_first_sample() -> None:
    each = watching(Kind.CONTACT, "smoke", Limit(above=0.5))
    assert told(each, [(0, 0), (1, 1), (2, 1)]) == [(1, "raised")]


def test_the_later_word_counts_though_its_time_lies_before_the_word_before_it() -> None:
    smoke = watching(Kind.CONTACT, "smoke", Limit(above=0.5))
    assert told(smoke, [(0, 0), (60.0, 0), (59.96, 1)]) == [(59.96, "raised")]


def test_a_contact_that_closes_and_opens_at_one_moment_raises() -> None:
    each = watching(Kind.CONTACT, "smoke", Limit(above=0.5))
    assert told(each, [(1, 1), (1, 0)])[0] == (1, "raised")
    assert each.is_latched


RISE = Limit(above=5, for_ms=0)


@pytest.mark.parametrize(
    ("sentence", "rate", "noise", "raises"),
    [
        ("a summer's morning", 0.2, 0.0, False),
        ("a heater in winter", 3.0, 0.3, False),
        ("a battery that burns", 8.0, 0.3, True),
        ("cooling as fast", -8.0, 0.3, False),
    ],
)
def test_a_rise_is_judged_over_its_window(sentence, rate, noise, raises) -> None:
    each = watching(Kind.RISE, "shed-temp", RISE, window_s=60)
    steps = [(t, 20 + rate * t / 60 + (noise if t % 4 else -noise)) for t in range(0, 120, 2)]
    edges = told(each, steps)
    assert (edges[:1] != []) is raises, sentence
    if raises:
        assert edges[0][0] >= 30, "half of the window must be known"


def test_one_jump_of_a_probe_is_no_rise_before_half_of_the_window_is_known() -> None:
    each = watching(Kind.RISE, "shed-temp", RISE, window_s=60)
    assert told(each, [(0, 20), (1, 60), (2, 60), (29, 60)]) == []


@pytest.mark.parametrize("odd", [85, 127, -55, 300])
@pytest.mark.parametrize("every_s", [2, 10])
def test_one_odd_word_of_a_probe_is_no_rise(odd: float, every_s: int) -> None:
    for odd_s in range(0, 120, every_s):
        each = watching(Kind.RISE, "shed-temp", RISE, window_s=60)
        steps = [(t, odd if t == odd_s else 20 + 0.2 * (t % 4)) for t in range(0, 240, every_s)]
        assert told(each, steps) == [], odd_s


def test_a_rise_is_judged_quickly_however_often_its_sensor_speaks() -> None:
    each = watching(Kind.RISE, "shed-temp", RISE, window_s=60)
    told(each, [(t / 20, 20 + t / 1000) for t in range(1200)])
    began_s = time.perf_counter()
    told(each, [(60 + t / 20, 21.2) for t in range(100)])
    assert (time.perf_counter() - began_s) / 100 < 0.01


def test_a_rise_is_not_drawn_across_a_silence() -> None:
    each = watching(Kind.RISE, "shed-temp", RISE, window_s=600, hold_s=60)
    cold = [(t, 10) for t in range(0, 400, 50)]
    warm = [(t, 90) for t in range(500, 950, 50)]  # it was moved into the sun meanwhile
    assert told(each, cold + warm) == []


def test_many_samples_a_second_bound_the_memory() -> None:
    each = watching(Kind.RISE, "shed-temp", RISE, window_s=60)
    told(each, [(t / 100, 20) for t in range(12_000)])
    assert len(each._points) <= 42


@pytest.mark.parametrize(
    ("sentence", "steps", "edges"),
    [
        ("never heard of is silent, too", [(59, "look"), (61, "look")], [(61, "raised")]),
        ("words without a value are silence", [(30, None), (61, None)], [(61, "raised")]),
        ("a value ends it", [(61, "look"), (62, 0)], [(61, "raised"), (62, "cleared")]),
        ("a value in time prevents it", [(50, 0), (100, 0), (150, "look")], []),
    ],
)
def test_silence(sentence, steps, edges) -> None:
    each = watching(Kind.STALE, "smoke", Limit(above=60))
    assert told(each, steps) == edges, sentence


def test_a_latch_comes_off_only_while_the_input_is_heard_and_well() -> None:
    each = watching(Kind.LIMIT, "port-temp", Limit(above=80, clear_above=70, keep_ms=5 * S))
    assert "stale" in each.why_not(1 * S)
    told(each, [(2, 90)])
    assert each.why_not(3 * S) == "its input is still alarming"
    told(each, [(4, 60), (9, 60)])
    assert each.is_raised
    assert each.why_not(10 * S) == ""
    assert "stale: nothing usable for 191 s" in each.why_not(200 * S)
    told(each, [(201, nan)])
    assert "stale" in each.why_not(201 * S)


def test_a_breach_that_still_waits_keeps_the_latch() -> None:
    each = watching(Kind.LIMIT, "port-temp", HOT)
    told(each, [(0, 90), (10, 90), (20, 60), (50, 60), (51, 90)])
    assert each.why_not(52 * S) == "its input is over the limit again"


def test_without_a_latch_it_clears_by_itself() -> None:
    each = watching(Kind.CONTACT, "door", Limit(above=0.5), latches=False)
    told(each, [(0, 1)])
    assert each.is_raised
    told(each, [(1, 0)])
    assert not each.is_raised

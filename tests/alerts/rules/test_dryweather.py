"""Dry weather: rain near by excuses, a gauge that knows accuses, without one the cause is unknown."""

from dataclasses import replace

import pytest

from alerts.registry.model import Names, Place, PlaceKind
from alerts.rules.near import NEAREST, nearest
from tests.alerts.rules.worlds import PLACE, said, told

WATER, GAUGE = (PLACE, "", "turbidity"), ("bridge", "", "rain")
BODY = """kind = "dry-weather"
metric = "turbidity"
window = "1h"
settle = "2h"
dry = "2h"
rain_mm = 1.0
wait = "15m"
step = [{ severity = "minor", rise = 100.0 }]
causes = { dry = { zh = "没下雨", en = "dry" }, unknown = { zh = "不明", en = "unknown" } }"""
RISE = [8.0] * 12 + [150.0] * 4
CALM = [8.0] * 12


@pytest.mark.parametrize(
    ("sentence", "columns", "cause"),
    [
        ("a gauge that was dry all the time", {WATER: RISE, GAUGE: [0.0] * 16}, "dry"),
        ("no gauge at all", {WATER: RISE}, "unknown"),
        ("a gauge that has just begun", {WATER: RISE, GAUGE: [None] * 8 + [0.0] * 8}, "unknown"),
        ("a gauge that has fallen silent", {WATER: RISE, GAUGE: [0.0] * 8}, "unknown"),
        ("a gauge with a gap", {WATER: RISE, GAUGE: [0.0] * 6 + [None] * 5 + [0.0] * 5}, "unknown"),
        ("rain an hour ago excuses", {WATER: RISE, GAUGE: [0.0] * 8 + [1.5] + [0.0] * 7}, None),
        ("a single tip does not", {WATER: RISE, GAUGE: [0.0] * 8 + [0.2] + [0.0] * 7}, "dry"),
        ("rain of yesterday does not", {WATER: CALM + RISE, GAUGE: [9.0] + [0.0] * 27}, "dry"),
    ],
)
def test_the_weather_decides(sentence, columns, cause) -> None:
    found = said(BODY, columns, interval_ms=900_000)
    if cause is None:
        assert found == [], sentence
    else:
        assert found[0].facts["cause_en"] == cause, sentence


def test_without_a_gauge_a_rule_that_needs_one_is_silent() -> None:
    needy = BODY.replace("wait =", "needs_gauge = true\nwait =")
    assert said(needy, {WATER: RISE}, interval_ms=900_000) == []
    assert said(needy, {WATER: RISE, GAUGE: [0.0] * 16}, interval_ms=900_000) != []


def test_what_began_in_the_rain_stays_excused_and_the_next_rise_is_told() -> None:
    water = RISE + [150.0] * 10 + [8.0] * 8 + [150.0] * 4
    rain = [0.0] * 11 + [5.0] + [0.0] * 26
    found = said(BODY, {WATER: water, GAUGE: rain}, interval_ms=900_000)
    assert [name for name, _, _ in told(found)] == ["raised"]
    assert found[0].at_ms > found[0].since_ms - 1
    assert told(found)[0][2] >= 34 * 15


def test_the_base_may_be_the_usual() -> None:
    usual = BODY.replace('window = "1h"', 'window = "3h"\nfrom = "usual"')
    column = [8.0] * 10 + [60.0] + [8.0] * 6 + [130.0] * 4
    raised = said(usual, {WATER: column}, interval_ms=900_000)[0]
    assert raised.facts["from_value"] == 8.0


def test_what_creeps_up_on_a_lens_has_not_risen_and_what_is_tipped_in_has() -> None:
    usual = BODY.replace('window = "1h"', 'window = "7d"\nfrom = "usual"')
    fouling = [8.0] * 96 + [8.0 + n / 4 for n in range(800)]
    assert said(usual, {WATER: fouling}, interval_ms=900_000) == []
    tipped = [*fouling, *[fouling[-1] + 110] * 4]
    assert said(usual, {WATER: tipped}, interval_ms=900_000) != []


HABIT = BODY.replace("wait =", 'habit = "10d"\noften = 2.0\nwait =')


def daily(*peaks: float) -> list[float]:
    """A rise to each of these on days of their own."""
    return [v for peak in peaks for v in [8.0] * 80 + [peak * 0.8] + [peak] * 3 + [8.0] * 12]


@pytest.mark.parametrize(
    ("sentence", "peaks", "rings"),
    [
        ("the third that is no higher is not told", (300, 290, 280), 2),
        ("a higher one is", (300, 290, 295), 3),
        ("one that grows with each time is told each time", (200, 300, 400, 500), 4),
        ("after ten days it is forgotten", (300, 290, 8, 8, 8, 8, 8, 8, 8, 8, 8, 280), 3),
    ],
)
def test_a_habit_of_the_place_is_not_told_again(sentence, peaks, rings) -> None:
    found = said(HABIT, {WATER: daily(*peaks)}, interval_ms=900_000)
    assert [name for name, _, _ in told(found)].count("raised") == rings, sentence


def test_a_rise_that_outgrows_the_habit_is_told_when_it_does() -> None:
    third = [8.0] * 80 + [200.0] * 3 + [340.0] * 3 + [8.0] * 12
    found = said(HABIT, {WATER: [*daily(300, 290), *third]}, interval_ms=900_000)
    raised = [t for t in found if t.change.value == "raised"][-1]
    assert (raised.value, raised.severity.name) == (340.0, "MINOR")
    assert raised.facts["cause_en"] == "unknown"
    assert found[-1].change.value == "cleared"


def test_what_the_rain_excused_makes_no_habit() -> None:
    rain = [v for _ in range(3) for v in [0.0] * 79 + [9.0] + [0.0] * 16]
    columns = {WATER: daily(300, 300, 300, 250), GAUGE: [*rain, *[0.0] * 96]}
    found = said(HABIT, columns, interval_ms=900_000)
    assert [(t.change.value, t.facts["cause_en"]) for t in found][:1] == [("raised", "dry")]


def place(id_: str, latitude: float | None = None, site: str = "s") -> Place:
    kind, longitude = PlaceKind.RISK_POINT, None if latitude is None else 120.0
    return Place(
        id=id_, site=site, kind=kind, names=Names(zh=id_), latitude=latitude, longitude=longitude
    )


@pytest.mark.parametrize(
    ("sentence", "there", "near"),
    [
        ("itself", place("here", 28.0), True),
        ("four kilometres", place("a", 28.036), True),
        ("six kilometres", place("b", 28.054), False),
        ("no coordinates, same site", place("c"), True),
        ("another site", place("d", 28.0, site="t"), False),
    ],
)
def test_near_by(sentence: str, there: Place, near: bool) -> None:
    assert bool(nearest(place("here", 28.0), [there])) is near, sentence


def test_only_the_nearest_gauges_count() -> None:
    here = place("here", 28.0)
    gauges = [replace(place(f"g{n}"), latitude=28.0 + n / 1000, longitude=120.0) for n in range(9)]
    assert [g.id for g in nearest(here, reversed(gauges))] == [f"g{n}" for n in range(NEAREST)]

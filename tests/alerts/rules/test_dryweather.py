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

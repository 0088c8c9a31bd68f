from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from alerts.incidents.model import Incident
from alerts.packs import shipped
from alerts.registry.model import Override, PlaceKind, Source
from alerts.rules.packs import read_packs
from alerts.words import Language
from dashboards.console.grounds import Socket, ground, spark_path
from dashboards.console.lines import LinesByPlace, alarm_lines
from dashboards.console.scene import Scene
from tests.dashboards.desk_fixture import NOW, PACKS, SITE, Curve, House, Point, Series, registry

REGISTRY = registry()
SHED = next(place for place in REGISTRY.places if place.id == "shed-2")
NOW_MS = int(NOW.timestamp() * 1000)


def _scene() -> Scene:
    return Scene(REGISTRY, PACKS, Language.ZH, NOW)


def _point(metric: str, value: float | None, port: str = "p01", quality: int = 1) -> Point:
    return Point(Series(SITE, "shed-2-box", "shed-2", port, metric), NOW_MS, value, quality)


def _socket(*points: Point) -> Socket:
    lines = alarm_lines(PACKS, REGISTRY, SHED)
    return ground(SHED, points, [], lines, _scene()).sockets[0]


@pytest.mark.parametrize(
    ("what", "points", "state", "height"),
    [
        ("nothing was heard", (), "unknown", 0),
        ("nothing is plugged in", (_point("power", 2.0),), "idle", 0),
        ("a float charge", (_point("power", 21.0),), "full", 3),
        ("an ordinary charger", (_point("power", 200.0),), "charging", 25),
        ("just at the line", (_point("power", 800.0),), "charging", 100),
        ("over the line", (_point("power", 1130.0),), "over", 100),
        ("a reading that failed its test", (_point("power", 999.0, quality=4),), "unknown", 0),
        ("a missing reading", (_point("power", None, quality=9),), "unknown", 0),
        ("a doubtful one counts", (_point("power", 200.0, quality=3),), "charging", 25),
        ("cut off", (_point("power", 0.0), _point("relay", 0.0)), "off", 0),
    ],
)
def test_a_port_shows_its_load_as_height_and_its_state(
    what: str, points: tuple[Point, ...], state: str, height: int
):
    socket = _socket(*points)
    assert (socket.state, socket.height) == (state, height), what


def test_a_feeder_without_a_meter_is_reckoned_from_its_ports_and_says_so():
    points = [_point("power", 2200.0, "p01"), _point("power", 2200.0, "p02")]
    feeder = ground(SHED, points, [], [], _scene()).feeders[0]
    assert (feeder.amperes, feeder.share, feeder.reckoned) == ("20.0", 50, True)
    metered = [*points, _point("current", 36.0, "")]
    feeder = ground(SHED, metered, [], [], _scene()).feeders[0]
    assert (feeder.amperes, feeder.tone, feeder.reckoned) == ("36.0", "amber", False)


def test_a_place_whose_devices_are_overdue_says_for_how_long():
    late = Point(Series(SITE, "shed-2-box", "shed-2", "", "smoke"), NOW_MS - 26 * 60_000, 0.0)
    assert ground(SHED, [late], [], [], _scene()).silent == "26 分钟没有数据"
    fresh = Point(Series(SITE, "shed-2-box", "shed-2", "", "smoke"), NOW_MS - 60_000, 0.0)
    assert ground(SHED, [fresh], [], [], _scene()).silent == ""


def test_a_small_curve_stays_in_its_box():
    path = spark_path(Curve(at_ms=[0, 50, 100], mean=[1.0, 9.0, 5.0]), 0, 100)
    assert path == "M0.0,34.0 L65.0,2.0 L130.0,18.0"
    assert spark_path(Curve(at_ms=[0], mean=[1.0]), 0, 100) == ""
    assert spark_path(Curve(at_ms=[0, 100], mean=[3.0, 3.0]), 0, 100) == "M0.0,34.0 L130.0,34.0"


def test_a_place_gets_the_lines_of_its_own_kind_only():
    packs = read_packs(shipped())
    by_kind = {
        place.kind: {line.metric for line in alarm_lines(packs, REGISTRY, place)}
        for place in REGISTRY.places
    }
    assert "power" in by_kind[PlaceKind.SHED]
    assert "do" not in by_kind[PlaceKind.SHED]
    assert "do" in by_kind[PlaceKind.REACH]
    assert "power" not in by_kind[PlaceKind.REACH]


def test_a_line_for_ports_does_not_run_through_the_feeder():
    lines = alarm_lines(PACKS, REGISTRY, SHED)
    assert [line.runs_through("power", "p01") for line in lines] == [True]
    assert [line.runs_through("power", "") for line in lines] == [False]
    assert [line.runs_through("current", "p01") for line in lines] == [False]


def test_live_data_needs_no_chip():
    scene = _scene()
    assert scene.sources_at(SITE, "jingyang-bridge") == []
    assert [word for word, _ in scene.sources_at(SITE, "shed-5")] == ["录制数据"]
    assert {device.source for device in REGISTRY.devices} >= {Source.LIVE, Source.INJECTED}


def test_lines_of_many_places_are_those_of_each():
    packs = read_packs(shipped())
    changed = Override(
        rule="eb-port-overp", place="shed-5", set={"major.above": 650.0, "major.clear": 600.0},
        who="w", at="2026-11-28", why="y",
    )  # fmt: skip
    world = replace(REGISTRY, overrides=(changed,))
    lines = LinesByPlace(packs, world)
    for _ in range(2):
        for place in world.places:
            assert lines.of(place) == alarm_lines(packs, world, place)
    mine = next(place for place in world.places if place.id == "shed-5")
    assert 650.0 in {line.value for line in lines.of(mine)}
    assert 650.0 not in {line.value for line in lines.of(SHED)}


def test_a_place_with_a_drill_says_so_and_is_in_no_trouble(here: House):
    hot = here.operations.incident(6)
    assert hot is not None
    drill = replace(hot, drill_until=NOW + timedelta(minutes=9))
    points = [_point("power", 200.0, "p07")]

    def badge(*incidents: Incident) -> tuple[str, str]:
        shown = ground(SHED, points, incidents, [], _scene())
        return shown.badge, shown.tone

    assert badge(hot) == ("异常", "red")
    assert badge(drill) == ("演练", "blue")
    assert badge(drill, hot) == ("异常", "red")
    assert ground(SHED, points, [drill], [], _scene()).sockets[6].trouble == ""
    assert ground(SHED, points, [hot], [], _scene()).sockets[6].trouble == "red"

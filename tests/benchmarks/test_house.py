"""Series, latency and outage, each in small on real servers, and what they reckon with."""

from pathlib import Path

import pytest

from alerts.rules.window import LeastInWindow
from benchmarks.drain.growing import growing
from benchmarks.drain.latency import became_visible, latency, share
from benchmarks.drain.outage import outage
from benchmarks.drain.weigh import WINDOWS, count


def test_a_point_became_visible_at_the_first_look_that_found_it_or_a_newer_one() -> None:
    looks = [(1_000.0, 900.0), (1_100.0, 900.0), (1_200.0, 1_150.0), (1_300.0, 1_250.0)]
    # 1,150 and 1,050 and 950 were first seen at 1,200; 1,250 at 1,300.
    assert became_visible(looks, 100.0) == [50.0, 150.0, 250.0, 50.0]
    assert became_visible(looks[:1], 100.0) == []


def test_the_share_of_values() -> None:
    assert share([3.0, 1.0, 2.0], 0.5) == 2.0
    assert share(list(map(float, range(100))), 0.99) == 99.0
    assert share([], 0.99) == 0.0


def test_what_two_parts_hold_is_weighed_once_and_windows_apart() -> None:
    shared = ["a reading" * 100]
    window = LeastInWindow(60_000)
    for at in range(60):
        window.add(float(at), at * 1_000)
    found = count([("first", {"x": shared}), ("second", [shared, window])])
    assert found["first"] > 900
    assert found["second"] < 200
    assert found[WINDOWS] > 60 * 56  # pairs


@pytest.mark.mosquitto
@pytest.mark.influxdb
def test_more_series_cost_cpu_and_memory_that_is_told_by_part(tmp_path: Path) -> None:
    figures, notes = growing(tmp_path, messages=400, steps=(10, 200))
    assert isinstance(figures["cpu_us_per_msg_200_series"], float)
    assert figures["cpu_us_per_msg_200_series"] > 0
    assert "states of rules" in notes["rss_bytes_per_series"]
    assert {"bytes_per_series", "window_bytes_per_series"} <= figures.keys()


@pytest.mark.mosquitto
@pytest.mark.influxdb
def test_latency_is_told_of_rules_database_and_pages(tmp_path: Path) -> None:
    figures, _ = latency(tmp_path / "house", per_s=200, pages_per_s=4, seconds=3, warm_s=2)
    for key in ("rules_p99_ms", "store_p99_ms", "page_p99_ms"):
        assert 0 < float(figures[key]) < 60_000
    assert figures["latency_msgs_per_s"] == pytest.approx(200, rel=0.1)


@pytest.mark.mosquitto
@pytest.mark.influxdb
def test_an_outage_loses_and_doubles_nothing(tmp_path: Path) -> None:
    figures, notes = outage(tmp_path / "house", messages=2_000, per_s=100)
    assert (figures["outage_lost"], figures["outage_doubled"]) == (0, 0)
    assert float(figures["catch_up_ratio"]) > 0
    assert "0.00056 of the hour" in notes["outage_messages"]

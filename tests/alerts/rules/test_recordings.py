"""No normal charging session rings: recorded chargers, through all the rules of charging.toml."""

import csv
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerts.packs import shipped
from alerts.registry.model import PlaceKind
from alerts.replay import Column, CsvMapping, entries_from_csv, episodes, replay
from alerts.rules.inputs import Tick, What
from tests.alerts.rules import worlds

ROOT = Path(__file__).parents[3]
NIGHT = ROOT / "collector" / "demo" / "recordings" / "ebike-2023-06-24.csv"
DATA = Path(os.environ.get("SHOUWANG_DATA") or ROOT.parent / "shared" / "data")
HOUR_MS = 3_600_000
# What needs a socket's reading each minute or less cannot be asked of these.
SESSION_RULES = {"eb-port-long", "eb-float", "eb-no-taper", "eb-float-rise", "eb-port-step"}


def rang(readings: Iterable[tuple[int, str, float]]) -> list[str]:
    """The rules that rang on (at ms, plug, watts), with ticks between and for two hours after."""
    ordered = sorted(readings)
    ports = {plug: str(n) for n, plug in enumerate(sorted({plug for _, plug, _ in ordered}), 1)}
    spots = [(worlds.PLACE, port, "power") for port in ports.values()]
    world = worlds.village(PlaceKind.SHED, spots, interval_s=300)
    whats: list[tuple[int, What]] = [
        (at_ms, worlds.batch((at_ms, watts), metric="power", port=ports[plug]))
        for at_ms, plug, watts in ordered
    ]
    first, last = ordered[0][0], ordered[-1][0]
    whats += [(at_ms, Tick()) for at_ms in range(first, last + 2 * HOUR_MS, 60_000)]
    whats.sort(key=lambda what: what[0])
    found = episodes(replay(worlds.journal(world, shipped(), whats)))
    return [e.rule for e in found if e.rule != "eb-offline"]  # each plug is its own clock


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def night() -> list[tuple[int, str, float]]:
    with NIGHT.open(encoding="utf-8") as lines:
        return [
            (at(row["at"]), plug, float(watts))
            for row in csv.DictReader(lines)
            for plug, watts in row.items()
            if plug != "at" and watts
        ]


def test_the_night_of_the_demo_rings_nothing() -> None:
    assert rang(night()) == []


@pytest.mark.parametrize("hours", [2, 4])
def test_nor_does_it_when_the_same_batteries_were_emptier(hours: int) -> None:
    """The recorded plateau, made ``hours`` longer by its own first value: made up, said so."""
    readings = night()
    first = {plug: (at_ms, watts) for at_ms, plug, watts in reversed(readings)}
    before = [
        (at_ms - n * 300_000, plug, watts)
        for plug, (at_ms, watts) in first.items()
        for n in range(1, hours * 12)
    ]
    assert rang(before + readings) == []


def test_recorded_chargers_of_two_nights_ring_nothing() -> None:
    path = DATA / "charging" / "ebike_power.csv"
    if not path.exists():
        pytest.skip(f"{path} is not there; set SHOUWANG_DATA")
    with path.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    for run in sorted({row["run"] for row in rows}):
        readings = [
            (at(row["time_local"]), row["plug"], float(row["power_w"]))
            for row in rows
            if row["run"] == run
        ]
        assert rang(readings) == [], run


def injected(fault: str) -> list[tuple[int, str, float]]:
    """The recorded night with one fault put into the plug ``lectric_battery_1``: made up."""
    mine = [r for r in night() if r[1] == "lectric_battery_1_w"]
    start_ms, last_ms = mine[0][0], mine[-1][0]
    level = mine[0][2]
    if fault == "no taper":
        return [(start_ms + n * 300_000, "a", level) for n in range(110)]
    tail = [(last_ms + n * 300_000, "a", mine[-1][2]) for n in range(1, 40)]
    if fault == "float rises":
        tail = [(last_ms + n * 300_000, "a", mine[-1][2] + 3.0 * n) for n in range(1, 20)]
    return [(at_ms, "a", watts) for at_ms, _, watts in mine] + tail


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ("no taper", "eb-no-taper"),
        ("float rises", "eb-float-rise"),
        ("never unplugged", "eb-float"),
    ],
)
def test_a_fault_put_into_the_recorded_curve_is_found(fault: str, rule: str) -> None:
    assert rule in rang(injected(fault))


def test_a_recorded_storm_reaches_the_amounts_when_its_sums_do() -> None:
    """Cumbria, November 2009: 50 mm within 12 hours at 05:15, within 6 hours at 10:15."""
    path = DATA / "storm" / "swindale_storm_15min.csv"
    if not path.exists():
        pytest.skip(f"{path} is not there; set SHOUWANG_DATA")
    mapping = CsvMapping(
        site=worlds.SITE,
        device=worlds.DEVICE,
        time="time_utc",
        columns={"precip_m_per_step": Column(place=worlds.PLACE, metric="rain", scale=1000)},
    )
    world = worlds.registry(PlaceKind.REACH, "rain", interval_s=900)
    with path.open(encoding="utf-8") as lines:
        found = replay(entries_from_csv(lines, mapping, world, shipped()))
    told = [
        (t.severity.name.lower(), datetime.fromtimestamp(t.at_ms / 1000, UTC).strftime("%d %H:%M"))
        for t in found
        if t.rule == "rain-national"
    ]
    assert told == [
        ("info", "19 05:15"),
        ("minor", "19 10:15"),
        ("info", "19 16:30"),
        ("info", "20 07:30"),
    ]

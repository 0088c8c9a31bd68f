"""Replay of tables: arrival, quality, episodes; and whole recorded seasons."""

import gzip
import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from alerts.packs import shipped
from alerts.registry.model import Format, PlaceKind
from alerts.replay import (
    Column,
    CsvError,
    CsvMapping,
    Measured,
    compare,
    entries_from_csv,
    entries_of,
    episodes,
    replay,
)
from alerts.rules.inputs import RegistryRevised, Sight, Tick
from alerts.rules.transition import Change
from edge.contract.reading import Batch
from tests.alerts.rules.worlds import DEVICE, PACKS, PLACE, SITE, T0, registry

# Whole seasons are too large to bundle; they may lie beside the checkout.
DATA = Path(os.environ.get("SHOUWANG_DATA") or Path(__file__).parents[3] / "shared/data")
T8 = 1_795_334_400_000  # 2026-11-22T08:00Z
WORLD = registry(PlaceKind.REACH, "do", "water-level", interval_s=120)
LINES = [
    "when,oxygen,stage\n",
    "2026-11-22 08:00,5.0,100\n",
    "2026-11-22 08:02,1.0,NA\n",
    "2026-11-22 08:01,-9999,\n",
    "2026-11-22 08:04,1.0,100\n",
    "2026-11-22 08:06,3,100\n",
    "2026-11-22 08:10,3,100\n",
]


def mapping(**changes) -> CsvMapping:
    columns = {
        "oxygen": Column(place=PLACE, metric="do"),
        "stage": Column(place=PLACE, metric="water-level", scale=0.01),
    }
    given = {"site": SITE, "device": DEVICE, "time": "when", "columns": columns, **changes}
    return CsvMapping(**given)


def test_a_table_becomes_a_journal_in_the_order_of_its_times() -> None:
    entries = list(entries_from_csv(LINES, mapping(zone="Asia/Shanghai"), WORLD, PACKS))
    assert [entry.position for entry in entries] == list(range(1, len(entries) + 1))
    assert [entry.at_ms for entry in entries] == sorted(entry.at_ms for entry in entries)
    batches = [(e.at_ms, e.what) for e in entries if isinstance(e.what, Batch)]
    assert batches[0][0] == 1_795_305_600_000  # 2026-11-22T00:00Z
    assert batches[0][1].value == [5.0, 1.0]
    assert [(b.value, b.quality) for at, b in batches][1] == ([-9999.0], [4])
    ticks = [e.at_ms for e in entries if isinstance(e.what, Tick)]
    assert {later - sooner for sooner, later in pairwise(ticks)} == {60_000}


def test_replaying_it_twice_says_the_same_and_folds_into_episodes() -> None:
    first = replay(entries_from_csv(LINES, mapping(), WORLD, PACKS))
    second = replay(entries_from_csv(reversed_but_header(), mapping(), WORLD, PACKS))
    assert first == second
    assert [t.change for t in first] == [Change.RAISED, Change.CLEARED]
    (episode,) = episodes(first)
    assert (episode.rule, episode.value, episode.limit, episode.peak) == ("do-low", 1.0, 2.0, 1.0)
    minutes = [
        (at_ms - T8) // 60_000
        for at_ms in (episode.since_ms, episode.raised_ms, episode.cleared_ms or 0)
    ]
    assert minutes == [2, 4, 9]
    assert (episode.severity, episode.first) == ("major", first[0])


def reversed_but_header() -> list[str]:
    return [LINES[0], *reversed(LINES[1:])]


def test_two_runs_are_compared_by_what_rang_and_when() -> None:
    live = replay(entries_from_csv(LINES, mapping(), WORLD, PACKS))
    stricter = {"p": PACKS["test.toml"].replace('for = "2m"', 'for = "1m"')}
    other = replay(entries_from_csv(LINES, mapping(), WORLD, stricter))
    found = compare(live, other)
    assert [t.change for t in found.same] == [Change.CLEARED]
    assert [t.change for t in found.only_first + found.only_second] == [Change.RAISED] * 2


@pytest.mark.parametrize(
    ("lines", "changes", "words"),
    [
        (["a,b\n"], {}, "there is no column 'when'; the table has a, b"),
        (["when,oxygen,stage\n", "soon,1,2\n"], {}, "line 2: when 'soon' is no time in ISO 8601"),
        (LINES, {"columns": {"oxygen": Column(place=PLACE, metric="ox")}}, "unknown metric 'ox'"),
    ],
)
def test_a_table_that_does_not_fit_says_where(lines, changes, words: str) -> None:
    with pytest.raises(CsvError, match=words):
        list(entries_from_csv(lines, mapping(**changes), WORLD, PACKS))


def measured(minute: int, device: str = DEVICE, value: float = 5.0) -> Measured:
    return Measured(T0 + minute * 60_000, SITE, device, PLACE, "", "do", value, 1)


def test_a_device_is_registered_with_its_first_reading_and_not_silent_before() -> None:
    world = registry(PlaceKind.REACH, "do", interval_s=60, devices=(DEVICE, "later", "never"))
    readings = [measured(minute) for minute in range(120)]
    readings += [measured(minute, "later") for minute in range(60, 65)]
    readings.sort(key=lambda one: (one.at_ms, one.device))
    entries = list(
        entries_of(
            readings, world, PACKS, since_ms=T0, until_ms=T0 + 120 * 60_000, known={(SITE, DEVICE)}
        )
    )
    known = [
        (entry.at_ms - T0, [device.id for device in entry.what.registry.devices])
        for entry in entries
        if isinstance(entry.what, RegistryRevised)
    ]
    assert known == [(0, [DEVICE]), (60 * 60_000, [DEVICE, "later"])]
    rang = episodes(replay(entries))
    assert [(one.rule, one.subject) for one in rang] == [("silent", f"device:{SITE}/later")]
    assert rang[0].since_ms == T0 + 64 * 60_000
    assert max(entry.at_ms for entry in entries) < T0 + 120 * 60_000
    assert not [entry for entry in entries if entry.what == Sight(False, entry.at_ms)]


def test_what_a_foreign_device_measured_stays_untrusted() -> None:
    world = registry(PlaceKind.REACH, "do")
    foreign = replace(world.devices[0], format=Format.TASMOTA)
    for device, untrusted in ((world.devices[0], False), (foreign, True)):
        entries = entries_of(
            [measured(0)], replace(world, devices=(device,)), PACKS, since_ms=T0, until_ms=T0 + 1
        )
        (batch,) = (entry.what for entry in entries if isinstance(entry.what, Batch))
        assert batch.untrusted is untrusted


LOGAN = {
    "temp": ("water-temp", 1.0),
    "cond": ("conductivity", 1.0),
    "ph": ("ph", 1.0),
    "do": ("do", 1.0),
    "stage": ("water-level", 0.01),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "MainStreet2019",
            {
                "riv-cond-rise": 10,
                "riv-ph": 2,
                "riv-do-low": 1,
                "riv-unusual": 1,
            },
        ),
        (
            "BlackSmithFork2019",
            {"riv-cond-rise": 3, "riv-ph": 2, "riv-flat": 2},
        ),
    ],
)
def test_a_recorded_season_rings_as_often_as_the_page_says(name: str, expected) -> None:
    path = DATA / "river" / f"{name}.csv.gz"
    if not path.exists():
        pytest.skip(f"{path} is not there; set SHOUWANG_DATA")
    metrics = [metric for metric, _ in LOGAN.values()]
    world = registry(PlaceKind.REACH, *metrics, interval_s=900)
    columns = {
        key: Column(place=PLACE, metric=metric, scale=scale)
        for key, (metric, scale) in LOGAN.items()
    }
    with gzip.open(path, "rt") as lines:
        season = entries_from_csv(
            lines, mapping(time="datetime", columns=columns), world, shipped(), tick_ms=300_000
        )
        rang = [e for e in episodes(replay(season)) if e.rule != "riv-offline"]
    counts: dict[str, int] = {}
    for episode in rang:
        counts[episode.rule] = counts.get(episode.rule, 0) + 1
    assert counts == expected
    if name == "MainStreet2019":
        winter = [e for e in rang if e.rule == "riv-cond-rise" and e.raised_ms < 1_554_076_800_000]
        assert len(winter) == 7  # before April

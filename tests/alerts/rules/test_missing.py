"""Missing: a detector that is silent while its box speaks, and what is none."""

import pytest

from alerts.registry.model import PlaceKind
from alerts.rules.engine import Engine
from alerts.rules.inputs import RegistryRevised, What
from tests.alerts.rules.worlds import (
    PACK,
    PLACE,
    T0,
    Spot,
    batch,
    journal,
    rule_text,
    said,
    told,
    village,
)

SMOKE, HEAT, SOCKET = (PLACE, "", "smoke"), (PLACE, "", "shed-temp"), (PLACE, "7", "power")
BODY = """kind = "missing"
metric = "smoke"
signs = ["shed-temp", "power"]
step = [{ severity = "major", above = 15.0, keep = "2m" }]"""
WARM = [25.0] * 40


@pytest.mark.parametrize(
    ("sentence", "columns", "expected"),
    [
        (
            "it rings after so many minutes, and is over once it is heard",
            {SMOKE: [0.0] * 5 + [None] * 25 + [0.0] * 5, HEAT: WARM},
            [("raised", "major", 20), ("cleared", "major", 32)],
        ),
        (
            "a socket of the place is a sign of life as well",
            {SMOKE: [0.0] * 5, SOCKET: [110.0] * 30},
            [("raised", "major", 20)],
        ),
        ("the whole box is silent: that is told elsewhere", {SMOKE: [0.0] * 5, HEAT: WARM[:5]}, []),
        ("a box without a detector", {HEAT: WARM}, []),
        ("one lost reading", {SMOKE: [0.0, None] * 20, HEAT: WARM}, []),
    ],
)
def test_missing(sentence, columns, expected) -> None:
    assert told(said(BODY, columns)) == expected, sentence


def test_a_detector_that_speaks_every_half_hour_is_not_missed_before_its_own_time() -> None:
    columns: dict[Spot, list[float | None]] = {
        SMOKE: [0.0, None, None, None, 0.0],
        HEAT: [25.0] * 5,
    }
    assert said(BODY, columns, interval_ms=1_800_000) == []


def test_a_backlog_in_which_the_one_comes_hours_before_the_other_misses_nothing() -> None:
    later = T0 + 4 * 3_600_000
    minutes = [T0 + n * 60_000 for n in range(240)]
    whats = [(T0, batch((T0, 0.0), metric="smoke")), (T0, batch((T0, 25.0), metric="shed-temp"))]
    whats += [(later, batch((at_ms, 25.0), metric="shed-temp")) for at_ms in minutes]
    whats += [(later, batch((at_ms, 0.0), metric="smoke")) for at_ms in minutes]
    packs = {"test.toml": PACK + rule_text(BODY)}
    engine = Engine("j")
    for entry in journal(village(PlaceKind.SHED, [SMOKE, HEAT]), packs, whats):
        assert engine.feed(entry) == []
    assert engine.problems == []


def test_a_detector_that_is_no_longer_registered_is_not_missed() -> None:
    packs = {"test.toml": PACK + rule_text(BODY)}
    whats: list[tuple[int, What]] = [(T0, batch((T0, 0.0), metric="smoke"))]
    whats += [(T0 + 60_000, RegistryRevised(village(PlaceKind.SHED, [HEAT])))]
    times = [T0 + n * 60_000 for n in range(2, 60)]
    whats += [(at_ms, batch((at_ms, 25.0), metric="shed-temp")) for at_ms in times]
    engine = Engine("j")
    for entry in journal(village(PlaceKind.SHED, [SMOKE, HEAT]), packs, whats):
        assert engine.feed(entry) == []
    assert engine.problems == []

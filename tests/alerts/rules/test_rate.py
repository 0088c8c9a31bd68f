"""Rates: both ends as medians, gaps, and the time to a line."""

import pytest

from tests.alerts.rules.worlds import PLACE, Spot, said, told

WARMTH = (PLACE, "7", "port-temp")
BODY = """kind = "rate"
metric = "port-temp"
over = "4m"
per = "1m"
step = [{ severity = "major", above = 3.0, clear = 1.0 }]"""
TO_LINE = """kind = "rate"
metric = "water-level"
over = "20m"
per = "1h"
minutes_to_line = true
per_place = true
step = [{ severity = "major", below = 60.0, clear = 120.0 }]"""


@pytest.mark.parametrize(
    ("sentence", "column", "expected"),
    [
        (
            "four degrees a minute ring, and clear when it is steady",
            [30.0] * 6 + [34.0, 38.0, 42.0, 46.0, 50.0] + [50.0] * 10,
            [("raised", "major", 10), ("cleared", "major", 14)],
        ),
        ("two a minute do not", [30.0 + 2 * n for n in range(20)], []),
        ("one wild reading is no rate", [30.0] * 6 + [90.0] + [30.0] * 10, []),
        ("nor is what lies on either side of a gap", [30.0] * 6 + [None] * 10 + [60.0] * 10, []),
        ("less than half of the time gives none", [30.0, 36.0, 42.0, 48.0], []),
    ],
)
def test_rates(sentence, column, expected) -> None:
    assert told(said(BODY, {WARMTH: column})) == expected, sentence


def test_the_rate_is_told() -> None:
    raised = said(BODY, {WARMTH: [30.0] * 6 + [34.0, 38.0, 42.0, 46.0, 50.0]})[0]
    assert raised.facts == {"rate": pytest.approx(4.0), "window": 4}
    assert raised.value == 50.0


LEVEL = {(PLACE, "", "water-level"): [2.0] * 5 + [2.0 + n / 12 for n in range(1, 9)]}


def test_without_a_line_of_its_own_a_place_is_not_judged() -> None:
    assert said(TO_LINE, LEVEL, interval_ms=300_000) == []


def test_the_minutes_to_the_line_are_told() -> None:
    raised = said(TO_LINE, LEVEL, interval_ms=300_000, override={"line": 3.2})[0]
    assert 0 < float(raised.facts["minutes"]) < 60
    assert (raised.facts["line"], raised.limit) == (3.2, None)


@pytest.mark.parametrize(
    ("sentence", "levels", "rings"),
    [
        ("a gauge that is put back is not on its way", [2.0] * 60 + [1.2] * 8 + [1.6, 2.0, 2.0, 2.0], False),
        ("water that has risen above the usual is", [2.0] * 60 + [2.1, 2.2, 2.3, 2.4, 2.5], True),
        ("a new station knows no usual yet", [2.0] * 4 + [2.1, 2.2, 2.3, 2.4, 2.5], True),
    ],
)  # fmt: skip
def test_what_is_only_back_is_not_on_its_way_to_the_line(sentence, levels, rings) -> None:
    body = TO_LINE.replace("per_place", 'usual = "1d"\nover_usual = 0.2\nper_place')
    columns: dict[Spot, list[float | None]] = {(PLACE, "", "water-level"): levels}
    assert bool(said(body, columns, interval_ms=300_000, override={"line": 2.8})) is rings, sentence

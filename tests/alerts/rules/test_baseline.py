"""Baselines: learning, hours of the day, what becomes usual."""

import pytest

from tests.alerts.rules.worlds import PLACE, said, told

SPOT = (PLACE, "", "conductivity")
BODY = """kind = "baseline"
metric = "conductivity"
window = "10d"
quantile = 0.8
learn = 5.0
least = 50.0
step = [{ severity = "minor", above = 50.0, clear = 20.0 }]"""
DAY = [300.0] * 12 + [600.0] * 12


@pytest.mark.parametrize(
    ("sentence", "column", "expected"),
    [
        ("the first days are for learning", DAY * 3 + [900.0] * 24, []),
        ("what comes each day at this hour is usual", DAY * 12, []),
        (
            "at another hour the same value is not",
            DAY * 6 + [300.0] * 4 + [600.0] * 2 + [300.0] * 6,
            [("raised", "minor", 148 * 60), ("cleared", "minor", 150 * 60)],
        ),
        ("too small a difference is none", [60.0] * 24 * 7 + [100.0] * 5, []),
        (
            "what lasts for some days becomes usual",
            [300.0] * 24 * 6 + [600.0] * 24 * 7,
            [("raised", "minor", 144 * 60), ("cleared", "minor", 192 * 60)],
        ),
    ],
)
def test_baselines(sentence, column, expected) -> None:
    found = told(said(BODY, {SPOT: column}, interval_ms=3_600_000))
    assert found == expected, sentence


def test_it_tells_what_is_usual() -> None:
    raised = said(BODY, {SPOT: [300.0] * 24 * 6 + [660.0]}, interval_ms=3_600_000)[0]
    assert raised.facts == {"usual": 300.0, "percent": pytest.approx(120), "days": 6.0}
    assert raised.value == 660.0

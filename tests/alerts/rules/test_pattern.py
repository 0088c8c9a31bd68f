"""Patterns: what is a swing, and what is only a slope or a small pulse."""

import pytest

from tests.alerts.rules.worlds import PLACE, said, told

BODY = """kind = "pattern"
metric = "power"
of = "port"
window = "10m"
percent = 30.0
least = 30.0
step = [{ severity = "minor", above = 3.0, clear = 1.0 }]"""


@pytest.mark.parametrize(
    ("sentence", "column", "expected"),
    [
        (
            "on and off four times in ten minutes; over when twelve readings were steady",
            [0.0, 186.0, 0.0, 186.0, 0.0] + [0.0] * 20,
            [("raised", "minor", 4), ("cleared", "minor", 16)],
        ),
        ("a fall in many steps is one swing", [186.0, 150.0, 80.0, 40.0, 0.0, 0.0, 0.0], []),
        ("pulses under the least are none", [8.0, 1.0] * 10, []),
        ("swings by less than a third are none", [186.0, 140.0] * 10, []),
        ("spread over an hour they are not many", ([186.0] * 6 + [0.0] * 6) * 5, []),
        ("what lies on either side of a gap is no swing", ([186.0] + [None] * 5 + [0.0]) * 5, []),
    ],
)
def test_patterns(sentence, column, expected) -> None:
    assert told(said(BODY, {(PLACE, "7", "power"): column})) == expected, sentence


def test_a_slow_meter_has_a_longer_window() -> None:
    socket = {(PLACE, "7", "power"): [186.0, 0.0, 186.0, 186.0, 0.0, 186.0, 186.0, 186.0]}
    assert told(said(BODY, socket, interval_ms=300_000)) == [("raised", "minor", 25)]

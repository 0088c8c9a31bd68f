"""Flat: which of several metrics stands still, from when, and what may."""

import pytest

from tests.alerts.rules.worlds import PLACE, said, told

BODY = """kind = "flat"
tolerances = { do = 0.02, ph = 0.005 }
floors = { do = 0.3 }
step = [{ severity = "minor", above = 2.0 }]"""
MOVING = [7.0 + n / 50 for n in range(30)]


@pytest.mark.parametrize(
    ("sentence", "oxygen", "expected"),
    [
        (
            "it rings after so many hours, and is over once it moves",
            [6.0, 6.2] + [6.31] * 10 + [6.5] * 3,
            [("raised", "minor", 165), ("cleared", "minor", 180)],
        ),
        ("a hair more than the tolerance is a move", [6.0 + n % 2 * 0.03 for n in range(30)], []),
        (
            "within the tolerance it is none",
            [6.0 + n % 2 * 0.01 for n in range(12)],
            [("raised", "minor", 135)],
        ),
        ("dead water is flat by nature", [0.1] * 30, []),
        (
            "a gap is left out of the count",
            [6.31] * 7 + [None] * 5 + [6.31] * 7,
            [("raised", "minor", 225)],
        ),
        ("what has moved in a gap begins anew", [6.31] * 7 + [None] * 5 + [6.5] * 7, []),
    ],
)
def test_flat(sentence, oxygen, expected) -> None:
    columns = {(PLACE, "", "do"): oxygen, (PLACE, "", "ph"): MOVING}
    assert told(said(BODY, columns, interval_ms=900_000)) == expected, sentence


def test_it_tells_which_metric_stands_still() -> None:
    columns = {(PLACE, "", "do"): [6.31] * 12, (PLACE, "", "ph"): MOVING}
    (raised,) = said(BODY, columns, interval_ms=900_000)
    assert (raised.metric, raised.value) == ("do", 6.31)
    assert raised.facts == {"hours": 2.25, "stuck_zh": "溶解氧", "stuck_en": "dissolved oxygen"}

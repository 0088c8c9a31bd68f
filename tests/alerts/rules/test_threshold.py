"""Threshold: an inrush is no overload, and what only looks like an inrush is one."""

import pytest

from alerts.rules.packs import PackError, read_packs
from tests.alerts.rules.worlds import PLACE, rule_text, said, told

BODY = """kind = "threshold"
metric = "power"
of = "port"
inrush = 30.0
step = [
  { severity = "major", above = 800.0, clear = 720.0, for = "10s", keep = "1m" },
  { severity = "critical", above = 2000.0, clear = 1800.0, keep = "1m" },
]"""


@pytest.mark.parametrize(
    ("sentence", "column", "expected"),
    [
        ("the first reading after nothing is an inrush", [0.0, 1100.0, 240.0, 240.0], []),
        ("and that of a box that has just begun", [1100.0, 240.0, 240.0], []),
        ("the second says that it is not", [0.0, 1100.0, 1100.0], ["major"]),
        ("in a charge that runs one is enough", [110.0, 1100.0, 110.0], ["major"]),
        ("beyond the severest limit one is enough", [0.0, 2500.0, 0.0], ["critical"]),
    ],
)
def test_an_inrush_is_no_overload(sentence, column, expected) -> None:
    found = told(said(BODY, {(PLACE, "7", "power"): column}))
    assert [severity for name, severity, _ in found if name == "raised"] == expected, sentence


def test_an_inrush_above_the_limits_is_refused() -> None:
    with pytest.raises(PackError, match="inrush"):
        read_packs({"p": rule_text(BODY.replace("inrush = 30.0", "inrush = 900.0"))})

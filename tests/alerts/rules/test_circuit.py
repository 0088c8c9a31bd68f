"""Circuit and balance: the sum of the sockets, the feeder, and what is not known."""

import pytest

from tests.alerts.rules.worlds import PLACE, said, told

FEEDER = (PLACE, "", "current")
LOAD = """kind = "circuit"
step = [{ severity = "minor", above = 80.0, clear = 70.0, for = "2m", keep = "2m" }]"""
BALANCE = """kind = "balance"
floor = 100.0
wait = "2m"
step = [{ severity = "minor", above = 15.0, for = "3m" }]"""


def socket(port: int, metric: str = "current") -> tuple[str, str, str]:
    return PLACE, str(port), metric


@pytest.mark.parametrize(
    ("sentence", "columns", "expected"),
    [
        (
            "sockets are added up, against the rating of 40 A",
            {socket(1): [17.0] * 8, socket(2): [10.0, 10.0] + [16.0] * 6},
            [("raised", "minor", 4)],
        ),
        (
            "a socket without a current counts by its power",
            {socket(1): [17.0] * 8, socket(2, "power"): [2200.0, 2200.0] + [3520.0] * 6},
            [("raised", "minor", 4)],
        ),
        (
            "a feeder's own meter counts alone",
            {FEEDER: [20.0] * 8, socket(1): [39.0] * 8},
            [],
        ),
        (
            "a sum that lacks a silent socket does not clear",
            {socket(1): [17.0] * 20, socket(2): [16.0] * 4 + [None] * 16},
            [("raised", "minor", 2)],
        ),
        (
            "with all heard it does",
            {socket(1): [17.0] * 20, socket(2): [16.0] * 4 + [1.0] * 16},
            [("raised", "minor", 2), ("cleared", "minor", 6)],
        ),
    ],
)
def test_a_circuit_is_judged_by_its_load(sentence, columns, expected) -> None:
    assert told(said(LOAD, columns)) == expected, sentence


def test_a_circuit_is_its_own_subject_and_tells_amperes() -> None:
    (raised,) = said(LOAD, {FEEDER: [36.0] * 5})
    assert str(raised.subject) == "circuit:linjiang/here/main"
    assert (raised.value, raised.limit, raised.place) == (36.0, 32.0, PLACE)
    assert raised.facts == {
        "percent": 90.0, "amperes": 36.0, "rating": 40, "circuit_zh": "总进线", "circuit_en": "the feeder",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("sentence", "feeder", "first", "second", "rings"),
    [
        ("a fifth is missing", [500.0] * 12, [200.0] * 12, [200.0] * 12, True),
        ("a tenth is a cable's loss", [440.0] * 12, [200.0] * 12, [200.0] * 12, False),
        ("a silent socket is not compared", [500.0] * 12, [200.0] * 12, [None] * 12, False),
        ("little power is not compared", [50.0] * 12, [10.0] * 12, [10.0] * 12, False),
    ],
)
def test_sockets_and_feeder_are_compared(sentence, feeder, first, second, rings) -> None:
    columns = {(PLACE, "", "power"): feeder, socket(1, "power"): first, socket(2, "power"): second}
    assert bool(said(BALANCE, columns)) is rings, sentence

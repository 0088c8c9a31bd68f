"""K of n: within a window, or all at once; runs of values; what is told."""

import pytest

from alerts.rules.packs import PackError, read_packs
from tests.alerts.rules.worlds import PLACE, rule_text, said, told

WINDOW = """kind = "k-of-n"
window = "30m"
wait = "3m"
among = [{ metric = "do", below = 2.0, samples = 2 }, { metric = "orp", below = 50.0 }, { metric = "nh3n", above = 8.0 }]
step = [{ severity = "major", above = 1.0 }]"""
NOW = """kind = "k-of-n"
of = "port"
among = [{ metric = "power", above = 10.0 }, { metric = "relay", below = 0.5 }]
step = [{ severity = "major", above = 1.0, samples = 2 }]"""


@pytest.mark.parametrize(
    ("sentence", "oxygen", "orp", "expected"),
    [
        (
            "two conditions within the window, at different times, until the first is too old",
            [5.0, 1.0, 1.0] + [5.0] * 20,
            [120.0] * 5 + [20.0] + [120.0] * 17,
            [("raised", "major", 25), ("cleared", "major", 45)],
        ),
        ("a single false value is no condition", [5.0, 1.0] + [5.0] * 20, [20.0] * 22, []),
        ("one condition alone is not two", [1.0] * 20, [120.0] * 20, []),
        ("too far apart they do not meet", [1.0] * 2 + [5.0] * 20, [120.0] * 12 + [20.0] * 4, []),
    ],
)
def test_conditions_within_a_window(sentence, oxygen, orp, expected) -> None:
    columns = {(PLACE, "", "do"): oxygen, (PLACE, "", "orp"): orp}
    assert told(said(WINDOW, columns, interval_ms=300_000)) == expected, sentence


def test_it_tells_which_conditions_were_met() -> None:
    columns = {(PLACE, "", "do"): [1.0] * 5, (PLACE, "", "orp"): [20.0] * 5}
    (raised,) = said(WINDOW, columns, interval_ms=300_000)
    assert raised.facts["found_zh"] == "溶解氧、氧化还原电位"
    assert raised.facts["found_en"] == "dissolved oxygen, redox potential"


@pytest.mark.parametrize(
    ("sentence", "power", "relay", "expected"),
    [
        (
            "two readings after the relay has opened",
            [186.0] * 8 + [0.0] * 2,
            [1.0] * 3 + [0.0] * 7,
            [("raised", "major", 5), ("cleared", "major", 8)],
        ),
        (
            "the last reading before it opened proves nothing",
            [186.0] * 3 + [None, 0.0, 0.0],
            [1.0] * 3 + [0.0] * 3,
            [],
        ),
        (
            "a relay that is no longer heard does not clear what it has raised",
            [186.0] * 12,
            [1.0] * 2 + [0.0] + [None] * 9,
            [("raised", "major", 4)],
        ),
        (
            "nor does it raise anything",
            [5.0] * 8 + [186.0] * 6,
            [0.0] * 2 + [None] * 12,
            [],
        ),
    ],
)
def test_conditions_at_once(sentence, power, relay, expected) -> None:
    columns = {(PLACE, "7", "power"): power, (PLACE, "7", "relay"): relay}
    assert told(said(NOW, columns)) == expected, sentence


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("above = 1.0 }", "above = 3.0 }", "more than 3 of 3 can not be met"),
        ("below = 50.0", "below = 9000.0", "among 2: lies outside -1500 to 1500"),
        ('"orp"', '"do"', "needs two metrics or more, each once"),
    ],
)
def test_a_mistake_is_named(old, new, expected) -> None:
    with pytest.raises(PackError, match=expected):
        read_packs({"p": rule_text(WINDOW.replace(old, new, 1))})

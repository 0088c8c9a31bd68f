"""Limits: outside of two, what silence means, switching a rule off."""

import pytest

from alerts.packs import shipped
from alerts.registry.model import PlaceKind, Registry
from alerts.rules.packs import PackError, problems, read_packs
from tests.alerts.rules.worlds import PLACE, registry, rule_text, said, told

VOLTS = {(PLACE, "", "voltage"): [220.0] * 3 + [190.0] * 4 + [220.0] * 4}
OUTSIDE = """kind = "threshold"
metric = "voltage"
step = [{ severity = "minor", outside = [198.0, 253.0], back = 3.0, for = "2m" }]"""


def test_outside_is_below_or_above() -> None:
    assert told(said(OUTSIDE, VOLTS)) == [("raised", "minor", 5), ("cleared", "minor", 7)]


def test_a_place_moves_either_side_of_outside() -> None:
    assert said(OUTSIDE, VOLTS, override={"below": 185.0}) == []


def test_outside_and_above_say_it_twice() -> None:
    with pytest.raises(PackError, match="'outside' stands for 'above' and 'below'"):
        read_packs({"p": rule_text(OUTSIDE.replace("outside =", "above = 260.0, outside ="))})


def test_a_place_switches_a_rule_off_and_on() -> None:
    assert said(OUTSIDE, VOLTS, override={"on": 0}) == []
    assert said(OUTSIDE.replace("step", "on = 0.0\nstep"), VOLTS) == []
    assert said(OUTSIDE.replace("step", "on = 0.0\nstep"), VOLTS, override={"on": 1}) != []


@pytest.mark.parametrize(
    ("sentence", "stale", "expected"),
    [
        ("silence neither raises nor clears", "nothing", []),
        ("the last value goes on counting", "counts", [("raised", "major", 12)]),
    ],
)
def test_what_silence_means(sentence: str, stale: str, expected) -> None:
    body = f"""kind = "threshold"
metric = "co"
stale = "{stale}"
step = [{{ severity = "major", above = 50.0, for = "10m", keep = "5m" }}]"""
    column = [5.0, 5.0, 80.0] + [None] * 30
    assert told(said(body, {(PLACE, "", "co"): column})) == expected, sentence


def test_a_rule_of_safety_that_does_not_say_what_silence_means_is_warned_of() -> None:
    text = rule_text(OUTSIDE).replace('class = "upkeep"', 'class = "safety"')
    world = registry(PlaceKind.SHED, "voltage")
    (found,) = problems(read_packs({"p": text}), world)
    assert found.warning
    assert "stale: is missing: a rule of safety says what silence means" in str(found)


def test_every_shipped_rule_of_safety_says_it() -> None:
    found = problems(read_packs(shipped()), Registry())
    assert [problem for problem in found if "silence" in problem.what] == []

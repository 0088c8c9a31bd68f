"""Sums over windows: which line, late rain, clearing by time, override."""

import pytest

from alerts.rules.packs import PackError, read_packs
from alerts.rules.window import SumInWindow
from tests.alerts.rules.worlds import PLACE, T0, batch, rule_text, said, told

GAUGE = (PLACE, "", "rain")
BODY = """kind = "sum"
metric = "rain"
[[rule.step]]
severity = "minor"
in_1h = 30.0
in_6h = 50.0
keep = "10m"
[[rule.step]]
severity = "major"
in_1h = 50.0
in_6h = 70.0
called = { zh = "橙色", en = "orange" }
"""


@pytest.mark.parametrize(
    ("sentence", "column", "expected"),
    [
        ("a line is reached, not passed", [3.0] * 10, [("raised", "minor", 45)]),
        ("what falls short of it does not ring", [2.4] * 12 + [0.0] * 30, []),
        ("slow rain reaches the longer window", [1.0] * 60, [("raised", "minor", 245)]),
        (
            "it clears once the window has moved on, at eight tenths, for keep",
            [3.0] * 10 + [0.0] * 20,
            [("raised", "minor", 45), ("cleared", "minor", 75)],
        ),
        (
            "each step by its own lines",
            [6.0] * 9,
            [("raised", "minor", 20), ("severity", "major", 40)],
        ),
    ],
)
def test_sums(sentence, column, expected) -> None:
    assert told(said(BODY, {GAUGE: column}, interval_ms=300_000)) == expected, sentence


def test_tips_of_two_tenths_add_up_to_the_line() -> None:
    assert told(said(BODY, {GAUGE: [0.2] * 250}, interval_ms=60_000)) == [("raised", "minor", 249)]


def test_rain_that_comes_late_counts_where_it_fell() -> None:
    late = (T0 + 30 * 60_000, batch((T0 + 12 * 60_000, 20.0), metric="rain"))
    column = {GAUGE: [2.0] * 6 + [0.0] * 20}
    assert said(BODY, column, interval_ms=300_000) == []
    assert told(said(BODY, column, interval_ms=300_000, also=[late])) == [
        ("raised", "minor", 30), ("cleared", "minor", 85),
    ]  # fmt: skip


def test_it_tells_the_window_and_what_the_profile_calls_it() -> None:
    raised = said(BODY, {GAUGE: [9.0] * 6}, interval_ms=300_000)[-1]
    assert (raised.value, raised.limit) == (54.0, 50.0)
    assert raised.facts == {"hours": 1.0, "called_zh": "橙色", "called_en": "orange"}


def test_a_place_moves_a_line() -> None:
    override = {"minor.in_1h": 40.0}
    assert said(BODY, {GAUGE: [3.0] * 10}, interval_ms=300_000, override=override) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"rain"', '"co"', "'co' is no amount that can be added up"),
        ("in_1h = 50.0", "in_1h = 20.0", "a severer step has a smaller 'in_1h'"),
        ("in_6h = 50.0", "in_6h = 20.0", "a longer window has a smaller line in minor"),
        ("in_6h = 50.0", "in_2h = 40.0", "step.1.in_2h: unknown key; did you mean"),
    ],
)
def test_a_mistake_is_named(old: str, new: str, expected: str) -> None:
    with pytest.raises(PackError, match=expected):
        read_packs({"p": rule_text(BODY.replace(old, new))})


def test_a_window_holds_sixty_buckets_at_most() -> None:
    window = SumInWindow(3_600_000)
    for n in range(5_000):
        window.add(0.2, n * 17_000)
        assert len(window) <= 60
    assert window.total == pytest.approx(0.2 * 3_600_000 / 17_000, rel=0.02)

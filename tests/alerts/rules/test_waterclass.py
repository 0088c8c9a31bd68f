"""Water classes: the table, the mean of a day, the target of a place."""

import pytest

from alerts.rules.waterclass import class_of
from tests.alerts.rules.worlds import PLACE, Spot, said, told

BODY = """kind = "water-class"
window = "1d"
per_place = true
step = [{ severity = "minor", above = 1.0, clear = 0.0 }]"""
AMMONIA, OXYGEN = (PLACE, "", "nh3n"), (PLACE, "", "do")


@pytest.mark.parametrize(
    ("metric", "mean", "expected"),
    [
        ("do", 7.5, 1), ("do", 7.49, 2), ("do", 2.0, 5), ("do", 1.99, 6),
        ("nh3n", 0.15, 1), ("nh3n", 0.16, 2), ("nh3n", 2.0, 5), ("nh3n", 2.01, 6),
        ("cod", 15, 1), ("cod", 15.1, 3), ("tp", 0.4, 5), ("codmn", 6, 3), ("bod5", 10.1, 6),
    ],
)  # fmt: skip
def test_the_class_of_a_mean(metric: str, mean: float, expected: int) -> None:
    assert class_of(metric, mean) == expected


@pytest.mark.parametrize(
    ("sentence", "ammonia", "target", "expected"),
    [
        (
            "two classes worse ring once a day is spanned",
            [1.9] * 30,
            3,
            [("raised", "minor", 20 * 60)],
        ),
        ("one class worse does not", [1.4] * 30, 3, []),
        ("some bad hours are not a day", [0.4] * 24 + [3.0] * 4 + [0.4] * 20, 3, []),
        ("without a target nothing is judged", [9.0] * 30, None, []),
    ],
)
def test_the_mean_of_a_day_against_the_target(sentence, ammonia, target, expected) -> None:
    override = {"target": target} if target else None
    columns = {AMMONIA: ammonia, OXYGEN: [8.0] * len(ammonia)}
    assert told(said(BODY, columns, interval_ms=3_600_000, override=override)) == expected, sentence


def test_a_wait_passes_at_a_station_that_speaks_more_often_than_the_mean_is_judged() -> None:
    body = BODY.replace("clear = 0.0", 'clear = 0.0, for = "6h"')
    columns: dict[Spot, list[float | None]] = {AMMONIA: [1.9] * 400}
    found = told(said(body, columns, interval_ms=300_000, override={"target": 3}))
    assert [name for name, _, _ in found] == ["raised"]


def test_it_tells_what_is_worst() -> None:
    columns = {AMMONIA: [1.9] * 24, OXYGEN: [8.0] * 24}
    (raised,) = said(BODY, columns, interval_ms=3_600_000, override={"target": 3})
    assert raised.metric == "nh3n"
    assert raised.value == pytest.approx(1.9)
    assert raised.facts == {
        "class_zh": "Ⅴ", "class_en": "V", "target_zh": "Ⅲ", "target_en": "III",
        "worst_zh": "氨氮", "worst_en": "ammonia nitrogen",
    }  # fmt: skip

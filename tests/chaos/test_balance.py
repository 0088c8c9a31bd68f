"""A balance that could not fail would prove nothing: each kind of loss is seen."""

from collections import Counter
from dataclasses import replace

import pytest

from tests.chaos.balance import Found, Key, Point, balance


def key(seq: int, device: str = "box") -> Key:
    return Key(device, "run-1", seq)


def point(seq: int, at_ms: int | None = None) -> Point:
    return Point("box", "reach", "", "ph", seq if at_ms is None else at_ms, 7.0 + seq)


ISSUED = {key(seq): point(seq) for seq in range(6)}
GOOD = Found(
    issued=ISSUED,
    stored=Counter(point(seq) for seq in (0, 1, 2)),
    journalled=Counter(key(seq) for seq in (0, 1, 2)),
    dead=Counter([key(3)]),
    dropped={"box": 1},
    given_up=[key(4)],
    waiting=[key(5)],
)


def test_a_balance_that_holds_says_where_each_reading_is() -> None:
    found = balance(GOOD)
    assert found.complaints == ()
    assert str(found) == (
        "6 issued = 3 stored + 1 dead + 1 dropped + 1 in device journals"
    )  # fmt: skip


def test_what_a_device_still_keeps_and_the_store_has_counts_once() -> None:
    assert balance(replace(GOOD, waiting=[key(0), key(5)])) == balance(GOOD)


def test_what_a_device_gave_up_and_the_store_has_is_no_drop() -> None:
    assert balance(replace(GOOD, given_up=[key(0), key(4)])) == balance(GOOD)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"waiting": []}, "1 lost"),
        ({"stored": Counter(point(seq) for seq in (0, 1))}, "1 lost"),
        ({"dead": Counter()}, "1 lost"),
        ({"given_up": []}, "1 lost"),
        ({"dropped": {}}, "dropped by devices {'box': 1}, but counted {}"),
        ({"dropped": {"box": 2}}, "but counted {'box': 2}"),
        ({"journalled": Counter([key(0), key(0)])}, "twice in the collector's journal"),
        ({"dead": Counter([key(3), key(3)])}, "dead more than once"),
        ({"dead": Counter([key(2), key(3)])}, "dead and stored"),
        ({"stored": Counter(point(seq) for seq in range(4, -2, -1))}, "nobody issued"),
        ({"stored": Counter([*map(point, (0, 1, 2)), point(0)])}, "stored more than once"),
        ({"journalled": Counter([key(9)])}, "taken in that nobody issued"),
        ({"issued": ISSUED | {key(6): point(2)}}, "share a point"),
    ],
)
def test_what_is_wrong_is_said(change: dict[str, object], complaint: str) -> None:
    found = balance(replace(GOOD, **change))  # type: ignore[arg-type]
    assert complaint in "; ".join(found.complaints)
    assert not found.holds

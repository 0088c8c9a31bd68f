"""JSON as names and leaves, and its bounds."""

import pytest

from collector.decoders.flat import MAX_BYTES, MOST_LEVELS, leaves, loads, number
from collector.decoders.port import Garbled


def test_leaves_have_dotted_names_and_lists_are_counted_from_one() -> None:
    body = {"ENERGY": {"Power": [3, 4], "Period": None}, "on": True, "s": "x"}
    assert leaves(body) == {
        "ENERGY.Power.1": 3,
        "ENERGY.Power.2": 4,
        "ENERGY.Period": None,
        "on": True,
        "s": "x",
    }


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b'{"a":NaN}',
        b"\xff",
        b" " * (MAX_BYTES + 1),
        b"[" * (MOST_LEVELS + 2) + b"]" * (MOST_LEVELS + 2),
        b'{"a":' * 900 + b"1" + b"}" * 900,
        b"[" * 100_000,
    ],
)
def test_what_is_no_json_of_a_reasonable_size_and_depth_is_garbled(payload) -> None:
    with pytest.raises(Garbled):
        loads(payload)


def test_a_wide_message_is_no_deep_one() -> None:
    assert len(loads(b"[" + b"{}," * 1000 + b"{}]")) == 1001
    assert loads(b"[" * MOST_LEVELS + b"]" * MOST_LEVELS)


@pytest.mark.parametrize(
    ("leaf", "value"),
    [
        (1, 1.0),
        ("1.5", 1.5),
        (True, None),
        ("nan", None),
        ("1_0", None),
        ("１", None),
        (1e301, None),
    ],
)
def test_a_number_is_finite_and_may_stand_in_quotes(leaf, value) -> None:
    assert number(leaf) == value

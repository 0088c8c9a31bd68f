"""The CBOR reader against the examples of the standard, and against another implementation."""

import math
from typing import Any

import cbor2
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from collector.decoders.cbor import DEEPEST, MAX_BYTES, loads
from collector.decoders.port import Garbled

# RFC 8949, appendix A.
EXAMPLES = [
    ("00", 0),
    ("17", 23),
    ("1818", 24),
    ("1903e8", 1000),
    ("1a000f4240", 1_000_000),
    ("1b000000e8d4a51000", 1_000_000_000_000),
    ("1bffffffffffffffff", 18446744073709551615),
    ("3bffffffffffffffff", -18446744073709551616),
    ("20", -1),
    ("3903e7", -1000),
    ("f90000", 0.0),
    ("f93c00", 1.0),
    ("f97bff", 65504.0),
    ("fa47c35000", 100000.0),
    ("fb3ff199999999999a", 1.1),
    ("f90001", 5.960464477539063e-8),
    ("f97c00", math.inf),
    ("f4", False),
    ("f5", True),
    ("f6", None),
    ("40", b""),
    ("4401020304", bytes([1, 2, 3, 4])),
    ("60", ""),
    ("6449455446", "IETF"),
    ("62c3bc", "ü"),
    ("64f0908591", "\U00010151"),
    ("83010203", [1, 2, 3]),
    ("8301820203820405", [1, [2, 3], [4, 5]]),
    ("a201020304", {1: 2, 3: 4}),
    ("a26161016162820203", {"a": 1, "b": [2, 3]}),
    ("5f42010243030405ff", bytes([1, 2, 3, 4, 5])),
    ("7f657374726561646d696e67ff", "streaming"),
    ("9fff", []),
    ("9f018202039f0405ffff", [1, [2, 3], [4, 5]]),
    ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}),
    ("c48221196ab3", 273.15),  # section 3.4.4: a decimal fraction
    ("d9d9f7f5", True),  # section 3.4.6: self-described
]


@pytest.mark.parametrize(("text", "expected"), EXAMPLES)
def test_the_examples_of_the_standard_are_read(text, expected) -> None:
    found = loads(bytes.fromhex(text))
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "ends within"),
        ("ff", "a break"),
        ("0000", "1 bytes follow"),
        ("1c", "no length"),
        ("1f", "unknown length"),
        ("9bffffffffffffffff00", "ends within"),
        ("bbffffffffffffffff00", "ends within"),
        ("5bffffffffffffffff00", "ends within"),
        ("62c328", "not UTF-8"),
        ("5f6161ff", "another kind"),
        ("5f5f4101ffff", "another kind"),
        ("a1810102", "integers or texts"),
        ("a201020103", "twice"),
        ("82ff00", "a break within an array"),
        ("bf01ff", "a break within a map"),
        ("c249010000000000000000", "tag 2"),
        ("d81c8101", "tag 28"),
        ("c1ff", "tag 1"),
        ("c4821b7fffffffffffffff01", "beyond every number"),
        ("c482190190190fff", "beyond every number"),
        ("c40a", "two integers"),
        ("f0", "simple value"),
    ],
)
def test_what_is_not_understood_is_garbled(text, reason) -> None:
    with pytest.raises(Garbled, match=reason):
        loads(bytes.fromhex(text))


def test_nesting_and_size_are_bounded() -> None:
    assert loads(b"\x81" * DEEPEST + b"\x00")
    with pytest.raises(Garbled, match="nested"):
        loads(b"\x81" * (DEEPEST + 1) + b"\x00")
    with pytest.raises(Garbled, match="nested"):
        loads(b"\x9f" * MAX_BYTES)
    with pytest.raises(Garbled, match="bytes"):
        loads(b"\x00" * (MAX_BYTES + 1))


_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.binary(max_size=20)
)
_KEYS = st.integers(-(2**64), 2**64 - 1) | st.text(max_size=8)


def _within(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(parts, max_size=5) | st.dictionaries(_KEYS, parts, max_size=5)


@settings(max_examples=300, deadline=None)
@given(st.recursive(_LEAVES, _within, max_leaves=20), st.booleans())
def test_another_implementation_writes_what_is_read(item, indefinite) -> None:
    assume(_depth(item) <= DEEPEST)
    assert loads(cbor2.dumps(item, indefinite_containers=indefinite)) == item


def _depth(item: Any) -> int:
    inner = item.values() if isinstance(item, dict) else item if isinstance(item, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)

"""Ranges behave as a set of whole numbers."""

from hypothesis import given
from hypothesis import strategies as st

from edge.contract.ranges import Ranges, decode_received, encode_received

pairs = st.tuples(st.integers(0, 80), st.integers(0, 12)).map(lambda p: (p[0], p[0] + p[1]))


def numbers(ranges) -> set[int]:
    return {number for lo, hi in ranges for number in range(lo, hi + 1)}


@given(st.lists(pairs, max_size=25), pairs)
def test_ranges_equal_a_set(added, asked) -> None:
    ranges, model = Ranges(), set()
    for lo, hi in added:
        have_lo, have_hi = ranges.add(lo, hi)
        model |= set(range(lo, hi + 1))
        assert have_lo <= lo <= hi <= have_hi
        assert set(range(have_lo, have_hi + 1)) <= model
        assert have_lo - 1 not in model
        assert have_hi + 1 not in model
    assert numbers(ranges) == model
    assert ranges.total == len(model)
    gaps = [b[0] - a[1] for a, b in zip(list(ranges), list(ranges)[1:], strict=False)]
    assert all(gap >= 2 for gap in gaps), "sorted, disjoint, and neighbours are one"
    assert len(ranges) == len(list(ranges))
    wanted = set(range(asked[0], asked[1] + 1))
    assert numbers(ranges.missing(*asked)) == wanted - model
    for number in wanted:
        assert (number in ranges) == (number in model)
        around = ranges.around(number)
        assert (around is not None) == (number in model)
        assert around is None or around[0] <= number <= around[1]
    assert ranges == Ranges(ranges)
    assert (ranges == Ranges([*ranges, (999, 999)])) is False


@given(
    st.dictionaries(
        st.from_regex(r"[a-z0-9-]{1,64}", fullmatch=True), st.lists(pairs, max_size=5), max_size=4
    )
)
def test_a_receipt_comes_back_as_it_went(ranges) -> None:
    assert decode_received(encode_received(ranges)) == ranges


@given(st.binary(max_size=99))
def test_garbled_receipts_are_none(payload) -> None:
    assert decode_received(payload) is None


def test_a_deeply_nested_receipt_is_none() -> None:
    assert decode_received(b'{"received":' + b"[" * 10**5) is None

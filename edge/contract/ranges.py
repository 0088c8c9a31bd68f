"""Ranges of ``seq``: which readings of a run are on a disk; and the ``received`` payload."""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping

from edge.contract.ids import is_id

MAX_SEQ = 2**53  # what JSON numbers carry whole


class Ranges:
    """A set of whole numbers kept as sorted, disjoint, closed intervals ``(lo, hi)``."""

    __slots__ = ("_hi", "_lo")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._lo: list[int] = []
        self._hi: list[int] = []
        for lo, hi in ranges:
            self.add(lo, hi)

    def add(self, lo: int, hi: int) -> tuple[int, int]:
        """Take in ``lo..hi`` and return the interval that now holds them."""
        los, his = self._lo, self._hi
        if his and lo == his[-1] + 1:  # what comes next, as nearly always
            his[-1] = max(hi, his[-1])
            return los[-1], his[-1]
        start = bisect_right(his, lo - 2)  # first interval that touches or overlaps
        end = bisect_right(los, hi + 1)
        if start < end:
            lo, hi = min(lo, los[start]), max(hi, his[end - 1])
        los[start:end] = [lo]
        his[start:end] = [hi]
        return lo, hi

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._lo, number) - 1
        return at >= 0 and number <= self._hi[at]

    def around(self, number: int) -> tuple[int, int] | None:
        """The interval that holds ``number``."""
        at = bisect_right(self._lo, number) - 1
        return (self._lo[at], self._hi[at]) if at >= 0 and number <= self._hi[at] else None

    def missing(self, lo: int, hi: int) -> list[tuple[int, int]]:
        """The parts of ``lo..hi`` that are not in the set, in order."""
        los, his = self._lo, self._hi
        if lo <= hi and (not his or lo > his[-1]):  # nothing of it, as nearly always
            return [(lo, hi)]
        gaps = []
        at = bisect_left(his, lo)  # the first interval that is not all before
        while at < len(los) and los[at] <= hi:
            if los[at] > lo:
                gaps.append((lo, los[at] - 1))
            lo = his[at] + 1
            at += 1
        if lo <= hi:
            gaps.append((lo, hi))
        return gaps

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(zip(self._lo, self._hi, strict=True))

    def __len__(self) -> int:
        """How many intervals."""
        return len(self._lo)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ranges) and self._lo == other._lo and self._hi == other._hi

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"Ranges({list(self)!r})"

    @property
    def total(self) -> int:
        """How many numbers."""
        return sum(hi - lo + 1 for lo, hi in self)


def encode_received(ranges: Mapping[str, Iterable[tuple[int, int]]]) -> bytes:
    """The payload of ``received``: ``{"received": {"<run>": [[lo, hi], ...]}}``."""
    # By hand, since a run is an id, which needs no escapes: a server says this to each device.
    runs = [
        f'"{run}":[{",".join([f"[{lo},{hi}]" for lo, hi in pairs])}]'
        for run, pairs in ranges.items()
    ]
    return f'{{"received":{{{",".join(runs)}}}}}'.encode()


def decode_received(
    payload: bytes, loads: Callable[[bytes], object] = json.loads
) -> dict[str, list[tuple[int, int]]] | None:
    """What ``encode_received`` wrote, or None when the payload is not that."""
    try:
        body = loads(payload)
    except (ValueError, RecursionError):
        return None
    runs = body.get("received") if isinstance(body, dict) else None
    if not isinstance(runs, dict):
        return None
    result = {}
    for run, pairs in runs.items():
        if not is_id(run) or not isinstance(pairs, list):
            return None
        for pair in pairs:
            if not (
                isinstance(pair, list)
                and len(pair) == 2
                and all(type(number) is int for number in pair)
                and 0 <= pair[0] <= pair[1] < MAX_SEQ
            ):
                return None
        result[run] = [(pair[0], pair[1]) for pair in pairs]
    return result

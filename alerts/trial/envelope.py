"""Envelope: a series made small while it passes, so that each spike stays in sight and gaps stay gaps."""

from array import array
from typing import NamedTuple

BUCKETS_MOST = (
    2048  # 32 kB a series: a season in steps of an hour, to be cut finer around an episode
)


class Column(NamedTuple):
    """The least and the greatest value from ``at_ms`` on, of one step."""

    at_ms: int
    low: float
    high: float


class Envelope:
    """Least and greatest value in equal steps of a span; values may come in any order."""

    __slots__ = ("_high", "_low", "count", "since_ms", "step_ms")

    def __init__(self, since_ms: int, until_ms: int, most: int = BUCKETS_MOST) -> None:
        self.since_ms = since_ms
        self.step_ms = max(1000, -(-(until_ms - since_ms) // most))
        steps = -(-(until_ms - since_ms) // self.step_ms)
        self._low = array("d", [float("inf")]) * steps
        self._high = array("d", [float("-inf")]) * steps
        self.count = 0

    def add(self, at_ms: int, value: float) -> None:
        """Take in a value; one from outside of the span is none of it."""
        n = (at_ms - self.since_ms) // self.step_ms
        if not 0 <= n < len(self._low):
            return
        self.count += 1
        if value < self._low[n]:
            self._low[n] = value
        if value > self._high[n]:
            self._high[n] = value

    def columns(
        self, most: int, since_ms: int | None = None, until_ms: int | None = None
    ) -> tuple[int, list[Column]]:
        """The length of a step, and at most ``most`` of them that hold something, in this part."""
        first = 0 if since_ms is None else max(0, (since_ms - self.since_ms) // self.step_ms)
        last = len(self._low)
        if until_ms is not None:
            last = min(last, -(-(until_ms - self.since_ms) // self.step_ms))
        width = max(1, -(-(last - first) // most))
        found = []
        for n in range(first, last, width):
            low, high = (
                min(self._low[n : min(n + width, last)]),
                max(self._high[n : min(n + width, last)]),
            )
            if low <= high:
                found.append(Column(self.since_ms + n * self.step_ms, low, high))
        return width * self.step_ms, found


def runs(columns: list[Column], step_ms: int, hold_ms: int) -> list[list[Column]]:
    """The columns cut where nothing came for longer than a value holds."""
    found: list[list[Column]] = []
    for column in columns:
        if found and column.at_ms - found[-1][-1].at_ms - step_ms <= hold_ms:
            found[-1].append(column)
        else:
            found.append([column])
    return found

"""Order: readings of several series, by the order of their time, each held back for ``wait``."""

from bisect import bisect_left, insort
from collections.abc import Container, Iterator, Sequence
from typing import Any

HELD_MOST = 64  # readings; beyond it the oldest goes on before its time
Held = tuple[int, str, float, int]
"""Observed, of which series, value, watched time at arrival."""


class Order:
    """A reading goes on once one has come that is younger by ``wait``, or once it has waited so
    long. So what comes up to ``wait`` out of order makes no difference."""

    __slots__ = ("held", "newest_ms", "wait_ms")

    def __init__(self, wait_ms: int) -> None:
        self.wait_ms = wait_ms
        self.held: list[Held] = []
        self.newest_ms = 0

    def add(self, key: str, value: float, at_ms: int, watched_ms: int) -> Sequence[Held]:
        """Take one in; those that may go on now."""
        held = self.held
        reading = (at_ms, key, value, watched_ms)
        if held and reading < held[-1]:
            insort(held, reading)
        else:
            held.append(reading)
        if at_ms > self.newest_ms:
            self.newest_ms = at_ms
        until_ms = self.newest_ms - self.wait_ms
        if held[0][0] >= until_ms and len(held) <= HELD_MOST:
            return ()
        count = bisect_left(held, (until_ms,))
        count = max(count, len(held) - HELD_MOST)
        going = held[:count]
        del held[:count]
        return going

    def due(self, watched_ms: int) -> Iterator[Held]:
        """Those that have waited long enough."""
        held = self.held
        while held and watched_ms - held[0][3] >= self.wait_ms:
            yield held.pop(0)

    def until(self, until_ms: int) -> int:
        """Up to which observed time everything has been taken in, of ``until_ms`` at most."""
        until_ms -= self.wait_ms
        return min(until_ms, self.held[0][0]) if self.held else until_ms

    def dump(self) -> list[Any]:
        return [self.newest_ms, [list(held) for held in self.held]] if self.held else []

    def load(self, data: list[Any], known: Container[str]) -> None:
        """Take over what ``dump`` gave, of the series that are still known."""
        if data:
            self.newest_ms = data[0]
            self.held = [(at, key, value, then) for at, key, value, then in data[1] if key in known]

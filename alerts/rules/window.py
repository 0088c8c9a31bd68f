"""The least value of a sliding window, in bounded memory."""

from collections import deque
from typing import Any

BUCKETS = 60  # per window; one more is open at either end, so at most 62 are held


class LeastInWindow:
    """The minimum over the last ``window_ms``, rounded up to a sixtieth of it.

    A monotone queue of (bucket, minimum): only minima that may still become the least are held.
    """

    __slots__ = ("_queue", "_width_ms")

    def __init__(self, window_ms: int) -> None:
        self._width_ms = max(1, -(-window_ms // BUCKETS))
        self._queue: deque[tuple[int, float]] = deque()

    def add(self, value: float, at_ms: int) -> float:
        """Take in a value no older than the last; the least of the window that ends here."""
        queue, bucket = self._queue, at_ms // self._width_ms
        while queue and queue[-1][1] >= value:
            queue.pop()
        if not queue or queue[-1][0] != bucket:
            queue.append((bucket, value))
        while queue[0][0] < bucket - BUCKETS:
            queue.popleft()
        return queue[0][1]

    def clear(self) -> None:
        self._queue.clear()

    def __len__(self) -> int:
        return len(self._queue)

    def dump(self) -> list[Any]:
        return [self._width_ms, [list(pair) for pair in self._queue]]

    def load(self, data: list[Any]) -> None:
        width_ms, pairs = data
        if width_ms == self._width_ms:  # else the window has another length now: begin anew
            self._queue.extend((bucket, value) for bucket, value in pairs)

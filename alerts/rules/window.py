"""The least, the median, the sum and the mean of a sliding window, in bounded memory."""

from typing import Any

BUCKETS = 60  # per window; one more is open at either end, so at most 62 are held
# They are lists: an empty deque takes 600 bytes, and most windows of a place are empty.


class LeastInWindow:
    """The minimum over the last ``window_ms``, rounded up to a sixtieth of it.

    A monotone queue of (bucket, minimum): only minima that may still become the least are held.
    """

    __slots__ = ("_queue", "_width_ms")

    def __init__(self, window_ms: int) -> None:
        self._width_ms = max(1, -(-window_ms // BUCKETS))
        self._queue: list[tuple[int, float]] = []

    def add(self, value: float, at_ms: int) -> float:
        """Take in a value no older than the last; the least of the window that ends here."""
        queue, bucket = self._queue, at_ms // self._width_ms
        while queue and queue[-1][1] >= value:
            queue.pop()
        if not queue or queue[-1][0] != bucket:
            queue.append((bucket, value))
        while queue[0][0] < bucket - BUCKETS:
            queue.pop(0)
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


class MedianInWindow:
    """About the median over the last ``window_ms``: that of the means of its sixtieths.

    It moves on when a sixtieth is full, so that what happens now is not measured against itself.
    """

    __slots__ = ("_bucket", "_count", "_means", "_median", "_total", "_width_ms")

    def __init__(self, window_ms: int) -> None:
        self._width_ms = max(1, -(-window_ms // BUCKETS))
        self._means: list[tuple[int, float]] = []
        self._bucket, self._count, self._total, self._median = -1, 0, 0.0, 0.0

    def add(self, value: float, at_ms: int) -> float:
        """Take in a value no older than the last; the median of what came before its sixtieth."""
        bucket = at_ms // self._width_ms
        if bucket != self._bucket:
            if self._count:
                self._means.append((self._bucket, self._total / self._count))
            while self._means and self._means[0][0] < bucket - BUCKETS:
                self._means.pop(0)
            if self._means:
                means = sorted(mean for _, mean in self._means)
                self._median = means[len(means) // 2]
            self._bucket, self._total, self._count = bucket, 0.0, 0
        self._total += value
        self._count += 1
        return self._median if self._means else value

    def clear(self) -> None:
        self._means.clear()
        self._bucket, self._count, self._total, self._median = -1, 0, 0.0, 0.0

    def __len__(self) -> int:
        return len(self._means) + 1

    def dump(self) -> list[Any]:
        own = [self._bucket, self._count, self._total, self._median]
        return [self._width_ms, own, [list(pair) for pair in self._means]]

    def load(self, data: list[Any]) -> None:
        width_ms, own, pairs = data
        if width_ms == self._width_ms:
            self._bucket, self._count, self._total, self._median = own
            self._means.extend((bucket, mean) for bucket, mean in pairs)


class SumInWindow:
    """The sum over the last ``window_ms``, rounded down to sixtieths of it.

    What comes late is added where it belongs while that is still within the window.
    """

    __slots__ = ("_queue", "_width_ms", "total")

    def __init__(self, window_ms: int) -> None:
        self._width_ms = max(1, window_ms // BUCKETS)
        self._queue: list[list[Any]] = []
        """[bucket, sum], oldest first."""
        self.total = 0.0

    def add(self, value: float, at_ms: int) -> None:
        queue, bucket = self._queue, at_ms // self._width_ms
        if value > 0:
            self._put(bucket, value)
        while queue and queue[0][0] <= bucket - BUCKETS:
            self.total -= queue.pop(0)[1]
        if not queue:
            self.total = 0.0  # and with it what rounding has left

    def clear(self) -> None:
        self._queue.clear()
        self.total = 0.0

    def __len__(self) -> int:
        return len(self._queue)

    def _put(self, bucket: int, value: float) -> None:
        queue = self._queue
        if queue and bucket <= queue[-1][0] - BUCKETS:
            return  # too late for this window
        at = len(queue)
        while at and queue[at - 1][0] > bucket:
            at -= 1
        if at and queue[at - 1][0] == bucket:
            queue[at - 1][1] += value
        else:
            queue.insert(at, [bucket, value])
        self.total += value

    def dump(self) -> list[Any]:
        return [self._width_ms, self.total, [list(pair) for pair in self._queue]]

    def load(self, data: list[Any]) -> None:
        width_ms, total, pairs = data
        if width_ms == self._width_ms:
            self.total = total
            self._queue.extend(list(pair) for pair in pairs)


class MeanInWindow:
    """The mean over the last ``window_ms``, each sixtieth of it weighing the same."""

    __slots__ = ("_queue", "_width_ms", "last_ms")

    def __init__(self, window_ms: int) -> None:
        self._width_ms = max(1, window_ms // BUCKETS)
        self._queue: list[list[Any]] = []
        """[bucket, sum, count], oldest first."""
        self.last_ms = -1

    def add(self, value: float, at_ms: int) -> int:
        """Take in a value, not one older than the last; the sixtieth it is now."""
        bucket = at_ms // self._width_ms
        if at_ms < self.last_ms:
            return self._queue[-1][0] if self._queue else bucket
        self.last_ms = at_ms
        queue = self._queue
        if queue and queue[-1][0] == bucket:
            queue[-1][1] += value
            queue[-1][2] += 1
        else:
            queue.append([bucket, value, 1])
            while queue[0][0] <= bucket - BUCKETS:
                queue.pop(0)
        return bucket

    def mean(self) -> float:
        return float(sum(total / count for _, total, count in self._queue)) / len(self._queue)

    def spans(self) -> int:
        """From the oldest sixtieth to the newest, in ms."""
        queue = self._queue
        return (queue[-1][0] - queue[0][0] + 1) * self._width_ms if queue else 0

    def is_stale(self, at_ms: int) -> bool:
        """Whether a sixth of the window has passed without a value."""
        return (at_ms - self.last_ms) * 6 > self._width_ms * BUCKETS

    def __len__(self) -> int:
        return len(self._queue)

    def dump(self) -> list[Any]:
        return [self._width_ms, self.last_ms, [list(bucket) for bucket in self._queue]]

    def load(self, data: list[Any]) -> None:
        width_ms, last_ms, queue = data
        if width_ms == self._width_ms:
            self.last_ms = last_ms
            self._queue.extend(list(bucket) for bucket in queue)

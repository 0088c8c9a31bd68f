"""How much rain a gauge had within the last hour, by slices of five minutes. Pure."""

from array import array

from collector.quality.limits import HOUR_MS

SLICES = 12
SLICE_MS = HOUR_MS // SLICES


class Rain:
    """One gauge. Times that come later than others may be older: what lies beyond the ring is dropped."""

    __slots__ = ("_newest", "_slices")

    def __init__(self) -> None:
        self._slices = array("d", bytes(8 * SLICES))
        self._newest = 0

    def add(self, mm: float, at_ms: int) -> None:
        number = at_ms // SLICE_MS
        newer = number - self._newest
        if newer > 0:
            for n in range(max(number - SLICES, self._newest) + 1, number + 1):
                self._slices[n % SLICES] = 0.0
            self._newest = number
        if newer > -SLICES:
            self._slices[number % SLICES] += mm

    def hour_mm(self, at_ms: int) -> float:
        """What fell in the hour up to this time, give or take a slice; 0 for what is forgotten."""
        number = at_ms // SLICE_MS
        since = max(number, self._newest) - SLICES
        until = min(number, self._newest)
        return sum(self._slices[n % SLICES] for n in range(max(since, 0) + 1, until + 1))

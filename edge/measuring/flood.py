"""The bound on what one sensor may hand on, so that a wire that chatters fills no journal. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from edge.sensors.port import Sample, Series

BURST_S = 10.0  # of the rate may come at once: what gathered while the disk was slow


@dataclass(slots=True)
class Bound:
    """Lets ``most_per_s`` through. Of the rest the newest of each series waits, the others go."""

    most_per_s: float
    dropped: int = 0
    """Readings that went, counted from the start."""
    _tokens: float = field(init=False)
    _filled_s: float | None = None
    _held: dict[Series, Sample] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._tokens = self._most

    @property
    def _most(self) -> float:
        return max(1.0, self.most_per_s * BURST_S)

    @property
    def is_holding(self) -> bool:
        return bool(self._held)

    def take(self, samples: Sequence[Sample], now_s: float) -> tuple[Sample, ...]:
        """What goes on at ``now_s`` of a steady clock; the newest win, in their order."""
        if self._filled_s is not None:
            self._tokens += max(0.0, now_s - self._filled_s) * self.most_per_s
        self._tokens, self._filled_s = min(self._tokens, self._most), now_s
        come = [*self._held.values(), *samples] if self._held else samples
        room = int(self._tokens)
        if len(come) <= room:
            self._held.clear()
            self._tokens -= len(come)
            return tuple(come)
        kept, over = come[len(come) - room :], come[: len(come) - room]
        told = {_series(sample) for sample in kept}
        self._held = {_series(sample): sample for sample in over if _series(sample) not in told}
        self.dropped += len(over) - len(self._held)
        self._tokens -= room
        return tuple(kept)


def _series(sample: Sample) -> Series:
    return Series(sample.place, sample.port, sample.metric)

"""How long things took, counted by bounds as Prometheus' histograms are. Pure."""

from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import accumulate

# Fine about what is promised: 50 ms from arrival to the rules, 1.5 s to the store.
BOUNDS_S = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.2, 0.3, 0.5, 0.75,
    1.0, 1.5, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0,
)  # fmt: skip


@dataclass(slots=True)
class Delays:
    """``counts[i]`` took at most ``BOUNDS_S[i]`` and longer than the bound before; the last, longer."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    sum_s: float = 0.0

    def note(self, seconds: float, count: int = 1) -> None:
        """So many took so long."""
        self.counts[bisect_left(BOUNDS_S, seconds)] += count
        self.sum_s += seconds * count

    def copy(self) -> "Delays":
        """What was noted so far."""
        return Delays(self.counts.copy(), self.sum_s)

    def since(self, before: "Delays") -> "Delays":
        """What was noted after ``before``."""
        counts = [now - was for now, was in zip(self.counts, before.counts, strict=True)]
        return Delays(counts, self.sum_s - before.sum_s)

    def quantile_s(self, share: float) -> float:
        """At most so long took this share (0 to 1): within its bounds by proportion, as Prometheus'
        ``histogram_quantile`` does; 0 when nothing was noted, the last bound for what is beyond."""
        wanted = sum(self.counts) * share
        below = 0
        for upper, (lower, count) in zip(
            BOUNDS_S, zip((0.0, *BOUNDS_S), self.counts, strict=True), strict=False
        ):
            if count and below + count >= wanted:
                return lower + (upper - lower) * (wanted - below) / count
            below += count
        return BOUNDS_S[-1] if sum(self.counts) else 0.0

    def cumulative(self) -> list[tuple[str, int]]:
        """How many took at most each bound (its text); ``+Inf`` comes last and is all."""
        bounds = [*(f"{bound:g}" for bound in BOUNDS_S), "+Inf"]
        return list(zip(bounds, accumulate(self.counts), strict=True))

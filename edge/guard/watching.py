"""One guard at work, pure: what its series brings about by the comparison kernel, and its latch.

Times are house milliseconds of a steady clock. The device's wall clock may be wrong or be set, and a
guard that judged by it would be deaf until the old time had come again.
"""

from collections import deque
from itertools import combinations

from edge.contract.compare import Edge, Gate, advance, judge
from edge.contract.gross import gross_quality
from edge.contract.quality import Quality
from edge.guard.rule import LEAST_POINTS, Kind, Rule
from edge.sensors.port import Sample

FOR_EVER_MS = 2**53
MOST_POINTS = 40  # of a rise: 780 slopes, whose median takes half a millisecond on a PC
WITHHELD = frozenset({Quality.MISSING, Quality.FAIL})


class Watching:
    """The state of one rule (mutable: it is the hot path)."""

    __slots__ = ("_points", "_used_ms", "gate", "is_latched", "rule", "value")

    def __init__(self, rule: Rule, begin_ms: int, *, is_latched: bool = False) -> None:
        self.rule = rule
        self.gate = Gate()
        self.is_latched = is_latched
        self.value: float | None = None
        self._used_ms = begin_ms
        self._points: deque[tuple[int, float]] = deque()

    @property
    def is_raised(self) -> bool:
        """The danger is there, or nobody has been there since."""
        return self.gate.raised or self.is_latched

    def take(self, sample: Sample, at_ms: int) -> Edge | None:
        """What a sample of the rule's series brings about now."""
        value = sample.value
        if value is None or sample.quality in WITHHELD:
            return self.look(at_ms)
        if gross_quality(sample.metric, value) is Quality.FAIL:
            return self.look(at_ms)
        # A sensor speaks in order, but a change carries the time of its edge, and a heartbeat that
        # fell within the debounce was told before it: the later word counts, and none is late.
        at_ms = max(at_ms, self._used_ms)
        had_gap = at_ms - self._used_ms > self.rule.hold_ms
        self.value, self._used_ms = value, at_ms
        if self.rule.kind is Kind.STALE:
            return self.look(at_ms)
        if self.rule.kind is Kind.RISE:
            if had_gap:
                self._points.clear()
            rise = self._rise(value, at_ms)
            if rise is None:
                return self.look(at_ms)
            value = rise
        return self._edge(judge(self.rule.limit, self.gate, value, at_ms, self.rule.hold_ms))

    def look(self, now_ms: int) -> Edge | None:
        """What waiting alone brings about."""
        if self.rule.kind is Kind.STALE:
            silent_s = (now_ms - self._used_ms) / 1000
            return self._edge(judge(self.rule.limit, self.gate, silent_s, now_ms, FOR_EVER_MS))
        edge = advance(self.rule.limit, self.gate, now_ms, self.rule.hold_ms)
        return self._edge([] if edge is None else [edge])

    def why_not(self, now_ms: int) -> str:
        """Why the latch may not be taken off now; empty when it may."""
        if self.gate.raised:
            return "its input is still alarming"
        if self.gate.since_ms is not None:
            return "its input is over the limit again"
        silent_s = (now_ms - self._used_ms) // 1000
        if self.value is None or silent_s * 1000 > self.rule.hold_ms:
            return f"its input is stale: nothing usable for {silent_s} s"
        return ""

    def _edge(self, edges: list[tuple[Edge, int]]) -> Edge | None:
        """A raise is never lost, even when the same sample clears it again."""
        if any(edge is Edge.RAISED for edge, _ in edges):
            self.is_latched = self.rule.latches
            return Edge.RAISED
        return Edge.CLEARED if edges else None

    def _rise(self, value: float, at_ms: int) -> float | None:
        """Units a minute: the median of the slopes between all points of the window (Theil and Sen).

        One odd word moves it next to nothing, where it would tilt a line of least squares and cut the
        power. None before half of the window is known.
        """
        points, window_ms = self._points, self.rule.window_ms
        while points and points[0][0] < at_ms - window_ms:
            points.popleft()
        if points and at_ms - points[-1][0] < window_ms / MOST_POINTS:
            return None
        points.append((at_ms, value))
        if len(points) < LEAST_POINTS or at_ms - points[0][0] < window_ms / 2:
            return None
        slopes = sorted(
            (later - value) / (later_ms - value_ms)
            for (value_ms, value), (later_ms, later) in combinations(points, 2)
        )
        return 60_000 * slopes[len(slopes) // 2]

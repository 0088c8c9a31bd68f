"""The comparison kernel: limit, clear limit, ``for`` and ``keep``, on observed time.

The device's guard and the server's rules both judge with this file, so they cannot disagree.
A value above its limit is *raised* once it has stayed there for ``for_ms``; it is *cleared* once it
has stayed within the clear limit for ``keep_ms``. Between the two limits nothing changes. A value
holds until the next one, at most ``hold_ms`` (when its device's heartbeat is overdue); after a
longer silence both waits begin anew, since stale input neither raises nor clears.
"""

from dataclasses import dataclass
from enum import StrEnum


class Edge(StrEnum):
    RAISED = "raised"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Breached strictly above ``above`` or strictly below ``below``; None leaves a side open.

    ``clear_above`` is at or under ``above``, ``clear_below`` at or over ``below``: a value is clear
    when it is at or within both.
    """

    above: float | None = None
    below: float | None = None
    clear_above: float | None = None
    clear_below: float | None = None
    for_ms: int = 0
    keep_ms: int = 0

    def __post_init__(self) -> None:
        if self.above is None and self.below is None:
            raise ValueError("a limit needs 'above' or 'below'")
        for limit, clear, side in (
            (self.above, self.clear_above, "above"),
            (self.below, self.clear_below, "below"),
        ):
            if clear is not None and limit is None:
                raise ValueError(f"'clear_{side}' without '{side}'")
        if self.clear_above is not None and self.above is not None:
            if self.clear_above > self.above:
                raise ValueError(f"clear_above {self.clear_above} lies over above {self.above}")
        if self.clear_below is not None and self.below is not None:
            if self.clear_below < self.below:
                raise ValueError(f"clear_below {self.clear_below} lies under below {self.below}")
        if self.for_ms < 0 or self.keep_ms < 0:
            raise ValueError("'for' and 'keep' are not negative")

    def breached_by(self, value: float) -> bool:
        return (self.above is not None and value > self.above) or (
            self.below is not None and value < self.below
        )

    def cleared_by(self, value: float) -> bool:
        top = self.above if self.clear_above is None else self.clear_above
        bottom = self.below if self.clear_below is None else self.clear_below
        return (top is None or value <= top) and (bottom is None or value >= bottom)


@dataclass(slots=True)
class Gate:
    """The state of one limit on one series (mutable: it is the hot path).

    ``since_ms`` is when the present breach began (or, once raised, the breach that raised it);
    ``clear_since_ms`` when the value came back within the clear limit; ``last_ms`` the newest time
    judged.
    """

    raised: bool = False
    since_ms: int | None = None
    clear_since_ms: int | None = None
    last_ms: int | None = None


def advance(limit: Limit, gate: Gate, until_ms: int, hold_ms: int) -> tuple[Edge, int] | None:
    """What the last value, if it holds, has brought about by ``until_ms``: an edge and its time."""
    if gate.last_ms is None:
        return None
    until_ms = min(until_ms, gate.last_ms + hold_ms)
    if gate.raised:
        if gate.clear_since_ms is not None and until_ms - gate.clear_since_ms >= limit.keep_ms:
            at_ms = gate.clear_since_ms + limit.keep_ms
            gate.raised, gate.since_ms, gate.clear_since_ms = False, None, None
            return Edge.CLEARED, at_ms
    elif gate.since_ms is not None and until_ms - gate.since_ms >= limit.for_ms:
        gate.raised = True
        return Edge.RAISED, gate.since_ms + limit.for_ms
    return None


def judge(
    limit: Limit, gate: Gate, value: float, at_ms: int, hold_ms: int
) -> list[tuple[Edge, int]]:
    """Take one value in; the edges it brings, oldest first (at most two: one by waiting, one new).

    A value older than the newest judged is late and changes nothing.
    """
    if gate.last_ms is not None and at_ms < gate.last_ms:
        return []
    edges = []
    waited = advance(limit, gate, at_ms, hold_ms)
    if waited is not None:
        edges.append(waited)
    if gate.last_ms is not None and at_ms - gate.last_ms > hold_ms:
        gate.clear_since_ms = None
        if not gate.raised:
            gate.since_ms = None
    gate.last_ms = at_ms
    if gate.raised:
        if not limit.cleared_by(value):
            gate.clear_since_ms = None
        elif gate.clear_since_ms is None:
            gate.clear_since_ms = at_ms
    elif not limit.breached_by(value):
        gate.since_ms = None
    elif gate.since_ms is None:
        gate.since_ms = at_ms
    now = advance(limit, gate, at_ms, hold_ms)
    if now is not None:
        edges.append(now)
    return edges

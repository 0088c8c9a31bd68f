"""The steps of one rule on one series: one gate each, and the severity they add up to."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any

from alerts.words import Severity
from edge.contract.compare import Edge, Gate, Limit, advance, judge

_NEVER_MS = 1 << 62


class Rung:
    """One step: its limit, its gate, and how many breaching values in a row it wants.

    One that ``insists`` lets a breach go on through silence, until a value denies it.
    """

    __slots__ = ("count", "gate", "insists", "limit", "samples", "severity", "up", "waiting_limit")

    def __init__(
        self, severity: Severity, limit: Limit, samples: int, insists: bool = False
    ) -> None:
        self.severity, self.limit, self.samples = severity, limit, samples
        self.insists = insists
        # Until enough values have come, the same limit that waits for ever: it can clear, not raise.
        self.waiting_limit = limit if samples < 2 else _waiting(limit)
        self.gate = Gate()
        self.count = 0
        self.up = False

    def judge(self, value: float, at_ms: int, hold_ms: int) -> list[tuple[Edge, int]]:
        if self.insists and not self.gate.raised:
            hold_ms = _NEVER_MS
        if self.samples < 2:
            return judge(self.limit, self.gate, value, at_ms, hold_ms)
        last_ms = self.gate.last_ms
        if last_ms is not None and at_ms - last_ms > hold_ms:
            self.count = 0
        self.count = self.count + 1 if self.limit.breached_by(value) else 0
        edges = judge(self._limit(), self.gate, value, at_ms, hold_ms)
        if self.count == self.samples:  # not before the value that confirms it
            return [(edge, at_ms if edge is Edge.RAISED else when) for edge, when in edges]
        return edges

    def advance(self, until_ms: int, hold_ms: int) -> tuple[Edge, int] | None:
        if self.insists and not self.gate.raised:
            hold_ms = _NEVER_MS
        return advance(self._limit(), self.gate, until_ms, hold_ms)

    def _limit(self) -> Limit:
        return self.limit if self.count >= self.samples or self.samples < 2 else self.waiting_limit

    def waits(self) -> bool:
        gate = self.gate
        return gate.clear_since_ms is not None if gate.raised else gate.since_ms is not None


@lru_cache(4096)
def _waiting(limit: Limit) -> Limit:
    """One for all states of a rule: there may be a hundred thousand."""
    return replace(limit, for_ms=_NEVER_MS)


Step = tuple[int, int, Edge, int | None]
"""When, which rung, which edge, since when."""
Change = tuple[int, Severity | None, Rung | None]
"""When, the severity from then on, and the highest rung that is up."""


Spec = tuple[Severity, Limit, int, bool]
"""Severity, limit, samples, and whether it insists; shared by all states of a rule."""


class Ladder:
    """``calm`` while no rung is breached or raised; ``since_ms`` is the first breach while raised.

    A calm one remembers nothing, so states make theirs at a first breach, and let it go.
    """

    __slots__ = ("calm", "rungs", "severity", "since_ms")

    def __init__(self, specs: tuple[Spec, ...]) -> None:
        self.rungs = tuple(Rung(*spec) for spec in specs)
        self.calm = True
        self.severity: Severity | None = None
        self.since_ms = 0

    def judge(
        self, measures: Sequence[float], at_ms: int, last_ms: int | None, hold_ms: int
    ) -> list[Change]:
        """Take in one value, as each rung measures it; ``last_ms`` is the time of the one before."""
        edges: list[Step] = []
        for i, rung in enumerate(self.rungs):
            rung.gate.last_ms = last_ms  # a calm ladder is not told of values that change nothing
            before = rung.gate.since_ms
            for edge, when in rung.judge(measures[i], at_ms, hold_ms):
                after = rung.gate.since_ms
                edges.append((when, i, edge, before if when < at_ms or after is None else after))
        return self._settle(edges)

    def advance(self, until_ms: int, last_ms: int, hold_ms: int) -> list[Change]:
        """What the last value has brought about by ``until_ms``, if it holds."""
        edges: list[Step] = []
        for i, rung in enumerate(self.rungs):
            rung.gate.last_ms = last_ms
            since_ms = rung.gate.since_ms
            if edge := rung.advance(until_ms, hold_ms):
                edges.append((edge[1], i, edge[0], since_ms))
        return self._settle(edges)

    def waits(self) -> bool:
        return not self.calm and any(rung.waits() for rung in self.rungs)

    def reset(self) -> None:
        """All clear, at once."""
        for rung in self.rungs:
            rung.gate, rung.count, rung.up = Gate(), 0, False
        self.calm, self.severity = True, None

    def highest(self) -> Rung | None:
        return next((rung for rung in reversed(self.rungs) if rung.up), None)

    def _settle(self, edges: list[Step]) -> list[Change]:
        changes: list[Change] = []
        # Rungs that move at the same moment make one change.
        for at_ms, together in groupby(sorted(edges, key=itemgetter(0)), key=itemgetter(0)):
            for _, i, edge, since_ms in together:
                self.rungs[i].up = edge is Edge.RAISED
                if edge is Edge.RAISED and self.severity is None:
                    self.since_ms = at_ms if since_ms is None else since_ms
            highest = self.highest()
            severity = highest.severity if highest else None
            if severity is not self.severity:
                self.severity = severity
                changes.append((at_ms, severity, highest))
        self.calm = all(r.gate.since_ms is None and not r.gate.raised for r in self.rungs)
        return changes

    def dump(self) -> list[Any]:
        """[since, [severity, raised, since, clear since, count, up] per rung]; [] when calm."""
        if self.calm:
            return []
        return [
            0 if self.severity is None else self.since_ms,  # else it is of a breach that is over
            [
                [
                    int(r.severity),
                    r.gate.raised,
                    r.gate.since_ms,
                    r.gate.clear_since_ms,
                    r.count,
                    r.up,
                ]
                for r in self.rungs
            ],
        ]

    def load(self, data: list[Any]) -> None:
        """Rungs are known again by their severity: the rule's numbers may have changed."""
        if len(data) != 2:
            return
        self.since_ms = data[0]
        rungs = {int(rung.severity): rung for rung in self.rungs}
        for level, raised, since_ms, clear_since_ms, count, up in data[1]:
            if rung := rungs.get(level):
                rung.gate = Gate(raised=raised, since_ms=since_ms, clear_since_ms=clear_since_ms)
                rung.count, rung.up = count, up
        highest = self.highest()
        self.severity = highest.severity if highest else None
        self.calm = all(r.gate.since_ms is None and not r.gate.raised for r in self.rungs)

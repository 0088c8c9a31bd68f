"""When what waits in memory is to be committed. Pure.

A commit is a write to the disk, and a card bears so many: what may wait is written with what follows.
"""

from dataclasses import dataclass

RECEIPT_S = (
    0.1  # real: many receipts may wait so long, since losing one costs a double, which is known
)
MANY_RECEIPTS = 10
# Real: fewer go to the disk with the next readings, or so late. A commit of their own each time
# would write a card as much again as the readings do.
FEW_RECEIPTS_S = 300.0
MOST_WAITING = 5_000  # readings in memory; then sensors wait for the disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncommitted:
    """What waits: ``rows`` are readings; ``is_changed`` whether there is anything at all."""

    is_changed: bool
    rows: int
    receipts: int
    has_alarm: bool = False
    is_awaited: bool = False  # a sensor waits for the disk
    is_ending: bool = False  # no sensor will bring more
    is_finishing: bool = False  # and the process ends when all is received


class Pace:
    """``now_s`` is of a steady clock; the answers are in it, too."""

    def __init__(self) -> None:
        self._changed_s: float | None = None
        self._rows_s: float | None = None  # since when readings wait

    def look(self, held: Uncommitted, durability_s: float, now_s: float) -> float | None:
        """When to commit, None while nothing waits; readings may wait for ``durability_s``."""
        if held.is_changed and self._changed_s is None:
            self._changed_s = now_s
        if held.rows and self._rows_s is None:
            self._rows_s = now_s
        if self._changed_s is None:
            return None
        if held.has_alarm or (held.is_awaited and not durability_s):
            return self._changed_s
        if held.rows:
            if held.rows >= MOST_WAITING or held.is_ending:
                return self._changed_s
            return (self._rows_s or self._changed_s) + durability_s
        many = held.receipts >= MANY_RECEIPTS or held.is_finishing
        return self._changed_s + (RECEIPT_S if many else FEW_RECEIPTS_S)

    def committed(self) -> None:
        self._changed_s = self._rows_s = None

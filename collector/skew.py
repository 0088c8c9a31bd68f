"""How far a device's clock is off, by when its packs arrive. Pure.

A pack is on its way for some time, never less than none: of the last packs the quickest tell the
clock. A pack that is late need not mean a clock that is behind, for a backlog is late too: that is
said only when every pack has been late for longer than a backlog takes.
"""

from array import array
from dataclasses import dataclass, field

WINDOW, LEAST = 12, 3  # packs remembered; the third quickest counts, since one or two may be odd
LATE_MS = 60_000  # later than this is no way of a pack that is sent at once
LATE_FOR_MS = 900_000  # a backlog of 2,000 readings, beyond which live ones go first, takes minutes
SILENT_MS = 7_200_000  # what was before such a silence tells nothing any more
LOOKS, LOOKS_MS = 200, 1_000  # packs looked at within so long; it costs nothing beyond

Who = tuple[str, str]


@dataclass(slots=True)
class _Packs:
    noted_ms: int
    speed: float
    late_since_ms: int | None = None
    """Since when all have been late."""
    late_ms: "array[int]" = field(default_factory=lambda: array("q"))
    """The last of them, oldest first; negative came before it was measured."""

    def ahead_s(self) -> float | None:
        if len(self.late_ms) < LEAST:
            return None
        late_ms = sorted(self.late_ms)[LEAST - 1]
        late_for_ms = 0 if self.late_since_ms is None else self.noted_ms - self.late_since_ms
        if late_ms >= LATE_MS and late_for_ms < LATE_FOR_MS * self.speed:
            return None
        return -late_ms / 1000


class Skews:
    """``note`` a pack's arrival; ``of`` a device is what that says. Times are the house clock's.

    ``speed`` is that clock's: what a pack is late is its way, and takes real time.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._packs: dict[Who, _Packs] = {}
        self._ahead_s: dict[Who, float | None] = {}
        self._looks, self._looks_ms = LOOKS, 0

    def looks(self, now_ms: int) -> int:
        """How many more packs are worth a look in this second."""
        if not 0 <= now_ms - self._looks_ms < LOOKS_MS:
            self._looks, self._looks_ms = LOOKS, now_ms
        return self._looks

    def note(self, who: Who, late_ms: int, now_ms: int) -> None:
        """A pack arrived so long after its newest reading was measured, by the device's clock."""
        self._looks -= 1
        packs = self._packs.get(who)
        if packs is None or not 0 <= now_ms - packs.noted_ms < SILENT_MS:
            packs = self._packs[who] = _Packs(now_ms, self._speed)
        packs.noted_ms = now_ms
        if late_ms > 0:
            late_ms = int(late_ms / self._speed)
        if late_ms < LATE_MS:
            packs.late_since_ms = None
        elif packs.late_since_ms is None:
            packs.late_since_ms = now_ms
        packs.late_ms.append(late_ms)
        del packs.late_ms[:-WINDOW]
        self._ahead_s[who] = packs.ahead_s()

    def of(self, who: Who) -> float | None:
        """Seconds that the clock is ahead (negative: behind); None while that is not known."""
        return self._ahead_s.get(who)

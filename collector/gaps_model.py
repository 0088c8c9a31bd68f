"""What is kept of a device's numbers: its runs, their holes, and its days. Pure."""

from dataclasses import dataclass, field, replace

HOLES_KEPT = 300  # of one run; beyond, the two oldest are told as one
NEAR = 1_000  # numbers between two drops of one reason that are told as one


@dataclass(slots=True, kw_only=True)
class Hole:
    """Numbers ``lo..hi`` of which ``count`` are missing, between neighbours observed at these times.

    ``reason`` is "" while nobody has said one. ``by_house``: they had come, and the server's own cap
    took them before the store had them; ``was_got`` when they were counted as come.
    """

    lo: int
    hi: int
    count: int
    before_ms: int | None
    after_ms: int | None
    noticed_ms: int
    reason: str = ""
    by_house: bool = False
    was_got: bool = False

    def part(self, lo: int, hi: int) -> "Hole":
        return replace(self, lo=lo, hi=hi, count=hi - lo + 1)

    def cut(self, lo: int, hi: int) -> "list[Hole]":
        """The hole, cut at the ends of ``lo..hi``; one that was merged stays whole."""
        if self.hi < lo or hi < self.lo or self.count != self.hi - self.lo + 1:
            return [self]
        ends = ((self.lo, lo - 1), (max(self.lo, lo), min(self.hi, hi)), (hi + 1, self.hi))
        return [self.part(first, last) for first, last in ends if first <= last]

    def is_one_with(self, other: "Hole") -> bool:
        """Whether both are drops of one reason that lie near."""
        same = (self.reason, self.by_house, self.was_got)
        return (
            bool(self.reason)
            and same == (other.reason, other.by_house, other.was_got)
            and 0 < other.lo - self.hi <= NEAR
        )

    def take_in(self, later: "Hole") -> None:
        self.hi = max(self.hi, later.hi)
        self.count += later.count
        self.reason = self.reason if self.reason == later.reason else ""
        self.before_ms = later.before_ms if self.before_ms is None else self.before_ms
        self.after_ms = later.after_ms


@dataclass(slots=True, kw_only=True)
class Stretch:
    """One run: ``next`` is the number after the highest that was heard of, ``last_ms`` that one's time.

    ``born``: the device has spoken of this run's begin; then ``cut_ms`` is when the run before it was
    cut off, None after an orderly end.
    """

    next: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    born: bool = False
    cut_ms: int | None = None
    holes: list[Hole] = field(default_factory=list)

    def dig(self, hole: Hole) -> None:
        """Add a hole behind the others."""
        holes = self.holes
        if holes and holes[-1].is_one_with(hole):
            holes[-1].take_in(hole)
            return
        holes.append(hole)
        if len(holes) > HOLES_KEPT:
            holes[0].take_in(holes.pop(1))

    def skip(self, lo: int, hi: int, noticed_ms: int, reason: str = "") -> None:
        """Numbers ``lo..hi``, the next ones, did not come; nothing when there are none."""
        if lo <= hi:
            hole = Hole(
                lo=lo,
                hi=hi,
                count=hi - lo + 1,
                before_ms=self.last_ms,
                after_ms=None,
                noticed_ms=noticed_ms,
                reason=reason,
            )
            self.dig(hole)
            self.next = hi + 1

    def fill(self, lo: int, hi: int, times: list[int]) -> None:
        """Late ones came: what is left of the holes has nearer neighbours."""
        left: list[Hole] = []
        for hole in self.holes:
            parts = [hole] if hole.reason else hole.cut(lo, hi)
            for part in parts:
                if part is hole:
                    left.append(part)
                elif part.hi < lo:
                    left.append(replace(part, after_ms=times[0] if times else part.after_ms))
                elif part.lo > hi:
                    left.append(replace(part, before_ms=times[-1] if times else part.before_ms))
        self.holes = left

    def end(self, at_ms: int) -> None:
        """The first reading behind the last holes has come."""
        for hole in reversed(self.holes):
            if hole.after_ms is not None:
                return
            hole.after_ms = at_ms


@dataclass(slots=True, kw_only=True)
class Trail:
    """What is known of one device, by its runs and by its days (``date.toordinal``).

    ``days`` counts readings on the day they were observed. ``slots`` are the intervals of a foreign
    device's day in which something came, as bits. ``depth`` is how many readings its journal held,
    as it said last.
    """

    since_ms: int
    heard_ms: int
    depth: int | None = None
    newest: str = ""
    runs: dict[str, Stretch] = field(default_factory=dict)
    days: dict[int, int] = field(default_factory=dict)
    slots: dict[int, int] = field(default_factory=dict)

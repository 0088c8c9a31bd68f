"""How long the journal will last if nothing leaves it from now on. Pure."""

from dataclasses import dataclass

READING_BYTES = 140  # a row with its body, measured; for a journal too empty to tell
TELLING = 1000  # rows from which the journal's own size tells what one takes
LEAST_MS = 60_000  # house: from then on a count of readings is a rate
_HOUR_MS = 3_600_000


@dataclass(slots=True)
class Rate:
    """Readings an hour, between looks that lie at least ``LEAST_MS`` apart."""

    measured: int
    at_ms: int
    per_h: float | None = None

    def look(self, measured: int, at_ms: int) -> float | None:
        """The newest rate; None until there is one."""
        passed_ms = at_ms - self.at_ms
        if passed_ms < 0:  # the clock was set back
            self.measured, self.at_ms = measured, at_ms
        elif passed_ms >= LEAST_MS:
            self.per_h = (measured - self.measured) / passed_ms * _HOUR_MS
            self.measured, self.at_ms = measured, at_ms
        return self.per_h


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """The journal as it stands, and the disk it is on."""

    rows: int
    size_bytes: int
    oldest_ms: int | None = None
    free_bytes: int | None = None


def hours_left(fill: Fill, per_h: float, now_ms: int, *, max_bytes: int, max_age_ms: int) -> float:
    """House hours until the first reading is lost by size, by age, or for want of disk."""
    age_ms = now_ms - fill.oldest_ms if fill.oldest_ms is not None else 0
    by_age = (max_age_ms - age_ms) / _HOUR_MS
    room = max_bytes - fill.size_bytes
    if fill.free_bytes is not None:
        room = min(room, fill.free_bytes)
    each = fill.size_bytes / fill.rows if fill.rows >= TELLING else READING_BYTES
    by_size = room / each / per_h if per_h else by_age
    return max(0.0, min(by_size, by_age))

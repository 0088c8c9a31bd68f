"""Times as sources write them, in milliseconds since 1970 UTC."""

from datetime import datetime, tzinfo

from collector.decoders.port import Garbled

PER_S = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_FAR_S = (
    10**11
)  # the year 5138; beyond it a unit was mistaken, and columns of 64 bits may not hold it


def epoch_ms(count: int | float, unit: str) -> int:
    """``count`` units (a key of PER_S) since 1970; Garbled when that is no time of anybody."""
    per_s = PER_S[unit]
    if not -_FAR_S * per_s < count < _FAR_S * per_s:  # also what is not a number
        raise Garbled(f"{str(count)[:40]} {unit} since 1970 is no time")
    if isinstance(count, int):
        return count * 1000 // per_s
    return round(count * 1000 / per_s)


def iso_ms(text: str, zone: tzinfo | None = None) -> int | None:
    """A moment by ISO 8601; None when it names no zone and ``zone`` is not given either."""
    try:
        return _ms(datetime.fromisoformat(text), zone)
    except (ValueError, OverflowError) as error:
        raise Garbled(f"{text[:40]!r} is no time by ISO 8601") from error


def pattern_ms(text: str, pattern: str, zone: tzinfo | None = None) -> int | None:
    """A moment by a pattern of strptime; None as in ``iso_ms``."""
    try:
        return _ms(datetime.strptime(text, pattern), zone)  # noqa: DTZ007 - the zone comes after
    except (ValueError, OverflowError) as error:
        raise Garbled(f"{text[:40]!r} is no time by {pattern!r}") from error


def _ms(at: datetime, zone: tzinfo | None) -> int | None:
    if at.tzinfo is None:
        if zone is None:
            return None
        at = at.replace(tzinfo=zone)
    return round(at.timestamp() * 1000)

"""Where an axis has its marks: round numbers, and moments at which people read a clock. Pure."""

from datetime import datetime, timedelta, tzinfo
from math import floor, log10

from alerts.words import Language

_HOURS = (1, 2, 3, 6, 12)
_DAYS = (1, 2, 7, 14)
_MONTHS = (1, 2, 3, 6, 12, 24, 60)


def numbers(low: float, high: float, most: int = 4) -> list[float]:
    """At most ``most`` + 1 round numbers between both."""
    room = high - low
    if room <= 0:
        return [low]
    least = room / most
    power = 10.0 ** floor(log10(least))
    step = next(power * n for n in (1, 2, 2.5, 5, 10) if power * n >= least * (1 - 1e-9))
    first = -(-low // step)
    return [n * step for n in range(int(first), int(high // step) + 1)]


def moments(
    since: datetime, until: datetime, language: Language, most: int = 6
) -> list[tuple[datetime, str]]:
    """Marks of local time with their words; ``since`` and ``until`` are in the site's zone."""
    zone, room = since.tzinfo, until - since
    for hours in _HOURS:
        if room <= timedelta(hours=hours * most):
            return _steps(since, until, timedelta(hours=hours), zone, language, is_day=False)
    for days in _DAYS:
        if room <= timedelta(days=days * most):
            return _steps(since, until, timedelta(days=days), zone, language, is_day=True)
    months = next((n for n in _MONTHS if room <= timedelta(days=30.4 * n * most)), _MONTHS[-1])
    found: list[tuple[datetime, str]] = []
    year, month = since.year, since.month
    while True:
        at = datetime(year, month, 1, tzinfo=zone)
        if at >= until:
            return found
        if at >= since and (year * 12 + month - 1) % months == 0:
            found.append((at, _month(at, language)))
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)


def _steps(
    since: datetime, until: datetime, step: timedelta, zone: tzinfo | None, language: Language,
    *, is_day: bool,
) -> list[tuple[datetime, str]]:  # fmt: skip
    found = []
    # By the wall clock, so that a mark stays at midnight when the clocks change.
    wall = since.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    while (at := wall.replace(tzinfo=zone)) < until:
        if at >= since:
            found.append((at, _day(at, language) if is_day or not at.hour else f"{at:%H:%M}"))
        wall += step
    return found


def _day(at: datetime, language: Language) -> str:
    return f"{at.month}月{at.day}日" if language is Language.ZH else f"{at.day} {at:%b}"


def _month(at: datetime, language: Language) -> str:
    if at.month == 1:
        return f"{at.year}年" if language is Language.ZH else f"{at.year}"
    return f"{at.month}月" if language is Language.ZH else f"{at:%b}"

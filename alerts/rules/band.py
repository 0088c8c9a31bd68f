"""Bands: the hours of a day and the months of a year in which a step counts, by the site's clock."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, ClassVar
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field

STRICT: dict[str, Any] = {"extra": "forbid"}
_SLOT_MS = 900_000  # every zone's offset is a multiple of a quarter of an hour
_MINUTE_MS = 60_000


def _clock(raw: object) -> int:
    hour, colon, minute = raw.partition(":") if isinstance(raw, str) else ("", "", "")
    if colon and hour.isdigit() and minute.isdigit() and len(minute) == 2:
        minutes = int(hour) * 60 + int(minute)
        if int(minute) < 60 and minutes <= 24 * 60:
            return minutes
    raise ValueError('a time of day is a text such as "06:30", up to "24:00"')


Clock = Annotated[int, BeforeValidator(_clock)]
"""Minutes since local midnight; in TOML "06:30"."""
Month = Annotated[int, Field(ge=1, le=12)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """From the first time of ``hours`` up to, not with, the second (over midnight if it is smaller),
    in these ``months``; what is not given is any."""

    __pydantic_config__: ClassVar = STRICT
    hours: tuple[Clock, Clock] = (0, 24 * 60)
    months: tuple[Month, ...] = ()

    def __str__(self) -> str:
        parts = []
        if self.hours != (0, 24 * 60):
            first, last = (f"{minute // 60:02}:{minute % 60:02}" for minute in self.hours)
            parts.append(f"{first} to {last}")
        if self.months:
            parts.append("months " + ", ".join(map(str, self.months)))
        return " in ".join(parts) or "always"


@lru_cache(64)
def calendar_of(zone: str) -> "Calendar":
    """One for all of a zone: what it remembers is no state, only quicker than to reckon it anew."""
    return Calendar(zone)


class Calendar:
    """What a site's clock shows; the last quarter of an hour is remembered."""

    __slots__ = ("_minute", "_month", "_slot", "_zone")

    def __init__(self, zone: str) -> None:
        try:
            self._zone = ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            self._zone = ZoneInfo("Asia/Shanghai")  # the registry's check names a wrong zone
        self._slot, self._minute, self._month = -1, 0, 1

    def hour(self, at_ms: int) -> int:
        """The hour of the day, 0 to 23."""
        self._turn_to(at_ms)
        return self._minute // 60

    def within(self, band: Band, at_ms: int) -> bool:
        self._turn_to(at_ms)
        if band.months and self._month not in band.months:
            return False
        minute = self._minute + at_ms % _SLOT_MS // _MINUTE_MS
        first, last = band.hours
        if first <= last:
            return first <= minute < last
        return minute >= first or minute < last

    def _turn_to(self, at_ms: int) -> None:
        slot = at_ms // _SLOT_MS
        if slot != self._slot:
            there = datetime.fromtimestamp(slot * _SLOT_MS / 1000, UTC).astimezone(self._zone)
            self._slot, self._month = slot, there.month
            self._minute = there.hour * 60 + there.minute

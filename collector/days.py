"""Days as a site's people count them. Pure."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_QUARTER_MS = 900_000  # every zone's days begin at a quarter of an hour
_KNOWN_MOST = 50_000  # quarters remembered


class Calendar:
    """``zones`` are the time zones by site; a site without a sound one has UTC."""

    def __init__(self, zones: Mapping[str, str]) -> None:
        self.zones = dict(zones)
        self._known: dict[tuple[str, int], tuple[int, int]] = {}

    def day(self, site: str, at_ms: int) -> tuple[int, int]:
        """The day's ordinal (``date.toordinal``), and when it begins (ms)."""
        key = site, at_ms // _QUARTER_MS
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _KNOWN_MOST:
                self._known.clear()
            ordinal = datetime.fromtimestamp(at_ms / 1000, self._zone(site)).toordinal()
            found = self._known[key] = ordinal, self.begins(site, ordinal)
        return found

    def begins(self, site: str, ordinal: int) -> int:
        """When this day begins (ms)."""
        begin = datetime.fromordinal(ordinal).replace(tzinfo=self._zone(site))
        return round(begin.timestamp() * 1000)

    def _zone(self, site: str) -> tzinfo:
        try:
            return ZoneInfo(self.zones[site])
        except (KeyError, ZoneInfoNotFoundError, ValueError):
            return UTC


def spell_day(ordinal: int) -> str:
    """The day as 2026-11-28."""
    return date.fromordinal(ordinal).isoformat()

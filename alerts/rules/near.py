"""Near by: whose rain gauge speaks for a place."""

import math
from collections.abc import Iterable

from alerts.registry.model import Place

NEAR_KM = (
    5.0  # a summer cell is some kilometres wide: beyond that, rain there says little about here
)
NEAREST = 4  # gauges: more say little more, and a state keeps a window for each
_EARTH_KM = 6371.0


def nearest(here: Place, places: Iterable[Place]) -> list[Place]:
    """Of these, the nearest of the same site: within 5 km where both say where they are."""
    found = [(_km(here, there), there.id, there) for there in places if there.site == here.site]
    return [there for km, _, there in sorted(found)[:NEAREST] if km <= NEAR_KM]


def _km(here: Place, there: Place) -> float:
    """On a great circle; to itself 0, and as good as near where either has no coordinates."""
    spots = here.latitude, here.longitude, there.latitude, there.longitude
    if here.id == there.id:
        return 0.0
    if None in spots:
        return NEAR_KM
    lat1, lon1, lat2, lon2 = (math.radians(spot or 0.0) for spot in spots)
    half = math.sin((lat2 - lat1) / 2) ** 2
    half += math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * _EARTH_KM * math.asin(math.sqrt(half))

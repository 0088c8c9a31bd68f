"""Near by: whose rain gauge speaks for a place."""

import math

from alerts.registry.model import Place

NEAR_KM = (
    5.0  # a summer cell is some kilometres wide: beyond that, rain there says little about here
)
_EARTH_KM = 6371.0


def is_near(here: Place, there: Place) -> bool:
    """The same site, and within 5 km where both places say where they are."""
    if here.site != there.site:
        return False
    spots = here.latitude, here.longitude, there.latitude, there.longitude
    if None in spots:
        return True
    lat1, lon1, lat2, lon2 = (math.radians(spot or 0.0) for spot in spots)
    half = math.sin((lat2 - lat1) / 2) ** 2
    half += math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * _EARTH_KM * math.asin(math.sqrt(half)) <= NEAR_KM

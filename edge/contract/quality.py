"""Quality of a reading in the words and numbers of QARTOD."""

from enum import IntEnum


class Quality(IntEnum):
    """QARTOD primary flags (IOOS QARTOD flag scheme; IOC 54:V3)."""

    GOOD = 1
    NOT_EVALUATED = 2
    SUSPECT = 3
    FAIL = 4
    MISSING = 9


# What rules never see. A spike or a rate flag is SUSPECT: it marks a value and withholds nothing,
# because a real discharge and a real fire look like spikes.
WITHHELD = frozenset({Quality.FAIL, Quality.MISSING})

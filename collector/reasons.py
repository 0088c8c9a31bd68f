"""Classes of reasons why something is dead: few, fixed words, so that no stranger's text is a label.

A reason is a sentence of this house with a stranger's words in it; its beginning says the class.
"""

from enum import StrEnum


class Why(StrEnum):
    """What has to be mended, and by whom."""

    UNREGISTERED = "unregistered"  # the registry lacks the device
    UNBOUND = "unbound"  # the registry does not bind the series, or maps the name
    UNKNOWN = "unknown"  # no such metric, or no such unit
    VALUE = "value"  # no value that can be kept
    TIME = "time"  # no time that can be believed
    GARBLED = "garbled"  # not the format it should be
    DROPPED = "dropped"  # by the device, under its own cap
    STORE = "store"  # the store refused the line
    RULES = "rules"  # the operations database refused the transition
    BUG = "bug"  # ours
    OTHER = "other"


_TOPICS = {"store": Why.STORE, "rules": Why.RULES}
_BEGINS = (
    ("cannot be taken in, report this", Why.BUG),
    ("dropped by the device", Why.DROPPED),
    ("neither shouwang/", Why.UNREGISTERED),
    ("unknown metric", Why.UNKNOWN),
    ("there is no metric", Why.UNKNOWN),
    ("unit ", Why.UNKNOWN),
    ("time ", Why.TIME),
    ("its time ", Why.TIME),
    ("several values of ", Why.TIME),
    ("value must be", Why.VALUE),
    ("a reading has one of", Why.VALUE),
    ("'v' ", Why.VALUE),
    ("'vb' ", Why.VALUE),
    ("further reasons", Why.OTHER),
)
_ENDS = ((" is not registered", Why.UNREGISTERED),)
_HOLDS = (
    (" device with this address is registered", Why.UNREGISTERED),
    (" may not speak from ", Why.UNREGISTERED),
    (" is not bound to device ", Why.UNBOUND),
    (" is not mapped for device ", Why.UNBOUND),
    ("; map them apart", Why.UNBOUND),
)


def why(topic: str, reason: str) -> Why:
    """The class of a dead letter."""
    if found := _TOPICS.get(topic):
        return found
    for begin, found in _BEGINS:
        if reason.startswith(begin):
            return found
    for end, found in _ENDS:
        if reason.endswith(end):
            return found
    for part, found in _HOLDS:
        if part in reason:
            return found
    return Why.GARBLED

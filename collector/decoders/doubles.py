"""The numbers of messages that came lately: a broker may deliver one twice, a bridge hand on two."""

from collections import OrderedDict

_EACH = 64  # a duplicate follows within moments; the store takes a later one as the same point


class Doubles:
    """Per (site, device), in memory alone."""

    def __init__(self) -> None:
        self._came: dict[tuple[str, str], OrderedDict[tuple[str, int], None]] = {}

    def knows(self, device: tuple[str, str], number: tuple[str, int]) -> bool:
        """Whether this message came before; from now on it did."""
        came = self._came.setdefault(device, OrderedDict())
        if number in came:
            return True
        came[number] = None
        if len(came) > _EACH:
            came.popitem(last=False)
        return False

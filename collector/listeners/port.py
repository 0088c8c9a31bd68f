"""What a format's talk gives: messages of devices, or bytes that are none."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from collector.decoders.port import Told

RECENT_MOST = 20_000  # messages remembered: a day of 13 stations that speak each minute


class Heard(NamedTuple):
    """A message of one device. ``answer`` goes out once the message is on disk.

    ``key`` is the same when the message is sent again; None where the format does not number them.
    """

    address: str
    told: Told
    raw: bytes
    answer: bytes = b""
    key: Hashable = None


class Noise(NamedTuple):
    """Bytes that are no message, and why."""

    raw: bytes
    reason: str


class Talk(Protocol):
    """One connection's state. ``now_s`` is monotonic, ``wall_s`` the house clock's."""

    def feed(self, data: bytes, now_s: float, wall_s: float) -> Iterable[Heard | Noise]: ...

    def end(self) -> Iterable[Noise]:
        """What is left when the connection ends."""
        ...


MakeTalk = Callable[[], Talk]


@dataclass(slots=True)
class Recent:
    """The messages that came last, bounded: what is sent again is answered and not stored twice.

    A restart forgets them; then the same point is written to the store again, which changes nothing.
    """

    _keys: "OrderedDict[Hashable, None]"

    def __init__(self) -> None:
        self._keys = OrderedDict()

    def is_double(self, key: Hashable) -> bool:
        """Whether it came before; from now on it has."""
        if key is None:
            return False
        if key in self._keys:
            self._keys.move_to_end(key)
            return True
        self._keys[key] = None
        if len(self._keys) > RECENT_MOST:
            self._keys.popitem(last=False)
        return False

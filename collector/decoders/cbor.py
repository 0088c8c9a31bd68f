"""CBOR (RFC 8949), the part that readings need: JSON's kinds of values, byte strings, decimal fractions.

Bounded by its input: an item takes a byte at least, nothing is reserved for a length that is only
announced, and no tag is obeyed but the two below. Map keys are integers or texts.
"""

import struct
from math import isfinite
from typing import Any

from collector.decoders.port import Garbled

MAX_BYTES = 200_000
DEEPEST = 8  # a SenML pack has three levels
DECIMAL_FRACTION, SELF_DESCRIBED = 4, 55799
_BREAK = object()
_MOST_EXPONENT = 400  # beyond every double
_FLOATS = {25: (">e", 2), 26: (">f", 4), 27: (">d", 8)}
_SIMPLE = {20: False, 21: True, 22: None, 23: None}  # 23 is "undefined"


def loads(payload: bytes) -> Any:
    """The one item in a payload; Garbled when it is none, too large, or something follows it."""
    if len(payload) > MAX_BYTES:
        raise Garbled(f"the message has {len(payload)} bytes; at most {MAX_BYTES}")
    reader = _Reader(payload)
    item = reader.item(0)
    if item is _BREAK:
        raise Garbled("not CBOR: a break that ends nothing")
    if reader.at != len(payload):
        raise Garbled(f"not CBOR: {len(payload) - reader.at} bytes follow the item")
    return item


class _Reader:
    __slots__ = ("at", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def item(self, depth: int) -> Any:
        """The next item, or _BREAK."""
        if depth > DEEPEST:
            raise Garbled(f"nested deeper than {DEEPEST}")
        first = self._take(1)[0]
        major, low = first >> 5, first & 31
        if major == 7:
            return self._simple(low)
        size = None if low == 31 else self._size(low)
        if major == 0:
            return self._whole(size)
        if major == 1:
            return -1 - self._whole(size)
        if major == 2:
            return self._string(size, 2)
        if major == 3:
            return _text(self._string(size, 3))
        if major == 4:
            return self._array(size, depth)
        if major == 5:
            return self._map(size, depth)
        return self._tagged(self._whole(size), depth)

    def _take(self, count: int) -> bytes:
        part = self.data[self.at : self.at + count]
        if len(part) < count:
            raise Garbled("not CBOR: it ends within an item")
        self.at += count
        return part

    def _size(self, low: int) -> int:
        if low < 24:
            return low
        if low > 27:
            raise Garbled(f"not CBOR: {low} is no length")
        return int.from_bytes(self._take(1 << (low - 24)))

    def _whole(self, size: int | None) -> int:
        if size is None:
            raise Garbled("not CBOR: a number of unknown length")
        return size

    def _simple(self, low: int) -> Any:
        if low in _FLOATS:
            form, size = _FLOATS[low]
            return struct.unpack(form, self._take(size))[0]
        if low in _SIMPLE:
            return _SIMPLE[low]
        if low == 31:
            return _BREAK
        raise Garbled(f"not CBOR that is understood: simple value {low}")

    def _string(self, size: int | None, major: int) -> bytes:
        if size is not None:
            return self._take(size)
        parts = []  # chunks of the same kind until a break
        while (first := self._take(1)[0]) != 0xFF:
            if first >> 5 != major or first & 31 == 31:
                raise Garbled("not CBOR: a chunk of another kind")
            parts.append(self._take(self._size(first & 31)))
        return b"".join(parts)

    def _array(self, size: int | None, depth: int) -> list[Any]:
        items: list[Any] = []
        while size is None or len(items) < size:
            item = self.item(depth + 1)
            if item is _BREAK:
                if size is None:
                    break
                raise Garbled("not CBOR: a break within an array")
            items.append(item)
        return items

    def _map(self, size: int | None, depth: int) -> dict[int | str, Any]:
        entries: dict[int | str, Any] = {}
        while size is None or len(entries) < size:
            key = self.item(depth + 1)
            if key is _BREAK and size is None:
                break
            if type(key) not in (int, str):
                raise Garbled("a map's keys are integers or texts")
            if key in entries:
                raise Garbled(f"the key {str(key)[:40]!r} stands twice in a map")
            value = self.item(depth + 1)
            if value is _BREAK:
                raise Garbled("not CBOR: a break within a map")
            entries[key] = value
        return entries

    def _tagged(self, tag: int, depth: int) -> Any:
        item = self.item(depth + 1)
        if tag == SELF_DESCRIBED and item is not _BREAK:
            return item
        if tag != DECIMAL_FRACTION:
            raise Garbled(f"tag {tag} is not understood")
        if not isinstance(item, list) or [type(part) for part in item] != [int, int]:
            raise Garbled("a decimal fraction is two integers")
        exponent, mantissa = item
        if abs(exponent) > _MOST_EXPONENT:
            raise Garbled("a decimal fraction beyond every number")
        value = float(f"{mantissa}e{exponent}")
        if not isfinite(value):
            raise Garbled("a decimal fraction beyond every number")
        return value


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise Garbled("not CBOR: a text that is not UTF-8") from error

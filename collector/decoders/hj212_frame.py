"""HJ 212 frames: ``##``, four digits of length, the data segment, four digits of CRC, CR LF.

HJ 212-2017 (and 2005, whose frame is the same), section 6: the length counts the segment's bytes;
the CRC is that of its appendix A, which is not Modbus': each byte is taken against the register's
upper half shifted down. The standard's own example ends in 1C80.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

MOST_SEGMENT = 9_999  # four digits; the standard's own bound is 1024, and real stations pass it
MOST_WAITING = 4 * MOST_SEGMENT  # bytes without a whole frame; then they are noise
HEAD = b"##"
_ENDS = b"\r\n"


def _shifted(register: int) -> int:
    for _ in range(8):
        register = (register >> 1) ^ 0xA001 if register & 1 else register >> 1
    return register


_TABLE = tuple(map(_shifted, range(256)))


@dataclass(frozen=True, slots=True)
class Noise:
    """Bytes that are no frame, and why."""

    raw: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A data segment whose length and CRC fit."""

    raw: bytes


def crc(segment: bytes) -> int:
    """Appendix A of HJ 212-2017, a byte a step: the appendix shifts bit by bit, 15 times slower."""
    register = 0xFFFF
    for byte in segment:
        register = _TABLE[(register >> 8) ^ byte]
    return register


def frame(segment: bytes) -> bytes:
    """The frame that carries this segment; ValueError when it is too long for four digits."""
    if len(segment) > MOST_SEGMENT:
        raise ValueError(f"a data segment has at most {MOST_SEGMENT} bytes, got {len(segment)}")
    return b"##%04d%s%04X\r\n" % (len(segment), segment, crc(segment))


@dataclass(slots=True)
class Frames:
    """Cuts a stream of TCP reads into segments; what lies between them is noise and is told."""

    _waiting: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> Iterator[Segment | Noise]:
        """What the bytes so far complete, in order."""
        self._waiting += data
        while self._waiting:
            found = self._next()
            if found is None:
                if len(self._waiting) > MOST_WAITING:
                    yield self._noise(len(self._waiting), "no frame within so many bytes")
                return
            yield found

    def end(self) -> Iterator[Noise]:
        """What is left when the connection ends."""
        if self._waiting.strip():
            yield self._noise(len(self._waiting), "the connection ended within a frame")
        self._waiting.clear()

    def _next(self) -> Segment | Noise | None:
        waiting = self._waiting
        # What ends the frame before belongs to nobody.
        del waiting[: len(waiting) - len(waiting.lstrip(_ENDS))]
        if not waiting:
            return None
        start = waiting.find(HEAD)
        if start < 0:
            if waiting == b"#":
                return None
            keep = 1 if waiting.endswith(b"#") else 0
            return self._noise(len(waiting) - keep, "no ## begins a frame")
        if start > 0:
            return self._noise(start, "no ## begins a frame")
        if len(waiting) < 6:
            return None
        digits = bytes(waiting[2:6])
        if not digits.isdigit():
            return self._skip(f"four digits of length follow ##, got {digits!r}")
        size = int(digits)
        if len(waiting) < 6 + size + 4:
            return self._cut_short()
        segment, told = bytes(waiting[6 : 6 + size]), bytes(waiting[6 + size : 10 + size])
        # Cheap first: a hostile stream must not buy a CRC with six bytes.
        if not segment.endswith(b"&&"):
            return self._skip("the data segment does not end in &&")
        wanted = b"%04X" % crc(segment)
        if told.upper() != wanted:
            reason = f"CRC {told.decode('ascii', 'replace')!r} does not fit, {wanted.decode()} does"
            return self._skip(reason)
        del waiting[: 10 + size]
        return Segment(segment)

    def _cut_short(self) -> Noise | None:
        """A frame whose end has not come; a new head behind a line's end says it never will."""
        if self._waiting.find(b"\r\n##", 2) < 0:
            return None
        return self._skip("shorter than its length says")

    def _skip(self, reason: str) -> Noise:
        """This head begins no frame: go on at the next one, of which the first half may be here."""
        again = self._waiting.find(HEAD, 2)
        if again < 0:
            again = len(self._waiting) - (1 if self._waiting.endswith(b"#") else 0)
        return self._noise(again, reason)

    def _noise(self, size: int, reason: str) -> Noise:
        raw = bytes(self._waiting[:size])
        del self._waiting[:size]
        return Noise(raw, reason)

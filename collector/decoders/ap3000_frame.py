"""AP3000 frames: ``DNY``, length (u16), physical id (u32), message id (u16), command, data, sum (u16).

All little-endian; the length counts what follows it, the sum is over all bytes before it. Between
frames the radio module writes text: its SIM's ICCID once, ``link`` every 30 s of silence. Marks:
layout and sum checked on the frames that two public protocol guides print; the upper bound of a
frame is the guides'.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

HEAD = b"DNY"
LINK = b"link"
SHORTEST, LONGEST = 9, 260  # of what follows the length: the guides say 256, boards round it
_ICCID = re.compile(rb"89[0-9A-Fa-f]{17,18}")  # ITU-T E.118; some modules leave the check digit out
_ENDS = b"\r\n\0 "
_PATIENCE = 20  # bytes: a text that is no longer than this may still be on its way


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One command of one board; several boards may share a connection behind their host."""

    board: int
    message: int
    command: int
    data: bytes = b""

    def encode(self) -> bytes:
        """ValueError when the data is too long."""
        size = SHORTEST + len(self.data)
        if size > LONGEST:
            raise ValueError(f"a frame holds at most {LONGEST - SHORTEST} bytes of data")
        body = b"".join(
            (
                HEAD,
                size.to_bytes(2, "little"),
                self.board.to_bytes(4, "little"),
                self.message.to_bytes(2, "little"),
                bytes((self.command,)),
                self.data,
            )
        )
        return body + _sum(body)


@dataclass(frozen=True, slots=True)
class Text:
    """What the radio module says: it lives, or which SIM it has."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class Noise:
    """Bytes that are no frame, and why."""

    raw: bytes
    reason: str


@dataclass(slots=True)
class Frames:
    """Cuts a stream of TCP reads into frames and texts; what lies between them is noise."""

    _waiting: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> Iterator[Frame | Text | Noise]:
        """What the bytes so far complete, in order."""
        self._waiting += data
        while (found := self._next()) is not None:
            yield found

    def end(self) -> Iterator[Noise]:
        """What is left when the connection ends."""
        if self._waiting.strip(_ENDS):
            yield self._noise(len(self._waiting), "the connection ended within a frame")
        self._waiting.clear()

    def _next(self) -> Frame | Text | Noise | None:
        waiting = self._waiting
        del waiting[: len(waiting) - len(waiting.lstrip(_ENDS))]
        if not waiting:
            return None
        if waiting.startswith(LINK):
            return self._text(len(LINK))
        if waiting.startswith(HEAD):
            return self._frame()
        if sim := _ICCID.match(waiting):
            # The twentieth character may be in the next read.
            return None if len(waiting) == sim.end() == 19 else self._text(sim.end())
        if len(waiting) < _PATIENCE and _may_begin(bytes(waiting)):
            return None
        return self._noise(self._again(1), "neither DNY nor link nor an ICCID")

    def _frame(self) -> Frame | Noise | None:
        waiting = self._waiting
        if len(waiting) < 5:
            return None
        size = int.from_bytes(waiting[3:5], "little")
        if not SHORTEST <= size <= LONGEST:
            return self._noise(self._again(3), f"a length of {size} after DNY")
        if len(waiting) < 5 + size:
            return None
        raw = bytes(waiting[: 5 + size])
        if _sum(raw[:-2]) != raw[-2:]:
            reason = f"sum {raw[-2:].hex()} does not fit, {_sum(raw[:-2]).hex()} does"
            return self._noise(self._again(3), reason)
        del waiting[: 5 + size]
        return Frame(
            board=int.from_bytes(raw[5:9], "little"),
            message=int.from_bytes(raw[9:11], "little"),
            command=raw[11],
            data=raw[12:-2],
        )

    def _text(self, size: int) -> Text:
        raw = bytes(self._waiting[:size])
        del self._waiting[:size]
        return Text(raw)

    def _again(self, start: int) -> int:
        """Where the next frame or keep-alive may begin."""
        waiting = self._waiting
        found = [at for mark in (HEAD, LINK) if (at := waiting.find(mark, start)) >= 0]
        if found:
            return min(found)
        tail = next((n for n in (3, 2, 1) if _may_begin(bytes(waiting[-n:]))), 0)
        return max(start, len(waiting) - tail)

    def _noise(self, size: int, reason: str) -> Noise:
        raw = bytes(self._waiting[:size])
        del self._waiting[:size]
        return Noise(raw, reason)


def _sum(body: bytes) -> bytes:
    return (sum(body) & 0xFFFF).to_bytes(2, "little")


def _may_begin(part: bytes) -> bool:
    """Whether more bytes could make a frame's head, a keep-alive or an ICCID of this."""
    is_sim = b"89".startswith(part[:2]) and re.fullmatch(rb"[0-9A-Fa-f]*", part) is not None
    return bool(part) and (HEAD.startswith(part) or LINK.startswith(part) or is_sim)

"""The server's side of an HJ 212 connection: packets joined, and which answer each asks for.

Marks: CN 9014 answers data, CN 9013 a notice, both where bit 0 of Flag asks, and answers (9011 to
9014) are never answered: HJ 212-2017, own knowledge. A heartbeat (CN 9015 of many stations) is
answered as data is. We send no commands, so a station's answers mean nothing here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from collector.decoders.hj212 import Packet, answer, parse, told
from collector.decoders.hj212_frame import Frames, Segment, frame
from collector.decoders.port import Garbled, Told
from collector.listeners.port import Heard, Noise

JOIN_S = 60.0  # seconds in which all parts of a split packet must have come
JOIN_MOST = 16  # split packets open at once on a connection
PARTS_MOST = 64
HELD_MOST = 200_000  # bytes of parts that wait for others
_ANSWERS = ("9011", "9012", "9013", "9014")


@dataclass(slots=True)
class _Open:
    """The parts so far of one split packet."""

    since_s: float
    count: int
    parts: dict[int, tuple[Packet, bytes]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return sum(len(raw) for _, raw in self.parts.values())


class Hj212Talk:
    """Feed it what the socket gave; what it yields is in the order of the frames."""

    def __init__(self) -> None:
        self._frames = Frames()
        self._open: dict[tuple[str, str, str], _Open] = {}

    def feed(self, data: bytes, now_s: float, wall_s: float) -> Iterator[Heard | Noise]:
        for found in self._frames.feed(data):
            if not isinstance(found, Segment):
                yield Noise(found.raw, found.reason)
                continue
            try:
                yield from self._packet(parse(found.raw), found.raw, now_s)
            except Garbled as error:
                yield Noise(found.raw, str(error))
        yield from self._overdue(now_s)

    def end(self) -> Iterator[Noise]:
        for left in self._frames.end():
            yield Noise(left.raw, left.reason)
        for key in list(self._open):
            yield self._given_up(key)

    def _packet(self, packet: Packet, raw: bytes, now_s: float) -> Iterator[Heard | Noise]:
        if packet.is_data and packet.parts > 1:
            yield from self._part(packet, raw, now_s)
        elif packet.is_data:
            key = (packet.mn, packet.cn, packet.qn, raw) if packet.qn else None
            reply = _answered(packet)
            yield Heard(packet.mn, told(packet, packet.at_ms), frame(raw), reply, key)
        else:
            reply = b"" if packet.cn in _ANSWERS else _answered(packet)
            yield Heard(packet.mn, Told(online=True), frame(raw), reply)

    def _part(self, packet: Packet, raw: bytes, now_s: float) -> Iterator[Heard | Noise]:
        if packet.parts > PARTS_MOST or not 1 <= packet.part <= packet.parts:
            raise Garbled(f"part {packet.part} of {packet.parts}; at most {PARTS_MOST}")
        key = packet.mn, packet.cn, packet.qn
        if key not in self._open and len(self._open) >= JOIN_MOST:
            yield self._given_up(self._oldest())
        joining = self._open.setdefault(key, _Open(now_s, packet.parts))
        joining.count = max(joining.count, packet.parts)
        joining.parts[packet.part] = packet, raw
        if sum(one.size for one in self._open.values()) > HELD_MOST:
            yield self._given_up(self._oldest())
            return
        if len(joining.parts) < joining.count:
            return
        del self._open[key]
        parts = [joining.parts[n] for n in sorted(joining.parts)]
        at_ms = next((part.at_ms for part, _ in parts if part.at_ms is not None), None)
        each = [told(part, part.at_ms if part.at_ms is not None else at_ms) for part, _ in parts]
        whole = Told(
            records=tuple(record for one in each for record in one.records),
            refused=tuple(refused for one in each for refused in one.refused),
        )
        raws = tuple(raw for _, raw in parts)
        reply = b"".join(_answered(part) for part, _ in parts)
        yield Heard(packet.mn, whole, b"".join(map(frame, raws)), reply, (*key, *raws))

    def _oldest(self) -> tuple[str, str, str]:
        return min(self._open, key=lambda one: self._open[one].since_s)

    def _overdue(self, now_s: float) -> Iterator[Noise]:
        late = [key for key, one in self._open.items() if now_s - one.since_s > JOIN_S]
        for key in late:
            yield self._given_up(key)

    def _given_up(self, key: tuple[str, str, str]) -> Noise:
        """Unanswered, so that the station sends it again."""
        one = self._open.pop(key)
        raw = b"".join(frame(raw) for _, raw in one.parts.values())
        return Noise(raw, f"only {len(one.parts)} of {one.count} parts of a packet came")


def _answered(packet: Packet) -> bytes:
    return frame(answer(packet)) if packet.wants_answer else b""

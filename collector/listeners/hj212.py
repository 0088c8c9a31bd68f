"""The server's side of an HJ 212 connection: split packets dated, and which answer each asks for.

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
JOIN_MOST = 16  # split packets remembered at once on a connection
PARTS_MOST = 64
HELD_MOST = 200_000  # bytes of parts that wait for the one that tells their time
_ANSWERS = ("9011", "9012", "9013", "9014")


@dataclass(slots=True)
class _Split:
    """What has come of one split packet. ``waiting`` are the parts whose time is not known yet."""

    since_s: float
    count: int = 0
    at_ms: int | None = None
    came: set[int] = field(default_factory=set)
    waiting: list[tuple[Packet, bytes]] = field(default_factory=list)

    @property
    def size(self) -> int:
        return sum(len(raw) for _, raw in self.waiting)


class Hj212Talk:
    """Feed it what the socket gave; what it yields is in the order of the frames."""

    def __init__(self) -> None:
        self._frames = Frames()
        self._split: dict[tuple[str, str, str], _Split] = {}

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
        for key in list(self._split):
            yield from self._let_go(key)

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
        """Taken in at once, or as soon as a part tells the time: a station may send the next one
        only when this one is answered.
        """
        if packet.parts > PARTS_MOST or not 1 <= packet.part <= packet.parts:
            raise Garbled(f"part {packet.part} of {packet.parts}; at most {PARTS_MOST}")
        key = packet.mn, packet.cn, packet.qn
        one = self._split.get(key)
        if one is not None and packet.at_ms is not None and one.at_ms not in (None, packet.at_ms):
            yield from self._let_go(key)  # a station that numbers nothing has begun the next one
            one = None
        if one is None:
            if len(self._split) >= JOIN_MOST:
                yield from self._let_go(self._oldest())
            one = self._split[key] = _Split(now_s)
        one.count = max(one.count, packet.parts)
        one.came.add(packet.part)
        one.waiting.append((packet, raw))
        if packet.at_ms is not None:
            one.at_ms = packet.at_ms
        if one.at_ms is None:
            if sum(each.size for each in self._split.values()) > HELD_MOST:
                yield from self._let_go(self._oldest())
            return
        for part, its in one.waiting:
            at_ms = one.at_ms if part.at_ms is None else part.at_ms
            yield Heard(part.mn, told(part, at_ms), frame(its), _answered(part), (*key, its))
        one.waiting.clear()

    def _oldest(self) -> tuple[str, str, str]:
        return min(self._split, key=lambda one: self._split[one].since_s)

    def _overdue(self, now_s: float) -> Iterator[Noise]:
        late = [key for key, one in self._split.items() if now_s - one.since_s > JOIN_S]
        for key in late:
            yield from self._let_go(key)

    def _let_go(self, key: tuple[str, str, str]) -> Iterator[Noise]:
        """What waits is unanswered, so that the station sends it again; what never came is told."""
        one = self._split.pop(key)
        if one.waiting:
            raw = b"".join(frame(raw) for _, raw in one.waiting)
            yield Noise(raw, f"no part of {one.count} that came tells the time")
        elif len(one.came) < one.count:
            name = "MN={};CN={};QN={}".format(*key).encode()
            yield Noise(name, f"only {len(one.came)} of {one.count} parts of a packet came")


def _answered(packet: Packet) -> bytes:
    return frame(answer(packet)) if packet.wants_answer else b""

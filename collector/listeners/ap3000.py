"""The server's side of an AP3000 connection: each frame of each board that shares it.

We start no charge and settle no account: a card (0x02) is not answered, and the answer to a
settlement (0x03), upon which the board forgets it, goes out only once it is on our disk.
"""

from collections.abc import Iterator

from collector.decoders.ap3000 import SETTLED, address, answer, told
from collector.decoders.ap3000_frame import Frame, Frames, Text
from collector.decoders.port import Garbled
from collector.listeners.port import Heard, Noise


class Ap3000Talk:
    """Feed it what the socket gave; what it yields is in the order of the frames."""

    def __init__(self) -> None:
        self._frames = Frames()

    def feed(self, data: bytes, now_s: float, wall_s: float) -> Iterator[Heard | Noise]:
        for found in self._frames.feed(data):
            if isinstance(found, Text):
                continue  # the connection lives; nothing is measured
            if not isinstance(found, Frame):
                yield Noise(found.raw, found.reason)
                continue
            raw = found.encode()
            try:
                said = told(found)
            except Garbled as error:
                yield Noise(raw, str(error))
                continue
            yield Heard(address(found.board), said, raw, answer(found, int(wall_s)), _key(found))

    def end(self) -> Iterator[Noise]:
        for left in self._frames.end():
            yield Noise(left.raw, left.reason)


def _key(frame: Frame) -> object:
    """A settlement is sent each half hour until it is answered; its charge, port and order name it."""
    return (frame.board, frame.data[:29]) if frame.command == SETTLED else None

"""The roll as the status file shows it: looked at in pieces, so that no alarm waits for it."""

import asyncio

import orjson

from collector.health import DeviceSeen
from collector.roll import Roll

MANY = 500  # devices that are looked at in one go: some 2 ms
MANY_REST_S = 5.0  # real seconds between two looks at more than that


class Muster:
    """``devices`` are those of the last look, in order: at most ``MANY_REST_S`` old when they are many."""

    def __init__(self, roll: Roll) -> None:
        self.devices: tuple[DeviceSeen, ...] = ()
        self.encoded = b"[]"
        """The same as JSON, made once for each look."""
        self._roll = roll
        self._due_s = 0.0

    async def look(self, now_s: float) -> None:
        """Look again if it is time (``now_s`` is steady); the loop turns after each ``MANY``."""
        if len(self.devices) > MANY and now_s < self._due_s:
            return
        self._due_s = now_s + MANY_REST_S
        keys = self._roll.keys()
        found: list[DeviceSeen] = []
        pieces: list[bytes] = []
        for at in range(0, len(keys), MANY):
            if at:
                await asyncio.sleep(0)
            piece = list(map(self._roll.one, keys[at : at + MANY]))
            found += piece
            pieces.append(orjson.dumps(piece)[1:-1])
        self.devices = tuple(found)
        self.encoded = b"[%b]" % b",".join(pieces)

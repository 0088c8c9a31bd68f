"""Room on one channel: so many sends at once, fewer to one receiver, and fire class first.

A receiver that hangs takes its own few places and no more, so that it holds up only itself.
"""

import asyncio
from bisect import insort
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

from alerts.notify.limits import Seats
from alerts.words import Severity


@dataclass(slots=True, eq=False)
class _Guest:
    """One that waits; ``seated`` is done once it may go."""

    receiver: str
    is_fire: bool
    rank: tuple[bool, int, int]
    seated: asyncio.Future[None] = field(default_factory=asyncio.Future)


class Room:
    """``async with room.seat("https://…", is_fire=True, severity=…): await channel.send(…)``."""

    def __init__(self, seats: Seats) -> None:
        self._seats = seats
        self._taken = 0
        self._taken_by: Counter[str] = Counter()
        self._waiting: list[_Guest] = []
        self._numbers = count()

    @asynccontextmanager
    async def seat(
        self, receiver: str, *, is_fire: bool, severity: Severity
    ) -> AsyncIterator[None]:
        """Wait for a place: fire first, then the gravest, then whoever came first."""
        guest = _Guest(receiver, is_fire, (not is_fire, -severity, next(self._numbers)))
        if not self._admit(guest):
            insort(self._waiting, guest, key=lambda each: each.rank)
        try:
            await guest.seated
        except asyncio.CancelledError:
            if guest in self._waiting:
                self._waiting.remove(guest)
            else:
                self._leave(receiver)
            raise
        try:
            yield
        finally:
            self._leave(receiver)

    def _leave(self, receiver: str) -> None:
        self._taken -= 1
        self._taken_by[receiver] -= 1
        if not self._taken_by[receiver]:
            del self._taken_by[receiver]
        for guest in self._waiting:
            if self._admit(guest):
                self._waiting.remove(guest)
                return  # one place has become free

    def _admit(self, guest: _Guest) -> bool:
        seats, taken_there = self._seats, self._taken_by[guest.receiver]
        if self._taken >= seats.at_once - (0 if guest.is_fire else seats.for_fire):
            return False
        if taken_there >= seats.there - (0 if guest.is_fire else seats.there_for_fire):
            return False
        if guest.seated.done():  # cancelled, and about to leave by itself
            return False
        self._taken += 1
        self._taken_by[guest.receiver] += 1
        guest.seated.set_result(None)
        return True

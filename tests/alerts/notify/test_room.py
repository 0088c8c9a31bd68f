"""Who gets a place on a channel, and who waits."""

import asyncio
from contextlib import AsyncExitStack

from alerts.notify.limits import Seats
from alerts.notify.room import Room
from alerts.words import Severity

SEATS = Seats(at_once=4, for_fire=1, there=2, there_for_fire=1)


class Guests:
    """Everybody stays until sent away."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.seated: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.gates: dict[str, asyncio.Event] = {}

    async def come(
        self, name: str, to: str, *, fire: bool = False, severity: Severity = Severity.MINOR
    ) -> None:
        self.gates[name] = asyncio.Event()

        async def stay() -> None:
            async with self.room.seat(to, is_fire=fire, severity=severity):
                self.seated.append(name)
                await self.gates[name].wait()

        self.tasks[name] = asyncio.create_task(stay())
        await settle()

    async def go(self, *names: str) -> None:
        for name in names:
            self.gates[name].set()
            await settle()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_one_receiver_has_few_places_and_the_next_receiver_is_served() -> None:
    guests = Guests(Room(SEATS))
    for name in ("a1", "a2", "a3"):
        await guests.come(name, "a")
    await guests.come("b1", "b")
    assert guests.seated == ["a1", "b1"]
    await guests.go("a1")
    assert guests.seated == ["a1", "b1", "a2"]
    await guests.go("a2", "a3", "b1")


async def test_the_last_places_are_for_fire_there_and_of_the_channel() -> None:
    guests = Guests(Room(SEATS))
    for to in "abcd":
        await guests.come(to, to)
    assert guests.seated == ["a", "b", "c"]
    await guests.come("fire at a", "a", fire=True)
    assert guests.seated[-1] == "fire at a"
    await guests.come("fire at e", "e", fire=True)
    assert guests.seated[-1] == "fire at a"  # four are four
    await guests.go("a", "b", "c", "fire at a", "fire at e", "d")
    assert guests.seated[-2:] == ["fire at e", "d"]


async def test_of_those_that_wait_fire_goes_first_then_the_gravest_then_the_first() -> None:
    guests = Guests(Room(SEATS))
    for to in "abc":
        await guests.come(to, to)
    await guests.come("first", "d")
    await guests.come("second", "e")
    await guests.come("grave", "f", severity=Severity.CRITICAL)
    await guests.come("fire", "g", fire=True)
    await guests.come("more fire", "h", fire=True)
    waited = guests.seated[3:]
    await guests.go("a", "b", "c", "fire", "more fire", "grave", "first", "second")
    assert waited + guests.seated[3 + len(waited) :] == [
        "fire", "more fire", "grave", "first", "second"
    ]  # fmt: skip


async def test_whoever_gives_up_waiting_or_is_stopped_leaves_no_place_taken() -> None:
    room = Room(SEATS)
    guests = Guests(room)
    for name in ("a1", "a2", "a3"):
        await guests.come(name, "a")
    guests.tasks["a2"].cancel()  # waits
    await settle()
    guests.gates["a1"].set()
    guests.tasks["a3"].cancel()  # in the very turn in which its place becomes free
    await settle()
    assert guests.seated == ["a1"]
    async with asyncio.timeout(1), AsyncExitStack() as stack:
        for to in "abc":
            await stack.enter_async_context(room.seat(to, is_fire=False, severity=Severity.MINOR))

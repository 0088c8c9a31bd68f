"""500 incidents in a minute, from the database through the limiter to a robot that counts."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from alerts.links import Links
from alerts.notify.dispatcher import Dispatcher
from alerts.notify.limits import allowances
from alerts.notify.notice import NoticeState
from alerts.notify.port import Channel
from alerts.registry.model import Address, ChannelKind
from alerts.store.operations import Operations
from alerts.words import IncidentClass, Severity
from edge.clock import Clock
from edge.contract.subject import Subject
from tests.alerts.incidents.community import GUARD, MEI, REGISTRY, says
from tests.alerts.notify.worlds import ServiceWorld, WebhookWorld
from tests.alerts.store.conftest import PACKS

ROBOT = Address(channel=ChannelKind.WECOM, to="env:ROBOT_URL", group=True)
MANY = 500
LINKS = Links(b"k" * 32)


@asynccontextmanager
async def house(
    folder: Path, *addresses: Address, **channels: Channel
) -> AsyncIterator[tuple[Operations, Dispatcher]]:
    """The guard post has these addresses; the dispatcher is at work."""
    clock = Clock()
    operations = Operations(f"sqlite:///{folder / 'operations.db'}", packs=PACKS, links=LINKS)
    operations.set_up()
    guard = replace(GUARD, addresses=addresses, places=())
    (shed,) = [place for place in REGISTRY.places if place.id == "shed-1"]
    # One each: what happens at one place is told as one anyway.
    sheds = tuple(replace(shed, id=f"shed-of-{n}") for n in range(MANY))
    village = replace(REGISTRY, people=(guard, MEI), places=(*REGISTRY.places, *sheds))
    operations.save_registry(village, "me", "x", clock.now())
    kinds = {ChannelKind(name): channel for name, channel in channels.items()}
    # The robot's own limit, and the pace of people ten times as quick: nobody waits in a test.
    dispatcher = Dispatcher(
        operations,
        kinds,
        clock,
        limits=lambda kind, _: allowances(kind, 10),
        second_after_s=0.5,
        code=operations.code,
    )
    task = asyncio.create_task(dispatcher.run())
    yield operations, dispatcher
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    operations.close()


async def test_500_incidents_are_few_messages_none_is_lost_and_fire_is_among_the_first(
    tmp_path: Path,
) -> None:
    async with (
        ServiceWorld(ChannelKind.WECOM).there(Clock()) as world,
        house(tmp_path, ROBOT, wecom=world.channel) as (operations, dispatcher),
    ):
        for first in range(0, MANY, 100):
            storm = [
                says(
                    n,
                    subject=Subject.of_place("riverside", f"shed-of-{n}"),
                    place=f"shed-of-{n}",
                    cls=IncidentClass.SAFETY,
                )
                for n in range(first, first + 100)
            ]
            await asyncio.to_thread(operations.take, storm, PACKS, Clock().now())
            dispatcher.wake()
        fire = says(MANY, rule="eb-smoke", cls=IncidentClass.FIRE, severity=Severity.CRITICAL)
        await asyncio.to_thread(operations.take, [fire], PACKS, Clock().now())
        dispatcher.wake()
        await until(lambda: any("eb-smoke" in json.dumps(each) for each in world.received), 5)
        await until(lambda: accepted(operations) == MANY + 1, 60)
        details = {each.detail for each in operations.notices(limit=2000)}
        said = "\n".join(each["text"]["content"] for each in world.received)
        codes = re.findall(r"/l/(n\S+)$", said, re.MULTILINE)
        assert len(codes) >= 20
        for code in codes:  # each leads to a notice of this address, whose link is signed
            there = operations.notice(LINKS.notice_of(code) or 0)
            assert there is not None
            assert "/l/group." in there.link
    assert len(world.received) <= 8
    assert all(len(each["text"]["content"].encode()) <= 2048 for each in world.received)
    assert any("one message with" in detail for detail in details)
    assert not any("45009" in detail for detail in details)


async def test_fire_is_told_a_second_way_when_the_first_channel_hangs(tmp_path: Path) -> None:
    async with (
        ServiceWorld(ChannelKind.WECOM).there(Clock()) as world,
        WebhookWorld().there(Clock()) as other,
        house(tmp_path, ROBOT, other.address, wecom=world.channel, webhook=other.channel) as (
            operations,
            dispatcher,
        ),
    ):
        world.mode = "hanging"
        fire = says(1, cls=IncidentClass.FIRE, severity=Severity.CRITICAL)
        operations.take([fire], PACKS, Clock().now())
        dispatcher.wake()
        await until(lambda: bool(other.received), 10)
        assert [each.reason for each in operations.why(1, "guard")] == ["tier", "next-address"]


def accepted(operations: Operations) -> int:
    notices = operations.notices(limit=2000)
    return sum(each.state is NoticeState.ACCEPTED for each in notices)


async def until(holds: Callable[[], bool], most_s: float) -> None:
    async with asyncio.timeout(most_s):
        while not holds():  # noqa: ASYNC110 - what is awaited happens in threads
            await asyncio.sleep(0.05)

"""A wet night: 500 sheds report water within a minute, then one burns; from the wire to a robot."""

import json
import time
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from alerts.notify.notice import NoticeState
from alerts.registry.model import (
    Address,
    Binding,
    ChannelKind,
    Names,
    Person,
    Place,
    PlaceKind,
    PostRole,
)
from alerts.store.operations import Operations
from alerts.words import IncidentClass
from collector.link.mqtt5 import Mqtt5Link
from collector.link.port import Broker
from edge.clock import Clock
from edge.contract.reading import Reading
from edge.contract.senml import encode
from tests.alerts.notify.services import Wecom
from tests.collector.village import DEVICE, REGISTRY, SITE, Process, settle, status_of, until

MANY, A_PACK = 500, 100
SPEED = 5.0  # the rules' own ten seconds are two
WITHIN_S = 5.0
GUARD = Person(
    id="guard",
    site=SITE,
    name="值班岗",
    role=PostRole.GUARD,
    addresses=(Address(channel=ChannelKind.WECOM, to="env:ROBOT_URL", group=True),),
    is_post=True,
)
SHEDS = tuple(
    Place(id=f"shed-{n}", site=SITE, kind=PlaceKind.SHED, names=Names(zh=f"{n} 号充电棚"))
    for n in range(MANY)
)
BOX = replace(
    REGISTRY.devices[0],
    bindings=tuple(Binding(place=shed.id, metrics=("water", "smoke")) for shed in SHEDS),
)
VILLAGE = replace(REGISTRY, places=SHEDS, devices=(BOX,), people=(GUARD,), tiers=())


@pytest.mark.mosquitto
@pytest.mark.timeout(180)
async def test_500_incidents_in_a_minute_are_few_messages_and_fire_still_comes_within_5_s(
    mosquitto_server, tmp_path
):
    broker, clock = mosquitto_server(), Clock(time.time(), time.time(), SPEED)
    async with AsyncExitStack() as stack:
        robot = await stack.enter_async_context(Wecom().there())
        more = f'[notices]\nallow = ["{robot.host}"]\n'
        watch = Process(
            settle(tmp_path, broker.url, registry=VILLAGE, more=more),
            clock,
            environment={"ROBOT_URL": robot.url},
        )
        stack.callback(watch.kill)
        watch.start()
        database = f"sqlite:///{tmp_path / 'state' / 'operations.db'}"
        operations = stack.enter_context(Operations(database))
        await status_of(
            tmp_path, lambda status: any(p.name == "link" and p.ok for p in status.parts)
        )
        box = await stack.enter_async_context(
            Mqtt5Link(Broker.at(broker.url, "box"), filters=["none"])
        )
        await until(lambda: box.connected)
        for first in range(0, MANY, A_PACK):
            await say(box, "water", first, A_PACK, clock)
        await until(lambda: operations.totals().incidents >= MANY)
        await say(box, "smoke", MANY, 1, clock)
        await until(
            lambda: any("烟雾报警" in json.dumps(one, ensure_ascii=False) for one in robot.taken)
        )
        heard_at = clock.now()
        fire = next(
            one for one in operations.notices(limit=2 * MANY) if one.cls is IncidentClass.FIRE
        )
        assert (heard_at - fire.created_at).total_seconds() / SPEED <= WITHIN_S

        def accepted() -> int:
            found = operations.notices(limit=2 * MANY)
            return sum(one.state is NoticeState.ACCEPTED for one in found)

        await until(lambda: accepted() == MANY + 1)
        assert len(robot.taken) <= 10
        assert watch.terminate(10) == 0


async def say(box: Mqtt5Link, metric: str, first: int, count: int, clock: Clock) -> None:
    """One pack: so many sheds, each with its alarm; the run goes on from ``first``."""
    readings = [
        Reading(
            place=SHEDS[seq % MANY].id,
            port="",
            metric=metric,
            value=1.0,
            at_ms=clock.now_ms(),
            run="r1",
            seq=seq,
        )
        for seq in range(first, first + count)
    ]
    assert await box.publish(f"shouwang/v1/{SITE}/{DEVICE}/readings", encode(readings))

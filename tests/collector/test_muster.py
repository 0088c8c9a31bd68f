"""The roll as the status file shows it."""

import asyncio

import pytest

from alerts.rules.inputs import DeviceSaid
from collector.judged import Judged
from collector.muster import MANY, MANY_REST_S, Muster
from collector.roll import Roll
from edge.contract.reading import Batch, Reading
from edge.contract.status import State, Status


def hear(roll: Roll, count: int, at_ms: int) -> None:
    """So many devices each send a pack, the last one first."""
    for n in reversed(range(count)):
        batch = Batch(site="riverside", device=f"box-{n:05}", run="r", first=0, count=1)
        batch.add(Reading(place="p", port="", metric="do", value=8.0, at_ms=at_ms))
        roll.note(Judged(batches=[batch]), at_ms)


async def test_it_holds_every_device_of_the_roll_in_order() -> None:
    roll = Roll()
    hear(roll, 2 * MANY + 1, 7_000)
    roll.note(Judged(said=[DeviceSaid("creek", "new", Status(state=State.ONLINE))]), 8_000)
    muster = Muster(roll)
    await muster.look(0.0)
    names = [(one.site, one.device) for one in muster.devices]
    assert names == [("creek", "new"), *(("riverside", f"box-{n:05}") for n in range(2 * MANY + 1))]
    assert (muster.devices[0].online, muster.devices[0].seen_ms) == (True, None)
    assert (muster.devices[1].online, muster.devices[1].seen_ms) == (False, 7_000)


@pytest.mark.parametrize(
    ("count", "after_s", "is_new"),
    [
        (MANY, 1.0, True),
        (MANY + 1, 1.0, False),
        (MANY + 1, MANY_REST_S - 0.1, False),
        (MANY + 1, MANY_REST_S, True),
    ],
)
async def test_many_devices_are_looked_at_less_often(count, after_s, is_new) -> None:
    roll = Roll()
    muster = Muster(roll)
    hear(roll, count, 7_000)
    await muster.look(100.0)
    hear(roll, count, 9_000)
    await muster.look(100.0 + after_s)
    assert {one.seen_ms for one in muster.devices} == {9_000 if is_new else 7_000}


async def test_a_look_at_many_lets_the_loop_turn_and_shows_no_part_of_them() -> None:
    roll = Roll()
    muster = Muster(roll)
    hear(roll, 4 * MANY, 7_000)
    looking = asyncio.create_task(muster.look(0.0))
    turns = 0
    while not looking.done():
        assert not muster.devices
        turns += 1
        await asyncio.sleep(0)
    assert turns >= 4
    assert len(muster.devices) == 4 * MANY

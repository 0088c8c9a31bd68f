"""Readings of the journal at a bureau's receiver: acknowledged, sent again, not lost by a restart."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from collector.decoders.hj212 import told
from collector.follower import Follower
from collector.journaling import Journaling, Work
from collector.uplink.config import UplinkConfig
from collector.uplink.sending import Uplink
from edge.clock import Clock
from edge.contract.reading import Batch, Reading
from edge.journal.journal import Journal
from tests.collector.listeners.room import until
from tests.collector.uplink.receiver import Receiver

QUICK_S = (0.05, 0.1)
FAST = 600.0  # times real time: an interval of a minute and its grace take 0.15 s
BEGIN = time.time()
CLOCK = Clock(BEGIN, BEGIN, FAST)


def config(port: int, **given) -> UplinkConfig:
    keys = {
        "name": "bureau", "to": f"127.0.0.1:{port}", "mn": "MN01", "site": "linjiang",
        "series": {"laobakou/do": "w01009"}, "cn": "2011",
    }  # fmt: skip
    return TypeAdapter(UplinkConfig).validate_python(keys | given)


class Cell:
    def __init__(self, journaling: Journaling, uplink: Uplink) -> None:
        self.journaling = journaling
        self.uplink = uplink

    async def measure(self, value: float, at_ms: int | None = None) -> int:
        at_ms = CLOCK.now_ms() if at_ms is None else at_ms
        batch = Batch(site="linjiang", device="box", run="", first=0, count=1)
        batch.add(Reading(place="laobakou", port="", metric="do", value=value, at_ms=at_ms))
        (entry,) = await self.journaling.write(Work(said=[(at_ms, batch)]))
        return entry.position


@asynccontextmanager
async def cell(folder: Path, port: int, ack_s: float = 5.0) -> AsyncIterator[Cell]:
    journaling = Journaling(Journal(folder / "journal.db"))
    follower = Follower(journaling, "uplink-bureau")
    uplink = Uplink(config(port), journaling, follower, CLOCK, back_off_s=QUICK_S, ack_s=ack_s)
    tasks = [asyncio.create_task(journaling.run()), asyncio.create_task(uplink.run())]
    try:
        # A new uplink begins with what comes from now on.
        await until(lambda: journaling.commits > 0 or uplink.reports.position > 0)
        yield Cell(journaling, uplink)
    finally:
        for task in reversed(tasks):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await journaling.close()


async def test_a_reading_is_reported_once_and_the_cursor_moves(tmp_path):
    async with Receiver() as receiver, cell(tmp_path, receiver.port) as one:
        position = await one.measure(6.2)
        await until(lambda: one.uplink.sent == 1)
        (packet,) = receiver.heard
        assert (packet.cn, packet.mn, packet.wants_answer) == ("2011", "MN01", True)
        assert [record.value for record in told(packet, packet.at_ms).records] == [6.2]
        await until(lambda: one.journaling.cursor("uplink-bureau") == position)


async def test_a_report_is_sent_again_with_its_number_until_it_is_acknowledged(tmp_path):
    async with Receiver(deaf=2) as receiver, cell(tmp_path, receiver.port, ack_s=0.2) as one:
        await one.measure(6.2)
        await until(lambda: one.uplink.sent == 1)
        assert len(receiver.heard) == 3
        assert len({packet.qn for packet in receiver.heard}) == 1
        assert (one.uplink.again, one.uplink.why) == (2, "")


async def test_what_is_no_acknowledgement_is_passed_over(tmp_path):
    noise = b"##0009garbage..\r\n"
    async with Receiver(noise=noise) as receiver, cell(tmp_path, receiver.port) as one:
        await one.measure(6.2)
        await until(lambda: one.uplink.sent == 1)


async def test_a_receiver_that_is_away_is_told_and_gets_all_in_order(tmp_path):
    receiver = Receiver()
    async with cell(tmp_path, receiver.port) as one:
        begin_ms = CLOCK.now_ms() // 60_000 * 60_000
        for n in range(3):
            await one.measure(5.0 + n, begin_ms - (3 - n) * 60_000)
        await until(lambda: one.uplink.why)
        assert str(receiver.port) in one.uplink.why
        assert one.uplink.reports.waiting == 3
        async with receiver:
            await until(lambda: one.uplink.sent == 3)
            values = [told(p, p.at_ms).records[0].value for p in receiver.heard]
            assert values == [5.0, 6.0, 7.0]
            assert one.uplink.why == ""


async def test_a_restart_loses_no_report_and_sends_none_twice(tmp_path):
    receiver = Receiver()
    await receiver.open()
    async with cell(tmp_path, receiver.port) as one:
        await one.measure(6.2)
        await until(lambda: one.uplink.sent == 1)
        await receiver.close()
        await one.measure(7.2)
        await until(lambda: one.uplink.why)
    async with receiver, cell(tmp_path, receiver.port) as one:
        await until(lambda: one.uplink.sent == 1)
        await until(lambda: one.uplink.reports.waiting == 0)
        values = [told(p, p.at_ms).records[0].value for p in receiver.heard]
        assert values == [6.2, 7.2]


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("to", "bureau", "host:port"),
        ("series", {"laobakou/nothing": "w01009"}, "place/metric"),
        ("series", {"laobakou/ph": "w01009"}, "w01009 is do"),
        ("series", {"laobakou/ph": "x;y"}, "factor code"),
        ("series", {"a/ph": "w01001", "b/ph": "w01001"}, "twice"),
        ("mn", "a;b", "MN"),
        ("password", "secret", "reference"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(key, value, why):
    with pytest.raises(ValidationError, match=why):
        config(1, **{key: value})

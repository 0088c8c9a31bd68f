"""The 3.1.1 link on amqtt, the demo's broker, in a process of its own."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import pytest

from collector.link.mqtt311 import Mqtt311Link
from collector.link.port import Broker
from tests.services.servers import free_port

pytest.importorskip("amqtt")

SOON_S = 60.0


@pytest.fixture
def url() -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "collector.demo.broker", "--port", str(port)],
        stderr=subprocess.DEVNULL,
    )
    yield f"mqtt://127.0.0.1:{port}"
    process.kill()
    process.wait()


async def test_delivers_acknowledges_and_publishes(url):
    topic = "shouwang/v1/riverside/box/readings"
    async with (
        asyncio.timeout(SOON_S),
        Mqtt311Link(Broker.at(url, "collector"), sites=["riverside"], filters=[topic]) as link,
        Mqtt311Link(Broker.at(url, "device"), filters=["shouwang/v1/riverside/+/status"]) as device,
    ):
        while not (link.connected and device.connected):  # noqa: ASYNC110 - a test may poll
            await asyncio.sleep(0.02)
        for number in range(20):
            assert await device.publish(topic, b"%d" % number)
        got: list[bytes] = []
        async for messages in link.batches():
            got += [message.payload for message in messages]
            await link.ack(messages)
            if len(got) >= 20:
                break
        assert sorted(got, key=int) == [b"%d" % number for number in range(20)]
        async for messages in device.batches():
            assert messages[0].topic == "shouwang/v1/riverside/server/status"
            break

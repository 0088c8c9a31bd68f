from __future__ import annotations

import asyncio
import json
import time

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from dashboards.console.app import make_app
from dashboards.console.events import QUEUE, RING, Client, Hub
from tests.dashboards.desk_fixture import House, batch, house


async def _next(stream: ClientResponse, kind: str) -> dict[str, object]:
    """The next event of that kind, with its id."""
    event: dict[str, object] = {}
    async with asyncio.timeout(10):
        while True:
            line = (await stream.content.readline()).decode().rstrip("\n")
            if line:
                name, _, value = line.partition(": ")
                event[name] = value
            elif event.get("event") == kind:
                return event | {"data": json.loads(str(event["data"]))}
            else:
                event = {}


async def test_a_page_gets_the_clock_first_and_then_what_happens(
    client: TestClient, here: House, origin: dict[str, str]
):
    async with client.get("/events") as stream:
        assert stream.content_type == "text/event-stream"
        clock = await _next(stream, "clock")
        assert set(clock["data"]) == {"now_ms", "speed"}  # type: ignore[call-overload]
        here.live.queue.put_nowait(batch(901.0))
        told = await _next(stream, "readings")
        assert told["data"]["rows"][0][:3] == ["laobakou", "", "conductivity"]  # type: ignore[index]
        assert told["data"]["rows"][0][4] == 901.0  # type: ignore[index]
        await client.post("/api/v1/incidents/6/acknowledge", json={"who": "wang"}, headers=origin)
        await _next(stream, "incidents")


async def test_a_page_of_one_place_hears_of_no_other(client: TestClient, here: House):
    async with client.get("/events?site=riverside&place=shed-2") as stream:
        await _next(stream, "clock")
        here.live.queue.put_nowait(batch(901.0))
        other = batch(77.0)
        other.place[0] = "shed-2"
        here.live.queue.put_nowait(other)
        assert (await _next(stream, "readings"))["data"]["rows"][0][4] == 77.0  # type: ignore[index]


async def test_a_page_that_comes_back_gets_what_it_missed(client: TestClient, here: House):
    async with client.get("/events") as stream:
        await _next(stream, "clock")
        here.live.queue.put_nowait(batch(1.0))
        last = (await _next(stream, "readings"))["id"]
    here.live.queue.put_nowait(batch(2.0))
    async with client.get("/events", headers={"Last-Event-ID": str(last)}) as stream:
        assert (await _next(stream, "readings"))["data"]["rows"][0][4] == 2.0  # type: ignore[index]


async def test_a_page_from_before_a_restart_is_told_to_read_everything_again(client: TestClient):
    async with client.get("/events", headers={"Last-Event-ID": "00000000-7"}) as stream:
        assert (await _next(stream, "resync"))["data"] == {}


async def test_a_page_that_cannot_keep_up_loses_its_queue_and_is_told_so():
    hub = Hub(house().desk)
    slow = Client(None, None)
    listening = hub.listen(slow, "")
    assert b"clock" in await anext(listening)
    for number in range(QUEUE + 5):
        hub.tell("readings", {"n": number})
    assert slow.queue.qsize() <= QUEUE
    assert await anext(listening) == b"event: resync\ndata: {}\n\n"
    assert b'"n":' in await anext(listening)
    await listening.aclose()
    assert len(hub) == 0


async def test_what_is_too_long_ago_is_no_longer_known():
    hub = Hub(house().desk)
    for number in range(RING + 10):
        hub.tell("readings", {"n": number})
    boot = hub.boot
    assert hub.since(f"{boot}-3") is None
    assert len(hub.since(f"{boot}-{RING}") or []) == 10


async def test_stopping_ends_every_stream_at_once(here: House):
    client = TestClient(TestServer(make_app(here.desk)))
    async with client, client.get("/events") as stream:
        await _next(stream, "clock")
        began = time.monotonic()
        await client.server.close()
        assert time.monotonic() - began < 3
        async with asyncio.timeout(3):
            await stream.content.read()

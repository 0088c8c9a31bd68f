import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from alerts.notify.outbound import Outbound
from collector.deadman import DeadMan
from collector.synthetic import Synthetic
from edge.clock import Clock
from edge.contract.secret import Secret


class Outside:
    """Counts its pings and answers with ``status``."""

    def __init__(self) -> None:
        self.pings = 0
        self.status = 200
        self.server: TestServer

    async def answer(self, request: web.Request) -> web.Response:
        self.pings += 1
        return web.Response(status=self.status)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}/ping/a-key"


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    made = Outside()
    app = web.Application()
    app.router.add_get("/ping/a-key", made.answer)
    made.server = TestServer(app)
    async with made.server:
        yield made


@pytest.fixture
def synthetic() -> Synthetic:
    async def passes() -> None: ...

    return Synthetic(lambda: {"broker": passes}, lambda: None, Clock())


@pytest.fixture
async def outbound(outside) -> AsyncIterator[Outbound]:
    async with Outbound(allow=[f"127.0.0.1:{outside.server.port}"]) as made:
        yield made


@pytest.fixture
async def deadman(outside, synthetic, outbound) -> AsyncIterator[DeadMan]:
    made = DeadMan(Secret(outside.url), 0.0, outbound, synthetic)
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _until(is_so) -> None:
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - a server has no event
            await asyncio.sleep(0.01)


async def test_each_reading_that_came_through_is_one_ping(deadman, outside, synthetic):
    await asyncio.sleep(0.1)
    assert outside.pings == 0
    for count in (1, 2):
        await synthetic.round()
        await _until(lambda count=count: deadman.pinged == count)
    await asyncio.sleep(0.1)
    assert outside.pings == 2


async def test_a_failure_is_said_once_names_no_key_and_ends(deadman, outside, synthetic, caplog):
    outside.status = 404
    with caplog.at_level(logging.INFO, "collector.deadman"):
        for count in (1, 2):
            await synthetic.round()
            await _until(lambda count=count: outside.pings == count)
            await asyncio.sleep(0.1)
        assert deadman.why == "127.0.0.1 answers 404"
        outside.status = 200
        await synthetic.round()
        await _until(lambda: deadman.why == "")
    assert [record.getMessage() for record in caplog.records] == [
        "the dead-man was not pinged: 127.0.0.1 answers 404",
        "the dead-man is pinged again",
    ]
    assert deadman.pinged == 1


async def test_pings_go_where_the_outbound_client_may_go(outside, synthetic):
    async with Outbound() as outbound:
        deadman = DeadMan(Secret(outside.url), 0.0, outbound, synthetic)
        task = asyncio.create_task(deadman.run())
        await synthetic.round()
        await _until(lambda: deadman.why)
        task.cancel()
    assert "not a public address" in deadman.why
    assert "a-key" not in deadman.why
    assert outside.pings == 0


async def test_no_two_pings_come_sooner_than_every_s(outside, synthetic, outbound):
    deadman = DeadMan(Secret(outside.url), 3600.0, outbound, synthetic)
    task = asyncio.create_task(deadman.run())
    for _ in range(3):
        await synthetic.round()
        await asyncio.sleep(0.1)
    task.cancel()
    assert outside.pings == 1

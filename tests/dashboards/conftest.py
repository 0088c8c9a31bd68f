"""The afternoon by the river, served on loopback for one test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer

from dashboards.console.app import make_app
from tests.dashboards.desk_fixture import House, house


@pytest.fixture
def here() -> House:
    return house()


@pytest.fixture
async def client(here: House) -> AsyncIterator[TestClient]:
    async with TestClient(TestServer(make_app(here.desk))) as client:
        yield client


@pytest.fixture
def origin(client: TestClient) -> dict[str, str]:
    """What the console's own pages send along with an act."""
    return {"Origin": str(client.make_url("/")).rstrip("/")}

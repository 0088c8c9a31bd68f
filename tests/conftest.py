"""Fixtures for real servers. A test that needs one carries its marker:

    @pytest.mark.mosquitto
    def test_...(mosquitto_server): ...

It is skipped with the reason when the server is missing, or fails when SHOUWANG_REQUIRE_SERVICES=1.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import wheel as wheels
from tests.services.servers import (
    CHROMIUM_ARGS,
    Influxd,
    Influxd1,
    Missing,
    Mosquitto,
    Postgres,
    Victoria,
    find_chromium,
    find_faketime,
    find_influxd,
    find_influxd1,
    find_mosquitto,
    find_postgres,
    find_strace,
    find_victoria,
)

if TYPE_CHECKING:
    from playwright.async_api import Browser

FINDERS: dict[str, Callable[[], object]] = {
    "mosquitto": find_mosquitto,
    "faketime": find_faketime,
    "influxdb": find_influxd,
    "influxdb1": find_influxd1,
    "victoria": find_victoria,
    "chromium": find_chromium,
    "strace": find_strace,
    "postgres": find_postgres,
}

MosquittoFactory = Callable[..., Mosquitto]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chromium:
    path: Path
    args: tuple[str, ...]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for name, find in FINDERS.items():
        if item.get_closest_marker(name) is None:
            continue
        try:
            find()
        except Missing as reason:
            skip_or_fail(f"{name}: {reason}")


def skip_or_fail(reason: str) -> None:
    """Skips the test, or fails it where every server was promised to be there."""
    if os.environ.get("SHOUWANG_REQUIRE_SERVICES") == "1":
        pytest.fail(f"SHOUWANG_REQUIRE_SERVICES=1, but {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def mosquitto_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MosquittoFactory]:
    """Each call starts a broker of its own: `broker = mosquitto_server(extra="max_queued_messages 10")`."""
    started: list[Mosquitto] = []

    def start(*, port: int | None = None, extra: str = "") -> Mosquitto:
        broker = Mosquitto(tmp_path_factory.mktemp("mosquitto"), port=port, extra=extra)
        started.append(broker)
        broker.start()
        return broker

    yield start
    for broker in started:
        broker.kill()


@pytest.fixture(scope="session")
def influxdb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    """One InfluxDB for the session; each test takes a bucket of its own with `new_bucket()`."""
    with Influxd(tmp_path_factory.mktemp("influxd")) as server:
        yield server


@pytest.fixture(scope="session")
def influxdb1_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd1]:
    """One InfluxDB 1 for the session; each test takes a database of its own with `new_bucket()`."""
    with Influxd1(tmp_path_factory.mktemp("influxd1")) as server:
        yield server


@pytest.fixture(scope="session")
def victoria_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victoria]:
    """One VictoriaMetrics for the session; each test writes with a label `db` of its own."""
    with Victoria(tmp_path_factory.mktemp("victoria")) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """One PostgreSQL for the session; each test takes a database of its own with `new_database()`."""
    with Postgres() as server:
        yield server


@pytest.fixture(scope="session")
def uv() -> str:
    """The uv that installed this environment."""
    found = wheels.find_uv()
    if found is None:
        skip_or_fail("uv is missing: make install")
        raise AssertionError
    return found


@pytest.fixture(scope="session")
def wheel(uv: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree."""
    return wheels.build(uv, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def chromium() -> Chromium:
    """The machine's Chromium and the arguments that keep it from calling out."""
    return Chromium(path=find_chromium(), args=CHROMIUM_ARGS)


@pytest.fixture
async def playwright_browser(chromium: Chromium) -> AsyncIterator[Browser]:
    """A fresh browser with an empty profile, of playwright's async API.

    One per test: the synchronous API leaves a running event loop behind, in which no later async test can start.
    """
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=str(chromium.path), args=list(chromium.args)
        )
        try:
            yield browser
        finally:
            await browser.close()

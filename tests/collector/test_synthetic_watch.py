"""The whole way on a real Mosquitto: each stage broken in turn, and the dead-man that hears of it."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from alerts.rules.inputs import Tick
from alerts.store.operations import Operations
from collector import judging, records
from collector.config import read_config
from collector.link.mqtt5 import Mqtt5Link
from collector.link.port import Broker
from collector.stores.port import Series
from collector.watch import Watch
from edge.clock import Clock
from edge.contract.reading import Batch, Reading
from edge.contract.senml import encode
from edge.journal.journal import Journal
from edge.journal.tail import Tail
from tests.collector.village import SITE, settle
from tests.services.servers import Mosquitto

pytestmark = [pytest.mark.mosquitto, pytest.mark.timeout(240)]

SOON_S = 90.0
SPEED = 12.0  # a minute is five seconds, patience ten
STAGES = ["broker", "journal", "rules", "store", "outbox"]


class Outside:
    """The dead-man."""

    def __init__(self) -> None:
        self.pings = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.pings += 1
        return web.Response()


@pytest.fixture(scope="module")
def mosquitto(mosquitto_server) -> Mosquitto:
    return mosquitto_server()


@pytest.fixture
async def outside() -> AsyncIterator[tuple[Outside, int]]:
    made, app = Outside(), web.Application()
    app.router.add_get("/ping", made.answer)
    async with TestServer(app) as server:
        assert server.port is not None
        yield made, server.port


@pytest.fixture
async def watch(mosquitto, outside, tmp_path) -> AsyncIterator[Watch]:
    config, port = settle(tmp_path, mosquitto.url), outside[1]
    with config.open("a") as file:
        file.write(
            f'[deadman]\nurl = "http://127.0.0.1:{port}/ping"\nevery_s = 5\n'
            f'[notices]\nallow = ["127.0.0.1:{port}"]\n'
            "[limits]\ndevice_messages_per_s = 1\ndevice_burst_s = 5\n"
        )
    made = Watch(
        read_config(config), Clock(Clock().now_ms() / 1000, Clock().now_ms() / 1000, SPEED)
    )
    running = asyncio.create_task(made.run())
    await _until(lambda: hasattr(made, "synthetic"))
    yield made
    made.stop()
    await running


async def test_it_goes_the_whole_way_and_nobody_is_told(watch, outside, tmp_path):
    await _until(lambda: watch.synthetic.passed >= 2 and outside[0].pings >= 1)
    status = watch.vitals.status()
    assert list(status.synthetic) == STAGES
    assert {part.name: part.why for part in status.parts if not part.ok} == {}
    assert status.counters["synthetic_passed"] >= 2
    assert (status.counters["readings"], status.counters["strays"], status.letters) == (0, 0, {})
    assert status.devices == ()
    assert await watch.store.count() == 0
    found = await watch.store.points(Series(SITE, "server", "", "", "whole-way"), 0, 2**42)
    assert len(found) >= 2
    with Operations(f"sqlite:///{tmp_path / 'state' / 'operations.db'}") as operations:
        assert operations.open_incidents() == []


async def test_strangers_who_flood_do_not_hold_it_up_and_forgers_are_not_believed(watch, mosquitto):
    topics = [f"shouwang/v1/{SITE}/{device}/health" for device in ("nobody", "server")]
    async with Mqtt5Link(Broker.at(mosquitto.url, "forger"), filters=[]) as link:
        await _until(lambda: link.connected and watch.synthetic.passed >= 1)
        passed = watch.synthetic.passed
        await link.publish(topics[1], _forged())
        while watch.synthetic.passed < passed + 2:
            await link.publish(topics[0], _forged())
            await asyncio.sleep(0.02)
    status = watch.vitals.status()
    assert status.counters["strays"] == 1
    assert status.floods.keys() == {"unregistered devices"}
    assert watch.synthetic.why == ""
    found = await watch.store.points(Series(SITE, "server", "", "", "whole-way"), 0, 2**42)
    assert FORGED not in found.value


FORGED = 4711.0


def _forged() -> bytes:
    at_ms = Clock().now_ms()
    reading = Reading(
        place="", port="", metric="whole-way", value=FORGED, at_ms=at_ms, run="guessed", seq=0
    )
    return encode([reading])


async def test_a_restart_knows_when_the_last_one_came_through(watch):
    await _until(lambda: watch.synthetic.passed >= 1)
    known = await watch.journaling.call(lambda journal: journal.get("whole-way"))
    assert abs(watch.clock.now_ms() - known) < 60_000 * SOON_S


async def test_what_failed_before_a_restart_is_told_after_it(tmp_path):
    config = settle(tmp_path, "mqtt://127.0.0.1:9")
    # The ten minutes since it ended count for nothing.
    ended_ms = Clock().now_ms() - 600_000
    with Journal(tmp_path / "state" / "journal.db") as journal:
        journal.append([records.row(ended_ms, Tick())])
        journal.put("whole-way", ended_ms - 3_600_000)
        journal.commit()
    watch = Watch(read_config(config), Clock())
    running = asyncio.create_task(watch.run())
    try:
        await _until(lambda: hasattr(watch, "synthetic") and _minutes(tmp_path) != [])
    finally:
        watch.stop()
        await running
    assert _minutes(tmp_path)[0] in (60.0, 61.0)


def _minutes(folder: Path) -> list[float | None]:
    with Tail(folder / "state" / "journal.db") as tail:
        said = [records.entry(row).what for row in tail.read(0, 1000)]
    batches = [what for what in said if isinstance(what, Batch)]
    return [b.value[0] for b in batches if b.metric == ["whole-way-missing"]]


@contextmanager
def _no_broker(watch: Watch, mosquitto: Mosquitto) -> Iterator[None]:
    mosquitto.kill()
    yield
    mosquitto.start()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    database = sqlite3.connect(path, timeout=30, isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    yield
    database.execute("ROLLBACK")
    database.close()


@contextmanager
def _no_store(watch: Watch, mosquitto: Mosquitto) -> Iterator[None]:
    with _locked(watch.config.readings_path):
        yield


@contextmanager
def _no_operations(watch: Watch, mosquitto: Mosquitto) -> Iterator[None]:
    with _locked(watch.config.state / "operations.db"):
        yield


@contextmanager
def _no_rules(watch: Watch, mosquitto: Mosquitto) -> Iterator[None]:
    def falls(*_: object) -> None:
        raise RuntimeError("the rules have fallen")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "load_engine", falls)
        patch.setattr(watch.judging.engine, "feed", falls)
        yield


@pytest.mark.parametrize(
    ("stage", "broken"),
    [
        ("broker", _no_broker),
        ("rules", _no_rules),
        ("store", _no_store),
        ("outbox", _no_operations),
    ],
)
async def test_a_stage_that_stands_is_named_and_keeps_the_pings_away(
    watch, mosquitto, outside, stage, broken
):
    told = outside[0]
    await _until(lambda: told.pings >= 1)
    with broken(watch, mosquitto):
        await _until(lambda: watch.synthetic.why != "")
        parts = {part.name: part for part in watch.vitals.status().parts}
        assert f"stands at '{stage}'" in parts["whole-way"].why
        assert stage not in watch.vitals.status().synthetic
        pings, passed = told.pings, watch.synthetic.passed
        await asyncio.sleep(12)
        assert (told.pings, watch.synthetic.passed) == (pings, passed)
    await _until(lambda: told.pings > pings)
    assert watch.synthetic.why == ""


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON_S):
        while not is_so():  # noqa: ASYNC110 - counters have no event
            await asyncio.sleep(0.05)

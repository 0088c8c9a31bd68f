"""The watch as a process of its own, on a real Mosquitto, with a device that sends until received."""

import asyncio
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerts.rules.inputs import PacksRevised, RegistryRevised, Sight, What
from alerts.store.operations import Operations
from collector import records
from collector.health import WatchStatus
from edge.clock import Clock
from edge.contract.ranges import Ranges
from edge.contract.reading import Batch
from edge.journal.journal import Journal
from edge.journal.tail import Tail
from tests.collector.village import (
    DEVICE,
    PLACE,
    REGISTRY,
    SITE,
    SOON_S,
    Process,
    Teller,
    settle,
    status_of,
    until,
)
from tests.services.servers import Mosquitto

pytestmark = [pytest.mark.mosquitto, pytest.mark.timeout(180)]

KILLS = 3


@pytest.fixture(scope="module")
def mosquitto(mosquitto_server) -> Mosquitto:
    return mosquitto_server()


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def process(url: str, protocol: str = "5", clock: Clock | None = None) -> Process:
        watch = Process(settle(tmp_path, url, protocol), clock)
        started.append(watch)
        watch.start()
        return watch

    yield process
    for watch in started:
        watch.kill()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_reading_is_journalled_stored_and_received(
    start, mosquitto_server, tmp_path, protocol
):
    broker = mosquitto_server()
    watch = start(broker.url, protocol)
    teller = Teller(broker.url, "run-1")
    await teller.tell(20, 5, 0.01, SOON_S)
    status = await status_of(tmp_path, lambda status: status.counters["stored"] >= 100)
    assert watch.terminate(5) == 0
    assert status.counters["readings"] == 100
    assert status.counters["falls"] == 0
    assert {part.name: part.why for part in status.parts if not part.ok} == {}
    not_set_up = {"listeners", "uplinks", "dead-man"}
    assert not_set_up.isdisjoint(part.name for part in status.parts)
    assert _held(tmp_path) == {("riverside/box", "run-1"): Ranges([(0, 99)])}
    assert _stored(tmp_path) == 100


async def test_killed_at_any_moment_it_loses_nothing_and_doubles_nothing(
    start, mosquitto, tmp_path
):
    chance = random.Random(7)
    watch = start(mosquitto.url)
    await _listening(tmp_path, watch)
    teller = Teller(mosquitto.url, "run-kill")
    telling = asyncio.create_task(teller.tell(400, 5, 0.02, SOON_S * 2))
    for _ in range(KILLS):
        await asyncio.sleep(chance.uniform(0.05, 0.8))
        watch.kill()
        watch.start()
        await _listening(tmp_path, watch)
    await telling
    await status_of(tmp_path, lambda status: status.depth["store"] == 0)
    assert watch.terminate(5) == 0
    assert teller.handed_out == 2000
    assert _held(tmp_path)["riverside/box", "run-kill"] == Ranges([(0, 1999)])
    assert _journalled(tmp_path) == list(range(2000))
    assert _stored(tmp_path) == 2000


async def test_the_journal_tells_of_packs_registry_and_sight(start, mosquitto, tmp_path):
    watch = start(mosquitto.url)
    await _listening(tmp_path, watch)
    await until(lambda: any(isinstance(what, Sight) and what.sees for what in _said(tmp_path)))
    said = _said(tmp_path)
    assert isinstance(said[0], Sight)
    assert not said[0].sees
    kinds = [type(what) for what in said]
    assert kinds.count(PacksRevised) == 1
    assert kinds.count(RegistryRevised) == 1
    watch.kill()
    watch.start()
    await _listening(tmp_path, watch)
    again = [type(what) for what in _said(tmp_path)]
    assert again.count(PacksRevised) == 1
    assert again.count(RegistryRevised) == 1


async def test_a_lost_broker_makes_it_blind_until_it_is_back(start, mosquitto_server, tmp_path):
    broker = mosquitto_server()
    watch = start(broker.url)
    await _listening(tmp_path, watch)
    await until(lambda: _sights(tmp_path)[-1])
    broker.kill()
    await until(lambda: not _sights(tmp_path)[-1])
    status = await status_of(tmp_path, lambda status: not _part(status, "link").ok)
    assert str(broker.port) in _part(status, "link").why
    broker.start()
    await until(lambda: _sights(tmp_path)[-1])


async def test_ticks_go_on_at_four_hundred_times_the_speed(start, mosquitto, tmp_path):
    clock = Clock(time.time(), time.time(), 400.0)
    start(mosquitto.url, clock=clock)
    first = await status_of(tmp_path, lambda status: _part(status, "link").ok)
    later = await status_of(tmp_path, lambda status: status.position >= first.position + 8)
    assert later.at_ms - first.at_ms > 400 * 1000


async def test_a_device_keeps_its_readings_until_it_is_registered(start, mosquitto, tmp_path):
    watch = start(mosquitto.url)
    await _listening(tmp_path, watch)
    with Operations(f"sqlite:///{tmp_path / 'state' / 'operations.db'}") as operations:
        other = replace(REGISTRY, devices=())
        operations.save_registry(other, "test", "the box is gone", datetime.now(UTC))
        await until(lambda: _revisions(tmp_path) == 2)
        teller = Teller(mosquitto.url, "run-gone")
        telling = asyncio.create_task(teller.tell(1, 5, 0.0, SOON_S))
        status = await status_of(tmp_path, lambda status: status.counters["dead"] >= 5)
        assert status.counters["readings"] == 0
        with Tail(tmp_path / "state" / "journal.db") as tail:
            reasons = {letter.reason for letter in tail.letters()}
        assert reasons == {f"device {DEVICE} of site {SITE} is not registered"}
        assert not telling.done()
        operations.save_registry(REGISTRY, "test", "the box is back", datetime.now(UTC))
        await telling
    status = await status_of(tmp_path, lambda status: status.counters["readings"] == 5)
    assert status.counters["dead"] == 5
    assert _journalled(tmp_path) == list(range(5))


async def test_a_second_watch_of_the_same_cell_is_refused(start, mosquitto, tmp_path):
    first = start(mosquitto.url)
    await _listening(tmp_path, first)
    second = Process(tmp_path / "shouwang.toml")
    second.start()
    try:
        assert await asyncio.to_thread(second.wait, SOON_S) == 3
    finally:
        second.kill()
    assert first.is_running
    assert PLACE not in second.log.read_text()


# Helpers


async def _listening(folder: Path, watch: Process) -> None:
    assert watch.is_running
    await status_of(folder, lambda status: status.pid == watch.pid and _part(status, "link").ok)


def _part(status: WatchStatus, name: str):
    return next(part for part in status.parts if part.name == name)


def _said(folder: Path) -> list[What]:
    with Tail(folder / "state" / "journal.db") as tail:
        return [records.entry(row).what for row in tail.read(0, 10_000)]


def _revisions(folder: Path) -> int:
    return sum(isinstance(what, RegistryRevised) for what in _said(folder))


def _sights(folder: Path) -> list[bool]:
    return [what.sees for what in _said(folder) if isinstance(what, Sight)] or [False]


def _held(folder: Path) -> dict[tuple[str, str], Ranges]:
    with Journal(folder / "state" / "journal.db") as journal:
        return {key: Ranges(ranges) for key, ranges in journal.ranges().items()}


def _journalled(folder: Path) -> list[int]:
    said = [what for what in _said(folder) if isinstance(what, Batch) and what.device != "server"]
    return sorted(seq for batch in said for seq in batch.seq)


def _stored(folder: Path) -> int:
    with sqlite3.connect(folder / "state" / "readings.db") as db:
        found = db.execute(
            "SELECT count(*) FROM raw JOIN series ON id = series WHERE device <> 'server'"
        )
        count: int = found.fetchone()[0]
    db.close()
    return count

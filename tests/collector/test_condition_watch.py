"""A watch on a real broker says how the house is, and finds a device whose clock is off."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.registry.model import Address, ChannelKind, Person, PostRole
from alerts.store.operations import Operations
from collector.exposition import prometheus
from collector.health import DeviceSeen, WatchStatus, read_watch
from collector.link.mqtt5 import Mqtt5Link
from collector.link.port import Broker
from collector.stores.embedded import EmbeddedStore
from collector.stores.port import Series
from edge.contract.reading import Reading
from edge.contract.senml import encode
from edge.contract.topics import SERVER
from tests.collector.village import (
    DEVICE,
    PLACE,
    REGISTRY,
    SITE,
    SOON_S,
    Process,
    settle,
    status_of,
    until,
)
from tests.services.servers import Mosquitto

pytestmark = [pytest.mark.mosquitto, pytest.mark.timeout(180)]

TOPIC = f"shouwang/v1/{SITE}/{DEVICE}/readings"
AHEAD_MS = 300_000
ENGINEER = Person(
    id="lin",
    site=SITE,
    name="小林",
    role=PostRole.ENGINEER,
    addresses=(Address(channel=ChannelKind.LOG, to="lin"),),
)


@pytest.fixture(scope="module")
def mosquitto(mosquitto_server) -> Mosquitto:
    return mosquitto_server()


@pytest.fixture
def watch(mosquitto, tmp_path) -> Iterator[Process]:
    registry = replace(REGISTRY, people=(*REGISTRY.people, ENGINEER))
    made = Process(settle(tmp_path, mosquitto.url, registry=registry))
    made.start()
    yield made
    made.kill()


async def test_the_house_says_how_it_is_and_which_clock_is_off(watch, mosquitto, tmp_path):
    async with Mqtt5Link(Broker.at(mosquitto.url, DEVICE), filters=[TOPIC + "/none"]) as link:
        await until(lambda: link.connected)
        await status_of(tmp_path, lambda status: all(part.ok for part in status.parts))
        for seq in range(4):
            now_ms = time.time_ns() // 1_000_000
            reading = Reading(
                place=PLACE,
                port="",
                metric="ph",
                value=7.0 + seq / 10,
                at_ms=now_ms + AHEAD_MS,
                run="ahead",
                seq=seq,
            )
            await _tell(link, encode([reading]), tmp_path, seq)
    status = await status_of(
        tmp_path, lambda status: (_box(status).skew_s or 0) > 299 and status.counters["stored"] >= 4
    )
    text = prometheus(status)
    for told in (
        f'shouwang_device_clock_skew_seconds{{site="{SITE}",device="{DEVICE}",by="arrival"}} 299',
        "shouwang_outbox_stuck_seconds 0",
        "shouwang_store_away_seconds 0",
        "shouwang_disk_free_bytes ",
        "shouwang_store_delay_seconds_count ",
        "shouwang_store_write_seconds_count ",
        'shouwang_consumer_lag_seconds{consumer="rules"} ',
    ):
        assert told.replace(" 299", " ") in text
    with Operations(f"sqlite:///{tmp_path / 'state' / 'operations.db'}") as operations:
        await until(lambda: bool(operations.open_incidents()))
        (incident,) = operations.open_incidents()
        assert (incident.rule, str(incident.subject)) == (
            "dev-clock-skew",
            f"device:{SITE}/{DEVICE}",
        )
        await until(lambda: bool(operations.notices()))
        (notice,) = operations.notices()
        assert notice.person == ENGINEER.id
        assert "300 秒" in notice.text
    store = EmbeddedStore(tmp_path / "state" / "readings.db", read_only=True)
    try:
        for name in ("outbox-stuck", "store-away", "consumer-lag", "server-disk-free"):
            series = Series(SITE, SERVER, "", "", name)
            async with asyncio.timeout(SOON_S):
                while not (await store.points(series, 0, 2**62)).at_ms:  # noqa: ASYNC110 - a file
                    await asyncio.sleep(0.1)
    finally:
        await store.close()


def _box(status: WatchStatus) -> DeviceSeen:
    return next(
        (one for one in status.devices if one.device == DEVICE), DeviceSeen(site=SITE, device="")
    )


async def _tell(link: Mqtt5Link, pack: bytes, folder: Path, seq: int) -> None:
    """Again until it is journalled: the broker keeps nothing for a watch that it does not know yet."""
    async with asyncio.timeout(SOON_S):
        while True:
            assert await link.publish(TOPIC, pack)
            for _ in range(20):
                status = read_watch(folder / "state" / "watch.json")
                if status is not None and status.counters["readings"] > seq:
                    return
                await asyncio.sleep(0.1)

"""A station and a board speak to the whole watch, and the readings are in the store."""

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.registry.model import Names, Place, PlaceKind, Port
from collector.decoders.hj212 import told
from collector.health import WatchStatus, read_watch
from edge.clock import Clock
from tests.collector.decoders.test_ap3000 import HEARTBEAT, POWER
from tests.collector.listeners import room
from tests.collector.listeners.test_hj212_listener import answer, packet
from tests.collector.uplink.receiver import Receiver
from tests.collector.village import REGISTRY, SITE, Process, settle
from tests.services.servers import Mosquitto

pytestmark = [pytest.mark.mosquitto, pytest.mark.timeout(120)]

SOON_S = 60.0  # a watch beside seven other test runs took ten seconds to import its modules

SHED = Place(
    id="shed",
    site=SITE,
    kind=PlaceKind.SHED,
    names=Names(zh="充电棚"),
    ports=tuple(Port(id=n, names=Names(zh=f"{n} 号")) for n in "12"),
)
VILLAGE = replace(
    REGISTRY,
    places=(*REGISTRY.places, SHED),
    devices=(*REGISTRY.devices, room.STATION, room.BOARD),
)


@pytest.fixture(scope="module")
def mosquitto(mosquitto_server) -> Mosquitto:
    return mosquitto_server()


@pytest.fixture
def bureau() -> Receiver:
    return Receiver()


@pytest.fixture
def watch(tmp_path, mosquitto, bureau) -> Iterator[tuple[int, int]]:
    """Its two ports. Its clock runs fast: a report waits half a minute for what is under way."""
    config = settle(tmp_path, mosquitto.url, registry=VILLAGE)
    ports = room.free_port(), room.free_port()
    with config.open("a", encoding="utf-8") as file:
        for format, port in zip(("hj212", "ap3000"), ports, strict=True):
            file.write(f'[[listener]]\nformat = "{format}"\nport = {port}\n')
        file.write(
            f'[[uplink]]\nname = "bureau"\nto = "127.0.0.1:{bureau.port}"\nmn = "MN01"\n'
            f'site = "{SITE}"\ncn = "2011"\nseries = {{ "laobakou/do" = "w01009" }}\n'
        )
    process = Process(config, Clock(time.time(), time.time(), 30.0))
    process.start()
    yield ports
    process.kill()


async def test_a_station_and_a_board_are_stored_answered_and_reported(watch, tmp_path, bureau):
    await _status(tmp_path, lambda status: _why(status, "listeners") == "")
    await _status(tmp_path, lambda status: _why(status, "link") == "")
    lines = [room.Line(*await asyncio.open_connection("127.0.0.1", port)) for port in watch]
    await lines[0].say(packet("1", "w01009-Rtd=6.2,w01009-Flag=N;w01001-Rtd=99,w01001-Flag=N"))
    assert await lines[0].hear(len(answer("1"))) == answer("1")
    await lines[1].say(b"89860413161892009275link" + HEARTBEAT + POWER)
    assert len(await lines[1].hear(15)) == 15
    status = await _status(tmp_path, lambda status: status.counters["stored"] >= 11)
    for line in lines:
        line.close()
    # Judged like any other: a pH of 99, and the -60 °C of the heartbeat that the guide prints.
    assert status.counters["failed"] == 2
    assert status.counters["peers_heard"] == 3
    assert {(one.device, one.online) for one in status.devices} >= {
        ("station", True), ("board", True),
    }  # fmt: skip
    async with bureau:
        status = await _status(tmp_path, lambda status: status.counters["uplink_sent"] == 1)
    assert [told(p, p.at_ms).records[0].value for p in bureau.heard] == [6.2]
    found = _stored(tmp_path)
    assert found["laobakou", "", "do"] == 6.2
    assert found["shed", "2", "power"] == 100


async def _status(folder: Path, is_so) -> WatchStatus:
    async with asyncio.timeout(SOON_S):
        while True:
            status = read_watch(folder / "state" / "watch.json")
            if status is not None and is_so(status):
                return status
            await asyncio.sleep(0.05)


def _why(status: WatchStatus, name: str) -> str:
    return next(part.why for part in status.parts if part.name == name)


def _stored(folder: Path) -> dict[tuple[str, str, str], float]:
    with sqlite3.connect(folder / "state" / "readings.db") as db:
        rows = db.execute(
            "SELECT place, port, metric, value FROM raw JOIN series ON id = series "
            "WHERE device <> 'server' ORDER BY at_ms"
        ).fetchall()
    db.close()
    return {(place, port, metric): value for place, port, metric, value in rows}

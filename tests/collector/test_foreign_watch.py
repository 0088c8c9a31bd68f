"""Foreign devices through the whole watch: from their own topics on a real Mosquitto to the store."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from alerts.registry.model import (
    Binding,
    Circuit,
    Device,
    Format,
    Names,
    Place,
    PlaceKind,
    Port,
    Registry,
)
from alerts.rules.inputs import What
from alerts.store.operations import Operations
from collector import records
from collector.health import WatchStatus, read_watch
from collector.link.mqtt5 import Mqtt5Link
from collector.link.port import Broker
from edge.contract.reading import Batch
from edge.journal.tail import Tail
from tests.collector.village import REGISTRY, SITE, Process, settle
from tests.services.servers import Mosquitto

pytestmark = [pytest.mark.mosquitto, pytest.mark.timeout(120)]

SOON_S = 60.0  # a watch beside seven other test runs took ten seconds to import its modules
SHED = Place(
    id="shed",
    site=SITE,
    kind=PlaceKind.SHED,
    names=Names(zh="棚"),
    ports=(Port(id="1", names=Names(zh="一号")), Port(id="2", names=Names(zh="二号"))),
    circuits=(Circuit(id="main", names=Names(zh="总"), rating_a=40.0),),
)
POWERS = ("power", "voltage", "current", "energy", "port-state")
TASMOTA = Device(
    id="plug-a",
    site=SITE,
    names=Names(zh="插座"),
    format=Format.TASMOTA,
    address="plug-a",
    bindings=(
        Binding(
            place="shed",
            port="1",
            metrics=(*POWERS, "power-factor", "port-temp"),
            mapping={"DS18B20.Temperature": "port-temp"},
        ),
    ),
)
SHELLY = Device(
    id="plug-b",
    site=SITE,
    names=Names(zh="插座"),
    format=Format.SHELLY,
    address="shed/plug-b",
    bindings=(
        Binding(place="shed", port="1", component="switch:0", metrics=POWERS),
        Binding(
            place="shed",
            port="2",
            component="switch:1",
            metrics=(*POWERS, "port-temp"),
            mapping={"temperature.tC": "port-temp"},
        ),
    ),
)
PLUGS = replace(
    REGISTRY, places=(*REGISTRY.places, SHED), devices=(*REGISTRY.devices, TASMOTA, SHELLY)
)


@pytest.fixture(scope="module")
def mosquitto(mosquitto_server) -> Mosquitto:
    return mosquitto_server()


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def process(url: str, protocol: str = "5", registry: Registry = PLUGS) -> Process:
        watch = Process(settle(tmp_path, url, protocol, registry))
        started.append(watch)
        watch.start()
        return watch

    yield process
    for watch in started:
        watch.kill()


@pytest.fixture
async def plug(mosquitto) -> AsyncIterator[Mqtt5Link]:
    """What plugs say."""
    async with Mqtt5Link(Broker.at(mosquitto.url, "plugs"), filters=()) as link:
        await _until(lambda: link.connected)
        yield link


async def test_a_tasmota_plug_is_read_and_known_by_its_last_will(start, mosquitto, tmp_path, plug):
    await plug.publish("tele/plug-a/LWT", b"Online", retain=True)
    await plug.publish("tele/plug-a/SENSOR", b'{"ENERGY":{"Power":1}}', retain=True)
    start(mosquitto.url)
    await _status(tmp_path, lambda status: _is_online(status, "plug-a") is True)
    body = (
        b'{"Time":"2026-11-20T22:15:09","ENERGY":{"Total":6.294,"Today":0.9,"Power":198,'
        b'"Factor":0.94,"Voltage":227,"Current":0.925},"DS18B20":{"Temperature":88.7},'
        b'"TempUnit":"F"}'
    )
    await plug.publish("tele/plug-a/SENSOR", body, qos=0)
    await _until(lambda: len(_stored(tmp_path)) == 6)
    assert _stored(tmp_path) == {
        ("plug-a", "shed", "1", "power"): 198.0,
        ("plug-a", "shed", "1", "voltage"): 227.0,
        ("plug-a", "shed", "1", "current"): 0.925,
        ("plug-a", "shed", "1", "energy"): pytest.approx(6294.0),
        ("plug-a", "shed", "1", "power-factor"): 0.94,
        ("plug-a", "shed", "1", "port-temp"): pytest.approx(31.5),
    }
    assert {what.untrusted for what in _said(tmp_path) if isinstance(what, Batch)} == {True}
    await plug.publish("tele/plug-a/LWT", b"Offline", retain=True)
    status = await _status(tmp_path, lambda status: _is_online(status, "plug-a") is False)
    assert status.counters["stale"] == 1
    assert status.counters["dead"] == 0


async def test_a_shellys_sockets_are_read_each_at_its_own(start, mosquitto, tmp_path, plug):
    start(mosquitto.url, "3.1.1")
    await plug.publish("shed/plug-b/online", b"true", retain=True)
    await _status(tmp_path, lambda status: _is_online(status, "plug-b") is True)
    captured = orjson.loads(
        (Path(__file__).parent / "decoders" / "shelly_status.json").read_bytes()
    )
    sockets = captured["pro-4pm"]
    await plug.publish(
        "shed/plug-b/status/switch:0", orjson.dumps(captured["plus-plug-s"]["switch:0"])
    )
    await plug.publish("shed/plug-b/status/switch:1", orjson.dumps(sockets["switch:1"]))
    await plug.publish("shed/plug-b/status/wifi", orjson.dumps(captured["plus-plug-s"]["wifi"]))
    await plug.publish("shed/plug-b/online", b"false", retain=True)
    await _status(tmp_path, lambda status: _is_online(status, "plug-b") is False)
    await _until(lambda: len(_stored(tmp_path)) >= 10)
    stored = _stored(tmp_path)
    assert stored["plug-b", "shed", "1", "energy"] == pytest.approx(7258.589)
    assert stored["plug-b", "shed", "1", "port-state"] == 1.0
    assert stored["plug-b", "shed", "2", "voltage"] == 121.8
    assert stored["plug-b", "shed", "2", "port-temp"] == 25.6
    assert stored["plug-b", "", "", "signal"] == -53.0
    with Tail(tmp_path / "state" / "journal.db") as tail:
        assert {letter.reason for letter in tail.letters()} == {
            "switch:1.freq is not mapped for device plug-b",
            "switch:1.pf is not mapped for device plug-b",
        }


async def test_a_plug_is_heard_from_when_it_is_registered_and_no_longer(
    start, mosquitto, tmp_path, plug
):
    without = replace(PLUGS, devices=REGISTRY.devices)
    start(mosquitto.url, registry=without)
    await _status(tmp_path, lambda status: any(p.name == "link" and p.ok for p in status.parts))
    with Operations(f"sqlite:///{tmp_path / 'state' / 'operations.db'}") as operations:
        operations.save_registry(PLUGS, "test", "plugs", datetime.now(UTC))

        async def speak() -> None:
            await plug.publish("tele/plug-a/SENSOR", b'{"ENERGY":{"Power":5}}')

        await _until(lambda: bool(_stored(tmp_path)), speak)
        operations.save_registry(without, "test", "no plugs", datetime.now(UTC))
        # What the session remembers is let go as well: whatever a plug says then, nothing comes.
        count = -1
        async with asyncio.timeout(SOON_S):
            while count != (count := await _messages(tmp_path)):
                for _ in range(5):
                    await speak()


async def _messages(folder: Path) -> int:
    """How many messages have come, once those that were just published would be counted."""
    now_ms = (await _status(folder, lambda status: True)).at_ms
    status = await _status(folder, lambda status: status.at_ms >= now_ms + 1_500)
    return status.counters["messages"]


def _is_online(status: WatchStatus, device: str) -> bool | None:
    return next((seen.online for seen in status.devices if seen.device == device), None)


def _said(folder: Path) -> list[What]:
    with Tail(folder / "state" / "journal.db") as tail:
        return [records.entry(row).what for row in tail.read(0, 10_000)]


def _stored(folder: Path) -> dict[tuple[str, str, str, str], float]:
    """The newest value of each series that is not our own house's."""
    file = folder / "state" / "readings.db"
    if not file.exists():
        return {}
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as db:
        rows = db.execute(
            "SELECT device, place, port, metric, value FROM raw JOIN series ON id = series "
            "WHERE device LIKE 'plug-%' ORDER BY at_ms"
        ).fetchall()
    db.close()
    return {tuple(row[:4]): row[4] for row in rows}


async def _status(folder: Path, is_so: Callable[[WatchStatus], bool]) -> WatchStatus:
    found: list[WatchStatus] = []

    def look() -> bool:
        status = read_watch(folder / "state" / "watch.json")
        if status is not None and is_so(status):
            found.append(status)
        return bool(found)

    await _until(look)
    return found[0]


async def _until(is_so: Callable[[], bool], again=None) -> None:
    async with asyncio.timeout(SOON_S):
        while not is_so():
            if again is not None:
                await again()
            await asyncio.sleep(0.05)

"""SenML, line protocol, mapped JSON and LoRaWAN uplinks through the whole watch, on a real Mosquitto."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.registry.model import Binding, Device, Format, Names
from collector.health import WatchStatus, read_watch
from collector.link.mqtt5 import Mqtt5Link
from collector.link.port import Broker
from edge.journal.tail import Tail
from tests.collector.village import PLACE, REGISTRY, SITE, Process, settle

pytestmark = [pytest.mark.mosquitto, pytest.mark.timeout(120)]

SOON_S = 60.0
EUI = "a84041f4b1c2d3e4"


def device(id: str, format: Format, address: str, mapping: dict[str, str], **more) -> Device:
    binding = Binding(
        place=PLACE,
        metrics=tuple(mapping.values()),
        mapping=mapping,
        units=more.pop("units", {}),
    )
    return Device(
        id=id,
        site=SITE,
        names=Names(zh="外来"),
        format=format,
        address=address,
        bindings=(binding,),
        **more,
    )


GAUGE = {"level_cm": "water-level", "water.temp": "water-temp"}
DEVICES = (
    device(
        "cbor", Format.SENML_CBOR, "senml/+", {"urn:dev:1:do": "do", "urn:dev:1:t": "water-temp"}
    ),
    device(
        "line",
        Format.LINE,
        "telegraf/sluice",
        {"modbus.level{name=gauge}": "water-level", "modbus.do{name=sonde}": "do"},
        units={"modbus.level{name=gauge}": "cm"},
        options={"precision": "ms", "tags": "name"},
    ),
    device(
        "json",
        Format.JSON,
        "sonde/data",
        {"/o2": "do", "/t1": "water-temp"},
        units={"/t1": "°F"},
        zone="Asia/Shanghai",
        options={"samples": "/data", "time": "/t", "time_format": "%Y-%m-%d %H:%M:%S"},
    ),
    device("chirp", Format.CHIRPSTACK, EUI.upper(), GAUGE, units={"level_cm": "cm"}),
    device("tts", Format.TTS, "gauge-1", GAUGE, units={"level_cm": "cm"}),
)
NOW = datetime.now(UTC).replace(microsecond=0)
BEFORE = NOW - timedelta(minutes=1)
NOW_S = int(NOW.timestamp())
UPLINK = json.dumps(
    {
        "time": NOW.isoformat(),
        "deviceInfo": {"devEui": EUI},
        "devAddr": "00189440",
        "fCnt": 41,
        "object": {"level_cm": 128.5, "water": {"temp": 21.5}},
        "rxInfo": [{"rssi": -107}],
    }
).encode()
TTS_UPLINK = json.dumps(
    {
        "end_device_ids": {"device_id": "gauge-1"},
        "uplink_message": {
            "session_key_id": "AXA5",
            "f_cnt": 41,
            "decoded_payload": {"level_cm": 128.5, "water": {"temp": 21.5}},
            "rx_metadata": [{"rssi": -107}],
            "received_at": NOW.isoformat(),
        },
    }
).encode()
LOCAL = timedelta(hours=8)
SAMPLES = json.dumps(
    {
        "data": [
            {"t": f"{BEFORE + LOCAL:%Y-%m-%d %H:%M:%S}", "o2": 8.25, "t1": 70.7},
            {"t": f"{NOW + LOCAL:%Y-%m-%d %H:%M:%S}", "o2": "8.5", "t1": 70.7},
        ]
    }
).encode()
# [{bn: "urn:dev:1:", bt: now, n: "do", v: 8.5}, {n: "t", v: 21.5, t: -60, u: "Cel"}]
CBOR = (
    bytes.fromhex("82a4216a75726e3a6465763a313a221a")
    + NOW_S.to_bytes(4)
    + bytes.fromhex("0062646f02f94840a4006174 02f94d60 06383b 016343656c".replace(" ", ""))
)
LINES = (
    f"modbus,host=gw,name=gauge level=128.5 {NOW_S}000\n"
    f"modbus,host=gw,name=sonde do=8.5 {NOW_S}000\nmodbus do= 5\n"
).encode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("formats")


@pytest.fixture(scope="module")
def url(mosquitto_server, folder) -> Iterator[str]:
    broker = mosquitto_server()
    registry = replace(REGISTRY, devices=(*REGISTRY.devices, *DEVICES))
    watch = Process(settle(folder, broker.url, "5", registry))
    watch.start()
    yield broker.url
    watch.kill()


@pytest.mark.parametrize(
    ("name", "topic", "payload", "stored", "dead"),
    [
        ("cbor", "senml/1", CBOR, {("do", NOW_S, 8.5), ("water-temp", NOW_S - 60, 21.5)}, ""),
        (
            "line",
            "telegraf/sluice",
            LINES,
            {("water-level", NOW_S, 1.285), ("do", NOW_S, 8.5)},
            "a field has no value",
        ),
        (
            "json",
            "sonde/data",
            SAMPLES,
            {
                ("do", NOW_S - 60, 8.25),
                ("do", NOW_S, 8.5),
                ("water-temp", NOW_S - 60, 21.5),
                ("water-temp", NOW_S, 21.5),
            },
            "",
        ),
        (
            "chirp",
            f"application/7/device/{EUI}/event/up",
            UPLINK,
            {("water-level", NOW_S, 1.285), ("water-temp", NOW_S, 21.5), ("signal", NOW_S, -107.0)},
            "",
        ),
        (
            "tts",
            "v3/water@riverside/devices/gauge-1/up",
            TTS_UPLINK,
            {("water-level", NOW_S, 1.285), ("water-temp", NOW_S, 21.5), ("signal", NOW_S, -107.0)},
            "",
        ),
    ],
    ids=["cbor", "line", "json", "chirpstack", "tts"],  # payloads hold the time of day
)
async def test_a_message_goes_the_whole_way(
    folder, url, name, topic, payload, stored, dead
) -> None:
    await _status(folder, lambda status: any(p.name == "link" and p.ok for p in status.parts))
    before = (await _status(folder, lambda status: True)).counters["doubles"]
    async with Mqtt5Link(Broker.at(url, f"source-{name}"), filters=()) as link:
        await _until(lambda: link.connected)
        await link.publish(topic, payload)
        await _until(lambda: len(_stored(folder, name)) >= len(stored))
        assert _stored(folder, name) == stored
        with Tail(folder / "state" / "journal.db") as tail:
            reasons = {one.reason for one in tail.letters() if one.topic == topic}
        assert reasons == ({dead} if dead else set())
        if name in ("chirp", "tts"):
            await link.publish(topic, payload)
            await _status(folder, lambda status: status.counters["doubles"] == before + 3)


def _stored(folder: Path, device: str) -> set[tuple[str, int, float]]:
    file = folder / "state" / "readings.db"
    if not file.exists():
        return set()
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as db:
        rows = db.execute(
            "SELECT metric, at_ms / 1000, value FROM raw JOIN series ON id = series "
            "WHERE device = ?",
            (device,),
        ).fetchall()
    db.close()
    return {(metric, at_s, round(value, 6)) for metric, at_s, value in rows}


async def _status(folder: Path, is_so: Callable[[WatchStatus], bool]) -> WatchStatus:
    found: list[WatchStatus] = []

    def look() -> bool:
        status = read_watch(folder / "state" / "watch.json")
        if status is not None and is_so(status):
            found.append(status)
        return bool(found)

    await _until(look)
    return found[0]


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON_S):
        while not is_so():  # noqa: ASYNC110 - another process has no event
            await asyncio.sleep(0.05)

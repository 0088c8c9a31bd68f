"""Sensors that hang, flood and raise in one agent: each says so, and none delays another."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.contract.reading import Reading
from tests.edge.device import Device, Server, wait_until

pytestmark = pytest.mark.mosquitto

GOOD = """
[[sensor]]
kind = "simulated"
name = "good"
place = "weir"
metrics = ["water-level"]
interval_s = 0.05
"""
HANGING = """
[[sensor]]
kind = "ds18b20"
name = "hanging"
place = "weir"
metric = "water-temp"
bus = "w1"
id = "28-0316a2795b21"
interval_s = 1
answer_within_s = 1
"""
FLOODING = """
[[sensor]]
kind = "simulated"
name = "flooding"
place = "shed-1"
metrics = ["shed-temp", "humidity", "co", "current", "voltage", "power", "smoke", "door"]
interval_s = 0.01
history_s = 60
most_per_s = 50
"""
RAISING = """
[[sensor]]
kind = "replay"
name = "raising"
place = "weir"
file = "torn.csv"
columns = { ph = "ph" }
"""
PROBE = (
    "72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=23125\n"  # kernel doc
)


@pytest.fixture
def server(mosquitto_server) -> Iterator[Server]:
    broker = mosquitto_server()
    server = Server(broker.host, broker.port)
    yield server
    server.close()


@pytest.fixture
def device(server, tmp_path: Path) -> Iterator[Device]:
    device = Device(folder=tmp_path, url=server.url)
    yield device
    device.discard()


def delays_s(server: Server, metric: str) -> list[float]:
    keys = [key for key, reading in list(server.readings.items()) if reading.metric == metric]
    return sorted(server.arrived_s[key] - server.readings[key].at_ms / 1000 for key in keys)


def newest(server: Server, metric: str) -> Reading:
    return max(server.of(metric), key=lambda reading: reading.seq)


def test_one_hangs_one_floods_one_raises_and_the_fourth_arrives_within_a_second(
    server: Server, device: Device
) -> None:
    probe = device.folder / "w1" / "28-0316a2795b21"
    probe.mkdir(parents=True)
    os.mkfifo(probe / "w1_slave")  # nobody writes: the kernel would hang so with a stuck bus
    (device.folder / "torn.csv").write_text("at,ph\n0,7.5\nnot a time,7\n")
    device.write(GOOD + HANGING + FLOODING + RAISING, health_interval_s=1)
    device.start()
    wait_until(lambda: server.of("water-temp"), "the loop speaks for the sensor that hangs")
    wait_until(lambda: len(server.of("water-level")) > 100, "the good one goes on")
    hangs = server.of("water-temp")[0]
    assert hangs.value is None
    assert hangs.reason.startswith("sensor hanging has not answered for ")
    torn = server.of("ph")[0]
    assert torn.value is None
    assert "not a time" in torn.reason
    delays = delays_s(server, "water-level")
    late = delays[round(len(delays) * 0.99) - 1]
    assert late < 1, f"p99 of the good sensor is {late:.2f} s"
    errors = newest(server, "sensor-errors").value
    assert errors is not None
    assert errors >= 3
    log = (device.folder / "log").read_text()
    assert "sensor hanging has not answered" in log
    assert "sensor flooding floods: over 50 readings a second" in log
    assert "sensor raising failed" in log
    flood = [reading for reading in list(server.readings.values()) if reading.place == "shed-1"]
    span_s = time.time() - min(reading.at_ms for reading in flood) / 1000
    assert len(flood) <= 50 * (span_s + 10)

    # The bus comes to life: the thread that hung goes on where it stood.
    alive = threading.Thread(target=(probe / "w1_slave").write_text, args=(PROBE,), daemon=True)
    alive.start()
    wait_until(
        lambda: any(reading.value == 23.125 for reading in server.of("water-temp")), "it is back"
    )
    assert "sensor hanging is back" in (device.folder / "log").read_text()
    # The pipe has no writer again, so the sensor hangs once more, and the agent ends all the same.
    device.stop()

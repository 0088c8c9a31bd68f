"""The agent through a bad line: each fault for a while, then none; every reading arrives once."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge.clock import Clock
from tests.edge.device import Device, Server, wait_until
from tests.edge.proxy import DOWN, PUBACK, PUBLISH, UP, Packet, Proxy

pytestmark = pytest.mark.mosquitto

SENSOR = """
[[sensor]]
kind = "simulated"
place = "shed-1"
metrics = ["shed-temp", "humidity"]
interval_s = 1
seed = 7
count = {count}
"""
READINGS = 40
FAULT_S = 1.5
HASTY = 'keep_alive_s = 5\nconnect_s = 1\nprotocol = "{}"'


@pytest.fixture
def proxy(broker) -> Iterator[Proxy]:
    with Proxy(broker.host, broker.port) as proxy:
        yield proxy


@pytest.fixture
def device(proxy: Proxy, tmp_path: Path) -> Iterator[Device]:
    device = Device(folder=tmp_path, url=proxy.url)
    yield device
    device.discard()


@dataclass(frozen=True)
class Fault:
    """``begin`` does the harm."""

    name: str
    version: str

    def begin(self, proxy: Proxy, server: Server) -> None:
        faults = proxy.faults
        match self.name:
            case "drops the connection":
                faults.is_closed = True
                proxy.drop()
            case "delays":
                faults.delay_s = 0.2
            case "passes nothing up":
                faults.held.add(UP)
            case "passes nothing down":
                faults.held.add(DOWN)
            case "ends what we say":
                proxy.half_close(UP)
            case "ends what we hear":
                faults.held.add(DOWN)
                proxy.half_close(DOWN)
            case "takes connections and never answers":
                faults.is_mute = True
                proxy.drop()
            case "eats acknowledgements":
                faults.eats = lambda way, packet: way == DOWN and packet.kind == PUBACK
            case "eats receipts":
                faults.eats = lambda _, packet: packet.topic.endswith("/received")
            case "eats every third reading":
                faults.eats = _third
            case "loses the device's name to another client":
                for _ in range(3):
                    server.end_session("box")
                    time.sleep(FAULT_S / 4)
            case "cuts within a packet":
                faults.cuts = lambda way, packet: way == UP and packet.kind == PUBLISH


def _third(way: str, packet: Packet) -> bool:
    return way == UP and packet.topic.endswith("/readings") and packet.nth % 3 == 0


FAULTS = [
    "drops the connection",
    "delays",
    "passes nothing up",
    "passes nothing down",
    "ends what we say",
    "ends what we hear",
    "takes connections and never answers",
    "eats acknowledgements",
    "eats receipts",
    "eats every third reading",
    "cuts within a packet",
    "loses the device's name to another client",
]


@pytest.mark.parametrize(
    "fault",
    # Both versions in turn; where the answer differs test_mqtt_odd.py has both.
    [Fault(name, ("5", "3.1.1")[n % 2]) for n, name in enumerate(FAULTS)],
    ids=lambda fault: f"{fault.name} ({fault.version})",
)
def test_no_reading_is_lost_or_doubled_on_a_line_that(
    fault: Fault, proxy: Proxy, server: Server, device: Device
) -> None:
    device.mqtt = HASTY.format(fault.version)
    device.clock = Clock(time.time(), time.time(), 20.0)  # all of it in 2 s
    device.write(
        SENSOR.format(count=READINGS), exit_when_done=True, resend_s=1, health_interval_s=86_400
    )
    device.start()
    wait_until(lambda: server.of("humidity"), "the first reading")
    fault.begin(proxy, server)
    time.sleep(FAULT_S)  # the fault's own length
    proxy.heal()
    summary = device.end(30)
    assert summary["waiting"] == summary["dropped"] == 0
    assert len(server.readings) == summary["measured"]
    for metric in ("shed-temp", "humidity"):
        assert len(server.of(metric)) == READINGS
        times = [reading.at_ms for reading in server.of(metric)]
        assert len(set(times)) == READINGS
        # What a broker took and lost comes after what it did not lose, as no line would do.
        if fault.name != "eats every third reading":
            assert times == sorted(times), "out of order"
    assert set(proxy.versions) == {5 if fault.version == "5" else 4}
    if "eats" in fault.name:
        assert proxy.eaten
    if "cuts" in fault.name:
        assert proxy.cut

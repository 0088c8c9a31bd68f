"""What a device's link costs a month, by counting its bytes; and a backlog over a line like 2G.

Agents send to Mosquitto through a proxy that counts MQTT's own bytes in both directions. The house
clock runs faster and the keep-alive is shortened as much, so pings come as often as they would. What
TCP and TLS add is reckoned: a segment for each packet, another that acknowledges it.
"""

import argparse
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.report import Figure, report
from edge.clock import Clock
from edge.link.config import KEEP_ALIVE_S
from tests.edge.device import Device, Server, wait_until
from tests.edge.proxy import DOWN, PUBLISH, UP, Proxy
from tests.services.servers import Mosquitto

MONTH_S = 30 * 86_400
SPEED = 24.0  # the keep-alive of 120 s is 5 s then, the least that may be written
HEADERS = 52  # IPv4, TCP with timestamps
TLS = 22  # a record of TLS 1.3 with AES-GCM: 5 + 1 + 16 (RFC 8446, 5.2)
SETTLE_S = 600  # house seconds before anything is counted
LINE_BYTES_PER_S = 2500.0  # 20 kbit/s
BACKLOG = 1500  # readings

SENSOR = """
[[sensor]]
kind = "simulated"
place = "shed-1"
metrics = {metrics}
interval_s = {interval_s}
seed = 7
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """A usual device."""

    name: str
    metrics: int
    interval_s: int
    durability: int
    how: str


USUAL = (
    Usual(name="minute", metrics=1, interval_s=60, durability=10, how="1 reading a minute"),
    Usual(name="ten_s", metrics=1, interval_s=10, durability=10,
          how="1 reading each 10 s, a pack each 10 s"),
    Usual(name="ten_s_packs", metrics=1, interval_s=10, durability=60,
          how="1 reading each 10 s, a pack each minute (durability = 60)"),
    Usual(name="shed", metrics=4, interval_s=30, durability=10, how="4 readings each 30 s"),
)  # fmt: skip
METRICS = ["shed-temp", "humidity", "current", "voltage"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--house-s", type=float, default=1800, help="how long to count")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="shouwang-bench-link-") as folder:
        figures, notes = month(Path(folder), options.house_s)
        slow, slow_notes = slow_line(Path(folder) / "slow")
    print(report("link", figures | slow, notes | slow_notes))


def month(folder: Path, house_s: float) -> tuple[dict[str, Figure], dict[str, str]]:
    """Megabytes a month of each usual device; all are counted at the same time."""
    figures: dict[str, Figure] = {}
    notes: dict[str, str] = {}
    with ExitStack() as stack:
        lines = [_start(stack, folder / usual.name, usual) for usual in USUAL]
        time.sleep(SETTLE_S / SPEED)
        for line in lines:
            line.bytes.clear()
            line.packets.clear()
        time.sleep(house_s / SPEED)
        for usual, line in zip(USUAL, lines, strict=True):
            mqtt, packets = line.bytes.total(), line.packets.total()
            wire = mqtt + packets * (HEADERS + TLS) + packets * HEADERS
            scale = MONTH_S / house_s / 1e6
            figures[f"{usual.name}_mqtt_mb"] = round(mqtt * scale, 2)
            figures[f"{usual.name}_tls_mb"] = round(wire * scale, 2)
            figures[f"{usual.name}_packs"] = line.packets[UP, PUBLISH]
            notes[f"{usual.name}_mqtt_mb"] = f"a month: {usual.how}, health each 5 minutes"
            notes[f"{usual.name}_tls_mb"] = "the same with TCP and TLS, reckoned"
    return figures, notes


def _start(stack: ExitStack, folder: Path, usual: Usual) -> Proxy:
    broker = stack.enter_context(Mosquitto(folder / "broker"))
    server = Server(broker.host, broker.port)
    stack.callback(server.close)
    proxy = stack.enter_context(Proxy(broker.host, broker.port))
    device = _device(folder, proxy, Clock(time.time(), time.time(), SPEED))
    metrics = str(METRICS[: usual.metrics]).replace("'", '"')
    device.write(
        SENSOR.format(metrics=metrics, interval_s=usual.interval_s), durability=usual.durability
    )
    device.start()
    stack.callback(device.discard)
    wait_until(lambda: server.readings, "the first reading")
    return proxy


def slow_line(folder: Path, backlog: int = BACKLOG) -> tuple[dict[str, Figure], dict[str, str]]:
    """A backlog over 20 kbit/s with the shipped window and resend: how much is sent twice."""
    with ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder / "broker"))
        server = Server(broker.host, broker.port)
        stack.callback(server.close)
        proxy = stack.enter_context(Proxy(broker.host, broker.port))
        proxy.faults.bytes_per_s = LINE_BYTES_PER_S
        device = _device(folder, proxy, Clock())
        device.mqtt = ""
        rows = "\n".join(f"{n * 60},{n / 10}" for n in range(backlog))
        (folder / "river.csv").write_text(f"at,temp\n{rows}\n")
        device.write(
            '[[sensor]]\nkind = "replay"\nfile = "river.csv"\nplace = "laobakou"\n'
            f'start = {backlog * 60}.0\nhistory_s = 1e8\ncolumns = {{ temp = "water-temp" }}\n',
            exit_when_done=True,
        )
        began = time.monotonic()
        device.start()
        stack.callback(device.discard)
        device.end(300)
        took = time.monotonic() - began
        figures: dict[str, Figure] = {
            "slow_line_readings": len(server.readings),
            "slow_line_s": round(took, 1),
            "slow_line_doubles": server.doubles,
            "slow_line_bytes_per_reading": round(
                (proxy.bytes[UP] + proxy.bytes[DOWN]) / len(server.readings), 1
            ),
        }
    return figures, {"slow_line_s": "a backlog over 20 kbit/s, window and resend_s as shipped"}


def _device(folder: Path, proxy: Proxy, clock: Clock) -> Device:
    device = Device(folder=folder, url=proxy.url, clock=clock)
    device.mqtt = f"keep_alive_s = {round(KEEP_ALIVE_S / SPEED)}"
    return device


if __name__ == "__main__":
    main()

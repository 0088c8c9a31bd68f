"""Devices that speak at an even pace, in a process of their own, each message dated as it is sent.

``python -m benchmarks.drain.paced HOST PORT DEVICES PER_S SECONDS`` sends until the time is up or it
is told to end (SIGTERM), waits for the last PUBACK, and prints what it sent as JSON.
"""

import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import orjson

from benchmarks.drain import village
from benchmarks.drain.load import TIMEOUT_S, connect, published
from tests.services.servers import Mosquitto

TICK_S = 0.002
PUBACK_BYTES = 4
RUN = "live"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """How many in how many seconds; ``late_ms`` is how much the latest came after its time."""

    messages: int
    seconds: float
    late_ms: float


class Pace:
    """The process; ``with`` ends it, ``end`` gives what it sent."""

    def __init__(
        self, broker: Mosquitto, devices: int, per_s: float, seconds: float, log: Path
    ) -> None:
        command = [sys.executable, "-m", "benchmarks.drain.paced", broker.host, str(broker.port)]
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [*command, str(devices), str(per_s), str(seconds)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
            )  # fmt: skip
        self._log = log

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def end(self, within_s: float = TIMEOUT_S) -> Sent:
        """Tell it to end; RuntimeError when it fell."""
        self._process.terminate()
        return self.wait(within_s)

    def wait(self, within_s: float) -> Sent:
        """Until its time is up."""
        told, _ = self._process.communicate(timeout=within_s)
        if self._process.returncode != 0:
            raise RuntimeError(f"the devices fell: {self._log.read_text(errors='replace')[-2000:]}")
        return Sent(**orjson.loads(told))


def send(host: str, port: int, devices: int, per_s: float, seconds: float) -> Sent:
    """Message by message in turn of the devices, never ahead of the pace."""
    is_told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: is_told.append(number))
    total, sent, acked, late_s = round(per_s * seconds), 0, 0, 0.0
    with socket.create_connection((host, port), timeout=TIMEOUT_S) as line:
        acked -= len(connect(line, "bench-paced", version=4))
        began_s = time.monotonic()
        while sent < total and not is_told:
            now_s = time.monotonic() - began_s
            due = min(total, int(now_s * per_s) + 1)
            if due > sent:
                late_s = max(late_s, now_s - sent / per_s)
                at_ms = int(time.time() * 1000)
                # After a stall a device has several at once: each a time of its own, as a clock gives.
                packets = [
                    _packet(nth, devices, at_ms + (nth - sent) // devices)
                    for nth in range(sent, due)
                ]
                line.sendall(b"".join(packets))
                sent = due
            acked += _heard(line, 0.0)
            time.sleep(TICK_S)
        took_s = time.monotonic() - began_s
        until_s = time.monotonic() + TIMEOUT_S
        while acked < sent * PUBACK_BYTES:
            if time.monotonic() > until_s:
                raise RuntimeError(f"{acked // PUBACK_BYTES} of {sent} messages were taken")
            acked += _heard(line, 0.1)
        line.sendall(b"\xe0\x00")
    return Sent(messages=sent, seconds=took_s, late_ms=round(late_s * 1000, 1))


def _packet(nth: int, devices: int, at_ms: int) -> bytes:
    topic, payload = village.pack(nth % devices, nth // devices, at_ms / 1000, RUN)
    return published(topic, payload, nth % 65_535 + 1)


def _heard(line: socket.socket, within_s: float) -> int:
    """Bytes of PUBACKs that have come."""
    ready, _, _ = select.select([line], [], [], within_s)
    if not ready:
        return 0
    data = line.recv(2**16)
    if not data:
        raise RuntimeError("the broker closed the connection")
    return len(data)


def main(argv: list[str]) -> None:
    host, port, devices, per_s, seconds = argv
    found = send(host, int(port), int(devices), float(per_s), float(seconds))
    sys.stdout.buffer.write(orjson.dumps(asdict(found)))


if __name__ == "__main__":
    main(sys.argv[1:])

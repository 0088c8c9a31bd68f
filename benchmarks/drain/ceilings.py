"""What broker and database allow by themselves on these cores: more than that no consumer can do.

``python -m benchmarks.drain.ceilings HOST PORT COUNT`` is the probe of the broker: it takes what is
queued for its session, acknowledges it, and does nothing else.
"""

import http.client
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

from benchmarks import process
from benchmarks.drain import village
from benchmarks.drain.drains import DEVICES, Figures, Notes
from benchmarks.drain.load import TIMEOUT_S, connect, leave_session, publish
from benchmarks.drain.measure import check
from benchmarks.drain.ours import SUBSCRIPTIONS
from collector.stores.lines import lines_of
from collector.stores.sender import LINES_MOST
from edge.contract.reading import Decoded
from edge.contract.senml import decode
from tests.services.servers import Influxd, Mosquitto

CLIENT = "ceiling"
RECEIVE_MAXIMUM = 4_000  # as our link says
MOST_S = 120.0
SENDERS = 2  # requests on their way at once


def ceilings(folder: Path, messages: int) -> tuple[Figures, Notes]:
    """Messages a second of each alone, and CPU of its process a message."""
    rounds = range(messages // DEVICES)
    start_ms = int(time.time()) * 1000 - len(rounds) * 1_000
    packs = list(village.packs(DEVICES, rounds, start_ms))
    broker_per_s, broker_us = _of_broker(folder / "ceiling-broker", packs)
    store_per_s, store_us = _of_store(folder / "ceiling-store", packs)
    figures: Figures = {
        "ceiling_broker_msgs_per_s": round(broker_per_s),
        "ceiling_broker_cpu_us_per_msg": round(broker_us, 1),
        "ceiling_store_msgs_per_s": round(store_per_s),
        "ceiling_store_cpu_us_per_msg": round(store_us, 1),
    }
    return figures, {
        "ceiling_broker_msgs_per_s": "taken out of Mosquitto and acknowledged, nothing else",
        "ceiling_store_msgs_per_s": f"ready-made lines of five values and their qualities, "
        f"{LINES_MOST} a request, {SENDERS} requests at once",
    }


def _of_broker(folder: Path, packs: Sequence[village.Message]) -> tuple[float, float]:
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        broker = stack.enter_context(Mosquitto(folder))
        address = broker.host, broker.port
        leave_session(*address, CLIENT, SUBSCRIPTIONS, version=5)
        publish(*address, packs)
        before_s = process.cpu_s(broker.pid)
        command = [sys.executable, "-m", "benchmarks.drain.ceilings", broker.host]
        done = subprocess.run(
            [*command, str(broker.port), str(len(packs))],
            stdout=subprocess.PIPE, text=True, check=True, timeout=MOST_S,
        )  # fmt: skip
        spent_s = process.cpu_s(broker.pid) - before_s
    return len(packs) / float(done.stdout), spent_s / len(packs) * 1e6


def _of_store(folder: Path, packs: Sequence[village.Message]) -> tuple[float, float]:
    now_ms = int(time.time()) * 1000
    lines = [line for topic, payload in packs for line in _lines(topic, payload, now_ms)]
    bodies = [
        "\n".join(lines[at : at + LINES_MOST]).encode() for at in range(0, len(lines), LINES_MOST)
    ]
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        influx = stack.enter_context(Influxd(folder))
        bucket = influx.new_bucket()
        path = "/api/v2/write?" + urlencode(
            {"org": influx.org, "bucket": bucket, "precision": "ms"}
        )

        def send(bodies: Sequence[bytes]) -> None:
            line = http.client.HTTPConnection(influx.host, influx.port, timeout=TIMEOUT_S)
            for body in bodies:
                line.request("POST", path, body, {"Authorization": f"Token {influx.token}"})
                answer = line.getresponse()
                told = answer.read()
                if answer.status != http.client.NO_CONTENT:
                    raise RuntimeError(f"InfluxDB answered {answer.status}: {told[:500]!r}")
            line.close()

        before_s, began_s = process.cpu_s(influx.pid), time.monotonic()
        with ThreadPoolExecutor(SENDERS) as senders:
            list(senders.map(send, [bodies[nth::SENDERS] for nth in range(SENDERS)]))
        took_s = time.monotonic() - began_s
        spent_s = process.cpu_s(influx.pid) - before_s
        check(influx, bucket, len(packs) * village.READINGS)
    return len(packs) / took_s, spent_s / len(packs) * 1e6


def _lines(topic: str, payload: bytes, now_ms: int) -> list[str]:
    got = decode(payload, topic=topic, site=village.SITE, device=topic.split("/")[3], now_ms=now_ms)
    assert isinstance(got, Decoded)
    return lines_of(got.batch)


def receive(host: str, port: int, count: int) -> float:
    """Seconds from the connection until so many messages are taken and acknowledged."""
    with socket.create_connection((host, port), timeout=TIMEOUT_S) as line:
        began_s = time.monotonic()
        data = connect(line, CLIENT, version=5, receive_maximum=RECEIVE_MAXIMUM)
        heard = 0
        while heard < count:
            acks, data = _acks(data)
            heard += len(acks)
            line.sendall(b"".join(acks))
            if heard < count:
                more = line.recv(2**18)
                if not more:
                    raise RuntimeError(f"the broker closed the connection after {heard} messages")
                data += more
        took_s = time.monotonic() - began_s
        line.sendall(b"\xe0\x00")
    return took_s


def _acks(data: bytes) -> tuple[list[bytes], bytes]:
    """A PUBACK for each whole PUBLISH (MQTT 5, 3.3.2: topic, then the packet's id), and the rest."""
    acks, at, end = [], 0, len(data)
    while end - at >= 2:
        size = shift = 0
        body = at + 1
        while body < end:
            digit = data[body]
            body += 1
            size |= (digit & 127) << shift
            shift += 7
            if digit < 128:
                break
        else:
            break
        if body + size > end:
            break
        if data[at] >> 4 == 3:
            (topic,) = struct.unpack_from(">H", data, body)
            where = body + 2 + topic
            acks.append(b"\x40\x02" + data[where : where + 2])
        at = body + size
    return acks, data[at:]


if __name__ == "__main__":
    sys.stdout.write(f"{receive(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))}\n")

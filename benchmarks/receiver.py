"""A server in a process of its own: says that it listens, answers `received`, notes when what came.

``python -m benchmarks.receiver HOST PORT`` prints ``ready``; each line on its input is answered
with a line of JSON: by device and place, how many readings came, when, and how late.
"""

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edge.contract.ranges import Ranges, encode_received
from edge.contract.status import State, Status
from edge.contract.topics import SERVER, Kind, Topic, every_device

SITE = "bench"


@dataclass(slots=True)
class Seen:
    """``late_ms``: from the moment a reading was planned for to its arrival here."""

    count: int = 0
    first_s: float = 0.0
    last_s: float = 0.0
    late_ms: list[float] = field(default_factory=list)


class Receiver:
    """Answers each pack at once, as a server whose disk takes no time."""

    def __init__(self, host: str, port: int) -> None:
        self.seen: dict[str, Seen] = {}
        self._ranges: dict[tuple[str, str], Ranges] = {}
        client = Client(CallbackAPIVersion.VERSION2, client_id="bench-server")
        client.max_inflight_messages_set(0)
        client.on_connect = lambda client, *_: client.subscribe(
            [(every_device(kind), 1) for kind in (Kind.READINGS, Kind.HEALTH)]
        )
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.connect(host, port)
        client.loop_start()

    def _on_subscribe(self, client: Client, *_: object) -> None:
        said = str(Topic(SITE, SERVER, Kind.STATUS))
        client.publish(said, Status(state=State.ONLINE).encode(), 1, retain=True)
        say("ready")

    def _on_message(self, client: Client, _: object, message: Any) -> None:
        now_s = time.time()
        topic = Topic.parse(message.topic)
        assert topic is not None
        records = json.loads(message.payload)
        run, seq, base_s, place = records[0]["run"], records[0]["seq"], records[0]["bt"], ""
        for record in records:
            place = record.get("bn", place)
            seen = self.seen.setdefault(f"{topic.device} {place.rstrip('/')}", Seen())
            seen.count += 1
            seen.first_s = seen.first_s or now_s
            seen.last_s = now_s
            if "late" in place:
                seen.late_ms.append((now_s - base_s - record.get("t", 0)) * 1000)
        ranges = self._ranges.setdefault((topic.device, run), Ranges())
        held = ranges.add(seq, seq + len(records) - 1)
        to = str(Topic(SITE, topic.device, Kind.RECEIVED))
        client.publish(to, encode_received({run: [held]}), 1)


class Server:
    """The receiver's process, as the benchmark sees it."""

    def __init__(self, host: str, port: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.receiver", host, str(port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._line() == "ready"

    def seen(self, device: str, place: str) -> Seen:
        """What came so far; ``place`` is ``place`` or ``place/port``."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        found = json.loads(self._line()).get(f"{device} {place}")
        return Seen(**found) if found else Seen()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    receiver = Receiver(sys.argv[1], int(sys.argv[2]))
    for _ in sys.stdin:
        say(json.dumps({key: asdict(seen) for key, seen in list(receiver.seen.items())}))

"""A device under test: its file, its process, and a server that answers `received`."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edge.clock import Clock
from edge.contract import senml
from edge.contract.ranges import Ranges, encode_received
from edge.contract.reading import Decoded, Reading
from edge.contract.status import State, Status
from edge.contract.topics import SERVER, Kind, Topic, every_device

ROOT = Path(__file__).resolve().parents[2]
SOON_S = 30.0
_HEARD = (Kind.READINGS, Kind.HEALTH, Kind.STATUS, Kind.TIME_REQUEST)
SAID = Topic("riverside", SERVER, Kind.STATUS)  # where the server says that it listens


def wait_until(holds: Callable[[], object], what: str, seconds: float = SOON_S) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, f"not within {seconds:g} s: {what}"
        time.sleep(0.01)


class Server:
    """Keeps each reading once by (run, seq), then says `received`, as the watch does."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self.url = f"mqtt://{host}:{port}"
        self.readings: dict[tuple[str, int], Reading] = {}
        self.order: list[tuple[str, int]] = []
        self.arrived_s: dict[tuple[str, int], float] = {}
        self.doubles = 0
        self.packs: list[Decoded] = []
        self.statuses: list[Status] = []
        self.is_silent = False
        self.tells_time = False
        self.clock: Clock | None = None  # None: every time that a device may say is fine
        self.questions = 0
        self._ranges: dict[str, Ranges] = {}
        self._lock = threading.Lock()
        self._heard = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="server", clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(
            [(every_device(kind), 1) for kind in _HEARD]
        )
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.connect(host, port)
        self._client.loop_start()
        assert self._heard.wait(SOON_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        wait_until(self._client.is_connected, "the server has its broker")
        self._client.publish(topic, payload, 1, retain).wait_for_publish(SOON_S)

    def end_session(self, client_id: str) -> None:
        """Take over the client's session at the broker, and with it all that waits there."""
        client = Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=True)
        connected = threading.Event()
        client.on_connect = lambda *_: connected.set()
        client.connect(self._host, self._port)
        client.loop_start()
        assert connected.wait(SOON_S)
        client.disconnect()
        client.loop_stop()

    def hush(self) -> None:
        """Say that we do not listen: devices keep what they have."""
        self.say(str(SAID), Status(state=State.OFFLINE).encode(), retain=True)

    def speak(self) -> None:
        """Say that we listen."""
        self.say(str(SAID), Status(state=State.ONLINE).encode(), retain=True)

    def seqs(self) -> dict[str, set[int]]:
        with self._lock:
            found: dict[str, set[int]] = {}
            for run, seq in self.readings:
                found.setdefault(run, set()).add(seq)
            return found

    def of(self, metric: str) -> list[Reading]:
        with self._lock:
            return [reading for reading in self.readings.values() if reading.metric == metric]

    def _on_subscribe(self, client, *_) -> None:
        client.publish(str(SAID), Status(state=State.ONLINE).encode(), 1, retain=True)
        self._heard.set()

    def _on_message(self, client, _, message) -> None:
        topic = Topic.parse(message.topic)
        assert topic is not None
        if topic == SAID:
            return
        if topic.kind is Kind.STATUS:
            status = Status.decode(message.payload)
            assert status is not None
            self.statuses.append(status)
            return
        if topic.kind is Kind.TIME_REQUEST:
            self._asked(client, topic, message.payload)
            return
        got = senml.decode(
            message.payload, topic=message.topic, site=topic.site, device=topic.device,
            now_ms=self.clock.now_ms() if self.clock else 2**46,
        )  # fmt: skip
        assert isinstance(got, Decoded), got
        assert not got.rejected, got.rejected
        if self.is_silent:
            return
        with self._lock:
            self.packs.append(got)
            for reading in got.batch.readings():
                key = (reading.run, reading.seq)
                if key in self.readings:
                    self.doubles += 1
                    kept = self.readings[key]
                    # One without a date is dated by its arrival, anew each time.
                    assert self.clock or kept == reading
                    assert replace(kept, at_ms=0, reason="") == replace(reading, at_ms=0, reason="")
                else:
                    self.readings[key] = reading
                    self.order.append(key)
                    self.arrived_s[key] = time.time()
            ranges = self._ranges.setdefault(got.batch.run, Ranges())
            held = ranges.add(got.batch.first, got.batch.first + got.batch.count - 1)
        to = Topic(topic.site, topic.device, Kind.RECEIVED)
        client.publish(str(to), encode_received({got.batch.run: [held]}), 1)

    def _asked(self, client, topic: Topic, payload: bytes) -> None:
        self.questions += 1
        if self.tells_time:
            at_ms = (self.clock or Clock()).now_ms()
            body = {"nonce": json.loads(payload)["nonce"], "at_ms": at_ms}
            to = Topic(topic.site, topic.device, Kind.TIME_RESPONSE)
            client.publish(str(to), json.dumps(body).encode())


@dataclass
class Device:
    """One agent in a process of its own, restarted with the same file and journal."""

    folder: Path
    url: str
    clock: Clock | None = field(default_factory=Clock)  # None: it has to find out the time
    mqtt: str = "keep_alive_s = 5"  # further lines of [mqtt]
    process: subprocess.Popen[str] | None = None

    def write(self, sensors: str, **agent: object) -> None:
        durability = agent.pop("durability", "each")
        keys = "\n".join(f"{key} = {json.dumps(value)}" for key, value in agent.items())
        (self.folder / "edge.toml").write_text(
            f'site = "riverside"\ndevice = "box"\n[mqtt]\nurl = "{self.url}"\n{self.mqtt}\n'
            f'[journal]\npath = "journal.db"\ndurability = {json.dumps(durability)}\n'
            f'[agent]\nsummary = "summary.json"\n{keys}\n{sensors}\n',
            encoding="utf-8",
        )

    def start(
        self,
        environment: Mapping[str, str] | None = None,
        program: Callable[[list[str]], list[str]] = list,
    ) -> None:
        """``program`` makes a command that runs the agent's one, traced for example."""
        log = (self.folder / "log").open("a")
        house = {"SHOUWANG_CLOCK": self.clock.spell() if self.clock else ""}
        self.process = subprocess.Popen(
            program([sys.executable, "-m", "edge.cli", "run", str(self.folder / "edge.toml")]),
            stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT,
            env={**os.environ, **house, **(environment or {})},
        )  # fmt: skip
        log.close()

    def kill(self) -> None:
        """As a power cut would."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=SOON_S)

    def stop(self) -> dict[str, object]:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.end()

    def end(self, seconds: float = 60.0) -> dict[str, object]:
        """Wait until it ends by itself; its summary line."""
        assert self.process is not None
        out, _ = self.process.communicate(timeout=seconds)
        code = self.process.returncode
        assert code == 0, f"code {code}\n{(self.folder / 'log').read_text()}"
        return json.loads(out.splitlines()[-1])

    def discard(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

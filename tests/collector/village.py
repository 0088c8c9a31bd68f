"""A small community, its device on the other side of the broker, and a watch to run against them."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from alerts.registry.model import (
    Address,
    Binding,
    ChannelKind,
    Device,
    Names,
    Person,
    Place,
    PlaceKind,
    PostRole,
    Registry,
    Site,
    Tier,
    Tiers,
)
from alerts.store.operations import Operations
from alerts.words import Severity
from collector.health import WatchStatus, read_watch
from collector.link.mqtt5 import Mqtt5Link
from collector.link.port import Broker
from edge.clock import VARIABLE, Clock
from edge.contract.ranges import Ranges, decode_received
from edge.contract.reading import Reading
from edge.contract.senml import encode

SITE, PLACE, DEVICE = "riverside", "laobakou", "box"
METRICS = ("water-temp", "do", "ph", "journal-depth")
SOON_S = 60.0  # a watch beside seven other test runs took ten seconds to import its modules
WATCH = (sys.executable, "-m", "collector.watch")

REGISTRY = Registry(
    cell="village",
    sites=(Site(id=SITE, names=Names(zh="临河社区")),),
    places=(Place(id=PLACE, site=SITE, kind=PlaceKind.REACH, names=Names(zh="老坝口")),),
    devices=(
        Device(
            id=DEVICE,
            site=SITE,
            names=Names(zh="水质箱"),
            bindings=(Binding(place=PLACE, metrics=("water-temp", "do", "ph"), interval_s=60.0),),
        ),
    ),
    people=(
        Person(
            id="mei",
            site=SITE,
            name="梅",
            role=PostRole.RIVER_CHIEF,
            addresses=(Address(channel=ChannelKind.LOG, to="mei"),),
        ),
    ),
    tiers=(
        Tiers(
            kind=PlaceKind.REACH,
            steps=(Tier(role=PostRole.RIVER_CHIEF, wait_s={Severity.MAJOR: 1800.0}),),
        ),
    ),
)


def settle(
    folder: Path,
    mqtt_url: str,
    protocol: str = "5",
    registry: Registry = REGISTRY,
    more: str = "",
) -> Path:
    """A configuration and a filled operations database in this folder; the file's path.

    ``more`` stands behind ``[mqtt]`` as it is: further keys of it, then further tables.
    """
    config = folder / "shouwang.toml"
    config.write_text(
        f'cell = "village"\n[mqtt]\nurl = "{mqtt_url}"\nprotocol = "{protocol}"\n{more}\n'
        "[desk]\nport = 0\n",
        encoding="utf-8",
    )
    (folder / "state").mkdir(exist_ok=True)
    with Operations(f"sqlite:///{folder / 'state' / 'operations.db'}") as operations:
        operations.set_up()
        operations.save_registry(registry, "test", "a village", datetime.now(UTC))
    return config


async def until(is_so: Callable[[], bool]) -> None:
    """Until another process has brought it about."""
    async with asyncio.timeout(SOON_S):
        while not is_so():  # noqa: ASYNC110 - another process has no event
            await asyncio.sleep(0.05)


async def status_of(folder: Path, is_so: Callable[[WatchStatus], bool]) -> WatchStatus:
    """What the watch says of itself, once it is so."""
    found: list[WatchStatus] = []

    def look() -> bool:
        status = read_watch(folder / "state" / "watch.json")
        if status is not None and is_so(status):
            found.append(status)
        return bool(found)

    await until(look)
    return found[0]


class Process:
    """The watch in a process of its own."""

    def __init__(
        self,
        config: Path,
        clock: Clock | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        program: Sequence[str] = WATCH,
    ) -> None:
        self._command = [*program, str(config)]
        self.environment = {**os.environ, **(environment or {})}
        """Of the next start."""
        if clock is not None:
            self.environment[VARIABLE] = clock.spell()
        self._process: subprocess.Popen[bytes] | None = None
        self.log = config.parent / "watch.log"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
            )

    def pause(self) -> None:
        """Stop it where it stands, as a swapping or frozen machine does."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """After ``pause``."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def terminate(self, within_s: float) -> int:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(within_s)

    def wait(self, within_s: float) -> int:
        assert self._process is not None
        return self._process.wait(within_s)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None


class Teller:
    """A device that keeps each reading until ``received`` names it, and sends again what is not."""

    def __init__(self, url: str, run: str, again_s: float = 0.7) -> None:
        self.run = run
        self.handed_out = 0
        self._again_s = again_s
        self._broker = Broker.at(url, f"teller-{run}")
        self._waiting: dict[int, tuple[float, Sequence[Reading]]] = {}
        self._received = Ranges()

    async def tell(self, packs: int, each: int, pause_s: float, until_s: float) -> None:
        """Hand out ``packs`` packs of ``each`` readings, until all of them are received."""
        topic = f"shouwang/v1/{SITE}/{DEVICE}/"
        async with (
            Mqtt5Link(self._broker, filters=[topic + "received"]) as link,
            asyncio.timeout(until_s),
        ):
            listening = asyncio.create_task(self._listen(link))
            try:
                for _ in range(packs):
                    self._hand_out(each)
                    await self._send(link, topic + "readings")
                    await asyncio.sleep(pause_s)
                while self._waiting:
                    await self._send(link, topic + "readings")
                    await asyncio.sleep(0.1)
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)

    def _hand_out(self, count: int) -> None:
        first, now_ms = self.handed_out, time.time_ns() // 1_000_000
        readings = [
            Reading(
                place=PLACE,
                port="",
                metric=METRICS[seq % 3],
                value=8.0 + seq % 10 / 100,
                at_ms=now_ms + seq - first,
                run=self.run,
                seq=seq,
            )
            for seq in range(first, first + count)
        ]
        self.handed_out += count
        self._waiting[first] = (0.0, readings)

    async def _send(self, link: Mqtt5Link, topic: str) -> None:
        now_s = time.monotonic()
        for first, (sent_s, readings) in list(self._waiting.items()):
            if now_s - sent_s >= self._again_s and await link.publish(topic, encode(readings)):
                if first in self._waiting:
                    self._waiting[first] = (now_s, readings)

    async def _listen(self, link: Mqtt5Link) -> None:
        async for messages in link.batches():
            for message in messages:
                for lo, hi in (decode_received(message.payload) or {}).get(self.run, []):
                    self._received.add(lo, hi)
            await link.ack(messages)
            for first, (_, readings) in list(self._waiting.items()):
                if not self._received.missing(first, first + len(readings) - 1):
                    del self._waiting[first]

"""Shouwang as a consumer of the queue, in a process of its own that says how far it has come.

``python -m benchmarks.drain.ours bare|whole|timed CONFIG PROGRESS``: ``whole`` is the watch as it is
shipped, ``timed`` the same with a look each 2 ms at what its rules have judged; ``bare`` is link,
intake, journal and store writer alone. PROGRESS is a small file that is
replaced 20 times a second. On SIGUSR1 the watch writes what it holds in memory beside it.
"""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import orjson

from alerts.registry.model import Registry
from alerts.rules.inputs import Entry
from alerts.store.operations import Operations
from benchmarks.drain.measure import Consumer
from benchmarks.drain.village import registry
from benchmarks.drain.weigh import weigh
from collector import log as logs
from collector.config import Config, read_config
from collector.delays import Delays
from collector.follower import Follower
from collector.garbage import settle_garbage
from collector.journaling import Journaling
from collector.link.mqtt5 import Mqtt5Link
from collector.link.port import FILTERS, Broker
from collector.listening import Listening
from collector.opening import open_store
from collector.watch import Watch
from collector.writer import Writer
from edge.clock import Clock
from edge.contract.command import Result
from edge.contract.reading import Batch
from edge.contract.settings import Reported
from edge.contract.status import Status
from edge.journal.journal import Journal
from tests.services.servers import Influxd, Mosquitto

CELL = "bench"
CLIENT = f"shouwang-{CELL}"
DATABASE = "BENCH_OPERATIONS"  # the variable that holds its URL
SUBSCRIPTIONS = FILTERS
LOOK_S = 0.05
TIMING_S = 0.002
WEIGH_S = 120.0  # 100,000 series are some millions of objects

_CONFIG = """
cell = "{cell}"
[mqtt]
url = "{broker}"
[store]
kind = "influx"
url = "{influx}"
org = "{org}"
bucket = "{bucket}"
token = "env:INFLUX_TOKEN"
[desk]
port = {desk_port}
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """Counts since the start: messages confirmed, readings stored, entries left to the rules."""

    messages: int = 0
    stored: int = 0
    unjudged: int = 0
    unrolled: int = 0
    readings: int = 0
    """Journalled, doubles not counted."""
    judged: Delays = field(default_factory=Delays)
    """From arrival until the rules were done."""
    timed: Delays = field(default_factory=Delays)
    """From sending (a message's own time) until the rules were done, of ``timed``."""


def settle(
    folder: Path,
    devices: int,
    broker: Mosquitto,
    influx: Influxd,
    bucket: str,
    *,
    desk_port: int = 0,
    known: Registry | None = None,
    database: str = "",
    more: str = "",
) -> Path:
    """A configuration, and an operations database in which the devices are registered.

    ``known`` is registered instead of the village, in ``database`` (a URL), where one is named;
    ``more`` stands at the end of the configuration.
    """
    (folder / "state").mkdir(parents=True)
    config = folder / "shouwang.toml"
    text = _CONFIG.format(
        cell=CELL,
        broker=broker.url,
        influx=influx.url,
        org=influx.org,
        bucket=bucket,
        desk_port=desk_port,
    )
    if database:
        text += f'[operations]\nurl = "env:{DATABASE}"\n'
    config.write_text(text + more, "utf-8")
    with Operations(database or f"sqlite:///{folder / 'state' / 'operations.db'}") as operations:
        operations.set_up()
        found = known or registry(devices)
        operations.save_registry(found, "bench", "a village", datetime.now(UTC))
    return config


def command(config: Path, kind: str) -> list[str]:
    """What starts the consumer; its progress is in ``progress`` beside the configuration."""
    progress = config.with_name("progress")
    return [sys.executable, "-m", "benchmarks.drain.ours", kind, str(config), str(progress)]


def read(config: Path) -> Progress:
    """How far the consumer has come."""
    try:
        told = orjson.loads(config.with_name("progress").read_bytes())
    except FileNotFoundError:
        return Progress()
    return Progress(**told | {name: Delays(**told[name]) for name in ("judged", "timed")})


def weight(config: Path, consumer: Consumer) -> dict[str, int]:
    """What the watch holds in memory, in bytes by part."""
    path = config.with_name("weight")
    os.kill(consumer.pid, signal.SIGUSR1)
    consumer.wait(path.exists, "weight", WEIGH_S)
    found: dict[str, int] = orjson.loads(path.read_bytes())
    return found


async def bare(config: Config, clock: Clock, path: Path) -> None:
    """Link, intake, journal and store writer, wired as the watch wires them."""
    with Operations(config.operations_url.reveal()) as operations:
        known = operations.registry()
    journaling = Journaling(journal := Journal(config.journal_path))
    store = open_store(config, clock=clock)
    await store.set_up()
    writer = Writer(Follower(journaling, "store"), store)
    listening = Listening(
        journaling,
        journal.ranges(),
        clock,
        lambda sites: Mqtt5Link(Broker.at(config.mqtt.url, CLIENT), sites=sites),
        _Deaf(),
    )
    listening.use(known)
    settle_garbage()
    observed = lambda: Progress(listening.counts.messages, writer.stored)  # noqa: E731
    try:
        await asyncio.gather(
            journaling.run(), writer.run(), listening.run(), _note(path, observed), _ended()
        )
    except SystemExit:
        await journaling.close()
        raise


async def whole(config: Config, clock: Clock, path: Path, *, is_timed: bool = False) -> None:
    """The watch itself."""
    watch = Watch(config, clock)
    timing = Timing(watch)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, watch.stop)

    def observed() -> Progress:
        if not hasattr(watch, "judging"):
            return Progress()
        last = watch.journaling.last
        return Progress(
            watch.listening.counts.messages,
            watch.writer.stored,
            last - watch.judging.engine.position,
            last - watch.followers["roll-up"].reached,
            watch.listening.counts.readings,
            watch.judging.delays,
            timing.delays,
        )

    asyncio.get_running_loop().add_signal_handler(
        signal.SIGUSR1, lambda: _replace(path.with_name("weight"), orjson.dumps(weigh(watch)))
    )
    tasks = [asyncio.create_task(_note(path, observed))]
    if is_timed:
        tasks.append(asyncio.create_task(timing.run()))
    try:
        await watch.run()
    finally:
        for task in tasks:
            task.cancel()


class Timing:
    """How long after its sending, which is its own time, each message was judged."""

    def __init__(self, watch: Watch) -> None:
        self.delays = Delays()
        self._watch = watch
        self._open: deque[tuple[int, int]] = deque()

    def offer(self, entries: Sequence[Entry], weight: int) -> None:
        """What was journalled just now."""
        self._open += [
            (entry.position, entry.what.at_ms[-1])
            for entry in entries
            if isinstance(entry.what, Batch)
        ]

    async def run(self) -> None:
        """Look until cancelled; the watch's own lateness is in it."""
        while not hasattr(self._watch, "judging"):  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(LOOK_S)
        self._watch.journaling.follow(self)
        while True:
            await asyncio.sleep(TIMING_S)
            now_s, position = time.time(), self._watch.judging.engine.position
            while self._open and self._open[0][0] <= position:
                _, sent_ms = self._open.popleft()
                self.delays.note(now_s - sent_ms / 1000)


async def _note(path: Path, observed: Callable[[], Progress]) -> None:
    while True:
        _replace(path, orjson.dumps(asdict(observed())))
        await asyncio.sleep(LOOK_S)


def _replace(path: Path, data: bytes) -> None:
    scratch = path.with_name(path.name + ".new")
    scratch.write_bytes(data)
    os.replace(scratch, path)


async def _ended() -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    raise SystemExit(0)


class _Deaf:
    """Nobody hears what is not measured."""

    def saw(self, site: str, device: str, status: Status) -> None: ...

    def heard(self, site: str, device: str, result: Result) -> None: ...

    async def pressed(self, site: str, device: str, result: Result) -> None: ...

    def reported(self, site: str, device: str, reported: Reported) -> None: ...


def main(argv: list[str]) -> None:
    kind, config, progress = argv
    logs.set_up("watch")
    settings, path = read_config(Path(config)), Path(progress)
    is_bare = kind == "bare"
    running = (
        bare(settings, Clock(), path)
        if is_bare
        else whole(settings, Clock(), path, is_timed=kind == "timed")
    )
    with contextlib.suppress(SystemExit):
        asyncio.run(running)


if __name__ == "__main__":
    main(sys.argv[1:])

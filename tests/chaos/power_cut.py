"""Experiment 2: the power is cut at any moment, and whatever was confirmed is in the journal.

strace writes down what a process writes, syncs, sends and hears, in one order. Afterwards the files
are rebuilt as they could stand at each confirmation, and opened with the journal's own code. The
watch confirms by PUBACK and ``received``. The device owes what it has published and nobody has yet
confirmed: it is not to send what it does not keep.
"""

import asyncio
import random
import shutil
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import mqtt5

from collector import records
from collector.link.port import Broker
from edge.contract import senml
from edge.contract.ranges import decode_received
from edge.contract.reading import Batch, Decoded
from edge.contract.topics import SERVER, Kind, Topic
from edge.journal.journal import Journal
from tests.chaos import trace
from tests.chaos.balance import Key
from tests.chaos.fleet import SmallBox, registry
from tests.chaos.images import Disk
from tests.chaos.scene import House, Report, dead_keys, end
from tests.chaos.trace import Event, Heard, Sent
from tests.collector.village import WATCH
from tests.edge.device import Device, Server, wait_until
from tests.services.servers import Mosquitto

NAME = "power-cut"
BOXES = 6
ROUND_S = 30.0  # a trace of that has some 50 MB
READ_WHOLE = 200  # of the records in an image, the youngest; of older ones, what they stand for
SENSOR = """
[[sensor]]
kind = "simulated"
place = "reach-box"
metrics = ["water-temp", "do", "ph"]
interval_s = 0.05
seed = 7
"""

Packet = object


class Wire:
    """The packets of a process's connections, put together from what it sent and heard."""

    def __init__(self) -> None:
        self._brokers: set[str] = set()
        self._rest: dict[tuple[str, bool], bytes] = {}

    def packets(self, event: Event) -> Iterator[Packet]:
        """Those that this event completes."""
        if not isinstance(event, Sent | Heard):
            return
        if isinstance(event, Sent) and event.data[:1] == b"\x10" and b"MQTT" in event.data[:9]:
            self._brokers.add(event.socket)  # it begins with CONNECT
        if event.socket not in self._brokers:
            return  # how threads wake each other
        key, at = (event.socket, isinstance(event, Sent)), 0
        data = self._rest.get(key, b"") + event.data
        try:
            while at < len(data):
                packet, size = mqtt5.read(memoryview(data)[at:])
                at += size
                yield packet
        except IndexError:
            pass  # the rest is yet to come
        self._rest[key] = data[at:]


class WatchOwes:
    """What the watch has confirmed until now."""

    def __init__(self) -> None:
        self.confirmed: set[Key] = set()
        self.confirmations = 0
        self._wire = Wire()
        self._came: dict[tuple[str, int], frozenset[Key]] = {}

    def take(self, event: Event) -> bool:
        """Whether the event has confirmed something."""
        found = 0
        for packet in self._wire.packets(event):
            if isinstance(event, Heard) and isinstance(packet, mqtt5.PublishPacket):
                # What the server tells itself is journalled as its own, without a number.
                self._came[event.socket, packet.packet_id or 0] = frozenset(
                    key for key in readings_in(packet) if key.device != SERVER
                )
            elif isinstance(event, Sent):
                if isinstance(packet, mqtt5.PubAckPacket):
                    keys: Collection[Key] = self._came.get((event.socket, packet.packet_id), ())
                else:
                    keys = named_by(packet)
                self.confirmed.update(keys)
                found += bool(keys)
        self.confirmations += found
        return found > 0

    @staticmethod
    def held(journal: Journal) -> set[Key]:
        """What is in the journal: as covered, and as a record or a dead letter."""
        covered = {
            Key(stream.split("/")[1], run, seq)
            for (stream, run), ranges in journal.ranges().items()
            for lo, hi in ranges
            for seq in range(lo, hi + 1)
        }
        rows = [row for row in journal.read(0, 10**6) if row.run]
        there = {
            Key(row.stream.split("/")[1], row.run, seq)
            for row in rows[:-READ_WHOLE]
            for seq in range(row.seq, row.seq + row.count)
        }
        for row in rows[-READ_WHOLE:]:
            batch = records.entry(row).what
            assert isinstance(batch, Batch)
            there |= {Key(batch.device, batch.run, seq) for seq in batch.seq}
        return covered & (there | set(dead_keys(journal.kept(0, 10**6))))


class DeviceOwes:
    """What the device has published until now, and has not heard to be received."""

    def __init__(self) -> None:
        self.confirmed: set[Key] = set()
        self.confirmations = 0
        self._wire = Wire()

    def take(self, event: Event) -> bool:
        found = 0
        for packet in self._wire.packets(event):
            if isinstance(event, Sent):
                keys = readings_in(packet)
                self.confirmed |= keys
                found += bool(keys)
            else:
                named = named_by(packet)
                self.confirmed.difference_update(named)
                found += bool(named) or isinstance(packet, mqtt5.PubAckPacket)
        self.confirmations += found
        return found > 0

    @staticmethod
    def held(journal: Journal) -> set[Key]:
        return {Key("box", row.run, row.seq) for row in journal.pending(10**6)}


Owes = WatchOwes | DeviceOwes


def readings_in(packet: Packet) -> frozenset[Key]:
    """The readings of a publication; none for what is no pack."""
    topic = Topic.parse(packet.topic) if isinstance(packet, mqtt5.PublishPacket) else None
    if topic is None or topic.kind not in (Kind.READINGS, Kind.HEALTH):
        return frozenset()
    assert isinstance(packet, mqtt5.PublishPacket)
    got = senml.decode(
        packet.payload, topic=packet.topic, site=topic.site, device=topic.device, now_ms=2**46
    )
    assert isinstance(got, Decoded), got
    first = got.batch.first
    return frozenset(
        Key(topic.device, got.batch.run, seq) for seq in range(first, first + got.batch.count)
    )


def named_by(packet: Packet) -> list[Key]:
    """What a ``received`` names."""
    topic = Topic.parse(packet.topic) if isinstance(packet, mqtt5.PublishPacket) else None
    if topic is None or topic.kind is not Kind.RECEIVED:
        return []
    assert isinstance(packet, mqtt5.PublishPacket)
    return [
        Key(topic.device, run, seq)
        for run, pairs in (decode_received(packet.payload) or {}).items()
        for lo, hi in pairs
        for seq in range(lo, hi + 1)
    ]


def examine(
    journal: Path, out: Path, owes: Owes, most: int, chance: random.Random, report: Report
) -> None:
    """Open ``most`` images of this journal, at moments of confirmation all over the trace."""
    happened = list(trace.events(trace.whole(out)))
    rehearsal = type(owes)()
    moments = [at for at, event in enumerate(happened) if rehearsal.take(event)]
    chosen = set(chance.sample(moments, min(most, len(moments))))
    disk = Disk(str(journal), but=("-shm", ".lock"))
    folder = journal.parent / "image"
    images = checkpoints = 0
    for at, event in enumerate(happened):
        disk.take(event)
        owes.take(event)
        checkpoints += isinstance(event, trace.Synced) and event.path == str(journal)
        if at not in chosen:
            continue
        image = disk.image(chance)
        images += 1
        with opened(folder, journal.name, image) as found:
            if found.set_aside is not None:
                report.complaints.append(f"image {images}: set aside as damaged")
            missing = owes.confirmed - owes.held(found)
        if missing:
            report.complaints.append(
                f"image {images} at event {at}: {len(missing)} of {len(owes.confirmed)} confirmed "
                f"readings are gone, e.g. {min(missing)}"
            )
    name = "watch" if isinstance(owes, WatchOwes) else "device"
    counts = {"images": images, "confirmations": owes.confirmations, "syncs": disk.syncs}
    for what, count in {**counts, "checkpoints": checkpoints}.items():
        key = f"{name}: {what}"
        report.figures[key] = report.figures.get(key, 0) + count


def opened(folder: Path, name: str, image: Mapping[str, bytes]) -> Journal:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path, content in image.items():
        (folder / Path(path).name).write_bytes(content)
    return Journal(folder / name)


async def trace_watch(folder: Path, seconds: float) -> tuple[Path, Path]:
    """A watch and its devices, until its power is cut; its journal and what strace saw."""
    out = folder / "watch.trace"
    async with AsyncExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder / "broker"))
        names = [f"box-{number}" for number in range(BOXES)]
        house = House(
            folder / "house", broker.url, registry(names), program=trace.command(str(out), WATCH)
        )
        stack.callback(house.watch.kill)
        house.watch.start()
        await house.listens()
        boxes = [SmallBox(name, Broker.at(broker.url, name), interval_s=0.1) for name in names]
        tasks = [asyncio.create_task(box.work(), name=box.name) for box in boxes]
        stack.push_async_callback(end, tasks)
        await asyncio.sleep(seconds)
        house.watch.kill()
    return house.state / "journal.db", out


def trace_device(folder: Path, seconds: float) -> tuple[Path, Path]:
    """A real agent whose server is silent at first, until its power is cut."""
    out = folder / "device.trace"
    with Mosquitto(folder / "device-broker") as broker:
        server = Server(broker.host, broker.port)
        device = Device(folder=folder / "box", url=server.url)
        device.folder.mkdir()
        device.write(SENSOR, health_interval_s=1, resend_s=1)
        try:
            server.is_silent = True
            device.start(program=lambda words: trace.command(str(out), words))
            log = device.folder / "log"
            wait_until(lambda: "link: connected" in log.read_text(), "the agent has its broker")
            time.sleep(seconds * 0.4)
            server.is_silent = False
            wait_until(lambda: server.readings, "the agent is answered")
            time.sleep(seconds * 0.6)
            device.kill()
        finally:
            device.discard()
            server.close()
    return device.folder / "journal.db", out


async def run(folder: Path, seconds: float, seed: int, most: int = 200) -> list[Report]:
    """Rounds of half a minute at most, as many as the time allows; ``most`` images of each journal."""
    report = Report(name=NAME, seconds=seconds, seed=seed)
    chance = random.Random(seed)
    until_s = time.monotonic() + seconds
    rounds = 0
    while not rounds or time.monotonic() < until_s:
        rounds += 1
        here = folder / str(rounds)
        here.mkdir()
        round_s = min(seconds, ROUND_S)
        watch, device = await asyncio.gather(
            trace_watch(here, round_s), asyncio.to_thread(trace_device, here, round_s)
        )
        for (journal, out), owes in ((watch, WatchOwes()), (device, DeviceOwes())):
            await asyncio.to_thread(examine, journal, out, owes, most, chance, report)
        shutil.rmtree(here)
    report.figures["rounds"] = rounds
    return [report]

"""Many compact devices: each keeps its readings until ``received`` names them, and logs what it issued."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from alerts.registry.model import Binding, Device, Names, Place, PlaceKind, Registry
from collector.link.base import LinkBase
from collector.link.mqtt5 import Mqtt5Link
from collector.link.port import Broker
from edge.contract.ranges import Ranges, decode_received
from edge.contract.reading import Reading
from edge.contract.senml import encode
from edge.contract.topics import Kind, Topic
from tests.chaos.balance import Key, Point
from tests.collector.village import REGISTRY, SITE

EACH = 5  # readings a step
AGAIN_S = 1.0  # real; sent again when no receipt has come
PACK_MOST = 50
BOUND = ("water-temp", "do", "ph")
SMOKE = "smoke"
UNBOUND = "turbidity"  # known, but bound to no device: a dead letter
UNBOUND_EACH = 17


def place_of(device: str) -> str:
    return f"reach-{device}"


def registry(devices: Sequence[str], alarms: Sequence[str] = ()) -> Registry:
    """The village with these devices, each at a place of its own; ``alarms`` are in sheds."""
    kinds = dict.fromkeys(devices, (PlaceKind.REACH, BOUND)) | dict.fromkeys(
        alarms, (PlaceKind.SHED, (SMOKE,))
    )
    return replace(
        REGISTRY,
        places=tuple(
            Place(id=place_of(name), site=SITE, kind=kind, names=Names(zh=name))
            for name, (kind, _) in kinds.items()
        ),
        devices=tuple(
            Device(
                id=name,
                site=SITE,
                names=Names(zh=name),
                bindings=(Binding(place=place_of(name), metrics=metrics, interval_s=60.0),),
            )
            for name, (_, metrics) in kinds.items()
        ),
    )


@dataclass
class _Kept:
    reading: Reading
    sent_s: float = 0.0


class SmallBox:
    """A device whose journal is in memory; ``most`` bounds it, and what it drops it announces.

    ``clock`` gives milliseconds since 1970, wrong or right.
    """

    def __init__(
        self,
        name: str,
        broker: Broker,
        *,
        kind: type[LinkBase] = Mqtt5Link,
        interval_s: float = 0.3,
        most: int | None = None,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.name = name
        self.run = f"run-{name}"
        self.issued: dict[Key, Point] = {}
        self.given_up: set[Key] = set()
        self.stopped = asyncio.Event()
        """No more is measured; what is kept is still sent."""
        self._topic = lambda sort: str(Topic(SITE, name, sort))
        self._link = kind(broker, filters=[self._topic(Kind.RECEIVED)])
        self._interval_s = interval_s
        self._most = most
        self._clock = clock
        self._kept: dict[int, _Kept] = {}
        self._dropped: set[int] = set()  # to be announced
        self._seq = 0
        self._last_ms = 0

    @property
    def waiting(self) -> list[Key]:
        """What its journal holds."""
        return [Key(self.name, self.run, seq) for seq in self._kept]

    @property
    def is_done(self) -> bool:
        """Whether all is received, its announcements too."""
        return not self._kept and not self._dropped

    async def work(self) -> None:
        """Measure until ``stopped``, and send until cancelled."""
        async with self._link, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._measure(), name=f"{self.name} measures")
            tasks.create_task(self._send(), name=f"{self.name} sends")
            tasks.create_task(self._listen(), name=f"{self.name} listens")

    def measured(self, seq: int) -> tuple[str, float]:
        """Metric and value of this reading."""
        is_unbound = seq % UNBOUND_EACH == UNBOUND_EACH - 1
        return UNBOUND if is_unbound else BOUND[seq % len(BOUND)], 7.0 + seq % 1000 / 1000

    async def _measure(self) -> None:
        while True:
            # When all is sent, one more carries what is still to be announced.
            rest = bool(self._dropped and not self._kept)
            for _ in range(rest if self.stopped.is_set() else EACH):
                self._issue()
            while self._most is not None and len(self._kept) > self._most:
                seq = min(self._kept)  # the newest stay
                del self._kept[seq]
                self._dropped.add(seq)
                self.given_up.add(Key(self.name, self.run, seq))
            await asyncio.sleep(self._interval_s)

    def _issue(self) -> None:
        seq = self._seq
        self._seq += 1
        self._last_ms = max(self._clock(), self._last_ms + 1)
        metric, value = self.measured(seq)
        reading = Reading(
            place=place_of(self.name),
            port="",
            metric=metric,
            value=value,
            at_ms=self._last_ms,
            run=self.run,
            seq=seq,
        )
        self._kept[seq] = _Kept(reading)
        self.issued[Key(self.name, self.run, seq)] = Point(
            self.name, reading.place, "", reading.metric, reading.at_ms, reading.value
        )

    async def _send(self) -> None:
        while True:
            for pack in self._packs(time.monotonic()):
                dropped = Ranges((seq, seq) for seq in self._dropped)
                announced = [(self.run, lo, hi, "space") for lo, hi in dropped]
                payload = encode([one.reading for one in pack], announced)
                if not await self._link.publish(self._topic(Kind.READINGS), payload):
                    break
                for one in pack:
                    one.sent_s = time.monotonic()
            await asyncio.sleep(0.05)

    def _packs(self, now_s: float) -> Iterator[list[_Kept]]:
        """What is due, in runs of consecutive numbers."""
        due = [one for one in self._kept.values() if now_s - one.sent_s >= AGAIN_S]
        pack: list[_Kept] = []
        for one in due:
            if pack and (one.reading.seq != pack[-1].reading.seq + 1 or len(pack) == PACK_MOST):
                yield pack
                pack = []
            pack.append(one)
        if pack:
            yield pack

    async def _listen(self) -> None:
        async for messages in self._link.batches():
            for message in messages:
                for lo, hi in (decode_received(message.payload) or {}).get(self.run, ()):
                    self._forget(lo, hi)
            await self._link.ack(messages)

    def _forget(self, lo: int, hi: int) -> None:
        for seq in [seq for seq in self._kept if lo <= seq <= hi]:
            del self._kept[seq]
        self._dropped = {seq for seq in self._dropped if not lo <= seq <= hi}


class SmokeAlarm(SmallBox):
    """A device in a shed; it says ``is_smoking``."""

    is_smoking = False

    def measured(self, seq: int) -> tuple[str, float]:
        return SMOKE, float(self.is_smoking)


def smoke(alarm: str, since_s: float = 6.0) -> bytes:
    """A pack of a new run: smoke for so long already, which is longer than its rule waits."""
    now_ms = time.time_ns() // 1_000_000
    return encode(
        [
            Reading(
                place=place_of(alarm),
                port="",
                metric=SMOKE,
                value=1.0,
                at_ms=now_ms - before_ms,
                run=f"run-{alarm}",
                seq=seq,
            )
            for seq, before_ms in enumerate((round(since_s * 1000), 0))
        ]
    )

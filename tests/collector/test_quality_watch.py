"""Quality through the whole watch: what each test says of a reading stands beside it in the store."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.registry.model import Binding, Device, Names, Override, Place, PlaceKind
from collector.health import read_watch
from collector.link.mqtt5 import Mqtt5Link
from collector.link.port import Broker
from edge.contract.quality import Quality, told
from edge.contract.reading import Reading
from edge.contract.senml import encode
from tests.collector.village import PLACE, REGISTRY, SITE, Process, settle

pytestmark = [pytest.mark.mosquitto, pytest.mark.timeout(120)]

SOON_S = 60.0
MINUTE_MS = 60_000
METRICS = ("do", "ph", "water-temp", "turbidity", "conductivity", "water")
UPPER = Place(id="upper", site=SITE, kind=PlaceKind.REACH, names=Names(zh="上游"))
VILLAGE = replace(
    REGISTRY,
    places=(replace(REGISTRY.places[0], neighbours=("upper",)), UPPER),
    devices=(
        replace(
            REGISTRY.devices[0],
            bindings=(Binding(place=PLACE, metrics=METRICS, interval_s=60.0),),
        ),
        Device(
            id="far",
            site=SITE,
            names=Names(zh="上游箱"),
            bindings=(Binding(place="upper", metrics=("do", "rain"), interval_s=60.0),),
        ),
    ),
    overrides=tuple(
        Override(metric=metric, place=PLACE, set=numbers, who="x", at="2026-11-22", why="x")
        for metric, numbers in (
            ("ph", {"flat_suspect_h": 0.5, "flat_fail_h": 1.0, "calm": 0.0}),
            ("water-temp", {"calm_h": 1.0}),
        )
    ),
)


class Box:
    """What a device sends: one series a pack, numbered on."""

    def __init__(self, link: Mqtt5Link, device: str, place: str) -> None:
        self._link, self._device, self._place = link, device, place
        self._seq = 0

    async def send(
        self,
        metric: str,
        values: Sequence[float],
        start_ms: int,
        step_ms: int = MINUTE_MS,
        quality: Quality = Quality.NOT_EVALUATED,
    ) -> None:
        readings = [
            Reading(
                place=self._place,
                port="",
                metric=metric,
                value=value,
                at_ms=start_ms + n * step_ms,
                quality=quality,
                run="r1",
                seq=self._seq + n,
            )
            for n, value in enumerate(values)
        ]
        self._seq += len(values)
        topic = f"shouwang/v1/{SITE}/{self._device}/readings"
        assert await self._link.publish(topic, encode(readings))


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def process(url: str) -> Process:
        watch = Process(settle(tmp_path, url, registry=VILLAGE))
        started.append(watch)
        watch.start()
        return watch

    yield process
    for watch in started:
        watch.kill()


@pytest.fixture
async def link(mosquitto_server) -> AsyncIterator[tuple[str, Mqtt5Link]]:
    server = mosquitto_server()
    async with Mqtt5Link(Broker.at(server.url, "boxes"), filters=()) as link:
        await _until(lambda: link.connected)
        yield server.url, link


async def test_what_each_test_says_stands_in_the_store_also_of_earlier_points(
    start, link, tmp_path
):
    url, sender = link
    watch = start(url)
    await _until(lambda: _is_listening(tmp_path))
    box, far = Box(sender, "box", PLACE), Box(sender, "far", "upper")
    now_ms = time.time_ns() // 1_000_000
    begin_ms = now_ms - 100 * MINUTE_MS
    await far.send("do", [1.0], begin_ms)
    await box.send("do", [8.0, -9999.0, 15.5], begin_ms)
    await box.send("do", [8.0], begin_ms + 3 * MINUTE_MS, quality=Quality.SUSPECT)
    await box.send("conductivity", [400.0, 700.0], begin_ms)
    await box.send("conductivity", [400.0], begin_ms + 2 * MINUTE_MS)
    await box.send("ph", [7.1, *([7.0] * 71)], begin_ms)
    await box.send("water-temp", [20.0 + n % 2 * 0.05 for n in range(62)], begin_ms)
    await box.send("turbidity", [10.0, 11.0], begin_ms, 20 * MINUTE_MS)
    await box.send("turbidity", [12.0], now_ms + 24 * 60 * MINUTE_MS)
    await box.send("water", [0.5], begin_ms)
    # Rain upstream: the same spike as before is none.
    await far.send("rain", [3.0], begin_ms)
    await box.send("conductivity", [405.0, 700.0, 400.0], begin_ms + 5 * MINUTE_MS)

    await _until(lambda: len(_stored(tmp_path, "ph")) == 72 and _is_done(tmp_path))
    await _until(lambda: _stored(tmp_path, "ph")[1][1] == "flat!")
    neighbour = "neighbour"  # 8 mg/L here, 1 upstream
    assert [marks for _, marks in _stored(tmp_path, "do")] == [
        neighbour,
        "sentinel!",
        "gross neighbour",
        f"sensor rate! {neighbour}",
    ]
    assert _stored(tmp_path, "conductivity") == [
        (1, ""),
        (3, "spike rate!"),
        (3, "rate!"),
        (1, ""),
        (3, "rate!"),
        (3, "rate!"),
    ]
    # Stuck from the second on: known an hour later, amended back to where it came to rest.
    assert _stored(tmp_path, "ph") == [(1, ""), *([(4, "flat!")] * 71)]
    temperatures = _stored(tmp_path, "water-temp")
    assert temperatures == [(1, "")] * 60 + [(3, "attenuated")] * 2
    assert _stored(tmp_path, "turbidity") == [(1, ""), (3, "gap"), (3, "gap clock")]
    assert _stored(tmp_path, "water") == [(4, "syntax!")]

    # A start does not make a stuck sensor good again.
    assert watch.terminate(10) == 0
    watch.start()
    await box.send("ph", [7.0], begin_ms + 72 * MINUTE_MS)
    await _until(lambda: len(_stored(tmp_path, "ph")) == 73)
    assert _stored(tmp_path, "ph")[-1] == (4, "flat!")


def _stored(folder: Path, metric: str) -> list[tuple[int, str]]:
    """Of the box's series: quality and marks in words, oldest first."""
    file = folder / "state" / "readings.db"
    if not file.exists():
        return []
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as db:
        rows = db.execute(
            "SELECT quality, marks FROM raw JOIN series ON id = series "
            "WHERE device = 'box' AND metric = ? ORDER BY at_ms",
            (metric,),
        ).fetchall()
    db.close()
    return [
        (
            quality,
            " ".join(
                check.name.lower() + "!" * (flag is Quality.FAIL) for check, flag in told(marks)
            ),
        )
        for quality, marks in rows
    ]


def _is_listening(folder: Path) -> bool:
    status = read_watch(folder / "state" / "watch.json")
    return status is not None and any(part.name == "link" and part.ok for part in status.parts)


def _is_done(folder: Path) -> bool:
    status = read_watch(folder / "state" / "watch.json")
    return status is not None and status.depth["store"] == 0


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON_S):
        while not is_so():  # noqa: ASYNC110 - the other side is another process
            await asyncio.sleep(0.05)

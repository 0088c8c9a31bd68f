"""What a device never sent, told by the watch: on a real Mosquitto, through a kill, to the desk's file."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from collector.exposition import prometheus
from collector.gaps_keeping import GapsFile
from collector.health import read_watch
from collector.link.mqtt5 import Mqtt5Link
from collector.link.port import Broker
from dashboards.ports import GapKind
from edge.clock import Clock
from edge.contract.reading import Reading
from edge.contract.senml import encode
from edge.contract.status import State, Status
from tests.collector.village import DEVICE, PLACE, SITE, Process, settle
from tests.services.servers import Mosquitto

pytestmark = [pytest.mark.mosquitto, pytest.mark.timeout(180)]

SOON_S = 60.0
TOPIC = f"shouwang/v1/{SITE}/{DEVICE}/"


@pytest.fixture(scope="module")
def mosquitto(mosquitto_server) -> Mosquitto:
    return mosquitto_server()


@pytest.fixture
def watch(mosquitto, tmp_path) -> Iterator[Process]:
    made = Process(settle(tmp_path, mosquitto.url))
    made.start()
    yield made
    made.kill()


async def test_a_gap_its_reason_and_a_power_cut_are_told_and_survive_a_kill(
    watch, mosquitto, tmp_path
):
    await _until(lambda: _listens(tmp_path))
    now_ms = time.time_ns() // 1_000_000
    async with Mqtt5Link(Broker.at(mosquitto.url, "box"), filters=[TOPIC + "received"]) as link:
        await _until(lambda: link.connected)
        await _status(link, "run-1", now_ms)
        await _send(link, "run-1", range(10), now_ms)
        await _send(link, "run-1", range(18, 20), now_ms, [("run-1", 10, 14, "space")])
        await _until(lambda: _kinds(tmp_path) == {GapKind.DEVICE_SPACE: 5, GapKind.WAITING: 3})
        watch.kill()
        watch.start()
        await _until(lambda: _listens(tmp_path, watch.pid))
        await _status(link, "run-2", now_ms + 2000, cut_ms=now_ms + 500)
        await _send(link, "run-2", range(5), now_ms + 2000)
        await _send(link, "run-1", range(15, 16), now_ms)  # of what was waited for, one comes
    await _until(
        lambda: (
            _kinds(tmp_path)
            == {GapKind.DEVICE_SPACE: 5, GapKind.WAITING: 2, GapKind.POWER_CUT: None}
        )
    )
    account = GapsFile(tmp_path / "state" / "gaps.snapshot", Clock()).of(SITE, DEVICE)
    assert account is not None
    assert sum(day.got for day in account.days) == 18
    named = f'shouwang_device_missing_readings{{site="{SITE}",device="{DEVICE}"'
    await _until(lambda: f'{named},kind="waiting"}} 2' in _metrics(tmp_path))
    assert f'{named},kind="device-space"}} 5' in _metrics(tmp_path)


async def _send(
    link: Mqtt5Link,
    run: str,
    seqs: range,
    now_ms: int,
    dropped: Sequence[tuple[str, int, int, str]] = (),
) -> None:
    readings = [
        Reading(place=PLACE, port="", metric="do", value=8.0, at_ms=now_ms + seq, run=run, seq=seq)
        for seq in seqs
    ]
    assert await link.publish(TOPIC + "readings", encode(readings, dropped))


async def _status(link: Mqtt5Link, run: str, at_ms: int, cut_ms: int | None = None) -> None:
    cuts_ms = () if cut_ms is None else (cut_ms,)
    status = Status(state=State.ONLINE, run=run, at_ms=at_ms, cuts_ms=cuts_ms)
    assert await link.publish(TOPIC + "status", status.encode(), retain=True)


def _kinds(folder: Path) -> dict[GapKind, int | None]:
    account = GapsFile(folder / "state" / "gaps.snapshot", Clock()).of(SITE, DEVICE)
    found: dict[GapKind, int | None] = {}
    for gap in account.gaps if account else ():
        known = found.get(gap.kind)
        found[gap.kind] = gap.count if known is None or gap.count is None else known + gap.count
    return found


def _metrics(folder: Path) -> str:
    status = read_watch(folder / "state" / "watch.json")
    return prometheus(status) if status else ""


def _listens(folder: Path, pid: int | None = None) -> bool:
    status = read_watch(folder / "state" / "watch.json")
    return (
        status is not None
        and (pid is None or status.pid == pid)
        and all(part.ok for part in status.parts if part.name == "link")
    )


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON_S):
        while not is_so():  # noqa: ASYNC110 - another process has no event
            await asyncio.sleep(0.05)

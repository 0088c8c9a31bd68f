"""A watch whose journal was damaged: it starts, says so aloud, and takes readings in."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.store.operations import Operations
from edge.journal.files import damaged
from tests.collector.village import SOON_S, Process, Teller, settle, status_of, until
from tests.services.servers import Mosquitto

pytestmark = [pytest.mark.mosquitto, pytest.mark.timeout(180)]

PAGE = 4096


def _torn(journal: Path) -> None:
    """Half of every page but the first is not what was written."""
    with journal.open("r+b") as file:
        for page in range(1, journal.stat().st_size // PAGE):
            file.seek(page * PAGE)
            file.write(b"\xff" * (PAGE // 2))


def _cut(journal: Path) -> None:
    os.truncate(journal, journal.stat().st_size // 2 // PAGE * PAGE + 100)


def _empty(journal: Path) -> None:
    os.truncate(journal, 0)


def _text(journal: Path) -> None:
    journal.write_bytes(b"this is no database " * 400)


def _log(journal: Path) -> None:
    journal.with_name(journal.name + "-wal").write_bytes(b"\xa5" * 3 * PAGE)


@pytest.fixture(scope="module")
def mosquitto(mosquitto_server) -> Mosquitto:
    return mosquitto_server()


@pytest.fixture
def watch(mosquitto, tmp_path) -> Iterator[Process]:
    made = Process(settle(tmp_path, mosquitto.url))
    yield made
    made.kill()


@pytest.mark.parametrize("damage", [_torn, _cut, _empty, _text, _log])
async def test_it_starts_says_so_and_takes_readings_in(watch, mosquitto, tmp_path, damage):
    journal = tmp_path / "state" / "journal.db"
    watch.start()
    await Teller(mosquitto.url, f"before{damage.__name__}".replace("_", "-")).tell(
        20, 5, 0.0, SOON_S
    )
    watch.terminate(10)
    damage(journal)
    await _restart(watch)
    await Teller(mosquitto.url, f"after{damage.__name__}".replace("_", "-")).tell(5, 5, 0.0, SOON_S)
    status = await status_of(tmp_path, lambda status: status.counters["readings"] >= 25)
    assert status.set_aside == 1
    assert {part.name: part.why for part in status.parts if not part.ok} == {}
    (aside,) = damaged(journal)
    assert f"set aside as {aside}" in watch.log.read_text()
    with Operations(f"sqlite:///{tmp_path / 'state' / 'operations.db'}") as operations:
        await until(lambda: bool(operations.open_incidents()))
        (incident,) = operations.open_incidents()
    assert (incident.rule, str(incident.subject)) == (
        "house-journal-damaged",
        "cell:riverside/server",
    )


async def _restart(watch: Process) -> None:
    """As the supervisor does: whoever meets damage while running ends, and is started again."""
    for _ in range(2):
        watch.start()
        try:
            await asyncio.to_thread(watch.wait, 4)
        except subprocess.TimeoutExpired:
            return  # it runs

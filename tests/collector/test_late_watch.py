"""Smoke while the operations database takes nothing: the guard post's webhook has it all the same."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerts.incidents.model import Incident, StoryKind
from alerts.incidents.who import Reason
from alerts.notify.notice import NoticeState
from alerts.registry.model import Address, ChannelKind, Person, PostRole
from alerts.store.operations import FROM_MEMORY, Operations
from collector.link.mqtt5 import Mqtt5Link
from collector.link.port import Broker
from tests.chaos.fleet import registry, smoke
from tests.chaos.hooks import Hooks
from tests.collector.village import SITE, SOON_S, Process, status_of, until
from tests.services.servers import Mosquitto, Postgres

pytestmark = [pytest.mark.mosquitto, pytest.mark.timeout(180)]

Away = Callable[[], AbstractContextManager[None]]
ALARMS = ("one", "two")
PATIENCE_S = 5.0
LOCKS = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process holds the write lock of this SQLite file."""
    holder = subprocess.Popen(
        [sys.executable, "-c", LOCKS, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == b"locked\n"
        yield
    finally:
        holder.kill()
        holder.communicate()


@contextmanager
def paused(server: Postgres) -> Iterator[None]:
    server.pause()
    try:
        yield
    finally:
        server.go_on()


@dataclass
class Shed:
    """A watch with two smoke alarms and a guard post that has a webhook."""

    url: str
    broker: Mosquitto
    hooks: Hooks
    watch: Process

    async def smoke(self, alarm: str) -> None:
        async with Mqtt5Link(Broker.at(self.broker.url, f"alarm-{alarm}"), filters=[]) as link:
            topic = f"shouwang/v1/{SITE}/{alarm}/readings"
            async with asyncio.timeout(SOON_S):
                while not await link.publish(topic, smoke(alarm)):  # noqa: ASYNC110 - no event
                    await asyncio.sleep(0.05)

    def fires(self) -> list[Incident]:
        with Operations(self.url) as operations:
            return [one for one in operations.open_incidents() if one.rule == "eb-smoke"]


@asynccontextmanager
async def shed(folder: Path, url: str, broker: Mosquitto) -> AsyncIterator[Shed]:
    with Hooks() as hooks:
        guard = Person(
            id="guard", site=SITE, name="值班岗", role=PostRole.GUARD,
            addresses=(Address(channel=ChannelKind.WEBHOOK, to=hooks.url("guard")),),
        )  # fmt: skip
        (folder / "state").mkdir(parents=True, exist_ok=True)
        with Operations(url) as operations:
            operations.set_up()
            known = replace(registry((), ALARMS), people=(guard,))
            operations.save_registry(known, "test", "two sheds", datetime.now(UTC))
        config = folder / "shouwang.toml"
        config.write_text(
            f'cell = "village"\n[mqtt]\nurl = "{broker.url}"\n[desk]\nport = 0\n'
            f'[operations]\nurl = "env:SHOUWANG_DATABASE"\n[notices]\nallow = ["{hooks.address}"]\n'
        )
        watch = Process(config, environment={"SHOUWANG_DATABASE": url})
        try:
            watch.start()
            await status_of(folder, lambda status: all(part.ok for part in status.parts[:1]))
            yield Shed(url, broker, hooks, watch)
        finally:
            watch.kill()


async def rings_and_is_recorded(shed: Shed, away: Away, *, reads: bool) -> None:
    came = shed.hooks.came
    with away():
        began_s = time.monotonic()
        await shed.smoke("one")
        await until(lambda: len(came) >= 1)
        assert time.monotonic() - began_s > PATIENCE_S
        assert not (reads and shed.fires())
        # Whoever burns later in the same outage need not wait so long again.
        await shed.smoke("two")
        async with asyncio.timeout(PATIENCE_S):
            while len(came) < 2:  # noqa: ASYNC110 - another process has none
                await asyncio.sleep(0.05)
    await until(lambda: len(shed.fires()) == 2)
    await asyncio.sleep(1.0)  # what was sent is recorded behind that, and the outbox looked at
    with Operations(shed.url) as operations:
        for fire in shed.fires():
            (notice,) = operations.notices(incident=fire.id)
            assert notice.state is NoticeState.ACCEPTED
            assert notice.detail.endswith(FROM_MEMORY)
            story = operations.story(fire.id)
            because = [one.facts.get("because") for one in story if one.kind is StoryKind.TOLD]
            assert "from-memory" in because
            reasons = [row.reason for row in operations.why(fire.id, "guard")]
            assert Reason.FROM_MEMORY in reasons
    assert sorted(one.body["title"] for one in came) == sorted({one.body["title"] for one in came})
    assert len(came) == 2


async def test_with_sqlite_locked_by_another_process(tmp_path, mosquitto_server):
    path = tmp_path / "operations.db"
    async with shed(tmp_path, f"sqlite:///{path}", mosquitto_server()) as here:
        await rings_and_is_recorded(here, lambda: locked(path), reads=True)


@pytest.mark.postgres
async def test_with_postgresql_stopped(tmp_path, mosquitto_server, postgres_server):
    url = postgres_server.new_database()
    async with shed(tmp_path, url, mosquitto_server()) as here:
        await rings_and_is_recorded(here, lambda: paused(postgres_server), reads=False)


async def test_what_is_committed_in_time_is_told_once_and_not_from_memory(
    tmp_path, mosquitto_server
):
    url = f"sqlite:///{tmp_path / 'operations.db'}"
    async with shed(tmp_path, url, mosquitto_server()) as here:
        await here.smoke("one")
        await until(lambda: len(here.hooks.came) == 1)
        await asyncio.sleep(PATIENCE_S + 1)
        (fire,) = here.fires()
        assert [one.body["incident"] for one in here.hooks.came] == [fire.id]

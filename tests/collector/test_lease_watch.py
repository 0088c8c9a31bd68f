"""Two watches over one cell, each with a journal of its own, on one PostgreSQL and one broker."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerts.store.lease import TTL_MS
from alerts.store.operations import Operations
from edge.contract.ranges import Ranges
from edge.journal.journal import Journal
from tests.collector.village import REGISTRY, SOON_S, Process, Teller, status_of, until
from tests.services.servers import Mosquitto, Postgres

pytestmark = [pytest.mark.mosquitto, pytest.mark.postgres, pytest.mark.timeout(180)]


@dataclass
class Cell:
    """One operations database, and a folder for each watch."""

    folder: Path
    broker: Mosquitto
    database: str
    watches: list[Process]

    def settle(self, name: str) -> Process:
        folder = self.folder / name
        (folder / "state").mkdir(parents=True)
        config = folder / "shouwang.toml"
        config.write_text(
            f'cell = "village"\n[mqtt]\nurl = "{self.broker.url}"\n'
            f'[operations]\nurl = "env:SHOUWANG_DATABASE"\n[desk]\nport = 0\n'
        )
        watch = Process(config, environment={"SHOUWANG_DATABASE": self.database})
        self.watches.append(watch)
        return watch

    async def word(self, name: str, part: str, has: str) -> None:
        """Until the watch ``name`` says ``has`` of one of its parts; "" when all is well."""

        def says(status) -> bool:
            why = next(found.why for found in status.parts if found.name == part)
            return has in why if has else not why

        await status_of(self.folder / name, says)

    def held(self, name: str) -> Ranges:
        with Journal(self.folder / name / "state" / "journal.db") as journal:
            return journal.ranges().get(("riverside/box", "run-1"), Ranges())


@pytest.fixture
def cell(tmp_path: Path, mosquitto_server, postgres_server: Postgres) -> Iterator[Cell]:
    url = postgres_server.new_database()
    with Operations(url) as operations:
        operations.set_up()
        operations.save_registry(REGISTRY, "test", "a village", datetime.now(UTC))
    made = Cell(tmp_path, mosquitto_server(), url, [])
    yield made
    for watch in made.watches:
        watch.kill()


async def test_the_second_stands_by_takes_over_from_a_frozen_one_which_then_ends(cell):
    first, second = cell.settle("first"), cell.settle("second")
    first.start()
    await cell.word("first", "link", "")
    second.start()
    await cell.word("second", "operations", "keeps watch over this cell; this one stands by")
    await cell.word("second", "link", "waiting for the registry")
    teller = Teller(cell.broker.url, "run-1")
    await teller.tell(3, 5, 0.01, SOON_S)

    first.pause()
    await cell.word("second", "operations", "")  # within its term and the supervisor's looks
    await cell.word("second", "link", "")
    await teller.tell(3, 5, 0.01, SOON_S)
    first.go_on()
    assert await asyncio.to_thread(first.wait, SOON_S) == 3
    second.terminate(10)
    assert "has taken over the watch of this cell (epoch 2, ours was 1)" in first.log.read_text()
    assert cell.held("first") == Ranges([(0, 14)])
    assert cell.held("second") == Ranges([(15, 29)])


async def test_one_that_ends_in_order_lets_the_other_begin_at_once(cell):
    first, second = cell.settle("first"), cell.settle("second")
    first.start()
    await cell.word("first", "link", "")
    second.start()
    await cell.word("second", "operations", "stands by")
    assert first.terminate(10) == 0
    async with asyncio.timeout(TTL_MS / 3000):
        await cell.word("second", "link", "")


async def test_it_goes_on_hearing_while_the_database_is_away_when_the_lease_was_its_own(
    cell, postgres_server
):
    first = cell.settle("first")
    first.start()
    await cell.word("first", "link", "")
    first.kill()
    postgres_server.stop()
    try:
        first.start()
        await cell.word("first", "operations", "Nothing was written")
        await cell.word("first", "link", "")
        teller = Teller(cell.broker.url, "run-1")
        await teller.tell(1, 5, 0.01, SOON_S)
    finally:
        postgres_server.start()
    await cell.word("first", "operations", "")


async def test_a_new_one_does_not_connect_while_nobody_knows_whose_the_cell_is(
    cell, postgres_server
):
    fresh = cell.settle("fresh")
    postgres_server.stop()
    try:
        fresh.start()
        await cell.word("fresh", "operations", "Nothing was written")
        with pytest.raises(TimeoutError):
            await Teller(cell.broker.url, "run-1").tell(1, 5, 0.01, 2.0)
    finally:
        postgres_server.start()
    await until(lambda: fresh.is_running)
    await cell.word("fresh", "link", "")

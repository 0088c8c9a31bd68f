import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from collector.stores.embedded import EmbeddedStore
from collector.stores.port import Level, Series, StoreMismatch, StoreUnavailable, Touched
from collector.stores.retention import Retention
from edge.contract.quality import Check, Quality
from tests.collector.stores.batches import DAY, HOUR, MINUTE, NOON, PH, PLACE, SITE, amendment, good


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "readings #1?.sqlite3"  # characters that mean something in a file: address


@pytest.fixture
async def store(path) -> AsyncIterator[EmbeddedStore]:
    made = EmbeddedStore(path, retention=Retention(points=10, minutes=2), delete_most=100)
    await made.set_up()
    yield made
    await made.close()


async def test_what_was_written_is_there_after_the_process_was_killed(path):
    code = """
import asyncio, os, sys
from pathlib import Path
from collector.stores.embedded import EmbeddedStore
from tests.collector.stores.batches import NOON, PH, good
async def main():
    await EmbeddedStore(Path(sys.argv[1])).write([good(PH, (NOON, 7.0))])
    os.kill(os.getpid(), 9)
asyncio.run(main())
"""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == -9, done.stderr
    store = EmbeddedStore(path)
    assert await store.count() == 1
    await store.close()


async def test_a_write_is_on_the_disk_before_the_cursor_may_move(store):
    def level(db: sqlite3.Connection) -> int:
        return int(db.execute("PRAGMA synchronous").fetchone()[0])

    full = 2
    assert await store._in_writer(level) == full


async def test_the_desk_reads_while_the_watch_writes(store, path):
    desk = EmbeddedStore(path, read_only=True)
    await desk.set_up()
    for i in range(3):
        await store.write([good(PH, (NOON + i, 7.0))])
        assert await desk.count() == i + 1
    await desk.close()


async def test_a_desk_that_starts_first_hears_that_there_is_no_store_yet(path):
    desk = EmbeddedStore(path, read_only=True)
    with pytest.raises(StoreUnavailable):
        await desk.latest(SITE)
    store = EmbeddedStore(path)
    await store.write([good(PH, (NOON, 7.0))])
    assert len(await desk.latest(SITE)) == 1
    await desk.close()
    await store.close()


async def test_a_read_only_store_refuses_to_write(store, path):
    desk = EmbeddedStore(path, read_only=True)
    with pytest.raises(RuntimeError, match="read-only"):
        await desk.write([good(PH, (NOON, 7.0))])
    await desk.close()


async def test_a_file_that_is_no_store_is_left_alone_and_named(path):
    path.write_bytes(b"letters from the river chief " * 100)
    store = EmbeddedStore(path)
    with pytest.raises(StoreMismatch, match="move it away"):
        await store.set_up()
    await store.close()
    assert path.read_bytes().startswith(b"letters")


async def test_a_store_of_a_newer_version_is_refused(store, path):
    await store.close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    newer = EmbeddedStore(path)
    with pytest.raises(StoreMismatch, match="newer version"):
        await newer.set_up()
    await newer.close()


async def test_a_store_of_the_version_before_is_brought_up_with_what_it_holds(store, path):
    await store.write([good(PH, (NOON, 7.0))])
    await store.close()
    db = sqlite3.connect(path)
    db.executescript(
        "DROP INDEX marked; ALTER TABLE raw DROP COLUMN marks; PRAGMA user_version = 1;"
    )
    db.close()
    newer = EmbeddedStore(path)
    await newer.amend([amendment(PH, NOON, NOON, Quality.SUSPECT, Check.SPIKE.suspect)])
    found = await newer.points(PH, NOON, NOON + 1, marked=True)
    assert (found.value, found.quality, found.marks) == ([7.0], [3], [Check.SPIKE.suspect])
    await newer.close()
    again = EmbeddedStore(path)
    await again.set_up()
    assert await again.count() == 1
    await again.close()


async def test_a_store_that_cannot_be_written_says_unavailable(tmp_path):
    (tmp_path / "file").write_text("")
    store = EmbeddedStore(tmp_path / "file" / "store.sqlite3")
    with pytest.raises(StoreUnavailable, match="disk"):
        await store.write([good(PH, (NOON, 7.0))])
    await store.close()


async def test_a_locked_store_says_unavailable_and_then_writes_again(store, path, monkeypatch):
    await store._in_writer(lambda db: None)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert store._writer is not None
    store._writer.execute("PRAGMA busy_timeout = 10")
    with pytest.raises(StoreUnavailable, match="locked"):
        await store.write([good(PH, (NOON, 7.0))])
    other.execute("ROLLBACK")
    other.close()
    assert await store.write([good(PH, (NOON, 7.0))]) == 1
    assert await store.series(SITE) == [PH]


async def test_old_points_go_and_their_hours_stay(store):
    old = [(NOON + i * MINUTE, 7.0) for i in range(60)]
    await store.write([good(PH, *old)], NOON)
    await store.roll_up([Touched(Level.HOUR, NOON, [PH]), Touched(Level.MINUTE, NOON, [PH])])
    now = NOON
    while now < NOON + 11 * DAY:
        now += 12 * HOUR
        done = await store.retain(now)
        assert done.paused == ""
    assert await store.count() == 0
    found = await store.buckets(PH, NOON, NOON + HOUR, 600)
    assert (found.count, found.step_ms) == ([60], HOUR)


async def test_rain_whose_points_are_gone_is_added_up_from_the_hours(store):
    rain = Series(SITE, "gauge-1", PLACE, "", "rain")
    await store.write([good(rain, *((NOON + i * HOUR // 2, 0.5) for i in range(48 * 20)))])
    await store.roll_up([Touched(Level.HOUR, NOON + i * HOUR, [rain]) for i in range(24 * 20)])
    while (await store.retain(NOON + 20 * DAY)).more:
        pass
    assert (await store.points(rain, 0, NOON + 10 * DAY)).at_ms == []
    spans = [
        (NOON + DAY, NOON + 2 * DAY),
        (NOON, NOON + 20 * DAY),
        (NOON + 9 * DAY, NOON + 11 * DAY),
    ]
    assert [one.value for one in await store.sums(rain, spans)] == [24.0, 480.0, 48.0]


async def test_a_run_of_retention_deletes_no_more_than_its_cap(store):
    await store.write([good(PH, *((NOON + i, 7.0) for i in range(250)))], NOON + 20 * DAY)
    counts = []
    for _ in range(4):
        done = await store.retain(NOON + 20 * DAY)
        counts.append((done.deleted, done.more, await store.count()))
    assert counts == [(100, True, 150), (100, True, 50), (50, False, 0), (0, False, 0)]


async def test_nothing_is_deleted_while_the_clock_is_not_to_be_trusted(store):
    await store.write([good(PH, (NOON, 7.0))], NOON)
    jumped = NOON + 3650 * DAY
    assert "clock" in (await store.retain(jumped)).paused
    # Readings that arrive under the wrong clock do not vouch for it.
    await store.write([good(PH, (NOON + 1, 7.0))], jumped + HOUR)
    assert (await store.retain(jumped + HOUR)).paused
    assert await store.count() == 2


async def test_the_clock_watch_outlives_a_restart(store, path):
    await store.write([good(PH, (NOON, 7.0))], NOON)
    await store.close()
    again = EmbeddedStore(path)
    assert (await again.retain(NOON + 3650 * DAY)).paused
    await again.close()


async def test_a_late_reading_does_not_empty_an_hour_whose_points_are_gone(store):
    await store.write([good(PH, *((NOON + i * MINUTE, 7.0) for i in range(60)))])
    await store.roll_up([Touched(Level.HOUR, NOON, [PH])])
    await store.retain(NOON + 20 * DAY)
    assert await store.count() == 0
    await store.write([good(PH, (NOON + 1, 9.0))])
    await store.roll_up([Touched(Level.HOUR, NOON, [PH])])
    assert (await store.buckets(PH, NOON, NOON + HOUR, 1)).count == [60]

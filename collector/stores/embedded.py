"""The embedded store: one SQLite file, for a cell that runs without a database server.

Writes run in one worker thread, reads on read-only connections in two others, so that a chart never
waits for a write (WAL). Each write is one transaction with ``synchronous=FULL``: the writer moves
its cursor once ``write`` has returned, and NORMAL would let a power cut take back a commit that the
cursor has already passed. The writer hands over some hundreds of readings at a time, so that is one
fsync for all of them.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from alerts.rules.inputs import Amendment
from collector.stores.chart import Floors, Row, chart
from collector.stores.port import (
    POINTS_MOST,
    Buckets,
    Got,
    Level,
    Point,
    Points,
    Retained,
    Series,
    Span,
    StoreMismatch,
    StoreUnavailable,
    Sum,
    Touched,
    series_of,
)
from collector.stores.retention import DAY_MS, ClockWatch, Retention
from collector.stores.sums import by_series, got, sums
from edge.contract.metrics import BY_HOUSE
from edge.contract.quality import WITHHELD, Quality
from edge.contract.reading import Batch

T = TypeVar("T")

VERSION = 2  # PRAGMA user_version
BUSY_S = 5.0  # another process's checkpoint or backup is over by then
DELETE_MOST = 50_000  # rows a run of retention: about half a second of the writer's thread
ROLL_UP_MOST = 2_000  # buckets a transaction, so that writes come in between
READERS = 2

_COUNTS = f"quality NOT IN ({', '.join(str(int(q)) for q in sorted(WITHHELD))})"
_AGGREGATES = f"""
    min(value) FILTER (WHERE {_COUNTS}),
    avg(value) FILTER (WHERE {_COUNTS}),
    max(value) FILTER (WHERE {_COUNTS}),
    count(value) FILTER (WHERE {_COUNTS}),
    count(value) FILTER (WHERE quality = {int(Quality.SUSPECT)})
"""
_BUCKETS = """(
    series INTEGER NOT NULL, at_ms INTEGER NOT NULL, min REAL, mean REAL, max REAL,
    n INTEGER NOT NULL, suspect INTEGER NOT NULL, held INTEGER NOT NULL,
    PRIMARY KEY (series, at_ms)
) WITHOUT ROWID"""  # held: readings of the bucket in all, withheld ones included
# Few points are marked: a chart asks for those of a span.
_MARKED = "CREATE INDEX marked ON raw (series, at_ms) WHERE marks <> 0"
_SCHEMA = f"""
CREATE TABLE series (
    id INTEGER PRIMARY KEY, site TEXT NOT NULL, device TEXT NOT NULL, place TEXT NOT NULL,
    port TEXT NOT NULL, metric TEXT NOT NULL, UNIQUE (site, device, place, port, metric)
);
CREATE TABLE raw (
    series INTEGER NOT NULL, at_ms INTEGER NOT NULL, value REAL, quality INTEGER NOT NULL,
    marks INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (series, at_ms)
) WITHOUT ROWID;
{_MARKED};
CREATE TABLE minute {_BUCKETS};
CREATE TABLE hour {_BUCKETS};
CREATE TABLE facts (name TEXT PRIMARY KEY, number INTEGER) WITHOUT ROWID;
PRAGMA user_version = {VERSION};
"""
_MIGRATIONS = {  # from this version to the next
    1: f"ALTER TABLE raw ADD COLUMN marks INTEGER NOT NULL DEFAULT 0; {_MARKED};",
}
_TABLES = {Level.MINUTE: "minute", Level.HOUR: "hour"}


class EmbeddedStore:
    """A Store in one file. With ``read_only`` (the desk) it makes and changes nothing."""

    def __init__(
        self,
        path: Path,
        *,
        retention: Retention = Retention(),  # noqa: B008 - frozen
        read_only: bool = False,
        delete_most: int = DELETE_MOST,
    ) -> None:
        self.path = path
        self._retention = retention
        self._read_only = read_only
        self._delete_most = delete_most
        self._writer: sqlite3.Connection | None = None
        self._writing = ThreadPoolExecutor(1, "store-write")
        self._reading = ThreadPoolExecutor(READERS, "store-read")
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._ids: dict[Series, int] = {}

    def __repr__(self) -> str:
        return f"EmbeddedStore({str(self.path)!r})"

    async def set_up(self) -> None:
        if not self._read_only:
            await self._in_writer(lambda db: None)

    async def write(self, batches: Sequence[Batch], arrived_ms: int | None = None) -> int:
        return await self._in_writer(lambda db: self._write(db, batches, arrived_ms))

    async def amend(self, amendments: Sequence[Amendment]) -> None:
        await self._in_writer(lambda db: self._amend(db, amendments))

    async def roll_up(self, touched: Sequence[Touched]) -> None:
        jobs = [(t.level, t.at_ms, series) for t in touched for series in t.series]
        for start in range(0, len(jobs), ROLL_UP_MOST):
            part = jobs[start : start + ROLL_UP_MOST]
            await self._in_writer(lambda db, part=part: self._roll_up(db, part))  # type: ignore[misc]

    async def latest(self, site: str) -> list[Point]:
        rows = await self._in_reader(
            """SELECT device, place, port, metric, at_ms, value, quality, marks
               FROM series JOIN raw ON raw.series = id AND at_ms =
                   (SELECT max(newest.at_ms) FROM raw AS newest WHERE newest.series = id)
               WHERE site = ? ORDER BY device, place, port, metric""",
            (site,),
        )
        return [
            Point(Series(site, *key), at_ms, value, quality, marks)
            for *key, at_ms, value, quality, marks in rows
        ]

    async def series(self, site: str) -> list[Series]:
        rows = await self._in_reader(
            """SELECT site, device, place, port, metric FROM series WHERE site = ?
               ORDER BY device, place, port, metric""",
            (site,),
        )
        return [Series(*row) for row in rows]

    async def points(
        self,
        series: Series,
        since_ms: int,
        until_ms: int,
        most: int = POINTS_MOST,
        *,
        marked: bool = False,
    ) -> Points:
        rows = await self._in_reader(
            f"""SELECT at_ms, value, quality, marks FROM raw
                WHERE series = ({_ID}) AND at_ms >= ? AND at_ms < ?
                    {"AND marks <> 0" if marked else ""} ORDER BY at_ms LIMIT ?""",
            (*_key(series), since_ms, until_ms, most),
        )
        at_ms, value, quality, marks = zip(*rows, strict=True) if rows else ((), (), (), ())
        return Points(
            at_ms=list(at_ms), value=list(value), quality=list(quality), marks=list(marks)
        )

    async def buckets(self, series: Series, since_ms: int, until_ms: int, most: int) -> Buckets:
        return await chart(self, series, since_ms, until_ms, most)

    async def sums(self, series: Series, spans: Sequence[Span]) -> list[Sum]:
        return await sums(self, series, spans)

    async def got(self, site: str, spans: Sequence[Span]) -> list[Got]:
        found = []
        for since_ms, until_ms in spans:
            rows = await self._in_reader(
                f"""SELECT site, device, place, port, metric,
                           count(value) FILTER (WHERE {_COUNTS}), count(*)
                    FROM series JOIN raw ON raw.series = id
                    WHERE site = ? AND at_ms >= ? AND at_ms < ? GROUP BY id""",
                (site, since_ms, until_ms),
            )
            found += [got(Series(*key), since_ms, until_ms, n, held) for *key, n, held in rows]
        return sorted(found, key=by_series)

    async def count(self) -> int:
        own = ", ".join("?" * len(BY_HOUSE))
        found = await self._in_reader(
            "SELECT (SELECT count(*) FROM raw) - (SELECT count(*) FROM raw WHERE series IN "
            f"(SELECT id FROM series WHERE metric IN ({own})))",
            tuple(BY_HOUSE),
        )
        return int(found[0][0])

    async def retain(self, now_ms: int) -> Retained:
        return await self._in_writer(lambda db: self._retain(db, now_ms))

    async def close(self) -> None:
        # Threads are waited for elsewhere: a write that is under way may take a second.
        await asyncio.to_thread(self._close)

    # What a chart reads (chart.Shelf).

    async def floors(self) -> Floors:
        rows = await self._in_reader("SELECT name, number FROM facts", ())
        facts = dict(rows)
        return Floors(points_ms=facts.get("floor-raw", 0), minutes_ms=facts.get("floor-minute", 0))

    async def rows(self, level: Level, series: Series, since_ms: int, until_ms: int) -> list[Row]:
        return await self._in_reader(
            f"""SELECT at_ms, min, mean, max, n, suspect FROM {_TABLES[level]}
                WHERE series = ({_ID}) AND at_ms >= ? AND at_ms < ? AND n > 0 ORDER BY at_ms""",
            (*_key(series), since_ms, until_ms),
        )

    async def rows_of_points(
        self, series: Series, since_ms: int, until_ms: int, step_ms: int
    ) -> list[Row]:
        return await self._in_reader(
            f"""SELECT at_ms / ? * ?, {_AGGREGATES} FROM raw
                WHERE series = ({_ID}) AND at_ms >= ? AND at_ms < ? AND {_COUNTS}
                    AND value IS NOT NULL
                GROUP BY at_ms / ? ORDER BY 1""",
            (step_ms, step_ms, *_key(series), since_ms, until_ms, step_ms),
        )

    # The writer's thread.

    def _write(
        self, db: sqlite3.Connection, batches: Sequence[Batch], arrived_ms: int | None
    ) -> int:
        rows: list[tuple[int, int, float | None, int, int]] = []
        for batch in batches:
            known: dict[tuple[str, str, str], int] = {}
            marks = batch.marks
            for i, (place, port, metric, at_ms, value, quality) in enumerate(
                zip(
                    batch.place,
                    batch.port,
                    batch.metric,
                    batch.at_ms,
                    batch.value,
                    batch.quality,
                    strict=True,
                )
            ):
                key = (place, port, metric)
                number = known.get(key)
                if number is None:
                    number = known[key] = self._id(db, Series(batch.site, batch.device, *key))
                rows.append((number, at_ms, value, quality, marks.get(i, 0) if marks else 0))
        # By page of the tree; of two readings of one point the later given one stays the later.
        rows.sort(key=lambda row: row[:2])
        db.executemany("INSERT OR REPLACE INTO raw VALUES (?, ?, ?, ?, ?)", rows)
        if arrived_ms is not None:
            self._look_at_clock(db, arrived_ms)
        return len(rows)

    def _amend(self, db: sqlite3.Connection, amendments: Sequence[Amendment]) -> None:
        db.executemany(
            # The numbers of QARTOD's flags rise from good to missing.
            """UPDATE raw SET quality = max(quality, ?), marks = marks | ?
               WHERE series = ? AND at_ms BETWEEN ? AND ?""",
            [
                (one.quality, one.marks, self._id(db, series_of(one)), one.since_ms, one.until_ms)
                for one in amendments
            ],
        )

    def _id(self, db: sqlite3.Connection, series: Series) -> int:
        number = self._ids.get(series)
        if number is None:
            db.execute(
                "INSERT OR IGNORE INTO series (site, device, place, port, metric)"
                " VALUES (?, ?, ?, ?, ?)",
                _key(series),
            )
            number = int(db.execute(_ID, _key(series)).fetchone()[0])
            self._ids[series] = number
        return number

    def _roll_up(self, db: sqlite3.Connection, jobs: Sequence[tuple[Level, int, Series]]) -> None:
        floors = _facts(db)
        for level, table in _TABLES.items():
            oldest = floors.get(f"floor-{table}", 0)
            db.executemany(
                # A bucket from before the points' floor may have lost points to retention: it
                # stands unless as many readings are there again.
                f"""INSERT INTO {table}
                    SELECT series, ?, {_AGGREGATES}, count(*) FROM raw
                    WHERE series = ? AND at_ms >= ? AND at_ms < ? GROUP BY series
                    ON CONFLICT (series, at_ms) DO UPDATE SET
                        min = excluded.min, mean = excluded.mean, max = excluded.max,
                        n = excluded.n, suspect = excluded.suspect, held = excluded.held
                    WHERE at_ms >= ? OR excluded.held >= held""",
                [
                    (at_ms, self._id(db, series), at_ms, at_ms + level, floors.get("floor-raw", 0))
                    for job_level, at_ms, series in jobs
                    if job_level is level and at_ms >= oldest
                ],
            )

    def _retain(self, db: sqlite3.Connection, now_ms: int) -> Retained:
        why = self._look_at_clock(db, now_ms).why_paused()
        if why:
            return Retained(paused=why)
        room = self._delete_most
        for table, days in (
            ("raw", self._retention.points),
            ("minute", self._retention.minutes),
            ("hour", self._retention.hours),
        ):
            if days is None:
                continue
            before_ms = now_ms - days * DAY_MS
            before_ms -= before_ms % Level.HOUR
            # First, so that no chart counts on what may be half gone.
            _note(db, f"floor-{table}", max(before_ms, _facts(db).get(f"floor-{table}", 0)))
            for (number,) in db.execute("SELECT id FROM series").fetchall():
                if room <= 0:
                    return Retained(deleted=self._delete_most, more=True)
                room -= db.execute(
                    f"""DELETE FROM {table} WHERE series = ? AND at_ms IN
                        (SELECT at_ms FROM {table} WHERE series = ? AND at_ms < ?
                         ORDER BY at_ms LIMIT ?)""",
                    (number, number, before_ms, room),
                ).rowcount
        return Retained(deleted=self._delete_most - room, more=room <= 0)

    def _look_at_clock(self, db: sqlite3.Connection, now_ms: int) -> ClockWatch:
        facts = _facts(db)
        watch = ClockWatch(
            last_ms=facts.get("clock-last"), paused_until_ms=facts.get("clock-paused-until")
        ).saw(now_ms)
        _note(db, "clock-last", watch.last_ms)
        _note(db, "clock-paused-until", watch.paused_until_ms)
        return watch

    def _open_writer(self) -> sqlite3.Connection:
        if self._read_only:
            raise RuntimeError(f"{self.path} was opened read-only")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(
            self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA cache_size = -16000")  # kB: the pages in which live series end
            db.execute("PRAGMA journal_size_limit = 67108864")  # a long read lets the WAL grow
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise StoreMismatch(
                    f"{self.path}: made by a newer version (schema {version}, this one knows"
                    f" {VERSION}); start that version again or name another file"
                )
            if version == 0:
                db.executescript(f"BEGIN;{_SCHEMA}COMMIT;")
            for old in range(version or VERSION, VERSION):
                db.executescript(f"BEGIN;{_MIGRATIONS[old]}PRAGMA user_version = {old + 1};COMMIT;")
        except BaseException:
            db.close()
            raise
        return db

    async def _in_writer(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def transaction() -> T:
            try:
                if self._writer is None:
                    self._writer = self._open_writer()
                db = self._writer
                db.execute("BEGIN IMMEDIATE")
                try:
                    result = work(db)
                    db.execute("COMMIT")
                except BaseException:
                    self._ids.clear()  # ids of series that are rolled back with the rest
                    if db.in_transaction:
                        db.execute("ROLLBACK")
                    raise
                return result
            except _TROUBLE as error:
                raise self._told(error) from error

        # SQLite blocks; only this one thread touches the writing connection.
        return await asyncio.get_running_loop().run_in_executor(self._writing, transaction)

    # The readers' threads.

    async def _in_reader(self, sql: str, values: Sequence[object]) -> list[Any]:
        def read() -> list[Any]:
            try:
                db: sqlite3.Connection | None = getattr(self._local, "db", None)
                if db is None:
                    db = self._open_reader()
                return db.execute(sql, values).fetchall()
            except _TROUBLE as error:
                raise self._told(error) from error

        # SQLite blocks; each thread of the pool has a connection of its own.
        return await asyncio.get_running_loop().run_in_executor(self._reading, read)

    def _open_reader(self) -> sqlite3.Connection:
        db = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=BUSY_S,
            isolation_level=None,
            check_same_thread=False,
        )
        self._local.db = db
        self._readers.append(db)
        return db

    def _told(self, error: Exception) -> Exception:
        if isinstance(error, sqlite3.ProgrammingError | sqlite3.IntegrityError):
            return RuntimeError(f"{self.path}: {error}; this is a bug, please report it")
        text = f"{self.path}: {error}"
        if isinstance(error, sqlite3.OperationalError | OSError):
            return StoreUnavailable(f"{text}; see that its disk is there, writable and not full")
        return StoreMismatch(f"{text}; move it away, and the next start makes a new one")

    def _close(self) -> None:
        self._writing.shutdown(wait=True)
        self._reading.shutdown(wait=True)
        for db in (*self._readers, *([self._writer] if self._writer else [])):
            db.close()
        self._readers.clear()
        self._writer = None


_TROUBLE = (sqlite3.DatabaseError, OSError)
_ID = (
    "SELECT id FROM series WHERE site = ? AND device = ? AND place = ? AND port = ? AND metric = ?"
)


def _key(series: Series) -> tuple[str, str, str, str, str]:
    return (series.site, series.device, series.place, series.port, series.metric)


def _facts(db: sqlite3.Connection) -> dict[str, int]:
    return dict(db.execute("SELECT name, number FROM facts WHERE number IS NOT NULL").fetchall())


def _note(db: sqlite3.Connection, name: str, number: int | None) -> None:
    db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, number))

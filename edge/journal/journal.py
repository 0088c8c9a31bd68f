"""The journal: one SQLite file (WAL, synchronous FULL) that device and collector both stand on.

One writer, one thread at a time (``check_same_thread`` is off so that the thread may change). The
first write opens a transaction; ``commit`` is one fsync, ``rollback`` restores what was in memory.
Reading through the writer sees its own open transaction; a ``Tail`` sees what is committed.
"""

import os
import secrets
import sqlite3
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

from edge.contract.ranges import Ranges
from edge.errors import JournalDamaged, JournalError
from edge.journal import files, own
from edge.journal import letters as dead_letters
from edge.journal import rows as reading
from edge.journal.bounds import MOST_ROWS, Bounds
from edge.journal.letters import FURTHER, MOST_LETTERS
from edge.journal.rows import COLUMNS, DeadLetter, Dropped, Kept, Letter, Row, suspect, translated
from edge.journal.tail import Tail

__all__ = ["FURTHER", "MOST_LETTERS", "DeadLetter", "Dropped", "Journal", "Letter", "Row", "Tail"]

APPLICATION_ID = 0x5357_4A4C  # "SWJL"
VERSION = 1
MEMORY = ":memory:"  # SQLite's word for no file
WAL_BYTES = 16 * 2**20  # what the -wal file is cut back to after a checkpoint
BUSY_MS = 5000
# Rows a statement, where there are many. Python's lock goes to and fro with each statement, and while
# another thread works it comes back after 5 ms only.
TOGETHER = 100

_SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE record (
    pos INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, kind TEXT NOT NULL,
    cls TEXT NOT NULL, stream TEXT NOT NULL, run TEXT NOT NULL, seq INTEGER NOT NULL,
    count INTEGER NOT NULL, body BLOB NOT NULL);
-- a device's own rows have no stream; only they are looked up by (run, seq)
CREATE INDEX record_own ON record (run, seq) WHERE stream = '' AND run <> '';
CREATE TABLE span (
    stream TEXT, run TEXT, lo INTEGER, hi INTEGER NOT NULL,
    PRIMARY KEY (stream, run, lo)) WITHOUT ROWID;
CREATE TABLE cursor (name TEXT PRIMARY KEY, pos INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE letter (
    topic TEXT, reason TEXT, first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL,
    count INTEGER NOT NULL, sample BLOB NOT NULL, PRIMARY KEY (topic, reason));
"""
_ROW = "(?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT = f"INSERT INTO record ({COLUMNS}) VALUES {_ROW}"
_INSERT_MANY = f"INSERT INTO record ({COLUMNS}) VALUES {', '.join([_ROW] * TOGETHER)}"


class Journal:
    """The writer. Opening takes the lock, sets a damaged file aside, and creates a missing one.

    JournalBusy when another process holds it; JournalError when the disk or its rights refuse.
    ``cache_kb`` bounds the pages that SQLite keeps in memory; without it they come to 2 MB.
    """

    def __init__(self, path: Path | str, *, cache_kb: int | None = None) -> None:
        self.path = Path(path)
        self._cache_kb = cache_kb
        self.set_aside: Path | None = None
        self._is_open = True
        self._lock = -1 if str(path) == MEMORY else files.lock(self.path)
        try:
            self._db = self._open()
        except BaseException:
            self._unlock()
            raise

    @classmethod
    def in_memory(cls) -> Self:
        """A journal that dies with the process: for a device whose disk refuses."""
        return cls(MEMORY)

    def _open(self) -> sqlite3.Connection:
        try:
            return self._open_file()
        except JournalDamaged:
            self.set_aside = files.set_aside(self.path)
            return self._open_file()

    def _open_file(self) -> sqlite3.Connection:
        if files.is_hollow(self.path):
            raise JournalDamaged(f"{self.path} is empty")
        if files.has_garbled_log(self.path):
            self.set_aside = files.set_log_aside(self.path)
        with translated(self.path):
            db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            try:
                self._prepare(db)
                self._load(db)
            except BaseException:
                db.close()
                raise
            return db

    def _prepare(self, db: sqlite3.Connection) -> None:
        db.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        if suspect(self.path).exists():
            if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise JournalDamaged(f"{self.path} is damaged")
            suspect(self.path).unlink()
        is_new = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        if is_new:
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only before the first table
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        if self._cache_kb is not None:
            db.execute(f"PRAGMA cache_size = -{self._cache_kb}")
        db.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
        if is_new:
            db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA}")
            db.execute("INSERT INTO meta VALUES ('id', ?)", (secrets.token_hex(8),))
            db.execute("COMMIT")
        elif db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise JournalError(f"{self.path} is another program's database; name another path")
        elif db.execute("PRAGMA user_version").fetchone()[0] > VERSION:
            raise JournalError(f"{self.path} was written by a newer version; install that one")
        elif self.set_aside is not None:
            # Positions in the log that was set aside are given again: they mean something else now.
            db.execute("UPDATE meta SET value = ? WHERE name = 'id'", (secrets.token_hex(8),))

    def _load(self, db: sqlite3.Connection) -> None:
        self.id: str = db.execute("SELECT value FROM meta WHERE name = 'id'").fetchone()[0]
        self.last = reading.last(db)
        self._cursors: dict[str, int] = dict(db.execute("SELECT name, pos FROM cursor"))
        self._ranges = reading.spans(db)
        self._letters: int = db.execute("SELECT count(*) FROM letter").fetchone()[0]
        self._has_kept = dead_letters.has_kept(db)
        self.letter_bytes = dead_letters.kept_bytes(db)
        self._bounds = Bounds(db)
        self._covered: set[tuple[str, str, int]] = set()
        self._joined: set[tuple[str, str]] = set()
        """Whose intervals begin elsewhere now, so that rows of before stand in their way."""
        self._failed = False
        self.has_more = False
        """Whether the last ``trim`` stopped at its most rows."""
        self._depth: int | None = None

    # Writing

    def append(self, rows: Iterable[Row]) -> int:
        """Add rows to the open transaction and return the last position; ``position`` is ours."""
        columns = [row[1:] for row in rows]
        if not columns:
            return self.last
        with self._writing() as db:
            whole = len(columns) - len(columns) % TOGETHER
            for at in range(0, whole, TOGETHER):
                db.execute(_INSERT_MANY, tuple(chain.from_iterable(columns[at : at + TOGETHER])))
            db.executemany(_INSERT, columns[whole:])
            self.last = db.execute("SELECT last_insert_rowid()").fetchone()[0]
            if self._depth is not None:
                self._depth += len(columns)
        return self.last

    def skip_to(self, position: int) -> None:
        """Give no position up to this one any more: somebody knows them as other records."""
        if position > self.last:
            with self._writing() as db:
                # No row of this table stands where nothing was ever appended.
                found = db.execute(
                    "UPDATE sqlite_sequence SET seq = ? WHERE name = 'record'", (position,)
                )
                if not found.rowcount:
                    db.execute("INSERT INTO sqlite_sequence VALUES ('record', ?)", (position,))
                self.last = position

    def cover(self, stream: str, run: str, lo: int, hi: int) -> tuple[int, int]:
        """Note ``lo..hi`` as held and return the interval that now holds them."""
        self._begin()
        ranges = self._ranges.get((stream, run))
        if ranges is None:
            ranges = self._ranges[stream, run] = Ranges()
        self._covered.add((stream, run, lo))
        before = len(ranges)
        interval = ranges.add(lo, hi)
        if len(ranges) < before or (len(ranges) == before and interval[0] == lo):
            self._joined.add((stream, run))
        return interval

    def bury(self, letters: Iterable[DeadLetter]) -> None:
        """Count dead letters per (topic, reason), and keep their bytes."""
        with self._writing() as db:
            for letter in letters:
                if letter.is_kept and not self._has_kept:
                    dead_letters.make_table(db)
                    self._has_kept = True
                is_new, room = dead_letters.bury(db, letter, self._letters)
                self._letters += is_new
                self.letter_bytes += room

    def unbury(self, ids: Iterable[int]) -> int:
        """Take letters away by their ids, and off the counts; how many records they were."""
        with self._writing() as db:
            return self._recount(db, dead_letters.unbury(db, ids))

    def forget_letters(self, keys: Iterable[tuple[str, str]]) -> int:
        """Take all letters of these (topic, reason) away; how many records they were."""
        with self._writing() as db:
            return self._recount(db, dead_letters.forget(db, keys))

    def bound_letters(self, max_bytes: int, before_ms: int | None = None) -> int:
        """Drop bytes over the cap or too old; how many records. They stay counted as dead."""
        with self._writing() as db:
            return self._recount(db, dead_letters.bound(db, max_bytes, before_ms))

    def _recount(self, db: sqlite3.Connection, gone: int) -> int:
        self._letters = db.execute("SELECT count(*) FROM letter").fetchone()[0]
        self.letter_bytes = dead_letters.kept_bytes(db)
        return gone

    def move(self, name: str, position: int) -> None:
        """Set a consumer's cursor."""
        with self._writing() as db:
            db.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?)", (name, position))
            self._cursors[name] = position

    def put(self, name: str, value: str | int | bytes) -> None:
        """Keep a small value of the owner's beside the rows, in the same transaction."""
        if name == "id":
            raise ValueError("the journal's id is its own")
        with self._writing() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def commit(self) -> None:
        """Make the open transaction durable with one fsync; nothing when none is open.

        After an error only ``rollback`` leads on: SQLite may have undone the transaction already.
        """
        if self._failed:
            raise JournalError(f"{self.path}: the last write failed; roll back, then write again")
        if not self._db.in_transaction:
            return
        with self._writing() as db:
            self._write_spans()
            db.execute("COMMIT")
        self._covered.clear()
        self._joined.clear()

    def rollback(self) -> None:
        """Undo the open transaction, in memory too."""
        with translated(self.path):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self._load(self._db)

    def _write_spans(self) -> None:
        spans = {
            (stream, run, *(self._ranges[stream, run].around(number) or (number, number)))
            for stream, run, number in self._covered
        }
        self._db.executemany(
            "DELETE FROM span WHERE stream = ? AND run = ? AND lo BETWEEN ? AND ?",
            [span for span in spans if span[:2] in self._joined],
        )
        # An interval that only grew at its end has its row.
        self._db.executemany("INSERT OR REPLACE INTO span VALUES (?, ?, ?, ?)", spans)

    # Reading

    def read(self, after: int, limit: int) -> list[Row]:
        """Up to ``limit`` rows behind position ``after``, in order of position."""
        with translated(self.path):
            return reading.read(self._db, after, limit)

    def ranges(self) -> dict[tuple[str, str], Ranges]:
        """What is held, by (stream, run): the live objects, to look at and not to change."""
        return self._ranges

    def cursor(self, name: str) -> int:
        """A consumer's cursor; 0 for one that never moved."""
        return self._cursors.get(name, 0)

    def get(self, name: str) -> str | int | bytes | None:
        """What ``put`` kept."""
        with translated(self.path):
            return reading.value(self._db, name)

    def letters(self) -> list[Letter]:
        """The dead letters, the newest first."""
        with translated(self.path):
            return dead_letters.letters(self._db)

    @property
    def last_letter(self) -> int:
        """The highest id among kept letters; 0 for none."""
        with translated(self.path):
            return dead_letters.last(self._db)

    @property
    def dead(self) -> int:
        """How many records are dead in all."""
        with translated(self.path):
            return dead_letters.dead(self._db)

    def kept(self, after: int, limit: int) -> list[Kept]:
        """Up to ``limit`` letters with an id above ``after``, in order of arrival."""
        with translated(self.path):
            return dead_letters.kept(self._db, after, limit)

    @property
    def size_bytes(self) -> int:
        """The bytes in use: pages less free ones."""
        with translated(self.path):
            return self._bounds.size_bytes

    @property
    def first(self) -> int:
        """The lowest position that is still here; the next to be given when none is."""
        with translated(self.path):
            found = self._db.execute("SELECT min(pos) FROM record").fetchone()[0]
        return self.last + 1 if found is None else int(found)

    # The device's own rows: those without a stream

    def pending(self, limit: int, *, after: int = 0, upto: int | None = None) -> list[Row]:
        """Own rows not yet received with ``after`` < position <= ``upto``, in order.

        A sender that takes live rows first keeps two marks: the backlog ends where live began.
        """
        with translated(self.path):
            return own.pending(self._db, after, self.last if upto is None else upto, limit)

    def pick(self, run: str, lo: int, hi: int) -> list[Row]:
        """Own rows ``lo..hi`` of a run that are still here, in order of ``seq``."""
        with translated(self.path):
            return own.pick(self._db, run, lo, hi)

    def count(self, run: str, lo: int, hi: int) -> int:
        """How many own rows ``lo..hi`` of a run are still here."""
        with translated(self.path):
            return own.count(self._db, run, lo, hi)

    def forget(self, run: str, lo: int, hi: int) -> int:
        """Delete own rows that were received; how many there were."""
        with self._writing() as db:
            gone = own.forget(db, run, lo, hi)
        if self._depth is not None:
            self._depth -= gone
        return gone

    def shift(self, run: str, by_ms: int) -> int:
        """Move the times of all own rows of a run; how many there were."""
        with self._writing() as db:
            return own.shift(db, run, by_ms)

    def runs(self) -> set[str]:
        """The runs of which own rows are here."""
        with translated(self.path):
            return own.runs(self._db)

    @property
    def depth(self) -> int:
        """How many rows there are: on a device, readings not yet received."""
        if self._depth is None:
            with translated(self.path):
                count: int = self._db.execute("SELECT count(*) FROM record").fetchone()[0]
            self._depth = count
        return self._depth

    # Bounds

    def is_over(self, max_bytes: int, before_ms: int) -> bool:
        """Whether ``trim`` would drop anything; it looks and writes nothing."""
        if self.size_bytes > max_bytes:
            return True
        with translated(self.path):
            oldest_ms = self._bounds.oldest_ms()
        return oldest_ms is not None and oldest_ms < before_ms

    def trim(
        self,
        max_bytes: int,
        before_ms: int | None = None,
        keep_after: int | None = None,
        note: Callable[[list[Dropped]], None] | None = None,
        ageless: Container[str] = (),
        ahead_ms: int | None = None,
        most_rows: int = MOST_ROWS,
        hand: tuple[int, int] | None = None,
    ) -> list[Dropped]:
        """Drop rows older than ``before_ms``, then the oldest of the lowest class over the cap.

        Rows behind ``keep_after`` are still needed by a cursor: age spares them, and bytes take
        them last. What was needed and is gone says so. ``note`` is told before the commit, so that
        what it puts down stands in the same transaction. Rows of ``ageless`` runs have no known
        age; bytes alone bound them. Rows later than ``ahead_ms`` came while the clock was wrong.
        Rows behind ``hand[0]`` and up to ``hand[1]`` stay: somebody is at them now.
        No more than ``most_rows`` go in one run; the rest is the next one's.
        """
        done = self.last if keep_after is None else min(keep_after, self.last)
        is_needed = keep_after is None
        dropped: list[Dropped] = []
        with self._writing():
            bounds = self._bounds
            bounds.room = most_rows
            if before_ms is not None:
                dropped += bounds.drop_older(before_ms, done, is_needed, ageless, ahead_ms)
            dropped += bounds.drop_bytes(max_bytes, done, is_needed)
            below, beyond = (0, 0) if hand is None else hand
            dropped += bounds.drop_bytes(max_bytes, below, True)
            dropped += bounds.drop_bytes(max_bytes, self.last, True, beyond)
            gone = most_rows - bounds.room
            self.has_more = bounds.room <= 0
            if self._depth is not None:
                self._depth -= gone
        if note is not None and dropped:
            note(dropped)
        self.commit()
        if gone:
            with translated(self.path):
                # execute() takes one step, which frees one page; a script runs to its end.
                self._db.executescript("PRAGMA incremental_vacuum")
        return dropped

    # Life

    def close(self) -> None:
        """Undo what is uncommitted, close the file, give the lock back."""
        if self._is_open:
            self._is_open = False
            self._db.close()
            self._unlock()

    def _unlock(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @staticmethod
    def tail(path: Path | str) -> Tail:
        """A reader of a journal that another process writes."""
        return Tail(path)

    def _begin(self) -> None:
        if not self._db.in_transaction:
            with translated(self.path):
                self._db.execute("BEGIN IMMEDIATE")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        self._begin()
        try:
            with translated(self.path):
                yield self._db
        except BaseException:
            self._failed = True
            raise

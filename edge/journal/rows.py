"""What stands in a journal, and the reading of it that the writer and a tail share."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from edge.contract.ranges import Ranges
from edge.errors import JournalBusy, JournalDamaged, JournalError

COLUMNS = "at_ms, kind, cls, stream, run, seq, count, body"
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class Row(NamedTuple):
    """One record. A tuple, because the collector writes hundreds of them a commit.

    ``position`` is given by the journal. ``cls`` is a ReadingClass and says what goes first when
    room runs out. ``stream`` is ``site/device`` in the collector and empty on a device; the row
    stands for ``count`` readings of ``run`` from ``seq`` on.
    """

    position: int = 0
    at_ms: int = 0
    kind: str = ""
    cls: str = "series"
    stream: str = ""
    run: str = ""
    seq: int = 0
    count: int = 1  # type: ignore[assignment]  # shadows tuple.count, which nobody needs
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """Something refused that arrived at ``at_ms``; ``count`` says how many records.

    ``is_part``: ``raw`` is what was refused of a message whose rest went on. ``is_numbered``: the
    same bytes are the same thing, come again. ``is_kept``: the bytes are worth keeping.
    """

    topic: str
    reason: str
    raw: bytes
    at_ms: int
    count: int = 1
    is_part: bool = False
    is_numbered: bool = False
    is_kept: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """All dead letters of one topic and reason; of ``kept`` records the bytes are still here."""

    topic: str
    reason: str
    first_ms: int
    last_ms: int
    count: int
    sample: bytes
    kept: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One dead letter with its bytes, and when they arrived."""

    id: int
    topic: str
    reason: str
    at_ms: int
    count: int
    is_part: bool
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """Readings that a cap took out of the journal; ``is_needed`` when somebody still lacked them.

    Their rows have times from ``since_ms`` to ``until_ms``; the highest ``position`` is beside.
    """

    stream: str
    run: str
    lo: int
    hi: int
    reason: str
    is_needed: bool
    since_ms: int = 0
    until_ms: int = 0
    position: int = 0


def read(db: sqlite3.Connection, after: int, limit: int) -> list[Row]:
    found = db.execute(
        f"SELECT pos, {COLUMNS} FROM record WHERE pos > ? ORDER BY pos LIMIT ?", (after, limit)
    )
    return [Row._make(row) for row in found]


def last(db: sqlite3.Connection) -> int:
    """The highest position ever given, deleted rows included."""
    found = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'record'").fetchone()
    return found[0] if found else 0


def spans(db: sqlite3.Connection) -> dict[tuple[str, str], Ranges]:
    ranges: dict[tuple[str, str], Ranges] = {}
    for stream, run, lo, hi in db.execute("SELECT stream, run, lo, hi FROM span"):
        ranges.setdefault((stream, run), Ranges()).add(lo, hi)
    return ranges


def value(db: sqlite3.Connection, name: str) -> str | int | bytes | None:
    found = db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return found[0] if found else None


def suspect(path: Path) -> Path:
    """The mark that damage was met, so that the next opening checks the whole file."""
    return path.with_name(path.name + ".suspect")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Errors of SQLite as ours, told apart by what the caller does next."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _DAMAGED:
            try:
                suspect(path).touch()
            except OSError:
                pass  # a disk that refuses this is reported by the error below
            raise JournalDamaged(
                f"{path} is damaged ({error}); it is set aside when it is opened again"
            ) from error
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise JournalBusy(f"{path} is locked by another program; end it") from error
        remedy = {
            sqlite3.SQLITE_FULL: "free some room on the disk",
            sqlite3.SQLITE_READONLY: "make the file, its folder and the disk writable",
            sqlite3.SQLITE_CANTOPEN: "look whether the folder exists and may be written",
            sqlite3.SQLITE_IOERR: "look at the disk",
        }.get(code, "this is a bug, report it")
        raise JournalError(f"{path}: {error}; {remedy}") from error

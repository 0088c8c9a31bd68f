"""A device's own rows: those without a stream, looked up by (run, seq)."""

import sqlite3
from collections.abc import Iterable

from edge.journal.rows import COLUMNS, Row

OWN = "stream = '' AND run <> ''"
_THESE = f"{OWN} AND run = ? AND seq BETWEEN ? AND ?"


def pending(db: sqlite3.Connection, after: int, upto: int, limit: int) -> list[Row]:
    """Those with ``after`` < position <= ``upto``, in order of position."""
    return _rows(
        db.execute(
            f"SELECT pos, {COLUMNS} FROM record WHERE pos > ? AND pos <= ? AND {OWN} "
            "ORDER BY pos LIMIT ?",
            (after, upto, limit),
        )
    )


def pick(db: sqlite3.Connection, run: str, lo: int, hi: int) -> list[Row]:
    """Those of a run with these numbers, in their order."""
    sql = f"SELECT pos, {COLUMNS} FROM record WHERE {_THESE} ORDER BY seq"
    return _rows(db.execute(sql, (run, lo, hi)))


def count(db: sqlite3.Connection, run: str, lo: int, hi: int) -> int:
    found = db.execute(f"SELECT count(*) FROM record WHERE {_THESE}", (run, lo, hi))
    return int(found.fetchone()[0])


def forget(db: sqlite3.Connection, run: str, lo: int, hi: int) -> int:
    """Delete them; how many there were."""
    return db.execute(f"DELETE FROM record WHERE {_THESE}", (run, lo, hi)).rowcount


def shift(db: sqlite3.Connection, run: str, by_ms: int) -> int:
    """Move their times; how many there were."""
    done = db.execute(f"UPDATE record SET at_ms = at_ms + ? WHERE {OWN} AND run = ?", (by_ms, run))
    return done.rowcount


def runs(db: sqlite3.Connection) -> set[str]:
    return {run for (run,) in db.execute(f"SELECT DISTINCT run FROM record WHERE {OWN}")}


def _rows(found: Iterable[tuple[object, ...]]) -> list[Row]:
    return [Row._make(row) for row in found]

"""Dead letters in a journal's file: a row per (topic, reason), and the bytes of each letter.

The bytes are a table of their own with a cap of its own; the rows outlive them and go on counting.
The table is made when the first letter is kept, so a device's journal never has it.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from zlib import crc32

from edge.journal.rows import DeadLetter, Kept, Letter

MOST_LETTERS = 1000  # distinct (topic, reason): reasons quote strangers, so they must be bounded
FURTHER = "further reasons; the list of dead letters is full"
SAMPLE_BYTES = 4096
ROOM_BYTES = 100  # what a kept letter takes beside its bytes and topic, indices included
ROOM_LEFT = 0.9  # of the cap, once it was met: so that not each letter has to make room

_TABLE = (
    "CREATE TABLE IF NOT EXISTS kept ("
    "id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, at_ms INTEGER NOT NULL, "
    "count INTEGER NOT NULL, part INTEGER NOT NULL, digest INTEGER NOT NULL, size INTEGER NOT NULL, "
    "topic TEXT NOT NULL, raw BLOB NOT NULL)",
    "CREATE INDEX IF NOT EXISTS kept_kind ON kept (kind, id, size, count)",
    "CREATE INDEX IF NOT EXISTS kept_same ON kept (kind, digest) WHERE digest <> 0",
)


def has_kept(db: sqlite3.Connection) -> bool:
    """Whether bytes were ever kept here."""
    found = db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'kept'")
    return found.fetchone() is not None


def make_table(db: sqlite3.Connection) -> None:
    for statement in _TABLE:
        db.execute(statement)


def kept_bytes(db: sqlite3.Connection) -> int:
    """The room that kept letters take."""
    if not has_kept(db):
        return 0
    size: int = db.execute("SELECT coalesce(sum(size), 0) FROM kept").fetchone()[0]
    return size


def letters(db: sqlite3.Connection) -> list[Letter]:
    """The dead letters, the newest first."""
    kept = "(SELECT coalesce(sum(k.count), 0) FROM kept k WHERE k.kind = letter.rowid)"
    found = db.execute(
        "SELECT topic, reason, first_ms, last_ms, count, sample, "
        f"{kept if has_kept(db) else 0} FROM letter ORDER BY last_ms DESC, topic, reason"
    )
    return [
        Letter(
            topic=topic,
            reason=reason,
            first_ms=first_ms,
            last_ms=last_ms,
            count=count,
            sample=sample,
            kept=kept_count,
        )
        for topic, reason, first_ms, last_ms, count, sample, kept_count in found
    ]


def dead(db: sqlite3.Connection) -> int:
    """How many records are dead in all."""
    count: int = db.execute("SELECT coalesce(sum(count), 0) FROM letter").fetchone()[0]
    return count


def last(db: sqlite3.Connection) -> int:
    """The highest id among kept letters; 0 for none."""
    if not has_kept(db):
        return 0
    id_: int = db.execute("SELECT coalesce(max(id), 0) FROM kept").fetchone()[0]
    return id_


def kept(db: sqlite3.Connection, after: int, limit: int) -> list[Kept]:
    """Up to ``limit`` kept letters with an id above ``after``, in order of arrival."""
    if not has_kept(db):
        return []
    found = db.execute(
        "SELECT k.id, k.topic, l.reason, k.at_ms, k.count, k.part, k.raw "
        "FROM kept k JOIN letter l ON l.rowid = k.kind WHERE k.id > ? ORDER BY k.id LIMIT ?",
        (after, limit),
    )
    return [
        Kept(
            id=id_,
            topic=topic,
            reason=reason,
            at_ms=at_ms,
            count=count,
            is_part=bool(part),
            raw=raw,
        )
        for id_, topic, reason, at_ms, count, part, raw in found
    ]


def bury(db: sqlite3.Connection, letter: DeadLetter, known: int) -> tuple[bool, int]:
    """Count the letter and keep its bytes; whether its row is new, and the room that it took.

    ``known`` is how many rows there are.
    """
    key = (letter.topic, letter.reason)
    if known >= MOST_LETTERS:
        found = db.execute("SELECT 1 FROM letter WHERE topic = ? AND reason = ?", key)
        if found.fetchone() is None:
            key = ("", FURTHER)
    kind, is_new = db.execute(
        "INSERT INTO letter VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
        "first_ms = min(first_ms, excluded.first_ms), last_ms = max(last_ms, excluded.last_ms), "
        "count = count + excluded.count, sample = excluded.sample RETURNING rowid, count = ?",
        (*key, letter.at_ms, letter.at_ms, letter.count, letter.raw[:SAMPLE_BYTES], letter.count),
    ).fetchone()
    return is_new, _keep(db, kind, letter) if letter.is_kept else 0


def _keep(db: sqlite3.Connection, kind: int, letter: DeadLetter) -> int:
    digest = crc32(letter.raw) or 1 if letter.is_numbered else 0
    if digest:
        same = db.execute(
            "SELECT id FROM kept WHERE kind = ? AND digest = ? AND topic = ? AND raw = ?",
            (kind, digest, letter.topic, letter.raw),
        ).fetchone()
        if same is not None:
            db.execute("UPDATE kept SET count = count + ? WHERE id = ?", (letter.count, same[0]))
            return 0
    size = len(letter.raw) + len(letter.topic) + ROOM_BYTES
    db.execute(
        "INSERT INTO kept (kind, at_ms, count, part, digest, size, topic, raw) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (kind, letter.at_ms, letter.count, letter.is_part, digest, size, letter.topic, letter.raw),
    )
    return size


def unbury(db: sqlite3.Connection, ids: Iterable[int]) -> int:
    """Take these letters away, and off the counts; how many records they were."""
    gone = 0
    for id_ in ids if has_kept(db) else ():
        found = db.execute("DELETE FROM kept WHERE id = ? RETURNING kind, count", (id_,)).fetchone()
        if found is not None:
            kind, count = found
            gone += count
            db.execute("UPDATE letter SET count = count - ? WHERE rowid = ?", (count, kind))
            db.execute("DELETE FROM letter WHERE rowid = ? AND count <= 0", (kind,))
    return gone


def forget(db: sqlite3.Connection, keys: Iterable[tuple[str, str]]) -> int:
    """Take whole rows away, by topic and reason, with what is kept; how many records they were."""
    gone, with_kept = 0, has_kept(db)
    for key in keys:
        found = db.execute(
            "DELETE FROM letter WHERE topic = ? AND reason = ? RETURNING rowid, count", key
        ).fetchone()
        if found is not None:
            gone += found[1]
            if with_kept:
                db.execute("DELETE FROM kept WHERE kind = ?", (found[0],))
    return gone


def bound(db: sqlite3.Connection, max_bytes: int, before_ms: int | None) -> int:
    """Drop what came before ``before_ms``, then the oldest of the largest kinds over the cap.

    A flood of one mistake pushes out only itself. How many records were dropped; they stay counted.
    """
    if not has_kept(db):
        return 0
    gone = 0
    if before_ms is not None:
        found = db.execute("DELETE FROM kept WHERE at_ms < ? RETURNING count", (before_ms,))
        gone += sum(count for (count,) in found.fetchall())
    sizes = dict(db.execute("SELECT kind, sum(size) FROM kept GROUP BY kind"))
    if sum(sizes.values()) <= max_bytes:
        return gone
    level = _level(sorted(sizes.values()), max_bytes * ROOM_LEFT)
    for kind, size in sizes.items():
        if size > level:
            gone += _drop_oldest(db, kind, size - level)
    return gone


def _drop_oldest(db: sqlite3.Connection, kind: int, over: float) -> int:
    gone, upto = 0, 0
    found = db.execute("SELECT id, size, count FROM kept WHERE kind = ? ORDER BY id", (kind,))
    while over > 0 and (row := found.fetchone()) is not None:
        upto, size, count = row
        gone += count
        over -= size
    found.close()
    db.execute("DELETE FROM kept WHERE kind = ? AND id <= ?", (kind, upto))
    return gone


def _level(rising: Sequence[int], target: float) -> float:
    """The height at which sizes must be cut so that their sum is ``target``."""
    for i, size in enumerate(rising):
        share = target / (len(rising) - i)
        if size > share:
            return share
        target -= size
    return float("inf")

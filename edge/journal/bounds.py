"""The journal's caps: what is dropped, oldest of the lowest class first. Within a transaction."""

import sqlite3
from collections.abc import Container, Iterable, Sequence
from typing import Any

from edge.contract.ranges import Ranges
from edge.contract.reading import ReadingClass
from edge.journal.rows import Dropped

ROW_BYTES = 60  # what a row takes beside its body, measured on a device's own rows
MOST_ROWS = (
    50_000  # a run: some 0.2 s; the writer's thread has other work, and a cap may be lowered
)
_WINDOW = 1000
_LOWEST_FIRST = (ReadingClass.HEALTH, ReadingClass.SERIES, ReadingClass.ALARM)
_ROW = "pos, stream, run, seq, count, at_ms"


class Bounds:
    """Drops rows of one open journal; ``room`` is how many a run may still take."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._page: int = db.execute("PRAGMA page_size").fetchone()[0]
        # Below these positions no row of the class was found, so they need not be looked at again.
        self._lowest = dict.fromkeys(_LOWEST_FIRST, 0)
        self._beyond, self._lowest_beyond = 0, dict.fromkeys(_LOWEST_FIRST, 0)
        self.room = MOST_ROWS

    @property
    def size_bytes(self) -> int:
        """The bytes in use: pages less free ones."""
        pages: int = self._db.execute("PRAGMA page_count").fetchone()[0]
        free: int = self._db.execute("PRAGMA freelist_count").fetchone()[0]
        return (pages - free) * self._page

    def oldest_ms(self) -> int | None:
        """The least time among the first rows."""
        found: int | None = self._db.execute(
            f"SELECT min(at_ms) FROM (SELECT at_ms FROM record ORDER BY pos LIMIT {_WINDOW})"
        ).fetchone()[0]
        return found

    def drop_older(
        self,
        before_ms: int,
        upto: int,
        is_needed: bool,
        ageless: Container[str],
        ahead_ms: int | None,
    ) -> list[Dropped]:
        """Rows from before ``before_ms``; those later than ``ahead_ms`` go with the next old ones."""
        # Positions rise with arrival, times nearly so: stop at the first thousand all young.
        dropped: list[Dropped] = []
        strange: list[tuple[Any, ...]] = []
        after = 0
        while self.room > 0:
            rows = self._db.execute(
                f"SELECT {_ROW} FROM record WHERE pos > ? AND pos <= ? ORDER BY pos LIMIT ?",
                (after, upto, min(_WINDOW, self.room)),
            ).fetchall()
            old = [row for row in rows if row[5] < before_ms]
            if not old and not (rows and ahead_ms is not None and rows[0][5] > ahead_ms):
                return dropped
            if ahead_ms is not None:
                # They came while the clock was ahead; what came after them tells their age.
                strange += [row for row in rows if row[5] > ahead_ms]
                gone = [row for row in strange if old and row[0] < old[-1][0]]
                old, strange = [*gone, *old], strange[len(gone) :]
            dropped += self._delete((row for row in old if row[2] not in ageless), "age", is_needed)
            after = rows[-1][0]
        return dropped

    def drop_bytes(
        self, max_bytes: int, upto: int, is_needed: bool, beyond: int = 0
    ) -> list[Dropped]:
        """Rows behind ``beyond`` until no more than ``max_bytes`` are in use."""
        dropped: list[Dropped] = []
        lowest = self._lowest_from(beyond)
        for cls in _LOWEST_FIRST:
            while self.room > 0 and (over := self.size_bytes - max_bytes) > 0:
                found = self._db.execute(
                    f"SELECT {_ROW}, length(body) FROM record "
                    "WHERE pos > ? AND pos <= ? AND cls = ? ORDER BY pos LIMIT ?",
                    (lowest[cls], upto, cls.value, min(10_000, self.room)),
                )
                over = over * 2 // 3  # rows do not fill their pages, so come near by steps
                rows = []
                for row in found:
                    rows.append(row)
                    over -= row[6] + ROW_BYTES
                    if over <= 0 and len(rows) >= 20:  # fewer free no page at all
                        break
                found.close()
                lowest[cls] = rows[-1][0] if rows else max(lowest[cls], upto)
                if not rows:
                    break
                dropped += self._delete(rows, "space", is_needed)
        return dropped

    def _lowest_from(self, beyond: int) -> dict[ReadingClass, int]:
        """Where to look from. What is spared now is looked at again when it no longer is."""
        if not beyond:
            return self._lowest
        if beyond != self._beyond:
            self._beyond, self._lowest_beyond = beyond, dict.fromkeys(_LOWEST_FIRST, beyond)
        return self._lowest_beyond

    def _delete(self, rows: Iterable[Sequence[Any]], reason: str, is_needed: bool) -> list[Dropped]:
        rows = list(rows)
        self._db.executemany("DELETE FROM record WHERE pos = ?", ((row[0],) for row in rows))
        self.room -= len(rows)
        spans: dict[tuple[str, str], Ranges] = {}
        times: dict[tuple[str, str], list[int]] = {}
        for _, stream, run, seq, count, at_ms, *_ in rows:
            if run:
                spans.setdefault((stream, run), Ranges()).add(seq, seq + max(count, 1) - 1)
                times.setdefault((stream, run), []).append(at_ms)
        return [
            Dropped(
                stream=key[0],
                run=key[1],
                lo=lo,
                hi=hi,
                reason=reason,
                is_needed=is_needed,
                since_ms=min(times[key]),
                until_ms=max(times[key]),
                position=rows[-1][0],
            )
            for key, ranges in spans.items()
            for lo, hi in ranges
        ]

"""The lease of a cell: of the watches that share an operations database, one alone may write.

Its epoch rises with each taking. Whoever writes as the watch holds the lease's row while he commits,
so a taking waits for what is under way, and what begins after it with the old epoch is refused.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    cast,
    extract,
    func,
    literal,
    select,
    update,
)

from alerts.store import tables as t
from alerts.store.database import Database
from alerts.store.errors import LeaseLost, StoreUnavailable

TTL_MS = 15_000
"""For so long a lease holds without being renewed: a watch that is stopped for longer has lost it."""
RENEW_S = TTL_MS / 3000
"""Two renewals may fail, and the third still comes in time."""
RAN_OUT = "the lease of this cell has run out; it is taken again first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """It is ours. ``before`` is whose it was last, "" at the very first taking."""

    epoch: int
    before: str
    journal_before: str
    """On which journal that watch wrote; when it is another than ours, there may be a gap."""
    until_ms: int
    """When the one before would have run out: about the last moment at which it was seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Somebody else keeps watch."""

    holder: str
    left_ms: int

    def __str__(self) -> str:
        return (
            f"{self.holder} keeps watch over this cell; this one stands by, "
            f"and takes over {TTL_MS // 1000} s after it falls silent"
        )


class Lease:
    """One watch's claim. ``holder`` names it to people; the same one begins again without waiting."""

    def __init__(
        self,
        database: Database,
        holder: str,
        journal: str,
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.epoch = 0
        """Of our taking; 0 before the first."""
        self._database = database
        self._holder = holder
        self._journal = journal
        self._monotonic_s = monotonic_s
        self._sure_until_s = 0.0

    def take(self) -> Taken | Held:
        """Take it, or say who has it. LeaseLost when somebody else had it since we took it."""
        asked_s = self._monotonic_s()
        with self._database.begin() as connection:
            now_ms = _now_ms(connection)
            row = connection.execute(select(t.lease).with_for_update()).one()
            if self.epoch and row.epoch != self.epoch:
                raise self._lost(row)
            is_ours = row.holder == self._holder
            if not is_ours and row.until_ms > now_ms:
                return Held(holder=row.holder, left_ms=row.until_ms - now_ms)
            found = Taken(
                epoch=row.epoch + 1,
                before=row.holder,
                journal_before=row.journal,
                until_ms=row.until_ms,
            )
            values = {"epoch": found.epoch, "holder": self._holder, "journal": self._journal}
            connection.execute(update(t.lease).values(**values, until_ms=now_ms + TTL_MS))
        self.epoch, self._sure_until_s = found.epoch, asked_s + TTL_MS / 1000
        return found

    def renew(self) -> None:
        """Hold it for another while; one that ran out, and that nobody took, is taken anew."""
        asked_s = self._monotonic_s()
        with self._database.begin() as connection:
            c, now_ms = t.lease.c, _now_ms(connection)
            renewed = connection.execute(
                update(t.lease)
                .where(c.epoch == self.epoch, c.until_ms > now_ms)
                .values(until_ms=now_ms + TTL_MS)
            )
        if renewed.rowcount == 1:
            self._sure_until_s = asked_s + TTL_MS / 1000
        else:
            self.take()

    def give_up(self) -> None:
        """Let the next one begin at once; nothing when it is not ours."""
        with self._database.begin() as connection:
            mine = t.lease.c.epoch == self.epoch
            connection.execute(update(t.lease).where(mine).values(until_ms=0))
        self._sure_until_s = 0.0

    @property
    def is_sure(self) -> bool:
        """Whether nobody else can have it yet: known without asking the database."""
        return self._monotonic_s() < self._sure_until_s

    def stand(self) -> None:
        """StoreUnavailable when it may have run out."""
        if not self.is_sure:
            raise StoreUnavailable(RAN_OUT)

    def check(self, connection: Connection) -> None:
        """Hold the lease's row until ``connection`` commits; raises when it is no longer ours."""
        # In one statement: each commit asks this, and a server that is asked takes a turn.
        asked = select(t.lease, _clock(connection).label("now_ms"))
        row = connection.execute(asked.with_for_update(read=True, of=t.lease)).one()
        if row.epoch != self.epoch:
            raise self._lost(row)
        if row.until_ms <= row.now_ms:
            self._sure_until_s = 0.0
            raise StoreUnavailable(RAN_OUT)

    def _lost(self, row: Any) -> LeaseLost:
        return LeaseLost(
            f"{row.holder} has taken over the watch of this cell (epoch {row.epoch}, ours was "
            f"{self.epoch}); nothing more is written here. See that only one of them runs"
        )


def _now_ms(connection: Connection) -> int:
    now_ms: int | None = connection.scalar(select(_clock(connection)))
    assert now_ms is not None
    return now_ms


def _clock(connection: Connection) -> ColumnElement[int]:
    """The database's clock, which is one for all; SQLite's is this machine's. In milliseconds."""
    if connection.dialect.name == "sqlite":
        return literal(time.time_ns() // 1_000_000, BigInteger)
    seconds = extract("epoch", func.clock_timestamp())
    return cast(seconds * 1000, BigInteger)

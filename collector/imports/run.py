"""An import under way: chunks into the store, roll-ups behind them, and a place to go on from.

The place is kept only when a chunk's points, its roll-ups and its rejected rows are durable, so a
kill costs at most one chunk that is written once more; points are idempotent.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from collector.errors import ConfigError
from collector.imports.place import Place, Rejected, Rejects
from collector.imports.source import BROKEN, Row, Source
from collector.imports.table import Chunk, Table
from collector.stores.lines import time_of
from collector.stores.port import Level, Series, Store, StoreUnavailable, Touched
from collector.stores.retention import DAY_MS, Retention
from collector.writer import back_off
from edge.contract.quality import Quality

T = TypeVar("T")
ROWS_MOST = 5_000  # a chunk: some tens of thousands of readings, half a second
TRIES = 9


@dataclass(slots=True, kw_only=True)
class Counts:
    """What was done in this run; ``kept`` are the points that the store has taken."""

    rows: int = 0
    readings: int = 0
    kept: int = 0
    rejected: int = 0
    failed: int = 0
    first_ms: int | None = None
    last_ms: int | None = None


class Import:
    """One run over one table. ``refused`` is given to the store it writes to."""

    def __init__(self, source: Source, table: Table, now_ms: int) -> None:
        self.counts = Counts()
        self._source = source
        self._table = table
        self._now_ms = now_ms
        self._refused: list[tuple[str, str]] = []

    def refused(self, line: str, reason: str) -> None:
        self._refused.append((line, reason))

    async def run(
        self,
        store: Store,
        retention: Retention,
        place: Place,
        rejects: Rejects,
        say: Callable[[Counts], None],
    ) -> None:
        """All rows behind the place. StoreUnavailable when the store stays away."""
        chunks = self._chunks(place.rows)
        keeping: asyncio.Task[None] | None = None
        try:
            # The next rows are read while these are written.
            while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
                if keeping is not None:
                    await keeping
                say(self.counts)
                keeping = asyncio.create_task(
                    self._keep(chunk, store, retention, place, rejects), name="import-keep"
                )
        finally:
            if keeping is not None:
                await keeping

    def dry(self, most: int) -> list[Rejected]:
        """Read all and write nothing; the first ``most`` rejected rows."""
        shown: list[Rejected] = []
        for chunk in self._chunks(0):
            self._count(chunk)
            self.counts.rejected += len(chunk.rejected)
            shown += chunk.rejected[: most - len(shown)]
        return shown

    def _chunks(self, behind: int) -> Iterator[Chunk]:
        chunk, rows = Chunk(), self._source.rows()
        line = 1
        try:
            for number, row in enumerate(rows):
                line = row[0]
                if number < behind:
                    continue
                self._read(row, chunk)
                if chunk.rows >= ROWS_MOST:
                    yield chunk
                    chunk = Chunk()
        except BROKEN as error:
            if chunk.rows:
                yield chunk
            raise ConfigError(
                [
                    f"{self._source.path}: breaks off behind line {line} ({error}); get it again whole"
                ]
            ) from error
        if chunk.rows:
            yield chunk

    def _read(self, row: Row, chunk: Chunk) -> None:
        line, cells, broken = row
        if broken:
            chunk.rows += 1
            chunk.rejected.append((line, broken, cells))
        else:
            self._table.read(cells, line, chunk)

    async def _keep(
        self, chunk: Chunk, store: Store, retention: Retention, place: Place, rejects: Rejects
    ) -> None:
        batches = list(chunk.batches.values())
        kept = 0
        if batches:
            kept = await _patient(lambda: store.write(batches))
            await _patient(lambda: store.roll_up(self._touched(chunk, retention)))
        rejected: list[Rejected] = [*chunk.rejected]
        for text, reason in self._refused:
            line, cells = chunk.lines.get(time_of(text), (0, [text]))
            rejected.append((line, f"{reason}: {text.split(' ')[1]}", cells))
        self._refused.clear()
        rejected.sort(key=lambda row: row[0])
        self._count(chunk)
        self.counts.kept += kept
        self.counts.rejected += len(rejected)
        place.rows += chunk.rows
        place.rejected_bytes = await asyncio.to_thread(rejects.add, rejected)
        await asyncio.to_thread(place.keep)

    def _count(self, chunk: Chunk) -> None:
        counts = self.counts
        counts.rows += chunk.rows
        counts.readings += chunk.readings
        for batch in chunk.batches.values():
            counts.failed += batch.quality.count(int(Quality.FAIL))
            low, high = min(batch.at_ms), max(batch.at_ms)
            counts.first_ms = low if counts.first_ms is None else min(low, counts.first_ms)
            counts.last_ms = high if counts.last_ms is None else max(high, counts.last_ms)

    def _touched(self, chunk: Chunk, retention: Retention) -> list[Touched]:
        """The buckets that these readings lie in, but for minutes that are too old to be kept."""
        oldest_ms = 0 if retention.minutes is None else self._now_ms - retention.minutes * DAY_MS
        found: dict[tuple[Level, int], set[Series]] = defaultdict(set)
        for (site, device), batch in chunk.batches.items():
            columns = zip(batch.place, batch.port, batch.metric, batch.at_ms, strict=True)
            known: dict[tuple[str, str, str], Series] = {}
            for place, port, metric, at_ms in columns:
                key = place, port, metric
                series = known.get(key)
                if series is None:
                    series = known[key] = Series(site, device, *key)
                found[Level.HOUR, Level.HOUR.start(at_ms)].add(series)
                if at_ms >= oldest_ms:
                    found[Level.MINUTE, Level.MINUTE.start(at_ms)].add(series)
        return [Touched(level, at_ms, those) for (level, at_ms), those in found.items()]


async def _patient(work: Callable[[], Awaitable[T]]) -> T:
    """Tries for about a minute, for a database may be started anew meanwhile."""
    chance = random.Random()
    for tries in range(TRIES - 1):
        try:
            return await work()
        except StoreUnavailable:
            await asyncio.sleep(back_off(tries, chance))
    return await work()

"""Where a trial's entries come from: the journal, the store, or tables of readings."""

import asyncio
import gzip
import heapq
from collections.abc import Collection, Coroutine, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeVar

from alerts.registry.model import Registry
from alerts.replay import CsvError, CsvMapping, Measured, readings_from_csv
from alerts.rules.inputs import Entry, PacksRevised, RegistryRevised
from collector import records
from collector.errors import ConfigError, OutsideError
from collector.stores.port import Series, Store, StoreMismatch, StoreUnavailable
from edge.journal.rows import Row
from edge.journal.tail import Tail

T = TypeVar("T")
READ_ROWS = 1000
PAGE = 2000  # points of one series at once: 100 series are some 20 MB
_HOUR_MS = 3_600_000


class JournalEntries:
    """The entries of a journal; ``unreadable`` counts records of which this version knows nothing."""

    def __init__(self, path: Path) -> None:
        self.unreadable = 0
        self._tail = Tail(path)
        self.id = self._tail.id
        rows = self._tail.read(0, 1), self._tail.read(self._tail.last - 1, 1)
        self.first_ms, self.last_ms = (row[0].at_ms if row else None for row in rows)

    def registry(self) -> Registry | None:
        """The last one that is journalled."""
        for row in reversed([row for row in self._rows() if row.kind == records.REGISTRY]):
            what = records.entry(row).what
            if isinstance(what, RegistryRevised):
                return what.registry
        return None

    def entries(self, registry: Registry, packs: dict[str, str]) -> Iterator[Entry]:
        """All of it, in order. Where its head is cut off, what is given here holds until it says."""
        kinds = {row.kind for row in self._tail.read(0, READ_ROWS)}
        at_ms = self.first_ms or 0
        if records.REGISTRY not in kinds:
            yield Entry(-1, at_ms, RegistryRevised(registry))
        if records.PACKS not in kinds:
            yield Entry(0, at_ms, PacksRevised(packs))
        for row in self._rows():
            try:
                yield records.entry(row)
            except records.Unreadable:
                self.unreadable += 1

    def _rows(self) -> Iterator[Row]:
        position = 0
        while rows := self._tail.read(position, READ_ROWS):
            yield from rows
            position = rows[-1].position

    def close(self) -> None:
        self._tail.close()


class StoreReadings:
    """The points of a store, its series merged by time; a page of each is held.

    The store's calls run on a loop of its own, one after the other. ConfigError and OutsideError say
    what is wrong with the store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._runner:
            self._runner.run(self._store.close())

    def series(self, sites: Sequence[str]) -> list[Series]:
        return [one for site in sites for one in self._call(self._store.series(site))]

    def readings(
        self, series: Collection[Series], since_ms: int, until_ms: int
    ) -> tuple[Iterator[Measured], set[tuple[str, str]]]:
        """All points of the span by time; and the devices that have some in its first hour."""
        streams, early = [], set()
        for one in series:
            stream = self._points(one, since_ms, until_ms)
            first = next(stream, None)
            if first is None:
                continue
            if first.at_ms < since_ms + _HOUR_MS:
                early.add((one.site, one.device))
            streams.append(chain([first], stream))
        return heapq.merge(*streams, key=itemgetter(0, 1, 2)), early

    def _points(self, series: Series, since_ms: int, until_ms: int) -> Iterator[Measured]:
        names = series.site, series.device, series.place, series.port, series.metric
        while True:
            points = self._call(self._store.points(series, since_ms, until_ms, PAGE))
            for at_ms, value, quality in zip(
                points.at_ms, points.value, points.quality, strict=True
            ):
                yield Measured(at_ms, *names, value, quality)
            if len(points) < PAGE:
                return
            since_ms = points.at_ms[-1] + 1

    def _call(self, asked: Coroutine[Any, Any, T]) -> T:
        try:
            return self._runner.run(asked)
        except StoreUnavailable as error:
            raise OutsideError(str(error)) from error
        except StoreMismatch as error:
            raise ConfigError([str(error)]) from error


def table_readings(paths: Sequence[Path], mapping: CsvMapping) -> list[Measured]:
    """The readings of these tables by time; ConfigError names every table that cannot be read."""
    found: list[Measured] = []
    problems = []
    for path in paths:
        try:
            with _open(path) as lines:
                found += readings_from_csv(lines, mapping)
        except (OSError, UnicodeDecodeError, EOFError, CsvError) as error:
            problems.append(f"{path}: {error}")
    if problems:
        raise ConfigError(problems)
    return sorted(found, key=itemgetter(0))


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")

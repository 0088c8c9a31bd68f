"""The newest point of each series, kept by the desk: once from the store, then from the journal's tail.

A page that shows what is now would else ask the database for every series, and fifty pages a second
would take it from those who write. Bounded by the series that there are.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path

from alerts.rules.inputs import Amendment
from collector import records
from collector.stores.port import Buckets, Point, Series, Store, StoreUnavailable, series_of
from edge.contract.reading import Batch
from edge.journal.tail import Tail

STORE = "store"  # the writer's cursor: what lies before it is in the store
READ_ROWS = 5_000
# Records behind the tail from which on the store is asked anew: reading them takes a second.
FAR_BEHIND = 50_000
CURVE_MS = 15_000  # house time that a curve is shown again; a page adds what comes live to it
CURVES_KNOWN = 2_000  # some 5 kB each
MEASURED = frozenset({records.READINGS, records.AMENDMENT})

_Curve = tuple[Series, int, int]
Ask = Callable[[str], Awaitable[Sequence[Point]]]


class Latest:
    """Pure: points and what the journal says, in any order; the newest of each series stays."""

    def __init__(self) -> None:
        self._sites: dict[str, dict[Series, Point]] = {}

    def of(self, site: str) -> list[Point]:
        """In order of series."""
        found = self._sites.get(site, {})
        return [found[series] for series in sorted(found)]

    def add(self, points: Iterable[Point]) -> None:
        for point in points:
            site = self._sites.setdefault(point.series.site, {})
            known = site.get(point.series)
            if known is None or point.at_ms >= known.at_ms:
                site[point.series] = point

    def take(self, batch: Batch) -> None:
        """Late readings never stand in for newer ones."""
        columns = zip(
            batch.place,
            batch.port,
            batch.metric,
            batch.at_ms,
            batch.value,
            batch.quality,
            strict=True,
        )
        self.add(
            Point(
                Series(batch.site, batch.device, place, port, metric),
                at_ms, value, quality, batch.marks.get(i, 0),
            )
            for i, (place, port, metric, at_ms, value, quality) in enumerate(columns)
        )  # fmt: skip

    def amend(self, one: Amendment) -> None:
        """A later verdict on the newest point itself."""
        site, series = self._sites.get(one.site, {}), series_of(one)
        point = site.get(series)
        if point is not None and one.since_ms <= point.at_ms <= one.until_ms:
            site[series] = Point(
                series,
                point.at_ms,
                point.value,
                max(point.quality, one.quality),
                point.marks | one.marks,
            )

    def clear(self) -> None:
        self._sites.clear()


class LatestKeeper:
    """``of(site)`` is what ``Store.latest`` would say, with what it has not got yet.

    While the store is away a site is what the journal has told of it since the desk began.
    """

    def __init__(self, journal: Path, ask: Ask) -> None:
        self._tail = Tail(journal)
        self._ask = ask
        self._latest = Latest()
        self._loaded: set[str] = set()
        self._journal, self._at = "", 0
        self._reading = asyncio.Lock()

    async def of(self, site: str) -> list[Point]:
        """StoreUnavailable when neither store nor journal has anything to say."""
        async with self._reading:
            await asyncio.to_thread(self._follow)
            if site not in self._loaded:
                try:
                    self._latest.add(await self._ask(site))
                except StoreUnavailable:
                    if not self._latest.of(site):
                        raise
                else:
                    self._loaded.add(site)
        return self._latest.of(site)

    def close(self) -> None:
        self._tail.close()

    def _follow(self) -> None:
        """Take in what the journal has got meanwhile; begin anew where it does not go on."""
        journal, last = self._tail.id, self._tail.last
        if journal != self._journal or not self._at <= last <= self._at + FAR_BEHIND:
            self._begin(journal, last)
        while rows := self._tail.read(self._at, READ_ROWS):
            if rows[0].position != self._at + 1 and self._loaded:
                self._begin(journal, rows[0].position - 1)  # the journal was trimmed beyond us
            self._at = rows[-1].position
            for row in rows:
                if row.kind not in MEASURED:
                    continue
                try:
                    what = records.entry(row).what
                except records.Unreadable:
                    continue  # the watch says so aloud
                if isinstance(what, Batch):
                    self._latest.take(what)
                elif isinstance(what, Amendment):
                    self._latest.amend(what)

    def _begin(self, journal: str, last: int) -> None:
        """From where the store's writer is: all before it is to be asked of the store."""
        self._latest.clear()
        self._loaded.clear()
        stored = self._tail.cursors().get(STORE, 0)
        self._journal, self._at = journal, max(min(stored, last), last - FAR_BEHIND)


class KeptHistory:
    """A Store for the pages, whose newest points are kept, and curves for some seconds."""

    def __init__(self, store: Store, journal: Path) -> None:
        self._store = store
        self._keeper = LatestKeeper(journal, store.latest)
        self._curves: OrderedDict[_Curve, tuple[int, asyncio.Task[Buckets]]] = OrderedDict()
        self.points = store.points

    async def latest(self, site: str) -> list[Point]:
        return await self._keeper.of(site)

    async def series(self, site: str) -> list[Series]:
        return [point.series for point in await self.latest(site)]

    async def buckets(self, series: Series, since_ms: int, until_ms: int, most: int) -> Buckets:
        """As the store gives them, or as it gave them for the same span half a bucket ago at most."""
        span_ms = until_ms - since_ms
        fresh_ms = min(CURVE_MS, span_ms // (2 * max(1, most)))
        key = series, span_ms, most
        known = self._curves.get(key)
        if known is None or not 0 <= until_ms - known[0] <= fresh_ms or _has_failed(known[1]):
            asking = asyncio.create_task(self._store.buckets(series, since_ms, until_ms, most))
            known = self._curves[key] = until_ms, asking
            if len(self._curves) > CURVES_KNOWN:
                self._curves.popitem(last=False)
        self._curves.move_to_end(key)
        # Whoever goes away does not take the answer from those who ask for the same.
        return await asyncio.shield(known[1])

    def close(self) -> None:
        self._keeper.close()


def _has_failed(asking: "asyncio.Task[Buckets]") -> bool:
    return asking.done() and (asking.cancelled() or asking.exception() is not None)

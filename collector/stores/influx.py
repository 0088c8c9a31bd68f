"""A store in InfluxDB 2 or 1: lines out by the sender, InfluxQL for what comes back.

Roll-ups lie in ``<bucket>_1m`` and ``<bucket>_1h``, or in those of each site; what is older than its
time the server deletes by the retention of its buckets.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from alerts.rules.inputs import Amendment
from collector.stores.kinds import InfluxSettings, buckets_of
from collector.stores.lines import lines_of
from collector.stores.port import Level, Retained, Series, Touched
from collector.stores.reader import InfluxReader
from collector.stores.retention import Retention
from collector.stores.sender import LINES_MOST, BucketMissing, Packs, Refused, Sender
from collector.stores.setup import make_buckets
from edge.clock import Clock
from edge.contract.reading import Batch


class InfluxStore(InfluxReader):
    """A Store in InfluxDB. A line it refuses is told to ``refused``, and the others go on.

    With ``read_only`` (the desk) it makes and changes nothing.
    """

    def __init__(
        self,
        settings: InfluxSettings,
        *,
        retention: Retention = Retention(),  # noqa: B008 - frozen
        clock: Clock = Clock(),  # noqa: B008 - frozen
        refused: Refused | None = None,
        read_only: bool = False,
    ) -> None:
        super().__init__(settings, retention, clock)
        self._read_only = read_only
        self._sender = Sender(settings, refused)

    def __repr__(self) -> str:
        return f"InfluxStore({self._settings!r})"

    async def set_up(self) -> None:
        """Make the buckets that are missing; those of a site come with its first reading."""
        if not self._read_only and not self._settings.bucket_per_site:
            wanted = buckets_of(self._settings, self._retention)
            await make_buckets(self._questions, self._settings, wanted)

    async def write(self, batches: Sequence[Batch], arrived_ms: int | None = None) -> int:
        sites = {batch.site for batch in batches}
        lost = await self._send(sites, lambda: packs_of(self._settings, batches))
        return sum([len(batch.at_ms) for batch in batches]) - lost

    async def amend(self, amendments: Sequence[Amendment]) -> None:
        by_site: dict[str, list[Amendment]] = defaultdict(list)
        for one in amendments:
            by_site[one.site].append(one)
        for site, some in by_site.items():
            await self._write_lines(site, None, await self.lines_of_amendments(site, some))

    async def roll_up(self, touched: Sequence[Touched]) -> None:
        wanted: dict[tuple[Level, str], dict[Series, set[int]]] = {}
        for one in touched:
            for series in one.series:
                group = wanted.setdefault((one.level, series.site), defaultdict(set))
                group[series].add(one.at_ms)
        for (level, site), group in wanted.items():
            lines = await self.lines_of_roll_up(level, site, group)
            await self._write_lines(site, level, lines)

    async def retain(self, now_ms: int) -> Retained:
        """Nothing to do: the server deletes by its own clock and its buckets' retention."""
        return Retained()

    async def close(self) -> None:
        await self._questions.close()
        await self._sender.close()

    async def _write_lines(self, site: str, level: Level | None, lines: Sequence[str]) -> None:
        bucket = self._settings.bucket_of(site, level)
        await self._send({site}, lambda: [(bucket, lines)])

    async def _send(self, sites: Iterable[str], packs: Callable[[], Packs]) -> int:
        """How many readings were refused; a site whose bucket is missing gets its own."""
        if self._read_only:
            raise RuntimeError(f"bucket {self._settings.bucket!r} was opened read-only")
        try:
            return await self._sender.send(packs())
        except BucketMissing:
            if not self._settings.bucket_per_site:
                raise
        for site in sorted(sites):
            wanted = buckets_of(self._settings, self._retention, site)
            await make_buckets(self._questions, self._settings, wanted)
        return await self._sender.send(packs())


def packs_of(settings: InfluxSettings, batches: Iterable[Batch]) -> Iterator[tuple[str, list[str]]]:
    """The batches' lines by bucket, as many as a request takes at a time."""
    waiting: dict[str, list[str]] = {}
    for batch in batches:
        bucket = settings.bucket_of(batch.site)
        lines = waiting.setdefault(bucket, [])
        lines += lines_of(batch)
        if len(lines) >= LINES_MOST:
            yield bucket, waiting.pop(bucket)
    yield from waiting.items()

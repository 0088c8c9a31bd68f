"""A store that sends on what it keeps: to servers that are written to and do not answer our charts."""

from collections.abc import Sequence
from pathlib import Path

from alerts.rules.inputs import Amendment
from collector.stores.embedded import EmbeddedStore
from collector.stores.influx import packs_of
from collector.stores.kinds import InfluxSettings
from collector.stores.lines import line_of_verdict
from collector.stores.port import series_of
from collector.stores.retention import Retention
from collector.stores.sender import Refused, Sender
from edge.contract.reading import Batch


class ForwardingStore(EmbeddedStore):
    """The embedded store answers; every reading is durable in it and on the server, or in neither.

    Points alone go out: these servers make their own roll-ups.
    """

    def __init__(
        self,
        path: Path,
        settings: InfluxSettings,
        *,
        retention: Retention = Retention(),  # noqa: B008 - frozen
        refused: Refused | None = None,
    ) -> None:
        super().__init__(path, retention=retention)
        self._settings = settings
        self._sender = Sender(settings, refused)

    def __repr__(self) -> str:
        return f"ForwardingStore({str(self.path)!r}, {self._settings!r})"

    async def write(self, batches: Sequence[Batch], arrived_ms: int | None = None) -> int:
        kept = await super().write(batches, arrived_ms)
        return kept - await self._sender.send(packs_of(self._settings, batches))

    async def amend(self, amendments: Sequence[Amendment]) -> None:
        await super().amend(amendments)
        packs = []
        for one in amendments:
            series = series_of(one)
            points = await self.points(series, one.since_ms, one.until_ms + 1)
            columns = zip(points.at_ms, points.quality, points.marks, strict=True)
            lines = [line_of_verdict(series, *point) for point in columns]
            packs.append((self._settings.bucket_of(one.site), lines))
        await self._sender.send(packs)

    async def close(self) -> None:
        await self._sender.close()
        await super().close()

"""The stages that the synthetic reading passes: broker, journal, rules, store, outbox.

The collector's own connection publishes it at ``shouwang/v1/<first site>/server/health``, at QoS 1
as a device does, and hears it back by its own subscription. Its run is a nonce that holds once.
"""

import asyncio
import secrets
from collections.abc import Mapping

from alerts.rules.inputs import Entry
from collector.judging import Judging
from collector.listening import Listening
from collector.operating import Operating
from collector.stores.port import Series, Store, StoreMismatch, StoreUnavailable
from collector.synthetic import Step
from collector.writer import Writer
from edge.clock import Clock
from edge.contract.reading import Batch, Reading
from edge.contract.senml import encode
from edge.contract.topics import SERVER, Kind, Topic

METRIC = "whole-way"
LOOK_S = 0.05  # real seconds between looks at what no event tells
SAY_AGAIN_S = 5.0  # real seconds: a message that a lost connection took is sent again


class WholeWay:
    """``begin()`` gives the stages of one reading, in the order in which it passes them."""

    def __init__(
        self,
        listening: Listening,
        judging: Judging,
        writer: Writer,
        store: Store,
        operating: Operating,
        clock: Clock,
    ) -> None:
        self._listening = listening
        self._judging = judging
        self._writer = writer
        self._store = store
        self._operating = operating
        self._clock = clock
        self._last_s = 0.0

    def begin(self) -> Mapping[str, Step]:
        """Of a new reading; none without a site."""
        site = self._listening.site
        if not site:
            return {}
        trip = _Trip(self, site)
        return {
            "broker": trip.broker,
            "journal": trip.journal,
            "rules": trip.rules,
            "store": trip.store,
            "outbox": trip.outbox,
        }


class _Trip:
    """One reading on its way."""

    def __init__(self, way: WholeWay, site: str) -> None:
        self._way = way
        self._site = site
        self._nonce = secrets.token_hex(16)
        self._heard = way._listening.expect(site, self._nonce)
        self._began_s = asyncio.get_running_loop().time()
        self._entry: Entry | None = None

    async def broker(self) -> None:
        """Published, and heard back."""
        way = self._way
        reading = Reading(
            place="",
            port="",
            metric=METRIC,
            value=way._last_s,
            at_ms=way._clock.now_ms(),
            run=self._nonce,
            seq=0,
        )
        topic, payload = str(Topic(self._site, SERVER, Kind.HEALTH)), encode([reading])
        while not self._heard.done():
            link = way._listening.link
            if link is None or not await link.publish(topic, payload):
                await asyncio.sleep(LOOK_S)
                continue
            await asyncio.wait({self._heard}, timeout=SAY_AGAIN_S)

    async def journal(self) -> None:
        """On disk; what the journal holds of it is what is looked for from here on."""
        entries = await asyncio.shield(self._heard.result().done)
        (self._entry,) = [
            entry
            for entry in entries
            if isinstance(entry.what, Batch) and entry.what.device == SERVER
        ]

    async def rules(self) -> None:
        """The engine has judged it, and whatever came before it is written down."""
        while self._way._judging.settled < self._journalled.position:  # noqa: ASYNC110 - a number
            await asyncio.sleep(LOOK_S)

    async def store(self) -> None:
        """Written, and found by a query."""
        await self._way._writer.reached(self._journalled.position)
        batch = self._journalled.what
        assert isinstance(batch, Batch)
        series, at_ms = Series(self._site, SERVER, "", "", METRIC), batch.at_ms[0]
        while True:
            try:
                # No later than its own time: a clock that was set back leaves newer ones behind.
                points = await self._way._store.points(series, at_ms, at_ms + 1)
            except (StoreUnavailable, StoreMismatch):
                points = None  # the writer says why
            if points is not None and points.at_ms == [at_ms]:
                return
            await asyncio.sleep(LOOK_S)

    async def outbox(self) -> None:
        """The operations database commits, and the dispatcher has looked at the outbox since."""
        await self._way._operating.prove()
        self._way._last_s = asyncio.get_running_loop().time() - self._began_s

    @property
    def _journalled(self) -> Entry:
        assert self._entry is not None
        return self._entry

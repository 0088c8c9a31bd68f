"""Server-sent events: readings, changes and the house clock, to every open page, each with a bound."""

import asyncio
import contextlib
import json
import logging
import secrets
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from aiohttp import web

from dashboards.console.door import Asked, in_thread
from dashboards.console.guard import add_headers
from dashboards.ports import Desk
from edge.contract.quality import checks
from edge.contract.reading import Batch

logger = logging.getLogger(__name__)

QUEUE = 500  # events a slow page may be behind; then it is told to read everything again
RING = 2000  # events kept for a page that comes back
LOOK_S = 0.5  # real seconds between two looks for changed incidents
CLOCK_S = 5.0  # real seconds between two clock events, which also keep the line open
MOST_CLIENTS = 200


@dataclass(frozen=True, slots=True)
class Event:
    """``site`` and ``place`` say whom it concerns; empty for everybody."""

    number: int
    kind: str
    data: str
    site: str = ""
    places: frozenset[str] = frozenset()


@dataclass(slots=True, eq=False)
class Client:
    """One open page. ``missed`` says that its queue ran over."""

    site: str | None
    place: str | None
    queue: asyncio.Queue[Event | None] = field(default_factory=lambda: asyncio.Queue(QUEUE))
    missed: bool = False

    def wants(self, event: Event) -> bool:
        if not event.site:
            return True
        if self.site is not None and self.site != event.site:
            return False
        return self.place is None or self.place in event.places

    def offer(self, event: Event | None) -> None:
        try:
            self.queue.put_nowait(event)
        except asyncio.QueueFull:
            while not self.queue.empty():
                self.queue.get_nowait()
            self.missed = True
            self.queue.put_nowait(event)


class Hub:
    """Takes in what happens and hands it to every client; started and closed with the app."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._clients: set[Client] = set()
        self._ring: deque[Event] = deque(maxlen=RING)
        self._number = 0
        self.boot = secrets.token_hex(4)
        self._mark: int | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.closed = False

    def __len__(self) -> int:
        return len(self._clients)

    async def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._follow(), name="events: journal tail"),
            asyncio.create_task(self._watch_operations(), name="events: operations"),
            asyncio.create_task(self._tick(), name="events: clock"),
        ]

    async def close(self) -> None:
        """Ends every stream at once, so that stopping waits for nobody."""
        self.closed = True
        for client in self._clients:
            client.offer(None)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def tell(
        self, kind: str, data: object, site: str = "", places: frozenset[str] = frozenset()
    ) -> None:
        self._number += 1
        text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
        event = Event(self._number, kind, text, site, places)
        if kind != "clock":
            self._ring.append(event)
        for client in self._clients:
            if client.wants(event):
                client.offer(event)

    async def look(self) -> None:
        """Whether anything changed in the operations database; if so, tell the pages."""
        mark = await in_thread(self._desk.operations.mark)
        if self._mark is not None and mark != self._mark:
            self.tell("incidents", {"mark": mark})
        self._mark = mark

    def spell(self, event: Event) -> bytes:
        return (
            f"id: {self.boot}-{event.number}\nevent: {event.kind}\ndata: {event.data}\n\n".encode()
        )

    def since(self, last_id: str) -> list[Event] | None:
        """What came after that id; None when it is no longer known."""
        boot, _, number = last_id.partition("-")
        if boot != self.boot or not number.isdigit():
            return None
        seen = int(number)
        kept = [event for event in self._ring if event.number > seen]
        oldest = self._ring[0].number if self._ring else self._number + 1
        return kept if seen + 1 >= oldest or len(self._ring) < RING else None

    async def listen(self, client: Client, last_id: str) -> AsyncGenerator[bytes, None]:
        """The bytes of the stream, until the house or the page ends it."""
        self._clients.add(client)
        try:
            yield b"retry: 2000\n\n" + self._clock_event()
            if last_id:
                missed = self.since(last_id)
                if missed is None:
                    yield b"event: resync\ndata: {}\n\n"
                else:
                    for event in missed:
                        if client.wants(event):
                            yield self.spell(event)
            while not self.closed:
                next_event = await client.queue.get()
                if next_event is None:
                    return
                if client.missed:
                    client.missed = False
                    yield b"event: resync\ndata: {}\n\n"
                yield self.spell(next_event)
        finally:
            self._clients.discard(client)

    def _clock_event(self) -> bytes:
        return f"event: clock\ndata: {json.dumps(self._clock())}\n\n".encode()

    def _clock(self) -> dict[str, float]:
        return {"now_ms": self._desk.clock.now_ms(), "speed": self._desk.clock.speed}

    async def _follow(self) -> None:
        while True:
            try:
                async for batch in self._desk.live.follow():
                    self.tell("readings", _readings(batch), batch.site, frozenset(batch.place))
                return
            except Exception:
                # The page without live readings still works: alarms and history are elsewhere.
                logger.exception("the journal's tail broke; trying again")
                await asyncio.sleep(1.0)

    async def _watch_operations(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:
                logger.exception("could not look for changed incidents; trying again")
            await asyncio.sleep(LOOK_S)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(CLOCK_S)
            self.tell("clock", self._clock())


async def stream(asked: Asked) -> web.StreamResponse:
    """The handler of ``/events``."""
    if len(asked.hub) >= MOST_CLIENTS or asked.hub.closed:
        return web.Response(status=503, headers={"Retry-After": "5"})
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
    )
    add_headers(response)
    await response.prepare(asked.request)
    client = Client(asked.query.site, asked.query.place)
    last_id = asked.request.headers.get("Last-Event-ID", "")
    with contextlib.suppress(ConnectionResetError):
        async with contextlib.aclosing(asked.hub.listen(client, last_id)) as pieces:
            async for piece in pieces:
                await response.write(piece)
        await response.write_eof()
    return response


def _readings(batch: Batch) -> dict[str, object]:
    marks = batch.marks
    return {
        "site": batch.site,
        "device": batch.device,
        "rows": [
            [
                batch.place[i],
                batch.port[i],
                batch.metric[i],
                batch.at_ms[i],
                batch.value[i],
                batch.quality[i],
                *([checks(marks[i])] if i in marks else ()),
            ]
            for i in range(len(batch))
        ],
    }

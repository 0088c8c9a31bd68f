"""A bureau's receiver on a free port: keeps what it hears, and answers as it is told to."""

import asyncio

from collector.decoders.hj212 import Packet, answer, parse
from collector.decoders.hj212_frame import Frames, Segment, frame
from tests.collector.listeners.room import free_port


class Receiver:
    """``deaf``: so many packets are heard and not answered. ``noise`` goes before each answer."""

    def __init__(self, deaf: int = 0, noise: bytes = b"") -> None:
        self.port = free_port()
        self.deaf = deaf
        self.noise = noise
        self.heard: list[Packet] = []
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Receiver":
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._greet, "127.0.0.1", self.port)

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._attend(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames = Frames()
        try:
            while data := await reader.read(4096):
                for found in frames.feed(data):
                    assert isinstance(found, Segment), found
                    packet = parse(found.raw)
                    self.heard.append(packet)
                    if self.deaf:
                        self.deaf -= 1
                    else:
                        writer.write(self.noise + frame(answer(packet)))
        finally:
            writer.close()

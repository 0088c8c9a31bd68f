"""A listener on a free port before a real journal, and a device at the other end of the socket."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from alerts.registry.model import Binding, Device, Format, Names, Registry
from collector.intake import Bindings, Intake
from collector.journaling import Journaling
from collector.judged import Counts, Judged
from collector.listeners.config import ListenerConfig
from collector.listeners.door import HouseDoor
from collector.listeners.room import Listeners
from edge.clock import Clock
from edge.contract.reading import Batch
from edge.journal.journal import Journal
from edge.journal.rows import Letter

SOON_S = 8.0

STATION = Device(
    id="station",
    site="riverside",
    names=Names(zh="水站"),
    format=Format.HJ212,
    address="ST01",
    bindings=(
        Binding(
            place="laobakou",
            metrics=("do", "ph", "nh3n"),
            mapping={"w21003-Avg.2061": "nh3n"},
        ),
    ),
)
BOARD = Device(
    id="board",
    site="riverside",
    names=Names(zh="充电桩"),
    format=Format.AP3000,
    address="04ab373b",
    bindings=(
        Binding(place="shed", metrics=("smoke", "voltage", "shed-temp")),
        Binding(place="shed", port="1", component="port:1", metrics=("power", "port-state")),
        Binding(
            place="shed", port="2", component="port:2", metrics=("power", "port-state", "energy")
        ),
    ),
)
REGISTRY = Registry(devices=(STATION, BOARD))


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


class House:
    """The part of the watch that listeners need."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.journaling = Journaling(journal)
        self.counts = Counts()
        self.intake = Intake(Bindings(Registry()), {})
        self.door = HouseDoor(self.journaling, Clock(), self.intake.tell, self._note)
        self.port = free_port()
        self.batches: list[Batch] = []
        self.said: list[str] = []
        self.listeners: Listeners | None = None
        self._lines: list[Line] = []

    async def dial(self) -> "Line":
        line = Line(*await asyncio.open_connection("127.0.0.1", self.port))
        self._lines.append(line)
        return line

    def hang_up(self) -> None:
        for line in self._lines:
            line.close()

    def _note(self, judged: Judged) -> None:
        self.counts.add(judged.counts)
        self.batches += judged.batches
        self.said += [said.status.state.value for said in judged.said]

    async def letters(self) -> list[Letter]:
        return await self.journaling.call(lambda journal: journal.letters())

    @property
    def peers(self):
        assert self.listeners is not None
        return self.listeners.counts


@asynccontextmanager
async def house(
    folder: Path, format: str = "hj212", registry: Registry = REGISTRY, **keys
) -> AsyncIterator[House]:
    one = House(Journal(folder / "journal.db"))
    one.door.use(registry)
    config = ListenerConfig(format=format, port=one.port, **keys)
    one.listeners = Listeners([config], one.door, Clock())
    tasks = [asyncio.create_task(one.journaling.run()), asyncio.create_task(one.listeners.run())]
    try:
        listeners = one.listeners
        await until(lambda: not listeners.why)
        yield one
    finally:
        one.hang_up()
        for task in reversed(tasks):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        one.door.close()
        await one.journaling.close()


class Line:
    """The device's end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def say(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def hear(self, size: int) -> bytes:
        async with asyncio.timeout(SOON_S):
            return await self._reader.readexactly(size)

    async def ended(self) -> bool:
        """Whether the other side hangs up, saying nothing more."""
        async with asyncio.timeout(SOON_S):
            try:
                return await self._reader.read(1) == b""
            except ConnectionError:
                return True

    async def silent(self, for_s: float = 0.2) -> bool:
        try:
            async with asyncio.timeout(for_s):
                await self._reader.read(1)
        except TimeoutError:
            return True
        return False

    def close(self) -> None:
        self._writer.close()


async def until(is_so) -> None:
    async with asyncio.timeout(SOON_S):
        while not is_so():  # noqa: ASYNC110 - sockets and threads have no event for it
            await asyncio.sleep(0.01)

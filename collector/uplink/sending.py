"""The uplink's two tasks: follow the journal into reports, and send them until they are acknowledged."""

import asyncio
import logging
import random
from collections.abc import Callable

from alerts.secrets import resolve
from collector.decoders.hj212 import DATA_ANSWER, parse
from collector.decoders.hj212_frame import Frames, Segment, frame
from collector.decoders.port import Garbled
from collector.follower import Follower
from collector.journaling import Journaling, Work
from collector.listeners.config import host_port
from collector.uplink.config import UplinkConfig, parted
from collector.uplink.reports import Report, Reports, qn
from edge.clock import Clock
from edge.contract.reading import Batch

log = logging.getLogger("collector.uplink")

CONNECT_S, ACK_S = 10.0, 15.0  # real seconds; then the receiver is not there
LOOK_S = 0.5  # real seconds between looks for a report that is due
BACK_OFF_S = (2.0, 300.0)
READ_BYTES = 4_096


class Uplink:
    """``run`` until cancelled; ``why`` says why nothing is taken, or "". ``sent`` counts reports."""

    def __init__(
        self,
        config: UplinkConfig,
        journaling: Journaling,
        follower: Follower,
        clock: Clock,
        *,
        back_off_s: tuple[float, float] = BACK_OFF_S,
        ack_s: float = ACK_S,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.why = ""
        self.sent = 0
        self.again = 0
        self._config = config
        self._journaling = journaling
        self._follower = follower
        self._clock = clock
        self._back_off_s = back_off_s
        self._ack_s = ack_s
        self._jitter = jitter
        self._key = f"uplink.{config.name}"
        self._line: _Line | None = None
        self.reports = Reports(
            interval_ms=config.interval_ms,
            keep_ms=round(config.keep_hours * 3_600_000),
            series={(config.site, *parted(name)): factor for name, factor in config.series.items()},
        )

    async def run(self) -> None:
        known = await self._journaling.call(lambda journal: journal.get(self._key))
        self.reports = Reports(
            interval_ms=self.reports.interval_ms,
            keep_ms=self.reports.keep_ms,
            series=self.reports.series,
            position=self._follower.position,
        )
        if isinstance(known, bytes):
            try:
                self.reports.load(known)
            except (ValueError, KeyError, TypeError) as error:
                log.error("uplink %s: what was sent cannot be read: %s", self._config.name, error)
        else:  # a new uplink begins with what comes from now on
            await self._follower.move(self._journaling.last)
            self.reports.position = self._follower.position
            await self._journaling.write(Work(puts=[(self._key, self.reports.dump())]))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._gather(), name=f"uplink-gather-{self._config.name}")
            group.create_task(self._send(), name=f"uplink-send-{self._config.name}")

    async def _gather(self) -> None:
        async for entries in self._follower:
            now_ms = self._clock.now_ms()
            for entry in entries:
                if isinstance(entry.what, Batch):
                    self.reports.feed(entry.position, entry.what, now_ms)
            self.reports.position = entries[-1].position
            self.reports.expire(now_ms)
            await self._follower.move(self.reports.settled)

    async def _send(self) -> None:
        pause_s = self._back_off_s[0]
        number, numbered = "", None
        try:
            while True:
                report = self.reports.next(self._clock.now_ms())
                if report is None:
                    await asyncio.sleep(LOOK_S)
                    continue
                if report is not numbered:  # a report keeps its number when it is sent again
                    number, numbered = qn(self._clock.now_ms()), report
                try:
                    await self._deliver(report, number)
                except (OSError, TimeoutError, EOFError) as error:
                    self._hang_up()
                    self.again += 1
                    text = f"uplink {self._config.name}: {self._config.to}: {str(error) or 'no answer'}"
                    if not self.why:
                        log.warning("%s", text)
                    self.why = text
                    await asyncio.sleep(pause_s * (0.5 + self._jitter() / 2))
                    pause_s = min(pause_s * 2, self._back_off_s[1])
                    continue
                self.why, pause_s = "", self._back_off_s[0]
                self.sent += 1
                self.reports.done(report)
                await self._follower.move(self.reports.settled)
                await self._journaling.write(Work(puts=[(self._key, self.reports.dump())]))
        finally:
            self._hang_up()

    async def _deliver(self, report: Report, number: str) -> None:
        """Until the receiver has said that it has it."""
        config = self._config
        if self._line is None:
            host, port = host_port(config.to)
            async with asyncio.timeout(CONNECT_S):
                self._line = _Line(*await asyncio.open_connection(host, port))
        password = resolve(config.password).reveal()
        head = f"QN={number};ST={config.st};CN={config.cn};PW={password};MN={config.mn};Flag=5;"
        segment = f"{head}CP=&&{report.body(config.cn)}&&".encode("ascii")
        async with asyncio.timeout(self._ack_s):
            await self._line.ask(frame(segment), number)

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None


class _Line:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._frames = Frames()

    async def ask(self, request: bytes, number: str) -> None:
        """Send it and wait for CN 9014 with its number; what else is said is not ours to obey."""
        self._writer.write(request)
        await self._writer.drain()
        while data := await self._reader.read(READ_BYTES):
            for found in self._frames.feed(data):
                if not isinstance(found, Segment):
                    continue
                try:
                    packet = parse(found.raw)
                except Garbled:
                    continue
                if packet.cn == DATA_ANSWER and packet.qn in (number, ""):
                    return
        raise EOFError("the receiver hung up")

    def close(self) -> None:
        self._writer.close()

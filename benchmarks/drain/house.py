"""A broker, a database and the watch on them, for what is measured while it lives."""

import os
import shutil
import socket
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from alerts.registry.model import Registry
from benchmarks.drain import ours, village
from benchmarks.drain.load import leave_session, publish
from benchmarks.drain.measure import CONNECT_S, DRAIN_S, Consumer
from tests.services.servers import HOST, Influxd, Mosquitto, free_port


class House:
    """``with House(folder, devices) as house``: all are running and the watch is connected.

    ``kind`` is the watch's (``ours.command``); ``desk`` starts the desk beside it, at ``desk_port``.
    ``known``, ``database`` and ``more`` are those of ``ours.settle``.
    """

    def __init__(
        self,
        folder: Path,
        devices: int,
        *,
        kind: str = "whole",
        desk: bool = False,
        known: Registry | None = None,
        database: str = "",
        more: str = "",
    ) -> None:
        self.devices = devices
        self.desk_port = free_port()
        self._kind = kind
        self._with_desk = desk
        self._known, self._database, self._more = known, database, more
        self.sent = 0
        self._folder = folder
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
            self.broker = stack.enter_context(Mosquitto(self._folder / "broker"))
            self.influx = stack.enter_context(Influxd(self._folder / "influx"))
            self.bucket = self.influx.new_bucket()
            self.config = ours.settle(
                self._folder / "ours",
                self.devices,
                self.broker,
                self.influx,
                self.bucket,
                desk_port=self.desk_port,
                known=self._known,
                database=self._database,
                more=self._more,
            )
            self.env = dict(os.environ) | {"INFLUX_TOKEN": self.influx.token}
            self.env |= {ours.DATABASE: self._database}
            # What is sent from now on waits for the watch, however long it takes to subscribe.
            address = self.broker.host, self.broker.port
            leave_session(*address, ours.CLIENT, ours.SUBSCRIPTIONS, version=5)
            seen = self.broker.log.read_bytes().count(_CONNECTED)
            command = ours.command(self.config, self._kind)
            log = self._folder / "watch.log"
            self.watch = stack.enter_context(Consumer(command, self.env, log))
            self.watch.wait(
                lambda: self.broker.log.read_bytes().count(_CONNECTED) > seen,
                "connection",
                CONNECT_S,
            )
            if self._with_desk:
                desk = [sys.executable, "-m", "collector.desk", str(self.config)]
                self.desk = stack.enter_context(Consumer(desk, self.env, self._folder / "desk.log"))
                self.desk.wait(self._has_desk, "desk", CONNECT_S)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _has_desk(self) -> bool:
        try:
            with socket.create_connection((HOST, self.desk_port), timeout=1):
                return True
        except OSError:
            return False

    @property
    def progress(self) -> ours.Progress:
        return ours.read(self.config)

    def tell(self, rounds: range, start_ms: int | None = None) -> int:
        """A message of five values of each device a round, dated a second apart up to now, or
        from ``start_ms`` on; how many."""
        if start_ms is None:
            start_ms = int(time.time()) * 1000 - rounds.stop * 1_000
        packs = village.packs(self.devices, rounds, start_ms)
        sent = publish(self.broker.host, self.broker.port, packs)
        self.sent += sent
        return sent

    def settle(self, *, stored: bool = True, within_s: float = DRAIN_S) -> None:
        """Until all that was told is judged, and stored."""

        def is_done() -> bool:
            done = self.progress
            # Messages are counted once they are on disk, and only then given to the rules.
            return (
                done.readings >= self.sent * village.READINGS
                and done.unjudged == 0
                and (not stored or done.stored >= self.sent * village.READINGS)
            )

        self.watch.wait(is_done, "end", within_s)


_CONNECTED = f" as {ours.CLIENT} ".encode()

"""The demo's house: its files, its processes, and their end.

Everything lives in one folder and on loopback: the broker, the phones and mailboxes, ``shouwang
serve`` with the watch and the desk, and one ``shouwang-edge run`` a device. All of them are told the
same scaled clock.
"""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import sys
import time
from asyncio.subprocess import Process
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from alerts.registry.toml import read
from alerts.store.operations import Operations
from collector.config import Config, read_config
from collector.demo import scenario
from collector.demo.inbox import Inbox
from collector.desk import DEMO_INBOX
from collector.errors import OutsideError
from collector.health import WatchStatus, read_watch
from edge.clock import VARIABLE, Clock

START_S = 30.0  # real seconds until the watch must be ready
LEAD_S = 3.0  # real seconds that the house takes to start, about
STOP_S = 5.0  # real seconds that a process has to end by itself
POLL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the caller asked for."""

    folder: Path
    port: int = 8420
    speed: float = 120.0
    once: bool = False
    begin_s: float | None = None
    """House time at which the script begins, seconds since 1970; None is as soon as all runs."""
    mqtt_url: str = ""
    store: str = "embedded"
    influx_url: str = ""
    influx_org: str = "shouwang"
    influx_bucket: str = "shouwang"
    influx_token: str = "env:INFLUX_TOKEN"


@dataclass(slots=True)
class House:
    """``async with House(wish) as house``: everything runs; leaving it ends what it started."""

    wish: Wish
    clock: Clock = field(init=False)
    begin_ms: int = 0
    config: Config = field(init=False)
    operations: Operations = field(init=False)
    inbox: Inbox = field(init=False)
    processes: dict[str, Process] = field(default_factory=dict)
    _environment: dict[str, str] = field(default_factory=dict)
    _broker_url: str = ""
    _inbox_ports: tuple[int, int] = (0, 0)

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def url(self) -> str:
        return self.config.public_url

    @property
    def devices(self) -> list[str]:
        return [name for name in self.processes if name.endswith(("-01", "-02"))]

    def watch(self) -> WatchStatus | None:
        """What the watch last wrote about itself."""
        return read_watch(self.config.watch_path)

    def measured(self, device: str) -> int | None:
        """How many readings the device has measured in all; None while it is still at it."""
        path = self.wish.folder / "devices" / f"{device}.json"
        if not path.exists():
            return None
        measured: int = json.loads(path.read_text("utf-8"))["measured"]
        return measured

    async def start_device(self, device: str) -> None:
        """Start (or start again) the agent of a device."""
        path = self.wish.folder / "devices" / f"{device}.toml"
        await self._start(device, "edge.cli", "run", str(path))

    async def close(self) -> None:
        """End what was started: devices first, so that they can still hand over."""
        order = [*self.devices, "serve", "broker"]
        for names in (order[:-2], order[-2:-1], order[-1:]):
            await asyncio.gather(*(self._stop(name) for name in names if name in self.processes))
        if hasattr(self, "inbox"):
            await self.inbox.close()
        if hasattr(self, "operations"):
            self.operations.close()

    # Opening

    async def _open(self) -> None:
        wish = self.wish
        house_s = time.time() if wish.begin_s is None else wish.begin_s - LEAD_S * wish.speed
        self.clock = Clock(time.time(), house_s, wish.speed)
        for name in ("devices", "logs", "state"):
            (wish.folder / name).mkdir(parents=True, exist_ok=True)
        await self._open_inbox()
        await self._open_broker()
        self.config = self._configure()
        self.operations = Operations(
            self.config.operations_url.reveal(), link_base=self.config.public_url
        )
        await asyncio.to_thread(self._register)
        # Devices before the server: they wait for it, and none is missed while it starts.
        self.begin_ms = self.clock.now_ms() if wish.begin_s is None else round(wish.begin_s * 1000)
        files = scenario.device_files(
            broker=self._broker_url,
            begin_ms=self.begin_ms,
            once=wish.once,
            resend_s=3 * wish.speed,
        )
        for device, text in files.items():
            (wish.folder / "devices" / f"{device}.toml").write_text(text, "utf-8")
            await self.start_device(device)
        await self._start("serve", "collector.serve", str(wish.folder / "shouwang.toml"))
        await self._until_ready()

    async def _open_inbox(self) -> None:
        key = secrets.token_hex(16)
        path = self.wish.folder / "inbox.jsonl"
        self._environment = {
            **os.environ,
            VARIABLE: self.clock.spell(),
            "SHOUWANG_DEMO_KEY": key,
            DEMO_INBOX: str(path),
        }
        web_port, mail_port = free_port(), free_port()
        for person in read(scenario.COMMUNITY).people:
            name = f"{DEMO_INBOX}_{person.id.upper()}"
            self._environment[name] = f"http://127.0.0.1:{web_port}/inbox/{person.id}"
        self.inbox = Inbox(path, key, self.clock)
        await self.inbox.open(web_port, mail_port)
        self._inbox_ports = (web_port, mail_port)

    async def _open_broker(self) -> None:
        if self.wish.mqtt_url:
            self._broker_url = self.wish.mqtt_url
            return
        port = free_port()
        self._broker_url = f"mqtt://127.0.0.1:{port}"
        await self._start("broker", "collector.demo.broker", "--port", str(port))
        await _until_open(port, "the demo's broker")

    def _configure(self) -> Config:
        wish = self.wish
        web_port, mail_port = self._inbox_ports
        lines = [
            'cell = "riverside"',
            'state = "state"',
            "[mqtt]",
            f'url = "{self._broker_url}"',
            # amqtt speaks 3.1.1 only
            f'protocol = "{"5" if wish.mqtt_url else "3.1.1"}"',
            "[desk]",
            f"port = {wish.port}",
            "[mail]",
            'host = "127.0.0.1"',
            f"port = {mail_port}",
            'security = "none"',
            "[notices]",
            f'allow = ["127.0.0.1:{web_port}"]',
            "[store]",
            f'kind = "{wish.store}"',
        ]
        if wish.store == "influx":
            lines += [
                f'url = "{wish.influx_url}"',
                f'org = "{wish.influx_org}"',
                f'bucket = "{wish.influx_bucket}"',
                f'token = "{wish.influx_token}"',
            ]
        path = wish.folder / "shouwang.toml"
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return read_config(path)

    def _register(self) -> None:
        self.operations.set_up()
        self.operations.save_registry(
            read(scenario.COMMUNITY), "demo", "the example community", self.clock.now()
        )

    async def _until_ready(self) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self.processes["serve"].returncode is not None:
                raise OutsideError(f"the house did not start; see {self._log('serve')}")
            status = self.watch()
            if status is not None and _is_linked(status) and await _is_open(self.wish.port):
                return
            await asyncio.sleep(POLL_S)
        raise OutsideError(f"the house was not ready in {START_S:.0f} s; see {self._log('serve')}")

    # Processes

    async def _start(self, name: str, module: str, *words: str) -> None:
        with self._log(name).open("ab") as log:
            self.processes[name] = await asyncio.create_subprocess_exec(
                sys.executable, "-m", module, *words,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                env=self._environment, start_new_session=True,
            )  # fmt: skip

    async def _stop(self, name: str) -> None:
        process = self.processes[name]
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()

    def _log(self, name: str) -> Path:
        return self.wish.folder / "logs" / f"{name}.log"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _until_open(port: int, name: str) -> None:
    deadline = time.monotonic() + START_S
    while not await _is_open(port):
        if time.monotonic() > deadline:
            raise OutsideError(f"{name} did not open port {port} in {START_S:.0f} s")
        await asyncio.sleep(POLL_S)


async def _is_open(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


def _is_linked(status: WatchStatus) -> bool:
    return any(part.name == "link" and part.ok for part in status.parts)

"""The demo's house: its files, its processes, and their end.

Everything lives in one folder and on loopback: the broker, the phones and mailboxes, ``shouwang
serve`` with the watch and the desk, and one ``shouwang-edge run`` a device. All of them are told the
same scaled clock.
"""

import asyncio
import contextlib
import errno
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
from alerts.secrets import SecretError, resolve
from alerts.store.operations import Operations
from collector.config import Config, StoreConfig, StoreKind, read_config
from collector.demo import scenario
from collector.demo.inbox import Inbox
from collector.desk import DEMO_INBOX
from collector.errors import ConfigError, OutsideError
from collector.health import WatchStatus, read_watch
from collector.opening import open_store
from collector.stores.port import StoreUnavailable
from edge.clock import VARIABLE, Clock

START_S = 30.0  # real seconds until the watch must be ready
LEAD_S = 3.0  # real seconds that the house takes to start, about
STOP_S = 5.0  # real seconds that a process has to end by itself
POLL_S = 0.1
TAIL_LINES, TAIL_BYTES = 12, 8_192  # of a log, in an error


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
    mqtt_user: str = ""
    mqtt_password: str = ""
    """``user`` may be, ``password`` must be a reference: ``env:NAME``, ``file:PATH``."""
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
        return list(scenario.DEVICES)

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
        look_at_port(wish.port)
        await _look_at_store(wish)
        house_s = time.time() if wish.begin_s is None else wish.begin_s - LEAD_S * wish.speed
        self.clock = Clock(time.time(), house_s, wish.speed)
        for name in ("devices", "logs", "state"):
            (wish.folder / name).mkdir(parents=True, exist_ok=True)
        await self._open_inbox()
        await self._open_broker()
        self.config = self._configure()
        self.config.clock_path.write_text(self.clock.spell(), "ascii")
        self.operations = Operations(
            self.config.operations_url.reveal(), link_base=self.config.public_url
        )
        await asyncio.to_thread(self._register)
        # Devices before the server: they wait for it, and none is missed while it starts.
        self.begin_ms = self.clock.now_ms() if wish.begin_s is None else round(wish.begin_s * 1000)
        files = scenario.device_files(
            mqtt=self._mqtt_keys(resolve(wish.mqtt_user).reveal()),
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
        deadline = time.monotonic() + START_S
        while not await _is_open(port):
            if self.processes["broker"].returncode is not None or time.monotonic() > deadline:
                raise OutsideError(f"the demo's broker did not start{self._last_words('broker')}")
            await asyncio.sleep(POLL_S)

    def _configure(self) -> Config:
        wish = self.wish
        web_port, mail_port = self._inbox_ports
        # On a broker that outlives us a session of another run would hand us its messages.
        cell = f"riverside-{secrets.token_hex(4)}" if wish.mqtt_url else "riverside"
        lines = [
            f'cell = "{cell}"',
            'state = "state"',
            "[mqtt]",
            self._mqtt_keys(wish.mqtt_user),
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
                f"url = {json.dumps(wish.influx_url)}",
                f"org = {json.dumps(wish.influx_org)}",
                f"bucket = {json.dumps(wish.influx_bucket)}",
                f"token = {json.dumps(wish.influx_token)}",
            ]
        path = wish.folder / "shouwang.toml"
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return read_config(path)

    def _mqtt_keys(self, user: str) -> str:
        """Where the broker is and who we are there, for a table [mqtt]."""
        keys = {
            "url": self._broker_url,
            "user": user,
            "password": self.wish.mqtt_password,
            # amqtt speaks 3.1.1 only, and never answers to a 5
            "protocol": "5" if self.wish.mqtt_url else "3.1.1",
        }
        # A JSON text is a TOML text, too.
        return "\n".join(f"{key} = {json.dumps(text)}" for key, text in keys.items() if text)

    def _register(self) -> None:
        self.operations.set_up()
        self.operations.save_registry(
            read(scenario.COMMUNITY), "demo", "the example community", self.clock.now()
        )

    async def _until_ready(self) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            status = self.watch()
            if self.processes["serve"].returncode is not None:
                raise OutsideError(f"the house did not start{self._last_words('serve')}")
            if status is not None and _is_linked(status) and await _is_open(self.wish.port):
                return
            await asyncio.sleep(POLL_S)
        status = self.watch()
        missing = (
            [f"{part.name}: {part.why}" for part in status.parts if part.why] if status else []
        )
        why = f" ({'; '.join(missing)})" if missing else ""
        raise OutsideError(
            f"the house was not ready in {START_S:.0f} s{why}{self._last_words('serve')}"
        )

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

    def _last_words(self, name: str) -> str:
        """The end of a log, for an error: the folder may be gone when it is read."""
        with self._log(name).open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - TAIL_BYTES))
            lines = log.read().decode("utf-8", "replace").splitlines()[-TAIL_LINES:]
        if not lines:
            return f"; {name} said nothing"
        return "\n".join([f"; the last words of {name}:", *(f"  {line}" for line in lines)])


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def look_at_port(port: int) -> None:
    """OutsideError when the pages cannot be served there."""
    try:
        with socket.create_server(("127.0.0.1", port)):
            pass
    except OSError as error:
        why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error})"
        raise OutsideError(f"port {port} {why}; name another with --port") from error


async def _look_at_store(wish: Wish) -> None:
    """ConfigError when readings of another run would spoil the account."""
    if wish.store != StoreKind.INFLUX:
        return  # a file in an empty folder
    store_config = StoreConfig(
        kind=StoreKind.INFLUX,
        url=wish.influx_url,
        org=wish.influx_org,
        bucket=wish.influx_bucket,
        token=wish.influx_token,
    )
    try:
        store = open_store(Config(state=wish.folder, store=store_config))
    except SecretError as error:
        raise ConfigError([f"--influx-token {error}"]) from error
    try:
        await store.set_up()
        held = await store.count()
    except StoreUnavailable as error:
        raise OutsideError(str(error)) from error
    finally:
        await store.close()
    if held:
        raise ConfigError(
            [f"--influx-bucket {wish.influx_bucket}: holds {held:,} points; name a new one"]
        )


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

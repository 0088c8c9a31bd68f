"""`shouwang demo`: the whole house on this machine, on recordings, on one scaled clock."""

import argparse
import asyncio
import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from alerts.incidents.model import Incident, State
from alerts.notify.notice import Notice
from alerts.secrets import SecretError, is_reference, resolve
from alerts.store.errors import StoreError
from alerts.words import Severity
from collector.commands.common import complain
from collector.demo import scenario
from collector.demo.account import Account, missing
from collector.demo.house import House, Wish, free_port
from collector.errors import EXIT_CONFIG, EXIT_OUTSIDE, ConfigError, OutsideError
from collector.opening import open_store

PORT = 8420
SPEED = 120.0  # a house hour in half a minute: the first incident within ten seconds
ONCE_SPEED = 360.0  # as fast as two cores play it without a wait of a rule becoming a race
ONCE_BEGINS_H = 10  # UTC, 18:00 in the community: the same notices whatever the hour is here
ONCE_LONGEST_S = 300.0  # real seconds beyond the length of the script
PAGE = 200


def main(argv: Sequence[str]) -> int:
    arguments = _parser().parse_args(list(argv)[1:])
    try:
        _refuse(arguments)
        with _folder(arguments.data) as folder:
            return asyncio.run(_run(_wish(arguments, folder)))
    except ConfigError as error:
        complain(error.problems)
        return EXIT_CONFIG
    except (OutsideError, StoreError) as error:
        complain([f"shouwang demo: {error}"])
        return EXIT_OUTSIDE
    except KeyboardInterrupt:
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="shouwang demo",
        description="The whole house on this machine, on recordings shifted to now.",
    )
    parser.add_argument("--once", action="store_true", help="play through, print the account, end")
    parser.add_argument("--port", type=int, help=f"of the pages ({PORT}; any free one with --once)")
    parser.add_argument(
        "--speed",
        type=float,
        help=f"of the house clock ({SPEED:.0f}; {ONCE_SPEED:.0f} with --once)",
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="keep everything here, not in /tmp"
    )
    parser.add_argument("--mqtt-url", default="", metavar="URL", help="a real broker, MQTT 5")
    parser.add_argument("--mqtt-user", default="", metavar="NAME", help="there, or a reference")
    parser.add_argument(
        "--mqtt-password", default="", metavar="REFERENCE", help="there: env:NAME or file:PATH"
    )
    parser.add_argument("--store", choices=["embedded", "influx"], default="embedded")
    parser.add_argument("--influx-url", default="", metavar="URL")
    parser.add_argument("--influx-org", default="shouwang", metavar="NAME")
    parser.add_argument("--influx-bucket", default="shouwang", metavar="NAME")
    parser.add_argument(
        "--influx-token",
        default="env:INFLUX_TOKEN",
        metavar="REFERENCE",
        help="env:NAME or file:PATH (%(default)s)",
    )
    return parser


def _speed(arguments: argparse.Namespace) -> float:
    default = ONCE_SPEED if arguments.once else SPEED
    return default if arguments.speed is None else float(arguments.speed)


def _refuse(arguments: argparse.Namespace) -> None:
    """ConfigError with every option that cannot be, before anything is made or started."""
    problems = []
    speed = _speed(arguments)
    if not 1 <= speed <= 400:
        problems.append(f"--speed {speed:g}: from 1 to 400; beyond, waits become races")
    if arguments.port is not None and not 1 <= arguments.port <= 65535:
        problems.append(f"--port {arguments.port}: a port lies between 1 and 65535")
    if arguments.store == "influx" and not arguments.influx_url:
        problems.append("--store influx: needs --influx-url http://host:8086")
    user, password = arguments.mqtt_user, arguments.mqtt_password
    if (user or password) and not arguments.mqtt_url:
        problems.append("--mqtt-user, --mqtt-password: are for the broker that --mqtt-url names")
    if password and not user:
        problems.append("--mqtt-password: needs --mqtt-user beside it")
    if password and not is_reference(password):
        problems.append("--mqtt-password: write a reference, env:NAME or file:PATH")
    for option, text in (("--mqtt-user", user), ("--mqtt-password", password)):
        try:
            resolve(text)
        except SecretError as error:
            problems.append(f"{option} {error}")
    if problems:
        raise ConfigError(problems)


def _wish(arguments: argparse.Namespace, folder: Path) -> Wish:
    once = bool(arguments.once)
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return Wish(
        folder=folder,
        port=arguments.port or (free_port() if once else PORT),
        speed=_speed(arguments),
        once=once,
        begin_s=midnight.timestamp() + ONCE_BEGINS_H * 3600 if once else None,
        mqtt_url=arguments.mqtt_url,
        mqtt_user=_absolute(arguments.mqtt_user),
        mqtt_password=_absolute(arguments.mqtt_password),
        store=arguments.store,
        influx_url=arguments.influx_url,
        influx_org=arguments.influx_org,
        influx_bucket=arguments.influx_bucket,
        influx_token=_absolute(arguments.influx_token),
    )


def _absolute(reference: str) -> str:
    """The same reference for a process that reads it from a file in another folder."""
    kind, _, name = reference.partition(":")
    return f"file:{Path(name).absolute()}" if kind == "file" and name else reference


@contextlib.contextmanager
def _folder(wished: Path | None) -> Iterator[Path]:
    if wished is not None:
        wished.mkdir(parents=True, exist_ok=True)
        if any(wished.iterdir()):
            raise ConfigError([f"--data {wished}: is not empty; name an empty or a new folder"])
        yield wished.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="shouwang-demo-") as folder:
        yield Path(folder)


async def _run(wish: Wish) -> int:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    console = Console()
    console.print("守望 demo: starting the broker, the watch, the desk and five devices …")
    started = time.monotonic()
    async with House(wish) as house:
        console.print(f"  open [bold]{house.url}/[/]   (messages: {house.url}/demo/inbox)")
        console.print(f"  one second here is {wish.speed:g} s in the house")
        with Live(console=console, refresh_per_second=2, transient=wish.once) as live:
            if wish.once:
                account = await play(house, stopped, lambda: live.update(_summary(house)))
            else:
                while not stopped.is_set():
                    live.update(await asyncio.to_thread(_summary, house))
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(stopped.wait(), 1.0)
                console.print("ending …")
                return 0
    return _tell(account, console, time.monotonic() - started)


async def play(
    house: House, stopped: asyncio.Event, show: Callable[[], None] = lambda: None
) -> Account:
    """Wait until the script is through and the house has dealt with all of it; the account."""
    started = time.monotonic()
    end_ms = house.begin_ms + int(scenario.LENGTH_S * 1000)
    longest = started + house.clock.real(scenario.LENGTH_S) + ONCE_LONGEST_S
    target: int | None = None  # the journal's position once the devices had handed over all
    while time.monotonic() < longest and not stopped.is_set():
        show()
        over = house.clock.now_ms() >= end_ms
        done = all(house.measured(device) is not None for device in house.devices)
        status = house.watch()
        if over and done and status is not None:
            if target is None:
                target = status.position
            elif await asyncio.to_thread(_has_dealt_with, house, target):
                break
        await asyncio.sleep(0.5)
    return await account(house, time.monotonic() - started)


async def account(house: House, seconds: float) -> Account:
    """Count both ends."""
    incidents, notices = await asyncio.to_thread(_told, house)
    store = open_store(house.config, read_only=True)
    try:
        await store.set_up()
        stored = await store.count()
    finally:
        await store.close()
    status = house.watch()
    counters = status.counters if status else {}
    unfinished = [device for device in house.devices if house.measured(device) is None]
    return Account(
        measured=sum(house.measured(device) or 0 for device in house.devices),
        stored=stored,
        doubles=int(counters.get("doubles", 0)),
        dead=int(counters.get("dead", 0)),
        incidents=len(incidents),
        notices=sum(1 for notice in notices if notice.settled_at is not None),
        received=house.inbox.received,
        house_hours=(house.clock.now_ms() - house.begin_ms) / 3_600_000,
        seconds=seconds,
        missing=(
            *(f"{device} has not handed over all it measured" for device in unfinished),
            *missing(scenario.EXPECTED, incidents, notices, house.clock.now()),
        ),
    )


def _told(house: House) -> tuple[list[Incident], list[Notice]]:
    operations = house.operations
    incidents: list[Incident] = []
    while page := operations.incidents(before=incidents[-1].id if incidents else None, limit=PAGE):
        incidents += page
    notices: list[Notice] = []
    while more := operations.notices(before=notices[-1].id if notices else None, limit=PAGE):
        notices += more
    return incidents, notices


def _has_dealt_with(house: House, target: int) -> bool:
    """Whether rules and store have passed this position, and no notice is waiting."""
    status = house.watch()
    if status is None:
        return False
    reached = [status.position - status.depth.get(name, 0) for name in ("rules", "store")]
    return min(reached) >= target and not house.operations.due(house.clock.now(), 1)


def _summary(house: House) -> Table:
    status = house.watch()
    counters = status.counters if status else {}
    table = Table.grid(padding=(0, 2))
    local = house.clock.now().astimezone().strftime("%m-%d %H:%M")
    parts = [part for part in (status.parts if status else ()) if not part.ok]
    state = Text("系统正常 all well", "green") if status and not parts else Text("…", "yellow")
    for part in parts:
        state = Text(f"{part.name}: {part.why}", "red")
    table.add_row("house time", local, "watch", state)
    table.add_row(
        "readings", f"{int(counters.get('readings', 0)):,}",
        "messages sent", f"{house.inbox.received:,}",
    )  # fmt: skip
    try:
        found = house.operations.open_incidents()
    except Exception:  # the database may be busy; the next look is in a second
        found = []
    for incident in found[:6]:
        style = "red" if incident.severity >= Severity.MAJOR else "yellow"
        if incident.state in (State.ACKNOWLEDGED, State.RECOVERED):
            style = "dim"
        table.add_row(
            f"#{incident.id}",
            Text(incident.rule, style),
            str(incident.subject),
            incident.state.value,
        )
    return table


def _tell(account: Account, console: Console, seconds: float) -> int:
    table = Table(title="守望 demo --once", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, figure in account.rows():
        table.add_row(name, figure)
    console.print(table)
    for sentence in account.missing:
        console.print(f"missing: {sentence}", style="red")
    if account.measured != account.stored:
        console.print("measured and stored differ", style="red")
    console.print(
        f"{'complete' if account.ok else 'NOT complete'}, {seconds:.0f} s with start and end"
    )
    return 0 if account.ok else 1


if __name__ == "__main__":
    raise SystemExit(main(["demo", *sys.argv[1:]]))

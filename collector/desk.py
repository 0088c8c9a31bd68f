"""The desk's process: opens what the watch has written and serves the pages (`shouwang serve`).

It reads the journal for what is live, the store for history, the operations database for the rest,
and writes people's acts into the operations database. When it dies, alarms go on.
"""

import argparse
import asyncio
import errno
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from alerts.links import Links
from alerts.notify.webpush import Misfit, page_key
from alerts.secrets import SecretError, resolve
from alerts.store.errors import StoreMisfit, StoreUnavailable
from alerts.store.operations import Operations
from collector import health, records
from collector import log as logs
from collector.config import Config, read_config
from collector.demo.inbox_file import InboxFile
from collector.errors import EXIT_CONFIG, EXIT_OUTSIDE, ConfigError, OutsideError
from collector.exposition import prometheus
from collector.gaps_keeping import GapsFile
from collector.health import read_watch
from collector.latest import KeptHistory
from collector.link_key import link_key
from collector.opening import open_store
from collector.own_packs import packs_for_pages
from dashboards.console.app import make_app
from dashboards.ports import (
    Desk,
    DeviceSight,
    History,
    HouseFigures,
    Part,
    Push,
    Settings,
    WatchStatus,
)
from edge.clock import Clock
from edge.contract.reading import Batch
from edge.journal.tail import Tail

log = logging.getLogger("collector.desk")

POLL_S = 0.25  # real seconds between looks at the journal's tail
READ_ROWS = 500
STALE_S = 30.0  # house seconds; a watch writes its status each real second
STALE_REAL_S = 10.0
SHUTDOWN_S = 2.0
NICE = 10  # where both want a processor, the watch has it: pages may wait, alarms may not
DEMO_INBOX = "SHOUWANG_DEMO_INBOX"  # the demo tells the desk where its phones keep their messages


class JournalLive:
    """New readings from the journal's tail; a replaced journal is followed from its start."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def follow(self) -> AsyncIterator[Batch]:
        tail = Tail(self._path)
        try:
            journal, position = tail.id, tail.last
            while True:
                if tail.id != journal:
                    journal, position = tail.id, 0
                rows = await asyncio.to_thread(tail.read, position, READ_ROWS)
                for row in rows:
                    position = row.position
                    if row.kind == records.READINGS:
                        what = records.entry(row).what
                        if isinstance(what, Batch):
                            yield what
                if not rows:
                    await asyncio.sleep(POLL_S)
        finally:
            tail.close()


class WatchFile:
    """What the watch last wrote about itself."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> WatchStatus | None:
        status = read_watch(self._path)
        if status is None:
            return None
        return WatchStatus(
            at=status.at,
            parts=tuple(
                Part(name=p.name, ok=p.ok, why=p.why, since=_utc(p.since_ms)) for p in status.parts
            ),
            house=figures(status),
            devices=tuple(
                DeviceSight(
                    site=device.site,
                    device=device.device,
                    online=device.online,
                    seen_ms=device.seen_ms,
                    firmware=device.firmware,
                    waiting=device.waiting,
                    cuts_ms=device.cuts_ms,
                    # When its packs arrive tells its clock better than its own word.
                    clock_s=device.clock_s if device.skew_s is None else device.skew_s,
                )
                for device in status.devices
            ),
        )


def figures(status: health.WatchStatus) -> HouseFigures:
    """What the page of the house shows of the watch's status."""
    delays = status.delays.get("store")
    outbox, stages = status.outbox, status.synthetic
    is_standing = any(part.name == "whole-way" and not part.ok for part in status.parts)
    return HouseFigures(
        journal_entries=status.journal_entries,
        journal_share=status.journal_share,
        depth=status.depth,
        lag_s=status.lag_s,
        store_delay_s=delays.quantile_s(0.99) if delays and any(delays.counts) else None,
        store_away_s=status.store_away_s,
        outbox_due=outbox.waiting + outbox.retrying,
        outbox_oldest_s=outbox.oldest_s,
        outbox_stuck_s=outbox.stuck_s,
        whole_way_s=sum(stages.values()) if stages and not is_standing else None,
        disk_free_bytes=status.disk_free_bytes,
        disk_bytes=status.disk_bytes,
    )


class WatchMeter:
    """The watch's counters as Prometheus text."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def text(self) -> str:
        status = read_watch(self._path)
        return prometheus(status) if status else ""


def make_desk(config: Config, history: History, operations: Operations, clock: Clock) -> Desk:
    """Every port of the pages, filled."""
    inbox = os.environ.get(DEMO_INBOX)
    packs = packs_for_pages(config.rules.packs)
    return Desk(
        operations=operations,
        history=history,
        live=JournalLive(config.journal_path),
        packs=packs,
        watch=WatchFile(config.watch_path),
        clock=clock,
        settings=Settings(
            version=_version(),
            demo=bool(inbox),
            allowed_hosts=config.desk.allowed_hosts,
            watch_stale_s=max(STALE_S, STALE_REAL_S * clock.speed),
        ),
        accounts=GapsFile(config.gaps_path, clock),
        meter=WatchMeter(config.watch_path),
        inbox=InboxFile(Path(inbox)) if inbox else None,
        links=Links(link_key(config.state)),
        push=web_push(config),
    )


def web_push(config: Config) -> Push | None:
    """How browsers register themselves; None where the key is not given, or is none."""
    if not config.webpush.key:
        return None
    try:
        key = page_key(resolve(config.webpush.key).reveal())
    except (SecretError, Misfit) as error:
        log.error("browsers cannot register themselves: %s", error)
        return None
    except ImportError:
        log.error("browsers cannot register themselves; install the extra: shouwang[push]")
        return None
    allow = frozenset(entry.lower() for entry in config.notices.allow)
    return Push(key=key, abroad=config.notices.abroad, allow=allow)


async def serve(config: Config, clock: Clock) -> None:
    """Serve the pages until SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    operations = Operations(
        config.operations_url.reveal(),
        link_base=config.public_url,
        links=Links(link_key(config.state)),
    )
    await asyncio.to_thread(operations.set_up)
    # Not asked for here: the desk comes up without its store, and /readyz says what is missing.
    store = open_store(config, clock=clock, read_only=True)
    history = KeptHistory(store, config.journal_path)
    desk = make_desk(config, history, operations, clock)
    runner = web.AppRunner(make_app(desk), access_log=None, shutdown_timeout=SHUTDOWN_S)
    try:
        await runner.setup()
        await _open(runner, config)
        log.info("the desk serves", extra={"facts": {"port": config.desk.port}})
        await stopped.wait()
    finally:
        await runner.cleanup()
        history.close()
        await store.close()
        await asyncio.to_thread(operations.close)


async def _open(runner: web.AppRunner, config: Config) -> None:
    host, port = config.desk.host, config.desk.port
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        remedy = "end the program that has it, or name another port under [desk]"
        if error.errno != errno.EADDRINUSE:
            remedy = "name another under [desk]"
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise OutsideError(
            f"the desk cannot serve on {host} port {port} ({reason}); {remedy}"
        ) from error


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m collector.desk")
    parser.add_argument("config", type=Path)
    arguments = parser.parse_args(argv)
    try:
        config = read_config(arguments.config)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_CONFIG
    logs.set_up("desk")
    os.nice(NICE)
    try:
        asyncio.run(serve(config, Clock.from_environment()))
    except StoreMisfit as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_CONFIG
    except (OutsideError, StoreUnavailable) as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_OUTSIDE
    return 0


def _utc(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("shouwang")
    except PackageNotFoundError:
        return "0"


if __name__ == "__main__":
    raise SystemExit(main())

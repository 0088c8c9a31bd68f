"""The watch, fed from a journal beside it, killing itself (SIGKILL) at a named point.

``SHOUWANG_CHAOS_POINT`` is ``name`` or ``name:n`` for the n-th time that the point is passed;
``SHOUWANG_CHAOS_FEED`` the journal with what arrives, each record when its time has come by the
house's clock. Only this entry knows them.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from alerts.rules.inputs import Sight
from alerts.store.operations import Operations
from collector import judging, snapshots, watch
from collector.config import read_config
from collector.follower import Follower
from collector.journaling import Journaling, Work
from collector.operating import Operating
from collector.records import entry
from edge.clock import VARIABLE, Clock
from edge.journal.tail import Tail

POINT, FEED = "SHOUWANG_CHAOS_POINT", "SHOUWANG_CHAOS_FEED"
FED = "chaos-fed"
FEED_ROWS, FEED_PAUSE_S = 200, 0.02
POINTS = (
    "journalled",  # committed, and nobody has been told of it
    "judged",  # the rules have spoken, and nothing of it is committed
    "committing",  # within the transaction
    "told",  # committed, and the snapshot is older
    "saving",  # the snapshot is half written
    "saved",  # it is whole, and the cursor is older
    "revising",  # the registry is in the database, and not in the journal
    "revised",  # and in the journal, and nobody uses it yet
    "catching-up",  # in the midst of what the journal had waiting
)  # fmt: skip


def arm(name: str, nth: int) -> None:
    """Let this process be killed when it passes the point for the nth time."""
    left = nth

    def pass_by() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    if name == "journalled":
        _before(
            Journaling, "_settle", pass_by, lambda room, group, first: any(w.said for w in group)
        )
    elif name == "judged":
        _before(Operating, "take", pass_by)
    elif name == "committing":
        _before(Operations, "_apply", pass_by)
    elif name == "told":
        _after(Operating, "take", pass_by)
    elif name == "saving":
        replace_snapshot = snapshots.replace_snapshot

        def half(path: Path, pieces: Iterable[bytes]) -> None:
            data = b"".join(pieces)
            if left == 1:
                path.with_name(path.name + ".new").write_bytes(data[: len(data) // 2])
            pass_by()
            replace_snapshot(path, [data])

        judging.replace_snapshot = half  # type: ignore[attr-defined]
    elif name == "saved":
        replace_whole = snapshots.replace_snapshot

        def whole(path: Path, pieces: Iterable[bytes]) -> None:
            replace_whole(path, pieces)
            pass_by()

        judging.replace_snapshot = whole  # type: ignore[attr-defined]
    elif name == "revising":
        _before(watch.Watch, "_adopt", pass_by, lambda one, registry: registry != one._known)
    elif name == "revised":
        _before(watch.Watch, "_use", pass_by, lambda one, registry, fresh=True: fresh)
    elif name == "catching-up":
        _after(Follower, "_from_journal", pass_by, lambda one: one.name == "rules")
    else:
        raise ValueError(f"there is no point {name!r}; there are {', '.join(POINTS)}")


def _before(
    where: Any, name: str, act: Callable[[], None], when: Callable[..., bool] = lambda *_: True
) -> None:
    plain = getattr(where, name)

    def passing(self: Any, *words: Any, **more: Any) -> Any:
        if when(self, *words, **more):
            act()
        return plain(self, *words, **more)

    setattr(where, name, passing)


def _after(
    where: Any, name: str, act: Callable[[], None], when: Callable[..., bool] = lambda *_: True
) -> None:
    plain: Callable[..., Awaitable[Any]] = getattr(where, name)

    async def passing(self: Any, *words: Any) -> Any:
        found = await plain(self, *words)
        if when(self):
            act()
        return found

    setattr(where, name, passing)


class FedWatch(watch.Watch):
    """What arrives comes out of a journal, once: how far it came is committed with it."""

    async def _begin(self) -> None:
        await super()._begin()
        if path := os.environ.get(FEED):
            self._feeding = asyncio.create_task(self._feed(Path(path)), name="feed")

    async def _feed(self, path: Path) -> None:
        fed = int(await self.journaling.call(lambda journal: journal.get(FED)) or 0)
        now_ms = self.clock.now_ms()
        await self.journaling.write(Work(said=[(now_ms, Sight(True, now_ms))]))
        with Tail(path) as tail:
            while True:
                now_ms = self.clock.now_ms()
                due = [row for row in tail.read(fed, FEED_ROWS) if row.at_ms <= now_ms]
                if due:
                    fed = due[-1].position
                    said = [(now_ms, entry(row).what) for row in due]
                    await self.journaling.write(Work(said=said, puts=[(FED, fed)]))
                if len(due) < FEED_ROWS:
                    await asyncio.sleep(FEED_PAUSE_S)


def run(config: Path, log: Path, environment: Mapping[str, str]) -> None:
    """The whole process, from a server that has its modules already."""
    with log.open("ab") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    os.environ |= environment
    # What a watch without a broker says of it, each time.
    logging.getLogger("collector.link").setLevel(logging.CRITICAL)
    sys.exit(main([str(config)]))


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("config", type=Path)
    asked = parser.parse_args(words)
    judging.SAVE_S, judging.SAVE_SHARE = 0.1, 5  # often, so that the points about it are passed
    name, _, nth = os.environ.get(POINT, "").partition(":")
    if name:
        arm(name, int(nth or 1))
    asyncio.run(_serve(asked.config))
    return 0


async def _serve(config: Path) -> None:
    one = FedWatch(read_config(config), Clock.from_environment())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, one.stop)
    await one.run()


__all__ = ["FEED", "POINT", "POINTS", "VARIABLE", "arm", "main", "run"]

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

"""Keeping the gaps: a consumer of the journal with one snapshot file, which the desk reads.

What came after the snapshot is read again after a restart. If the file is lost, the journal tells
what it still holds.
"""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

import orjson

from alerts.registry.model import Registry
from collector.follower import Follower
from collector.gaps import Gaps, Who
from collector.gaps_report import completeness, lost_share, missing
from collector.house import House
from collector.journaling import Journaling, Work
from collector.snapshots import replace_snapshot
from dashboards.ports import Completeness, GapKind
from edge.clock import Clock
from edge.contract.ranges import Ranges
from edge.journal.journal import Journal

log = logging.getLogger("collector.gaps")

SAVE_S = 10.0  # real seconds
SAVE_SHARE = 50  # a save waits so many times as long as the last one took: it is 2 % of the time
FED, WRITTEN = 1_000, 200  # entries and devices before the loop may turn: a millisecond
LOST_SHARE = "lost-share"


class GapsKeeping:
    """``missing`` counts by device what is missing, as of the last save."""

    def __init__(
        self, journaling: Journaling, follower: Follower, path: Path, clock: Clock, house: House
    ) -> None:
        self.missing: dict[Who, dict[GapKind, int]] = {}
        self._journaling = journaling
        self._follower = follower
        self._path = path
        self._clock = clock
        self._house = house
        self._registry: Registry | None = None
        self._telling: set[Who] = set()
        self.gaps = Gaps()

    def use(self, registry: Registry) -> None:
        """For the first time that is: later ones are heard of in their place in the journal."""
        if self._registry is None:
            self.gaps.use(registry)
        self._registry = registry

    async def run(self) -> None:
        """Until cancelled; the snapshot is saved then, too."""
        loop = asyncio.get_running_loop()
        gaps = self.gaps = load(self._path)
        if self._registry is not None:
            gaps.use(self._registry)
        gaps.begin(self._follower.journal)
        gaps.position = min(gaps.position, self._follower.last)
        await self._follower.move(gaps.position)
        saved, next_s = gaps.position, loop.time()
        try:
            async for entries in self._follower:
                for number, entry in enumerate(entries, 1):
                    try:
                        gaps.feed(entry)
                    except Exception:  # a bug that one record meets must not hold the journal up
                        log.exception("record %d is passed over here; report this", entry.position)
                    if number % FED == 0:
                        await asyncio.sleep(0)
                if loop.time() >= next_s:
                    began_s = loop.time()
                    await self._settle()
                    await self._save()
                    saved = gaps.position
                    await self._tell()
                    next_s = loop.time() + max(SAVE_S, SAVE_SHARE * (loop.time() - began_s))
        finally:
            if gaps.position > saved:
                await asyncio.shield(self._save())

    async def _settle(self) -> None:
        """Ask the journal what it holds of the holes that nobody has given a reason for."""
        asked = [
            (f"{site}/{device}", run)
            for (site, device), trail in self.gaps.trails.items()
            for run, stretch in trail.runs.items()
            if any(not hole.reason for hole in stretch.holes)
        ]
        if asked:
            self.gaps.settle(await self._journaling.call(lambda journal: _held(journal, asked)))

    async def _save(self) -> None:
        position, lines = self.gaps.position, []
        for number, line in enumerate(self.gaps.dump(), 1):
            lines.append(line)
            if number % WRITTEN == 0:
                await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, replace_snapshot, self._path, [b"\n".join(lines)])
        await self._follower.move(position)

    async def _tell(self) -> None:
        """Count what is missing, and say which share of what a device measured is lost."""
        now_ms = self._clock.now_ms()
        self.missing, said = {}, []
        for number, (who, trail) in enumerate(list(self.gaps.trails.items()), 1):
            if number % WRITTEN == 0:
                await asyncio.sleep(0)
            found = missing(trail)
            if found:
                self.missing[who] = found
                self._telling.add(who)
            if who in self._telling:
                account = completeness(self.gaps, who, now_ms)
                share = lost_share(account.days) if account else 0.0
                said += self._house.said(LOST_SHARE, share, now_ms, who)
        if said:
            await self._journaling.write(Work(said=said))


class GapsFile:
    """The same for whoever reads the snapshot: the desk and the command line."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock

    def of(self, site: str, device: str) -> Completeness | None:
        """The account of one device; None when nothing is known of it."""
        try:
            head, *lines = self._path.read_bytes().split(b"\n")
            begin = orjson.dumps([site, device])[:-1] + b","
            gaps = Gaps.load([head, *(line for line in lines if line.startswith(begin))])
        except FileNotFoundError:
            return None
        except ValueError as error:
            log.warning("%s %s", self._path, error)
            return None
        return completeness(gaps, (site, device), self._clock.now_ms())


def load(path: Path) -> Gaps:
    """What was saved; a new beginning where nothing was, or it cannot be read."""
    try:
        return Gaps.load(path.read_bytes().split(b"\n"))
    except FileNotFoundError:
        return Gaps()
    except ValueError as error:
        log.error("%s %s; gaps are told from what the journal holds", path, error)
        return Gaps()


def _held(journal: Journal, asked: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Ranges]:
    ranges = journal.ranges()
    return {key: Ranges(ranges[key]) for key in asked if key in ranges}

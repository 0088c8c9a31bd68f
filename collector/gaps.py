"""Gaps: which numbers of a device never came although later ones did, and why. Pure.

Fed with the journal's entries in order, like the rules. A device numbers its readings (``run``,
``seq``), so a hole between two of them is proved; what the device announced as dropped, and what this
cell's own cap took, have their reasons. Foreign devices give no numbers; of them the intervals are
kept in which something came. Everything is bounded: days, runs and holes of each device.

``collector/gaps_report.py`` says what it means at a moment.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import orjson
from pydantic import TypeAdapter

from alerts.registry.model import Registry
from alerts.rules.inputs import DeviceSaid, Entry, GivenUp, RegistryRevised
from collector.days import Calendar
from collector.gaps_model import Hole, Stretch, Trail
from edge.contract.metrics import METRICS
from edge.contract.ranges import Ranges
from edge.contract.reading import Batch

VERSION = 1
DAYS_KEPT = 35  # five weeks: a month's report can be written in the month after
RUNS_KEPT = 60  # of one device: nearly two restarts a day
REASON_MOST = 80  # characters of a device's own word
LEAST_INTERVAL_MS = 60_000  # intervals of foreign devices are told apart by the minute
_DEPTH = "journal-depth"
_TRAIL = TypeAdapter(Trail)

Who = tuple[str, str]
"""A device: its site and its id."""


class Gaps:
    """Feed it the entries of one journal after another; ``position`` is the last one fed."""

    def __init__(self) -> None:
        self.journal = ""
        self.position = 0
        self.trails: dict[Who, Trail] = {}
        self.calendar = Calendar({})
        self.intervals: dict[Who, int] = {}
        """In which something should come from each foreign device (ms)."""

    def begin(self, journal: str) -> None:
        """From now on the entries are this journal's. What was learned of another stays true."""
        if journal != self.journal:
            self.journal, self.position = journal, 0

    def use(self, registry: Registry) -> None:
        """The registry that holds from now on."""
        self.calendar = Calendar({site.id: site.time_zone for site in registry.sites})
        self.intervals = {
            (device.site, device.id): max(
                LEAST_INTERVAL_MS, round(min(b.interval_s for b in device.bindings) * 1000)
            )
            for device in registry.devices
            if device.is_foreign and device.bindings
        }
        for who in self.trails.keys() - {(d.site, d.id) for d in registry.devices}:
            del self.trails[who]

    def feed(self, entry: Entry) -> None:
        """Take one entry in; nothing when it was fed before."""
        if entry.position <= self.position:
            return
        self.position = entry.position
        what = entry.what
        if type(what) is Batch:
            self._take(what, entry.at_ms)
        elif isinstance(what, GivenUp):
            self._give_up(what, entry.at_ms)
        elif isinstance(what, DeviceSaid):
            self._hear(what)
        elif isinstance(what, RegistryRevised):
            self.use(what.registry)

    def settle(self, held: Mapping[tuple[str, str], Ranges]) -> None:
        """Take out of the holes what the journal holds (by stream and run) without a batch of it.

        Such numbers came and were refused: they are dead letters.
        """
        for (site, device), trail in self.trails.items():
            for run, stretch in trail.runs.items():
                if all(hole.reason for hole in stretch.holes):
                    continue
                ranges = held.get((f"{site}/{device}", run))
                if ranges is not None:
                    stretch.holes = [
                        part for hole in stretch.holes for part in _unheld(hole, ranges)
                    ]

    # Readings

    def _take(self, batch: Batch, at_ms: int) -> None:
        times = batch.at_ms
        if not batch.run and (not times or METRICS[batch.metric[0]].by_house):
            return  # what the house says is no reading of the device's
        trail = self._of((batch.site, batch.device), at_ms)
        if batch.is_news:
            trail.heard_ms = at_ms
        if batch.run:
            self._number(trail, batch, at_ms)
        if not times:
            return
        if not batch.place[0] and _DEPTH in batch.metric:
            depth = batch.value[batch.metric.index(_DEPTH)]
            trail.depth = None if depth is None else int(depth)
        self._count(trail, batch)

    def _number(self, trail: Trail, batch: Batch, at_ms: int) -> None:
        lo, hi, times = batch.first, batch.first + batch.count - 1, batch.at_ms
        stretch = trail.runs.get(batch.run)
        if stretch is None:
            stretch = self._open(trail, batch)
        if lo < stretch.next:
            if stretch.holes:
                stretch.fill(lo, hi, times)
        else:
            stretch.skip(stretch.next, lo - 1, at_ms)
        if times:
            if stretch.holes:
                stretch.end(times[0])
            if stretch.first_ms is None or times[0] < stretch.first_ms:
                stretch.first_ms = times[0]
            if hi >= stretch.next:
                stretch.last_ms = times[-1]
        stretch.next = max(stretch.next, hi + 1)

    def _open(self, trail: Trail, batch: Batch) -> Stretch:
        """A run of which nothing was heard yet."""
        newest = trail.runs.get(trail.newest)
        began_ms = None if newest is None else newest.first_ms
        is_older = bool(batch.at_ms) and began_ms is not None and batch.at_ms[0] < began_ms
        # A run that was under way before the house knew the device began wherever it did.
        stretch = Stretch(next=batch.first if is_older or not trail.runs else 0)
        return self._enter(trail, batch.run, stretch, is_newest=not is_older)

    def _enter(self, trail: Trail, run: str, stretch: Stretch, *, is_newest: bool) -> Stretch:
        trail.runs[run] = stretch
        if is_newest:
            trail.newest = run
        if len(trail.runs) > RUNS_KEPT:
            del trail.runs[next(iter(trail.runs))]
        return stretch

    def _count(self, trail: Trail, batch: Batch) -> None:
        site, times, days = batch.site, batch.at_ms, trail.days
        day, begin_ms = self.calendar.day(site, times[0])
        if (
            len(times) == 1
            or day
            == self.calendar.day(site, max(times))[0]
            == (self.calendar.day(site, min(times))[0])
        ):
            days[day] = days.get(day, 0) + len(times)
        else:
            for at_ms in times:
                day, _ = self.calendar.day(site, at_ms)
                days[day] = days.get(day, 0) + 1
        interval_ms = None if batch.run else self.intervals.get((site, batch.device))
        if interval_ms is not None:
            for at_ms in times:
                day, begin_ms = self.calendar.day(site, at_ms)
                bit = 1 << (at_ms - begin_ms) // interval_ms
                trail.slots[day] = trail.slots.get(day, 0) | bit
        if len(days) > DAYS_KEPT:
            oldest = sorted(days)[-DAYS_KEPT]
            trail.days = {day: count for day, count in days.items() if day >= oldest}
            trail.slots = {day: bits for day, bits in trail.slots.items() if day >= oldest}

    # What devices and the house say

    def _hear(self, said: DeviceSaid) -> None:
        trail, status = self.trails.get((said.site, said.device)), said.status
        if trail is None or not status.run or status.at_ms is None:
            return  # a last will, which has no time, knows nothing of the begin
        stretch = trail.runs.get(status.run)
        if stretch is None:
            stretch = self._enter(trail, status.run, Stretch(), is_newest=True)
        # Of several cuts that the birth tells of the last one came just before this run.
        stretch.born, stretch.cut_ms = True, max(status.cuts_ms, default=None)

    def _give_up(self, gone: GivenUp, at_ms: int) -> None:
        trail = self._of((gone.site, gone.device), at_ms)
        stretch = trail.runs.get(gone.run)
        if stretch is None:
            stretch = self._enter(trail, gone.run, Stretch(next=gone.lo), is_newest=not trail.runs)
        reason = gone.reason[:REASON_MOST] or "no reason given"
        if gone.by_house:
            was_got = gone.hi < stretch.next
            hole = Hole(
                lo=gone.lo,
                hi=gone.hi,
                count=gone.hi - gone.lo + 1,
                before_ms=gone.since_ms,
                after_ms=gone.until_ms,
                noticed_ms=at_ms,
                reason=reason,
                by_house=True,
                was_got=was_got,
            )
            stretch.dig(hole)
            stretch.next = max(stretch.next, gone.hi + 1)
            return
        known, stretch.holes = stretch.holes, []
        for hole in known:
            for part in [hole] if hole.reason else hole.cut(gone.lo, gone.hi):
                is_it = gone.lo <= part.lo and part.hi <= gone.hi and not part.reason
                stretch.dig(replace(part, reason=reason) if is_it else part)
        stretch.skip(stretch.next, gone.lo - 1, at_ms)
        stretch.skip(max(stretch.next, gone.lo), gone.hi, at_ms, reason)

    def _of(self, who: Who, at_ms: int) -> Trail:
        trail = self.trails.get(who)
        if trail is None:
            trail = self.trails[who] = Trail(since_ms=at_ms, heard_ms=at_ms)
        return trail

    # The snapshot

    def dump(self) -> Iterator[bytes]:
        """All of it in lines, one a device, so that a long one can be written in pieces."""
        yield orjson.dumps(
            {
                "version": VERSION,
                "journal": self.journal,
                "position": self.position,
                "zones": self.calendar.zones,
                "intervals": [[*who, ms] for who, ms in self.intervals.items()],
            }
        )
        for who, trail in self.trails.items():
            # The bits of a day are more than a number of JSON holds.
            slots = {str(day): hex(bits) for day, bits in trail.slots.items()}
            bare = replace(trail, slots={})
            yield orjson.dumps([*who, bare, slots], option=orjson.OPT_NON_STR_KEYS)

    @classmethod
    def load(cls, lines: Iterable[bytes]) -> "Gaps":
        """What ``dump`` gave; ValueError for another version or damage."""
        made, lines = cls(), iter(lines)
        try:
            head = orjson.loads(next(lines))
            if head["version"] != VERSION:
                raise ValueError(f"its version is {head['version']}, this one reads {VERSION}")
            made.journal, made.position = str(head["journal"]), int(head["position"])
            made.calendar = Calendar(head["zones"])
            made.intervals = {(site, device): ms for site, device, ms in head["intervals"]}
            for line in lines:
                site, device, bare, slots = orjson.loads(line)
                trail = made.trails[site, device] = _TRAIL.validate_python(bare)
                trail.slots = {int(day): int(bits, 16) for day, bits in slots.items()}
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
            raise ValueError(f"is no snapshot of gaps that this version reads: {error}") from error
        return made


def _unheld(hole: Hole, ranges: Ranges) -> list[Hole]:
    if hole.reason or hole.count != hole.hi - hole.lo + 1:
        return [hole]
    return [hole.part(lo, hi) for lo, hi in ranges.missing(hole.lo, hole.hi)]

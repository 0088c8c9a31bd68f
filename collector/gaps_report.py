"""What the numbers of a device mean at a moment: gaps with their reasons, and its days. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import pairwise

from collector.days import Calendar
from collector.gaps import DAYS_KEPT, Gaps, Who
from collector.gaps_model import Hole, Trail
from dashboards.ports import Completeness, DayOf, Gap, GapKind
from edge.sender import LIVE_MOST

GRACE_MS = 30 * 60_000  # house time in which the device is heard; it sends again within minutes
LEAST_READINGS = 100  # of which one is a hundredth
LEAST_STOP_MS = 10 * 60_000  # a shorter orderly stop is an upgrade, and nobody's business
_KINDS = {"space": GapKind.DEVICE_SPACE, "age": GapKind.DEVICE_AGE}


def completeness(gaps: Gaps, who: Who, now_ms: int) -> Completeness | None:
    """The account of one device at this time (house clock); None when nothing is known of it."""
    trail = gaps.trails.get(who)
    if trail is None:
        return None
    site, device = who
    interval_ms = gaps.intervals.get(who)
    if interval_ms is None:
        days = list(_days(trail, site, gaps.calendar, now_ms))
    else:
        days = list(_days_by_interval(trail, site, gaps.calendar, interval_ms, now_ms))
    return Completeness(
        site=site,
        device=device,
        numbered=interval_ms is None,
        interval_s=None if interval_ms is None else interval_ms / 1000,
        days=days,
        gaps=sorted(found(trail), key=_newest_first),
    )


def missing(trail: Trail) -> dict[GapKind, int]:
    """Readings that are missing, over all that is kept, by kind."""
    total: Counter[GapKind] = Counter()
    for stretch in trail.runs.values():
        for hole in stretch.holes:
            total[kind_of(hole, trail)] += hole.count
    return dict(total)


def lost_share(days: Sequence[DayOf]) -> float:
    """% of what a numbered device measured that is lost, over the two newest days (newest first)."""
    lately = days[:2]
    lost = sum(sum(day.lost.values()) for day in lately)
    total = lost + sum(day.got for day in lately)
    return 100 * lost / total if total >= LEAST_READINGS else 0.0


def found(trail: Trail) -> Iterator[Gap]:
    """Every gap that is known: holes in the numbers, and what lies between runs."""
    for run, stretch in trail.runs.items():
        for hole in stretch.holes:
            kind = kind_of(hole, trail)
            yield Gap(
                kind=kind,
                run=run,
                first=hole.lo,
                last=hole.hi,
                count=hole.count,
                since=_at(hole.before_ms),
                until=_at(hole.after_ms),
                word=hole.reason if kind is GapKind.DEVICE_OTHER else "",
            )
    yield from _between_runs(trail)


def kind_of(hole: Hole, trail: Trail) -> GapKind:
    """Why it is missing; without a reason, whether it may still come.

    A device sends in order, and again what was not confirmed, unless its backlog is so long that
    live readings go first. While it is not heard, nothing can come.
    """
    if hole.by_house:
        return GapKind.SERVER_SPACE
    if hole.reason:
        return _KINDS.get(hole.reason, GapKind.DEVICE_OTHER)
    if trail.heard_ms - hole.noticed_ms < GRACE_MS:
        return GapKind.WAITING
    depth = trail.depth or 0
    return GapKind.WAITING if depth >= max(LIVE_MOST, hole.count) else GapKind.UNKNOWN


def spread(count: int, since_ms: int, until_ms: int, site: str, days: Calendar) -> dict[int, int]:
    """So many readings over the days between, by the time that each has of it."""
    first, last = days.day(site, since_ms)[0], days.day(site, until_ms)[0]
    if last - first >= 10 * DAYS_KEPT:
        first = last  # a clock that was wrong tells nothing of when
    shares: dict[int, int] = {}
    given = 0
    for day in range(first, last + 1):
        end_ms = until_ms if day == last else days.begins(site, day + 1)
        passed = 1.0 if day == last else (end_ms - since_ms) / (until_ms - since_ms)
        upto = round(count * passed)
        shares[day], given = upto - given, upto
    return shares


def _between_runs(trail: Trail) -> Iterator[Gap]:
    begun = [(run, one) for run, one in trail.runs.items() if one.first_ms is not None]
    begun.sort(key=lambda pair: pair[1].first_ms or 0)
    for (_, before), (run, after) in pairwise(begun):
        since_ms, until_ms = before.last_ms, after.first_ms
        if after.cut_ms is not None:
            kind, since_ms = GapKind.POWER_CUT, max(after.cut_ms, since_ms or 0)
        elif not after.born:
            kind = GapKind.END_UNKNOWN
        elif since_ms is None or until_ms is None or until_ms - since_ms < LEAST_STOP_MS:
            continue
        else:
            kind = GapKind.STOPPED
        yield Gap(kind=kind, run=run, since=_at(since_ms), until=_at(until_ms))


def _days(trail: Trail, site: str, calendar: Calendar, now_ms: int) -> Iterator[DayOf]:
    got: Counter[int] = Counter(trail.days)
    waiting: Counter[int] = Counter()
    lost: dict[int, Counter[GapKind]] = {}
    for stretch in trail.runs.values():
        for hole in stretch.holes:
            until_ms = hole.after_ms or hole.before_ms or hole.noticed_ms
            since_ms = min(hole.before_ms or until_ms, until_ms)
            kind = kind_of(hole, trail)
            for day, count in spread(hole.count, since_ms, until_ms, site, calendar).items():
                if hole.was_got:
                    got[day] -= min(count, got[day])
                if kind is GapKind.WAITING:
                    waiting[day] += count
                else:
                    lost.setdefault(day, Counter())[kind] += count
    for day in _kept(trail, site, calendar, now_ms):
        gone = {kind: count for kind, count in lost.get(day, {}).items() if count}
        total = got[day] + sum(gone.values()) + waiting[day]
        yield DayOf(
            day=date.fromordinal(day),
            got=got[day],
            lost=gone,
            waiting=waiting[day],
            share=got[day] / total if total else None,
        )


def _days_by_interval(
    trail: Trail, site: str, calendar: Calendar, interval_ms: int, now_ms: int
) -> Iterator[DayOf]:
    for day in _kept(trail, site, calendar, now_ms):
        begin_ms = calendar.begins(site, day)
        upto = (min(now_ms, calendar.begins(site, day + 1)) - begin_ms) // interval_ms
        after = max(0, trail.since_ms - begin_ms) // interval_ms
        asked = ((1 << max(0, upto)) - 1) & ~((1 << after) - 1)
        expected, got = asked.bit_count(), (trail.slots.get(day, 0) & asked).bit_count()
        yield DayOf(
            day=date.fromordinal(day),
            got=got,
            lost={GapKind.UNKNOWN: expected - got} if expected > got else {},
            waiting=0,
            share=got / expected if expected else None,
        )


def _kept(trail: Trail, site: str, calendar: Calendar, now_ms: int) -> range:
    """The days of which something can be said, newest first."""
    today, first = calendar.day(site, now_ms)[0], calendar.day(site, trail.since_ms)[0]
    first = min([first, *trail.days])
    return range(today, max(first, today - DAYS_KEPT + 1) - 1, -1)


def _newest_first(gap: Gap) -> tuple[float, float]:
    at = gap.until or gap.since
    return (-at.timestamp() if at else 0.0, -(gap.last or 0))


def _at(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC)

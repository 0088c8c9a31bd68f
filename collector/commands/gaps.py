"""What `shouwang device SITE/DEVICE gaps` shows: its days, and what is missing."""

from datetime import datetime, tzinfo

from collector.commands.common import table
from dashboards.ports import Completeness, DayOf, Gap

_NONE = "–"
MOST_GAPS = 100


def account(name: str, found: Completeness | None, zone: tzinfo) -> str:
    """The days and the gaps, newest first; times are the site's."""
    if found is None:
        return f"{name}: nothing is known of it yet; is `shouwang serve` running, and the device heard?"
    basis = "by the numbers of its readings"
    if not found.numbered:
        basis = f"by intervals of {found.interval_s:g} s, since it does not number its readings"
    days = table(
        ["day", "came", "lost", "may come", "complete", "why"], list(map(_day, found.days))
    )
    text = f"{name}: {basis}\n\n{days}"
    if not found.gaps:
        return f"{text}\n\nnothing is missing" if found.numbered else text
    rows = [_gap(gap, zone) for gap in found.gaps[:MOST_GAPS]]
    text += "\n\n" + table(["from", "until", "readings", "why", "run", "numbers"], rows)
    more = len(found.gaps) - MOST_GAPS
    return f"{text}\nand {more} older ones, see GET /api/v1" if more > 0 else text


def _day(day: DayOf) -> list[str]:
    lost = sorted(day.lost.items(), key=lambda pair: -pair[1])
    return [
        day.day.isoformat(),
        str(day.got),
        str(sum(day.lost.values())),
        str(day.waiting),
        # What is not whole must not read 100.0 %.
        _NONE if day.share is None else f"{int(day.share * 1000) / 10:.1f} %",
        ", ".join(f"{kind.value} {count}" for kind, count in lost) or _NONE,
    ]


def _gap(gap: Gap, zone: tzinfo) -> list[str]:
    numbers = _NONE if gap.first is None else f"{gap.first}-{gap.last}"
    return [
        _at(gap.since, zone),
        _at(gap.until, zone),
        "not known" if gap.count is None else str(gap.count),
        f"{gap.kind.value}: {gap.word}" if gap.word else gap.kind.value,
        gap.run,
        numbers,
    ]


def _at(at: datetime | None, zone: tzinfo) -> str:
    return _NONE if at is None else f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"

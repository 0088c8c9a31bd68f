"""A device's account in words: how much of each day came, what did not, why, and what to do. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from alerts.words import Language
from dashboards.console.cards import lasted
from dashboards.console.scene import Scene
from dashboards.ports import Completeness, DayOf, Gap, GapKind

MOST_GAPS = 40  # shown; the API has them all
NEARLY = 0.99  # of a day; less is worth a look
NOT_LOST = frozenset({GapKind.WAITING, GapKind.STOPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One day of the strip: its height in percent, its colour, and what it says when pointed at."""

    height: int
    tone: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRow:
    """A day that is not whole."""

    name: str
    share: str
    tone: str
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GapRow:
    when: str
    count: str
    why: str
    do: str
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """``bars`` are oldest first, ``days`` and ``gaps`` newest first; ``more`` gaps are not shown."""

    headline: str
    tone: str
    basis: str
    bars: Sequence[Bar]
    first: str
    days: Sequence[DayRow]
    gaps: Sequence[GapRow]
    more: int


def account(found: Completeness, scene: Scene) -> Account:
    """What the page of a device shows."""
    today = scene.now.astimezone(scene.zone(found.site)).date()
    days = list(found.days)
    total = sum(day.got + sum(day.lost.values()) + day.waiting for day in days)
    lost = sum(sum(day.lost.values()) for day in days)
    waiting = sum(day.waiting for day in days)
    t, unit = scene.t, "readings" if found.numbered else "intervals"
    share = sum(day.got for day in days) / total if total else None
    if share is None:
        headline, tone = t("gaps.nothing"), "grey"
    elif not lost:
        headline = t("gaps.none-lost" if waiting else "gaps.whole", days=len(days))
        tone = "green"
    else:
        # A share and a number: one reading of a million is nothing, and 1 % of a day is.
        headline = t(f"gaps.lost-{unit}", days=len(days), share=percent(share), n=thousands(lost))
        tone = "green" if share >= NEARLY else "amber"
    if waiting:
        headline += t("gaps.and-waiting", n=thousands(waiting))
    if found.numbered:
        basis = t("gaps.by-number")
    else:
        basis = t("gaps.by-interval", span=lasted(found.interval_s or 0, scene))
    gaps = [_gap(gap, found.site, scene) for gap in found.gaps[:MOST_GAPS]]
    return Account(
        headline=headline,
        tone=tone,
        basis=basis,
        bars=[_bar(day, today, unit, scene) for day in reversed(days)],
        first=spell_day(days[-1].day, today, scene) if days else "",
        days=list(_day_rows(days, today, unit, scene)),
        gaps=gaps,
        more=max(0, len(found.gaps) - MOST_GAPS),
    )


def percent(share: float) -> str:
    """98.6%; what is not whole never reads 100%, what is not nothing never 0%."""
    if share in (0, 1):
        return f"{share:.0%}"
    return f"{min(99.9, max(0.1, round(100 * share, 1))):g}%"


def thousands(count: int) -> str:
    """With the thousands apart by a thin space."""
    return f"{count:,}".replace(",", "\u2009")


def spell_day(day: date, today: date, scene: Scene) -> str:
    if day == today:
        return scene.t("gaps.today")
    if day == today - timedelta(days=1):
        return scene.t("gaps.yesterday")
    if scene.language is Language.ZH:
        return f"{day.month} 月 {day.day} 日"
    return f"{day.day} {_MONTHS[day.month - 1]}"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _tone(day: DayOf) -> str:
    """Amber for what is lost beyond a trifle; what may still come is no reason to look yet."""
    if day.share is None:
        return "none"
    lost = sum(day.lost.values())
    return "amber" if lost > (1 - NEARLY) * (day.got + lost + day.waiting) else "green"


def _bar(day: DayOf, today: date, unit: str, scene: Scene) -> Bar:
    name = spell_day(day.day, today, scene)
    if day.share is None:
        title = scene.t("gaps.bar-none", day=name)
    else:
        got = scene.t(f"gaps.got-{unit}", n=thousands(day.got))
        title = scene.t("gaps.bar", day=name, share=percent(day.share), got=got)
        if told := _told(day.lost, day.waiting, unit, scene):
            title += scene.t("list.comma") + told
    height = 100 if day.share is None else max(4, round(100 * day.share))
    return Bar(height=height, tone=_tone(day), title=title)


def _day_rows(days: Sequence[DayOf], today: date, unit: str, scene: Scene) -> Iterator[DayRow]:
    for day in days:
        if day.share is not None and day.share < 1:
            yield DayRow(
                name=spell_day(day.day, today, scene),
                share=percent(day.share),
                tone=_tone(day),
                told=_told(day.lost, day.waiting, unit, scene),
            )


def _told(lost: Mapping[GapKind, int], waiting: int, unit: str, scene: Scene) -> str:
    parts = [
        scene.t(f"gaps.gone-{unit}", n=thousands(count), why=scene.t(f"gapshort.{kind.value}"))
        for kind, count in sorted(lost.items(), key=lambda pair: -pair[1])
    ]
    if waiting:
        parts.append(scene.t("gaps.still", n=thousands(waiting)))
    return scene.t("list.comma").join(parts)


def _gap(gap: Gap, site: str, scene: Scene) -> GapRow:
    t, kind = scene.t, gap.kind
    if gap.count is not None:
        count = t("gaps.count", n=thousands(gap.count))
    else:
        count = "" if kind is GapKind.STOPPED else t("gaps.uncounted")
    return GapRow(
        when=_when(gap, site, scene),
        count=count,
        why=t(f"gap.{kind.value}") + (t("gaps.word", word=gap.word) if gap.word else ""),
        do=t.either(f"gapdo.{kind.value}", ""),
        tone="grey" if kind in NOT_LOST else "amber",
    )


def _when(gap: Gap, site: str, scene: Scene) -> str:
    """From when to when, and how long that is."""
    since, until = gap.since, gap.until
    if since is None or until is None:
        at = until or since
        return scene.when(at, site) if at else scene.t("gaps.sometime")
    there = scene.zone(site)
    first, last = scene.when(since, site), scene.when(until, site)
    if first == last:
        return first
    if since.astimezone(there).date() == until.astimezone(there).date():
        last = f"{until.astimezone(there):%H:%M}"
    span = lasted((until - since).total_seconds(), scene)
    return scene.t("gaps.span", first=first, last=last, span=span)

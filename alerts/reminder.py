"""A reminder (提醒) in words, in zh and en: of one duty, or of all that wait for one person. Pure.

Nobody is blamed: it says what still waits, what to do, and by when it ends by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from alerts.figures import clean, local
from alerts.incidents.model import DutyKind, Incident, State
from alerts.incidents.reminders import Item
from alerts.incidents.who import place_of, zone_of
from alerts.messages import Headline, Spoken, by_water, headline, phone_line
from alerts.phrases import EN, ZH
from alerts.registry.model import Person, Registry
from alerts.words import Language

MOST_ITEMS = 5  # each with its link: a phone's screen, and within 2,048 bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Phrases:
    """One language's sentences; where two stand for a duty, the first looks, the second calls."""

    tags: tuple[str, str]
    tag: str
    one: tuple[str, str]
    recovered: str
    behind: tuple[str, str]
    do: tuple[str, str]
    do_behind: tuple[str, str]
    ends: str
    title: str
    many: str
    counts: tuple[str, str]
    comma: str
    item: str
    more: str
    colon: str


_ZH = _Phrases(
    tags=("等着复查", "等着回访"),
    tag="提醒",
    one=("{what}{when}，还等着复查。", "{what}，已经过去，报告的人还等着回访。"),
    recovered="，{at} 恢复",
    behind=(
        "{what}{when}，还没有人回来确认。",
        "{what}，已经过去，还没有人回访报告的人。",
    ),
    do=(
        "到现场看看，拍张照就行，不用打字。",
        "给报告的人打个电话，问问还有没有事。",
    ),
    do_behind=("请安排人去看看，拍张照就行。", "请安排人打个电话问问。"),
    ends="没人看的话，{at} 自动结束，记为“没有人确认”。",
    title="【{tag}】{where}：还有 {what}",
    many="还有 {what}：",
    counts=("{n} 件等着复查", "{n} 件等着回访"),
    comma="，",
    item="{n}. {what}{when}（{tag}）",
    more="……另外还有 {n} 件。",
    colon="：",
)
_EN = _Phrases(
    tags=("Second look", "Call waits"),
    tag="Reminder",
    one=(
        "{what}{when}. It still waits for a second look.",
        "{what}. It is over; whoever reported it still waits for a call.",
    ),
    recovered=", over since {at}",
    behind=(
        "{what}{when}. Nobody has confirmed it yet.",
        "{what}. It is over, and nobody has called whoever reported it yet.",
    ),
    do=(
        "have a look. A photo is enough, no typing.",
        "phone whoever reported it and ask whether all is well.",
    ),
    do_behind=("please send somebody to look; a photo is enough.", "please have somebody phone."),
    ends="If nobody looks, it ends by itself at {at} and is recorded as unconfirmed.",
    title="[{tag}] {where}: {what}",
    many="Still waiting: {what}:",
    counts=("{n} for a second look", "{n} for a call"),
    comma=", ",
    item="{n}. {what}{when} ({tag})",
    more="… and {n} more.",
    colon=": ",
)


def reminder_words(
    items: Sequence[Item],
    links: Mapping[int, str],
    rules: Mapping[str, Spoken],
    registry: Registry,
    to: Person,
    now: datetime,
    *,
    group: bool = False,
) -> tuple[str, str]:
    """Title and text, for whoever reads ``to``'s address. ``links`` are by duty; "" leaves none."""
    language = to.language
    words = EN if language is Language.EN else ZH
    heads = [
        headline(
            rules.get(one.waiting.incident.words_of),
            one.waiting.incident,
            registry,
            language,
            now,
        )
        for one in items
    ]
    first, head = items[0], heads[0]
    incident = first.waiting.incident
    if len(items) == 1:
        title, lines = _one(first, head, registry, language, now)
    else:
        title, lines = _many(items, heads, links, registry, language, now)
    looks = [one for one in items if one.waiting.duty.kind is DutyKind.SECOND_LOOK]
    if any(by_water(one.waiting.incident, registry) for one in looks):
        lines.append(words.not_to_the_water)
    if group:
        lines.append(words.group)
    lines += [phone_line(incident, registry, words, language, to), head.source]
    if len(items) == 1 and links.get(first.waiting.duty.id):
        lines.append(words.link.format(link=links[first.waiting.duty.id]))
    return title, "\n".join(line for line in lines if line)


def _one(
    item: Item, head: Headline, registry: Registry, language: Language, now: datetime
) -> tuple[str, list[str]]:
    mine, words = (_EN, EN) if language is Language.EN else (_ZH, ZH)
    n = _nth(item)
    incident = item.waiting.incident
    said = mine.behind[n] if item.stands_behind else mine.one[n]
    what = f"{head.where}{mine.colon}{head.name}"
    lines = [head.mark + said.format(what=what, when=_when(item, registry, language, now))]
    if n == 0:
        lines.append(head.power)
    lines.append(words.do.format(do=(mine.do_behind if item.stands_behind else mine.do)[n]))
    if item.ends_at is not None and item.level > 1:
        at = local(item.ends_at, zone_of(incident.subject.site, registry), now, language)
        lines.append(mine.ends.format(at=at))
    title = words.title.format(tag=mine.tags[n], where=head.where, name=head.name)
    return head.mark + title, lines


def _many(
    items: Sequence[Item],
    heads: Sequence[Headline],
    links: Mapping[int, str],
    registry: Registry,
    language: Language,
    now: datetime,
) -> tuple[str, list[str]]:
    """Each with its mark and its link; the mark of a drill before the title where all are of one."""
    mine, words = (_EN, EN) if language is Language.EN else (_ZH, ZH)
    counts = [sum(_nth(item) == n for item in items) for n in (0, 1)]
    what = mine.comma.join(
        mine.counts[n].format(n=count) for n, count in enumerate(counts) if count
    )
    lines = [mine.many.format(what=what)]
    for n, (item, head) in enumerate(zip(items[:MOST_ITEMS], heads, strict=False), start=1):
        lines.append(
            mine.item.format(
                n=n,
                what=f"{head.mark}{head.where}{mine.colon}{head.name}",
                when=_when(item, registry, language, now),
                tag=mine.tags[_nth(item)],
            )
        )
        if link := links.get(item.waiting.duty.id):
            lines.append(words.link.format(link=link))
    if len(items) > MOST_ITEMS:
        lines.append(mine.more.format(n=len(items) - MOST_ITEMS))
    behind = any(item.stands_behind for item in items)
    lines.append(words.do.format(do=(mine.do_behind if behind else mine.do)[_nth(items[0])]))
    mark = heads[0].mark if len({head.mark for head in heads}) == 1 else ""
    title = mine.title.format(tag=mine.tag, where=_where(items, registry, language), what=what)
    return mark + title, lines


def _where(items: Sequence[Item], registry: Registry, language: Language) -> str:
    """The place, if it is one; else the community of the first."""
    places = {place_of(item.waiting.incident, registry) for item in items}
    place = places.pop()
    if place is not None and not places:
        return clean(place.names.by(language))
    name = items[0].waiting.incident.subject.site
    site = next((one for one in registry.sites if one.id == name), None)
    return clean(site.names.by(language)) if site else name


def _when(item: Item, registry: Registry, language: Language, now: datetime) -> str:
    incident: Incident = item.waiting.incident
    if incident.state is not State.RECOVERED or incident.recovered_at is None:
        return ""
    mine = _EN if language is Language.EN else _ZH
    zone = zone_of(incident.subject.site, registry)
    return mine.recovered.format(at=local(incident.recovered_at, zone, now, language))


def _nth(item: Item) -> int:
    return int(item.waiting.duty.kind is DutyKind.CALL_ON)

"""A turn at a post in words, in zh and en: to whom it comes, or that nobody has it. Pure."""

from dataclasses import dataclass
from datetime import datetime

from alerts.figures import clean, local
from alerts.incidents.shifts import Shift
from alerts.incidents.who import zone_of
from alerts.phrases import EN, ZH
from alerts.registry.model import Person, Registry
from alerts.words import Language

MOST_PLACES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Phrases:
    title: str
    yours: str
    places: str
    more: str
    with_phone: str
    without_phone: str
    empty_title: str
    empty: str
    absent: str
    fill: str
    span: str
    onwards: str


_ZH = _Phrases(
    title="【值班提醒】{post}：{at} 起您值班",
    yours="{post}：{span}由您值班。",
    places="看的地方：{places}。",
    more="等 {n} 处",
    with_phone="到岗接过值班电话，在“人员”页点交接。",
    without_phone="这段时间的通知直接发给您，请带好手机。",
    empty_title="【没有排班】{post}：{at} 起没有人",
    empty="{post}：{span}没有人值班。",
    absent="轮到的是{name}，这几天不在，也没有人顶班。",
    fill="请排一个人，或请人顶班。",
    span="{since} 到 {until} ",
    onwards="{since} 起",
)
_EN = _Phrases(
    title="[On duty] {post}: yours from {at}",
    yours="{post}: you are on duty {span}.",
    places="For: {places}.",
    more=" and {n} in all",
    with_phone="take over the post's phone, and say so on the page of the people.",
    without_phone="notices come straight to you; please keep your phone with you.",
    empty_title="[Nobody on duty] {post}: nobody from {at}",
    empty="{post}: nobody is on duty {span}.",
    absent="By the rota it is {name}, who is away with nobody standing in.",
    fill="put somebody in, or ask for a stand-in.",
    span="from {since} to {until}",
    onwards="from {since} on",
)


def shift_words(
    shift: Shift, registry: Registry, to: Person, link: str, now: datetime
) -> tuple[str, str]:
    """Title and text, for whoever has the turn, or for whoever can fill it."""
    english = to.language is Language.EN
    mine, words = (_EN, EN) if english else (_ZH, ZH)
    zone = zone_of(shift.post.site, registry)
    since = local(shift.begins_at, zone, now, to.language)
    until = local(shift.ends_at, zone, now, to.language) if shift.ends_at else ""
    span = (mine.span if until else mine.onwards).format(since=since, until=until)
    post = clean(shift.post.name)
    names = [clean(place.names.by(to.language)) for place in shift.places]
    more = mine.more.format(n=len(names)) if len(names) > MOST_PLACES else ""
    if shift.holder is not None:
        title = mine.title.format(post=post, at=since)
        do = mine.with_phone if shift.post.addresses else mine.without_phone
        lines = [mine.yours.format(post=post, span=span)]
    else:
        title = mine.empty_title.format(post=post, at=since)
        do = mine.fill
        absent = mine.absent.format(name=clean(shift.absent.name)) if shift.absent else ""
        lines = [mine.empty.format(post=post, span=span), absent]
    if names:
        lines.append(mine.places.format(places=words.comma.join(names[:MOST_PLACES]) + more))
    lines += [words.do.format(do=do), words.link.format(link=link) if link else ""]
    return title, "\n".join(line for line in lines if line)

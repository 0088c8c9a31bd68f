"""docs/notices.md, made from the code that sends: ``python -m alerts.notify.page > docs/notices.md``."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from alerts.incidents.duties import Waiting, ends_at
from alerts.incidents.model import Duty, DutyKind, Incident, State
from alerts.incidents.reminders import Item
from alerts.incidents.shifts import BEFORE, Shift
from alerts.messages import notice_words
from alerts.notify import receipts, sms, wechat
from alerts.notify.limits import ABOUT, PACE, About, Allowance
from alerts.notify.merging import merged
from alerts.notify.notice import Notice, NoticeReason
from alerts.notify.parts import Part, parts_of
from alerts.notify.robot import text_of
from alerts.packs import shipped
from alerts.registry.model import (
    Address,
    Binding,
    ChannelKind,
    Circuit,
    Device,
    Names,
    Person,
    Place,
    PlaceKind,
    Port,
    PostRole,
    Registry,
    Site,
)
from alerts.reminder import reminder_words
from alerts.rules import rehearsal
from alerts.rules.packs import Packs, read_packs
from alerts.rules.rule import Rule
from alerts.shift_words import shift_words
from alerts.speech import spoken_words
from alerts.words import IncidentClass, Language, Severity

_HEAD = """# Notices, as they look

Made by `python -m alerts.notify.page > docs/notices.md` from the code that sends them; a test compares.
How addresses are registered: [community.md](community.md#peopletoml). Keys of the services:
[config.md](config.md#wecom). Who is told, and when: [incidents.md](incidents.md#who-is-told).

## What a channel can prove

A send ends in one of three ways: accepted, retry (with the service's own wish how long), rejected. HTTP 200
proves nothing: these services put their refusals there, so their own code decides. What is no answer of the
service (a sign-in page, nothing, another JSON) is tried again. "Delivered" is never claimed.

| channel | accepted means | proves besides | takes at most | how often |
|---|---|---|---|---|
CHANNELS

- E-mail: this service reads no mail at all, so an auto-reply or a bounce acknowledges nothing. What it sends
  says `Auto-Submitted: auto-generated` and `X-Auto-Response-Suppress: All`, so that machines do not answer.
- A call: 1 proves that somebody at that phone pressed 1. With a queue of
  [receipts](#receipts-of-calls-and-sms) the key (`dtmf`) comes by the receipt, whose documents promise it, and
  a restart loses none. Without a queue the record of the call (`QueryCallDetailByCallId`) is asked for every
  ten seconds for three minutes; its documents do not list the key, and after a restart the calls before it
  are not asked for. Try either with your account before you rely on it: without the key nobody has taken
  over, and the climb goes on.
- Robots of groups, WeChat and SMS prove only that the service took it. The link is what people answer by.
- apprise proves least: it looks at the HTTP status alone.
- `dingtalk-app` and `feishu-app` are answered in the chat itself ([chat-replies.md](chat-replies.md)); the robots
  of their groups are not.

## In a browser

On the page of the people whoever uses the console has notices shown by that browser too, also while no page is
open, and switches it off there again. The browser asks for leave at the press of the button, never before.

- Each of a person's browsers (ten at most; the eldest gives way) gets a copy of whatever the person is told, at
  the same time: quiet hours, snoozes and silences hold for it too. It stands beside the climb: no tier waits for
  it, and if it fails, nothing is handed on, since the person's own address has a notice of its own. It comes with
  the digest, too, and with a link that was asked for.
- Whoever has no other address is told there as at an address: the climb waits for it, and if it is refused, their
  next browser or the next tier is told. The same for an ending, where the only address is a phone. A post without
  an address is told through whoever has it, and in its own browser; there alone when nobody has it.
- A newer notice of an incident takes the place of the older one; it sounds again only if it is grave. A message of
  several incidents, or of none, stands by itself. A press on it opens its link: the same signed link as in every
  other notice.
- 404 and 410 mean that the browser has withdrawn. It gets no more, and the page says so for 30 days. 401 and 403 mean
  that it subscribed under another key.
- A browser shows one person's notices: on a shared computer, those of whoever pressed last.
- What reaches a browser stands in the operations database (and so in its backups), in no page, log or export, and
  is forgotten once it is gone. An import leaves browsers alone, but for those of people who are no longer
  registered: access follows who leaves.
- The browser maker's push service carries the notice; it is encrypted for that browser alone. A push service that is
  known to be abroad is refused with the remedy unless [notices.abroad](config.md#notices) is set; an endpoint is https,
  and is reached by the same rules as a webhook.
- Not possible, and said on the page: plain http other than localhost, WeChat's own browser, and browsers without
  push. Fire that is told from memory while the operations database is away goes to registered addresses alone:
  browsers stand in that database, and are told once it is back. iPhones show notices only of pages that are on the
  home screen as an app, which the console is not.

## Receipts of calls and SMS

Hours may lie between a call and its receipt, it may come twice, and before our own note of the call. It counts
only for the notice that it names (`out_id`), by the channel and the number that this notice went to.

| the receipt says | what follows |
|---|---|
| 1 was pressed, once or several times, and no other key | the notice's person takes the incident over, from `call`; as with a button or in a chat, not when it is over, others have it, it came back or got worse after the call's end, was said to be a false alarm or given to somebody, or the number is nobody's any more |
| answered, and no such key | it stays accepted, and says so beside it: nobody has taken over |
| not answered, busy, switched off, no such number, and all else that failed | accepted no longer: rejected, and handed to the person's next address, then to the next tier, unless the incident is taken over, or over. Whoever opened the link meanwhile was reached |
| an SMS is on the phone | it stays accepted; the detail quotes the provider, with its time |

A call of several notices that fails was lost for each of them. Confirmed by the provider's documents and its
own clients: the fields of receipts, the codes of calls, the queue, its token, its signing and its errors. Own
knowledge, not tried with an account: that `callee` comes unmasked (masked or missing, the call's id alone
decides), that `dtmf` lists each key pressed, and the carriers' codes of SMS.
Not built in: receipts pushed by HTTP, and the messages during a call (VoiceCallReport), which would tell
of the key before the phone is hung up.

CODES

## How often

Each address has token buckets, filled as its service's documents allow. The last tokens of a bucket are for
fire class alone. What finds no token is neither sent nor dropped: it waits, says so on the incident's page, and
goes with the next token, all that has gathered in one message. Besides, people have a pace of their own:
PACE. Webhooks, the log and announcers have no limit: each notice goes by itself.

When a service says that it was too much (`45009`, `130101`, `11232`, `Retry-After`), nothing goes to that
address for as long as it asks. Fire class that no channel has taken within 5 s goes to the person's next
address as well. Buckets are in memory: after a restart they are full. In a call that says "and 3 more", 1 takes
over the one that is read out.

A receiver that hangs holds up only itself: 3 sends to one address are under way at once, one of them for fire
class alone (64 of a channel whose addresses are different servers, else 8); of those that wait fire goes first,
then the gravest. What waits for a slow address stays in the database and hides nothing for others.

## One danger from the first sign to the end

Smoke in a shed, told to its property manager. The text is the same on WeCom, DingTalk, Feishu, ntfy and in
e-mail (its subject is the title); webhooks have title and text as fields of their own. Templates are filled as
`thing1 = "summary"`, `phrase2 = "severity"`, `time3 = "time"`, `thing4 = "do"`, and `place`, `what`, `do` for SMS and calls. An
SMS says besides whom to `ask`, and ends its template's `https://…/l/` with the `code` of the link.
"""

_MANY = """## Many at once

The gravest in full; of the others, with as many as the channel's bytes take, the title and a link of its own: a
link opens its one incident and nothing else. Where only a template is filled (WeChat, SMS, a call) there is room
for their number alone.
"""
_SINCE = datetime(2026, 11, 22, 18, 10, tzinfo=UTC)  # 02:10 in Shanghai
_LINK = "https://watch.example.org/incidents/7"
_SIGNED = "https://watch.example.org/l/personal.7.chen.1795371720.Zr0bqk1vN4dXh8mE2sYcTfLp"
_SITE = Site(id="linjiang", names=Names(zh="临江社区", en="Linjiang"))
_SHED = Place(
    id="shed-2",
    site="linjiang",
    kind=PlaceKind.SHED,
    names=Names(zh="2 号充电棚", en="Shed 2"),
    ports=(Port(id="7", names=Names(zh="7 号插座", en="socket 7"), circuit="feeder"),),
    circuits=(Circuit(id="feeder", names=Names(zh="总线", en="feeder"), rating_a=63),),
)
_REACH = Place(
    id="laobakou",
    site="linjiang",
    kind=PlaceKind.REACH,
    names=Names(zh="老坝口河段", en="Laobakou reach"),
)
_RISK = Place(
    id="underpass",
    site="linjiang",
    kind=PlaceKind.RISK_POINT,
    names=Names(zh="人民路下穿通道", en="Renmin Road underpass"),
)
_BOX = Device(
    id="shed-2-01",
    site="linjiang",
    names=Names(zh="2 号棚网关", en="Shed 2 gateway"),
    bindings=(Binding(place="shed-2", metrics=("smoke",)),),
    can_cut_power=True,
)
_CHEN = Person(
    id="chen",
    site="linjiang",
    name="陈主任",
    role=PostRole.PROPERTY,
    phone="000-5550-0102",
    places=("shed-2",),
)
_WEN = replace(_CHEN, id="wen", name="文书记", role=PostRole.COMMUNITY, places=())
_REGISTRY = Registry(
    sites=(_SITE,), places=(_SHED, _REACH, _RISK), devices=(_BOX,), people=(_CHEN, _WEN)
)
_TURN = Shift(
    about="",
    post=replace(_CHEN, id="guard", name="值班岗", role=PostRole.GUARD, is_post=True),
    begins_at=datetime(2026, 11, 22, 12, 0, tzinfo=UTC),  # 20:00 in Shanghai
    ends_at=datetime(2026, 11, 23, 0, 0, tzinfo=UTC),
    holder=_CHEN,
    places=(_SHED,),
)
_ADDRESS = Address(channel=ChannelKind.WECOM_APP, to="chen")
_FIELDS = {
    "thing1": Part.SUMMARY,
    "phrase2": Part.SEVERITY,
    "time3": Part.TIME,
    "thing4": Part.DO,
}
_VARIABLES = {"place": Part.PLACE, "what": Part.WHAT, "do": Part.DO}
_TOLD = (
    NoticeReason.OPENED,
    NoticeReason.CLIMBED,
    NoticeReason.SEVERITY,
    NoticeReason.REOPENED,
    NoticeReason.RECOVERED,
    NoticeReason.SECOND_LOOK,
    NoticeReason.CLOSED,
)
_FIGURE = 12.0
"""Stands for any figure."""


def page(packs: Packs) -> str:
    """The whole page."""
    head = _HEAD.replace("CHANNELS", "\n".join(_channels())).replace("PACE", _spelt(PACE))
    head = head.replace("CODES", "\n".join(_codes()))
    smoke = packs.rules["eb-smoke"]
    parts = [head]
    for reason in _TOLD:
        parts.append(f"### {reason.value}\n")
        parts += [_everywhere(smoke, reason, language) for language in Language]
    parts.append(
        "## Reminders\n\nOf a second look; to whoever stands behind a volunteer; of several at once; of "
        "one's turn at a post; of one that nobody has. Who and when: "
        "[incidents.md](incidents.md#reminders).\n"
    )
    for items in _reminded(packs):
        parts += [_fields(_reminder(packs, items, language)) for language in Language]
    for shift in (_TURN, replace(_TURN, holder=None)):
        parts += [_fields(_turn(shift, language)) for language in Language]
    parts.append(_MANY)
    parts += [_many(packs, language) for language in Language]
    parts.append(
        "## The first message of each rule\n\nFigures and names of officials stand for any other.\n"
    )
    for rule in packs.rules.values():
        parts.append(f"### {rule.id}\n")
        for language in Language:
            notice = _notice(rule, NoticeReason.OPENED, language)
            parts.append(f"```text\n{text_of(notice, 2048)}\n```\n")
    return "\n".join(parts)


def _channels() -> Iterator[str]:
    for kind, about in ABOUT.items():
        proves = ", ".join(state.value for state in about.proves[1:]) or "–"
        rates = "; ".join(_spelt(each) for each in about.allowances) or "–"
        if about.is_paced:
            rates = "the pace of people" if rates == "–" else f"{rates}; the pace of people"
        yield f"| `{kind.value}` | {about.accepted} | {proves} | {_size(about)} | {rates} |"


def _codes() -> Iterator[str]:
    yield "| code | of | 中文 | English | known |"
    yield "|---|---|---|---|---|"
    for channel, known in (
        (ChannelKind.VOICE, receipts.CALLS),
        (ChannelKind.SMS, receipts.TEXTS),
    ):
        for code, said in known.items():
            mark = "confirmed" if code in receipts.CONFIRMED else "own knowledge"
            yield f"| `{code}` | `{channel.value}` | {said.zh} | {said.en} | {mark} |"


def _size(about: About) -> str:
    return f"{about.bytes_most} bytes" if about.bytes_most else "–"


def _spelt(allowance: Allowance) -> str:
    over = {1.0: "s", 60.0: "min", 3600.0: "h", 86400.0: "day"}[allowance.over_s]
    share = f", {allowance.reserved} of them for fire" if allowance.reserved else ""
    return f"{allowance.count}/{over} ({allowance.burst} at once{share})"


def _everywhere(rule: Rule, reason: NoticeReason, language: Language) -> str:
    is_over = reason in (NoticeReason.RECOVERED, NoticeReason.CLOSED)
    text = _fields(_notice(rule, reason, language), can_call=not is_over)
    if language is Language.ZH and not is_over:
        said = spoken_words(rule, _incident(rule, reason), _REGISTRY, reason)
        text += "- `announcer`: " + " / ".join(said.splitlines()) + "\n"
    return text


def _fields(notice: Notice, *, can_call: bool = False) -> str:
    """The text, and what templates make of it."""
    parts = parts_of(notice)
    filled = {} if parts is None else {
        name: wechat.value(name, part, parts, notice) for name, part in _FIELDS.items()
    }  # fmt: skip
    template = json.loads(sms.fill(notice, _VARIABLES) or "{}")
    lines = ["```text", text_of(notice, ABOUT[ChannelKind.WECOM].bytes_most), "```", ""]
    lines.append("- `wechat`: " + "; ".join(f"{k} {v}" for k, v in filled.items()))
    lines.append(
        ("- `sms`, `voice`: " if can_call else "- `sms`: ")
        + "; ".join(f"{k} {v}" for k, v in template.items())
    )
    return "\n".join(lines) + "\n"


def _many(packs: Packs, language: Language) -> str:
    rules = [packs.rules["eb-smoke"], *packs.rules.values()]
    notices = [
        replace(
            notice,
            id=n + 1,
            cls=rule.cls,
            text=notice.text.replace(_LINK, _SIGNED),
            link=_SIGNED,
        )
        for n, rule in enumerate(rules[:12])
        for notice in [_notice(rule, NoticeReason.OPENED, language)]
    ]
    together = merged(notices, lambda id: f"n{id}.7hCkWq3ZxT0_PbLr")
    return f"```text\n{text_of(together, 2048)}\n```\n"


def _reminded(packs: Packs) -> Iterator[tuple[Item, ...]]:
    smoke, oxygen = (
        _incident(packs.rules[name], NoticeReason.SECOND_LOOK)
        for name in ("eb-smoke", "riv-do-low")
    )
    yield (_item(smoke, DutyKind.SECOND_LOOK, level=2),)
    yield (_item(oxygen, DutyKind.SECOND_LOOK, stands_behind=True),)
    yield _item(smoke, DutyKind.SECOND_LOOK), _item(smoke, DutyKind.CALL_ON)


def _item(
    incident: Incident, kind: DutyKind, *, level: int = 1, stands_behind: bool = False
) -> Item:
    duty = Duty(id=0, incident=7, kind=kind, person="", opened_at=_SINCE + timedelta(minutes=9))
    waiting = Waiting(duty=duty, incident=incident)
    return Item(waiting=waiting, level=level, stands_behind=stands_behind, ends_at=ends_at(waiting))


def _reminder(packs: Packs, items: tuple[Item, ...], language: Language) -> Notice:
    now = _SINCE + timedelta(hours=12)
    to = replace(_CHEN, language=language)
    title, text = reminder_words(items, {0: _LINK}, packs.rules, _REGISTRY, to, now)
    return _said(title, text, _LINK, language, now)


def _turn(shift: Shift, language: Language) -> Notice:
    now, link = shift.begins_at - BEFORE, "https://watch.example.org/people"
    title, text = shift_words(shift, _REGISTRY, replace(_CHEN, language=language), link, now)
    return _said(title, text, link, language, now)


def _said(title: str, text: str, link: str, language: Language, now: datetime) -> Notice:
    return Notice(
        id=7,
        incident=7,
        reason=NoticeReason.REMINDER,
        step=0,
        person="chen",
        address=_ADDRESS,
        language=language,
        cls=IncidentClass.UPKEEP,
        severity=Severity.MINOR,
        title=title,
        text=text,
        link=link,
        created_at=now,
        due_at=now,
    )


def _notice(rule: Rule, reason: NoticeReason, language: Language) -> Notice:
    incident = _incident(rule, reason)
    now = _SINCE + timedelta(minutes=12)
    title, text = notice_words(
        rule, incident, _REGISTRY, language, reason, _LINK, now, to=_CHEN, step=incident.step
    )
    said = _said(title, text, _LINK, language, now)
    return replace(
        said, reason=reason, step=incident.step, cls=rule.cls, severity=incident.severity
    )


def _incident(rule: Rule, reason: NoticeReason) -> Incident:
    place = next((p for p in _REGISTRY.places if p.kind.value in rule.places), None)
    port = "7" if "port" in rule.holes() else ""
    subject = rule.subject("linjiang", _BOX.id, place, port)
    if subject is None:
        raise ValueError(f"{rule.id} has no subject in the example")
    is_over = reason in (NoticeReason.RECOVERED, NoticeReason.SECOND_LOOK, NoticeReason.CLOSED)
    severity = max((step.severity for step in rule.steps), default=Severity.MAJOR)
    return Incident(
        id=7,
        rule=rule.id,
        subject=subject,
        cls=rule.cls,
        severity=severity,
        state=State.RECOVERED if is_over else State.OPEN,
        since=_SINCE,
        opened_at=_SINCE,
        place=place.id if place else "",
        port=port,
        device=_BOX.id if rule.cls is not IncidentClass.POLLUTION else "",
        metric=rule.metric,
        value=_FIGURE,
        limit=_FIGURE,
        peak=_FIGURE,
        facts=rehearsal.facts(rule, _FIGURE, "某某"),
        recovered_at=_SINCE + timedelta(minutes=9) if is_over else None,
        step=1 if reason is NoticeReason.CLIMBED else 0,
    )


if __name__ == "__main__":
    sys.stdout.write(page(read_packs(shipped())))

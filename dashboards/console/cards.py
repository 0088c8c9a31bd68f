"""Incidents and duties as the pages show them: a sentence, who has it, what happens next and when."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alerts.figures import minutes, number
from alerts.incidents.model import (
    Duty,
    DutyKind,
    Incident,
    Report,
    State,
    StoryKind,
    StoryLine,
)
from alerts.incidents.who import Reason, tiers_of
from alerts.links import masked
from alerts.messages import Headline
from alerts.notify import delays
from alerts.notify.notice import Considered, Notice
from alerts.notify.receipts import in_language, is_noted
from alerts.registry.addresses import browser_of
from alerts.registry.model import Address, Tier
from alerts.words import Language, Severity
from dashboards.console.i18n import Words
from dashboards.console.scene import Scene
from edge.contract.subject import SubjectKind

# Colour means something: red is danger now, amber look soon, grey the rest, teal the house's own.
TONES = {
    Severity.CRITICAL: "red",
    Severity.MAJOR: "red",
    Severity.MINOR: "amber",
    Severity.INFO: "grey",
}
MOST_PARTS = 3  # of one event in its row; a power cut has hundreds
Stories = Mapping[int, Sequence[StoryLine]]  # by incident


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One incident. ``next_at_ms`` with ``next_role`` is when who is told if nobody takes it over."""

    incident: Incident
    head: Headline
    tone: str
    href: str
    place_href: str
    device_href: str
    state: str
    holder: str
    holder_name: str
    until: str
    ended: str
    muted: str
    lasted: str
    next_at_ms: int | None
    next_role: str
    can_take: bool
    can_renew: bool
    """Somebody has it: another may take it from them, and they may have it for longer."""
    can_wait: bool
    """Nobody is asked for it: it goes into the digest."""
    second_look: Duty | None
    source: tuple[str, str] | None
    related: tuple["Card", ...] = ()
    """What is told as one with it: the ``MOST_PARTS`` in most need."""
    more_related: int = 0
    """How many others are."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is open and told as one: the leader, and its parts in order of need."""

    leader: Incident
    parts: Sequence[Incident]


def as_one(incidents: Sequence[Incident]) -> list[Row]:
    """What is open in order of need, each with what is a part of it."""
    leaders = {one.id for one in incidents if one.part_of is None}
    parts: dict[int, list[Incident]] = {}
    for one in incidents:
        if one.part_of in leaders and one.part_of is not None:
            parts.setdefault(one.part_of, []).append(one)
    return [
        Row(one, in_order_of_need(parts.get(one.id, [])))
        for one in in_order_of_need([o for o in incidents if o.part_of not in leaders])
    ]


def row_card(row: Row, scene: Scene, duties: list[Duty], stories: Stories) -> Card:
    return replace(
        card(row.leader, scene, duties, stories.get(row.leader.id, ())),
        related=tuple(card(one, scene, duties) for one in row.parts[:MOST_PARTS]),
        more_related=max(0, len(row.parts) - MOST_PARTS),
    )


def untaken(incident: Incident) -> bool:
    """Nobody has it, and somebody should; a drill asks nobody who reads a count of troubles."""
    return _can_take(incident) and not _can_wait(incident) and not incident.is_drill


def card(
    incident: Incident,
    scene: Scene,
    duties: list[Duty] | None = None,
    story: Sequence[StoryLine] = (),
) -> Card:
    """``story``: its own, where it is at hand; it knows for whom somebody took over (代填)."""
    site = incident.subject.site
    device = scene.devices.get((site, incident.device))
    subject = incident.subject
    is_device = subject.kind is SubjectKind.DEVICE and (site, subject.name) in scene.devices
    waits = [
        duty
        for duty in duties or []
        if duty.incident == incident.id
        and duty.kind is DutyKind.SECOND_LOOK
        and duty.done_at is None
    ]
    rung = _next_rung(incident, scene)
    return Card(
        incident=incident,
        head=scene.headline(incident),
        tone=tone(incident),
        href=f"/incidents/{incident.id}",
        place_href=f"/places/{site}/{incident.place}" if incident.place else "",
        device_href=f"/devices/{site}/{subject.name}" if is_device else "",
        state=scene.t("state.assigned" if incident.assigned else f"state.{incident.state.value}"),
        holder=_holder(incident, scene, story),
        holder_name=scene.person(incident.acknowledged_by),
        until=(
            scene.t(
                "card.answer" if incident.assigned else "card.until",
                at=scene.when(incident.acknowledged_until, site),
            )
            if incident.state is State.ACKNOWLEDGED and incident.acknowledged_until
            else ""
        ),
        ended=_ended(incident, scene),
        muted=(
            scene.t("card.muted-until", at=scene.when(incident.muted_until, site))
            if incident.muted_until and incident.state is State.OPEN
            else ""
        ),
        lasted=(
            scene.t("card.lasted", span=minutes(incident.lasted.total_seconds(), scene.language))
            if incident.lasted is not None
            else ""
        ),
        next_at_ms=ms(incident.next_step_at) if rung and incident.next_step_at else None,
        next_role=scene.role(rung.role) if rung else "",
        can_take=_can_take(incident),
        can_renew=incident.state is State.ACKNOWLEDGED and not incident.assigned,
        can_wait=_can_wait(incident),
        second_look=waits[0] if waits else None,
        source=scene.source(device),
    )


def tone(incident: Incident) -> str:
    if incident.state is State.CLOSED:
        return "grey"
    if incident.state is State.RECOVERED:
        return "teal"
    return TONES[incident.severity]


def in_order_of_need(incidents: list[Incident]) -> list[Incident]:
    """What burns first: not taken over, then by severity, then the newest; drills after that."""
    rank = {State.OPEN: 0, State.ACKNOWLEDGED: 1, State.RECOVERED: 2}
    return sorted(
        incidents,
        key=lambda i: (
            i.severity is Severity.INFO,
            i.is_drill,
            rank.get(i.state, 3),
            -i.severity,
            -i.opened_at.timestamp(),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One duty with the sentence of its incident."""

    duty: Duty
    tone: str
    title: str
    detail: str
    person: str
    by: str
    href: str
    can_confirm: bool
    can_call: bool
    reporter: str
    phone: str
    done: str


def errand(
    duty: Duty,
    incident: Incident | None,
    scene: Scene,
    report: Report | None = None,
    story: Sequence[StoryLine] = (),
) -> Errand:
    """``story``: the incident's, where it is at hand; it knows for whom it was done (代填)."""
    site = incident.subject.site if incident else ""
    head = scene.headline(incident) if incident else None
    late = duty.done_at is None and duty.due_at is not None and duty.due_at < scene.now
    done = ""
    if duty.done_at:
        done = scene.t(
            "duty.done",
            who=scene.person(duty.done_by),
            at=scene.when(duty.done_at, site),
            how=scene.t.either(f"outcome.{duty.outcome}", duty.outcome),
        ) + _on_behalf(story, (StoryKind.DUTY_DONE,), duty.done_by, duty.done_at, scene)
    return Errand(
        duty=duty,
        tone="grey" if duty.done_at else "amber" if late else "teal",
        title=scene.t(f"duty.{duty.kind.value}", where=head.where if head else ""),
        detail=_detail(head, incident, scene),
        person=scene.person(duty.person) if duty.person else scene.t("duty.nobody"),
        by=scene.t("duty.by", at=scene.when(duty.due_at, site)) if duty.due_at else "",
        href=f"/incidents/{duty.incident}",
        can_confirm=duty.done_at is None and duty.kind is DutyKind.SECOND_LOOK,
        can_call=duty.done_at is None and duty.kind is DutyKind.CALL_ON,
        reporter=report.reporter if report else "",
        phone=report.phone if report else "",
        done=done,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One line of the story."""

    at: datetime
    time: str
    tone: str
    text: str
    words: str
    """What somebody wrote, in his own words."""


STORY_TONES = {
    StoryKind.FIRST_SIGN: "amber",
    StoryKind.OPENED: "red",
    StoryKind.REOPENED: "red",
    StoryKind.SEVERITY: "red",
    StoryKind.CLIMBED: "red",
    StoryKind.ACKNOWLEDGEMENT_VOID: "red",
    StoryKind.FLAPPING: "amber",
    StoryKind.RECOVERED: "green",
    StoryKind.CALM: "green",
    StoryKind.DUTY_OPENED: "grey",
    StoryKind.DUTY_DONE: "green",
    StoryKind.CLOSED: "green",
}
_OWN_WORDS = ("text", "note")


def story(
    lines: list[StoryLine], incident: Incident, scene: Scene, *, blames_nobody: bool = False
) -> list[Told]:
    """The story in words, oldest first; ``blames_nobody`` where a volunteer may not have answered."""
    told = [_told(line, incident, scene) for line in lines]
    if not blames_nobody:
        return told
    return [
        replace(
            one,
            tone="grey",
            text=scene.t(
                "story.asked-next", role=_role_of_step(line.facts.get("step"), incident, scene)
            ),
        )
        if line.kind is StoryKind.CLIMBED
        else one
        for line, one in zip(lines, told, strict=True)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    """A notice as the page shows it, word for word."""

    notice: Notice
    time: str
    to: str
    channel: str
    state: str
    settled: str
    tone: str
    detail: str
    is_noted: bool
    """The provider has said what became of it."""
    delay: str
    """What the limiter or newer news did to it, in words; empty when nothing."""


NOTICE_TONES = {"accepted": "green", "opened": "green", "acknowledged": "green", "rejected": "red",
                "retrying": "amber"}  # fmt: skip


def slip(notice: Notice, scene: Scene, site: str) -> Slip:
    # Word for word, but for what opens it in somebody's name.
    notice = replace(notice, text=masked(notice.text), link="")
    return Slip(
        notice=notice,
        time=scene.when(notice.created_at, site),
        to=scene.person(notice.person) if notice.person else scene.t("notice.group"),
        channel=channel_words(notice.address, scene.t),
        state=scene.t(f"notice.{notice.state.value}"),
        settled=scene.when(notice.settled_at, site) if notice.settled_at else "",
        tone=NOTICE_TONES.get(notice.state.value, "grey"),
        detail=in_language(notice.detail, scene.language),
        is_noted=is_noted(notice.detail),
        delay=" ".join(
            scene.t(f"notice.{word}", n=n, at=scene.when(notice.due_at, site))
            for word, n in delays.read(notice.detail)
        ),
    )


def channel_words(address: Address, t: Words) -> str:
    """By what it goes, and of a browser by which."""
    known = browser_of(address)
    if known is not None and known[1]:
        return t("channel.browser", label=known[1])
    return t(f"channel.{address.channel.value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """Somebody who was considered: whether he was ever told, and each reason with its time."""

    name: str
    role: str
    told: bool
    reasons: list[tuple[str, str]]


def weighed(considered: list[Considered], scene: Scene, site: str) -> list[Weighed]:
    """One row a person, those who were told first."""
    by_person: dict[str, list[Considered]] = {}
    for one in considered:
        by_person.setdefault(one.person, []).append(one)
    rows = []
    for who, verdicts in by_person.items():
        known = scene.people.get(who)
        rows.append(
            Weighed(
                name=scene.person(who),
                role=scene.role(known.role) if known else "",
                told=any(one.told for one in verdicts),
                reasons=list(
                    dict.fromkeys(
                        (_reason(one.reason, scene), scene.when(one.at, site)) for one in verdicts
                    )
                ),
            )
        )
    return sorted(rows, key=lambda row: not row.told)


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def lasted(seconds: float, scene: Scene) -> str:
    """A length of time as a neighbour would say it: 50 秒, 90 分钟, 5.5 小时, 2 天."""
    whole = max(0, int(seconds))
    if whole < 60:
        return scene.t("span.seconds", n=whole)
    if whole < 7200 and whole % 3600:
        return scene.t("span.minutes", n=whole // 60)
    if whole < 48 * 3600:
        return scene.t("span.hours", n=number(whole / 3600, 1, plain=True))
    return scene.t("span.days", n=timedelta(seconds=whole).days)


def _reason(word: str, scene: Scene) -> str:
    return Reason(word).text(scene.language) if word in tuple(Reason) else word


def _next_rung(incident: Incident, scene: Scene) -> Tier | None:
    if incident.state is not State.OPEN or incident.next_step_at is None or incident.muted_until:
        return None
    tiers = tiers_of(incident, scene.registry)
    return tiers[incident.step + 1] if incident.step + 1 < len(tiers) else None


def _can_take(incident: Incident) -> bool:
    return incident.state is State.OPEN or incident.assigned


def _can_wait(incident: Incident) -> bool:
    return incident.state is State.OPEN and incident.severity is Severity.INFO


_TAKING = (StoryKind.ACKNOWLEDGED, StoryKind.ASSIGNED, StoryKind.FALSE_ALARM)


def _holder(incident: Incident, scene: Scene, story: Sequence[StoryLine]) -> str:
    if not incident.acknowledged_by or incident.state is State.OPEN:
        return ""
    at = incident.acknowledged_at
    return scene.t(
        "card.given" if incident.assigned else "card.holder",
        who=scene.person(incident.acknowledged_by),
        at=scene.when(at, incident.subject.site) if at else "",
    ) + _on_behalf(story, _TAKING, None, at, scene)


def _on_behalf(
    story: Sequence[StoryLine],
    kinds: Collection[StoryKind],
    who: str | None,
    at: datetime | None,
    scene: Scene,
) -> str:
    """For whom this was entered, by its line in the story; empty for oneself."""
    for line in story:
        if line.at == at and line.kind in kinds and line.on_behalf_of and who in (None, line.who):
            return scene.t("story.on-behalf", who=scene.person(line.on_behalf_of))
    return ""


def _ended(incident: Incident, scene: Scene) -> str:
    site = incident.subject.site
    if incident.closed_at:
        how = (
            "closed-drill" if incident.is_drill
            else "closed-false" if incident.false_alarm
            else "closed-unconfirmed" if incident.unconfirmed
            else "closed"
        )  # fmt: skip
        return _sentence(scene.t(f"card.{how}", at=scene.when(incident.closed_at, site)), scene)
    if incident.state is State.RECOVERED and incident.recovered_at:
        at = scene.when(incident.recovered_at, site)
        return _sentence(scene.t("card.recovered", at=at), scene)
    return ""


def _sentence(words: str, scene: Scene) -> str:
    return words + ("." if scene.language is Language.EN else "。")


def _detail(head: Headline | None, incident: Incident | None, scene: Scene) -> str:
    if head is None or incident is None:
        return ""
    if incident.recovered_at:
        at = scene.when(incident.recovered_at, incident.subject.site)
        return f"{head.name} · {scene.t('card.recovered', at=at)}"
    return head.name


def _told(line: StoryLine, incident: Incident, scene: Scene) -> Told:
    facts, t = line.facts, scene.t
    own = next((str(facts[name]) for name in _OWN_WORDS if facts.get(name)), "")
    because = t.either(f"because.{facts.get('because', '')}", "")
    people = [scene.person(one) for one in str(facts.get("people", "")).split(", ") if one]
    if line.kind is StoryKind.TOLD:
        reason = str(facts.get("reason", ""))
        text = t("story.nobody-told")
        if people:
            key = f"story.told-{reason}" if f"story.told-{reason}" in t.texts else "story.told"
            duty = t.either(f"dutyname.{facts.get('duty', '')}", "")
            text = t(key, to=t("list.comma").join(people), duty=duty)
    else:
        text = t(
            f"story.{line.kind.value}",
            who=scene.person(line.who),
            name=scene.headline(incident).name,
            role=_role_of_step(facts.get("step"), incident, scene),
            outcome=t.either(f"outcome.{facts.get('outcome', '')}", ""),
            because=because,
            to=t("list.comma").join(people),
            n=facts.get("times", ""),
            duty=t.either(f"dutyname.{facts.get('duty', '')}", ""),
            incident=facts.get("incident", ""),
        )
    if because and line.kind is not StoryKind.CLIMBED:
        text = t("story.because", text=text, because=because)
    if line.on_behalf_of:
        text += t("story.on-behalf", who=scene.person(line.on_behalf_of))
    if line.origin and not (line.on_behalf_of and line.origin == "console"):  # as entries are made
        text += _origin(line.origin, incident, scene)
    return Told(
        at=line.at,
        time=scene.when(line.at, incident.subject.site),
        tone=STORY_TONES.get(line.kind, "teal"),
        text=text,
        words=own,
    )


def _origin(origin: str, incident: Incident, scene: Scene) -> str:
    """From where somebody did it; what has no word here stands as it is."""
    kind, _, where = origin.partition(":")
    if kind == "button":
        site, _, name = where.partition("/")
        device = scene.devices.get((site, name))
        where = device.names.by(scene.language) if device else where
    key = f"origin.{kind}"
    if key in scene.t.texts:
        return scene.t(key, where=where)
    return scene.t("origin.other", where=scene.t.either(f"channel.{kind}", kind))


def _role_of_step(step: float | str | None, incident: Incident, scene: Scene) -> str:
    tiers = tiers_of(incident, scene.registry)
    at = int(step) if isinstance(step, int | float) else -1
    return scene.role(tiers[at].role) if 0 <= at < len(tiers) else scene.t("story.next")

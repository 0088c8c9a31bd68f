"""Who is told, and why everybody else is not: a verdict for every person of the site."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from alerts.incidents.model import Incident
from alerts.notify.notice import Considered, NoticeReason
from alerts.registry.addresses import where
from alerts.registry.model import (
    Address,
    ChannelKind,
    Person,
    Place,
    PlaceKind,
    PostRole,
    Registry,
    Subscription,
    Tier,
)
from alerts.words import NIGHT_CLASSES, IncidentClass, Language, Severity
from edge.contract.subject import SubjectKind


class Reason(StrEnum):
    """Why somebody was, or was not, told. The words are part of the store: add, never rename."""

    TIER = "tier"
    TOLD_BEFORE = "told-before"
    TOOK_OVER = "took-over"
    ASSIGNED = "assigned"
    STAND_IN = "stand-in"
    ON_ROTA = "on-rota"
    SUBSCRIBED = "subscribed"
    DIGEST_SENT = "digest-sent"
    NEXT_ADDRESS = "next-address"
    REMINDED = "reminded"
    STANDS_BEHIND = "stands-behind"
    NOT_THIS_TIER = "not-this-tier"
    NO_TIER = "no-tier"
    OTHER_PLACE = "other-place"
    QUIET_HOURS = "quiet-hours"
    SNOOZED = "snoozed"
    SILENCED = "silenced"
    MAINTENANCE = "maintenance"
    GROUPED = "grouped"
    ON_ROTA_TOLD = "on-rota-told"
    AWAY = "away"
    STAND_IN_LOOP = "stand-in-loop"
    EMPTY_ROTA = "empty-rota"
    NO_ADDRESS = "no-address"
    NOT_BY_CALL = "not-by-call"
    VOLUNTEER = "volunteer"
    DECLINED = "declined"
    NO_QUIET_ADDRESS = "no-quiet-address"
    ALREADY_TOLD = "already-told"
    NOT_TOLD_BEFORE = "not-told-before"
    DIGEST = "digest"
    FOR_THE_RECORD = "for-the-record"
    NOT_ACCEPTED = "not-accepted"
    FROM_MEMORY = "from-memory"

    @property
    def told(self) -> bool:
        return self in _TOLD

    def text(self, language: Language) -> str:
        """What people read under "why was I (not) told?"."""
        return TEXTS[self][language]


_TOLD = frozenset(
    {
        Reason.TIER,
        Reason.TOLD_BEFORE,
        Reason.TOOK_OVER,
        Reason.FROM_MEMORY,
        Reason.ASSIGNED,
        Reason.STAND_IN,
        Reason.ON_ROTA,
        Reason.SUBSCRIBED,
        Reason.DIGEST_SENT,
        Reason.NEXT_ADDRESS,
        Reason.REMINDED,
        Reason.STANDS_BEHIND,
    }
)

TEXTS: dict[Reason, dict[Language, str]] = {
    Reason.TIER: {
        Language.ZH: "已通知：轮到这一级。",
        Language.EN: "Told: it was this tier's turn.",
    },
    Reason.TOLD_BEFORE: {
        Language.ZH: "已通知：之前通知过，后续也告诉一声。",
        Language.EN: "Told: heard of it before, so hears how it goes on.",
    },
    Reason.TOOK_OVER: {
        Language.ZH: "已通知：这件事是由此人接手的。",
        Language.EN: "Told: had taken it over.",
    },
    Reason.ASSIGNED: {
        Language.ZH: "已通知：这件事交给了此人。",
        Language.EN: "Told: it was given to this person.",
    },
    Reason.STAND_IN: {
        Language.ZH: "已通知：替不在的人顶班。",
        Language.EN: "Told: stands in for somebody who is away.",
    },
    Reason.ON_ROTA: {
        Language.ZH: "已通知：现在轮到此人值班。",
        Language.EN: "Told: has the post now, by the rota or the last hand-over.",
    },
    Reason.SUBSCRIBED: {
        Language.ZH: "已通知：自己订阅了这类事。",
        Language.EN: "Told: has subscribed to such incidents.",
    },
    Reason.DIGEST_SENT: {
        Language.ZH: "已通知：写在每日汇总里。",
        Language.EN: "Told: in the daily digest.",
    },
    Reason.NEXT_ADDRESS: {
        Language.ZH: "已通知：前一个地址发不出去，改用下一个。",
        Language.EN: "Told: the address before did not work, so the next one was used.",
    },
    Reason.REMINDED: {
        Language.ZH: "已提醒：这件事还等着复查或回访。",
        Language.EN: "Reminded: a second look or a call on whoever reported still waits.",
    },
    Reason.STANDS_BEHIND: {
        Language.ZH: "已提醒：还没有人回来确认，请这一级安排人，只提醒一次。",
        Language.EN: "Reminded, once: nobody has confirmed it yet, so this tier was asked to send "
        "somebody.",
    },
    Reason.NOT_THIS_TIER: {
        Language.ZH: "未通知：还没轮到这一级。",
        Language.EN: "Not told: it was not this tier's turn yet.",
    },
    Reason.NO_TIER: {
        Language.ZH: "未通知：这类事不归这个岗位。",
        Language.EN: "Not told: this role is in no tier for such an incident.",
    },
    Reason.OTHER_PLACE: {
        Language.ZH: "未通知：负责的是别的监测点。",
        Language.EN: "Not told: looks after other places.",
    },
    Reason.QUIET_HOURS: {
        Language.ZH: "暂不通知：在免打扰时段，时段一过就通知。",
        Language.EN: "Not told yet: quiet hours; will be told when they end.",
    },
    Reason.SNOOZED: {
        Language.ZH: "暂不通知：本人设了免打扰，时间一到就通知。",
        Language.EN: "Not told yet: wanted no notices for a while; will be told when that ends.",
    },
    Reason.SILENCED: {
        Language.ZH: "暂不通知：有人设了静默，到时间还没好就通知。",
        Language.EN: "Not told yet: silenced; will be told if it is still so when that ends.",
    },
    Reason.MAINTENANCE: {
        Language.ZH: "暂不通知：正在检修，到时间还没好就通知。",
        Language.EN: "Not told yet: maintenance; will be told if it is still so when that ends.",
    },
    Reason.ON_ROTA_TOLD: {
        Language.ZH: "岗位没有共用电话，通知了值班的人。",
        Language.EN: "The post has no phone: whoever has the post now was told.",
    },
    Reason.GROUPED: {
        Language.ZH: "没有单独通知：和另一件事是一回事，一起通知。",
        Language.EN: "Not told apart: it is part of another incident, which tells of both.",
    },
    Reason.AWAY: {
        Language.ZH: "未通知：这几天不在；有人顶班就通知顶班的人。",
        Language.EN: "Not told: away; the stand-in is told, if there is one.",
    },
    Reason.STAND_IN_LOOP: {
        Language.ZH: "没有通知到：顶班的人转了一圈，都不在。",
        Language.EN: "Not reached: the stand-ins go round in a circle and all are away.",
    },
    Reason.EMPTY_ROTA: {
        Language.ZH: "没有通知到：这个岗位现在没有排人，也没有共用电话。",
        Language.EN: "Not reached: nobody has a turn at this post now, and it has no phone.",
    },
    Reason.NO_ADDRESS: {
        Language.ZH: "未通知：没有登记联系地址。",
        Language.EN: "Not told: no address is registered.",
    },
    Reason.NOT_BY_CALL: {
        Language.ZH: "没有打电话：事情已经过去，或者不急，不为这个响铃。",
        Language.EN: "Not called: it is over, or can wait, and no phone is rung for that.",
    },
    Reason.VOLUNTEER: {
        Language.ZH: "不提醒：志愿者自愿来，不催；后面一级会安排人。",
        Language.EN: "Not reminded: a volunteer never is; the tier behind is asked instead.",
    },
    Reason.DECLINED: {
        Language.ZH: "不再提醒：本人说过去不了；请别人去。",
        Language.EN: "Not reminded: said they cannot come; somebody else is asked.",
    },
    Reason.NO_QUIET_ADDRESS: {
        Language.ZH: "没有提醒：只登记了电话、广播，或和志愿者共用的群，提醒不用这些。",
        Language.EN: "Not reminded: has only a phone to ring, an announcer, or a group that "
        "volunteers read.",
    },
    Reason.ALREADY_TOLD: {
        Language.ZH: "没有重复通知：这一次已经通知过。",
        Language.EN: "Not told again: had been told of this already.",
    },
    Reason.NOT_TOLD_BEFORE: {
        Language.ZH: "未通知：之前没有通知过此人。",
        Language.EN: "Not told: had not been told of it before.",
    },
    Reason.DIGEST: {
        Language.ZH: "没有马上通知：不急，放进每日汇总。",
        Language.EN: "Not told at once: it can wait for the daily digest.",
    },
    Reason.FOR_THE_RECORD: {
        Language.ZH: "未通知：仅作记录。",
        Language.EN: "Not told: kept for the record only.",
    },
    Reason.NOT_ACCEPTED: {
        Language.ZH: "没有通知到：登记的地址都发不出去。",
        Language.EN: "Not reached: no registered address took the notice.",
    },
    Reason.FROM_MEMORY: {
        Language.ZH: "已通知：当时数据库写不进去，先凭记忆发出，后来补记。",
        Language.EN: "Told: sent from memory while the database was away, and recorded later.",
    },
}

# When no tiers are registered for a kind of place, a danger must still reach somebody: the climbs of
# design.md, "The words", with the waits of domain.md 5.3.
_WAITS = {Severity.CRITICAL: 300.0, Severity.MAJOR: 1800.0}
USUAL_TIERS: dict[PlaceKind, tuple[Tier, ...]] = {
    kind: tuple(Tier(role=role, wait_s=dict(_WAITS)) for role in roles)
    for kind, roles in {
        PlaceKind.REACH: (PostRole.RIVER_CHIEF, PostRole.COMMUNITY_CHIEF, PostRole.TOWN_CHIEF),
        PlaceKind.SHED: (
            PostRole.GUARD,
            PostRole.PROPERTY,
            PostRole.COMMUNITY,
            PostRole.SUBDISTRICT,
        ),
        PlaceKind.RISK_POINT: (PostRole.COMMUNITY, PostRole.SUBDISTRICT),
    }.items()
}
ENGINEERS = (Tier(role=PostRole.ENGINEER),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether one person is told. ``due_at`` is when; None when no notice is written at all."""

    person: Person
    step: int
    reason: Reason
    due_at: datetime | None = None

    def considered(self, incident: int, at: datetime) -> Considered:
        return Considered(
            incident=incident,
            at=at,
            person=self.person.id,
            step=self.step,
            told=self.reason.told,
            reason=self.reason.value,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Who has been told of this incident: ever, and in this round (since it last came back)."""

    ever: Collection[str] = field(default_factory=frozenset)
    this_round: Collection[str] = field(default_factory=frozenset)
    declined: Collection[str] = field(default_factory=frozenset)
    """Who has said since it recovered that they cannot look again (去不了)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """Quiet that people asked for: ``muted`` for everybody, and each person's own ``snoozed`` end."""

    muted: Reason | None = None
    snoozed: Mapping[str, datetime] = field(default_factory=dict)


VOLUNTEERS = frozenset({PostRole.RIVER_CHIEF})
"""Nobody gives them a deadline, a reminder or an overdue mark, and 去不了 is a good answer."""


def addresses_for(
    person: Person, reason: NoticeReason, registry: Registry | None = None
) -> tuple[Address, ...]:
    """Where this person is told so, the first one first.

    No phone is rung to say that it is over, for what can wait, or to remind; a link is of use only
    where it can be tapped.
    """
    if reason is NoticeReason.REMINDER:
        return _without_noise(person, registry)
    left_out: tuple[ChannelKind, ...] = ()
    if reason in (*_ENDINGS, NoticeReason.DIGEST):
        left_out = (ChannelKind.VOICE,)
    elif reason is NoticeReason.LINK:
        left_out = _ALOUD
    return tuple(one for one in person.addresses if one.channel not in left_out)


def _without_noise(person: Person, registry: Registry | None) -> tuple[Address, ...]:
    """Neither a call nor an announcer, nor what a volunteer of ``registry`` reads as well; a group
    after one's own; a text message, which costs, only where there is no other."""
    spared = {
        where(one)
        for other in (registry.people if registry else ())
        if other.role in VOLUNTEERS
        for one in other.addresses
    }
    silent = [
        one for one in person.addresses if one.channel not in _ALOUD and where(one) not in spared
    ]
    free = [one for one in silent if one.channel is not ChannelKind.SMS]
    return tuple(sorted(free or silent, key=lambda one: one.group))


_ALOUD = (ChannelKind.VOICE, ChannelKind.ANNOUNCER)


def place_of(incident: Incident, registry: Registry) -> Place | None:
    """The incident's place; a device's is its first binding's. None for the cell itself."""
    subject = incident.subject
    name = incident.place
    if not name and subject.kind in (SubjectKind.PLACE, SubjectKind.PORT, SubjectKind.CIRCUIT):
        name = subject.name
    if not name:
        wanted = incident.device or (subject.name if subject.kind is SubjectKind.DEVICE else "")
        name = next(
            (
                device.bindings[0].place
                for device in registry.devices
                if device.site == subject.site and device.id == wanted and device.bindings
            ),
            "",
        )
    return next((p for p in registry.places if p.site == subject.site and p.id == name), None)


def tiers_of(incident: Incident, registry: Registry) -> tuple[Tier, ...]:
    """The climb: the entry that names the class, else the general one, else the usual one.

    What the service has about itself goes to its engineers, unless an entry names the class.
    """
    place = place_of(incident, registry)
    if place is None:
        return ENGINEERS
    fitting = [tiers for tiers in registry.tiers if tiers.kind is place.kind and tiers.steps]
    for tiers in fitting:
        if incident.cls in tiers.classes:
            return tiers.steps
    if incident.cls is IncidentClass.WATCH:
        return ENGINEERS
    for tiers in fitting:
        if not tiers.classes:
            return tiers.steps
    return USUAL_TIERS[place.kind]


def at_step(incident: Incident, registry: Registry, step: int | None = None) -> list[Person]:
    """Whose turn it is at ``step``, the incident's own when not given; reachable or not."""
    place, steps = place_of(incident, registry), tiers_of(incident, registry)
    wanted = incident.step if step is None else step
    people = people_of(incident, registry)
    return [person for person in people if tier_for(person, steps, place) == wanted]


def looks_again(
    incident: Incident, registry: Registry, declined: Collection[str] = ()
) -> list[Person]:
    """Who is asked for the second look: whoever took over and has an address, else the first tier
    that anybody has one in; where one of them has ``declined``, the next such tier.
    """
    people = people_of(incident, registry)
    took_over = [person for person in people if person.id == incident.acknowledged_by]
    if took_over and took_over[0].id not in declined and _has_where(took_over):
        return took_over
    place, steps = place_of(incident, registry), tiers_of(incident, registry)
    tiers = {person.id: tier_for(person, steps, place) for person in people}
    passed = [tier for id in declined if isinstance(tier := tiers.get(id), int)]
    after = max(passed, default=-1) + 1
    # One of the last tier may have declined before it was asked: then those before it are.
    for step in (*range(after, len(steps)), *range(after)):
        asked = [person for person in people if tiers[person.id] == step]
        if step not in passed and _has_where(asked):
            return asked
    return [] if passed else [person for person in people if tiers[person.id] == 0]


def _has_where(people: Collection[Person]) -> bool:
    """Whether anything may reach one of them: an address, or whoever has the post."""
    return any(person.addresses or person.is_post for person in people)


def first_told(incident: Incident, registry: Registry) -> frozenset[str]:
    """Whose turn is the first tier's, whatever the hour."""
    return frozenset(person.id for person in at_step(incident, registry, 0))


def tells_at_once(incident: Incident) -> bool:
    """INFO tells nobody; upkeep below MAJOR waits for the daily digest."""
    return _held_back(incident) is None


class Roster(Protocol):
    """Who answers for somebody now (``roster.Roster``)."""

    def answers(self, person: Person, now: datetime) -> "Answers": ...


class Answers(Protocol):
    @property
    def person(self) -> Person: ...
    @property
    def reason(self) -> Reason | None: ...
    @property
    def gap(self) -> Reason | None: ...


def consider(
    incident: Incident,
    reason: NoticeReason,
    registry: Registry,
    now: datetime,
    history: History = History(),
    quiet: Quiet = Quiet(),
    roster: Roster | None = None,
) -> list[Verdict]:
    """A verdict for every person of the site: of ``incident.step``, told for ``reason``.

    Whoever is away, and a post without a phone of its own, are told through whom ``roster`` names.
    """
    return list(_verdicts(incident, reason, registry, now, history, quiet, roster))


# Upkeep can wait for the day, also for whoever named no quiet hours: a night's usual ones.
USUAL_NIGHT = ("22:00", "07:00")


def quiet_until(person: Person, cls: IncidentClass, zone: tzinfo, now: datetime) -> datetime | None:
    """When quiet ends for this person and class, if it holds now. Half open; may span midnight."""
    hours = (person.quiet_from, person.quiet_to)
    if not all(hours) and cls is IncidentClass.UPKEEP:
        hours = USUAL_NIGHT
    if not all(hours) or cls in NIGHT_CLASSES:
        return None
    since, until = map(time.fromisoformat, hours)
    local = now.astimezone(zone)
    clock = local.time()
    inside = since <= clock < until if since < until else (clock >= since or clock < until)
    if since == until or not inside:
        return None
    day = local.date() + timedelta(days=1) if clock >= until else local.date()
    return datetime.combine(day, until, zone).astimezone(UTC)


def _verdicts(
    incident: Incident,
    reason: NoticeReason,
    registry: Registry,
    now: datetime,
    history: History,
    quiet: Quiet,
    roster: Roster | None,
) -> Iterator[Verdict]:
    place = place_of(incident, registry)
    steps = tiers_of(incident, registry)
    people = people_of(incident, registry)
    # Whoever took over may have left since: then the second look is the first tier's.
    took_over = next((p.id for p in people if p.id == incident.acknowledged_by), "")
    if reason is NoticeReason.ASSIGNED:
        people = tuple(person for person in people if person.id == took_over)
    looks: Collection[str] = ()
    if reason is NoticeReason.SECOND_LOOK:
        looks = {one.id for one in looks_again(incident, registry, history.declined)}
    told: dict[str, Verdict] = {}
    for person in people:
        tier = tier_for(person, steps, place)
        if reason is NoticeReason.SECOND_LOOK:
            why = _why_second_look(person, tier, looks, took_over)
        else:
            why = _why(incident, reason, person, tier, history, took_over)
        step = tier if isinstance(tier, int) else incident.step
        if not why.told and _wants(person, incident, reason, place, registry):
            if person.id in history.ever and reason is not NoticeReason.SEVERITY:
                why = Reason.ALREADY_TOLD
            else:
                # Beside the climb: it neither waits for them nor counts them as reached.
                why, step = Reason.SUBSCRIBED, BESIDE
        if not why.told:
            yield Verdict(person=person, step=step, reason=why)
            continue
        answers = roster.answers(person, now) if roster is not None else None
        if quiet.muted is not None:
            yield Verdict(person=person, step=step, reason=quiet.muted)
        elif answers is not None and answers.gap is not None:
            yield Verdict(person=person, step=step, reason=answers.gap)
        elif answers is not None and answers.reason is not None:
            away = Reason.AWAY if answers.reason is Reason.STAND_IN else Reason.ON_ROTA_TOLD
            yield Verdict(person=person, step=step, reason=away)
            verdict = _verdict(
                answers.person, step, answers.reason, incident, reason, registry, quiet, now
            )
            told.setdefault(answers.person.id, verdict)
        else:
            told[person.id] = _verdict(person, step, why, incident, reason, registry, quiet, now)
    yield from told.values()


def _verdict(
    person: Person,
    step: int,
    why: Reason,
    incident: Incident,
    reason: NoticeReason,
    registry: Registry,
    quiet: Quiet,
    now: datetime,
) -> Verdict:
    """Of somebody whose turn it is: told now, later, or not at all."""
    zone = zone_of(person.site, registry)
    if not person.addresses:
        return Verdict(person=person, step=step, reason=Reason.NO_ADDRESS)
    if not addresses_for(person, reason):
        return Verdict(person=person, step=step, reason=Reason.NOT_BY_CALL)
    if ends := quiet.snoozed.get(person.id):
        return Verdict(person=person, step=step, reason=Reason.SNOOZED, due_at=ends)
    if until := quiet_until(person, incident.cls, zone, now):
        return Verdict(person=person, step=step, reason=Reason.QUIET_HOURS, due_at=until)
    return Verdict(person=person, step=step, reason=why, due_at=now)


def _is_for(one: Subscription, person: Person) -> bool:
    """Whose wish it is: a person's, or that of everybody with a role."""
    return one.person == person.id if one.person else one.role is person.role


def _wants(
    person: Person,
    incident: Incident,
    reason: NoticeReason,
    place: Place | None,
    registry: Registry,
) -> bool:
    """Whether they have subscribed to such news. What waits for the digest still does."""
    if reason is not NoticeReason.DIGEST and (reason not in _NEWS or _held_back(incident)):
        return False
    site = incident.subject.site
    return any(
        _is_for(one, person)
        and (site in one.sites if one.sites else site == person.site)
        and (not one.places or (place is not None and place.id in one.places))
        and (not one.classes or incident.cls in one.classes)
        and incident.severity >= one.severity
        for one in registry.subscriptions
    )


_ENDINGS = (NoticeReason.RECOVERED, NoticeReason.CLOSED)
BESIDE = -1
"""The step of those who hear beside the climb."""
_NEWS = frozenset(
    {NoticeReason.OPENED, NoticeReason.REOPENED, NoticeReason.SEVERITY, NoticeReason.FLAPPING,
     NoticeReason.CLIMBED}
)  # fmt: skip


def _why(
    incident: Incident,
    reason: NoticeReason,
    person: Person,
    tier: int | Reason,
    history: History,
    took_over: str,
) -> Reason:
    """Before addresses and quiet hours: whether it is this person's turn."""
    if reason is NoticeReason.ASSIGNED:
        return Reason.ASSIGNED
    if reason is NoticeReason.DIGEST:
        if isinstance(tier, Reason):
            return tier
        return Reason.DIGEST_SENT if tier == 0 else Reason.NOT_THIS_TIER
    if reason in _ENDINGS:
        if person.id == took_over:
            return Reason.TOOK_OVER
        return Reason.TOLD_BEFORE if person.id in history.ever else Reason.NOT_TOLD_BEFORE
    if (held := _held_back(incident)) is not None:
        return tier if isinstance(tier, Reason) else held
    if reason is NoticeReason.CLIMBED and person.id in history.this_round:
        return Reason.ALREADY_TOLD
    if isinstance(tier, int) and tier == incident.step:
        return Reason.TIER
    told_who = history.this_round if reason is NoticeReason.SEVERITY else history.ever
    if reason in (NoticeReason.SEVERITY, NoticeReason.REOPENED, NoticeReason.FLAPPING):
        if person.id in told_who:
            return Reason.TOLD_BEFORE
        if isinstance(tier, int) and tier < incident.step:
            return Reason.TIER  # its turn has been, but nothing was told then: INFO, the digest
    return tier if isinstance(tier, Reason) else Reason.NOT_THIS_TIER


def _why_second_look(
    person: Person, tier: int | Reason, looks: Collection[str], took_over: str
) -> Reason:
    if person.id in looks:
        return Reason.TOOK_OVER if person.id == took_over else Reason.TIER
    return tier if isinstance(tier, Reason) and not took_over else Reason.NOT_THIS_TIER


def _held_back(incident: Incident) -> Reason | None:
    if incident.severity is Severity.INFO:
        return Reason.FOR_THE_RECORD
    if incident.cls is IncidentClass.UPKEEP and incident.severity < Severity.MAJOR:
        return Reason.DIGEST
    return None


def people_of(incident: Incident, registry: Registry) -> tuple[Person, ...]:
    """Everybody of the site, and who subscribed from elsewhere; for the cell itself, everybody."""
    if incident.subject.kind is SubjectKind.CELL:
        return registry.people
    site = incident.subject.site
    far = [one for one in registry.subscriptions if site in one.sites]
    return tuple(
        p for p in registry.people if p.site == site or any(_is_for(one, p) for one in far)
    )


def tier_for(person: Person, steps: tuple[Tier, ...], place: Place | None) -> int | Reason:
    """The person's step in this climb, or why there is none."""
    if place is not None and person.site != place.site:
        return Reason.NO_TIER
    if place is not None and person.places and place.id not in person.places:
        return Reason.OTHER_PLACE
    for step, tier in enumerate(steps):
        if tier.role is person.role:
            return step
    return Reason.NO_TIER


def zone_of(site: str, registry: Registry) -> tzinfo:
    """The site's time zone; UTC when it is not known."""
    name = next((s.time_zone for s in registry.sites if s.id == site), "")
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC  # `shouwang check` names it; a notice goes out all the same

"""What people read: an incident as a headline, and a notice's title and text, in zh and en.

Short and whole: what, where, how bad, since when, whether the power is off, what to do now, whom
to phone, the link. A missing figure takes a plainer sentence, never an empty message.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Protocol

from alerts.figures import clean, figures, fill, local, minutes, unit, zone
from alerts.incidents.climb import Before
from alerts.incidents.grouping import OUTAGE, POWER_CUT, RETURN
from alerts.incidents.model import Incident, State
from alerts.incidents.who import place_of, tiers_of
from alerts.notify.notice import NoticeReason
from alerts.phrases import DO, DRILL_MARK, EN, ROLES, SEVERITIES, ZH, Phrases
from alerts.registry.model import (
    Device,
    Names,
    Person,
    PlaceKind,
    PostRole,
    Registry,
    Source,
)
from alerts.rules.transition import SOURCE, UNTRUSTED
from alerts.words import SECOND_LOOK_CLASSES, IncidentClass, Language
from edge.contract.metrics import METRICS
from edge.contract.subject import SubjectKind


class Saying(Protocol):
    """A rule's templates in one language; ``{place}`` and other holes as in ``holes``."""

    @property
    def what(self) -> str: ...
    @property
    def why(self) -> str: ...
    @property
    def do(self) -> str: ...
    @property
    def clear(self) -> str: ...


class Spoken(Protocol):
    """What a rule must have to be put into words (``alerts.rules.rule.Rule`` does)."""

    @property
    def names(self) -> Names: ...
    @property
    def say(self) -> Mapping[Language, Saying]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """An incident in a few sentences; ``why`` and ``power`` may be empty, the others never are."""

    name: str
    where: str
    what: str
    why: str
    do: str
    since: str
    power: str
    source: str
    """The line that says the readings are recorded, injected or simulated; empty for live ones."""
    mark: str = ""
    """What stands before a title whose readings are injected or simulated."""


def headline(
    rule: Spoken | None,
    incident: Incident,
    registry: Registry,
    language: Language,
    now: datetime | None = None,
) -> Headline:
    """The incident in words; ``rule`` is None when its pack is gone. ``now`` names today."""
    words = _words(language)
    device = _device(incident, registry)
    values = holes(incident, registry, language)
    say = _say(rule, language)
    name = clean(rule.names.by(language)) if rule else incident.rule
    where = values["where"]
    what = fill(say.what, values) if say and not incident.seen_on_site else None
    if what is None:
        what = words.what.format(where=where, name=name)
    elif say and not _names_where(say.what):
        what = words.joined.format(where=where, text=what)
    why = (fill(say.why, values) if say else None) or ""
    at = local(incident.since, _zone(incident, registry), now or incident.since, language)
    return Headline(
        name=name,
        where=where,
        what=what,
        why=_doubt(incident, words) if incident.seen_on_site else why,
        do=(fill(say.do, values) if say else None) or DO[language][incident.cls],
        since=words.since.format(at=at),
        power=_power(incident, registry, device, words),
        source=_source(device, words),
        mark=(DRILL_MARK[language] if incident.is_drill else "")
        + (words.marks.get(device.source, "") if device and not incident.is_drill else ""),
    )


def notice_words(
    rule: Spoken | None,
    incident: Incident,
    registry: Registry,
    language: Language,
    reason: NoticeReason,
    link: str,
    now: datetime,
    *,
    to: Person | None = None,
    group: bool = False,
    step: int | None = None,
    before: Before | None = None,
) -> tuple[str, str]:
    """Title and text of a notice.

    ``to`` is not told to phone himself; ``group`` says that the message went to many; ``step`` is
    the tier that is told (``incident.step`` when not given), so that a climb names who was ``before``:
    by the registry where that is not given.
    """
    words = _words(language)
    head = headline(rule, incident, registry, language, now)
    mark = head.mark
    tag = words.tags.get(reason) or SEVERITIES[language][incident.severity]
    title = mark + words.title.format(tag=tag, where=head.where, name=head.name)
    lines: list[str]
    if reason in (NoticeReason.RECOVERED, NoticeReason.CLOSED):
        lines = _ending(rule, incident, registry, language, reason, head, now)
    elif reason is NoticeReason.SECOND_LOOK:
        lines = [words.look_again.format(where=head.where, name=head.name), words.look]
        if incident.facts.get(SOURCE) == UNTRUSTED and incident.state is not State.RECOVERED:
            lines.insert(1, words.unproven)
        if by_water(incident, registry):
            lines.append(words.not_to_the_water)
        if before is not None and before.declined:
            lines.insert(0, words.cannot_come.format(names=_names(before, words)))
    else:
        lines = [head.what]
        if reason is NoticeReason.CLIMBED:
            tier = incident.step if step is None else step
            lines.insert(
                0,
                _nobody_came(incident, registry, words, language, tier)
                if before is None
                else _came(before, words, language),
            )
        elif reason is NoticeReason.REOPENED and not incident.seen_on_site:
            lines.insert(0, words.again)
        elif reason is NoticeReason.FLAPPING:
            lines.insert(0, words.flapping)
        elif reason is NoticeReason.ASSIGNED:
            lines.insert(0, _given(to, words) if group and to is not None else words.assigned)
            if before is not None and before.declined:
                lines.insert(0, words.cannot_come.format(names=_names(before, words)))
        elif reason is NoticeReason.SEVERITY:
            lines.insert(0, words.worse.format(word=SEVERITIES[language][incident.severity]))
        lines += [head.why, _away(incident, words.away), head.since, head.power]
        lines.append(words.do.format(do=head.do))
        if incident.is_drill and incident.cls is IncidentClass.FIRE:
            lines.append(words.only_a_drill)
    if group and reason is not NoticeReason.ASSIGNED:
        lines.append(words.group)
    if reason is not NoticeReason.CLOSED:
        lines.append(phone_line(incident, registry, words, language, to))
    lines += [head.source, words.link.format(link=link) if link else ""]
    if mark:
        lines[0] = mark + lines[0]
    return title, "\n".join(line for line in lines if line)


def holes(incident: Incident, registry: Registry, language: Language) -> dict[str, str]:
    """What a rule's template may name: places and names cleaned, figures in the metric's decimals."""
    facts = dict(incident.facts)
    for name in ("value", "limit", "peak"):
        figure = getattr(incident, name)
        if figure is not None:
            facts.setdefault(name, figure)
    facts.setdefault("minutes", max(1, round(_seconds(incident.since, incident.opened_at) / 60)))
    values = figures(incident.metric, facts, language)
    metric = METRICS.get(incident.metric)
    place, device = place_of(incident, registry), _device(incident, registry)
    port = next((p for p in place.ports if p.id == incident.port), None) if place else None
    values["unit"] = unit(incident.metric, language)
    values["metric"] = (metric.zh if language is Language.ZH else metric.en) if metric else ""
    values["place"] = clean(place.names.by(language)) if place else incident.place
    values["port"] = clean(port.names.by(language)) if port else incident.port
    values["device"] = clean(device.names.by(language)) if device else incident.device
    values["where"] = _where(incident, registry, language, values)
    return values


def _where(
    incident: Incident, registry: Registry, language: Language, values: Mapping[str, str]
) -> str:
    parts = [values["place"]]
    if incident.subject.kind is SubjectKind.DEVICE:
        parts = [values["device"] or incident.subject.name]
    elif incident.subject.kind is SubjectKind.CELL:
        parts = []
    elif incident.port:
        parts.append(values["port"])
    site = next((s for s in registry.sites if s.id == incident.subject.site), None)
    if not any(parts) or len(registry.sites) > 1:
        parts.insert(0, clean(site.names.by(language)) if site else incident.subject.site)
    return " ".join(part for part in parts if part)


def _ending(
    rule: Spoken | None,
    incident: Incident,
    registry: Registry,
    language: Language,
    reason: NoticeReason,
    head: Headline,
    now: datetime,
) -> list[str]:
    words = _words(language)
    lasted = minutes(_seconds(incident.since, incident.recovered_at or now), language)
    if reason is NoticeReason.CLOSED:
        how = words.drill_over if incident.is_drill else words.closed
        if incident.false_alarm:
            how = words.false_alarm
        elif incident.unconfirmed:
            how = words.unconfirmed
        return [how.format(where=head.where, name=head.name), words.lasted.format(lasted=lasted)]
    values = holes(incident, registry, language)
    say = _say(rule, language)
    clear = fill(say.clear, values) if say else None
    if clear is None:
        now_is = fill(words.now_is, values) if incident.value is not None else None
        clear = words.clear.format(where=head.where, name=head.name) + (now_is or "")
    elif say and not _names_where(say.clear):
        clear = words.joined.format(where=head.where, text=clear)
    lines = [
        clear,
        words.lasted.format(lasted=lasted),
        _away(incident, words.still_away),
        head.power,
    ]
    if incident.cls in SECOND_LOOK_CLASSES:
        lines.append(words.still_to_look)
    return lines


def _given(to: Person, words: Phrases) -> str:
    """In a group nobody else may think that it is his."""
    return words.assigned_in_group.format(name=clean(to.name))


def _doubt(incident: Incident, words: Phrases) -> str:
    """Why it goes on though the figures are good: they would contradict the rule's own words."""
    because = words.still_there
    if incident.facts.get(SOURCE) == UNTRUSTED:
        because = words.unproven
    return words.back + because


def _came(before: Before, words: Phrases, language: Language) -> str:
    """What became of those who were asked before."""
    if not before.names:
        return words.nobody_reached
    if before.declined:
        return words.instead.format(names=_names(before, words))
    seconds = before.waited.total_seconds()
    waited = words.waited.format(t=minutes(seconds, language)) if seconds >= 60 else ""
    return words.nobody_came.format(names=_names(before, words), waited=waited)


def _names(before: Before, words: Phrases) -> str:
    return words.comma.join(clean(name) for name in before.names[:2])


def _away(incident: Incident, words: str) -> str:
    """How many devices are silent by it, where that is known."""
    away = incident.facts.get("away")
    if not isinstance(away, int | float):
        return ""
    return words.format(count=round(away), minutes=round(RETURN.total_seconds() / 60))


def _nobody_came(
    incident: Incident, registry: Registry, words: Phrases, language: Language, step: int
) -> str:
    tiers = tiers_of(incident, registry)
    if not 0 < step <= len(tiers):
        return words.nobody
    before = tiers[step - 1]
    people = _with_roles(incident, registry, (before.role,))
    names = words.comma.join(clean(person.name) for person in people[:2])
    wait = before.wait_s.get(incident.severity)
    waited = minutes(wait, language) if wait else ""
    return words.nobody_came.format(
        names=names or ROLES[language][before.role], waited=waited and words.waited.format(t=waited)
    )


def phone_line(
    incident: Incident, registry: Registry, words: Phrases, language: Language, to: Person | None
) -> str:
    """Whom to phone, other than ``to`` himself; of fire the brigade too."""
    parts = []
    if who := helper(incident, registry, to):
        role = ROLES[language][who.role]
        parts.append(words.ask.format(name=clean(who.name), role=role, phone=clean(who.phone)))
    if incident.cls is IncidentClass.FIRE and not incident.is_drill:
        parts.append(words.fire_brigade)
    return words.between.join(parts)


def helper(incident: Incident, registry: Registry, to: Person | None) -> Person | None:
    """Whom a message names to phone: the first who has a number and is not ``to`` himself."""
    place = place_of(incident, registry)
    roles = _HELPERS_BY_WATER if place and place.kind is PlaceKind.REACH else _HELPERS
    for person in _with_roles(incident, registry, roles):
        if person.phone and (to is None or person.id != to.id):
            return person
    return None


_HELPERS = (PostRole.PROPERTY, PostRole.COMMUNITY, PostRole.SUBDISTRICT)
_HELPERS_BY_WATER = (PostRole.COMMUNITY_CHIEF, PostRole.COMMUNITY, PostRole.PROPERTY)


def _with_roles(
    incident: Incident, registry: Registry, roles: tuple[PostRole, ...]
) -> list[Person]:
    """People of the site who look after this place, in the order of the roles."""
    return [
        person
        for role in roles
        for person in registry.people
        if person.role is role
        and person.site == incident.subject.site
        and (not person.places or not incident.place or incident.place in person.places)
    ]


def _power(incident: Incident, registry: Registry, device: Device | None, words: Phrases) -> str:
    """Whether the power is off: on every card of a charging place that speaks of its power."""
    place = place_of(incident, registry)
    if place is None or place.kind is not PlaceKind.SHED or incident.cls is IncidentClass.WATCH:
        return ""
    if incident.subject.kind is SubjectKind.DEVICE or incident.words_of in POWER_CUT | OUTAGE:
        return ""
    said = incident.facts.get("power")
    if said == "off":
        return words.power_off
    if said == "failed":
        return words.power_failed
    return words.power_unknown if device and device.can_cut_power else words.no_remote_power


def _source(device: Device | None, words: Phrases) -> str:
    if device is None or device.source is not Source.RECORDED:
        return ""
    return words.recorded.format(origin=clean(device.origin) or clean(device.id))


def by_water(incident: Incident, registry: Registry) -> bool:
    """Whether whoever goes to look comes near water."""
    place = place_of(incident, registry)
    return incident.cls is IncidentClass.FLOOD or (
        place is not None and place.kind is PlaceKind.REACH
    )


def _device(incident: Incident, registry: Registry) -> Device | None:
    """The device that spoke; else the first one bound to the place, port and metric."""
    site = incident.subject.site
    here = [device for device in registry.devices if device.site == site]
    spoke = incident.device
    if incident.subject.kind is SubjectKind.DEVICE:
        spoke = incident.subject.name
    for device in here:
        if device.id == spoke:
            return device
    for device in here:
        for binding in device.bindings:
            if (binding.place, binding.port) == (incident.place, incident.port) and (
                not incident.metric or incident.metric in binding.metrics
            ):
                return device
    return None


def _zone(incident: Incident, registry: Registry) -> tzinfo:
    site = next((s for s in registry.sites if s.id == incident.subject.site), None)
    return zone(site.time_zone if site else "")


def _say(rule: Spoken | None, language: Language) -> Saying | None:
    if rule is None:
        return None
    return rule.say.get(language)


def _names_where(template: str) -> bool:
    return any(hole in template for hole in ("{where}", "{place}", "{device}"))


def _words(language: Language) -> Phrases:
    return EN if language is Language.EN else ZH


def _seconds(since: datetime, until: datetime) -> float:
    return max(0.0, (until - since).total_seconds())

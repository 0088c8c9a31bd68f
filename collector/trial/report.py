"""What came of a trial, as values that the table, the JSON file and the page are made from."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from alerts.incidents.lifecycle import Event, step
from alerts.incidents.model import Incident
from alerts.incidents.who import consider, tells_at_once
from alerts.messages import notice_words
from alerts.notify.notice import NoticeReason
from alerts.registry.model import Place, Registry
from alerts.replay import Episode, episodes
from alerts.rules.house import HouseTime
from alerts.rules.packs import Packs
from alerts.rules.planning import plan
from alerts.rules.rule import Rule, numbers
from alerts.rules.threshold import Threshold
from alerts.rules.transition import Transition
from alerts.trial.envelope import Envelope
from alerts.trial.matching import Did, Matched, match
from alerts.trial.span import Span
from alerts.trial.tally import Ring, Tally, tally
from alerts.trial.variant import Setting
from alerts.words import NIGHT_CLASSES, IncidentClass, Language, Severity
from collector.stores.port import Series
from edge.contract.subject import SubjectKind


class SourceKind(StrEnum):
    """From where the readings came. The words are part of the JSON: add, never rename."""

    JOURNAL = "journal"
    STORE = "store"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Note:
    """Something to say about the readings: a key of the words, with a time or a text or a number."""

    key: str
    at_ms: int | None = None
    n: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where readings came from, how many, and what was found to say about them."""

    kind: SourceKind
    name: str
    readings: int = 0
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmLine:
    """A limit through a chart; ``clear`` is where it is over, None where that is the limit itself."""

    severity: Severity
    value: float
    side: str
    clear: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleReport:
    """One rule: would, did (None: nobody knows), and the variant it is laid against (None: none)."""

    id: str
    rule: Rule | None
    cls: IncidentClass
    places: int
    would: Tally
    against: Tally | None
    did: Tally | None
    matched: Matched
    false_alarms: int = 0
    """Incidents that people judged so, and that the replay would not have brought."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One rule on one subject, with the series that is drawn (None: nothing is measured)."""

    rule: str
    subject: str
    place: str
    metric: str
    series: Series | None
    envelope: Envelope | None
    hold_ms: int
    lines: tuple[AlarmLine, ...]
    pairs: tuple[tuple[Episode, tuple[Did, ...]], ...]
    dids: tuple[Did, ...]
    gone: tuple[Did, ...]
    against: tuple[Episode, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """``rules`` that were asked for, or rang in any column, by how often they rang; ``cards`` alike.

    ``quiet`` counts the other rules that have something to judge here.
    """

    span: Span
    origin: Origin
    registry: Registry
    packs: Packs
    settings: tuple[Setting, ...]
    against: str
    rules: tuple[RuleReport, ...]
    cards: tuple[Card, ...]
    quiet: int
    knows_reality: bool
    untold: int
    """Ringings of reality about which the readings say nothing, such as a device that has none."""
    transitions: tuple[Transition, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What one side said, with its rules and registry at the end."""

    transitions: Sequence[Transition]
    packs: Packs
    registry: Registry


def report(
    span: Span,
    origin: Origin,
    would: Heard,
    against: Heard | None,
    dids: Sequence[Did] | None,
    envelopes: Mapping[Series, Envelope],
    *,
    wanted: frozenset[str] = frozenset(),
    settings: Sequence[Setting] = (),
    against_name: str = "",
) -> Report:
    """Everything counted and laid side by side, for the span alone."""
    seen = _seen(would.transitions, span, wanted)
    other = _seen(against.transitions, span, wanted) if against else []
    judged = _judged(would)
    asked_of = [one for one in dids or () if not wanted or one.rule in wanted]
    real = [one for one in asked_of if _can_be_told(one, would.packs, judged)]
    matched = match(seen, real)
    asked = [name for name in would.packs.rules if name in wanted]
    rang = {one.rule for one in (*seen, *other)} | {one.rule for one in real}
    found = [
        _rule(name, would.packs, span, judged, matched, other, real, against, dids)
        for name in dict.fromkeys([*asked, *sorted(rang)])
    ]
    found.sort(key=lambda one: (-one.would.rang, -len(one.matched.gone), one.id))
    order = {one.id: n for n, one in enumerate(found)}
    cards = list(_cards(would, matched, other, real, envelopes, judged, wanted))
    cards.sort(key=lambda card: (order[card.rule], -len(card.pairs), card.subject))
    return Report(
        span=span,
        origin=origin,
        registry=would.registry,
        packs=would.packs,
        settings=tuple(settings),
        against=against_name,
        rules=tuple(found),
        cards=tuple(cards),
        quiet=len({rule for rule, _ in judged} - set(order)) if not wanted else 0,
        knows_reality=dids is not None,
        untold=len(asked_of) - len(real),
        transitions=tuple(t for t in would.transitions if not wanted or t.rule in wanted),
    )


def incident_of(first: Transition, at: datetime) -> Incident:
    """The incident that this transition would have opened."""
    change = step(None, Event.HELD, at, transition=first)
    assert change is not None
    return change.incident


def message(card: Card, episode: Episode, made: Report, language: Language) -> tuple[str, str]:
    """Title and text of the first notice, as it would have been sent."""
    at = made.span.local(episode.raised_ms)
    incident = incident_of(episode.first, at)
    rule = made.packs.rules.get(card.rule)
    return notice_words(rule, incident, made.registry, language, NoticeReason.OPENED, "", at)


def told(episode: Episode, made: Report) -> tuple[str, ...] | None:
    """Names of whom it would have told first; None where it waits for the digest or the record."""
    at = made.span.local(episode.raised_ms)
    incident = incident_of(episode.first, at)
    if not tells_at_once(incident):
        return None
    verdicts = consider(incident, NoticeReason.OPENED, made.registry, at)
    return tuple(one.person.name for one in verdicts if one.reason.told)


def woken(made: Report) -> dict[str, int]:
    """By name, how often somebody would have been woken: by fire, flood and safety at night."""
    found: dict[str, int] = {}
    for card in made.cards:
        for episode, _ in card.pairs:
            first = episode.first
            if (
                first.cls in NIGHT_CLASSES
                and made.span.holds(episode.raised_ms)
                and made.span.is_night(episode.raised_ms)
            ):
                for name in told(episode, made) or ():
                    found[name] = found.get(name, 0) + 1
    return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))


def _seen(transitions: Iterable[Transition], span: Span, wanted: frozenset[str]) -> list[Episode]:
    return [
        one
        for one in episodes(transitions)
        if span.meets(one.raised_ms, one.cleared_ms) and (not wanted or one.rule in wanted)
    ]


def _can_be_told(one: Did, packs: Packs, judged: Mapping[tuple[str, str], str]) -> bool:
    """A rule that is gone would not ring; one that has nothing to judge there says nothing."""
    return one.rule not in packs.rules or (one.rule, one.subject) in judged


def _judged(would: Heard) -> dict[tuple[str, str], str]:
    """(rule, subject) -> place, of all that the rules judge."""
    states = plan(would.packs, would.registry, HouseTime()).every()
    return {state.key[:2]: state.seat.place for state in states}


def _rule(
    name: str,
    packs: Packs,
    span: Span,
    judged: Mapping[tuple[str, str], str],
    matched: Matched,
    other: Sequence[Episode],
    real: Sequence[Did],
    against: Heard | None,
    dids: Sequence[Did] | None,
) -> RuleReport:
    rule = packs.rules.get(name)
    pairs = tuple(pair for pair in matched.pairs if pair[0].rule == name)
    gone = tuple(one for one in matched.gone if one.rule == name)
    firsts = [episode.first for episode, _ in pairs] + [e.first for e in other if e.rule == name]
    cls = rule.cls if rule else firsts[0].cls if firsts else IncidentClass.WATCH
    spots = {place or subject for (id_, subject), place in judged.items() if id_ == name}
    places = len(spots)

    def counted(rings: Iterable[Ring]) -> Tally:
        return tally(rings, cls, span, places)

    return RuleReport(
        id=name,
        rule=rule,
        cls=cls,
        places=places,
        would=counted(_ring(episode) for episode, _ in pairs),
        against=counted(_ring(e) for e in other if e.rule == name) if against else None,
        did=counted(_rung(one) for one in real if one.rule == name) if dids is not None else None,
        matched=Matched(pairs=pairs, gone=gone),
        false_alarms=sum(1 for one in gone if one.false_alarm),
    )


def _ring(episode: Episode) -> Ring:
    return Ring(
        subject=episode.subject,
        place=episode.first.place,
        severity=episode.first.severity,
        raised_ms=episode.raised_ms,
        cleared_ms=episode.cleared_ms,
    )


def _rung(one: Did) -> Ring:
    return Ring(
        subject=one.subject,
        place=one.place,
        severity=one.severity,
        raised_ms=one.raised_ms,
        cleared_ms=one.cleared_ms,
    )


SILENT_CARDS_MOST = 6  # subjects of a rule that was asked for and rang nowhere: how near it came


def _cards(
    would: Heard,
    matched: Matched,
    other: Sequence[Episode],
    real: Sequence[Did],
    envelopes: Mapping[Series, Envelope],
    judged: Mapping[tuple[str, str], str],
    wanted: frozenset[str],
) -> Iterator[Card]:
    rang = [(one.rule, one.subject) for one in (*(e for e, _ in matched.pairs), *other)]
    keys = dict.fromkeys([*rang, *((one.rule, one.subject) for one in real)])
    for name in wanted:
        silent = [key for key in judged if key[0] == name and key not in keys]
        keys |= dict.fromkeys(silent[:SILENT_CARDS_MOST])
    for rule, subject in keys:
        pairs = tuple(p for p in matched.pairs if (p[0].rule, p[0].subject) == (rule, subject))
        against = tuple(e for e in other if (e.rule, e.subject) == (rule, subject))
        firsts = [episode.first for episode, _ in pairs] + [episode.first for episode in against]
        yield _card(would, rule, subject, pairs, against, real, matched, envelopes, judged, firsts)


def _card(
    would: Heard,
    rule: str,
    subject: str,
    pairs: tuple[tuple[Episode, tuple[Did, ...]], ...],
    against: tuple[Episode, ...],
    real: Sequence[Did],
    matched: Matched,
    envelopes: Mapping[Series, Envelope],
    judged: Mapping[tuple[str, str], str],
    firsts: Sequence[Transition],
) -> Card:
    known = would.packs.rules.get(rule)
    metric = next((t.metric for t in firsts if t.metric), "")
    metric = metric or next(iter(known.metrics), "") if known else metric
    dids = tuple(one for one in real if (one.rule, one.subject) == (rule, subject))
    place = next((t.place for t in firsts), "") or judged.get((rule, subject), "")
    place = place or next((one.place for one in dids), "")
    series = _drawn(subject, place, metric, envelopes, next((t.device for t in firsts), ""))
    return Card(
        rule=rule,
        subject=subject,
        place=place,
        metric=series.metric if series else metric,
        series=series,
        envelope=envelopes.get(series) if series else None,
        hold_ms=_hold_ms(would.registry, series),
        lines=_lines(known, would.registry, subject, place) if series else (),
        pairs=pairs,
        dids=dids,
        gone=tuple(one for one in matched.gone if (one.rule, one.subject) == (rule, subject)),
        against=against,
    )


def _drawn(
    subject: str, place: str, metric: str, envelopes: Mapping[Series, Envelope], device: str
) -> Series | None:
    """The series to draw: of the rule's metric at the subject; of a silent device, its fullest."""
    kind, _, rest = subject.partition(":")
    site, name, *port = rest.split("/")
    here = [one for one in envelopes if one.site == site and envelopes[one].count]
    if kind == SubjectKind.DEVICE:
        here = [one for one in here if one.device == name and metric in ("", one.metric)]
        return max(here, key=lambda one: envelopes[one].count, default=None)
    if kind == SubjectKind.CELL:
        here = [one for one in here if not one.place and one.metric == metric]
    else:
        here = [one for one in here if one.place == place and one.metric == metric]
        if kind == SubjectKind.PORT:
            here = [one for one in here if [one.port] == port]
    best = [one for one in here if one.device == device] or here
    return max(best, key=lambda one: (not one.port, envelopes[one].count), default=None)


def _hold_ms(registry: Registry, series: Series | None) -> int:
    """How long a value of this series holds; three quarters of an hour where nobody says."""
    for device in registry.devices:
        if series is not None and (device.site, device.id) == (series.site, series.device):
            found = [b for b in device.bindings if (b.place, b.port) == (series.place, series.port)]
            if found:
                return round(found[0].interval_s * device.overdue * 1000)
    return 2_700_000


def _lines(
    rule: Rule | None, registry: Registry, subject: str, place: str
) -> tuple[AlarmLine, ...]:
    """The limits that this rule has here, if they are in the metric's own unit."""
    if not isinstance(rule, Threshold):
        return ()
    site = subject.partition(":")[2].split("/")[0]
    try:
        rule = rule.at(numbers(registry.overrides, rule.id, site, place))
    except ValueError:
        pass  # named among the problems; the rule's own numbers hold then
    found = []
    for one in rule.given():
        limit = one.limit()
        for side, value, clear in (
            ("above", limit.above, limit.clear_above),
            ("below", limit.below, limit.clear_below),
        ):
            if value is not None:
                back = None if clear == value else clear
                found.append(AlarmLine(severity=one.severity, value=value, side=side, clear=back))
    return tuple(found)


def place_of(registry: Registry, subject: str, place: str) -> Place | None:
    site = subject.partition(":")[2].split("/")[0]
    return next((p for p in registry.places if (p.site, p.id) == (site, place)), None)

"""Everything that a trial has said, counted and laid beside reality."""

from collections.abc import Iterable, Mapping, Sequence

from alerts.replay import Episode, episodes
from alerts.rules.house import HouseTime
from alerts.rules.packs import Packs
from alerts.rules.planning import plan
from alerts.rules.transition import Transition
from alerts.trial.envelope import Envelope
from alerts.trial.matching import Did, Matched, match
from alerts.trial.span import Span
from alerts.trial.tally import Ring, Tally, tally
from alerts.trial.variant import Setting
from alerts.words import IncidentClass
from collector.stores.port import Series
from collector.trial.cards import cards
from collector.trial.model import Heard, Origin, Report, RuleReport
from edge.contract.subject import Subject


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
    drawn = list(cards(would, matched, other, real, envelopes, judged, wanted))
    drawn.sort(key=lambda card: (order[card.rule], -len(card.pairs), card.subject))
    return Report(
        span=span,
        origin=origin,
        registry=would.registry,
        packs=would.packs,
        settings=tuple(settings),
        against=against_name,
        rules=tuple(found),
        cards=tuple(drawn),
        quiet=len({rule for rule, _ in judged} - set(order)) if not wanted else 0,
        knows_reality=dids is not None,
        untold=len(asked_of) - len(real),
        transitions=tuple(t for t in would.transitions if not wanted or t.rule in wanted),
    )


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
    made = plan(would.packs, would.registry, HouseTime())
    judged = {(state.key[0], state.key[1]): state.seat.place for state in made.states}
    for device in would.registry.devices:  # what a device may say of itself is planned as it speaks
        subject = str(Subject.of_device(device.site, device.id))
        judged |= {(rule, subject): "" for rule in made.own.rules if (rule, subject) not in judged}
    return judged


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
    began = tuple(pair for pair in pairs if span.holds(pair[0].raised_ms))
    gone = tuple(o for o in matched.gone if o.rule == name and span.holds(o.raised_ms))
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
        matched=Matched(pairs=began, gone=gone),
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

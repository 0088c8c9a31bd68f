"""Cards: each rule on each subject that rang, with the series to draw and the limits through it."""

from collections.abc import Iterator, Mapping, Sequence

from alerts.registry.model import Registry
from alerts.replay import Episode
from alerts.rules.rule import Rule, numbers
from alerts.rules.threshold import Threshold
from alerts.rules.transition import Transition
from alerts.trial.envelope import Envelope
from alerts.trial.matching import Did, Matched
from collector.stores.port import Series
from collector.trial.model import AlarmLine, Card, Heard
from edge.contract.subject import SubjectKind

SILENT_CARDS_MOST = 6  # subjects of a rule that was asked for and rang nowhere: how near it came
HOLD_MS = (
    2_700_000  # three of the usual quarters of an hour, where nobody says how long a value holds
)


def cards(
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
    """How long a value of this series holds."""
    for device in registry.devices:
        if series is not None and (device.site, device.id) == (series.site, series.device):
            found = [b for b in device.bindings if (b.place, b.port) == (series.place, series.port)]
            if found:
                return round(found[0].interval_s * device.overdue * 1000)
    return HOLD_MS


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

"""A card in words and drawings: its chart, and each ringing with its message and who hears of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from markupsafe import Markup

from alerts.figures import clean, figures, number, unit
from alerts.phrases import SEVERITIES
from alerts.replay import Episode
from alerts.trial.matching import Did
from alerts.trial.span import Span
from alerts.words import Language, Severity
from collector.trial.chart import Bar, Lane, chart, outside, part
from collector.trial.model import Card, Report
from collector.trial.telling import message, told
from collector.trial.words import Words
from edge.contract.metrics import METRICS
from edge.contract.subject import SubjectKind

ROWS_MOST = 100  # ringings of one card that are listed
OPEN_ROWS = 8  # of them shown at once
NEAR_MOST = 12  # drawings near by of one card
NEAR_COLUMNS = 12  # fewer say nothing
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One ringing of a card, as it is listed."""

    at_ms: int
    at: str
    lasted: str
    severity: str
    tone: str
    fate: str
    fate_tone: str
    remarks: tuple[str, ...] = ()
    title: str = ""
    text: str = ""
    told: str = ""
    near: str = ""
    """A drawing, safe as it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A card in words and drawings."""

    name: str
    where: str
    cls: str
    rule: str
    metric: str
    unit: str
    drawing: Markup
    remarks: tuple[str, ...]
    rows: tuple[Row, ...]
    more: tuple[Row, ...]
    listed: str


def sheet(card: Card, made: Report, words: Words) -> Sheet:
    rule = made.packs.rules.get(card.rule)
    name = clean(rule.names.by(words.language)) if rule else card.rule
    spot = " ".join(one for one in where(made, card, words) if one)
    metric = METRICS.get(card.metric)
    called = "" if metric is None else metric.zh if words.language is Language.ZH else metric.en
    rows = sorted(_rows(card, made, words), key=lambda row: row.at_ms)
    label = _label(card, made.span, f"{name} {spot}", called, words)
    return Sheet(
        name=name,
        where=spot,
        cls=words.cls(rule.cls) if rule else "",
        rule=card.rule,
        metric=called if card.envelope else "",
        unit=unit(card.metric, words.language),
        drawing=chart(card, made.span, words, _lanes(card, made, words), label),
        remarks=tuple(_remarks(card, made, words)),
        rows=tuple(rows[:OPEN_ROWS]),
        more=tuple(rows[OPEN_ROWS:ROWS_MOST]),
        listed=words("card.listed", n=ROWS_MOST) if len(rows) > ROWS_MOST else "",
    )


def where(made: Report, card: Card, words: Words) -> tuple[str, str]:
    """Names of the place (else of the subject), and of the port or the device in it."""
    kind, _, rest = card.subject.partition(":")
    site = rest.split("/")[0]
    place = next((p for p in made.registry.places if (p.site, p.id) == (site, card.place)), None)
    name = clean(place.names.by(words.language)) if place else rest
    parts = rest.split("/")
    if kind == SubjectKind.DEVICE:
        device = next(
            (d for d in made.registry.devices if [d.site, d.id] == parts),
            None,
        )
        return name, clean(device.names.by(words.language)) if device else parts[-1]
    if len(parts) < 3 or place is None:
        return name, ""
    names = {port.id: port.names for port in place.ports}
    names |= {circuit.id: circuit.names for circuit in place.circuits}
    known = names.get(parts[2])
    return name, clean(known.by(words.language)) if known else parts[2]


def _remarks(card: Card, made: Report, words: Words) -> Iterator[str]:
    if not card.pairs:
        yield words("card.none")
    if card.envelope is None or not card.envelope.count:
        yield words("card.nodata")
    if far := [f"{line.value:g}" for line in outside(card, made.span)]:
        value = f"{words('comma').join(far)} {unit(card.metric, words.language)}".strip()
        yield words("chart.off", value=value)
    if made.against:
        yield words("card.against", times=words.times(len(card.against)))


def _label(card: Card, span: Span, name: str, metric: str, words: Words) -> str:
    """The chart in a sentence, for whoever does not see it."""
    columns = card.envelope.columns(1)[1] if card.envelope else []
    decimals = METRICS[card.metric].decimals if card.metric in METRICS else 2
    low, high = (
        (number(v, decimals) for v in (columns[0].low, columns[0].high)) if columns else ("", "")
    )
    since, until = (words.day(span.local(ms)) for ms in (span.since_ms, span.until_ms))
    return words(
        "chart.label", name=name, metric=metric, since=since, until=until, low=low, high=high
    )


def _lanes(card: Card, made: Report, words: Words) -> list[Lane]:
    def bars(rings: Iterable[tuple[int, int | None, Severity]]) -> tuple[Bar, ...]:
        return tuple(
            Bar(
                since,
                until or made.span.until_ms,
                _tone(severity),
                _title(since, until, made, words),
            )
            for since, until, severity in rings
        )

    lanes = [
        Lane(
            "would",
            words("table.would"),
            bars((e.raised_ms, e.cleared_ms, _level(e)) for e, _ in card.pairs),
        )
    ]
    if made.against:
        others = bars((e.raised_ms, e.cleared_ms, _level(e)) for e in card.against)
        lanes.append(Lane("against", words("table.against"), others))
    if made.knows_reality:
        real = bars((one.raised_ms, one.cleared_ms, one.severity) for one in card.dids)
        lanes.append(Lane("did", words("table.did"), real))
    return lanes


def _title(since_ms: int, until_ms: int | None, made: Report, words: Words) -> str:
    lasted = words.lasted((until_ms or made.span.until_ms) - since_ms)
    return f"{made.span.local(since_ms):%Y-%m-%d %H:%M} · {lasted}"


def _rows(card: Card, made: Report, words: Words) -> Iterator[Row]:
    """What would ring, and what would be gone."""
    for n, (episode, dids) in enumerate(card.pairs):
        fate = ("both" if dids else "new") if made.knows_reality else "unknown"
        title, text = message(episode, made, words.language)
        yield Row(
            at_ms=episode.raised_ms,
            at=f"{made.span.local(episode.raised_ms):%Y-%m-%d %H:%M}",
            lasted=_lasted(episode.raised_ms, episode.cleared_ms, made, words),
            severity=SEVERITIES[words.language][_level(episode)],
            tone=_tone(_level(episode)),
            fate=words(f"fate.{fate}"),
            fate_tone={"both": "", "new": "teal", "unknown": ""}[fate],
            remarks=tuple(_said(card, episode, dids, made, words)),
            title=title,
            text=text,
            told=_told(episode, made, words),
            near=_near(card, episode, made, words) if n < NEAR_MOST else Markup(""),
        )
    for one in card.gone:
        remarks = [words("fate.incident", ids=f"#{one.incident}")]
        remarks += [words("fate.false")] if one.false_alarm else []
        yield Row(
            at_ms=one.raised_ms,
            at=f"{made.span.local(one.raised_ms):%Y-%m-%d %H:%M}",
            lasted=_lasted(one.raised_ms, one.cleared_ms, made, words),
            severity=SEVERITIES[words.language][one.severity],
            tone=_tone(one.severity),
            fate=words("fate.gone"),
            fate_tone="gone",
            remarks=tuple(remarks),
        )


def _said(
    card: Card, episode: Episode, dids: tuple[Did, ...], made: Report, words: Words
) -> Iterator[str]:
    language = words.language
    facts = {key: getattr(episode, key) for key in ("value", "limit", "peak")}
    metric = episode.first.metric
    texts = figures(metric, {k: v for k, v in facts.items() if v is not None}, language)
    sign = unit(metric, language)
    if "value" in texts:
        yield words("card.value", value=texts["value"], unit=sign).strip()
    if (key := _extreme(episode)) and texts["peak"] != texts.get("value"):
        yield words(key, value=texts["peak"], unit=sign).strip()
    if dids:
        yield words("fate.incident", ids=words("comma").join(f"#{one.incident}" for one in dids))
        if any(one.false_alarm for one in dids):
            yield words("fate.false")
    if episode.raised_ms < made.span.since_ms:
        yield words("card.carried")
    if episode.cleared_ms is None:
        yield words("card.on")


def _extreme(episode: Episode) -> str:
    """The words for a peak beyond the value; none where a kind gives the last value for one."""
    value, peak, limit = episode.value, episode.peak, episode.limit
    if value is None or peak is None:
        return ""
    if limit is not None and value < limit:
        return "card.low" if peak < value else ""
    return "card.peak" if peak > value else ""


def _told(episode: Episode, made: Report, words: Words) -> str:
    names = told(episode, made)
    if names is None:
        return words("card.digest")
    if not names:
        return words("card.told-nobody")
    return words("card.told", names=words("comma").join(clean(name) for name in names))


def _near(card: Card, episode: Episode, made: Report, words: Words) -> Markup:
    """The curve around one ringing; empty where the whole is no coarser, or too little is known."""
    end_ms = episode.cleared_ms or made.span.until_ms
    lasted_ms = max(HOUR_MS, end_ms - episode.since_ms)
    span = part(made.span, episode.since_ms - lasted_ms, end_ms + lasted_ms)
    if card.envelope is None or span.ms * 3 > made.span.ms:
        return Markup("")
    if span.ms < NEAR_COLUMNS * card.envelope.step_ms:
        return Markup("")
    label = _label(card, span, card.rule, "", words)
    return chart(card, span, words, _lanes(card, made, words), label)


def _lasted(raised_ms: int, cleared_ms: int | None, made: Report, words: Words) -> str:
    return words.lasted((cleared_ms or made.span.until_ms) - raised_ms)


def _level(episode: Episode) -> Severity:
    return Severity[episode.severity.upper()]


def _tone(severity: Severity) -> str:
    """Red is danger, amber is look soon, grey is the rest."""
    if severity >= Severity.MAJOR:
        return "red"
    return "amber" if severity is Severity.MINOR else "grey"

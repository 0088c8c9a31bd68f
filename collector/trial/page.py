"""A report as one HTML page that asks nothing of anybody: style and drawings are in it, no script."""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from alerts.figures import clean, figures, number, unit
from alerts.phrases import SEVERITIES
from alerts.replay import Episode
from alerts.trial.matching import Did
from alerts.trial.span import Span
from alerts.words import Language, Severity
from collector.trial.chart import Bar, Lane, chart, outside, part
from collector.trial.report import Card, Report, RuleReport, message, place_of, told
from collector.trial.sentences import about, name_of, summary, too_often
from collector.trial.words import Words
from edge.contract.metrics import METRICS
from edge.contract.subject import SubjectKind

CARDS_MOST = 60
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


def page(made: Report, words: Words) -> str:
    """The page; its policy names the digest of its own style and nothing else."""
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    template = _environment().get_template("page.html")
    return template.render(
        w=words,
        lang="zh-CN" if words.language.value == "zh" else "en",
        style=Markup(style),  # ours, and no stranger's word in it
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        made=made,
        summary=summary(made, words),
        often=too_often(made, words),
        about=about(made, words),
        keys=_keys(made),
        rules=[_line(one, made, words) for one in made.rules],
        sheets=[_sheet(card, made, words) for card in made.cards[:CARDS_MOST]],
        left_out=max(0, len(made.cards) - CARDS_MOST),
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("collector.trial", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _style() -> str:
    """The console's own style, and what this page adds."""
    console = resources.files("dashboards.console") / "static" / "house.css"
    own = resources.files("collector.trial") / "page.css"
    return console.read_text("utf-8") + own.read_text("utf-8")


def _keys(made: Report) -> list[str]:
    keys = ["would", *(["against"] if made.against else [])]
    keys += ["did", "both", "new", "gone"] if made.knows_reality else []
    return [*keys, "night", "woke", "longest", "median", "share", "rate"]


def _line(one: RuleReport, made: Report, words: Words) -> dict[str, Any]:
    """A row of the table of rules."""
    would = one.would
    cells: dict[str, object] = {
        "would": would.rang,
        "against": one.against.rang if one.against else 0,
        "did": one.did.rang + one.did.carried if one.did else 0,
        "both": one.matched.both,
        "new": one.matched.new,
        "gone": len(one.matched.gone),
        "night": would.night,
        "woke": would.woken,
    }
    if would.rang:
        cells |= {
            "longest": words.lasted(would.longest_ms),
            "median": words.lasted(would.median_ms),
            "share": words.share(would.share),
            "rate": number(would.per_place_month, 1),
        }
    return {
        "id": one.id,
        "name": name_of(one, words),
        "cls": words.cls(one.cls),
        "cells": cells,
        "where": [(_place(made, one.id, key, words), n) for key, n in would.by_place.items()],
        "months": list(would.by_month.items()),
        "often": bool(would.often),
    }


def _place(made: Report, rule: str, key: str, words: Words) -> str:
    """The name of a place; ``key`` is its id, or the subject where there is no place."""
    for card in made.cards:
        if card.rule == rule and key in (card.place, card.subject):
            return _where(made, card, words)[0]
    return key


def _where(made: Report, card: Card, words: Words) -> tuple[str, str]:
    """Names of the place (else of the subject), and of the port or the device in it."""
    kind, _, rest = card.subject.partition(":")
    place = place_of(made.registry, card.subject, card.place)
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


def _sheet(card: Card, made: Report, words: Words) -> Sheet:
    rule = made.packs.rules.get(card.rule)
    name = clean(rule.names.by(words.language)) if rule else card.rule
    where = " ".join(part for part in _where(made, card, words) if part)
    metric = METRICS.get(card.metric)
    called = "" if metric is None else metric.zh if words.language is Language.ZH else metric.en
    rows = sorted(_rows(card, made, words), key=lambda row: row.at_ms)
    label = _label(card, made.span, f"{name} {where}", called, words)
    return Sheet(
        name=name,
        where=where,
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


def _remarks(card: Card, made: Report, words: Words) -> Iterator[str]:
    if not card.pairs:
        yield words("card.none")
    if card.envelope is None or not card.envelope.count:
        yield words("card.nodata")
    for line in outside(card, made.span):
        yield words(
            "chart.off", value=f"{line.value:g} {unit(card.metric, words.language)}".strip()
        )
    if made.against:
        yield words("card.against", n=len(card.against))


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
                tone(severity),
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
        title, text = message(card, episode, made, words.language)
        yield Row(
            at_ms=episode.raised_ms,
            at=f"{made.span.local(episode.raised_ms):%Y-%m-%d %H:%M}",
            lasted=_lasted(episode.raised_ms, episode.cleared_ms, made, words),
            severity=SEVERITIES[words.language][_level(episode)],
            tone=tone(_level(episode)),
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
            tone=tone(one.severity),
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
    if "peak" in texts and texts["peak"] != texts.get("value"):
        is_low = (
            episode.peak is not None and episode.value is not None and episode.peak < episode.value
        )
        yield words("card.low" if is_low else "card.peak", value=texts["peak"], unit=sign).strip()
    if dids:
        yield words("fate.incident", ids=words("comma").join(f"#{one.incident}" for one in dids))
        if any(one.false_alarm for one in dids):
            yield words("fate.false")
    if episode.raised_ms < made.span.since_ms:
        yield words("card.carried")
    if episode.cleared_ms is None:
        yield words("card.on")


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


def tone(severity: Severity) -> str:
    """Red is danger, amber is look soon, grey is the rest."""
    if severity >= Severity.MAJOR:
        return "red"
    return "amber" if severity is Severity.MINOR else "grey"

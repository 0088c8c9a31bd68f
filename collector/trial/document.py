"""A report as JSON; docs/replay.md describes it. Keys are added, never renamed or given another sense."""

from typing import Any

import orjson

from alerts.rules.transition import Transition
from alerts.trial.matching import Did
from alerts.trial.tally import Tally
from alerts.words import Language
from collector.trial.report import Card, Report, RuleReport, message, told
from collector.trial.sentences import about, summary, too_often
from collector.trial.words import Words

SCHEMA = "shouwang-replay/1"


def document(made: Report, words: Words) -> bytes:
    """The whole report; times are RFC 3339 in the site's zone, durations seconds."""
    span, origin = made.span, made.origin
    return orjson.dumps(
        {
            "schema": SCHEMA,
            "language": words.language.value,
            "from": _at(span.since_ms, made),
            "to": _at(span.until_ms, made),
            "read_from": _at(span.warm_ms, made),
            "zone": str(span.zone),
            "source": {
                "kind": origin.kind.value,
                "name": origin.name,
                "readings": origin.readings,
                "about": about(made, words),
            },
            "settings": [
                {"rule": one.rule, "key": one.key, "value": one.value} for one in made.settings
            ],
            "against": made.against or None,
            "summary": summary(made, words),
            "too_often": too_often(made, words),
            "rules": [_rule(one) for one in made.rules],
            "episodes": [
                one for card in made.cards for one in _episodes(card, made, words.language)
            ],
            "only_in_reality": [_did(one, made) for card in made.cards for one in card.gone],
            "transitions": [_transition(one) for one in made.transitions],
        },
        option=orjson.OPT_INDENT_2,
    )


def _rule(one: RuleReport) -> dict[str, Any]:
    names = one.rule.names if one.rule else None
    return {
        "rule": one.id,
        "names": {"zh": names.zh, "en": names.en} if names else None,
        "class": one.cls.value,
        "places": one.places,
        "would": _tally(one.would),
        "against": _tally(one.against) if one.against else None,
        "did": _tally(one.did) if one.did else None,
        "both": one.matched.both if one.did else None,
        "new": one.matched.new if one.did else None,
        "gone": len(one.matched.gone) if one.did else None,
        "gone_false_alarms": one.false_alarms if one.did else None,
    }


def _tally(tally: Tally) -> dict[str, Any]:
    return {
        "rang": tally.rang,
        "carried": tally.carried,
        "still_on": tally.still_on,
        "night": tally.night,
        "woken": tally.woken,
        "longest_s": tally.longest_ms / 1000,
        "median_s": tally.median_ms / 1000,
        "share": round(tally.share, 6),
        "per_day": round(tally.per_day, 4),
        "per_place_month": round(tally.per_place_month, 4),
        "by_place": dict(tally.by_place),
        "by_month": dict(tally.by_month),
        "too_often": [often.value for often in tally.often],
    }


def _episodes(card: Card, made: Report, language: Language) -> list[dict[str, Any]]:
    found = []
    for episode, dids in card.pairs:
        title, text = message(card, episode, made, language)
        names = told(episode, made)
        found.append(
            {
                "rule": episode.rule,
                "subject": episode.subject,
                "place": card.place,
                "severity": episode.severity,
                "since": _at(episode.since_ms, made),
                "rang": _at(episode.raised_ms, made),
                "over": _at(episode.cleared_ms, made),
                "carried": episode.raised_ms < made.span.since_ms,
                "value": episode.value,
                "limit": episode.limit,
                "peak": episode.peak,
                "incidents": [one.incident for one in dids] if made.knows_reality else None,
                "told_at_once": None if names is None else list(names),
                "title": title,
                "text": text,
            }
        )
    return found


def _did(one: Did, made: Report) -> dict[str, Any]:
    return {
        "incident": one.incident,
        "rule": one.rule,
        "subject": one.subject,
        "severity": one.severity.name.lower(),
        "since": _at(one.since_ms, made),
        "rang": _at(one.raised_ms, made),
        "over": _at(one.cleared_ms, made),
        "false_alarm": one.false_alarm,
    }


def _transition(one: Transition) -> dict[str, Any]:
    return {
        "rule": one.rule,
        "subject": str(one.subject),
        "change": one.change.value,
        "class": one.cls.value,
        "severity": one.severity.name.lower(),
        "at_ms": one.at_ms,
        "since_ms": one.since_ms,
        "value": one.value,
        "limit": one.limit,
        "peak": one.peak,
        "facts": one.facts,
        "position": one.position,
        "nth": one.nth,
    }


def _at(at_ms: int | None, made: Report) -> str | None:
    return None if at_ms is None else made.span.local(at_ms).isoformat()

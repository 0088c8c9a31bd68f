"""Rehearsal: every sentence of a rule, filled with figures as extreme as they can come."""

from collections.abc import Iterator

from alerts.figures import NAME_MOST, figures, fill, unit
from alerts.rules.rule import Mistake, Rule
from edge.contract.metrics import METRICS

_NAMES = frozenset({"where", "place", "port", "device"})
_WORDS = frozenset({"status", "warning", "issuer", "issued", "rule", "error"})
_LONG = "长" * (NAME_MOST // 3)  # a name of twenty signs; longer ones are cut at sixty
SENTENCE_MOST = 700  # bytes: four of them and the frame fit a WeCom text of 2,048
_FAR = (-1e9, 1e9)


def extremes(rule: Rule) -> list[float]:
    """The figures to try: both ends of what the sensor can give, nought, and a hair under it."""
    metric = METRICS.get(rule.metric)
    return [*(metric.span if metric else _FAR), 0.0, -0.04]


def facts(rule: Rule, figure: float, word: str = _LONG) -> dict[str, float | str]:
    """All that a message of this rule may name beside places and names, each with this figure."""
    found: dict[str, float | str] = {}
    for hole in rule.holes() - _NAMES - {"metric", "unit"}:
        is_word = hole in _WORDS or hole.endswith(("_zh", "_en"))
        found[hole] = word if is_word else figure
    return found


def rehearse(rule: Rule) -> Iterator[Mistake]:
    """Sentences that would come out empty, with a hole in them, or too long."""
    for language, say in rule.say.items():
        for key in ("what", "why", "do", "clear"):
            template: str = getattr(say, key)
            for figure in extremes(rule):
                values = figures(rule.metric, facts(rule, figure), language)
                values |= dict.fromkeys(_NAMES & rule.holes(), _LONG)
                metric = METRICS.get(next(iter(rule.metrics), ""))
                values["unit"] = unit(rule.metric, language)
                values["metric"] = metric.en if metric else ""
                text = fill(template, values)
                at = f"say.{language}.{key}"
                if template.strip() and text is None:
                    yield Mistake(at, "would stay empty", "name only what the rule gives")
                    break
                if text is not None and len(text.encode()) > SENTENCE_MOST:
                    what = f"can take {len(text.encode())} bytes of at most {SENTENCE_MOST}"
                    yield Mistake(at, what, "say it in fewer words")
                    break

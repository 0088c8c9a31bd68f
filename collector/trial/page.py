"""A report as one HTML page that asks nothing of anybody: style and drawings are in it, no script."""

import base64
import hashlib
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from alerts.figures import number
from alerts.words import Language
from collector.trial.chart import NIGHTS_MOST_MS
from collector.trial.model import Report, RuleReport
from collector.trial.sentences import about, most_first, name_of, summary, too_often
from collector.trial.sheets import sheet, where
from collector.trial.words import Words

CARDS_MOST = 60


def page(made: Report, words: Words) -> str:
    """The page; its policy names the digest of its own style and nothing else."""
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    template = _environment().get_template("page.html")
    return template.render(
        w=words,
        lang="zh-CN" if words.language is Language.ZH else "en",
        style=Markup(style),  # ours, and no stranger's word in it
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        made=made,
        summary=summary(made, words),
        often=too_often(made, words),
        about=about(made, words),
        keys=_keys(made),
        legend=words("legend")
        + (words("text.gap") + words("legend.night") if made.span.ms <= NIGHTS_MOST_MS else ""),
        rules=[_line(one, made, words) for one in made.rules],
        sheets=[sheet(card, made, words) for card in made.cards[:CARDS_MOST]],
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
        "did": one.did.rang if one.did else 0,
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
        "where": [(_place(made, one.id, key, words), n) for key, n in most_first(would.by_place)],
        "months": list(would.by_month.items()),
        "often": bool(would.often),
    }


def _place(made: Report, rule: str, key: str, words: Words) -> str:
    """The name of a place; ``key`` is its id, or the subject where there is no place."""
    for card in made.cards:
        if card.rule == rule and key in (card.place, card.subject):
            return where(made, card, words)[0]
    return key

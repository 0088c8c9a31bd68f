"""Figures, times and names as people read them; templates filled without ever leaving a hole."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

from alerts.words import Language
from edge.contract.metrics import METRICS

NAME_MOST = 60  # characters of a name in a message; longer ones are cut
MORE_DECIMALS = 3  # at most, to tell a value from the limit that it has just passed

# What a guard says aloud; units that are not here are written alike in both languages.
ZH_UNITS = {
    "W": "瓦", "Wh": "瓦时", "V": "伏", "A": "安", "mA": "毫安", "mV": "毫伏", "Hz": "赫兹",
    "°C": "℃", "mm": "毫米", "cm": "厘米", "m": "米", "m³/s": "立方米每秒", "mg/L": "毫克/升",
    "s": "秒", "h": "小时",
}  # fmt: skip
FLAG_WORDS = {Language.ZH: ("否", "是"), Language.EN: ("no", "yes")}

# Facts that count something whatever the metric is.
WHOLE = frozenset({"minutes", "percent", "window", "count", "hours", "wait"})
# The load of a circuit: 50 of 40 A is plain enough, as is 47.5.
TENTHS = frozenset({"amperes", "rating"})

# Signs that a chat robot, a mail client or a page might take for markup, as their full-width twins.
_MARKUP = str.maketrans({sign: chr(ord(sign) + 0xFEE0) for sign in "<>`*_[]#@|{}\\"})
_HOLE = re.compile(r"\{([a-z_]+)\}")


def clean(name: str) -> str:
    """A name from outside on one line: no control or direction signs, markup made harmless."""
    kept = "".join(
        " " if unicodedata.category(sign) in ("Cc", "Zl", "Zp") else sign
        for sign in name
        if unicodedata.category(sign) not in ("Cf", "Cs", "Co", "Cn")
    )
    text = " ".join(kept.split()).translate(_MARKUP)
    return text if len(text) <= NAME_MOST else text[: NAME_MOST - 1] + "…"


def number(value: float, decimals: int, *, plain: bool = False) -> str:
    """``value`` rounded, no thousands sign; ``plain`` drops zeros behind the point."""
    text = f"{value:.{decimals}f}"
    if plain and "." in text:
        text = text.rstrip("0").rstrip(".")
    return text[1:] if text.startswith("-") and not text.strip("-0.") else text


def unit(metric: str, language: Language) -> str:
    """The metric's unit in the words of the language; empty when it has none."""
    sign = METRICS[metric].unit if metric in METRICS else ""
    return ZH_UNITS.get(sign, sign) if language is Language.ZH else sign


def figures(metric: str, facts: Mapping[str, float | str], language: Language) -> dict[str, str]:
    """Each fact as text: in the decimals of ``metric``, whole for counts, words cleaned."""
    known = METRICS.get(metric)
    decimals = known.decimals if known else 2
    limit = facts.get("limit")
    texts = {}
    for name, fact in facts.items():
        if isinstance(fact, str):
            texts[name] = clean(fact)
        elif known and known.is_flag and name in ("value", "limit", "peak"):
            texts[name] = FLAG_WORDS[language][fact >= 0.5]
        elif name in WHOLE:
            texts[name] = number(fact, 0)
        elif name in TENTHS:
            texts[name] = number(fact, 1, plain=True)
        elif name == "limit" or known is None:
            texts[name] = number(fact, _limit_decimals(fact, decimals), plain=True)
        else:
            texts[name] = _told_apart(fact, decimals, limit)
    return texts


def _told_apart(value: float, decimals: int, limit: float | str | None) -> str:
    """``value`` rounded, with more decimals when it would else read the same as its limit."""
    text = number(value, decimals)
    while (
        isinstance(limit, float | int)
        and value != limit
        and float(text) == float(number(limit, _limit_decimals(limit, decimals)))
        and decimals < MORE_DECIMALS
    ):
        decimals += 1
        text = number(value, decimals)
    return text


def _limit_decimals(limit: float, decimals: int) -> int:
    """A limit is shown as it was set (0.5 ppm); one that was reckoned (500.76) need not be."""
    return max(decimals, 2 if abs(limit) < 100 else 0)


def fill(template: str, values: Mapping[str, str]) -> str | None:
    """The template with its ``{holes}`` filled; None when it is empty or a value is missing."""
    if not template.strip():
        return None
    if any(not values.get(hole) for hole in _HOLE.findall(template) if hole != "unit"):
        return None
    text = _HOLE.sub(lambda hole: values.get(hole[1], ""), template)
    # A metric without a unit leaves a gap before the next sign.
    return re.sub(r" +([，。；：！？,.;:!?]|$)", r"\1", text).strip()


def local(at: datetime, zone: tzinfo, now: datetime, language: Language) -> str:
    """The time of day at the site, with the day when it is not today."""
    there, today = at.astimezone(zone), now.astimezone(zone).date()
    clock = f"{there:%H:%M}"
    if there.date() == today:
        return clock
    if language is Language.ZH:
        return f"{there.month} 月 {there.day} 日 {clock}"
    return f"{there.day} {there:%b} {clock}"


def minutes(seconds: float, language: Language) -> str:
    """A length of time in the largest unit that stays honest: minutes, then hours."""
    whole = max(1, round(seconds / 60))
    if language is Language.ZH:
        if whole < 120:
            return f"{whole} 分钟"
        return f"{number(whole / 60, 1, plain=True)} 小时"
    if whole < 120:
        return "1 minute" if whole == 1 else f"{whole} minutes"
    return f"{number(whole / 60, 1, plain=True)} hours"


def zone(name: str) -> tzinfo:
    """The zone of that name, Asia/Shanghai when there is none (the registry's check names it)."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("Asia/Shanghai")

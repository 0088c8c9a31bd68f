"""A guard as the file describes it: which series, which limit, and what happens then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from edge.contract.compare import Limit
from edge.contract.ids import is_id
from edge.contract.metrics import METRICS
from edge.sensors.port import Series
from edge.table import Table

DAY_S = 86_400
HOLD_S = 180.0  # three heartbeats of a contact
LEAST_POINTS = 5  # of a rise: of fewer, one odd word of a probe would make half of the slopes
LANGUAGES = ("zh", "en")


class Kind(StrEnum):
    LIMIT = "limit"  # the value against above or below
    RISE = "rise"  # how much it rises in a minute, over a window
    CONTACT = "contact"  # a flag: smoke, water
    STALE = "stale"  # nothing usable for a while: where silence itself is the danger


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """``limit`` is held against what is judged: the value, its rise a minute, or silence in seconds.

    A value holds for ``hold_ms``. ``off`` and ``sound`` name outputs. What ``latches`` stays raised
    until it is reset.
    """

    name: str
    kind: Kind
    series: Series
    limit: Limit
    hold_ms: int
    window_ms: int = 0
    off: tuple[str, ...] = ()
    sound: tuple[str, ...] = ()
    latches: bool = True
    words: tuple[tuple[str, str], ...] = ()
    """What to say aloud in place of the usual words, by language."""


def read_rules(
    top: Table, paces: Mapping[Series, float], switches: Sequence[str], buzzers: Sequence[str]
) -> tuple[Rule, ...]:
    """The ``[[guard]]`` tables; mistakes are complained of to them."""
    rules: list[Rule] = []
    for table in top.tables("guard"):
        rule = _rule(table, switches, buzzers)
        if any(rule.name == other.name for other in rules):
            table.complain("name", f"{rule.name!r} is taken by another guard; names differ")
        check_series(table, rule.series, rule.hold_ms, paces)
        if rule.kind is Kind.RISE:
            _check_window(table, rule, paces.get(rule.series, 0.0))
        rules.append(rule)
        table.done()
    return tuple(rules)


def _rule(table: Table, switches: Sequence[str], buzzers: Sequence[str]) -> Rule:
    kind = Kind(table.one_of("kind", tuple(Kind)))
    metric = table.one_of("metric", tuple(METRICS))
    if kind is Kind.CONTACT and not METRICS[metric].is_flag:
        table.complain("metric", f"{metric} is no flag; take kind limit or rise")
    off = _outputs(table, "off", switches, "wiring trip or hold")
    latches = table.flag("latch", bool(off))
    if off and not latches:
        table.complain("latch", "what switches off stays off until a person is there; take it out")
    return Rule(
        name=table.id("name"),
        kind=kind,
        series=Series(table.id("place"), table.id("port", "") if "port" in table else "", metric),
        limit=_limit(table, kind),
        hold_ms=_ms(table.number("hold_s", HOLD_S, least=1, most=DAY_S)),
        window_ms=_ms(table.number("window_s", least=1, most=3600)) if kind is Kind.RISE else 0,
        off=off,
        sound=_outputs(table, "sound", buzzers, "wiring buzzer"),
        latches=latches,
        words=read_words(table, "words"),
    )


def _limit(table: Table, kind: Kind) -> Limit:
    """The limit of this kind; one that nothing breaches when the file's is wrong."""
    if kind is Kind.CONTACT:
        return Limit(above=0.5, for_ms=_for(table), keep_ms=_keep(table))
    if kind is Kind.STALE:
        return Limit(above=table.number("after_s", least=1, most=DAY_S), keep_ms=_keep(table))
    if kind is Kind.RISE:
        above, clear = table.number("per_minute", above=0), None
        if "clear_per_minute" in table:
            clear = table.number("clear_per_minute")
        given = {"above": above, "clear_above": clear}
    else:
        keys = ("above", "below", "clear_above", "clear_below")
        given = {key: table.number(key) if key in table else None for key in keys}
    try:
        return Limit(**given, for_ms=_for(table), keep_ms=_keep(table))
    except ValueError as error:
        table.complain("above", f"{error}; mend the limits")
        return Limit(above=float("inf"))


def _for(table: Table) -> int:
    return _ms(table.number("for_s", 0.0, least=0, most=DAY_S))


def _keep(table: Table) -> int:
    return _ms(table.number("keep_s", 0.0, least=0, most=DAY_S))


def _outputs(table: Table, key: str, known: Sequence[str], remedy: str) -> tuple[str, ...]:
    names = table.texts(key)
    for name in names:
        if name not in known:
            table.complain(key, f"no output {name!r}; name an [[output]] with {remedy}")
    return tuple(names)


def check_series(table: Table, series: Series, hold_ms: int, paces: Mapping[Series, float]) -> None:
    """A guard over what nobody measures, or which is always too old, would never act."""
    if series.metric not in METRICS:
        return  # complained of already
    if series not in paces:
        spelled = "/".join(part for part in series if part)
        table.complain("metric", f"no sensor here gives {spelled}; see place, port and metric")
    elif paces[series] * 1000 > hold_ms:
        table.complain(
            "hold_s", f"its sensor speaks each {paces[series]:g} s; a value must hold longer"
        )


def _check_window(table: Table, rule: Rule, pace_s: float) -> None:
    least_s = pace_s * (LEAST_POINTS - 1)
    if rule.window_ms < least_s * 1000:
        table.complain(
            "window_s",
            f"its sensor speaks each {pace_s:g} s, and a rise is judged by {LEAST_POINTS} samples; "
            f"write {least_s:g} or more, or ask the sensor more often",
        )


def read_words(table: Table, key: str) -> tuple[tuple[str, str], ...]:
    """A table of texts by language, empty when not given."""
    words = table.table(key)
    languages = words.keys()
    found = tuple((language, words.text(language)) for language in languages if is_id(language))
    words.done()
    return found


def _ms(seconds: float) -> int:
    return round(seconds * 1000)

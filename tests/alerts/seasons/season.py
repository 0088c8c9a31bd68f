"""A season: readings at one place with labelled events, and what the shipped rules make of it.

Everything is made up or recorded before it comes here; this is the judge alone, and pure.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import merge
from itertools import groupby
from operator import itemgetter
from random import Random

from alerts.packs import shipped
from alerts.registry.model import Registry
from alerts.rules.engine import Engine
from alerts.rules.inputs import Entry, PacksRevised, RegistryRevised, Sight, Tick, What
from alerts.rules.transition import Change, Transition
from alerts.words import Severity
from edge.contract.gross import gross_quality
from edge.contract.reading import Batch
from tests.alerts.rules import worlds

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
MONTH_DAYS = 30.4
TICK_MS = 5_000  # as the house's own

Row = tuple[int, str, str, str, float]
"""When (ms), place, port, metric, value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happens: each of ``rules`` must ring in it, those of ``may`` are forgiven.

    ``port`` is empty for an event of the whole place. ``late_ms`` after its end a ring still counts
    as found, since some rules wait.
    """

    name: str
    since_ms: int
    until_ms: int
    rules: tuple[str, ...]
    may: tuple[str, ...] = ()
    port: str = ""
    late_ms: int = 30 * MINUTE_MS
    severity: Severity = Severity.INFO
    """At least so severe; each rule by itself."""

    def covers(self, ring: "Ring") -> bool:
        return self.since_ms <= ring.at_ms <= self.until_ms + self.late_ms and (
            not self.port or not ring.port or ring.port == self.port
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """Readings of a registry's devices, in any order, and the events in them."""

    name: str
    registry: Registry
    rows: Sequence[Row]
    events: tuple[Event, ...] = ()
    tick_ms: int = MINUTE_MS

    @property
    def months(self) -> float:
        times = [row[0] for row in self.rows]
        return (max(times) - min(times)) / DAY_MS / MONTH_DAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """A rule rang or grew severer; ``at_ms`` is when people could hear of it, by the house's clock."""

    rule: str
    port: str
    at_ms: int
    severity: Severity
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One event for one of its rules; ``notice_s`` is None where it never rang."""

    season: str
    event: str
    rule: str
    notice_s: float | None


@dataclass(slots=True)
class Verdict:
    """What was found, what was missed, and what rang for nothing."""

    found: list[Found] = field(default_factory=list)
    false: list[tuple[str, Ring]] = field(default_factory=list)
    months: float = 0.0

    def add(self, other: "Verdict") -> None:
        self.found += other.found
        self.false += other.false
        self.months += other.months

    @property
    def missed(self) -> list[Found]:
        return [each for each in self.found if each.notice_s is None]


def judge(season: Season) -> Verdict:
    """Play the season through all shipped rules and hold what rang against what happened."""
    rings = list(rang(season))
    verdict = Verdict(months=season.months)
    for event in season.events:
        for rule in event.rules:
            fitting = (r for r in rings if r.rule == rule and r.severity >= event.severity)
            first = next((r for r in fitting if event.covers(r)), None)
            notice_s = None if first is None else (first.at_ms - event.since_ms) / 1000
            verdict.found.append(
                Found(season=season.name, event=event.name, rule=rule, notice_s=notice_s)
            )
    for ring in rings:
        wanted = not ring.is_new or [
            e for e in season.events if ring.rule in (*e.rules, *e.may) and e.covers(ring)
        ]
        if not wanted:
            verdict.false.append((season.name, ring))
    return verdict


def rang(season: Season) -> Iterator[Ring]:
    """Each time a rule began to ring or grew severer, in order."""
    standing: dict[tuple[str, str], Severity] = {}
    for transition in transitions(season):
        key = (transition.rule, str(transition.subject))
        if transition.change is Change.CLEARED:
            standing.pop(key, None)
            continue
        before = standing.get(key)
        standing[key] = transition.severity
        if before is None or transition.severity > before:
            yield Ring(
                rule=transition.rule,
                port=transition.port,
                at_ms=transition.seen_ms,
                severity=transition.severity,
                is_new=before is None,
            )


def transitions(season: Season) -> Iterator[Transition]:
    """What the engine says, with values judged by their gross range as intake does."""
    engine = Engine(season.name)
    for position, (at_ms, what) in enumerate(_journal(season), 1):
        yield from engine.feed(Entry(position, at_ms, what))
    assert engine.problems == []


def _journal(season: Season) -> Iterator[tuple[int, What]]:
    rows = sorted(season.rows, key=itemgetter(0))
    first, last = rows[0][0], rows[-1][0]
    yield first, RegistryRevised(season.registry)
    yield first, PacksRevised(shipped())
    yield first, Sight(True, first)
    ticks = ((at_ms, Tick()) for at_ms in range(first, last + season.tick_ms, season.tick_ms))
    yield from merge(_packs(rows), ticks, key=itemgetter(0))
    yield last, Sight(False, last)  # the end of a recording is no silence


def _packs(rows: Iterable[Row]) -> Iterator[tuple[int, What]]:
    for at_ms, together in groupby(rows, key=itemgetter(0)):
        pack = Batch(site=worlds.SITE, device=worlds.DEVICE, run="season", first=0, count=0)
        for _, place, port, metric, value in together:
            pack.place.append(place)
            pack.port.append(port)
            pack.metric.append(metric)
            pack.value.append(value)
            pack.at_ms.append(at_ms)
            pack.quality.append(int(gross_quality(metric, value)))
            pack.seq.append(0)
        pack.count = len(pack)
        yield at_ms, pack


def thinned(rows: Iterable[Row], step_s: float) -> list[Row]:
    """The first reading of each step and series; rain is summed, since a gauge counts on."""
    step_ms = round(step_s * 1000)
    kept: dict[tuple[int, str, str, str], Row] = {}
    for at_ms, place, port, metric, value in sorted(rows, key=itemgetter(0)):
        key = (at_ms // step_ms, place, port, metric)
        if key not in kept:
            kept[key] = (at_ms, place, port, metric, value)
        elif metric == "rain":
            kept[key] = (at_ms, place, port, metric, kept[key][4] + value)
    return list(kept.values())


def gappy(season: Season, seed: int = 0) -> Season:
    """The same with holes: one row in twenty is lost, times jitter, and each fourth day the box is
    silent for two hours (never while something happens)."""
    chance = Random(f"gaps {seed} {season.name}")
    begin_ms = min(row[0] for row in season.rows)
    kept: list[Row] = []
    shaken: dict[int, int | None] = {}
    busy = [(event.since_ms - HOUR_MS, event.until_ms) for event in season.events]
    for at_ms, place, port, metric, value in season.rows:
        if at_ms not in shaken:
            lost = chance.random() < 0.05 or (
                (at_ms - begin_ms) % (4 * DAY_MS) < 2 * HOUR_MS
                and not any(since <= at_ms <= until for since, until in busy)
            )
            shaken[at_ms] = None if lost else at_ms + chance.randrange(2_000)
        then_ms = shaken[at_ms]
        if then_ms is not None:
            kept.append((then_ms, place, port, metric, value))
    return replace(season, name=f"{season.name}, with gaps", rows=kept)


def of_rules(found: Iterable[Found]) -> Mapping[str, list[Found]]:
    """The findings by rule, in the order of the rules' names."""
    ordered = sorted(found, key=lambda each: each.rule)
    return {rule: list(each) for rule, each in groupby(ordered, key=lambda each: each.rule)}


def share(figures: Sequence[float], part: float) -> float:
    """The ``part`` quantile (nearest rank) of some figures."""
    ordered = sorted(figures)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]

"""Combination: other rules at the same place, official warnings, and readings, taken together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field

from alerts.rules.inputs import Colour, Warning
from alerts.rules.ladder import Change, Ladder, Spec
from alerts.rules.rule import (
    COMMON_HOLES,
    STRICT,
    Duration,
    Ear,
    Expected,
    HearingState,
    KeyedEar,
    Level,
    Mistake,
    Number,
    Rule,
    Series,
    Shift,
    State,
    Word,
    spell_step,
    step_mistakes,
)
from alerts.words import Severity
from edge.contract.compare import Limit

_FOREVER_MS = 1 << 62  # what was said stands until something else is said
_NONE: dict[str, Any] = {}  # of states that have heard nothing, as most; nobody writes into it
WARNINGS_MOST = 32  # a site has a handful at a time; the one that expires first makes room


def _colour(raw: object) -> object:
    if isinstance(raw, str) and raw.upper() in Colour.__members__:
        return Colour[raw.upper()]
    raise ValueError("a colour is one of " + ", ".join(c.name.lower() for c in Colour))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One of: a rule that rings at this place, a warning for its site, a reading beyond a limit."""

    __pydantic_config__: ClassVar = STRICT
    rule: str = ""
    at_least: Level = Severity.INFO
    warning: tuple[str, ...] = ()
    """Events, as ``Warning.event`` has them."""
    colour: Annotated[Colour, BeforeValidator(_colour)] = Colour.BLUE
    """At least."""
    metric: str = ""
    above: Number | None = None
    below: Number | None = None

    def __str__(self) -> str:
        if self.rule:
            return f"{self.rule} at least {self.at_least.name.lower()}"
        if self.warning:
            return (
                f"official {' or '.join(self.warning)} warning, {self.colour.name.lower()} or more"
            )
        sides = (("above", self.above), ("below", self.below))
        return f"{self.metric} " + " or ".join(f"{s} {v:g}" for s, v in sides if v is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CombinationStep:
    """Breached while all of ``all`` hold, and any of ``any`` where there are some."""

    __pydantic_config__: ClassVar = STRICT
    NUMBERS: ClassVar = ("for_ms", "keep_ms")

    severity: Level
    all: tuple[Part, ...] = ()
    any: tuple[Part, ...] = ()
    for_ms: Annotated[Duration, Field(alias="for")] = 0
    keep_ms: Annotated[Duration, Field(alias="keep")] = 0
    samples: ClassVar = 1

    @property
    def parts(self) -> tuple[Part, ...]:
        return (*self.all, *self.any)


@dataclass(frozen=True, slots=True, kw_only=True)
class Combination(Rule):
    """Rings while its parts hold together. It has no readings of its own to tell."""

    GIVES: ClassVar = COMMON_HOLES | {"warning", "issuer", "issued"}
    PER_DEVICE: ClassVar = False
    JUDGES_PLACES: ClassVar = True
    IS_TIMELESS: ClassVar = False

    kind: Literal["combination"] = "combination"
    step: tuple[CombinationStep, ...]

    @property
    def steps(self) -> tuple[CombinationStep, ...]:
        return self.step

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(part.metric for part in self._parts() if part.metric))

    @property
    def rules_heard(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(part.rule for part in self._parts() if part.rule))

    @property
    def hears_warnings(self) -> bool:
        return any(part.warning for part in self._parts())

    def begin(self, expected: Expected) -> State | None:
        return CombinationState(self, expected)

    def spell(self) -> Iterator[str]:
        for step in self.step:
            together = [" and ".join(map(str, step.all))] if step.all else []
            together += [" or ".join(map(str, step.any))] if step.any else []
            yield spell_step(step, "; and any of: ".join(together))

    def mistakes(self) -> Iterator[Mistake]:
        yield from step_mistakes(self.step)
        if self.metric:
            yield Mistake("metric", "a combination has its metrics in its parts", "leave it out")
        for n, step in enumerate(self.step, 1):
            if not step.parts:
                yield Mistake(f"step {n}", "has no part", "give 'all' or 'any'")
            for m, part in enumerate(step.parts, 1):
                if sum((bool(part.rule), bool(part.warning), bool(part.metric))) != 1:
                    remedy = "give one of 'rule', 'warning' and 'metric'"
                    yield Mistake(f"step {n} part {m}", "is not one thing", remedy)
                if bool(part.metric) != (part.above is not None or part.below is not None):
                    remedy = "'above' or 'below' goes with 'metric'"
                    yield Mistake(f"step {n} part {m}", "has no limit, or no metric", remedy)
                if part.rule == self.id:
                    yield Mistake(f"step {n} part {m}", "is the rule itself", "name another")

    def _parts(self) -> list[Part]:
        return [part for step in self.step for part in step.parts]


class CombinationState(HearingState):
    """What was said: by rules, by warnings that are not over, by the newest readings."""

    __slots__ = (
        "arrived_ms", "holds", "ladder", "last_ms", "newest", "now_ms", "said", "steps", "warnings",
        "zone",
    )  # fmt: skip

    def __init__(self, rule: Combination, expected: Expected) -> None:
        self.steps = rule.step
        self.ladder: Ladder | None = None
        """While anything is under way."""
        self.zone = expected.zone
        self.said: dict[str, dict[str, int]] = _NONE
        """By rule and subject, the severity that stands."""
        self.warnings: dict[str, list[Any]] = _NONE
        """By id: [event, colour, onset, expires, title, issuer, issued]."""
        self.newest: dict[str, tuple[int, float]] = _NONE
        """By series: (observed, value)."""
        self.holds: dict[str, int] = _NONE
        self.last_ms = -1
        self.arrived_ms = 0
        self.now_ms = expected.now_ms

    def ear(self, series: Series) -> Ear:
        key = series.key
        self.holds = {**self.holds, key: series.hold_ms}
        return KeyedEar(self, key)

    def told(self, word: Word, at_ms: int, watched_ms: int) -> Sequence[Shift]:
        subjects = dict(self.said.get(word.rule, _NONE))
        self.said = {**self.said, word.rule: subjects}
        if word.severity is None:
            subjects.pop(word.subject, None)
        else:
            subjects[word.subject] = int(word.severity)
        return self._judge(at_ms, watched_ms)

    def warned(self, warning: Warning, now_ms: int, watched_ms: int) -> Sequence[Shift]:
        self.now_ms = now_ms
        if warning.is_cancelled or warning.expires_ms <= now_ms:
            self.warnings = {i: said for i, said in self.warnings.items() if i != warning.id}
        else:
            told = [
                warning.event, int(warning.colour or 0), warning.onset_ms, warning.expires_ms,
                warning.title, warning.issuer, warning.issued_ms,
            ]  # fmt: skip
            self.warnings = {**self.warnings, warning.id: told}
            if len(self.warnings) > WARNINGS_MOST:
                del self.warnings[min(self.warnings, key=lambda id_: self.warnings[id_][3])]
        return self._judge(now_ms, watched_ms)

    def passed(self, now_ms: int, watched_ms: int) -> Sequence[Shift]:
        if not self.warnings:
            return ()
        self.now_ms = now_ms
        self.warnings = {i: said for i, said in self.warnings.items() if said[3] > now_ms}
        return self._judge(now_ms, watched_ms)

    def severity(self) -> Severity | None:
        return None if self.ladder is None else self.ladder.severity

    def waits(self) -> bool:
        return self.ladder is not None and self.ladder.waits()

    def wait(self, watched_ms: int) -> Sequence[Shift]:
        until_ms = self.last_ms + watched_ms - self.arrived_ms
        return self._advance(until_ms, self.last_ms)

    def _advance(self, until_ms: int, last_ms: int) -> list[Shift]:
        """What stands has brought about by then."""
        ladder = self.ladder
        if ladder is None:
            return []
        changes = ladder.advance(until_ms, last_ms, _FOREVER_MS)
        if ladder.calm:
            self.ladder = None
        return [self._shift(ladder, change) for change in changes]

    def hear(self, key: str, value: float, at_ms: int, watched_ms: int) -> Sequence[Shift] | None:
        before = self.newest.get(key)
        if before is not None and at_ms < before[0]:
            return None
        if self.newest is _NONE:
            self.newest = {}
        self.newest[key] = (at_ms, value)
        return self._judge(at_ms, watched_ms)

    def _judge(self, at_ms: int, watched_ms: int) -> Sequence[Shift]:
        at_ms = max(at_ms, self.last_ms)
        measures = [float(self._is_met(step, at_ms)) for step in self.steps]
        last_ms = self.last_ms if self.last_ms >= 0 else None
        shifts = [] if last_ms is None else self._advance(at_ms, last_ms)
        self.last_ms, self.arrived_ms = at_ms, watched_ms
        ladder = self.ladder
        if ladder is None:
            if not any(measures):
                return shifts
            ladder = self.ladder = Ladder(_specs(self.steps))
        changes = ladder.judge(measures, at_ms, last_ms, _FOREVER_MS)
        if ladder.calm:
            self.ladder = None
        return shifts + [self._shift(ladder, change) for change in changes]

    def _is_met(self, step: CombinationStep, at_ms: int) -> bool:
        if not all(self._holds(part, at_ms) for part in step.all):
            return False
        return not step.any or any(self._holds(part, at_ms) for part in step.any)

    def _holds(self, part: Part, at_ms: int) -> bool:
        if part.rule:
            return any(s >= part.at_least for s in self.said.get(part.rule, {}).values())
        if part.warning:
            return self._warning(part) is not None
        for key, (then_ms, value) in self.newest.items():
            is_it = key[key.rindex("/") + 1 :] == part.metric
            if is_it and at_ms - then_ms <= self.holds.get(key, 0):
                if part.above is not None and value > part.above:
                    return True
                if part.below is not None and value < part.below:
                    return True
        return False

    def _warning(self, part: Part) -> list[Any] | None:
        """The gravest warning that makes the part hold now."""
        found = [
            said
            for said in self.warnings.values()
            if said[0] in part.warning and said[1] >= part.colour and said[2] <= self.now_ms
        ]
        return max(found, key=lambda said: (said[1], said[6]), default=None)

    def _shift(self, ladder: Ladder, change: Change) -> Shift:
        at_ms, severity, _ = change
        parts = [part for step in reversed(self.steps) for part in step.parts if part.warning]
        told = next((said for part in parts if (said := self._warning(part))), None)
        facts: dict[str, float | str] = {}
        if told:
            issued = datetime.fromtimestamp(told[6] / 1000, UTC).astimezone(ZoneInfo(self.zone))
            facts = {"warning": told[4], "issuer": told[5], "issued": f"{issued:%m-%d %H:%M}"}
        return Shift(at_ms=at_ms, since_ms=ladder.since_ms, severity=severity, facts=facts)

    def dump(self) -> list[Any]:
        newest = [[key, *value] for key, value in self.newest.items()]
        return [
            self.last_ms, self.arrived_ms, self.now_ms, self.said, self.warnings, newest,
            [] if self.ladder is None else self.ladder.dump(),
        ]  # fmt: skip

    def load(self, data: list[Any]) -> None:
        self.last_ms, self.arrived_ms, self.now_ms = data[:3]
        self.said = {rule: dict(subjects) for rule, subjects in data[3].items()}
        self.warnings = {id_: list(said) for id_, said in data[4].items()}
        self.newest = {key: (at_ms, v) for key, at_ms, v in data[5] if key in self.holds}
        if data[6]:
            self.ladder = Ladder(_specs(self.steps))
            self.ladder.load(data[6])
            if self.ladder.calm:
                self.ladder = None


@lru_cache(4096)
def _specs(steps: tuple[CombinationStep, ...]) -> tuple[Spec, ...]:
    return tuple((step.severity, _limit(step), 1, False) for step in steps)


def _limit(step: CombinationStep) -> Limit:
    return Limit(above=0.5, for_ms=step.for_ms, keep_ms=step.keep_ms)

"""What every rule has in common, and the seam at which a kind of rule joins the engine.

A kind is one file: a frozen dataclass that extends ``Rule`` (read from TOML) and a slotted class
that extends ``State`` (judges one subject); one line in ``kinds.py`` makes it known.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Annotated, Any, ClassVar, NamedTuple, Self

from pydantic import BeforeValidator, Field, Strict

from alerts.registry.model import Names, Override, Place, Registry
from alerts.rules.inputs import Warning
from alerts.words import IncidentClass, Language, Severity
from edge.contract.subject import Subject, SubjectKind
from edge.contract.topics import SERVER

STRICT: dict[str, Any] = {"extra": "forbid"}

_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\d+)(s|m|h|d)")
HOLE = re.compile(r"\{([^{}]*)\}")
# What any message may name; each kind adds the facts it gives.
COMMON_HOLES = frozenset({"where", "place", "device", "metric", "unit", "minutes"})
READING_HOLES = frozenset({"value", "limit", "peak"})


def _duration(raw: object) -> int:
    match = _DURATION.fullmatch(raw) if isinstance(raw, str) else None
    if match is None:
        raise ValueError('a duration is a text such as "10s", "30m", "2h" or "1d"')
    return int(match[1]) * _UNITS_MS[match[2]]


def _severity(raw: object) -> object:
    if isinstance(raw, str) and raw.upper() in Severity.__members__:
        return Severity[raw.upper()]
    raise ValueError("a severity is one of " + ", ".join(s.name.lower() for s in Severity))


Duration = Annotated[int, BeforeValidator(_duration)]
"""Milliseconds; in TOML "10s", "30m", "2h", "1d"."""
Level = Annotated[Severity, BeforeValidator(_severity)]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]


def spell_duration(ms: int) -> str:
    """The duration as TOML has it, in the largest unit that leaves no rest."""
    for unit, unit_ms in reversed(_UNITS_MS.items()):
        if ms and ms % unit_ms == 0:
            return f"{ms // unit_ms}{unit}"
    return f"{ms / 1000:g}s"


class Where(StrEnum):
    """Where a rule applies: at kinds of places, to what a device says of itself, or to what the
    house says of itself."""

    REACH = "reach"
    SHED = "shed"
    RISK_POINT = "risk-point"
    DEVICE = "device"
    CELL = "cell"


class Of(StrEnum):
    """Which readings at those places: with a port, without one, or both."""

    PLACE = "place"
    PORT = "port"
    EITHER = "either"


class Mark(StrEnum):
    """How well a default is founded."""

    CONFIRMED = "confirmed"  # read in a stored copy of the source
    OWN = "own knowledge"  # not looked up
    PROPOSAL = "proposal"  # of this project; no standard behind it


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSource:
    """Where the default comes from, and how well it is founded."""

    __pydantic_config__: ClassVar = STRICT
    text: str
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """A rule's words in one language: what happened, why it rings, what to do, that it is over."""

    __pydantic_config__: ClassVar = STRICT
    what: str
    why: str
    do: str
    clear: str


class Stale(StrEnum):
    """What silence means for a rule whose last value stood beyond its limit."""

    NOTHING = "nothing"
    """It neither raises nor clears: that the device is missed is said by an absence rule."""
    COUNTS = "counts"
    """The last value goes on counting towards ``for``: silence may be the danger."""


@dataclass(frozen=True, slots=True)
class Shift:
    """A state has changed its severity (None: all clear) at ``at_ms``, with the figures to show."""

    at_ms: int
    since_ms: int
    severity: Severity | None
    value: float | None = None
    limit: float | None = None
    peak: float | None = None
    facts: Mapping[str, float | str] | None = None
    metric: str = ""
    """What the figures are of, where it is not the rule's own metric."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with a rule: at which key, what, and how to mend it."""

    key: str
    what: str
    remedy: str


class Series(NamedTuple):
    """What a state may listen to; a value of it holds for ``hold_ms``."""

    device: str
    place: str
    port: str
    metric: str
    hold_ms: int
    key: str
    """The first four in one word, for what states keep: one text for all of them."""

    @classmethod
    def of(cls, device: str, place: str, port: str, metric: str, hold_ms: int) -> "Series":
        key = f"{device}/{place}/{port}/{metric}"
        return cls(device, place, port, metric, hold_ms, key)


@dataclass(frozen=True, slots=True)
class Seat:
    """What states are about: one for all rules that judge a subject by the same device.

    ``first`` is where the device's states begin in the engine's fixed order.
    """

    subject: Subject
    place: str
    port: str
    device: str
    first: int


class State:
    """One rule on one subject: mutable and slotted, since it is the hot path; no I/O, no clock.

    *Watched* time counts the house milliseconds in which the cell saw: it never jumps ahead. There
    may be hundreds of thousands, nearly all of them calm: what is the same for many is shared, and
    what only a breach needs is made by the first one.
    """

    __slots__ = ("nth", "rule", "seat")
    nth: int
    """The place among its device's states."""
    rule: "Rule"
    """As the pack has it, without a place's numbers."""
    seat: Seat

    @property
    def order(self) -> int:
        """The place in the engine's fixed order, so that a tick always walks the same way."""
        return self.seat.first + self.nth

    @property
    def device(self) -> str:
        """Empty where the rule judges all devices of a subject as one."""
        return self.seat.device if self.rule.PER_DEVICE else ""

    @property
    def key(self) -> tuple[str, str, str]:
        """Rule, subject and device."""
        return self.rule.id, str(self.seat.subject), self.device

    @property
    def state(self) -> "State":
        """Whose ears these are: a state of one series is its own."""
        return self

    def ear(self, series: Series) -> "Ear":
        """What takes in this series' readings."""
        return self

    def take(self, value: float, at_ms: int, watched_ms: int) -> Sequence[Shift] | None:
        """A reading, its observed and watched time; None when nothing at all is under way."""
        raise NotImplementedError

    def hear(self, key: str, value: float, at_ms: int, watched_ms: int) -> Sequence[Shift] | None:
        """As ``take``, where a state of several series tells them apart by ``Series.key``."""
        raise NotImplementedError

    def severity(self) -> Severity | None:
        """What the state holds for true now."""
        raise NotImplementedError

    def waits(self) -> bool:
        """Whether the passing of time alone may change something: then ticks come to ``wait``."""
        return False

    def wait(self, watched_ms: int) -> Sequence[Shift]:
        """What time has brought about by now, if the last values still hold."""
        return ()

    def dump(self) -> list[Any]:
        """All of the state as JSON values."""
        raise NotImplementedError

    def load(self, data: list[Any]) -> None:
        """Take over what ``dump`` gave, if need be of a rule whose numbers were others."""
        raise NotImplementedError


class KeyedEar:
    """The ear of a state of several series."""

    __slots__ = ("key", "state")

    def __init__(self, state: State, key: str) -> None:
        self.state, self.key = state, key

    def take(self, value: float, at_ms: int, watched_ms: int) -> Sequence[Shift] | None:
        return self.state.hear(self.key, value, at_ms, watched_ms)


Ear = State | KeyedEar


class DeviceState(State):
    """A state that looks at whether a device speaks at all. *Watched* time leaves out blindness."""

    __slots__ = ()

    def heard(self, at_ms: int, watched_ms: int) -> Sequence[Shift]:
        """A reading of the device has arrived, of whatever quality and age."""
        raise NotImplementedError

    def said(self, word: str) -> None:
        """The device's own word, or the broker's: a fact for the message, no trigger."""
        raise NotImplementedError

    def look(self, at_ms: int, watched_ms: int, seeing_ms: int) -> Sequence[Shift]:
        """A tick while the cell sees, and has seen without a break for ``seeing_ms``."""
        raise NotImplementedError


class Word(NamedTuple):
    """What a rule says of a subject (None: all clear), and since when the danger is there."""

    rule: str
    subject: str
    severity: Severity | None
    since_ms: int


class HearingState(State):
    """A state that hears other rules at its place, or official warnings for its site."""

    __slots__ = ()

    @property
    def hears_at(self) -> tuple[str, ...]:
        """The places of its site at which it hears."""
        return (self.seat.place,)

    def told(self, word: Word, at_ms: int, watched_ms: int) -> Sequence[Shift]:
        """A rule it hears has changed its word about a subject there."""
        raise NotImplementedError

    def warned(self, warning: Warning, now_ms: int, watched_ms: int) -> Sequence[Shift]:
        """An official warning was given, changed or taken back."""
        raise NotImplementedError

    def passed(self, now_ms: int, watched_ms: int) -> Sequence[Shift]:
        """A tick: warnings begin and expire by the house's clock."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the registry expects of the device behind a state, in ms."""

    interval_ms: int
    hold_ms: int
    """How long a value holds: until its device's heartbeat is overdue."""
    now_ms: int = 0
    watched_ms: int = 0
    subject: Subject | None = None
    place: Place | None = None
    zone: str = "Asia/Shanghai"
    at_home: Mapping[str, Sequence[Subject]] = field(default_factory=dict)
    """Of rules that judge places: the site's devices whose silence tells of the mains, by the shed at
    which each is at home."""


_ALIASES = {"for": "for_ms", "keep": "keep_ms", "after": "after_ms", "window": "window_ms",
            "settle": "settle_ms", "over": "over_ms", "dry": "dry_ms", "wait": "wait_ms",
            "usual": "usual_ms", "habit": "habit_ms"}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule as its pack has it. A place may change its numbers (``at``), never its text."""

    __pydantic_config__: ClassVar = STRICT
    GIVES: ClassVar[frozenset[str]] = frozenset()
    """The facts of this kind that a message may name, beside COMMON_HOLES."""
    PER_DEVICE: ClassVar[bool] = True
    """Two devices that measure the same are judged apart, and the worse counts."""
    JUDGES_PLACES: ClassVar[bool] = False
    """It has one state at each place of its kinds, a HearingState, measured or not."""
    JUDGES_DEVICES: ClassVar[bool] = False
    """Its states are DeviceStates, its subjects devices."""
    IS_TIMELESS: ClassVar[bool] = True
    """A fresh state of it is the same whenever it is made."""
    NUMBERS: ClassVar[tuple[str, ...]] = ()
    """The fields that a place may override; a step class has its own."""

    id: str
    names: Names
    places: tuple[Where, ...]
    cls: Annotated[IncidentClass, Field(alias="class")]
    source: RuleSource
    blind_to: Names
    say: dict[Language, Say]
    metric: str = ""
    of: Of = Of.EITHER
    per_place: bool = False
    """Judged only where an override gives its numbers."""
    on: Annotated[Number, Field(ge=0, le=1)] = 1.0
    """0 where it is not judged; a place switches a rule on or off by an override."""
    stale: Stale | None = None
    """What silence means; NOTHING where it is not said. Rules of fire, flood and safety say it."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """What the rule listens to."""
        return (self.metric,) if self.metric else ()

    @property
    def near(self) -> tuple[str, ...]:
        """What it listens to at the places near by as well."""
        return ()

    @property
    def rules_heard(self) -> tuple[str, ...]:
        """The rules whose word at the same place it hears."""
        return ()

    @property
    def hears_warnings(self) -> bool:
        """Whether it hears the official warnings for its site."""
        return False

    @property
    def steps(self) -> tuple[Any, ...]:
        """Its steps, least severe first."""
        raise NotImplementedError

    def begin(self, expected: Expected) -> State | None:
        """A fresh state; None when this place has not been given numbers (``per_place``)."""
        raise NotImplementedError

    def lines(self) -> list[tuple[Severity, float, str]]:
        """The rule's limits as chart lines: (severity, value, "above" or "below")."""
        return []

    def spell(self) -> Iterator[str]:
        """When each step rings, for docs/rules.md."""
        return iter(())

    def mistakes(self) -> Iterator[Mistake]:
        """What the types cannot see."""
        return iter(())

    # What follows is the same for every kind.

    def applies(self, where: Where, port: str) -> bool:
        if where not in self.places:
            return False
        return self.of is Of.EITHER or (self.of is Of.PORT) == bool(port)

    def subject(self, site: str, device: str, place: Place | None, port: str) -> Subject | None:
        """What is judged by this series; None when it is nothing of this rule's."""
        if device == SERVER:
            return Subject(SubjectKind.CELL, site, device)
        if self.JUDGES_DEVICES or place is None:
            return Subject(SubjectKind.DEVICE, site, device)
        return Subject.of_place(site, place.id, port)

    def limits(self, registry: Registry, place: Place) -> list[tuple[Severity, float, str]]:
        """Chart lines at this place, its overrides counted in."""
        try:
            return self.at(numbers(registry.overrides, self.id, place.site, place.id)).lines()
        except ValueError:
            return self.lines()

    def holes(self) -> frozenset[str]:
        """What its messages may name."""
        return COMMON_HOLES | self.GIVES | ({"port"} if self.of is Of.PORT else set())

    def keys(self) -> list[str]:
        """The numbers that a place may override, as an override names them."""
        spelled = {name: key for key, name in _ALIASES.items()}
        own = [spelled.get(name, name) for name in self.NUMBERS]
        for step in self.steps:
            level = step.severity.name.lower()
            own += [f"{level}.{spelled.get(name, name)}" for name in step.NUMBERS]
        return [*own, "on"]

    def at(self, changes: Mapping[str, float]) -> Self:
        """The rule with a place's numbers; ValueError when a key or a number does not fit.

        ``above`` means the first step that has it, ``critical.above`` that of the critical step;
        durations are seconds. A clear limit keeps its distance when its limit moves.
        """
        if not changes:
            return self
        rule, steps = self, list(self.steps)
        for key, number in changes.items():
            level, _, short = key.rpartition(".")
            name = _ALIASES.get(short, short)
            value: float = round(number * 1000) if short in _ALIASES else number
            if not level and (name in self.NUMBERS or name == "on"):
                own: dict[str, Any] = {name: value}
                rule = replace(rule, **own)
                continue
            at = self._step_of(level, name)
            if at is None:
                raise ValueError(f"{key!r} is no number of it; use one of {', '.join(self.keys())}")
            change: dict[str, Any] = {name: value}
            clear = getattr(steps[at], "clear", None)
            old = getattr(steps[at], name)
            is_limit = name in ("above", "below") and old is not None
            if is_limit and clear is not None and not {"clear", f"{level}.clear"} & set(changes):
                change["clear"] = clear + number - old
            steps[at] = replace(steps[at], **change)
        rule = rule._with_steps(tuple(steps))
        for mistake in rule.mistakes():
            raise ValueError(f"{mistake.key}: {mistake.what}; {mistake.remedy}")
        return rule

    def _with_steps(self, steps: tuple[Any, ...]) -> Self:
        return replace(self, step=steps)  # type: ignore[call-arg]  # each kind has it

    def _step_of(self, level: str, name: str) -> int | None:
        fitting = [
            i
            for i, step in enumerate(self.steps)
            if name in step.NUMBERS and (not level or step.severity.name.lower() == level)
        ]
        given = [i for i in fitting if getattr(self.steps[i], name) is not None]
        return (given + fitting + [None])[0]


def numbers(
    overrides: Sequence[Override], name: str, site: str, place: str, *, of: str = "rule"
) -> dict[str, float]:
    """What the overrides change of this rule (or ``of`` this "metric") here; later ones win."""
    found: dict[str, float] = {}
    for override in overrides:
        if getattr(override, of) == name and override.place in (place, f"{site}/{place}"):
            found.update(override.set)
    return found


def spell_step(step: Any, when: str) -> str:
    """``when``, with the severity before it and how long and how often it must be so behind it."""
    wait = f" for {spell_duration(step.for_ms)}" if step.for_ms else ""
    times = f", {step.samples} values in a row" if step.samples > 1 else ""
    return f"{step.severity.name.lower()}: {when}{wait}{times}"


def step_mistakes(steps: Sequence[Any]) -> Iterator[Mistake]:
    """What every kind asks of its steps: at least one, each severity once, the least first."""
    if not steps:
        yield Mistake("step", "the rule has no step", "add one with [[rule.step]]")
    for i in range(1, len(steps)):
        if steps[i].severity <= steps[i - 1].severity:
            yield Mistake(
                f"step {i + 1}.severity",
                f"{steps[i].severity.name.lower()} does not rise over the step before it",
                "order the steps from the least severe up, each severity once",
            )

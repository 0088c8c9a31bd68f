"""A rule that raises: out there and nowhere else, tried again, told, and the same after a restart."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import reduce
from operator import or_
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import Field, TypeAdapter

from alerts.figures import fill
from alerts.incidents.model import Incident
from alerts.incidents.model import State as IncidentState
from alerts.messages import headline, holes
from alerts.packs import shipped
from alerts.registry.model import Format, PlaceKind, Registry
from alerts.rules import packs as reading
from alerts.rules.engine import Engine
from alerts.rules.faults import FIRST_WAIT_MS, MOST_WAIT_MS, PROVEN_MS, Fault
from alerts.rules.inputs import (
    Colour,
    DeviceSaid,
    Entry,
    PacksRevised,
    RegistryRevised,
    Sight,
    Tick,
    Warning,
    What,
)
from alerts.rules.kinds import KINDS
from alerts.rules.rule import DeviceState, Expected, HearingState, Rule, Shift, Word
from alerts.rules.transition import Change, Transition
from alerts.words import Language, Severity
from edge.contract.status import State as Said
from edge.contract.status import Status
from tests.alerts.rules import worlds
from tests.alerts.rules.worlds import T0, batch, registry

MINUTE = 60_000
WORLD = registry(PlaceKind.REACH, "do", "ph", interval_s=60)
HIGH = 9.0
(TELLING,) = (
    "[[rule]]" + text
    for text in shipped()["watch.toml"].split("[[rule]]")
    if 'kind = "set-aside"' in text
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brittle(Rule):
    """Rings above ``HIGH``; ``breaks`` names the act that raises, between these watched minutes."""

    kind: Literal["brittle"] = "brittle"
    breaks: str
    since: float
    until: float

    @property
    def steps(self) -> tuple[Any, ...]:
        return ()

    @property
    def rules_heard(self) -> tuple[str, ...]:
        return ("do-low",) if self.JUDGES_PLACES else ()

    @property
    def hears_warnings(self) -> bool:
        return self.JUDGES_PLACES

    def begin(self, expected: Expected) -> "BrittleState":
        if self.breaks == "begin":
            self.check("begin", expected.watched_ms)
        return BrittleState(self)

    def check(self, act: str, watched_ms: int) -> None:
        if act == self.breaks and self.since * MINUTE <= watched_ms < self.until * MINUTE:
            raise ZeroDivisionError(f"no {act}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BrittlePlace(Brittle):
    JUDGES_PLACES: ClassVar = True
    kind: Literal["brittle-place"] = "brittle-place"  # type: ignore[assignment]


@dataclass(frozen=True, slots=True, kw_only=True)
class BrittleDevice(Brittle):
    JUDGES_DEVICES: ClassVar = True
    kind: Literal["brittle-device"] = "brittle-device"  # type: ignore[assignment]


class BrittleState(DeviceState, HearingState):
    __slots__ = ("level", "now_ms", "own")

    def __init__(self, own: Brittle) -> None:
        self.own, self.level, self.now_ms = own, 0, 0

    def take(self, value: float, at_ms: int, watched_ms: int) -> Sequence[Shift]:
        self._do("take", watched_ms)
        before, self.level = self.level, int(value > HIGH)
        return [Shift(at_ms, at_ms, self.severity())] if self.level != before else []

    def _do(self, act: str, watched_ms: int) -> Sequence[Shift]:
        self.now_ms = watched_ms
        self.own.check(act, watched_ms)
        return ()

    def severity(self) -> Severity | None:
        return Severity.MAJOR if self.level else None

    def waits(self) -> bool:
        self.own.check("waits", self.now_ms)
        return True

    def wait(self, watched_ms: int) -> Sequence[Shift]:
        return self._do("wait", watched_ms)

    def heard(self, at_ms: int, watched_ms: int) -> Sequence[Shift]:
        return self._do("heard", watched_ms)

    def said(self, word: str) -> None:
        self._do("said", self.now_ms)

    def look(self, at_ms: int, watched_ms: int, seeing_ms: int) -> Sequence[Shift]:
        return self._do("look", watched_ms)

    def told(self, word: Word, at_ms: int, watched_ms: int) -> Sequence[Shift]:
        return self._do("told", watched_ms)

    def warned(self, warning: Warning, now_ms: int, watched_ms: int) -> Sequence[Shift]:
        return self._do("warned", watched_ms)

    def passed(self, now_ms: int, watched_ms: int) -> Sequence[Shift]:
        return self._do("passed", watched_ms)

    def dump(self) -> list[Any]:
        return [self.level, self.now_ms]

    def load(self, data: list[Any]) -> None:
        self.level, self.now_ms = data
        self.own.check("load", self.now_ms)


ACTS = {
    "take": "brittle", "wait": "brittle", "waits": "brittle",
    "told": "brittle-place", "warned": "brittle-place", "passed": "brittle-place",
    "heard": "brittle-device", "look": "brittle-device", "said": "brittle-device",
}  # fmt: skip


@pytest.fixture(autouse=True)
def brittle_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's own kinds stand among the shipped ones, as a line in kinds.py would put them."""
    kinds = {"brittle": Brittle, "brittle-place": BrittlePlace, "brittle-device": BrittleDevice}
    for name, kind in kinds.items():
        monkeypatch.setitem(KINDS, name, kind)
    union: Any = reduce(or_, KINDS.values())
    every: TypeAdapter[Rule] = TypeAdapter(Annotated[union, Field(discriminator="kind")])
    monkeypatch.setattr(reading, "_RULE", every)


def pack(
    breaks: str, *, since: float = 5, until: float = 8, cls: str = "safety", id_: str = "tried"
) -> dict[str, str]:
    kind = ACTS.get(breaks, "brittle")
    body = f'kind = "{kind}"\nbreaks = "{breaks}"\nsince = {since:.1f}\nuntil = {until:.1f}\n'
    body += 'metric = "ph"\n' if kind == "brittle" else ""
    text = worlds.rule_text(body, id_).replace('places = ["shed"]', 'places = ["reach"]')
    text = text.replace('class = "upkeep"', f'class = "{cls}"\nstale = "nothing"')
    return {"test.toml": worlds.PACK + text, "watch.toml": TELLING}


def minutes(count: int, ph: float = 7.0, begin: int = 0) -> Iterator[tuple[int, What]]:
    """Each minute a reading, a word of the device and two ticks; a warning each third."""
    for n in range(begin, begin + count):
        now = T0 + n * MINUTE
        yield now, batch((now, 0.1 if n % 2 else 1.0), metric="do")
        yield now, batch((now, ph), metric="ph")
        yield now, DeviceSaid(worlds.SITE, worlds.DEVICE, Status(state=Said.ONLINE))
        if n % 3 == 0:
            yield now, Warning(
                id=f"w{n}", event="heat", colour=Colour.RED, sites=(worlds.SITE,), issuer="台",
                title="预警", issued_ms=now, onset_ms=now, expires_ms=now + 3_600_000,
            )  # fmt: skip
        yield now + 20_000, Tick()
        yield now + 40_000, Tick()


def feed(
    entries: Sequence[Entry], engine: Engine | None = None, *, restarting: bool = False
) -> tuple[list[Transition], Engine]:
    engine = engine or Engine("j")
    found = []
    for entry in entries:
        if restarting:
            engine = Engine.load(engine.dump())
        found += engine.feed(entry)
    return found, engine


def story(
    packs: dict[str, str], whats: Sequence[tuple[int, What]], world: Registry = WORLD
) -> list[Entry]:
    return worlds.journal(world, packs, whats)


def of(found: Sequence[Transition], rule: str) -> list[tuple[str, str, int]]:
    """(change, severity, minute it was seen)."""
    return [
        (t.change.value, t.severity.name.lower(), (t.seen_ms - T0) // MINUTE)
        for t in found
        if t.rule == rule
    ]


@pytest.mark.parametrize("form", [False, True], ids=["plain", "form"])
@pytest.mark.parametrize("act", ACTS)
def test_whatever_raises_is_set_aside_told_tried_again_and_over(act: str, form: bool) -> None:
    entries = story(pack(act), list(minutes(40)))
    if form:
        entries = worlds.with_forms(entries)
    found, engine = feed(entries)
    (raised, cleared) = of(found, "house-rule-failed")
    assert raised[:2] == ("raised", "major")
    assert 5 <= raised[2] < 8
    # Back between a minute and some after the last failure, proven ten minutes later.
    assert cleared[:2] == ("cleared", "major")
    assert 16 <= cleared[2] <= 26
    assert engine.problems == []
    well, _ = feed(story(pack(act, until=0), list(minutes(40))))
    assert of(found, "do-low") == of(well, "do-low") != []


@pytest.mark.parametrize("act", ACTS)
def test_a_restart_at_any_moment_changes_nothing(act: str) -> None:
    entries = story(pack(act), list(minutes(40)))
    undisturbed, one = feed(entries)
    disturbed, other = feed(entries, restarting=True)
    assert disturbed == undisturbed
    assert one.dump() == other.dump()


def test_the_waits_grow_to_an_hour_on_watched_time() -> None:
    engine = Engine("j")
    feed(story(pack("take", since=0, until=10_000), []), engine)
    failed, before = [], 0
    for n, (at_ms, what) in enumerate(minutes(400)):
        engine.feed(Entry(10 + n, at_ms, what))
        tries = next((f.tries for f in engine._aside.values()), 0)
        if tries != before:
            failed.append((at_ms - T0) // MINUTE)
            before = tries
    assert failed == [0, 2, 5, 10, 19, 36, 69, 130, 191, 252, 313, 374]
    assert (FIRST_WAIT_MS, MOST_WAIT_MS) == (60_000, 3_600_000)


def test_nothing_is_tried_while_the_house_is_blind() -> None:
    blind_ms = T0 + 5 * MINUTE + 50_000
    whats = [*minutes(6), (blind_ms, Sight(False, blind_ms))]
    whats += [(T0 + n * MINUTE, Tick()) for n in range(6, 60)]
    _, engine = feed(story(pack("take"), whats))
    assert [fault.tried_ms for fault in engine._aside.values()] == [None]


@pytest.mark.parametrize(
    ("cls", "severity"), [("fire", "major"), ("flood", "major"), ("upkeep", "minor")]
)
def test_a_failed_rule_of_danger_is_worse_than_one_of_upkeep(cls: str, severity: str) -> None:
    found, _ = feed(story(pack("take", cls=cls), list(minutes(7))))
    assert of(found, "house-rule-failed") == [("raised", severity, 5)]


def test_what_it_said_last_stands_until_a_fresh_state_is_believed() -> None:
    whats = [*minutes(6, ph=9.5), *minutes(30, ph=7.0, begin=6)]
    found, engine = feed(story(pack("take"), whats))
    assert of(found, "tried") == [("raised", "major", 0), ("cleared", "major", 19)]
    assert of(found, "house-rule-failed") == [("raised", "major", 5), ("cleared", "major", 19)]
    cleared = next(t for t in found if (t.rule, t.change) == ("tried", Change.CLEARED))
    assert cleared.facts == {"reason": "tried again"}
    again, _ = feed(story(pack("take"), whats), restarting=True)
    assert again == found
    assert engine.problems == []


def test_a_fresh_state_that_sees_it_still_tells_nothing_new() -> None:
    found, _ = feed(story(pack("take"), list(minutes(40, ph=9.5))))
    assert of(found, "tried") == [("raised", "major", 0)]


def test_an_untrusted_source_clears_nothing_by_making_a_rule_fail() -> None:
    (box,) = WORLD.devices
    foreign = replace(WORLD, devices=(replace(box, format=Format.TASMOTA, address="plug"),))
    whats = [*minutes(6, ph=9.5), *minutes(30, ph=7.0, begin=6)]
    found, _ = feed(story(pack("take"), whats, foreign))
    assert [(t.change, t.is_untrusted) for t in found if t.rule == "tried"] == [
        (Change.RAISED, True),
        (Change.CLEARED, True),
    ]


def test_two_that_fail_at_one_place_are_one_incident_until_both_are_well() -> None:
    first, second = pack("take", cls="upkeep"), pack("take", since=7, until=20, id_="other")
    packs = {**first, "test.toml": first["test.toml"] + second["test.toml"][len(worlds.PACK) :]}
    entries = story(packs, list(minutes(60)))
    found, engine = feed(entries)
    assert [said[:2] for said in of(found, "house-rule-failed")] == [
        ("raised", "minor"),
        ("severity", "major"),
        ("cleared", "major"),
    ]
    assert engine.problems == []
    assert feed(entries, restarting=True)[0] == found


def test_a_revision_tries_at_once_and_ends_it_where_the_place_is_gone() -> None:
    whats = [*minutes(6), (T0 + 5 * MINUTE + 50_000, PacksRevised(pack("take", until=0)))]
    found, engine = feed(story(pack("take", until=10_000), [*whats, *minutes(14, begin=6)]))
    assert of(found, "house-rule-failed") == [("raised", "major", 5), ("cleared", "major", 16)]
    gone = replace(WORLD, devices=(), places=())
    whats[-1] = (whats[-1][0], RegistryRevised(gone))
    found, engine = feed(story(pack("take"), whats))
    assert of(found, "house-rule-failed") == [("raised", "major", 5), ("cleared", "major", 5)]
    assert engine.problems == []


def test_a_state_that_cannot_take_over_at_a_revision_is_set_aside_with_what_it_said() -> None:
    whats = [*minutes(6, ph=9.5), (T0 + 5 * MINUTE + 50_000, RegistryRevised(WORLD))]
    entries = story(pack("load"), [*whats, *minutes(30, begin=6)])
    found, engine = feed(entries)
    assert of(found, "house-rule-failed") == [("raised", "major", 5), ("cleared", "major", 17)]
    assert of(found, "tried") == [("raised", "major", 0), ("cleared", "major", 17)]
    assert engine.problems == []


@pytest.mark.parametrize("act", ACTS)
def test_a_revision_in_the_midst_of_it_ends_nothing_but_the_wait(act: str) -> None:
    whats = [*minutes(7), (T0 + 6 * MINUTE + 50_000, RegistryRevised(WORLD))]
    entries = story(pack(act), [*whats, *minutes(33, begin=7)])
    found, engine = feed(entries)
    assert [said[0] for said in of(found, "house-rule-failed")] == ["raised", "cleared"]
    assert engine.problems == []
    assert feed(entries, restarting=True)[0] == found


def test_a_rule_that_cannot_even_begin_again_waits_on() -> None:
    text = {**pack("begin", since=5, until=10)}
    engine = Engine("j")
    feed(story(text, list(minutes(6))), engine)
    key = ("tried", "place:linjiang/here", worlds.DEVICE)
    engine._set_aside(engine._plan.known()[key], ValueError("now"))
    entries = [Entry(1000 + n, *what) for n, what in enumerate(minutes(30, begin=6))]
    found, _ = feed(entries, engine)
    assert of(found, "house-rule-failed")[-1][0] == "cleared"
    assert engine.problems == []


def test_packs_of_an_older_version_set_aside_without_an_incident() -> None:
    old = {"test.toml": pack("take")["test.toml"]}
    found, engine = feed(story(old, list(minutes(7))))
    assert {t.rule for t in found} == {"do-low"}
    assert "ZeroDivisionError('no take')" in str(engine.problems[0])
    assert "tried again" in str(engine.problems[0])


def test_a_place_may_switch_the_telling_off() -> None:
    off = replace(WORLD, overrides=registry(override={"house-rule-failed": {"on": 0}}).overrides)
    found, engine = feed(story(pack("take"), list(minutes(7)), off))
    assert of(found, "house-rule-failed") == []
    assert engine.problems != []


def test_a_fault_comes_back_from_its_dump() -> None:
    fault = Fault(level=Severity.MAJOR)
    fault.failed(ValueError("x"), 7)
    fault.begin(9)
    assert Fault.load(fault.dump()) == fault
    assert not fault.is_proven(9 + PROVEN_MS)
    fault.ran = 1
    assert fault.is_proven(9 + PROVEN_MS)
    assert Fault.load(["of an older version"]).tries == 0


@pytest.mark.parametrize("language", Language)
def test_the_incident_names_rule_place_error_and_remedy(language: Language) -> None:
    found, engine = feed(story(pack("take"), list(minutes(7))))
    told = next(t for t in found if t.rule == "house-rule-failed")
    assert (str(told.subject), told.place) == ("place:linjiang/here", worlds.PLACE)
    at = datetime.fromtimestamp(told.at_ms / 1000, UTC)
    incident = Incident(
        id=1, rule=told.rule, subject=told.subject, cls=told.cls, severity=told.severity,
        state=IncidentState.OPEN, since=at, opened_at=at, place=told.place, facts=told.facts,
    )  # fmt: skip
    rule = engine.packs.rules[told.rule]
    head = headline(rule, incident, WORLD, language)
    where = WORLD.places[0].names.by(language)
    assert where in head.what
    assert "tried" in head.what
    assert "ZeroDivisionError" in head.why
    assert " 1 " in head.why
    assert fill(rule.say[language].clear, holes(incident, WORLD, language))

"""The engine: order, restart, revision, safety."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.registry.model import Format, PlaceKind, Registry
from alerts.rules.engine import Engine
from alerts.rules.inputs import (
    DeviceSaid,
    Entry,
    PacksRevised,
    RegistryRevised,
    Sight,
    Tick,
    What,
)
from alerts.rules.ladder import Ladder
from alerts.rules.transition import Change, Transition
from alerts.words import Severity
from edge.contract.quality import Quality
from edge.contract.reading import Batch
from edge.contract.status import State, Status
from tests.alerts.rules import worlds
from tests.alerts.rules.worlds import PACKS, T0, batch, journal, registry

MINUTE = 60_000
WORLD = registry(PlaceKind.REACH, "do", "water-level", interval_s=60)


def feed(entries: list[Entry], engine: Engine | None = None) -> list[Transition]:
    engine = engine or Engine("j")
    return [transition for entry in entries for transition in engine.feed(entry)]


def at(minutes: float, what: What) -> tuple[int, What]:
    return T0 + round(minutes * MINUTE), what


def do(minutes: float, *values: float, **where) -> tuple[int, What]:
    """Values a minute apart, arriving with the last."""
    last = minutes + len(values) - 1
    times = [T0 + round((minutes + n) * MINUTE) for n in range(len(values))]
    return at(last, batch(*zip(times, values, strict=True), metric="do", **where))


def told(transitions: list[Transition], rule: str = "do-low") -> list[tuple[str, str, float]]:
    """(change, severity, minute) of one rule."""
    return [
        (t.change.value, t.severity.name.lower(), (t.at_ms - T0) / MINUTE)
        for t in transitions
        if t.rule == rule
    ]


def test_it_rises_through_its_steps_and_clears_when_all_are_clear() -> None:
    whats = [do(n, v) for n, v in enumerate([5, 1, 1, 1, 0.1, 0.1, 1, 3, 3, 3, 3, 3])]
    assert told(feed(journal(WORLD, PACKS, whats))) == [
        ("raised", "major", 3),
        ("severity", "critical", 4),
        ("severity", "major", 6),
        ("cleared", "major", 10),
    ]


def test_a_transition_carries_the_first_breach_the_figures_and_the_place() -> None:
    whats = [do(n, v) for n, v in enumerate([5, 1.5, 1.2, 1.4, 3, 3, 3, 3])]
    raised, cleared = (t for t in feed(journal(WORLD, PACKS, whats)) if t.rule == "do-low")
    assert (raised.value, raised.limit, raised.peak) == (1.2, 2.0, 1.2)
    assert (raised.since_ms, cleared.since_ms) == (T0 + MINUTE, T0 + MINUTE)
    assert (raised.place, raised.device, raised.metric) == ("here", "box", "do")
    assert str(raised.subject) == "place:linjiang/here"
    assert (cleared.value, cleared.limit, cleared.peak) == (3, 2.0, 1.2)


@pytest.mark.parametrize("tick_first", [True, False])
def test_a_wait_that_ends_with_a_reading_tells_the_same_with_or_without_a_tick(
    tick_first: bool,
) -> None:
    whats = [
        do(0, 5),
        do(1, 1.5),
        do(2, 1.2),
        *([(T0 + 3 * MINUTE, Tick())] if tick_first else []),
        do(3, 1.4),
    ]
    raised = next(t for t in feed(journal(WORLD, PACKS, whats)) if t.rule == "do-low")
    assert (raised.at_ms, raised.value, raised.peak) == (T0 + 3 * MINUTE, 1.2, 1.2)


def test_a_wait_stands_still_while_the_house_is_blind() -> None:
    blind_ms, sees_ms = T0 + MINUTE + 1000, T0 + 9 * MINUTE
    ticks = [(blind_ms + n * 10_000, Tick()) for n in range(1, 40)]
    late = (sees_ms + 1000, do(2, 5)[1])  # measured long ago, on its way meanwhile
    whats = [do(0, 5), do(1, 1.5), (blind_ms, Sight(False, blind_ms)), *ticks]
    whats += [(sees_ms, Sight(True, sees_ms)), late, (sees_ms + 2000, Tick())]
    assert not [t for t in feed(journal(WORLD, PACKS, whats)) if t.rule == "do-low"]


def test_nth_counts_the_changes_of_one_entry() -> None:
    whats = [do(0, 5, 0.1, 3, 3, 3, 3, 0.1)]
    changes = feed(journal(WORLD, PACKS, whats))
    assert [(t.change, t.nth) for t in changes] == [
        (Change.RAISED, 0),
        (Change.CLEARED, 1),
        (Change.RAISED, 2),
    ]
    assert len({t.key for t in changes}) == 3


def test_a_batch_of_hundreds_says_what_they_say_one_by_one() -> None:
    values = [5, 1, 1, 1, 0.1, 3, 3, 3, 3, 5] * 30
    together = feed(journal(WORLD, PACKS, [do(0, *values)]))
    apart = feed(journal(WORLD, PACKS, [do(n, v) for n, v in enumerate(values)]))
    assert told(together) == told(apart)
    assert len(told(together)) == 4 * 30


def test_an_entry_fed_twice_changes_nothing() -> None:
    entries = journal(WORLD, PACKS, [do(0, 5, 1, 1, 1, 1)])
    engine = Engine("j")
    assert feed(entries, engine)
    before = engine.dump()
    assert feed(entries, engine) == []
    assert engine.dump() == before
    assert engine.position == len(entries)


def test_late_values_change_nothing() -> None:
    whats = [do(5, 5), do(0, 0.1, 0.1, 0.1, 0.1)]
    assert told(feed(journal(WORLD, PACKS, whats))) == []


@pytest.mark.parametrize("quality", [Quality.FAIL, Quality.MISSING])
def test_withheld_values_are_not_judged(quality: Quality) -> None:
    whats = [do(n, 0.1, quality=quality) for n in range(5)]
    assert told(feed(journal(WORLD, PACKS, whats))) == []


def test_suspect_values_are_judged() -> None:
    assert told(feed(journal(WORLD, PACKS, [do(0, 0.1, quality=Quality.SUSPECT)])))


def test_a_tick_raises_what_has_stood_long_enough() -> None:
    whats = [do(0, 5), do(1, 1), at(2, Tick()), at(2.9, Tick()), at(3, Tick())]
    raised = feed(journal(WORLD, PACKS, whats))
    assert told(raised) == [("raised", "major", 3)]
    assert raised[0].position == 8


def test_a_value_holds_only_until_its_device_is_overdue() -> None:
    pack = {"p": worlds.PACK.replace('for = "2m"', 'for = "4m"')}
    whats = [do(0, 5), do(1, 1), *(at(n, Tick()) for n in range(2, 60))]
    assert told(feed(journal(WORLD, pack, whats))) == []


def test_a_backlog_is_not_rushed_by_the_ticks_between_its_packs() -> None:
    # Two packs of yesterday arrive a tick apart; one bad value at the end of the first does not
    # stand for two minutes, since the next pack denies it.
    day = 1440
    whats = [
        (T0 + day * MINUTE, do(0, 5, 5, 1)[1]),
        (T0 + day * MINUTE + 5_000, Tick()),
        (T0 + day * MINUTE + 6_000, do(3, 5, 5)[1]),
        (T0 + day * MINUTE + 10_000, Tick()),
    ]
    assert told(feed(journal(WORLD, PACKS, whats))) == []


@pytest.mark.parametrize("ahead_min", [-120, 120])
def test_a_device_whose_clock_is_off_waits_as_long_as_any(ahead_min: int) -> None:
    value = do(ahead_min, 1)[1]
    whats = [at(0, value), at(1.9, Tick()), at(2, Tick())]
    raised = [t for t in feed(journal(WORLD, PACKS, whats)) if t.rule == "do-low"]
    assert [(t.position, t.at_ms) for t in raised] == [(6, T0 + (ahead_min + 2) * MINUTE)]


def test_a_step_of_the_servers_clock_calls_nobody_silent() -> None:
    for step_min in (-120, 120, 100_000):
        whats = [do(n, 5) for n in range(5)]
        whats += [at(step_min + 5 + n, Tick()) for n in range(3)]
        whats += [do(step_min + 8 + n, 5) for n in range(3)]
        assert feed(journal(WORLD, PACKS, whats)) == []


def test_a_port_is_its_own_subject() -> None:
    world = registry(PlaceKind.REACH, "do", port="7")
    raised = feed(journal(world, PACKS, [do(0, 0.1, port="7")]))
    assert [str(t.subject) for t in raised] == ["port:linjiang/here/7"]


def test_of_two_devices_at_one_place_the_worse_counts() -> None:
    world = registry(PlaceKind.REACH, "do", devices=("box", "twin"))
    whats = [
        do(0, 0.1),
        do(0, 0.1, device="twin"),
        do(1, 5, 5, 5, 5),  # the first box is well again, its twin is not
        do(1, 5, 5, 5, 5, device="twin"),
    ]
    changes = [t for t in feed(journal(world, PACKS, whats)) if t.rule == "do-low"]
    assert [(t.change, t.device) for t in changes] == [
        (Change.RAISED, "box"),
        (Change.CLEARED, "twin"),
    ]


def test_unregistered_series_are_not_judged() -> None:
    whats = [do(0, 0.1, device="stranger"), do(0, 0.1, place="elsewhere")]
    assert feed(journal(WORLD, PACKS, whats)) == []


def test_a_bad_pack_keeps_the_running_rules() -> None:
    engine = Engine("j")
    whats = [at(0, PacksRevised({"test.toml": worlds.PACK.replace("below", "belwo")})), do(0, 0.1)]
    assert told(feed(journal(WORLD, PACKS, whats), engine))
    assert "unknown key" in str(engine.problems[0])
    assert Engine.load(engine.dump()).problems == engine.problems
    refused = engine.refused
    engine.feed(Entry(99, T0 + MINUTE, RegistryRevised(registry(PlaceKind.REACH, "do", "ph"))))
    assert engine.refused == refused != ()  # a change of the registry does not mend them


def test_a_revision_keeps_the_states_of_what_is_still_there() -> None:
    more = registry(PlaceKind.REACH, "do", "water-level", "ph", interval_s=60)
    whats = [do(0, 5, 1, 1), at(2.5, RegistryRevised(more)), at(2.6, PacksRevised(PACKS)), do(3, 1)]
    assert told(feed(journal(WORLD, PACKS, whats))) == [("raised", "major", 3)]


def test_what_is_no_longer_registered_is_cleared() -> None:
    gone = replace(WORLD, devices=())
    changes = feed(journal(WORLD, PACKS, [do(0, 0.1), at(1, RegistryRevised(gone))]))
    assert told(changes) == [("raised", "critical", 0), ("cleared", "critical", 1)]
    assert changes[1].facts == {"reason": "revised"}


def test_of_two_devices_the_one_that_stays_is_named_when_the_others_danger_ends() -> None:
    two = registry(PlaceKind.REACH, "do", devices=("box", "twin"))
    one = registry(PlaceKind.REACH, "do", devices=("twin",))
    whats = [do(0, 0.1, device="box"), do(0, 5, device="twin"), at(2, Tick())]
    changes = feed(journal(two, PACKS, [*whats, at(3, RegistryRevised(one))]))
    assert [(t.change, t.device) for t in changes] == [
        (Change.RAISED, "box"),
        (Change.CLEARED, "twin"),
    ]


def test_an_override_moves_the_limit_while_the_state_stays() -> None:
    milder = replace(
        WORLD, overrides=registry(override={"do-low": {"below": 1.5, "for": 60}}).overrides
    )
    whats = [
        do(0, 5, 1.8, 1.8, 1.8),
        at(4, RegistryRevised(milder)),
        do(5, 1.8, 2.2, 2.2, 2.2, 2.2),
    ]
    assert told(feed(journal(WORLD, PACKS, whats))) == [
        ("raised", "major", 3),
        ("cleared", "major", 9),
    ]


def test_an_override_that_does_not_fit_leaves_the_default_and_is_named() -> None:
    engine = Engine("j")
    world = replace(WORLD, overrides=registry(override={"do-low": {"clear": 1.0}}).overrides)
    assert told(feed(journal(world, PACKS, [do(0, 1, 1, 1)]), engine))
    assert "clear" in str(engine.problems[0])


@pytest.mark.parametrize("form", [False, True])
def test_a_rule_that_raises_is_set_aside_there_and_nowhere_else(monkeypatch, form) -> None:
    judge = Ladder.judge

    def fragile(ladder, measures, at_ms, last_ms, hold_ms):
        if measures[0] == 1.25:
            raise ZeroDivisionError("no such luck")
        return judge(ladder, measures, at_ms, last_ms, hold_ms)

    monkeypatch.setattr(Ladder, "judge", fragile)
    world = registry(PlaceKind.REACH, "do", devices=("box", "twin"))
    whats = [
        do(0, 0.1),
        do(1, 1.25),
        do(2, 5, 5, 5, 5, 5),
        do(2, 0.1, device="twin"),
        at(8, Tick()),
    ]
    entries = journal(world, PACKS, whats)
    if form:
        entries = worlds.with_forms(entries)
    engine = Engine("j")
    changes = feed(entries, engine)
    assert told(changes) == [("raised", "critical", 0)]
    assert "no such luck" in str(engine.problems[0])
    assert "do-low" in str(engine.problems[0])
    assert Engine.load(engine.dump()).problems == engine.problems


def test_a_snapshot_of_another_version_or_damaged_is_refused() -> None:
    engine = Engine("j")
    feed(journal(WORLD, PACKS, [do(0, 1)]), engine)
    data = engine.dump()
    for bad in (data.replace(b'"version":1', b'"version":7'), data[:-9], b"[]", b"{}"):
        with pytest.raises(ValueError, match=r"snapshot|JSON|unexpected"):
            Engine.load(bad)


def test_after_a_restart_one_devices_all_clear_is_not_the_others() -> None:
    whats = [do(0, 0.1, device="box"), do(1, 0.1, device="twin"), do(2, 5, device="twin")]
    world = registry(PlaceKind.REACH, "do", devices=("box", "twin"))
    *before, last = journal(world, PACKS, whats)
    engine = Engine("j")
    assert told(feed(before, engine)) == [("raised", "critical", 0)]
    assert Engine.load(engine.dump()).feed(last) == []


WHATS = st.one_of(
    st.builds(
        lambda values, lag, metric, device: ("batch", values, lag, metric, device),
        st.lists(st.sampled_from([0.05, 0.1, 1.0, 1.9, 2.2, 3.0, 5.0]), min_size=1, max_size=6),
        st.integers(0, 20),
        st.sampled_from(["do", "water-level"]),
        st.sampled_from(["box", "twin"]),
    ),
    st.sampled_from([("tick",), ("tick",), ("tick",), ("blind",), ("sees",), ("will",)]),
    st.sampled_from([("registry", 0), ("registry", 1), ("packs", 0), ("packs", 1), ("packs", 2)]),
)
REGISTRIES: list[Registry] = [
    registry(PlaceKind.REACH, "do", "water-level", devices=("box", "twin")),
    registry(PlaceKind.REACH, "do", "water-level", override={"do-low": {"below": 1.5}}),
]
PACK_TEXTS = [
    PACKS,
    {"test.toml": worlds.PACK.replace('keep = "3m"', 'keep = "1m"')},
    {"test.toml": "nonsense"},
]


def story(steps: list[tuple]) -> list[Entry]:
    whats: list[tuple[int, What]] = []
    now = T0
    for step in steps:
        now += MINUTE
        what: What = Tick()
        if step[0] == "batch":
            _, values, lag, metric, device = step
            times = [now - (lag + len(values) - n) * 20_000 for n in range(len(values))]
            what = batch(*zip(times, values, strict=True), metric=metric, device=device)
        elif step[0] in ("blind", "sees"):
            what = Sight(step[0] == "sees", now - 5_000)
        elif step[0] == "will":
            what = DeviceSaid(worlds.SITE, worlds.DEVICE, Status(state=State.OFFLINE))
        elif step[0] == "registry":
            what = RegistryRevised(REGISTRIES[step[1]])
        elif step[0] == "packs":
            what = PacksRevised(PACK_TEXTS[step[1]])
        whats.append((now, what))
    return journal(REGISTRIES[0], PACKS, whats)


@settings(max_examples=120, deadline=None)
@given(st.lists(WHATS, max_size=60), st.sets(st.integers(0, 62), max_size=8))
def test_a_restart_at_any_point_changes_nothing(steps: list[tuple], restarts: set[int]) -> None:
    undisturbed, disturbed = Engine("j"), Engine("j")
    for n, entry in enumerate(story(steps)):
        if n in restarts:
            disturbed = Engine.load(disturbed.dump())
        assert disturbed.feed(entry) == undisturbed.feed(entry)
    assert disturbed.dump() == undisturbed.dump()
    assert disturbed.problems == undisturbed.problems


@settings(max_examples=60, deadline=None)
@given(st.lists(WHATS, max_size=60))
def test_packs_of_a_form_are_judged_like_any_others(steps: list[tuple]) -> None:
    plain, formed = Engine("j"), Engine("j")
    for entry, with_form in zip(story(steps), worlds.with_forms(story(steps)), strict=True):
        assert formed.feed(with_form) == plain.feed(entry)
    assert formed.dump() == plain.dump()


def test_a_withheld_value_of_a_form_is_passed_over() -> None:
    whats = [do(n, 0.1, quality=Quality.FAIL) for n in range(5)]
    assert feed(worlds.with_forms(journal(WORLD, PACKS, whats))) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(WHATS, max_size=60))
def test_changes_alternate_and_their_keys_are_unique(steps: list[tuple]) -> None:
    changes = feed(story(steps))
    assert len({t.key for t in changes}) == len(changes)
    level: dict[tuple[str, str], Severity | None] = {}
    for t in changes:
        key = (t.rule, str(t.subject))
        if t.change is Change.RAISED:
            assert level.get(key) is None
        else:
            assert level[key] is not None
        if t.change is Change.SEVERITY:
            assert t.severity is not level[key]
        level[key] = None if t.change is Change.CLEARED else t.severity


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([0.1, 1.0, 2.2, 5.0]), max_size=40),
    st.lists(st.sampled_from([1.0, 1.2, 1.4, 1.6]), max_size=40),
    st.lists(st.booleans(), min_size=80, max_size=80),
)
def test_any_interleaving_that_keeps_each_series_in_order_gives_the_same(
    oxygen: list[float], level: list[float], picks: list[bool]
) -> None:
    first = [do(n, v)[1] for n, v in enumerate(oxygen)]
    second = [batch((T0 + n * MINUTE, v), metric="water-level") for n, v in enumerate(level)]
    mixed: list[What] = []
    left, right = iter(first), iter(second)
    for pick in picks:
        mixed += [what for what in [next(left if pick else right, None)] if what is not None]
    mixed += [*left, *right]

    def sayings(whats: list[What]) -> set[tuple[str, str, int, int]]:
        found = feed(journal(WORLD, PACKS, [(T0, what) for what in whats]))
        return {(t.rule, t.change.value, int(t.severity), t.at_ms) for t in found}

    assert sayings(mixed) == sayings([*first, *second])


TWO = registry(PlaceKind.REACH, "do", interval_s=60, devices=("box", "plug"))
FOREIGN = replace(
    TWO,
    devices=(TWO.devices[0], replace(TWO.devices[1], format=Format.TASMOTA, address="plug")),
)
LOW, CALM = (1, 1, 1, 1), (3, 3, 3, 3, 3)


def forged(said: tuple[int, What]) -> tuple[int, What]:
    at_ms, what = said
    assert isinstance(what, Batch)
    return at_ms, replace(what, untrusted=True)


def doubted(world: Registry, whats: list[tuple[int, What]]) -> list[tuple[str, bool]]:
    """(change, whether anybody could have said it)."""
    said = feed(journal(world, PACKS, whats))
    return [(t.change.value, t.is_untrusted) for t in said if t.rule == "do-low"]


@pytest.mark.parametrize(
    ("why", "world", "whats", "wanted"),
    [
        (
            "our own device is believed",
            FOREIGN,
            [do(0, *LOW), do(4, *CALM)],
            [("raised", False), ("cleared", False)],
        ),
        (
            "a foreign one raises, and its all clear is marked",
            FOREIGN,
            [do(0, *LOW, device="plug"), do(4, *CALM, device="plug")],
            [("raised", True), ("cleared", True)],
        ),
        (
            "also when a tick brings it about",
            FOREIGN,
            [do(0, 1, 1, device="plug"), at(3, Tick()), do(3.5, 3, device="plug"), at(8, Tick())],
            [("raised", True), ("cleared", True)],
        ),
        (
            "where ours saw it as well, it is over when ours says so",
            FOREIGN,
            [
                do(0, *LOW, device="plug"),
                do(1, *LOW),
                do(6, *CALM, device="plug"),
                do(7, *CALM),
            ],
            [("raised", True), ("cleared", False)],
        ),
        (
            "and while only the foreign one still sees it, its last word counts for nothing",
            FOREIGN,
            [
                do(0, *LOW, device="plug"),
                do(1, *LOW),
                do(6, *CALM),
                do(7, *CALM, device="plug"),
            ],
            [("raised", True), ("cleared", True)],
        ),
        (
            "a batch that says so itself is doubted whatever the registry says by now",
            TWO,
            [do(0, *LOW), forged(do(4, *CALM))],
            [("raised", False), ("cleared", True)],
        ),
    ],
)
def test_what_an_untrusted_source_brings_about_says_so(why, world, whats, wanted) -> None:
    assert doubted(world, whats) == wanted, why


def test_a_restart_doubts_the_same_sources() -> None:
    entries = journal(FOREIGN, PACKS, [do(0, *LOW, device="plug"), do(4, *CALM, device="plug")])
    engine = Engine("j")
    before = feed(entries[:-1], engine)
    after = feed(entries[-1:], Engine.load(engine.dump()))
    assert [(t.change, t.is_untrusted) for t in (*before, *after)] == [
        (Change.RAISED, True),
        (Change.CLEARED, True),
    ]

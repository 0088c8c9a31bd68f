"""What holds for every kind alike: restarts, forms, interleaving, bounded memory, alternation."""

from dataclasses import replace

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.registry.model import PlaceKind, Registry
from alerts.rules.engine import Engine
from alerts.rules.inputs import (
    Colour,
    Entry,
    PacksRevised,
    RegistryRevised,
    Sight,
    Tick,
    Warning,
    What,
)
from alerts.rules.kinds import KINDS
from alerts.rules.packs import read_packs
from alerts.rules.transition import Change, Transition
from alerts.words import Severity
from edge.contract.reading import Batch
from tests.alerts.rules import worlds
from tests.alerts.rules.worlds import PLACE, T0, batch, journal

MINUTE = 60_000

_HEAD = """
[[rule]]
id = "{id}"
kind = "{id}"
places = ["shed"]
class = "upkeep"
names = {{ zh = "试", en = "a test" }}
source = {{ text = "a test", mark = "proposal" }}
blind_to = {{ zh = "无", en = "nothing" }}
say.zh = {{ what = "试", why = "试", do = "看", clear = "好" }}
say.en = {{ what = "a test", why = "a test", do = "look", clear = "well" }}
"""
_BODIES = {
    "threshold": 'metric = "power"\nof = "port"\nstale = "counts"\ninrush = 5.0\n'
    'step = [{ severity = "minor", outside = [5.0, 150.0], back = 3.0, for = "2m", keep = "2m", '
    'bands = [{ hours = ["22:15", "06:20"] }] }, { severity = "major", above = 200.0 }]',
    "absence": 'step = [{ severity = "minor" }]',
    "missing": 'metric = "rain"\nsigns = ["power", "do"]\n'
    'step = [{ severity = "minor", above = 4.0, keep = "2m" }]',
    "rise": 'metric = "power"\nof = "port"\nwindow = "20m"\nsettle = "10m"\nusual = "1h"\n'
    'over_usual = 20.0\nstep = [{ severity = "minor", rise = 100.0, keep = "2m" }]',
    "rate": 'metric = "power"\nof = "port"\nover = "4m"\nper = "1m"\n'
    'step = [{ severity = "minor", above = 20.0, clear = 5.0, samples = 2 }]',
    "flat": 'of = "port"\ntolerances = { power = 1.0, relay = 0.5 }\n'
    'step = [{ severity = "minor", above = 0.05 }]',
    "sum": 'metric = "rain"\nstep = [{ severity = "minor", in_1h = 10.0, keep = "5m" }, '
    '{ severity = "major", in_1h = 30.0, in_3h = 40.0 }]',
    "baseline": 'metric = "power"\nof = "port"\nwindow = "5d"\nquantile = 0.8\nlearn = 3.0\n'
    'step = [{ severity = "minor", above = 30.0 }]',
    "k-of-n": 'of = "port"\nwait = "3m"\nwindow = "6m"\n'
    'among = [{ metric = "power", above = 100.0 }, { metric = "relay", below = 0.5 }]\n'
    'step = [{ severity = "minor", above = 1.0, for = "1m", keep = "1m" }]',
    "dry-weather": 'metric = "power"\nof = "port"\nwindow = "20m"\nsettle = "10m"\nfrom = "usual"\n'
    'dry = "10m"\nrain_mm = 5.0\nwait = "3m"\nhabit = "2h"\noften = 1.0\n'
    'causes = { dry = { zh = "没雨", en = "dry" }, unknown = { zh = "不明", en = "unknown" } }\n'
    'step = [{ severity = "minor", rise = 60.0 }]',
    "water-class": 'window = "20m"\ntarget = 3.0\nstep = [{ severity = "minor", above = 1.0 }]',
    "circuit": 'step = [{ severity = "minor", above = 2.5, for = "1m", keep = "2m" }]',
    "balance": 'floor = 50.0\nwait = "3m"\nstep = [{ severity = "minor", above = 40.0, for = "1m" }]',
    "session": 'aspect = "float-rise"\nwindow = "10m"\n'
    'step = [{ severity = "minor", above = 10.0 }]',
    "pattern": 'metric = "power"\nof = "port"\nwindow = "10m"\npercent = 30.0\nleast = 20.0\n'
    'step = [{ severity = "minor", above = 2.0, keep = "1m" }]',
    "combination": 'step = [{ severity = "minor", any = [{ rule = "pattern" }, '
    '{ warning = ["rainstorm"], colour = "yellow" }, { metric = "power", above = 180.0 }], '
    'keep = "1m" }, { severity = "major", all = [{ rule = "rise" }, { rule = "pattern" }] }]',
    "outage": 'silences = ["absence"]\nwindow = "10m"\n'
    'step = [{ severity = "minor", above = 60.0, for = "1m" }]',
    "set-aside": 'step = [{ severity = "minor" }]',
}
STATELESS = {"set-aside"}  # the engine's own word; see test_faults.py
TEXT = "".join(_HEAD.format(id=id_) + body + "\n" for id_, body in _BODIES.items())
PACKS = {"every.toml": TEXT}
SPOTS = [
    (PLACE, "1", "power"),
    (PLACE, "1", "relay"),
    (PLACE, "2", "power"),
    (PLACE, "", "power"),
    (PLACE, "", "rain"),
    ("beside", "", "rain"),
    (PLACE, "", "do"),
]
_VILLAGE = worlds.village(PlaceKind.SHED, SPOTS, interval_s=60)
# Two more boxes, which are never heard, so that several devices can be silent.
WORLD = replace(
    _VILLAGE,
    devices=(
        *_VILLAGE.devices,
        *worlds.registry(PlaceKind.SHED, "co", devices=("mute", "deaf")).devices,
    ),
)
VALUES = {
    "power": [0.0, 3.0, 6.0, 20.0, 28.0, 40.0, 110.0, 110.5, 190.0, 230.0],
    "relay": [0.0, 1.0],
    "rain": [0.0, 0.0, 2.0, 8.0],
    "do": [1.0, 4.0, 9.0],
}


def test_the_pack_has_a_rule_of_every_kind() -> None:
    assert set(_BODIES) == set(KINDS) == set(read_packs(PACKS).rules)


def warning(now_ms: int, colour: Colour, minutes: int, cancelled: bool) -> Warning:
    return Warning(
        id="w", event="rainstorm", colour=colour, sites=(worlds.SITE,), issuer="台", title="预警",
        issued_ms=now_ms, onset_ms=now_ms, expires_ms=now_ms + minutes * MINUTE,
        is_cancelled=cancelled,
    )  # fmt: skip


REGISTRIES: list[Registry] = [
    WORLD,
    replace(WORLD, overrides=worlds.registry(override={"threshold": {"on": 0}}).overrides),
    worlds.village(PlaceKind.SHED, SPOTS[:3], interval_s=60),
]
READING = st.sampled_from(SPOTS).flatmap(
    lambda spot: st.tuples(
        st.just("reading"),
        st.just(spot),
        st.lists(st.sampled_from(VALUES[spot[2]]), min_size=1, max_size=4),
    )
)
STEPS = st.one_of(
    READING,
    READING,
    READING,
    st.tuples(st.just("pass"), st.sampled_from([1, 1, 1, 5, 15, 90])),
    st.tuples(
        st.just("warning"),
        st.sampled_from([Colour.BLUE, Colour.RED]),
        st.sampled_from([3, 30]),
        st.booleans(),
    ),
    st.sampled_from([("sight", False), ("sight", True), ("packs",)]),
    st.tuples(st.just("registry"), st.sampled_from([0, 0, 1, 2])),
)


def story(steps: list[tuple]) -> list[Entry]:
    whats: list[tuple[int, What]] = []
    now = T0
    for step in steps:
        now += 20_000
        if step[0] == "reading":
            (place, port, metric), values = step[1:]
            now += 20_000 * len(values)
            for n, value in enumerate(values):
                at_ms = now - (len(values) - n) * 20_000
                what = batch((at_ms, value), metric=metric, place=place, port=port)
                whats.append((now, what))
        elif step[0] == "pass":
            for _ in range(step[1]):
                now += MINUTE
                whats.append((now, Tick()))
        elif step[0] == "warning":
            whats.append((now, warning(now, *step[1:])))
        elif step[0] == "sight":
            whats.append((now, Sight(step[1], now - 5_000)))
        elif step[0] == "packs":
            whats.append((now, PacksRevised(PACKS)))
        else:
            whats.append((now, RegistryRevised(REGISTRIES[step[1]])))
    return journal(WORLD, PACKS, whats)


def feed(entries: list[Entry]) -> list[Transition]:
    engine = Engine("j")
    found = [transition for entry in entries for transition in engine.feed(entry)]
    assert engine.problems == []  # no rule was set aside
    return found


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, max_size=50), st.sets(st.integers(0, 150), max_size=8))
def test_a_restart_at_any_point_changes_nothing(steps: list[tuple], restarts: set[int]) -> None:
    undisturbed, disturbed = Engine("j"), Engine("j")
    for n, entry in enumerate(story(steps)):
        if n in restarts:
            disturbed = Engine.load(disturbed.dump())
        assert disturbed.feed(entry) == undisturbed.feed(entry)
    assert disturbed.dump() == undisturbed.dump()
    assert disturbed.problems == undisturbed.problems == []


@settings(max_examples=30, deadline=None)
@given(st.lists(STEPS, max_size=50))
def test_packs_of_a_form_are_judged_like_any_others(steps: list[tuple]) -> None:
    plain, formed = Engine("j"), Engine("j")
    for entry, with_form in zip(story(steps), worlds.with_forms(story(steps)), strict=True):
        assert formed.feed(with_form) == plain.feed(entry)
    assert formed.dump() == plain.dump()


@settings(max_examples=30, deadline=None)
@given(st.lists(STEPS, max_size=50))
def test_changes_alternate_and_their_keys_are_unique(steps: list[tuple]) -> None:
    changes = feed(story(steps))
    assert len({t.key for t in changes}) == len(changes)
    level: dict[tuple[str, str], Severity | None] = {}
    for t in changes:
        key = (t.rule, str(t.subject))
        assert (t.change is Change.RAISED) == (level.get(key) is None)
        level[key] = None if t.change is Change.CLEARED else t.severity


def sayings(whats: list[tuple[int, What]], rules: set[str]) -> set[tuple[str, str, str, int, int]]:
    return {
        (t.rule, str(t.subject), t.change.value, int(t.severity), t.at_ms)
        for t in feed(journal(WORLD, PACKS, whats))
        if t.rule in rules
    }


# What order of arrival each kind may be given, so that it says the same.
WAITING = {"k-of-n", "dry-weather", "balance"}  # any within `wait`
SINGLE = {"threshold", "rise", "rate", "baseline", "session", "pattern", "sum"}  # any of its series
ARRIVING = {
    "flat",
    "water-class",
    "circuit",
    "absence",
    "combination",
    "missing",
    "outage",
}  # that of time; no `wait`


def test_each_kind_stands_in_the_table_of_what_order_it_may_be_given() -> None:
    assert set(KINDS) == WAITING | SINGLE | ARRIVING | STATELESS
    waits = {id_ for id_, rule in read_packs(PACKS).rules.items() if getattr(rule, "wait_ms", 0)}
    assert waits == WAITING


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_interleaving_within_wait_gives_the_same(data: st.DataObject) -> None:
    """Each series comes in order, each reading up to three minutes after it was measured."""
    on_time: list[tuple[int, int, What]] = []
    late: list[tuple[int, int, What]] = []
    for nth, (place, port, metric) in enumerate(SPOTS):
        values = data.draw(st.lists(st.sampled_from(VALUES[metric]), max_size=25))
        delays = st.integers(0, 179_000)
        arrived = 0
        for n, value in enumerate(values):
            at_ms = T0 + n * MINUTE + nth * 1000
            what = batch((at_ms, value), metric=metric, place=place, port=port)
            arrived = max(arrived, at_ms + data.draw(delays))
            on_time.append((at_ms, nth, what))
            late.append((arrived, nth, what))
    ticks: list[tuple[int, int, What]] = [
        (T0 + n * 5_000, len(SPOTS), Tick()) for n in range(12 * 45)
    ]

    def told(whats: list[tuple[int, int, What]]) -> set[tuple[str, str, str, int, int]]:
        ordered = sorted([*whats, *ticks], key=lambda what: what[:2])
        return sayings([(at_ms, what) for at_ms, _, what in ordered], WAITING)

    assert told(late) == told(on_time)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_rules_of_one_series_do_not_mind_any_interleaving(data: st.DataObject) -> None:
    columns = []
    for place, port, metric in SPOTS:
        values = data.draw(st.lists(st.sampled_from(VALUES[metric]), max_size=20))
        columns.append(
            [
                batch((T0 + n * MINUTE, value), metric=metric, place=place, port=port)
                for n, value in enumerate(values)
            ]
        )
    picks = data.draw(st.lists(st.integers(0, len(columns) - 1), max_size=120))
    mixed: list[What] = []
    rest = [iter(column) for column in columns]
    for pick in picks:
        mixed += [what for what in [next(rest[pick], None)] if what is not None]
    mixed += [what for column in rest for what in column]
    plain = [what for column in columns for what in column]
    assert sayings([(T0, what) for what in mixed], SINGLE) == sayings(
        [(T0, what) for what in plain], SINGLE
    )


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_how_readings_are_packed_makes_no_difference(data: st.DataObject) -> None:
    """In order of time, one by one or many in a pack: each kind says the same."""
    apart: list[tuple[int, What]] = []
    packed: list[tuple[int, What]] = []
    minutes = data.draw(st.integers(1, 40))
    for n in range(minutes):
        at_ms = T0 + n * MINUTE
        spots = data.draw(st.lists(st.sampled_from(SPOTS), unique=True))
        ones = [
            batch(
                (at_ms, data.draw(st.sampled_from(VALUES[metric]))),
                metric=metric, place=place, port=port,
            )
            for place, port, metric in spots
        ]  # fmt: skip
        apart += [(at_ms, one) for one in ones]
        while ones:
            cut = data.draw(st.integers(1, len(ones)))
            some, ones = ones[:cut], ones[cut:]
            packed.append((at_ms, joined(some)))
        tick = (at_ms + 30_000, Tick())
        apart.append(tick)
        packed.append(tick)
    rules = set(KINDS) - STATELESS
    assert sayings(packed, rules) == sayings(apart, rules)


def joined(batches: list[Batch]) -> Batch:
    """One pack of all these readings, in their order."""
    made = Batch(site=worlds.SITE, device=worlds.DEVICE, run="r", first=0, count=len(batches))
    for one in batches:
        for reading in one.readings():
            made.add(reading)
    return made


def test_the_memory_of_a_state_is_bounded() -> None:
    """Ten weeks of readings each half hour leave no more than the first five."""
    engine = Engine("j")
    for entry in journal(WORLD, PACKS, []):
        engine.feed(entry)
    week = 7 * 48
    sizes: dict[str, list[int]] = {kind: [] for kind in set(KINDS) - STATELESS}
    position = 3
    for n in range(10 * week):
        at_ms = T0 + n * 1_800_000
        for place, port, metric in SPOTS:
            position += 1
            value = VALUES[metric][(n * 7 + n // 5) % len(VALUES[metric])]
            what = batch((at_ms, value), metric=metric, place=place, port=port)
            engine.feed(Entry(position, at_ms, what))
        if n % week == week - 1:
            states = orjson.loads(engine.dump())["states"]
            for kind, found in sizes.items():
                found.append(max(len(orjson.dumps(s[3])) for s in states if s[0] == kind))
    for kind, found in sizes.items():
        assert max(found[5:]) <= 1.3 * max(found[:5]), kind

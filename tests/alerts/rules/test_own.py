"""States of what devices say of themselves: made by a first reading, as if they had always been there."""

import orjson
import pytest

from alerts.registry.model import PlaceKind
from alerts.rules.engine import Engine
from alerts.rules.inputs import PacksRevised, RegistryRevised, Tick
from tests.alerts.rules.test_engine import MINUTE, at, feed
from tests.alerts.rules.worlds import T0, batch, journal, registry, with_forms

_RULE = """
[[rule]]
id = "{id}"
kind = "threshold"
metric = "cpu-temp"
places = ["device"]
class = "upkeep"
names = {{ zh = "过热", en = "too hot" }}
source = {{ text = "a test", mark = "proposal" }}
blind_to = {{ zh = "无", en = "nothing" }}
step = [{{ severity = "minor", above = {above}, clear = 70.0, for = "2m" }}]
say.zh = {{ what = "热", why = "热", do = "看", clear = "好" }}
say.en = {{ what = "hot", why = "hot", do = "look", clear = "well" }}
"""
PACKS = {"own": _RULE.format(id="hot", above=80.0) + _RULE.format(id="warm", above=75.0)}
WORLD = registry(PlaceKind.REACH, "do", devices=("box", "twin"))
HOT = [(0.0, 60.0), (1.0, 85.0), (2.0, 86.0), (3.0, 87.0), (4.0, 60.0)]


def cpu(minute: float, value: float, device: str = "box"):
    when = T0 + round(minute * MINUTE)
    return when, batch((when, value), metric="cpu-temp", place="", device=device)


def states(engine: Engine) -> list[tuple[str, ...]]:
    return [tuple(state[:3]) for state in orjson.loads(engine.dump())["states"]]


def begun(*whats) -> Engine:
    engine = Engine("j")
    feed(journal(WORLD, PACKS, list(whats) or [at(0, Tick())]), engine)
    return engine


def test_a_device_that_says_nothing_of_itself_has_no_states_of_it() -> None:
    assert states(begun()) == []
    assert states(begun(cpu(0, 60.0, "twin"))) == [
        ("hot", "device:linjiang/twin", "twin"),
        ("warm", "device:linjiang/twin", "twin"),
    ]


@pytest.mark.parametrize("form", [False, True])
def test_what_it_says_is_judged_from_the_first_reading_on(form) -> None:
    entries = journal(WORLD, PACKS, [cpu(*each) for each in HOT])
    told = feed(with_forms(entries) if form else entries)
    assert [(t.rule, t.change.value, (t.at_ms - T0) / MINUTE) for t in told] == [
        ("hot", "raised", 3), ("warm", "raised", 3), ("hot", "cleared", 4), ("warm", "cleared", 4),
    ]  # fmt: skip


def test_a_rule_is_told_in_the_packs_order_whichever_state_was_made_first() -> None:
    """A snapshot may hold the second rule's state alone: the first has said nothing yet."""
    whats = [cpu(*each) for each in HOT]
    entries = journal(WORLD, PACKS, whats)
    engine = begun(whats[0])
    snapshot = orjson.loads(engine.dump())
    snapshot["states"] = [s if s[0] == "warm" else [*s[:3], [-1]] for s in snapshot["states"]]
    again = Engine.load(orjson.dumps(snapshot))
    assert [key[0] for key in states(again)] == ["warm"]
    assert [t.rule for t in feed(entries[4:], again)] == ["hot", "warm", "hot", "warm"]


def test_a_snapshot_that_has_every_state_is_read_and_the_fresh_ones_are_not_made() -> None:
    """As earlier versions wrote them."""
    engine = begun(cpu(0, 60.0))
    snapshot = orjson.loads(engine.dump())
    snapshot["states"] += [[rule, "device:linjiang/twin", "twin", [-1]] for rule in ("hot", "warm")]
    assert states(Engine.load(orjson.dumps(snapshot))) == states(engine)


def test_a_revision_keeps_what_a_device_said_and_makes_nothing_new() -> None:
    whats = [cpu(*each) for each in HOT[:3]]
    engine = begun(*whats, at(2, PacksRevised(PACKS)), at(2, RegistryRevised(WORLD)))
    assert len(states(engine)) == 2
    entry = journal(WORLD, PACKS, [*whats, *whats[:2], cpu(3, 87.0)])[-1]
    assert [t.rule for t in feed([entry], engine)] == ["hot", "warm"]


def test_one_that_was_set_aside_is_not_made_again_until_a_revision(monkeypatch) -> None:
    from alerts.rules.limit import LimitState

    take = LimitState.take

    def fragile(state, value, at_ms, watched_ms):
        if value == 61.0 and state.rule.id == "hot":
            raise ZeroDivisionError("no such luck")
        return take(state, value, at_ms, watched_ms)

    monkeypatch.setattr(LimitState, "take", fragile)
    engine = begun(cpu(0, 61.0), cpu(1, 62.0))
    assert [key[0] for key in states(engine)] == ["warm"]
    again = Engine.load(engine.dump())
    for one in (engine, again):
        entry = journal(WORLD, PACKS, [cpu(0, 61.0), cpu(1, 62.0), cpu(2, 63.0)])[-1]
        feed([entry], one)
        assert [key[0] for key in states(one)] == ["warm"]
        assert len(one.problems) == 1

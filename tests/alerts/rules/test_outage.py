"""A guess from several silences: who counts, what is together, when it is over."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from alerts.packs import shipped
from alerts.registry.model import Binding, Device, Names, PlaceKind, Registry
from alerts.rules.engine import Engine
from alerts.rules.inputs import Sight, Tick, What
from alerts.rules.transition import Change, Transition
from tests.alerts.rules import worlds
from tests.alerts.rules.worlds import SITE, T0, batch, journal

MINUTE = 60_000
PACKS = dict(shipped())


def box(name: str, shed: str = "a", interval_s: float = 60, **more: Any) -> Device:
    metrics = more.pop("metrics", ("smoke",))
    bound = Binding(place=shed, metrics=metrics, interval_s=interval_s)
    return Device(id=name, site=SITE, names=Names(zh=name), bindings=(bound,), **more)


def village(*devices: Device) -> Registry:
    plain = worlds.registry(PlaceKind.SHED)
    sheds = sorted({device.bindings[0].place for device in devices})
    places = tuple(replace(plain.places[0], id=shed, ports=()) for shed in sheds)
    return replace(plain, places=places, devices=devices)


Silences = Mapping[str, Sequence[tuple[int, int]]]
"""By device, the minutes (from, until) in which it says nothing."""


def whats(registry: Registry, silent: Silences, minutes: int) -> list[tuple[int, What]]:
    found: list[tuple[int, What]] = []
    for n in range(minutes):
        at_ms = T0 + n * MINUTE
        for device in registry.devices:
            bound = device.bindings[0]
            is_time = n % (bound.interval_s / 60) == 0
            if is_time and not any(a <= n < b for a, b in silent.get(device.id, ())):
                value, metric = (at_ms, 0.0), bound.metrics[0]
                found.append(
                    (at_ms, batch(value, metric=metric, place=bound.place, device=device.id))
                )
        found += [(at_ms + s * 1000, Tick()) for s in (1, 30)]
    return found


def guesses(
    registry: Registry, silent: Silences, minutes: int = 120, *, restart_at: int = -1
) -> list[Transition]:
    engine = Engine("j")
    found: list[Transition] = []
    for n, entry in enumerate(journal(registry, PACKS, whats(registry, silent, minutes))):
        if n == restart_at:
            engine = Engine.load(engine.dump())
        found += engine.feed(entry)
    assert engine.problems == []
    return [transition for transition in found if transition.rule == "eb-outage"]


def told(found: Sequence[Transition]) -> list[tuple[str, str, int]]:
    """(place, change, minute)."""
    return [(t.place, t.change.value, (t.at_ms - T0) // MINUTE) for t in found]


THREE = village(box("x"), box("y"), box("z"))
CUT = [(20, 60)]


@pytest.mark.parametrize("restart_at", [-1, 100, 200])
def test_a_shed_whose_devices_fall_silent_together_rings_until_most_are_back(
    restart_at: int,
) -> None:
    silent = {"x": [(20, 60)], "y": [(21, 61)], "z": [(20, 70)]}
    found = guesses(THREE, silent, restart_at=restart_at)
    assert told(found) == [("a", "raised", 29), ("a", "cleared", 61)]
    raised, cleared = found
    assert raised.since_ms == T0 + 19 * MINUTE  # the last word of the first
    assert (raised.facts["silent"], raised.facts["all"]) == (3, 3)
    assert (cleared.facts["silent"], cleared.facts["back"], cleared.facts["all"]) == (1, 2, 3)


def silences(*names: str) -> Silences:
    return dict.fromkeys(names, CUT)


@pytest.mark.parametrize(
    ("registry", "silent", "why"),
    [
        (THREE, silences("x"), "one alone"),
        (THREE, {"x": CUT, "y": [(45, 80)]}, "not together"),
        (THREE, {each: [(20, 26)] for each in "xyz"}, "six minutes"),
        (village(*map(box, "xyzuv")), silences("x", "y", "z"), "three of five"),
        (village(box("x"), box("y", gateway="x")), silences("x", "y"), "a dead gateway"),
        (village(box("x"), box("y", metrics=("mains",))), silences("x", "y"), "it has a battery"),
        (village(box("x"), box("y", metrics=("smoke", "battery"))), silences("x", "y"), "as well"),
        (village(box("x"), *(box(each, "b") for each in "yzu")), silences("x"), "the next shed is on"),
    ],
)  # fmt: skip
def test_what_is_no_outage_stays_quiet(registry: Registry, silent: Silences, why: str) -> None:
    assert guesses(registry, silent) == [], why


def test_a_box_that_was_dead_before_takes_no_part() -> None:
    silent: Silences = {"x": [(1, 120)], "y": [(50, 90)], "z": [(50, 90)]}
    raised = guesses(THREE, silent)[0]
    assert (raised.facts["silent"], raised.facts["all"]) == (2, 2)


def test_sheds_with_one_device_each_are_judged_by_one_another() -> None:
    three = village(box("x", "a"), box("y", "b"), box("z", "c"))
    found = guesses(three, silences("x", "y"))
    assert {t.place for t in found if t.change is Change.RAISED} == {"a", "b"}  # c goes on
    assert {t.facts["scope_zh"] for t in found} == {"全社区"}
    assert {(t.place, t.change.value) for t in found} >= {("a", "cleared"), ("b", "cleared")}


def test_devices_that_speak_at_different_paces_count_as_one_cut() -> None:
    two = village(box("x"), box("y", interval_s=300))
    (raised, *_) = guesses(two, silences("x", "y"))
    assert (raised.at_ms - T0) // MINUTE == 35  # the slow one is overdue after fifteen minutes


def test_a_site_of_more_devices_than_one_line_feeds_is_not_guessed_at() -> None:
    many = village(*(box(f"x{n}", f"s{n}") for n in range(51)))
    assert guesses(many, silences(*(f"x{n}" for n in range(51))), 50) == []


def test_what_the_house_cannot_see_is_no_outage() -> None:
    entries = whats(THREE, silences("x", "y", "z"), 70)
    blind: list[tuple[int, What]] = [
        (T0 + 19 * MINUTE + 2_000, Sight(False, T0 + 19 * MINUTE)),
        (T0 + 60 * MINUTE - 1_000, Sight(True, T0 + 60 * MINUTE - 1_000)),
    ]
    engine = Engine("j")
    ordered = sorted([*entries, *blind], key=lambda what: what[0])
    found = [t for entry in journal(THREE, PACKS, ordered) for t in engine.feed(entry)]
    assert [t for t in found if t.rule in ("eb-outage", "eb-offline")] == []

"""Contacts: told at once when they change, once for a bounce, and again at every heartbeat."""

import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.compare import Edge, Limit
from edge.contract.quality import Quality
from edge.guard.rule import Kind, Rule
from edge.guard.watching import Watching
from edge.sensors.contact import Change, Contact, ContactSensor, Debounce
from edge.sensors.kinds import KINDS
from edge.sensors.pins import Wiring
from edge.sensors.port import Sample, Series
from edge.table import Table

SMOKE = Series("shed-1", "", "smoke")


def contact(**more) -> Contact:
    keys = {
        "series": SMOKE, "wiring": Wiring(pin=17), "is_normally_closed": False,
        "heartbeat_s": 3600.0, **more,
    }  # fmt: skip
    return Contact(**keys)


@pytest.mark.parametrize(
    ("what", "edges", "changes"),
    [
        ("a clean change", [(1.0, True)], [Change(1.0, True)]),
        ("a bounce is one change, from its last edge",
         [(1.0, True), (1.01, False), (1.02, True)], [Change(1.02, True)]),
        ("a glitch is none", [(1.0, True), (1.01, False)], []),
        ("two changes between two looks are both told",
         [(1.0, True), (2.0, False)], [Change(1.0, True), Change(2.0, False)]),
    ],
)  # fmt: skip
def test_a_level_holds_when_it_has_been_still(what: str, edges, changes) -> None:
    line = Debounce(0.05)
    assert line.look(0.0, False) is None
    assert line.look(0.1, False) == Change(0.0, False)
    found = [line.edge(at_s, is_closed) for at_s, is_closed in edges]
    found.append(line.look(9.0, edges[-1][1]))
    assert [change for change in found if change] == changes, what
    assert line.restless_s(9.0) == 0


def test_an_edge_that_nobody_told_is_seen_at_the_next_look() -> None:
    line = Debounce(0.05)
    line.look(0.0, False)
    line.look(0.1, False)
    assert line.look(5.0, True) is None
    assert line.look(5.06, True) == Change(5.0, True)


@given(st.lists(st.tuples(st.floats(0.001, 1.0), st.booleans()), min_size=1))
def test_changes_alternate_and_lie_at_least_the_debounce_apart(steps) -> None:
    line, at_s, changes = Debounce(0.05), 0.0, []
    for wait_s, is_closed in steps:
        at_s += wait_s
        changes.append(line.edge(at_s, is_closed))
    changes.append(line.look(at_s + 1, steps[-1][1]))
    told = [change for change in changes if change]
    assert told[-1].is_closed is steps[-1][1]
    for before, after in pairwise(told):
        assert before.is_closed is not after.is_closed
        assert after.at_s - before.at_s >= 0.05 - 1e-9


def look_until_told(sensor: ContactSensor, most_s: float = 20.0) -> tuple[Sample, ...]:
    until = time.monotonic() + most_s
    while time.monotonic() < until:
        step = sensor.step("", round(time.time() * 1000))
        assert step.wake_ms is not None
        if step.samples:
            return step.samples
        time.sleep(0.01)
    pytest.fail("nothing was told")


@pytest.mark.parametrize(
    ("wiring", "is_normally_closed", "low", "high"),
    [
        (Wiring(pin=17), False, 1, 0),
        (Wiring(pin=17), True, 0, 1),
        (Wiring(pin=17, is_to_ground=False), False, 0, 1),
        (Wiring(pin=17, has_pull=False), False, 1, 0),
        (Wiring(pin="GPIO17", is_to_ground=False, has_pull=False), True, 1, 0),
    ],
)
def test_what_the_wire_says_is_told_when_it_changes(
    pins, wiring, is_normally_closed, low, high
) -> None:
    sensor = ContactSensor("smoke-1", contact(wiring=wiring, is_normally_closed=is_normally_closed))
    pin = pins.pin(17)
    pull = {True: "up", False: "down"}[wiring.is_to_ground]
    (first,) = look_until_told(sensor)
    assert pin.pull == (pull if wiring.has_pull else "floating")
    assert first.value == (high if pin.state else low)
    pin.drive_low() if pin.state else pin.drive_high()
    (second,) = look_until_told(sensor)
    assert second.value == 1 - (first.value or 0)
    assert second[:3] == SMOKE
    assert second.at_ms > first.at_ms


def test_a_bounce_is_told_once_with_the_time_of_its_edge(pins) -> None:
    sensor = ContactSensor("smoke-1", contact(debounce_s=0.5))
    look_until_told(sensor)
    pin = pins.pin(17)
    before_ms = round(time.time() * 1000)
    for _ in range(5):
        pin.drive_low()
        pin.drive_high()
    pin.drive_low()
    after_ms = round(time.time() * 1000)
    (sample,) = look_until_told(sensor)
    assert sample.value == 1
    assert before_ms - 5 <= sample.at_ms <= after_ms + 5
    assert sensor.step("", round(time.time() * 1000)).samples == ()


def test_a_heartbeat_says_again_what_holds(pins) -> None:
    sensor = ContactSensor("door-1", contact(heartbeat_s=60.0))
    look_until_told(sensor)
    now_ms = round(time.time() * 1000)
    now_ms += 60_000 - now_ms % 60_000  # the next full minute
    (beat,) = sensor.step("", now_ms).samples
    assert (beat.value, beat.at_ms) == (0, now_ms)
    assert sensor.step("", now_ms + 59_999).samples == ()
    assert len(sensor.step("", now_ms + 60_000).samples) == 1


def test_a_guard_raises_when_a_heartbeat_fell_within_the_debounce_of_the_edge(pins) -> None:
    above = Limit(above=0.5)
    rule = Rule(name="g", kind=Kind.CONTACT, series=SMOKE, limit=above, hold_ms=180_000)
    guard = Watching(rule, 0)
    sensor = contact(heartbeat_s=60.0, debounce_s=1.0).build("smoke", 0)
    pins.pin(17)
    began_s = time.monotonic()

    def now_ms() -> int:
        return round((time.monotonic() - began_s) * 1000)

    sensor.step("", now_ms())
    while not sensor.step("", now_ms()).samples:  # what it starts with
        time.sleep(0.01)
    pins.pin(17).drive_low()
    time.sleep(0.1)
    (beat,) = sensor.step("", 60_000 + now_ms()).samples
    time.sleep(1.1)
    (change,) = sensor.step("", 60_000 + now_ms()).samples
    assert (beat.value, change.value) == (0, 1)
    assert change.at_ms < beat.at_ms  # its edge lies before the heartbeat
    assert guard.take(beat, beat.at_ms) is None
    assert guard.take(change, change.at_ms) is Edge.RAISED


def test_a_contact_that_is_never_still_is_a_fault(pins, monkeypatch) -> None:
    sensor = ContactSensor("smoke-1", contact(debounce_s=5.0))
    monkeypatch.setattr("edge.sensors.contact.RESTLESS_S", 0.05)
    pin = pins.pin(17)
    sensor.step("", round(time.time() * 1000))
    time.sleep(0.06)
    pin.drive_low()
    (sample,) = sensor.step("", round(time.time() * 1000)).samples
    assert (sample.value, sample.quality) == (None, Quality.FAIL)
    assert "never still" in sample.reason
    assert sensor.step("", round(time.time() * 1000)).samples == ()


def test_a_pin_that_cannot_be_opened_is_missing_at_every_heartbeat(pins) -> None:
    sensor = ContactSensor("smoke-1", contact(wiring=Wiring(pin="NOPIN"), heartbeat_s=60.0))
    hour = 1_799_960_400_000
    steps = [sensor.step("", hour + ms) for ms in (0, 50, 100, 30_000, 60_000, 60_050)]
    assert [len(step.samples) for step in steps] == [1, 0, 0, 0, 1, 0]
    for step in (steps[0], steps[4]):
        (sample,) = step.samples
        assert (sample.value, sample.quality) == (None, Quality.MISSING)
        assert "NOPIN" in sample.reason


def test_one_pin_serves_one_sensor_only(pins) -> None:
    first, second = ContactSensor("a", contact()), ContactSensor("b", contact())
    look_until_told(first)
    (sample,) = second.step("", round(time.time() * 1000)).samples
    assert sample.value is None
    assert "GPIO17" in sample.reason


def read(**keys) -> tuple[object, list[str]]:
    problems: list[str] = []
    raw = {"place": "shed-1", "metric": "smoke", "pin": 17, "normally": "open", **keys}
    table = Table({key: value for key, value in raw.items() if value is not None}, "", problems)
    plan = KINDS["contact"](table, Path())
    table.done()
    return plan, problems


def test_its_keys() -> None:
    assert read(heartbeat_s=3600) == (contact(), [])
    wrong: list[tuple[dict[str, object], str]] = [
        ({"metric": "power"}, "smoke"),
        ({"normally": None}, "open, closed"),
        ({"pin": None}, "BCM"),
        ({"heartbeat_s": 0}, "at least 1"),
        ({"bounce": 3}, "unknown key"),
    ]
    for keys, word in wrong:
        _, problems = read(**keys)
        assert len(problems) == 1, (keys, problems)
        assert word in problems[0]

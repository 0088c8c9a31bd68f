"""Outputs over a switch that remembers: pulses, holding, sounding, and what does not obey."""

import time

import pytest

from edge.errors import OutputError
from edge.outputs.actuator import Actuator
from edge.outputs.plan import OutputPlan, Wiring
from tests.edge.device import wait_until


class Remembering:
    """A switch with a memory; ``is_broken`` refuses, ``takes_s`` is how slow its line is."""

    def __init__(self, *, is_quick: bool = True, takes_s: float = 0.0) -> None:
        self.is_quick = is_quick
        self.takes_s = takes_s
        self.is_broken = False
        self.levels: list[tuple[float, bool]] = []

    def set(self, is_closed: bool) -> None:
        time.sleep(self.takes_s)
        if self.is_broken:
            raise OutputError("the wire is off")
        self.levels.append((time.monotonic(), is_closed))

    def close(self) -> None:
        pass

    @property
    def states(self) -> list[bool]:
        return [is_closed for _, is_closed in self.levels]


@pytest.fixture
def output():
    running: list[Actuator] = []

    def start(switch: Remembering, wiring: Wiring, pulse_s: float = 0.1, **more) -> Actuator:
        plan = OutputPlan(name="main", wiring=wiring, open=lambda: switch, pulse_s=pulse_s)
        actuator = Actuator(plan, **more)
        running.append(actuator)
        actuator.start()
        return actuator

    yield start
    for each in running:
        each.stop()


@pytest.mark.parametrize("is_quick", [True, False])
def test_a_trip_is_a_pulse_and_rests_before_and_after(output, is_quick) -> None:
    switch = Remembering(is_quick=is_quick)
    trip = output(switch, Wiring.TRIP)
    wait_until(lambda: switch.states == [False], "at rest at the start")
    trip.cut()
    wait_until(lambda: switch.states == [False, True, False], "a pulse")
    lasted_s = switch.levels[2][0] - switch.levels[1][0]
    assert 0.09 <= lasted_s < 1


def test_a_quick_switch_is_driven_in_the_callers_thread(output) -> None:
    switch = Remembering()
    trip = output(switch, Wiring.TRIP)
    begin_s = time.monotonic()
    trip.cut()
    assert switch.states[-1] is True
    assert time.monotonic() - begin_s < 0.05


def test_a_slow_line_holds_up_nobody(output) -> None:
    switch = Remembering(is_quick=False, takes_s=0.5)
    hold = output(switch, Wiring.HOLD)
    begin_s = time.monotonic()
    hold.hold()
    hold.cut()
    assert time.monotonic() - begin_s < 0.2
    wait_until(lambda: switch.states and hold.is_closed is False, "off")
    assert switch.states[-1] is False


def test_what_is_held_is_open_at_start_and_stop(output) -> None:
    switch = Remembering()
    hold = output(switch, Wiring.HOLD)
    assert switch.states == [False]
    hold.hold()
    assert hold.is_closed is True
    hold.stop()
    assert switch.states[-1] is False


def test_a_pulse_is_over_when_the_agent_stops_within_it(output) -> None:
    switch = Remembering()
    trip = output(switch, Wiring.TRIP, pulse_s=5.0)
    trip.cut()
    trip.stop()
    assert switch.states[-1] is False


@pytest.mark.parametrize("is_quick", [True, False])
def test_an_order_that_fails_is_tried_until_it_is_obeyed(output, is_quick) -> None:
    switch = Remembering(is_quick=is_quick)
    trip = output(switch, Wiring.TRIP)
    wait_until(lambda: trip.is_closed is False, "at rest")
    switch.is_broken = True
    trip.cut()
    wait_until(lambda: trip.fault == "the wire is off", "the fault is told")
    assert trip.is_closed is None
    switch.is_broken = False
    wait_until(lambda: switch.states[-2:] == [True, False], "the pulse, late")
    assert trip.fault == ""


def test_a_buzzer_sounds_while_anybody_wants_it(output) -> None:
    switch = Remembering()
    buzzer = output(switch, Wiring.BUZZER)
    buzzer.sound(True, "guard")
    buzzer.sound(True, "voice")
    buzzer.sound(False, "voice")
    assert switch.states[-1] is True
    buzzer.sound(False, "guard")
    assert switch.states[-1] is False


def test_only_what_is_held_can_be_closed_by_hand(output) -> None:
    for wiring in (Wiring.TRIP, Wiring.BUZZER):
        with pytest.raises(ValueError, match="not held"):
            output(Remembering(), wiring).hold()


def test_a_module_that_died_at_rest_is_found_out(output) -> None:
    switch = Remembering(is_quick=False)
    trip = output(switch, Wiring.TRIP, check_s=0.1)
    wait_until(lambda: len(switch.states) > 2, "asked again and again")
    switch.is_broken = True
    wait_until(lambda: trip.fault, "its fault is told")
    assert True not in switch.states
    switch.is_broken = False
    wait_until(lambda: not trip.fault, "and its end")


def test_what_is_held_is_not_closed_anew_by_a_check(output) -> None:
    switch = Remembering(is_quick=False)
    hold = output(switch, Wiring.HOLD, check_s=0.05)
    hold.hold()
    wait_until(lambda: hold.is_closed, "held")
    time.sleep(0.3)  # six checks
    assert switch.states.count(True) == 1

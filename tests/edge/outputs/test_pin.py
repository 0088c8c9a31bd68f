"""A relay at a pin, on gpiozero's mock pins."""

import pytest

from edge.errors import OutputError
from edge.outputs.pin import PinSwitch


@pytest.fixture
def pins():
    gpiozero = pytest.importorskip("gpiozero")
    from gpiozero.pins.mock import MockFactory

    before = gpiozero.Device.pin_factory
    factory = gpiozero.Device.pin_factory = MockFactory()
    yield factory
    factory.reset()
    factory.close()
    gpiozero.Device.pin_factory = before


@pytest.mark.parametrize("is_high", [True, False])
def test_closed_is_the_level_that_the_board_closes_at(pins, is_high) -> None:
    pin = pins.pin(22)
    switch = PinSwitch(22, is_high)
    switch.set(False)
    assert pin.function == "output"
    assert bool(pin.state) is not is_high
    switch.set(True)
    assert bool(pin.state) is is_high
    assert [bool(each.state) for each in pin.states].count(is_high) <= 2  # no flicker at opening
    switch.close()


def test_a_pin_that_is_not_there_is_said(pins) -> None:
    with pytest.raises(OutputError, match="pin 99 cannot be driven"):
        PinSwitch(99).set(True)


def test_a_pin_that_another_holds_is_tried_again_later(pins) -> None:
    first, second = PinSwitch(22), PinSwitch(22)
    first.set(False)
    with pytest.raises(OutputError, match="in use"):
        second.set(False)
    first.close()
    second.set(True)
    assert pins.pin(22).state
    second.close()

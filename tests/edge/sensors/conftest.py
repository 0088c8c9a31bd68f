"""What the tests of sensors share."""

import pytest


@pytest.fixture
def pins():
    """gpiozero's mock pins; a pin of them is driven as the wire would."""
    gpiozero = pytest.importorskip("gpiozero")
    mock = pytest.importorskip("gpiozero.pins.mock")
    before = gpiozero.Device.pin_factory
    factory = gpiozero.Device.pin_factory = mock.MockFactory()
    yield factory
    factory.reset()
    factory.close()
    gpiozero.Device.pin_factory = before

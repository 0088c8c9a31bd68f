"""One GPIO line as a contact, by gpiozero: open or closed, and each edge with its time.

gpiozero's own debouncing is not used: its back ends mean different things by it (some drop edges
after the first, some wait until the line is still), so the sensors debounce by the edges' times.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from edge.errors import SensorError
from edge.table import Table

# The 40-pin header of a Raspberry Pi: place on the board -> BCM number (own knowledge).
BOARD = {
    3: 2, 5: 3, 7: 4, 8: 14, 10: 15, 11: 17, 12: 18, 13: 27, 15: 22, 16: 23, 18: 24, 19: 10, 21: 9,
    22: 25, 23: 11, 24: 8, 26: 7, 27: 0, 28: 1, 29: 5, 31: 6, 32: 12, 33: 13, 35: 19, 36: 16,
    37: 26, 38: 20, 40: 21,
}  # fmt: skip
MOST_LATE_S = 5.0  # an edge is told within this; an older one has the time of another clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """Which pin, and how the contact sits on it. ``pin`` is a BCM number or a name of gpiozero."""

    pin: int | str
    is_to_ground: bool = True
    has_pull: bool = True

    @property
    def name(self) -> str:
        """The pin in one spelling: 17, "17", "GPIO17" and "BCM17" are one."""
        text = str(self.pin).upper()
        number = text.removeprefix("GPIO").removeprefix("BCM")
        if text.startswith("BOARD") and text.removeprefix("BOARD").isdigit():
            number = str(BOARD.get(int(text.removeprefix("BOARD")), text))
        return f"GPIO{number}" if number.isdigit() else text


class Line:
    """The open line. ``on_edge(at_s, is_closed)`` is called in a thread of the driver."""

    def __init__(self, wiring: Wiring, on_edge: Callable[[float, bool], None]) -> None:
        try:
            from gpiozero import InputDevice
        except ImportError as error:
            raise SensorError(
                f"the driver gpiozero is not there ({error}); pip install 'shouwang[gpio]'"
            ) from error
        closed_is_high = not wiring.is_to_ground
        pull = {"pull_up": wiring.is_to_ground} if wiring.has_pull else {"pull_up": None}
        active = {} if wiring.has_pull else {"active_state": closed_is_high}
        try:
            self._device = InputDevice(wiring.pin, **pull, **active)
        except Exception as error:  # each back end has its own errors
            raise SensorError(f"pin {wiring.pin} cannot be opened: {error!r}") from error
        self._closed_is_high = closed_is_high
        self._on_edge = on_edge
        try:
            self._device.pin.edges = "both"
            self._device.pin.when_changed = self._changed
        except Exception as error:
            self.close()
            raise SensorError(f"pin {wiring.pin} gives no edges: {error!r}") from error

    @property
    def is_closed(self) -> bool:
        """Read from the pin now; SensorError when it cannot be."""
        try:
            return bool(self._device.value)
        except Exception as error:
            raise SensorError(f"the pin cannot be read: {error!r}") from error

    def close(self) -> None:
        self._device.close()

    def _changed(self, ticks: float, state: int) -> None:
        factory = self._device.pin_factory
        now_s = time.monotonic()
        age_s = float(factory.ticks_diff(factory.ticks(), ticks)) if factory else 0.0
        at_s = now_s - age_s if 0 <= age_s <= MOST_LATE_S else now_s
        self._on_edge(at_s, bool(state) == self._closed_is_high)


def read_wiring(table: Table) -> Wiring:
    """The keys ``pin``, ``contact_to`` and ``pull``."""
    pin = table.raw("pin")
    if isinstance(pin, bool) or not (
        (isinstance(pin, int) and 0 <= pin <= 27) or (isinstance(pin, str) and pin)
    ):
        table.complain("pin", f'write a BCM number, 0 to 27, or a name such as "BOARD11": {pin!r}')
        pin = 0
    return Wiring(
        pin=pin if isinstance(pin, int) else str(pin),
        is_to_ground=table.one_of("contact_to", ("ground", "supply"), "ground") == "ground",
        has_pull=table.flag("pull", True),
    )

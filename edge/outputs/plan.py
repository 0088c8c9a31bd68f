"""An output as the file describes it, and the port that drives it.

``trip`` is a pulse to a breaker's shunt trip (分励脱扣): a box without power changes nothing, and the
lever brings the power back. ``hold`` is a contact that is kept closed while all is well: a box
without power switches off, and a hand at the box closes it. ``buzzer`` sounds while it is closed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from edge.sensors.port import Series


class Wiring(StrEnum):
    TRIP = "trip"
    HOLD = "hold"
    BUZZER = "buzzer"


class Switch(Protocol):
    """One contact. ``is_quick``: ``set`` takes less than a millisecond."""

    is_quick: bool

    def set(self, is_closed: bool) -> None:
        """OutputError when it is not certain that it is so now."""
        ...

    def close(self) -> None:
        """Let go of pin or line."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A series of this box that shows whether there is power: there is when it lies above."""

    series: Series
    above: float
    hold_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputPlan:
    """``place`` and ``port`` say what it feeds; a buzzer has none."""

    name: str
    wiring: Wiring
    open: Callable[[], Switch] = field(repr=False)
    where: str = ""
    """Its pin or coil, in words."""
    place: str = ""
    port: str = ""
    pulse_s: float = 0.5
    proof: Proof | None = None

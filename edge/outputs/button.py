"""The button at the box. A short press takes over what is announced; a long one gives power back.

A press counts when it ends, so a wire that is short, or a thing that leans on it, does nothing.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from edge.errors import SensorError
from edge.sensors.contact import Debounce
from edge.sensors.pins import Line, Wiring, read_wiring
from edge.table import Table

LOOK_S = 0.05  # real
LONGEST_S = 20.0  # a hand lets go sooner
RETRY_S = 30.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ButtonPlan:
    """``long_s`` (real) is what nobody presses in passing."""

    wiring: Wiring
    debounce_s: float = 0.05
    long_s: float = 3.0


class Button(threading.Thread):
    """``pressed(is_long)`` is called in this thread."""

    def __init__(
        self, plan: ButtonPlan, pressed: Callable[[bool], None], stopping: threading.Event
    ) -> None:
        super().__init__(name="button", daemon=True)
        self._plan = plan
        self._pressed = pressed
        self._stopping = stopping
        self._line: Line | None = None
        self._lock = threading.Lock()
        self._debounce = Debounce(plan.debounce_s)
        self._presses: list[float] = []
        self._down_s: float | None = None

    def run(self) -> None:
        told = ""
        while not self._stopping.is_set():
            try:
                self._look()
                told = ""
            except SensorError as error:
                self._close()
                if str(error) != told:
                    told = str(error)
                    _log.error("button: %s; it is tried again", told)
                self._stopping.wait(RETRY_S)
            self._stopping.wait(LOOK_S)
        self._close()

    def _look(self) -> None:
        line = self._line
        if line is None:
            self._debounce, self._down_s = Debounce(self._plan.debounce_s), None
            line = self._line = Line(self._plan.wiring, self._edge)
        is_closed = line.is_closed
        with self._lock:
            self._note(self._debounce.look(time.monotonic(), is_closed))
            presses, self._presses = self._presses, []
        for held_s in presses:
            if (is_long := is_long_press(held_s, self._plan.long_s)) is not None:
                self._pressed(is_long)

    def _edge(self, at_s: float, is_closed: bool) -> None:
        with self._lock:  # the driver's thread
            self._note(self._debounce.edge(at_s, is_closed))

    def _note(self, change: tuple[float, bool] | None) -> None:
        if change is None:
            return
        at_s, is_closed = change
        if is_closed:
            self._down_s = at_s
        elif self._down_s is not None:
            self._presses.append(at_s - self._down_s)
            self._down_s = None

    def _close(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.close()


def is_long_press(held_s: float, long_s: float) -> bool | None:
    """None for no press at all: a wire that was short for a while, or a thing that leaned on it."""
    return None if held_s > LONGEST_S else held_s >= long_s


def read_button(top: Table) -> ButtonPlan | None:
    """The table ``[button]``, if there is one."""
    if "button" not in top:
        return None
    table = top.table("button")
    plan = ButtonPlan(
        wiring=read_wiring(table),
        debounce_s=table.number("debounce_s", 0.05, least=0, most=1),
        long_s=table.number("long_s", 3.0, least=1, most=10),
    )
    table.done()
    return plan

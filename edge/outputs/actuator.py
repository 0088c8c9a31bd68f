"""What drives one output: a pulse, a held contact, a buzzer; tried again until the switch obeys.

A quick switch is driven in the caller's thread, so that nothing lies between a sample and the relay;
one behind a line is driven in the actuator's own, so that it holds up no sensor.
"""

import logging
import threading
import time
from collections.abc import Callable

from edge.errors import OutputError
from edge.outputs.plan import OutputPlan, Wiring

FIRST_RETRY_S = 0.2  # real
LONGEST_RETRY_S = 5.0
CHECK_S = 300.0  # real: a module behind a line that died is found out before it is needed
END_S = 3.0

_log = logging.getLogger(__name__)


class Actuator:
    """``start`` opens the contact, whatever was before; ``stop`` leaves it open.

    So nothing is closed by a start: a trip or a buzzer is at rest, and what is held is off.
    """

    def __init__(
        self, plan: OutputPlan, steady_s: Callable[[], float] = time.monotonic,
        *, check_s: float = CHECK_S,
    ) -> None:  # fmt: skip
        self.plan = plan
        self.fault = ""
        """Why the switch does not obey now; empty while it does."""
        self._steady_s = steady_s
        self._check_s = check_s
        self._driven_s = 0.0
        self._switch = plan.open()
        self._wanted = False
        self._is: bool | None = None  # None: not known to be either
        self._pulse_until_s: float | None = None
        self._retry_s = 0.0
        self._failures = 0
        self._sounding: set[str] = set()
        self._is_ending = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"output-{plan.name}", daemon=True)

    @property
    def is_closed(self) -> bool | None:
        """What the switch was last made to be; None while that is not certain."""
        return self._is

    def start(self) -> None:
        self._want(False)
        self._thread.start()

    def cut(self) -> None:
        """Switch off: a pulse to a shunt trip, or the end of holding."""
        self._want(self.plan.wiring is Wiring.TRIP)

    def hold(self) -> None:
        """Close what is held. A hand at the box only; ValueError for another wiring."""
        if self.plan.wiring is not Wiring.HOLD:
            raise ValueError(f"output {self.plan.name} is not held")
        self._want(True)

    def sound(self, is_on: bool, by: str = "guard") -> None:
        """Sounds while somebody wants it. ValueError for what is no buzzer."""
        if self.plan.wiring is not Wiring.BUZZER:
            raise ValueError(f"output {self.plan.name} is no buzzer")
        with self._news:
            (self._sounding.add if is_on else self._sounding.discard)(by)
            self._want(bool(self._sounding))

    def stop(self) -> None:
        with self._news:
            self._is_ending = True
            self._want(False)
        if self._thread.is_alive():
            self._thread.join(END_S)
        self._switch.close()

    def _want(self, is_closed: bool) -> None:
        with self._news:
            self._wanted = is_closed
            self._pulse_until_s = None
            if is_closed and self.plan.wiring is Wiring.TRIP:
                self._is = None  # a pulse anew, though the last may not be over
            self._retry_s = 0.0
            if self._switch.is_quick:
                self._drive()
            self._news.notify_all()

    def _run(self) -> None:
        with self._news:
            while True:
                wait_s = self._step()
                if self._is_ending and (self._is is False or self._failures):
                    return
                self._news.wait(wait_s)

    def _step(self) -> float | None:
        """End a pulse, drive what is not as wanted; how long nothing is due."""
        now_s = self._steady_s()
        if self._pulse_until_s is not None and now_s >= self._pulse_until_s:
            self._pulse_until_s, self._wanted = None, False
        if self._is is self._wanted:
            # What is held is not closed anew: its module may have begun anew, and stands open.
            if self._is_checked and now_s >= self._driven_s + self._check_s:
                self._drive()
        elif now_s >= self._retry_s:
            self._drive()
        if self._is is not self._wanted:
            return max(0.0, self._retry_s - self._steady_s())
        if self._pulse_until_s is not None:
            return max(0.0, self._pulse_until_s - self._steady_s())
        return self._check_s if self._is_checked else None

    @property
    def _is_checked(self) -> bool:
        """At rest, behind a line."""
        return not (self._switch.is_quick or self._wanted)

    def _drive(self) -> None:
        wanted = self._wanted
        try:
            if self._switch.is_quick:
                self._switch.set(wanted)
            else:
                self._drive_slowly(wanted)
        except OutputError as error:
            self._failed(str(error))
            return
        self._is = wanted
        self._driven_s = self._steady_s()
        if self.fault:
            _log.warning("output %s: obeys again", self.plan.name)
        self.fault, self._failures = "", 0
        if wanted and wanted is self._wanted and self.plan.wiring is Wiring.TRIP:
            self._pulse_until_s = self._steady_s() + self.plan.pulse_s

    def _drive_slowly(self, wanted: bool) -> None:
        """Without the lock, so that whoever orders meanwhile does not wait for the line."""
        self._news.release()
        try:
            self._switch.set(wanted)
        finally:
            self._news.acquire()

    def _failed(self, reason: str) -> None:
        self._is = None
        self._failures += 1
        wait_s = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** (self._failures - 1))
        self._retry_s = self._steady_s() + wait_s
        if reason != self.fault:
            _log.error("output %s: %s; it is tried again", self.plan.name, reason)
        self.fault = reason

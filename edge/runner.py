"""A sensor's thread: asks it for what is due, measures it, hands that over, waits for the next.

In this order a sample passes: warm-up and calibration; ``watch``, which sees each of them; report
on change and the bound on floods, after which what is left is a reading.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from edge.clock import Time
from edge.contract.quality import Quality
from edge.errors import SensorError
from edge.measuring.measuring import Layer, Measuring
from edge.sensors.port import HearsClock, Sample, Sensor, Series, Step

LONGEST_RETRY_S = 60.0  # house seconds between attempts at a sensor that fails
LEAST_PAUSE_S = 0.005  # real: between steps of a bounded sensor that always has more
AGAIN_S = 60.0  # real: how often it is said again that a sensor hangs or floods

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What a sensor gave. It waits until ``taken`` is set, so what is under way is bounded."""

    sensor: str
    samples: tuple[Sample, ...]
    mark: str
    setting: int | None = None
    """That of the clock by which the samples are stamped; None: they were stamped just now."""
    taken: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class Failed:
    sensor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    sensor: str


Event = Measured | Failed | Ended
Watch = Callable[[tuple[Sample, ...]], None]


class Runner(threading.Thread):
    """Runs one sensor from ``mark`` on until it ends or ``stopping`` is set.

    ``watch`` sees every sample as it is true, in this thread, before any is withheld: the guard's
    place. It must not wait.
    """

    def __init__(
        self, sensor: Sensor, mark: str, clock: Time,
        hand_over: Callable[[Event], None], stopping: threading.Event, *,
        gives: Sequence[Series] = (), measuring: Measuring | None = None,
        watch: Watch = lambda samples: None,
    ) -> None:  # fmt: skip
        super().__init__(name=f"sensor-{sensor.name}", daemon=True)
        self.faults = 0  # steps that raised, hung or gave no value for something; read by the loop
        self._sensor = sensor
        self._mark = mark
        self._clock = clock
        self._setting = 0
        self._hand_over = hand_over
        self._stopping = stopping
        self._gives = gives
        self._measuring = measuring or Measuring()
        self._layer = Layer(self._measuring, self._now_s())
        self._watch = watch
        self._asked_s: float | None = None  # real: since when a step has been under way
        self._tell_s = 0.0  # real: when it is to be said that it hangs
        self._is_spoken_for = False
        self._flood_s = 0.0  # real: when it is to be said again that it floods
        self._dropped = 0

    def run(self) -> None:
        try:
            self._run()
        finally:
            try:
                self._sensor.close()
            except Exception as error:  # a driver may raise anything; it is over anyhow
                _log.info("sensor %s: closing it failed: %r", self._sensor.name, error)

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            now_ms = self._look()
            try:
                step = self._step(now_ms)
            except Exception as error:  # a driver may raise anything, and only this sensor fails
                failures += 1
                what = str(error) if isinstance(error, SensorError) else repr(error)
                self._hand_over(Failed(self._sensor.name, what))
                if not self._take(missing(self._gives, now_ms, what), self._mark):
                    return
                self._wait(min(LONGEST_RETRY_S, 2.0 ** min(failures, 10)))
                continue
            failures = 0
            if not self._take(step.samples, step.mark):
                return
            if step.wake_ms is None:
                self._hand_over(Ended(self._sensor.name))
                return
            wake_ms = step.wake_ms + self._clock.late_ms(
                self._setting
            )  # it may have been set since
            self._wait((wake_ms - self._clock.now_ms()) / 1000)

    def _look(self) -> int:
        """Now; a sensor that reckons with times of its own is told when the clock was set."""
        setting, now_ms = self._clock.look()
        if setting != self._setting:
            if isinstance(self._sensor, HearsClock):
                self._sensor.clock_set(self._clock.late_ms(self._setting, setting))
            self._setting = setting
        return now_ms

    def late(self, now_s: float) -> tuple[Sample, ...]:
        """What the loop says for a sensor that does not come back: no values, and why.

        ``now_s`` is real and steady; once after ``answer_within_s``, then each minute.
        """
        asked_s = self._asked_s
        if asked_s is None or now_s < max(self._tell_s, asked_s + self._measuring.answer_within_s):
            return ()
        self._tell_s = now_s + AGAIN_S
        self._is_spoken_for = True
        self.faults += 1
        reason = f"sensor {self._sensor.name} has not answered for {now_s - asked_s:.0f} s"
        _log.warning("%s; the others go on", reason)
        return missing(self._gives, self._clock.now_ms(), reason)

    def late_s(self) -> float:
        """When ``late`` is next worth asking, in real seconds of the steady clock."""
        asked_s = self._asked_s
        if asked_s is None:  # a step that begins now is late no sooner
            return time.monotonic() + self._measuring.answer_within_s
        return max(self._tell_s, asked_s + self._measuring.answer_within_s)

    def _step(self, now_ms: int) -> Step:
        """Ask, with the time noted at which it began, for the loop to see."""
        self._asked_s = time.monotonic()
        try:
            return self._sensor.step(self._mark, now_ms)
        finally:
            self._asked_s, self._tell_s = None, 0.0
            if self._is_spoken_for:
                self._is_spoken_for = False
                self._layer.spoken_for()
                _log.warning("sensor %s is back", self._sensor.name)

    def _take(self, samples: Sequence[Sample], mark: str) -> bool:
        """Measure the samples and hand on what is to be read; False when it is time to stop."""
        now_s = self._now_s()
        measured = self._layer.measure(samples, now_s)
        if any(sample.value is None for sample in measured):
            self.faults += 1
        try:
            self._watch(measured)
        except Exception:  # a mistake there must not silence the sensor as well
            self.faults += 1
            _log.exception("sensor %s: what watches its samples failed", self._sensor.name)
        reported = self._layer.report(measured, now_s)
        self._note_flood()
        # A mark that moves without samples holds something (tips); one whose samples were withheld
        # does not, and writing it would wear the card for nothing.
        if reported or (mark != self._mark and not samples):
            handed = Measured(self._sensor.name, reported, mark, self._setting)
            self._hand_over(handed)
            while not handed.taken.wait(0.5):
                if self._stopping.is_set():
                    return False
        self._mark = mark
        return True

    def _note_flood(self) -> None:
        bound = self._layer.bound
        if bound is None or bound.dropped == self._dropped:
            return
        now_s = time.monotonic()
        self.faults += 1
        if now_s >= self._flood_s:
            self._flood_s = now_s + AGAIN_S
            _log.warning(
                "sensor %s floods: over %g readings a second; %d dropped since the start, the newest"
                " kept; see its wires or raise most_per_s",
                self._sensor.name, bound.most_per_s, bound.dropped,
            )  # fmt: skip
        self._dropped = bound.dropped

    def _now_s(self) -> float:
        """Steady house time: it runs as fast as the house's, and nobody sets it."""
        return time.monotonic() * self._clock.speed

    def _wait(self, house_seconds: float) -> None:
        real_s = self._clock.real(max(0.0, house_seconds))
        if self._layer.bound is not None:
            real_s = max(real_s, LEAST_PAUSE_S)
        if real_s > 0:
            self._stopping.wait(min(real_s, threading.TIMEOUT_MAX))


def missing(gives: Sequence[Series], at_ms: int, reason: str) -> tuple[Sample, ...]:
    """A sample of each series that says why there is no value."""
    return tuple(Sample(*series, None, at_ms, Quality.MISSING, reason) for series in gives)

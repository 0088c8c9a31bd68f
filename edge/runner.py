"""A sensor's thread: asks it for what is due, hands that over, waits until the next is due."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from edge.clock import Clock
from edge.errors import SensorError
from edge.sensors.port import Sample, Sensor

LONGEST_RETRY_S = 60.0  # house seconds between attempts at a sensor that fails


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What a sensor gave. It waits until ``taken`` is set, so what is under way is bounded."""

    sensor: str
    samples: tuple[Sample, ...]
    mark: str
    taken: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class Failed:
    sensor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    sensor: str


Event = Measured | Failed | Ended


class Runner(threading.Thread):
    """Runs one sensor from ``mark`` on until it ends or ``stopping`` is set."""

    def __init__(
        self, sensor: Sensor, mark: str, clock: Clock,
        hand_over: Callable[[Event], None], stopping: threading.Event,
    ) -> None:  # fmt: skip
        super().__init__(name=f"sensor-{sensor.name}", daemon=True)
        self._sensor = sensor
        self._mark = mark
        self._clock = clock
        self._hand_over = hand_over
        self._stopping = stopping

    def run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                step = self._sensor.step(self._mark, self._clock.now_ms())
            except Exception as error:  # a driver may raise anything, and only this sensor fails
                failures += 1
                what = str(error) if isinstance(error, SensorError) else repr(error)
                self._hand_over(Failed(self._sensor.name, what))
                self._wait(min(LONGEST_RETRY_S, 2.0 ** min(failures, 10)))
                continue
            failures = 0
            if step.samples or step.mark != self._mark:
                measured = Measured(self._sensor.name, step.samples, step.mark)
                self._hand_over(measured)
                while not measured.taken.wait(0.5):
                    if self._stopping.is_set():
                        return
                self._mark = step.mark
            if step.wake_ms is None:
                self._hand_over(Ended(self._sensor.name))
                return
            self._wait((step.wake_ms - self._clock.now_ms()) / 1000)

    def _wait(self, house_seconds: float) -> None:
        if house_seconds > 0:
            self._stopping.wait(min(self._clock.real(house_seconds), threading.TIMEOUT_MAX))

"""A sensor's thread outlives whatever its driver raises."""

import queue
import threading
import time
from dataclasses import dataclass

import pytest

from edge.clock import Clock
from edge.contract.quality import Quality
from edge.errors import SensorError
from edge.runner import Ended, Event, Failed, Measured, Runner
from edge.sensors.port import Sample, Series, Step

LEVEL = Series("weir", "", "water-level")


@dataclass
class Driver:
    """Raises at its first step, then gives one sample and ends."""

    trouble: BaseException
    name: str = "gauge"
    steps: int = 0
    is_closed: bool = False

    def step(self, mark: str, now_ms: int) -> Step:
        self.steps += 1
        if self.steps == 1:
            raise self.trouble
        return Step(samples=(Sample(*LEVEL, 1.5, now_ms),), mark="1")

    def close(self) -> None:
        self.is_closed = True


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (SensorError("no answer"), "no answer"),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError('division by zero')"),
        (KeyError("x"), "KeyError('x')"),
    ],
)
def test_whatever_a_driver_raises_is_told_and_tried_again(trouble, words) -> None:
    driver = Driver(trouble)
    told: queue.SimpleQueue[Event] = queue.SimpleQueue()
    clock = Clock(time.time(), time.time(), 100.0)
    runner = Runner(driver, "", clock, told.put, threading.Event(), gives=[LEVEL])
    runner.start()
    events: list = []
    while not events or not isinstance(events[-1], Ended):
        events.append(told.get(timeout=30))
        if isinstance(events[-1], Measured):
            events[-1].taken.set()
    runner.join(10)
    failed, missing, measured, _ = events
    assert failed == Failed("gauge", words)
    (sample,) = missing.samples
    assert (sample.value, sample.quality, sample.reason) == (None, Quality.MISSING, words)
    assert [sample.value for sample in measured.samples] == [1.5]
    assert driver.is_closed
    assert runner.faults == 1

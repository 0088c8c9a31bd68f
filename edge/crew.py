"""All sensors of the device at work, and what the loop sees of them from outside."""

import threading
import time
from collections.abc import Callable, Iterator

from edge.clock import Clock
from edge.config import SensorConfig
from edge.runner import AGAIN_S, Event, Runner, Watch
from edge.sensors.port import Sample


class Crew:
    """Each sensor in a thread of its own; ``hand_over`` gets what they give."""

    def __init__(
        self, clock: Clock, hand_over: Callable[[Event], None], stopping: threading.Event
    ) -> None:
        self._clock = clock
        self._hand_over = hand_over
        self._stopping = stopping
        self._runners: dict[str, Runner] = {}

    def start(
        self, config: SensorConfig, begin_ms: int, mark: str, watch: Watch = lambda samples: None
    ) -> None:
        runner = Runner(
            config.build(begin_ms), mark, self._clock, self._hand_over, self._stopping,
            gives=config.plan.gives, measuring=config.measuring, watch=watch,
        )  # fmt: skip
        self._runners[config.name] = runner
        runner.start()

    @property
    def is_alive(self) -> bool:
        """Whether any sensor has a thread left."""
        return any(runner.is_alive() for runner in self._runners.values())

    @property
    def faults(self) -> int:
        """Faults of all sensors since the start."""
        return sum(runner.faults for runner in self._runners.values())

    def late(self) -> Iterator[Sample]:
        """What is to be said for sensors that hang."""
        now_s = time.monotonic()
        for runner in self._runners.values():
            yield from runner.late(now_s)

    def wait_s(self) -> float:
        """Real seconds until ``late`` is worth asking again."""
        waits_s = [runner.late_s() - time.monotonic() for runner in self._runners.values()]
        return max(0.1, min(waits_s, default=AGAIN_S))

"""All sensors of the device at work, and what the loop sees of them from outside."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime

from edge.clock import Time
from edge.config import SensorConfig
from edge.measuring.calibration import Calibration, due
from edge.runner import AGAIN_S, Event, Runner, Watch
from edge.sensors.port import Sample

_log = logging.getLogger(__name__)


class Crew:
    """Each sensor in a thread of its own; ``hand_over`` gets what they give."""

    def __init__(
        self, clock: Time, hand_over: Callable[[Event], None], stopping: threading.Event
    ) -> None:
        self._clock = clock
        self._hand_over = hand_over
        self._stopping = stopping
        self._runners: dict[str, Runner] = {}
        self._calibrations: list[Calibration] = []
        self._told: date | None = None

    def start(
        self, config: SensorConfig, begin_ms: int, mark: str, watch: Watch = lambda samples: None
    ) -> None:
        runner = Runner(
            config.build(begin_ms), mark, self._clock, self._hand_over, self._stopping,
            gives=config.plan.gives, measuring=config.measuring, watch=watch,
        )  # fmt: skip
        self._runners[config.name] = runner
        self._calibrations += config.measuring.calibrations
        runner.start()

    @property
    def is_alive(self) -> bool:
        """Whether any sensor has a thread left."""
        return any(runner.is_alive() for runner in self._runners.values())

    @property
    def faults(self) -> Mapping[str, int]:
        """Faults of each sensor since the start."""
        return {name: runner.faults for name, runner in self._runners.items()}

    def health(self, now_ms: int) -> Iterator[Sample]:
        """What the sensors as a whole are worth telling; once a day the log says it by name."""
        today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
        waiting = due(self._calibrations, today)
        if any(each.due for each in self._calibrations):
            yield Sample("", "", "calibration-due", len(waiting), now_ms)
        if today == self._told:
            return
        self._told = today
        for each in waiting:
            where = "/".join(part for part in each.series if part)
            _log.warning("%s: calibration is due since %s; %s", where, each.due, each)
        for name, count in self.faults.items():
            if count:
                _log.warning("sensor %s: %d faults since the start", name, count)

    def late(self) -> Iterator[Sample]:
        """What is to be said for sensors that hang."""
        now_s = time.monotonic()
        for runner in self._runners.values():
            yield from runner.late(now_s)

    def wait_s(self) -> float:
        """Real seconds until ``late`` is worth asking again."""
        waits_s = [runner.late_s() - time.monotonic() for runner in self._runners.values()]
        return max(0.1, min(waits_s, default=AGAIN_S))

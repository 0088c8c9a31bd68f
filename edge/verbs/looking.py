"""One sensor asked by hand: outside the agent, in a thread of its own, no journal and no broker."""

import threading
import time
from dataclasses import dataclass, field

from edge.clock import Clock
from edge.config import SensorConfig
from edge.contract.gross import gross_quality, why_failed
from edge.contract.metrics import METRICS
from edge.contract.quality import Quality
from edge.errors import SensorError
from edge.measuring.calibration import Calibration
from edge.runner import missing
from edge.sensors.polling import Answer, Polling
from edge.sensors.port import Sample, Sensor, Series

LEAST_PAUSE_S = 0.02  # real: between steps of a sensor that tells by itself
BUSY = ("busy", "exclusively lock", "temporarily unavailable")
BUSY_HINT = "another program holds it, perhaps the agent: stop that (systemctl stop shouwang-edge) and read again"  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One series as it is now. ``before`` is the value without calibration, where there is one."""

    series: Series
    value: float | None
    at_ms: int
    quality: Quality
    reason: str = ""
    raw: str = ""
    before: float | None = None
    calibration: Calibration | None = None


@dataclass(slots=True)
class Look:
    """What is seen of one sensor; read by the one who shows it while the thread writes."""

    config: SensorConfig
    clock: Clock
    begin_ms: int
    is_watch: bool = False
    every_s: float = 2.0
    seen: dict[Series, Seen] = field(default_factory=dict)
    asked_s: float | None = None
    """Real, steady: since when it has been asked; None while nobody asks."""
    took_s: float | None = None
    is_done: bool = False
    _stopping: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        self.asked_s = time.monotonic()
        threading.Thread(target=self._run, daemon=True, name=f"look-{self.config.name}").start()

    def stop(self) -> None:
        self._stopping.set()

    @property
    def is_whole(self) -> bool:
        """Whether each series has a value or a reason for none."""
        return all(series in self.seen for series in self.config.plan.gives)

    @property
    def waiting_s(self) -> float:
        """How long it has been asked."""
        asked_s = self.asked_s
        return 0.0 if asked_s is None else time.monotonic() - asked_s

    def give_up(self, now_ms: int) -> None:
        """No answer within its own bound: what is not seen is missing."""
        reason = f"no answer within {self.config.measuring.answer_within_s:g} s"
        for sample in missing(self.config.plan.gives, now_ms, reason):
            series = Series(sample.place, sample.port, sample.metric)
            self.seen.setdefault(series, self._seen(series, Answer(None, "", reason), now_ms))

    def _run(self) -> None:
        sensor: Sensor | None = None
        try:
            sensor = self.config.build(self.begin_ms)
            if isinstance(sensor, Polling):
                self._ask(sensor)
            else:
                self._listen(sensor)
        except Exception as error:  # a driver may raise anything, and what it says is wanted
            self._note_fault(str(error) if isinstance(error, SensorError) else repr(error))
        finally:
            self.asked_s, self.is_done = None, True
            if sensor is not None:
                sensor.close()

    def _ask(self, sensor: Polling) -> None:
        while not self._stopping.is_set():
            self.asked_s = began_s = time.monotonic()
            now_ms = self.clock.now_ms()
            answers = sensor.look(now_ms)
            for series in sensor.source.series:
                self._note(series, answers.get(series) or Answer(None, "", "no such value"), now_ms)
            self.took_s, self.asked_s = time.monotonic() - began_s, None
            if not self.is_watch:
                return
            self._stopping.wait(self.every_s)

    def _listen(self, sensor: Sensor) -> None:
        """A sensor that tells by itself: its steps, until each series was told or for ever."""
        mark, began_s = "", time.monotonic()
        while not self._stopping.is_set():
            now_ms = self.clock.now_ms()
            step = sensor.step(mark, now_ms)
            mark = step.mark
            last = getattr(sensor, "last", None)
            if last is not None:
                for series, answer in last.items():
                    self._note(series, answer, now_ms)
            else:
                for sample in step.samples:
                    answer = Answer(sample.value, "", sample.reason, sample.quality)
                    series = Series(sample.place, sample.port, sample.metric)
                    self._note(series, answer, sample.at_ms)
            is_behind = step.wake_ms is not None and step.wake_ms <= now_ms
            if self.is_whole and not is_behind:
                if self.asked_s is not None:
                    self.took_s, self.asked_s = time.monotonic() - began_s, None
                if not self.is_watch:
                    return
            if step.wake_ms is None:
                for each in self.config.plan.gives:
                    self.seen.setdefault(each, self._seen(each, Answer(None, "", "ended"), now_ms))
                return
            if not is_behind:
                real_s = self.clock.real((step.wake_ms - now_ms) / 1000)
                self._stopping.wait(min(1.0, max(LEAST_PAUSE_S, real_s)))

    def _note(self, series: Series, answer: Answer, at_ms: int) -> None:
        self.seen[series] = self._seen(series, answer, at_ms)

    def _note_fault(self, reason: str) -> None:
        now_ms = self.clock.now_ms()
        for series in self.config.plan.gives:
            self._note(series, Answer(None, "", reason), now_ms)

    def _seen(self, series: Series, answer: Answer, at_ms: int) -> Seen:
        sample = Sample(*series, answer.value, at_ms, answer.quality, answer.reason)
        found = next((c for c in self.config.measuring.calibrations if c.series == series), None)
        if found is not None:
            sample = found.applied(sample)
        quality, reason = judged(sample)
        if any(word in reason.lower() for word in BUSY):
            reason = f"{reason}; {BUSY_HINT}"
        return Seen(
            series=series, value=sample.value, at_ms=at_ms, quality=quality, reason=reason,
            raw=answer.raw, before=answer.value if found else None, calibration=found,
        )  # fmt: skip


def label(series: Series) -> str:
    return "/".join(part for part in series if part)


def judged(sample: Sample) -> tuple[Quality, str]:
    """As the server's first look will judge it, with the reason; what the sensor says goes first."""
    if sample.value is None:
        is_fail = sample.quality is Quality.FAIL
        return Quality.FAIL if is_fail else Quality.MISSING, sample.reason
    if sample.quality is not Quality.NOT_EVALUATED:
        return sample.quality, sample.reason
    quality = gross_quality(sample.metric, sample.value)
    if quality is Quality.FAIL:
        return quality, why_failed(sample.metric, sample.value)
    if quality is Quality.SUSPECT:
        low, high = METRICS[sample.metric].usual or METRICS[sample.metric].span
        return quality, f"unusual: beyond {low:g} to {high:g}"
    return quality, sample.reason

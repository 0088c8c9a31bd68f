"""What the agent asks of a sensor. A sensor neither waits nor writes: it answers one question."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from edge.contract.quality import Quality


class Series(NamedTuple):
    """What is measured where; place and port may be empty."""

    place: str
    port: str
    metric: str


class Use(NamedTuple):
    """What of the machine a sensor takes, so that contradictions of a file can be told.

    ``what`` is pin (one sensor's alone), serial (shared when ``settings`` are the same) or file
    (shared; it must be there).
    """

    what: str
    name: str
    settings: str = ""


class Sample(NamedTuple):
    """One value as measured; the agent gives it a number. ``value`` None says why in ``reason``."""

    place: str
    port: str
    metric: str
    value: float | None
    at_ms: int
    quality: Quality = Quality.NOT_EVALUATED
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What was due, where the sensor now stands, and when to ask again (None: it has ended)."""

    samples: tuple[Sample, ...] = ()
    mark: str = ""
    wake_ms: int | None = None


class Sensor(Protocol):
    """Asked in a thread of its own, so that one that hangs delays no other."""

    name: str

    def step(self, mark: str, now_ms: int) -> Step:
        """All that is due at ``now_ms``, at most some hundred samples; SensorError when it fails.

        ``mark`` is that of the last step whose samples were committed, or empty; the same mark
        gives the same samples after a restart.
        """
        ...

    def close(self) -> None:
        """Let go of port, pin and file; called in the sensor's thread when it will not be asked."""
        ...


@runtime_checkable
class HearsClock(Protocol):
    """A sensor that keeps times between its steps."""

    def clock_set(self, by_ms: int) -> None:
        """Since the last step the clock was set forward by this, or back when it is negative."""
        ...


class Plan(Protocol):
    """A sensor as the file describes it, before the house has begun."""

    def build(self, name: str, begin_ms: int) -> Sensor:
        """The sensor; nothing is opened before its first step."""
        ...

    @property
    def gives(self) -> tuple[Series, ...]:
        """Every series that it may give."""
        ...

    @property
    def pace_s(self) -> float:
        """House seconds between samples of a series when nothing happens; 0: not known."""
        ...

    @property
    def uses(self) -> tuple[Use, ...]: ...

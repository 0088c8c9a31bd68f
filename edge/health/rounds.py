"""One round of health: each probe in a thread of its own that lives as long as it takes.

What hangs is told once and not asked again until it has answered, so it costs one thread.
"""

import logging
import threading
from collections.abc import Callable, Sequence

from edge.health.probe import Probe
from edge.runner import Measured
from edge.sensors.port import Sample

_log = logging.getLogger(__name__)


class Rounds:
    """``hand_over`` gets what a probe tells, from the probe's thread, named ``~<probe>``."""

    def __init__(
        self, probes: Sequence[Probe], hand_over: Callable[[Measured], None],
        now_ms: Callable[[], int],
    ) -> None:  # fmt: skip
        self._probes = probes
        self._hand_over = hand_over
        self._now_ms = now_ms
        self._threads: dict[str, threading.Thread] = {}
        self._said: dict[str, str] = {}

    def ask(self) -> None:
        """Begin a round; never waits."""
        for probe in self._probes:
            if self.is_asking(probe.name):
                self._say(probe.name, "hangs; it is asked again when it has answered")
                continue
            thread = threading.Thread(
                target=self._ask, args=(probe,), name=f"health-{probe.name}", daemon=True
            )
            self._threads[probe.name] = thread
            thread.start()

    def is_asking(self, name: str) -> bool:
        thread = self._threads.get(name)
        return thread is not None and thread.is_alive()

    def _ask(self, probe: Probe) -> None:
        samples = []
        try:
            for metric, value in probe.ask():
                samples.append(Sample("", "", metric, value, self._now_ms()))
        except Exception as error:  # a machine may tell anything; only this probe is silent then
            self._say(probe.name, f"tells nothing: {error}")
        else:
            self._say(probe.name, "")
        if samples:
            self._hand_over(Measured(f"~{probe.name}", tuple(samples), probe.mark))

    def _say(self, name: str, what: str) -> None:
        """Once for each change: a modem may be away for a year."""
        if what != self._said.get(name, ""):
            _log.warning("health: %s %s", name, what or "tells again")
        self._said[name] = what

"""What sensors hand in, and when each is told that it may go on."""

from collections.abc import Callable, Sequence

from edge.journal.notebook import Notebook
from edge.journal.pace import MOST_WAITING
from edge.runner import Measured
from edge.sensors.port import Sample


class Intake:
    """``watches`` says whether a guard sees such samples."""

    def __init__(self, notebook: Notebook, watches: Callable[[Sequence[Sample]], bool]) -> None:
        self._notebook = notebook
        self._watches = watches
        self._unanswered: list[Measured] = []

    @property
    def is_awaited(self) -> bool:
        """Whether a sensor waits to be told."""
        return bool(self._unanswered)

    def measured(self, event: Measured, late_ms: int) -> None:
        """``late_ms`` is by how much the clock was set since its times were read."""
        if self._notebook.waiting >= MOST_WAITING and self._watches(event.samples):
            event.taken.set()  # the disk refuses; the guard must see all the same what comes next
            return
        self._notebook.take(event.samples, event.sensor, event.mark, late_ms)
        self._unanswered.append(event)

    def committed(self) -> None:
        """All is on the disk: every sensor may go on."""
        for measured in self._unanswered:
            measured.taken.set()
        self._unanswered.clear()

    def answer(self) -> None:
        """With a durability in seconds a sensor need not wait for the disk, until memory is full."""
        if self._notebook.waiting < MOST_WAITING:
            self.committed()
            return
        for measured in self._unanswered:
            if self._watches(measured.samples):
                measured.taken.set()  # the guard must see what comes next

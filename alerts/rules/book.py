"""The engine's book for one (rule, subject): what each device's state says, and the worst of it."""

from typing import Any

from alerts.rules.rule import Rule, Seat, Shift
from alerts.rules.transition import Change
from alerts.words import Severity


class Book:
    """``severity`` is what the last transition told; ``since_ms`` when the danger began."""

    __slots__ = (
        "device", "levels", "order", "place", "port", "rule", "severity", "shown", "since_ms",
        "subject",
    )  # fmt: skip

    def __init__(self, rule: Rule, seat: Seat, order: int) -> None:
        """``seat`` and ``order`` are those of the subject's first state in the plan's order."""
        self.rule, self.order, self.subject = rule, order, seat.subject
        self.place, self.port, self.device = seat.place, seat.port, seat.device
        self.levels: dict[str, Severity] = {}
        self.severity: Severity | None = None
        self.shown = Severity.INFO
        """The severity that a transition shows: when all is clear, the one that stood before."""
        self.since_ms = 0

    def note(self, device: str, shift: Shift) -> Change | None:
        """Take in one device's shift; what it changes for the subject."""
        if shift.severity is None:
            self.levels.pop(device, None)
        else:
            self.levels[device] = shift.severity
        return self.settle(shift.since_ms)

    def settle(self, since_ms: int) -> Change | None:
        """Let the worst of the levels hold; what that changes."""
        before = self.severity
        self.severity = max(self.levels.values(), default=None)
        if self.severity is before:
            return None
        if self.severity is None:
            return Change.CLEARED
        self.shown = self.severity
        if before is None:
            self.since_ms = since_ms
            return Change.RAISED
        return Change.SEVERITY

    def stand(self, severity: Severity | None, since_ms: int) -> None:
        """People have been told this, whatever the states say."""
        self.levels.clear()
        self.severity, self.since_ms = severity, since_ms
        self.shown = self.shown if severity is None else severity

    def dump(self) -> list[Any]:
        level = None if self.severity is None else int(self.severity)
        return [self.rule.id, str(self.subject), level, self.since_ms]

    def load(self, data: list[Any]) -> None:
        self.severity = None if data[2] is None else Severity(data[2])
        self.shown = self.severity or Severity.INFO
        self.since_ms = data[3]

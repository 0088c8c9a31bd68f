"""What is known of one output's power, pure: ordered is one thing, proved another.

``cut`` says that the box has ordered the power off and nobody has brought it back. ``power`` is what
a feedback proves: on, off, or None when there is none or it is silent.
"""

from dataclasses import dataclass
from enum import StrEnum

from edge.outputs.plan import OutputPlan, Wiring

PROVE_MS = 3_000  # a breaker opens in a tenth of a second; its proof may be polled
AGAIN_MS = 10_000  # between orders while the power is proved to be on still
ALARM_AGAIN_MS = 60_000  # between orders while a guard alarms and nothing proves that it is off


class News(StrEnum):
    OFF = "off"  # proved after an order
    FAILED = "failed"  # still on when it should be off, or an output that does not obey
    BACK = "back"  # by the breaker's own lever, so somebody is there
    CHANGED = "changed"  # the proof alone


@dataclass(slots=True)
class Standing:
    """The state of one output."""

    plan: OutputPlan
    is_cut: bool = False
    power: bool | None = None
    has_failed: bool = False
    fault: str = ""
    """Why the output does not obey; empty while it does."""
    _ordered_ms: int = 0
    _first_ms: int = 0
    _proved_ms: int = 0
    _was_off: bool = False

    def order(self, now_ms: int) -> None:
        """The box switches off now, for the first time or again."""
        if not self.is_cut or self.power is False:
            self._first_ms = now_ms
            self.has_failed = False
        self.is_cut = True
        self._ordered_ms = now_ms
        self._was_off = self.power is False

    def release(self) -> None:
        """A person at the box has brought the power back, or may."""
        self.is_cut = self.has_failed = self._was_off = False

    def prove(self, is_on: bool, now_ms: int) -> News | None:
        """The feedback speaks."""
        before, self.power, self._proved_ms = self.power, is_on, now_ms
        if not is_on:
            is_news = self.is_cut and not self._was_off
            self._was_off, self.has_failed = self.is_cut, False
            if is_news:
                return News.OFF
        elif self.is_cut and self._was_off and self.plan.wiring is Wiring.TRIP:
            self.release()
            return News.BACK
        return News.CHANGED if before is not is_on else None

    @property
    def word(self) -> str:
        """What stands beside the order."""
        if self.has_failed and self.power:
            return "still on"
        return f"does not obey: {self.fault}" if self.fault else ""

    def look(self, now_ms: int, fault: str = "") -> News | None:
        """What waiting brings: a proof that is silent proves nothing; one that says on has failed."""
        self.fault = fault
        proof = self.plan.proof
        if proof and self.power is not None and now_ms - self._proved_ms > proof.hold_ms:
            self.power = None
            return News.CHANGED
        is_on = self.power is True or (self.power is None and bool(fault))
        if not (self.is_cut and is_on):
            self.has_failed = False
        elif not self.has_failed and now_ms - self._first_ms >= PROVE_MS:
            self.has_failed = True
            return News.FAILED
        return None

    def is_due(self, is_alarming: bool, now_ms: int) -> bool:
        """Whether to order once more: a pulse may be lost, a lever thrown into the danger."""
        if not self.is_cut or self.power is False:
            return False
        if self.power:
            return now_ms - self._ordered_ms >= AGAIN_MS
        return is_alarming and now_ms - self._ordered_ms >= ALARM_AGAIN_MS

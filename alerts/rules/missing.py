"""Missing: one quantity has fallen silent while the rest of its device still speaks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from alerts.registry.model import Place
from alerts.rules.limit import Limited
from alerts.rules.rule import COMMON_HOLES, Expected, Mistake, Shift, State
from alerts.rules.several import SeveralState
from edge.contract.subject import Subject

_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing(Limited):
    """Judges for how many minutes nothing has come of ``metric`` while one of ``signs`` came.

    None until its own interval is overdue, and none where the device never told it: that a whole
    device is silent is said by an absence rule. A value that the sensor withholds is none. In a
    backlog, where the one quantity may come hours before the other, the time that has passed here
    since it came counts, if that is less.
    """

    GIVES: ClassVar = COMMON_HOLES
    MEASURE: ClassVar = "minutes without a value while others come"

    kind: Literal["missing"] = "missing"
    signs: tuple[str, ...]

    @property
    def metrics(self) -> tuple[str, ...]:
        return (self.metric, *self.signs)

    def subject(self, site: str, device: str, place: Place | None, port: str) -> Subject | None:
        return None if place is None else Subject.of_place(site, place.id, "")

    def begin(self, expected: Expected) -> State | None:
        return MissingState(self, expected) if self.given() else None

    def mistakes(self) -> Iterator[Mistake]:
        yield from Limited.mistakes(self)
        if not self.metric or not self.signs or self.metric in self.signs:
            remedy = "name the one that is missed in 'metric', and others of its device in 'signs'"
            yield Mistake("signs", "needs a metric and others beside it", remedy)


class MissingState(SeveralState):
    """When the quantity was last measured, and when anything was: a box that is silent as a whole
    does not count, nor the moment in which it comes back."""

    __slots__ = ("heard_here_ms", "heard_ms", "metric", "seen_here_ms", "seen_ms")

    def __init__(self, rule: Missing, expected: Expected) -> None:
        super().__init__(rule, expected, 0)
        self.metric = rule.metric
        self.heard_ms = self.seen_ms = -1
        self.heard_here_ms = self.seen_here_ms = 0
        """The same by watched time."""

    def take_in(
        self, key: str, value: float, at_ms: int, watched_ms: int
    ) -> Sequence[Shift] | None:
        if self.heard_ms >= 0 and at_ms - self.seen_ms > self.hold_by[key]:
            self.heard_ms += at_ms - self.seen_ms
        if watched_ms - self.seen_here_ms > self.hold_by[key]:
            self.heard_here_ms += watched_ms - self.seen_here_ms
        self.seen_ms, self.seen_here_ms = max(at_ms, self.seen_ms), watched_ms
        if key.endswith(f"/{self.metric}"):
            self.heard_ms, self.heard_here_ms = max(at_ms, self.heard_ms), watched_ms
            return None if self.breach is None else self.judge(0.0, at_ms, watched_ms)
        if self.heard_ms < 0:
            return None
        silent_ms = min(at_ms - self.heard_ms, watched_ms - self.heard_here_ms)
        holds = [h for each, h in self.hold_by.items() if each.endswith(f"/{self.metric}")]
        holds_ms = max(holds, default=silent_ms)  # without any it is no longer measured here
        return self.judge(
            silent_ms / _MINUTE_MS if silent_ms > holds_ms else 0.0, at_ms, watched_ms
        )

    def show(self, measure: float, limit: float | None, peak: float) -> Mapping[str, Any]:
        return {"facts": {"minutes": measure}, "metric": self.metric}

    def dump(self) -> list[Any]:
        here = self.heard_here_ms, self.seen_here_ms
        return [SeveralState.dump(self), self.heard_ms, self.seen_ms, *here]

    def load(self, data: list[Any]) -> None:
        SeveralState.load(self, data[0])
        self.heard_ms, self.seen_ms, self.heard_here_ms, self.seen_here_ms = data[1:]

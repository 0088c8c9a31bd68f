"""What a guard has to tell: what stands, as readings, and what happened, for people."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from edge.guard.rule import Rule
from edge.guard.standing import Standing
from edge.guard.watching import Watching
from edge.sensors.port import Series

HEARTBEAT_MS = 60_000  # house: what stands is told again


class Turn(StrEnum):
    RAISED = "raised"
    CLEARED = "cleared"
    RESET = "reset"
    ORDERED = "ordered"
    OFF = "off"
    FAILED = "failed"
    BACK = "back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something that people are told: a guard's turn, or an output's. ``what`` is for the log."""

    turn: Turn
    name: str
    what: str
    rule: Rule | None = None


Flag = tuple[float | None, str]
"""Its value and the word beside it."""


@dataclass(slots=True)
class Told:
    """What was told last of each series."""

    _flags: dict[Series, Flag] = field(default_factory=dict)
    _beat_ms: int | None = None

    def news(
        self, watching: Sequence[Watching], standing: Iterable[Standing], now_ms: int
    ) -> list[tuple[Series, Flag]]:
        """What is to be told now: what has changed, or all of it at a heartbeat."""
        is_beat = self._beat_ms is None or now_ms - self._beat_ms >= HEARTBEAT_MS
        if is_beat:
            self._beat_ms = now_ms
        flags = _flags(watching, standing)
        news = [each for each in flags.items() if is_beat or self._flags.get(each[0]) != each[1]]
        self._flags.update(news)
        return news


def _flags(watching: Sequence[Watching], standing: Iterable[Standing]) -> Mapping[Series, Flag]:
    flags: dict[Series, Flag] = {}
    for each in watching:
        series = Series(each.rule.series.place, each.rule.series.port, "guard")
        raised, reason = flags.get(series, (0.0, ""))
        if each.is_raised:
            state = each.rule.name if each.gate.raised else f"{each.rule.name} latched"
            raised, reason = 1.0, f"{reason}, {state}" if reason else state
        flags[series] = raised, reason
    for one in standing:
        plan = one.plan
        reason = one.word
        flags[Series(plan.place, plan.port, "cut")] = float(one.is_cut), reason
        proved = Series(plan.place, plan.port, "relay")
        if plan.proof and plan.proof.series != proved:  # else its own sensor tells it
            if one.power is None:
                flags[proved] = None, "its proof is silent"
            else:
                flags[proved] = float(one.power), reason
    return flags

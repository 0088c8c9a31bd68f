"""Faults: states that have raised an error, out of their places until they are tried again. Pure.

A state that raised is taken out, there and nowhere else; what it said last stands. It is put back
fresh after a wait, which grows each time, and believed once it has run through for a while. Waits
run on watched time, so the same journal gives the same.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from alerts.registry.model import Registry
from alerts.rules.house import HouseTime
from alerts.rules.inputs import Warning
from alerts.rules.packs import Packs
from alerts.rules.plan import Key, Plan, plan
from alerts.rules.rule import DeviceState, HearingState, Shift, State, Take
from alerts.words import Severity

FIRST_WAIT_MS, MOST_WAIT_MS = 60_000, 3_600_000  # doubling between them
PROVEN_MS = 600_000  # two values of a sensor that measures each five minutes
ERROR_MOST = 300  # characters


@dataclass(slots=True, kw_only=True)
class Fault:
    """One state that raised. While it is on trial, a fresh one sits in its place."""

    error: str = ""
    name: str = ""
    """The error's own name, for a message."""
    tries: int = 0
    """How often it has failed in a row."""
    due_ms: int = 0
    """When it is tried next; watched time, as are the others."""
    level: Severity | None = None
    """What the state had said last, as long as no fresh one has spoken."""
    tried_ms: int | None = None
    """Since when it is on trial."""
    ran: int = 0
    """How often it has run through in this trial."""

    @property
    def wait_ms(self) -> int:
        return min(MOST_WAIT_MS, FIRST_WAIT_MS << min(20, max(0, self.tries - 1)))

    @property
    def stands(self) -> str:
        """How it stands with it, in words."""
        if self.tried_ms is not None:
            return "it is being tried again, with a fresh start"
        return (
            f"it is set aside there, tried again {self.wait_ms // 60_000} min after it failed and "
            "when packs or registry are revised"
        )

    def facts(self, rule: str) -> dict[str, float | str]:
        """What a message may name."""
        return {"rule": rule, "error": self.name, "wait": self.wait_ms / 60_000}

    def failed(self, error: Exception, watched_ms: int) -> None:
        self.error, self.name = repr(error)[:ERROR_MOST], type(error).__name__
        self.tries += 1
        self.tried_ms, self.due_ms = None, watched_ms + self.wait_ms

    def begin(self, watched_ms: int) -> None:
        """A fresh state is on trial from now on."""
        self.tried_ms, self.ran = watched_ms, 0

    def is_due(self, watched_ms: int) -> bool:
        return self.tried_ms is None and watched_ms >= self.due_ms

    def is_proven(self, watched_ms: int) -> bool:
        return (
            self.tried_ms is not None and self.ran > 0 and watched_ms - self.tried_ms >= PROVEN_MS
        )

    def counted(self, take: Take) -> Take:
        """The same function, its calls that run through counted."""

        def counting(value: float, at_ms: int, watched_ms: int) -> Sequence[Shift] | None:
            shifts = take(value, at_ms, watched_ms)
            self.ran += 1
            return shifts

        return counting

    def dump(self) -> list[Any]:
        return list(asdict(self).values())

    @classmethod
    def load(cls, data: Sequence[Any]) -> "Fault":
        fault = cls(**dict(zip(cls.__slots__, data, strict=False)))
        fault.level = None if fault.level is None else Severity(fault.level)
        return fault


class Vacant(DeviceState, HearingState):
    """Sits where a state was taken out, so that the order of all the others stays."""

    __slots__ = ()

    def __init__(self, order: int, device: str) -> None:
        self.order, self.device = order, device

    def severity(self) -> Severity | None:
        return None

    def heard(self, at_ms: int, watched_ms: int) -> Sequence[Shift]:
        return ()

    def said(self, word: str) -> None:
        pass

    def look(self, at_ms: int, watched_ms: int, seeing_ms: int) -> Sequence[Shift]:
        return ()

    def told(
        self, rule: str, subject: str, severity: Severity | None, at_ms: int, watched_ms: int
    ) -> Sequence[Shift]:
        return ()

    def warned(self, warning: Warning, now_ms: int, watched_ms: int) -> Sequence[Shift]:
        return ()

    def passed(self, now_ms: int, watched_ms: int) -> Sequence[Shift]:
        return ()


def _deaf(value: float, at_ms: int, watched_ms: int) -> None:
    return None


Takes = dict[Any, Take]
"""By device and series, how a state takes its readings."""
Spot = tuple[list[Any], int, Any]
"""A list of the plan, the place in it, and the series where it is one of ``Plan.series``."""


class Chairs:
    """Where the states of a plan sit; whoever stands up leaves a chair, never a gap.

    The engine may be walking one of the lists meanwhile: they keep their length.
    """

    def __init__(self, made: Plan) -> None:
        self._plan = made
        self._known: dict[int, list[Spot]] = {}
        """By order of a state; filled when the first one fails, for most plans never need it."""
        self._orders: dict[Key, int] = {}
        """Of those who have stood up."""
        self._plain: dict[Key, Takes] = {}
        """Of those on trial, their own takes."""

    def clear(self, key: Key) -> State | None:
        """Take a state out of everything that would feed it."""
        state = self._plan.states.pop(key, None)
        if state is not None:
            self._orders[key] = state.order
            vacant = Vacant(state.order, state.device)
            for found, i, series in self._spots(state.order):
                found[i] = vacant if series is None else (vacant, _deaf)
        return state

    def order(self, key: Key) -> int:
        """Of the state that was cleared last."""
        return self._orders[key]

    def try_out(self, key: Key, state: State, fault: Fault, takes: Takes | None = None) -> None:
        """Seat it; ``fault`` counts how often it takes a reading. ``takes`` are those it has, if any."""
        own = self.takes(state.order) if takes is None else takes
        self._plain[key] = own
        self._seat(key, state, {series: fault.counted(take) for series, take in own.items()})

    def believe(self, key: Key) -> State:
        """Its readings need no longer be counted."""
        state = self._plan.states[key]
        self._seat(key, state, self._plain.pop(key))
        return state

    def takes(self, order: int) -> Takes:
        """By series, the functions by which a state takes its readings now."""
        return {
            series: found[i][1] for found, i, series in self._spots(order) if series is not None
        }

    def _seat(self, key: Key, state: State, takes: Takes) -> None:
        self._plan.states[key] = state
        for found, i, series in self._spots(state.order):
            found[i] = state if series is None else (state, takes[series])

    def _spots(self, order: int) -> list[Spot]:
        if not self._known:
            for state, spot in _spots(self._plan):
                self._known.setdefault(state.order, []).append(spot)
        return self._known.get(order, [])


def _spots(made: Plan) -> Iterator[tuple[State, Spot]]:
    for device, table in made.series.items():
        for series, taps in table.items():
            for i, (state, _) in enumerate(taps):
                yield state, (taps, i, (device, series))
    lists: list[list[Any]] = [*made.devices.values(), *made.rules.values(), *made.warned.values()]
    for found in lists:
        for i, state in enumerate(found):
            yield state, (found, i, None)


def fresh(
    keys: Iterable[Key], packs: Packs, registry: Registry, house: HouseTime
) -> dict[Key, tuple[State, Takes]]:
    """New states of one rule for these keys, with their takes by series. Raises what the rule raises."""
    wanted = list(keys)
    (rule,) = {key[0] for key in wanted}
    made = plan(Packs(rules={rule: packs.rules[rule]}), registry, house)
    chairs = Chairs(made)
    return {
        key: (state, chairs.takes(state.order))
        for key in wanted
        if (state := made.states.get(key)) is not None
    }

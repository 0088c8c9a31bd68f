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
from alerts.rules.plan import Key, Plan
from alerts.rules.planning import plan
from alerts.rules.rule import DeviceState, Ear, HearingState, KeyedEar, Shift, State, Word
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

    def dump(self) -> list[Any]:
        return list(asdict(self).values())

    @classmethod
    def load(cls, data: Sequence[Any]) -> "Fault":
        fault = cls(**dict(zip(cls.__slots__, data, strict=False)))
        fault.level = None if fault.level is None else Severity(fault.level)
        return fault


class Vacant(DeviceState, HearingState):
    """Sits where a state was taken out, and hears in its stead."""

    __slots__ = ()

    def __init__(self, out: State) -> None:
        self.rule, self.seat, self.nth = out.rule, out.seat, out.nth

    def take(self, value: float, at_ms: int, watched_ms: int) -> None:
        return None

    def hear(self, key: str, value: float, at_ms: int, watched_ms: int) -> None:
        return None

    def severity(self) -> Severity | None:
        return None

    def heard(self, at_ms: int, watched_ms: int) -> Sequence[Shift]:
        return ()

    def said(self, word: str) -> None:
        pass

    def look(self, at_ms: int, watched_ms: int, seeing_ms: int) -> Sequence[Shift]:
        return ()

    def told(self, word: Word, at_ms: int, watched_ms: int) -> Sequence[Shift]:
        return ()

    def warned(self, warning: Warning, now_ms: int, watched_ms: int) -> Sequence[Shift]:
        return ()

    def passed(self, now_ms: int, watched_ms: int) -> Sequence[Shift]:
        return ()


class TrialEar(KeyedEar):
    """The ear of a state on trial: what it takes without an error is counted."""

    __slots__ = ("_fault", "inner")

    def __init__(self, inner: Ear, fault: Fault) -> None:
        self.state, self.inner, self._fault = inner.state, inner, fault

    def take(self, value: float, at_ms: int, watched_ms: int) -> Sequence[Shift] | None:
        shifts = self.inner.take(value, at_ms, watched_ms)
        self._fault.ran += 1
        return shifts


class Chairs:
    """Who sits where a plan has put a state that failed; all the others are where they were."""

    def __init__(self, made: Plan) -> None:
        self._plan = made
        self._seated: dict[Key, State] = {}
        """Of those that failed once: the vacant or the fresh one."""

    def states(self) -> Iterator[State]:
        """All that judge now, in the plan's order."""
        if not self._seated:
            yield from self._plan.states
            return
        for planned in self._plan.states:
            state = self._seated.get(planned.key, planned)
            if not isinstance(state, Vacant):
                yield state

    def is_out(self, state: State) -> bool:
        """Whether it was taken out; somebody may still be walking a list that it was in."""
        return bool(self._seated) and self._seated.get(state.key, state) is not state

    def clear(self, state: State) -> None:
        """Take it out of everything that would feed it."""
        self._swap(state, Vacant(state))

    def seat(self, key: Key, state: State, fault: Fault) -> None:
        """A fresh state where one failed; ``fault`` counts how often it takes a reading."""
        vacant = self._seated[key]
        state.rule, state.seat, state.nth = vacant.rule, vacant.seat, vacant.nth
        self._swap(vacant, state, fault)

    def try_out(self, state: State, fault: Fault) -> None:
        """The same for one that the plan itself has just made."""
        self._swap(state, state, fault)

    def believe(self, key: Key) -> State:
        """Its readings need no longer be counted."""
        state = self._seated[key]
        self._swap(state, state)
        return state

    def _swap(self, before: State, after: State, fault: Fault | None = None) -> None:
        self._seated[before.key] = after

        def ear(of: Ear) -> Ear:
            plain = of.inner if isinstance(of, TrialEar) else of
            moved = KeyedEar(after, plain.key) if isinstance(plain, KeyedEar) else after
            return moved if fault is None else TrialEar(moved, fault)

        self._plan.swap(before, after, ear)


def fresh(
    keys: Iterable[Key], packs: Packs, registry: Registry, house: HouseTime
) -> dict[Key, State]:
    """New states of one rule for these keys. Raises what the rule raises."""
    wanted = list(keys)
    (rule,) = {key[0] for key in wanted}
    made = plan(Packs(rules={rule: packs.rules[rule]}), registry, house)
    known = made.known()
    return {key: state for key in wanted if (state := made.find(key, known)) is not None}

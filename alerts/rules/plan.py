"""The plan: which states there are, and who hears what; ``alerts.rules.planning`` makes it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from alerts.rules.ears import Ears
from alerts.rules.own import Own
from alerts.rules.rule import Ear, HearingState, Rule, State
from edge.contract.subject import SubjectKind

Key = tuple[str, str, str]
"""(rule, subject, device); the device is empty where a rule judges all devices of a subject as one."""


@dataclass(slots=True)
class Plan:
    """States by what they hear. Those of a device's own metrics are made by their first reading."""

    ears: dict[str, dict[str, Ears]] = field(default_factory=dict)
    """By site and device."""
    hearing: dict[str, dict[str, list[HearingState]]] = field(default_factory=dict)
    """By site and place, who hears other rules there."""
    warned: dict[str, list[HearingState]] = field(default_factory=dict)
    """By site, who hears official warnings."""
    states: list[State] = field(default_factory=list)
    firsts: dict[tuple[str, str], State] = field(default_factory=dict)
    """By rule and subject, the first state where several devices tell of the subject."""
    own: Own = field(default_factory=Own)

    def of(self, site: str, device: str) -> Ears | None:
        return self.ears.get(site, {}).get(device)

    def hear(self, ears: Ears, place: str, port: str, metric: str) -> Sequence[Ear]:
        """Who hears this series of the device."""
        if not (place or port):
            for rule in self.own.metrics.get(metric, ()):
                if all(ear.state.rule is not rule for ear in ears.own()):
                    self._meet(ears, rule, metric)
        return ears.of(place, port, metric)

    def every(self) -> Sequence[State]:
        """All states that a reading may ever meet: for whoever asks what is judged at all."""
        for devices in self.ears.values():
            for ears in devices.values():
                for metric in self.own.metrics:
                    self.hear(ears, "", "", metric)
        return self.states

    def known(self) -> dict[Key, State]:
        """The states by their keys."""
        return {state.key: state for state in self.states}

    def find(
        self, key: Key, known: dict[Key, State], dumped: list[Any] | None = None
    ) -> State | None:
        """The state of this key, of ``known`` or one that no reading has made yet; None where
        ``dumped`` says of such a one what it says when it is fresh."""
        state = known.get(key)
        if state is None and key[0] in self.own.rules:
            kind, _, path = key[1].partition(":")
            site, _, name = path.partition("/")
            ears = self.of(site, name)
            if kind == SubjectKind.DEVICE.value and ears is not None:
                rule = self.own.rules[key[0]]
                state = self._meet(ears, rule, rule.metrics[0], dumped)
            if state is not None:
                known[key] = state
        return state

    def heard_of(self, devices: Iterable[tuple[str, str]]) -> frozenset[int]:
        """The states (by ``order``) to which any of these devices speaks, or will."""
        found: set[int] = set()
        for site, device in devices:
            if (ears := self.of(site, device)) is not None:
                found.update(state.order for state in ears.judges)
                found.update(ear.state.order for ear in ears.all())
                own = ears.first + ears.count
                found.update(range(own, own + len(self.own.rules)))
        return frozenset(found)

    def swap(self, before: State, after: State, ear: Callable[[Ear], Ear]) -> None:
        """Seat ``after`` wherever ``before`` sits, its ears as ``ear`` makes them of those there."""
        seat, rule = before.seat, before.rule
        alone = rule.PER_DEVICE and not rule.near
        only = self.of(seat.subject.site, seat.device) if alone else None
        everybody = (each for devices in self.ears.values() for each in devices.values())
        for ears in everybody if only is None else (only,):
            ears.swap(before, after, ear)
        lists = [
            *self.hearing.get(seat.subject.site, {}).values(),
            self.warned.get(seat.subject.site, []),
        ]
        for hearing in lists:  # in place: the engine may be walking them
            for i, each in enumerate(hearing):
                if each is before and isinstance(after, HearingState):
                    hearing[i] = after

    def _meet(
        self, ears: Ears, rule: Rule, metric: str, dumped: list[Any] | None = None
    ) -> State | None:
        state = self.own.begin(ears, rule)
        if state is None or state.dump() == dumped:
            return None
        ears.gain(metric, state)
        self.states.append(state)
        return state

"""Outage: several devices that fell silent together, as without power or network. A guess, never sure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from alerts.registry.model import Device
from alerts.rules.inputs import Warning
from alerts.rules.ladder import Change
from alerts.rules.limit import Breach, Limited, LimitState
from alerts.rules.rule import (
    COMMON_HOLES,
    Duration,
    Expected,
    HearingState,
    Mistake,
    Shift,
    State,
    Word,
    spell_duration,
)

LEAST = 2  # one silent device says nothing about its neighbours
SITE_MOST = 50  # devices: a larger site is fed by more than one line
_FOREVER_MS = 1 << 62  # who is silent is so until it is heard
_SCOPES = {False: ("这里", "here"), True: ("全社区", "of the community")}
_ON_BATTERY = frozenset({"mains", "battery"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage(Limited):
    """Judges what part of a place's devices fell silent within ``window`` of one another; where it
    has one alone, of the site's.

    Silent is what a rule of ``silences`` rings for, since the device was heard last. Left out are
    what speaks through a gateway, what has a battery (bound to ``mains`` or ``battery``) and what
    was silent before.
    """

    GIVES: ClassVar = COMMON_HOLES | {"silent", "back", "all", "scope_zh", "scope_en"}
    MEASURE: ClassVar = "percent"
    PER_DEVICE: ClassVar = False
    JUDGES_PLACES: ClassVar = True
    IS_TIMELESS: ClassVar = False
    NUMBERS: ClassVar = ("window_ms",)

    kind: Literal["outage"] = "outage"
    silences: tuple[str, ...]
    window_ms: Annotated[Duration, Field(alias="window")]

    @property
    def rules_heard(self) -> tuple[str, ...]:
        return self.silences

    def measure(self) -> str:
        window = spell_duration(self.window_ms)
        return f"percent that fell silent ({', '.join(self.silences)}) within {window}"

    def begin(self, expected: Expected) -> State | None:
        """None where there are not two devices to compare, or too many for one line."""
        place = expected.place
        if place is None or not self.given():
            return None
        here = {str(device): place.id for device in expected.at_home.get(place.id, ())}
        if len(here) >= LEAST:
            return OutageState(self, expected, here, "")
        site = {str(each): spot for spot, some in expected.at_home.items() for each in some}
        if here and LEAST <= len(site) <= SITE_MOST:
            return OutageState(self, expected, site, next(iter(here)))
        return None

    def mistakes(self) -> Iterator[Mistake]:
        yield from Limited.mistakes(self)
        if self.metric:
            yield Mistake("metric", "an outage has no metric", "leave it out")
        if not self.silences or self.id in self.silences:
            remedy = "name rules of kind absence in 'silences'"
            yield Mistake("silences", "hears no rule of silence", remedy)


class OutageState(LimitState, HearingState):
    """Of each counted device at which place it is at home, and since when it is silent, if it is."""

    __slots__ = ("alone", "homes", "silent", "window_ms")

    def __init__(
        self, rule: Outage, expected: Expected, homes: Mapping[str, str], alone: str
    ) -> None:
        LimitState.__init__(self, rule, expected)
        self.hold(_FOREVER_MS)
        self.window_ms = rule.window_ms
        self.homes = homes
        """By subject: the place's devices, or the site's."""
        self.alone = alone
        """The place's only device, which must be among the silent; empty where it has more."""
        self.silent: dict[str, int] = {}

    @property
    def hears_at(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.homes.values()))

    def told(self, word: Word, at_ms: int, watched_ms: int) -> Sequence[Shift]:
        subject, is_silent = word.subject, word.severity is not None
        if subject not in self.homes or is_silent is (subject in self.silent):
            return ()
        if is_silent:
            self.silent[subject] = word.since_ms
        else:
            del self.silent[subject]
        return self.judge(self._percent(), max(at_ms, self.last_ms), watched_ms) or ()

    def warned(self, warning: Warning, now_ms: int, watched_ms: int) -> Sequence[Shift]:
        return ()

    def passed(self, now_ms: int, watched_ms: int) -> Sequence[Shift]:
        return ()

    def _percent(self) -> float:
        together = self._together()
        if len(together) < LEAST or (self.alone and self.alone not in together):
            return 0.0
        return 100 * len(together) / self._speaking(together)

    def _together(self) -> list[str]:
        """The most that fell silent within the window, of equal ones the latest."""
        groups = (
            [each for each, at_ms in self.silent.items() if 0 <= at_ms - first <= self.window_ms]
            for first in sorted(self.silent.values(), reverse=True)
        )
        return max(groups, key=len, default=[])

    def _speaking(self, together: Sequence[str]) -> int:
        """How many spoke when these fell silent."""
        return len(self.homes) - len(self.silent) + len(together)

    def show(self, measure: float, limit: float | None, peak: float) -> Mapping[str, Any]:
        together = self._together()
        scope_zh, scope_en = _SCOPES[bool(self.alone)]
        speaking = self._speaking(together)
        facts = {
            "silent": len(together),
            "back": speaking - len(together),
            "all": speaking,
            "scope_zh": scope_zh,
            "scope_en": scope_en,
        }
        return {"facts": facts}

    def _shift(self, breach: Breach, change: Change, value: float) -> Shift:
        """It began when the first of them was heard last, not when that was noticed."""
        shift = LimitState._shift(self, breach, change, value)
        first_ms = min((self.silent[each] for each in self._together()), default=shift.since_ms)
        return replace(shift, since_ms=min(first_ms, shift.since_ms))

    def dump(self) -> list[Any]:
        return [LimitState.dump(self), self.silent]

    def load(self, data: list[Any]) -> None:
        LimitState.load(self, data[0])
        self.silent = {each: at_ms for each, at_ms in data[1].items() if each in self.homes}


def counts(device: Device) -> bool:
    """Whether its silence tells of the mains: it speaks for itself and is not known to have a battery."""
    bound = {metric for binding in device.bindings for metric in binding.metrics}
    return not device.gateway and not bound & _ON_BATTERY

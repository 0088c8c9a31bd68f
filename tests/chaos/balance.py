"""The balance that must hold at the end of each experiment, counted from the outside. Pure.

readings issued = store + dead letters + counted drops + device journals
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Key(NamedTuple):
    """One reading, by what its device calls it."""

    device: str
    run: str
    seq: int


class Point(NamedTuple):
    """One reading as the store holds it."""

    device: str
    place: str
    port: str
    metric: str
    at_ms: int
    value: float | None


@dataclass(kw_only=True)
class Found:
    """What was found at the end: of the devices, and of everything that a reading may have become."""

    issued: Mapping[Key, Point]
    """What the devices handed out, and which point each is to be."""
    stored: Counter[Point] = field(default_factory=Counter)
    journalled: Counter[Key] = field(default_factory=Counter)
    """How often the collector's journal has each: once."""
    dead: Counter[Key] = field(default_factory=Counter)
    dropped: Mapping[str, int] = field(default_factory=dict)
    """By device, how many readings its own cap took, as the collector has counted them."""
    given_up: Collection[Key] = ()
    """Which those were, as the devices tell."""
    waiting: Collection[Key] = ()
    """What lies in the devices' journals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Each reading issued is in one place; ``waiting`` are those that are in a device only."""

    issued: int
    stored: int
    dead: int
    dropped: int
    waiting: int
    complaints: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return not self.complaints

    def __str__(self) -> str:
        sign = "=" if self.issued == self.stored + self.dead + self.dropped + self.waiting else "!="
        return (
            f"{self.issued} issued {sign} {self.stored} stored + {self.dead} dead"
            f" + {self.dropped} dropped + {self.waiting} in device journals"
        )


def balance(found: Found) -> Balance:
    """Where each reading is, and what is wrong with that."""
    issued = found.issued
    stored = {key for key, point in issued.items() if point in found.stored}
    dead = set(found.dead) - stored
    waiting = set(found.waiting) - stored - dead
    rest = set(issued) - stored - dead - waiting
    gone = rest & set(found.given_up)
    return Balance(
        issued=len(issued),
        stored=len(stored),
        dead=len(dead & set(issued)),
        dropped=sum(found.dropped.values()),
        waiting=len(waiting & set(issued)),
        complaints=tuple(_complaints(found, stored, gone, rest - gone)),
    )


def _complaints(found: Found, stored: set[Key], gone: set[Key], lost: set[Key]) -> Iterator[str]:
    issued = found.issued
    if lost:
        yield f"{len(lost)} lost: {_some(lost)}"
    counted, missing = Counter(found.dropped), Counter(key.device for key in gone)
    if +counted != +missing:
        yield f"dropped by devices {dict(missing)}, but counted {dict(+counted)}"
    if twice := [key for key, count in found.journalled.items() if count > 1]:
        yield f"{len(twice)} twice in the collector's journal: {_some(twice)}"
    if twice := [key for key, count in found.dead.items() if count > 1]:
        yield f"{len(twice)} dead more than once: {_some(twice)}"
    if both := set(found.dead) & stored:
        yield f"{len(both)} dead and stored: {_some(both)}"
    points = set(issued.values())
    if invented := [point for point in found.stored if point not in points]:
        yield f"{len(invented)} stored that nobody issued: {_some(invented)}"
    if doubled := [point for point, count in found.stored.items() if count > 1]:
        yield f"{len(doubled)} points stored more than once: {_some(doubled)}"
    if strange := (set(found.dead) | set(found.journalled)) - set(issued):
        yield f"{len(strange)} taken in that nobody issued: {_some(strange)}"
    if len(points) < len(issued):
        yield f"{len(issued) - len(points)} readings share a point with another"


def _some(many: Collection[object]) -> str:
    return ", ".join(sorted(map(str, many))[:3])

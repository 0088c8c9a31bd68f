"""Ears: which states hear what one device says, as compactly as a hundred thousand series ask for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache

from alerts.registry.model import Device
from alerts.rules.rule import DeviceState, Ear, State

Pattern = dict[str, tuple[int, ...]]
"""By metric, which ears of a spot hear it; one for all spots that are heard alike."""


class Spot:
    """What a device says of one place and port, and who hears it."""

    __slots__ = ("ears", "pattern", "place", "port")

    def __init__(self, place: str, port: str, pattern: Pattern, ears: tuple[Ear, ...]) -> None:
        self.place, self.port, self.pattern, self.ears = place, port, pattern, ears


class Ears:
    """Who hears one device; its states begin at ``first`` in the engine's order, ``count`` of them.

    ``judges`` look at whether it speaks at all.
    """

    __slots__ = ("count", "device", "first", "judges", "spots")

    def __init__(self, device: Device, first: int) -> None:
        self.device, self.first = device, first
        self.count = 0
        self.spots: tuple[Spot, ...] = ()
        self.judges: tuple[DeviceState, ...] = ()

    def of(self, place: str, port: str, metric: str) -> list[Ear]:
        """Who hears this series, in the order of the plan."""
        return [
            spot.ears[i]
            for spot in self.spots
            if spot.place == place and spot.port == port
            for i in spot.pattern.get(metric, ())
        ]

    def all(self) -> Iterator[Ear]:
        for spot in self.spots:
            yield from spot.ears

    def own(self) -> Iterator[Ear]:
        """Who hears what the device says of itself."""
        for spot in self.spots:
            if not (spot.place or spot.port):
                yield from spot.ears

    def gain(self, metric: str, ear: Ear) -> None:
        """This hears now what the device says of itself; in the order of the plan, whoever came first."""
        own = [ear, *self.own()]
        own.sort(key=lambda each: each.state.nth)
        others = [spot for spot in self.spots if spot.place or spot.port]
        self.spots = (
            *others,
            *(Spot("", "", _alone(each.state.rule.metrics[0]), (each,)) for each in own),
        )

    def swap(self, before: State, after: State, ear: Callable[[Ear], Ear]) -> None:
        """``after`` for ``before``. New tuples: somebody may be walking the old."""
        if isinstance(after, DeviceState):
            self.judges = tuple(after if each is before else each for each in self.judges)
        if any(each.state is before for each in self.all()):
            self.spots = tuple(
                Spot(
                    spot.place,
                    spot.port,
                    spot.pattern,
                    tuple(ear(each) if each.state is before else each for each in spot.ears),
                )
                for spot in self.spots
            )


@lru_cache(4096)
def _alone(metric: str) -> Pattern:
    return {metric: (0,)}


class Patterns:
    """``spot`` from ears by metric; what is alike is one object."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[str, tuple[int, ...]], ...], Pattern] = {}

    def spot(self, place: str, port: str, heard: Mapping[str, Sequence[Ear]]) -> Spot:
        ears = tuple(ear for some in heard.values() for ear in some)
        at, pattern = 0, []
        for metric, some in heard.items():
            pattern.append((metric, tuple(range(at, at + len(some)))))
            at += len(some)
        key = tuple(pattern)
        return Spot(place, port, self._known.setdefault(key, dict(key)), ears)

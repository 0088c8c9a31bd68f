"""Which topic pattern a topic falls under: a tree of levels, so a thousand devices cost no more than one."""

from typing import Generic, TypeVar

T = TypeVar("T")

_ONE, _REST = "+", "#"


class Patterns(Generic[T]):
    """MQTT patterns (4.7 of MQTT 5) with what each leads to."""

    def __init__(self) -> None:
        self._root = _Level[T]()

    def add(self, pattern: str, leads_to: T) -> None:
        """The first that is given keeps a pattern."""
        level = self._root
        for name in pattern.split("/"):
            level = level.below.setdefault(name, _Level())
        if level.leads_to is None:
            level.leads_to = leads_to

    def find(self, topic: str) -> T | None:
        """What the nearest pattern leads to: at each level its own name goes before + and #."""
        return self._root.find(topic.split("/"), 0)


class _Level(Generic[T]):
    __slots__ = ("below", "leads_to")

    def __init__(self) -> None:
        self.below: dict[str, _Level[T]] = {}
        self.leads_to: T | None = None

    def find(self, names: list[str], at: int) -> T | None:
        below = self.below
        if at == len(names):
            if self.leads_to is not None:
                return self.leads_to
            # "a/#" is "a" as well.
            return below[_REST].leads_to if _REST in below else None
        # A name that is a wildcard itself is no topic, and must not find one.
        if names[at] not in (_ONE, _REST) and (level := below.get(names[at])):
            found = level.find(names, at + 1)
            if found is not None:
                return found
        if level := below.get(_ONE):
            found = level.find(names, at + 1)
            if found is not None:
                return found
        return below[_REST].leads_to if _REST in below else None

"""What is to be said when, pure: incidents, what the guard did, a server that is away.

Times are house milliseconds of a steady clock. Something urgent is repeated until it is taken over
or hushed; everything else is said once.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from edge.announcer import words
from edge.announcer.words import Words

HOUR_MS = 3_600_000
MOST = 20  # that are said in turn; more would be noise
TIMES = 240  # two hours at 30 s; who has not come by then does not hear it


@dataclass(slots=True)
class Item:
    """One thing to say. ``incident`` is empty for what the box says of itself."""

    key: str
    texts: Words
    is_urgent: bool
    due_ms: int
    incident: str = ""
    said: int = 0


@dataclass(slots=True)
class Agenda:
    """What is being announced. ``silent_ms`` is how long the server may be away unsaid; 0: for ever."""

    repeat_ms: int
    silent_ms: int
    items: dict[str, Item] = field(default_factory=dict)
    _away_ms: int | None = None
    _is_said: bool = False
    _next_ms: int = 0

    def announce(self, incident: str, texts: Words, now_ms: int, *, is_urgent: bool) -> None:
        """Say an incident; the same one anew replaces its words."""
        self._add(Item(f"incident {incident}", texts, is_urgent, now_ms, incident))

    def note(self, key: str, texts: Words, now_ms: int, *, is_urgent: bool = False) -> None:
        """Say something of the box itself."""
        if texts:
            self._add(Item(key, texts, is_urgent, now_ms))

    def hush(self, incident: str) -> bool:
        """Say no more of an incident; whether it was being said."""
        return self.items.pop(f"incident {incident}", None) is not None

    def drop(self, key: str) -> None:
        self.items.pop(key, None)

    def take_over(self) -> list[str]:
        """Somebody is there: nothing is repeated; the incidents that this takes over."""
        taken = [item.incident for item in self.items.values() if item.incident]
        self.items.clear()
        return taken

    def server(self, is_there: bool, now_ms: int) -> None:
        """The server is heard of, or not any more. A box that starts counts from its start."""
        if is_there:
            if self._is_said:
                self.drop("server")
                self.note("server", words.of_return(), now_ms)
            self._away_ms, self._is_said = None, False
        elif self._away_ms is None:
            self._away_ms = now_ms
            self._next_ms = now_ms + self.silent_ms

    def due(self, now_ms: int) -> Item | None:
        """What to say now, urgent things first; it counts as said."""
        if self._away_ms is not None and self.silent_ms and now_ms >= self._next_ms:
            self._is_said = True
            self._next_ms = now_ms + HOUR_MS
            self.note("server", words.of_silence(now_ms - self._away_ms), now_ms)
        ready = [item for item in self.items.values() if item.due_ms <= now_ms]
        if not ready:
            return None
        item = min(ready, key=lambda item: (not item.is_urgent, item.said, item.due_ms))
        item.said += 1
        item.due_ms = now_ms + self.repeat_ms
        if not item.is_urgent or item.said >= TIMES:
            # An incident stays, unsaid, so that the button can take it over.
            item.due_ms = 2**62
            if not item.incident:
                self.drop(item.key)
        return item

    def wait_ms(self, now_ms: int) -> int | None:
        """How long nothing is due."""
        times = [item.due_ms for item in self.items.values()]
        if self._away_ms is not None and self.silent_ms:
            times.append(self._next_ms)
        return max(0, min(times) - now_ms) if times else None

    def _add(self, item: Item) -> None:
        self.items[item.key] = item
        while len(self.items) > MOST:
            self.drop(min(self.items.values(), key=_dearness).key)


def in_order(texts: Iterable[tuple[str, str]], languages: Iterable[str]) -> list[tuple[str, str]]:
    """The texts in these languages, in this order; all of them when there is none in these."""
    given = dict(texts)
    return [(each, given[each]) for each in languages if each in given] or list(given.items())


def _dearness(item: Item) -> tuple[bool, int]:
    """What goes first when there is too much: what is not urgent, the most often said."""
    return item.is_urgent, -item.said

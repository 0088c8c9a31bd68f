"""House time as the journal tells it: how much has passed, and how much of it was seen."""

from dataclasses import dataclass
from typing import Any

from alerts.rules.inputs import Sight

# Entries come every few seconds, since ticks are journalled. A longer gap is a clock that was set
# or a watch that did not run: it was not seen, and what was silent in it is not known.
MOST_BETWEEN_MS = 10 * 60_000


@dataclass(slots=True)
class HouseTime:
    """``watched_ms`` counts what was seen: it leaves out blind intervals and never jumps ahead."""

    watched_ms: int = 0
    last_ms: int = 0
    sees: bool = False
    seeing_from_ms: int = 0
    """The watched time at which the present, unbroken sight began."""

    def arrive(self, at_ms: int) -> None:
        """An entry arrived at ``at_ms`` by the house clock."""
        passed_ms = at_ms - self.last_ms if self.last_ms else 0
        self.last_ms = at_ms
        if passed_ms <= 0 or not self.sees:
            return
        if passed_ms > MOST_BETWEEN_MS:
            self.seeing_from_ms = self.watched_ms
        else:
            self.watched_ms += passed_ms

    def sight(self, sight: Sight, at_ms: int) -> None:
        """The cell sees or is blind since ``since_ms``; call ``arrive`` first.

        A second "sees" means that sight was lost between, without a word (the watch was killed).
        """
        if sight.sees:
            self.sees = True
            self.seeing_from_ms = self.watched_ms
        elif self.sees:
            self.sees = False
            blind_ms = max(0, at_ms - sight.since_ms)
            self.watched_ms = max(self.seeing_from_ms, self.watched_ms - blind_ms)

    @property
    def seeing_ms(self) -> int:
        return self.watched_ms - self.seeing_from_ms if self.sees else 0

    def dump(self) -> list[Any]:
        return [self.watched_ms, self.last_ms, self.sees, self.seeing_from_ms]

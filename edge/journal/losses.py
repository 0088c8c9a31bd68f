"""What a cap has dropped: counted for ever, and announced until the server has heard of it. Pure."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from edge.contract.ranges import Ranges
from edge.journal.rows import Dropped

Span = tuple[str, int, int, str]
"""A run, its first and last number that are gone, and why."""


@dataclass(slots=True)
class Losses:
    count: int = 0
    untold: list[Span] = field(default_factory=list)

    def add(self, dropped: Iterable[Dropped]) -> None:
        """These were dropped just now; neighbours of one run and reason are one range."""
        spans = [(each.run, each.lo, each.hi, each.reason) for each in dropped]
        self.count += sum(hi - lo + 1 for _, lo, hi, _ in spans)
        self.untold = _joined([*self.untold, *spans])

    def take_up(self, count: int, text: str) -> None:
        """Those of earlier runs, as ``text`` spelled them."""
        self.count += count
        self.untold += [(run, lo, hi, why) for run, lo, hi, why in json.loads(text)]

    def told(self, spans: Sequence[Span]) -> None:
        """The server has heard of these."""
        heard = set(spans)
        self.untold = [span for span in self.untold if span not in heard]

    def text(self) -> str:
        """What is untold, for the journal."""
        return json.dumps(self.untold, separators=(",", ":"))

    def copy(self) -> "Losses":
        return replace(self, untold=list(self.untold))


def _joined(spans: Iterable[Span]) -> list[Span]:
    by_run: dict[tuple[str, str], Ranges] = {}
    for run, lo, hi, reason in spans:
        by_run.setdefault((run, reason), Ranges()).add(lo, hi)
    return [(run, lo, hi, why) for (run, why), ranges in by_run.items() for lo, hi in ranges]

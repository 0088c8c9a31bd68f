"""Refusals: which share of a device's records is dead, told as a reading of the house's own. Pure.

Rules read nothing but the journal, so the share is a reading there, of the device, without a place.
"""

from dataclasses import dataclass

from collector.house import figure
from collector.judged import Judged
from edge.contract.reading import Batch

WINDOW_MS = 5 * 60_000  # house time; a share is told at most so often
LEAST = 100  # records, of which one is a hundredth
REFUSED_SHARE = "refused-share"
LONGEST_MS, LEAST_OF_LONGEST = 86_400_000, 20  # a slow device is judged by its day


@dataclass(slots=True)
class _Count:
    since_ms: int
    taken: int = 0
    dead: int = 0
    was_dead: bool = False


class Refusals:
    """``note`` what is journalled; ``due`` gives the readings to journal."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], _Count] = {}

    def note(self, judged: Judged, now_ms: int) -> None:
        for batch in judged.batches:
            if batch.is_news:
                self._of((batch.site, batch.device), now_ms).taken += len(batch)
        for device, count in judged.refused.items():
            self._of(device, now_ms).dead += count

    def due(self, now_ms: int) -> list[Batch]:
        """Shares of windows that are full; a device that has refused nothing is not spoken of."""
        found = []
        for device, count in self._counts.items():
            passed_ms, seen = now_ms - count.since_ms, count.taken + count.dead
            if passed_ms < WINDOW_MS or (seen < LEAST and passed_ms < LONGEST_MS):
                continue
            if (count.dead or count.was_dead) and seen >= LEAST_OF_LONGEST:
                share = round(100 * count.dead / seen, 2)
                found.append(figure(device, REFUSED_SHARE, share, now_ms))
                count.was_dead = count.dead > 0
            count.since_ms, count.taken, count.dead = now_ms, 0, 0
        return found

    def _of(self, device: tuple[str, str], now_ms: int) -> _Count:
        return self._counts.setdefault(device, _Count(now_ms))

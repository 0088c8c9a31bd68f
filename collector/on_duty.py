"""Whether somebody answers for every post: a figure of the house, looked at each minute."""

import logging

from alerts.incidents.roster import gaps
from collector.house import House
from collector.operating import Operating
from edge.clock import Clock
from edge.contract.reading import Batch

log = logging.getLogger("collector.watch")


class OnDuty:
    """``look`` is called each minute; ``figures`` says what was seen last."""

    def __init__(self, operating: Operating, clock: Clock) -> None:
        self._operating = operating
        self._clock = clock
        self._missing: tuple[str, ...] | None = None

    async def look(self) -> None:
        """Ask the operations database, and note who is missing."""
        missing = tuple(
            person.id for person, _ in gaps(await self._operating.roster(), self._clock.now())
        )
        if missing and missing != self._missing:
            log.warning("nobody answers for %s", ", ".join(missing))
        self._missing = missing

    def figures(self, house: House, now_ms: int) -> list[tuple[int, Batch]]:
        """Nothing before the first look."""
        if self._missing is None:
            return []
        return house.said("untold-posts", len(self._missing), now_ms)

"""The house about itself: figures that it journals, so that rules can judge them. Pure.

Rules read the journal and nothing else (docs/decisions.md, 36). So whatever the house has to say of
its own state, or of a device beside what the device says, becomes a reading in the journal: a metric
of the catalogue with ``by_house``, without a place, of the device that it is about or of the house
itself (device ``server`` of the first site; rules on it have ``places = ["cell"]``, its subject is
``cell:<site>/server``). It is journalled on change, and again as a heartbeat while nothing changes.
It is no news: a silent device is not heard by it.

A caller says the figure each time it looks, every few seconds, calm or not, and journals what comes
back. A figure that nobody says any more goes stale in the rules by itself.
"""

from alerts.registry.model import Registry
from edge.contract.metrics import METRICS
from edge.contract.quality import Quality
from edge.contract.reading import Batch, Reading
from edge.contract.topics import SERVER

REST_MS = 60_000  # house time: a figure that changes all the time is told once a minute
HEARTBEAT_MS = 300_000  # a third of HOUSE_HOLD_S in alerts/rules/planning.py: two may fail to come

Who = tuple[str, str]
"""A device: its site and its id."""


class House:
    """Remembers what it has told of whom; after a restart everything is told anew."""

    def __init__(self) -> None:
        self._site = ""
        self._told: dict[tuple[Who, str], tuple[float, int]] = {}

    def use(self, registry: Registry) -> None:
        """The registry that holds from now on; without a site the house has nobody to tell."""
        self._site = registry.sites[0].id if registry.sites else ""

    def said(
        self, name: str, value: float, now_ms: int, about: Who | None = None
    ) -> list[tuple[int, Batch]]:
        """What is to be journalled now that metric ``name`` has this value (of ``about``, else of the
        house itself): nothing, or one entry. ``now_ms`` is the house clock's.
        """
        who = about or (self._site, SERVER)
        if not who[0]:
            return []
        value = round(value, METRICS[name].decimals)
        old, at_ms = self._told.get((who, name), (None, now_ms))
        # A clock that was set back must not silence the figure until it has caught up.
        passed_ms = now_ms - at_ms if now_ms >= at_ms else HEARTBEAT_MS
        is_due = old is None or passed_ms >= (HEARTBEAT_MS if value == old else REST_MS)
        if not is_due:
            return []
        self._told[who, name] = value, now_ms
        return [(now_ms, figure(who, name, value, now_ms))]


def figure(who: Who, name: str, value: float, at_ms: int) -> Batch:
    """One figure of the house's as a batch of its own; it has no run, so nothing is held by it."""
    batch = Batch(site=who[0], device=who[1], run="", first=0, count=1, is_news=False)
    batch.add(
        Reading(place="", port="", metric=name, value=value, at_ms=at_ms, quality=Quality.GOOD)
    )
    return batch

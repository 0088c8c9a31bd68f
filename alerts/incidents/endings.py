"""Who is told that the silence he asked for is about to end, while he can still make it longer. Pure."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.incidents.asking import own_address
from alerts.incidents.daytime import by_day, is_day
from alerts.incidents.silences import Silence, Snooze
from alerts.incidents.who import Reason, zone_of
from alerts.registry.model import Address, Person, Registry

LONG = timedelta(hours=4)  # proposal: of a shorter one whoever asked for it still thinks
BEFORE = timedelta(hours=1)  # proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What is decided of a silence that ends; nobody is told when there is no ``address``."""

    silence: Silence
    person: Person
    reason: Reason
    address: Address | None = None

    @property
    def about(self) -> str:
        return about(self.silence)


def due_endings(
    silences: Sequence[Silence],
    told: Collection[str],
    registry: Registry,
    now: datetime,
    snoozes: Sequence[Snooze] = (),
) -> Iterator[Ending]:
    """What is to be said now; ``told`` are the ``about`` of what was."""
    people = {person.id: person for person in registry.people}
    for silence in silences:
        person, zone = people.get(silence.who), zone_of(silence.site, registry)
        is_long = silence.until - silence.since >= LONG
        if person is None or about(silence) in told or not (is_long and silence.holds(now)):
            continue
        at = by_day(silence.until - BEFORE, silence.since, silence.until, zone)
        if now < at or not is_day(now, zone):
            continue
        found = own_address(person, registry, now, snoozes)
        if isinstance(found, Address):
            yield Ending(silence=silence, person=person, reason=Reason.REMINDED, address=found)
        elif found is not None:
            yield Ending(silence=silence, person=person, reason=found)


def about(silence: Silence) -> str:
    """Its name in the store."""
    return f"silence:{silence.id}"

"""Whom a duty waits for: its holder, else the first tier; and who stands behind them. Pure.

No volunteer is reminded, nor whoever said 去不了: where nobody else of a tier can be, the next is,
and once.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alerts.incidents.daytime import free_at
from alerts.incidents.duties import Waiting
from alerts.incidents.silences import Silence, Snooze
from alerts.incidents.who import (
    BESIDE,
    VOLUNTEERS,
    Reason,
    Roster,
    Verdict,
    addresses_for,
    people_of,
    place_of,
    tier_for,
    tiers_of,
)
from alerts.notify.notice import NoticeReason
from alerts.registry.model import Address, Person, Registry


def own_address(
    person: Person, registry: Registry, now: datetime, snoozes: Sequence[Snooze]
) -> Address | Reason | None:
    """Where he is reminded now of what is about no incident, or why not; None while he wants quiet."""
    own = [one for one in addresses_for(person, NoticeReason.REMINDER, registry) if not one.group]
    if person.role in VOLUNTEERS:
        return Reason.VOLUNTEER
    if not own:
        return Reason.NO_QUIET_ADDRESS if person.addresses else Reason.NO_ADDRESS
    return own[0] if free_at(person, 0, registry, snoozes, now)[0] <= now else None


@dataclass(frozen=True, slots=True)
class World:
    """What of the world a reminder depends on. ``span`` is the time that a duty has."""

    registry: Registry
    now: datetime
    roster: Roster | None
    silences: Sequence[Silence]
    snoozes: Sequence[Snooze]
    span: timedelta


class Asking:
    """Of one duty; ``reminded`` are those who were before. ``stands_behind`` holds after ``verdicts``:
    whoever it waits for is not those who are asked now."""

    def __init__(self, each: Waiting, reminded: Collection[str], world: World) -> None:
        self._each = each
        self._reminded = reminded
        self._world = world
        self.stands_behind = False

    def verdicts(self, muted: Reason | None) -> tuple[Verdict, ...]:
        """One on everybody of the site; those whose turn it is have a ``due_at``."""
        incident = self._each.incident
        registry = self._world.registry
        place, steps = place_of(incident, registry), tiers_of(incident, registry)
        people = people_of(incident, registry)
        tiers = {person.id: tier_for(person, steps, place) for person in people}
        found: dict[str, Verdict] = {}
        for nth, (step, group) in enumerate(self._groups(people, tiers, len(steps))):
            self.stands_behind = nth > 0
            made = [one for person in group for one in self._weigh(person, step)]
            if muted is not None:
                made = [
                    replace(one, reason=muted, due_at=None) if one.due_at else one for one in made
                ]
            for one in made:
                found.setdefault(one.person.id, one)
            if any(one.due_at or one.reason in (muted, Reason.ALREADY_TOLD) for one in made):
                break
        for person in people:
            tier = tiers[person.id]
            why = tier if isinstance(tier, Reason) else Reason.NOT_THIS_TIER
            step = BESIDE if isinstance(tier, Reason) else tier
            found.setdefault(person.id, Verdict(person=person, step=step, reason=why))
        return tuple(found.values())

    def _groups(
        self, people: Sequence[Person], tiers: dict[str, int | Reason], count: int
    ) -> Iterator[tuple[int, list[Person]]]:
        holder = next((one for one in people if one.id == self._each.duty.person), None)
        first = 0
        if holder is not None:
            tier = tiers[holder.id]
            yield (tier if isinstance(tier, int) else BESIDE), [holder]
            first = tier + 1 if isinstance(tier, int) else 0
        for step in range(first, count):
            group = [one for one in people if tiers[one.id] == step and one is not holder]
            if group:
                yield step, group

    def _weigh(self, person: Person, step: int) -> Iterator[Verdict]:
        """On the person; and on whoever answers for him."""
        if why := self._spared(person):
            yield Verdict(person=person, step=step, reason=why)
            return
        roster = self._world.roster
        answers = roster.answers(person, self._world.now) if roster is not None else None
        if answers is not None and answers.gap is not None:
            yield Verdict(person=person, step=step, reason=answers.gap)
            return
        if answers is not None and answers.reason is not None:
            away = Reason.AWAY if answers.reason is Reason.STAND_IN else Reason.ON_ROTA_TOLD
            yield Verdict(person=person, step=step, reason=away)
            person = answers.person
            if why := self._spared(person):
                yield Verdict(person=person, step=step, reason=why)
                return
        yield self._verdict(person, step)

    def _spared(self, person: Person) -> Reason | None:
        if person.role in VOLUNTEERS:
            return Reason.VOLUNTEER
        return Reason.DECLINED if person.id in self._each.declined else None

    def _verdict(self, person: Person, step: int) -> Verdict:
        if not person.addresses:
            return Verdict(person=person, step=step, reason=Reason.NO_ADDRESS)
        if not addresses_for(person, NoticeReason.REMINDER, self._world.registry):
            return Verdict(person=person, step=step, reason=Reason.NO_QUIET_ADDRESS)
        if self.stands_behind and person.id in self._reminded:
            return Verdict(person=person, step=step, reason=Reason.ALREADY_TOLD)
        world, incident = self._world, self._each.incident.id
        at, held = free_at(person, incident, world.registry, world.snoozes, world.now)
        why = held or (Reason.STANDS_BEHIND if self.stands_behind else Reason.REMINDED)
        return Verdict(person=person, step=step, reason=why, due_at=at)

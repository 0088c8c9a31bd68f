"""Who answers for a post or an absent person right now: hand-over, rota, stand-in; or the gap."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from alerts.incidents.who import ENGINEERS, USUAL_TIERS, Reason, zone_of
from alerts.registry.model import Person, PostRole, Registry, Rota
from alerts.registry.turns import person_at

HANDED_FOR = timedelta(
    hours=16
)  # the longest shift; who forgot to hand over does not hold it for ever


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """``holder`` took the post's phone at ``at``."""

    post: str
    holder: str
    at: datetime
    who: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Who is told in the place of somebody, and why; or ``gap``: why nobody can be.

    ``person`` is the one asked for where nothing stands in between.
    """

    person: Person
    reason: Reason | None = None
    gap: Reason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """What the registry and the newest hand-overs (by post) say of who is there."""

    registry: Registry
    handed: Mapping[str, HandOver] = field(default_factory=dict)

    def holder(self, post: Person, now: datetime) -> Person | None:
        """Who has the post's phone: whoever took it over last, else whose turn it is."""
        people = {person.id: person for person in self.registry.people}
        taken = self.handed.get(post.id)
        if taken is not None and timedelta(0) <= now - taken.at < HANDED_FOR:
            if (person := people.get(taken.holder)) is not None:
                return person
        rota = self.rota(post)
        local = now.astimezone(zone_of(post.site, self.registry))
        return people.get(person_at(rota, local)) if rota else None

    def rota(self, post: Person) -> Rota | None:
        return next((one for one in self.registry.rotas if one.post == post.id), None)

    def answers(self, person: Person, now: datetime) -> Answers:
        """Who is told when ``person`` is to be. A post is its own phone; without one, its holder."""
        if person.is_post and not person.addresses:
            holder = self.holder(person, now)
            if holder is None:
                return Answers(person=person, gap=Reason.EMPTY_ROTA)
            found = self._present(holder, now)
            return (
                found
                if found.gap or found.reason
                else Answers(person=found.person, reason=Reason.ON_ROTA)
            )
        return self._present(person, now)

    def _present(self, person: Person, now: datetime) -> Answers:
        """The person, or along the stand-ins the first who is not away."""
        people = {each.id: each for each in self.registry.people}
        seen = [person.id]
        here: Person | None = person
        while here is not None and self.is_away(here, now):
            if here.stand_in in seen:
                return Answers(person=person, gap=Reason.STAND_IN_LOOP)
            seen.append(here.stand_in)
            here = people.get(here.stand_in)
        if here is None:
            return Answers(person=person, gap=Reason.AWAY)
        if not here.addresses:
            return Answers(person=here, gap=Reason.NO_ADDRESS)
        return Answers(person=here, reason=Reason.STAND_IN if here is not person else None)

    def is_away(self, person: Person, now: datetime) -> bool:
        today = now.astimezone(zone_of(person.site, self.registry)).date()
        return any(
            date.fromisoformat(one.since) <= today <= date.fromisoformat(one.until)
            for one in person.away
        )


def gaps(roster: Roster, now: datetime) -> Iterator[tuple[Person, Reason]]:
    """Those whom a climb would ask now and whom nothing would reach.

    One who is only phoned is none as long as somebody beside him can be told: `shouwang check`
    names him.
    """
    people, roles = roster.registry.people, _asked(roster.registry)
    found = {person.id: gap for person in people if (gap := roster.answers(person, now).gap)}
    for person in people:
        gap = found.get(person.id)
        if gap is None or person.role not in roles:
            continue
        is_meant = bool(person.addresses or person.is_post or person.stand_in)
        if is_meant or all(one.id in found for one in people if _stands_beside(one, person)):
            yield person, gap


def _asked(registry: Registry) -> set[PostRole]:
    """The roles that any climb of these places asks."""
    named = [tiers for tiers in registry.tiers if tiers.steps]
    steps = [step for tiers in named for step in tiers.steps]
    for kind in {place.kind for place in registry.places}:
        if not any(tiers.kind is kind and not tiers.classes for tiers in named):
            steps += USUAL_TIERS[kind]
    return {step.role for step in (*steps, *ENGINEERS)}


def _stands_beside(one: Person, other: Person) -> bool:
    """Of the same tier of some place."""
    if (one.site, one.role) != (other.site, other.role):
        return False
    return not (one.places and other.places) or not set(one.places).isdisjoint(other.places)

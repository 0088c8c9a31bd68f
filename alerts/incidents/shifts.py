"""Who is told that his turn at a post comes, and who that nobody's does. Pure.

What is missing now is an incident of the house (``roster.gaps``); this looks ahead, and asks
whoever can still put somebody in.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.incidents.asking import own_address
from alerts.incidents.daytime import by_day, is_day
from alerts.incidents.roster import Roster
from alerts.incidents.silences import Snooze
from alerts.incidents.who import USUAL_TIERS, Reason, zone_of
from alerts.registry.model import Address, Person, Place, PostRole, Rota
from alerts.registry.turns import changes

BEFORE = timedelta(minutes=30)  # proposal: time to come, or to ask somebody else
EMPTY_BEFORE = timedelta(hours=12)  # proposal: time to put somebody in
KEPT = timedelta(days=30)  # what was said is remembered for so long
AHEAD = timedelta(hours=36)  # a gap of the morning is told of the evening before


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A turn at a post; ``holder`` is None when nobody has it. ``about`` names it in the store.

    ``absent`` is who has it by the rota and is away with nobody standing in.
    """

    about: str
    post: Person
    begins_at: datetime
    ends_at: datetime | None
    holder: Person | None
    absent: Person | None = None
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftReminder:
    """What is decided of a shift; nobody is told when there is no ``address``."""

    shift: Shift
    person: Person
    reason: Reason
    address: Address | None = None


def due_shifts(
    roster: Roster, told: Collection[str], now: datetime, snoozes: Collection[Snooze] = ()
) -> Iterator[ShiftReminder]:
    """What is to be said of turns now; ``told`` are the ``about`` of those that were.

    Of whoever wants quiet now nothing is decided: it is said when that ends, if the turn has not begun.
    """
    registry = roster.registry
    for rota in registry.rotas:
        post = next((person for person in registry.people if person.id == rota.post), None)
        if post is None:
            continue
        zone = zone_of(post.site, registry)
        if not is_day(now, zone):
            continue
        for shift in _shifts(rota, post, roster, now):
            before = BEFORE if shift.holder is not None else EMPTY_BEFORE
            at = by_day(shift.begins_at - before, now - AHEAD, shift.begins_at, zone)
            if shift.about in told or now < at:
                continue
            if (decided := _decided(shift, roster, now, tuple(snoozes))) is not None:
                yield decided


def begins_at(about: str) -> float | None:
    """When the shift of this ``Shift.about`` begins, in seconds since 1970; None of anything else."""
    kind, _, rest = about.partition(":")
    return float(rest.rpartition(":")[2]) if kind == "turn" else None


def _shifts(rota: Rota, post: Person, roster: Roster, now: datetime) -> Iterator[Shift]:
    registry = roster.registry
    people = {person.id: person for person in registry.people}
    zone = zone_of(post.site, registry)
    places = tuple(
        place
        for place in registry.places
        if place.site == post.site and (not post.places or place.id in post.places)
    )
    for begins, ends, name in changes(rota, zone, now, now + AHEAD):
        named = people.get(name)
        here = roster.answers(named, begins) if named is not None else None
        gone = here is not None and here.gap in (Reason.AWAY, Reason.STAND_IN_LOOP)
        about = f"turn:{post.id}:{int(begins.timestamp())}"
        if not name:  # the rota is made so: told once, and not of each day
            about = f"gap:{post.id}:{begins.astimezone(zone):%H:%M}"
        yield Shift(
            about=about,
            post=post,
            begins_at=begins,
            ends_at=ends,
            holder=here.person if here is not None and not gone else None,
            absent=named if gone else None,
            places=places,
        )


def _decided(
    shift: Shift, roster: Roster, now: datetime, snoozes: tuple[Snooze, ...]
) -> ShiftReminder | None:
    """None while whoever is to be told wants quiet."""
    if shift.holder is not None:
        return _weighed(shift, shift.holder, roster, now, snoozes)
    for person in _behind(shift, roster):
        made = _weighed(shift, person, roster, now, snoozes)
        if made is None or made.address is not None:
            return made
    return ShiftReminder(shift=shift, person=shift.post, reason=Reason.EMPTY_ROTA)


def _weighed(
    shift: Shift, person: Person, roster: Roster, now: datetime, snoozes: tuple[Snooze, ...]
) -> ShiftReminder | None:
    found: Address | Reason | None = Reason.AWAY
    if not roster.is_away(person, now):
        found = own_address(person, roster.registry, now, snoozes)
    if found is None:
        return None
    if isinstance(found, Address):
        return ShiftReminder(shift=shift, person=person, reason=Reason.REMINDED, address=found)
    return ShiftReminder(shift=shift, person=person, reason=found)


def _behind(shift: Shift, roster: Roster) -> Iterator[Person]:
    """Who comes behind this post in the climb of its places, the nearest first."""
    registry, post = roster.registry, shift.post
    roles: list[PostRole] = []
    for kind in dict.fromkeys(place.kind for place in shift.places):
        fitting = [tiers.steps for tiers in registry.tiers if tiers.kind is kind]
        for steps in fitting or [USUAL_TIERS[kind]]:
            names = [step.role for step in steps]
            if post.role in names:
                roles += names[names.index(post.role) + 1 :]
    for role in dict.fromkeys(roles):
        yield from (
            person
            for person in registry.people
            if person.role is role
            and person.site == post.site
            and not person.is_post
            and (not person.places or any(place.id in person.places for place in shift.places))
        )

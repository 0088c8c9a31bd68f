"""Who is reminded (提醒) of a second look or a call that still waits, when, and who never is. Pure.

A reminder can wait for the day, rings no phone, and is for those who are paid: no volunteer has one.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo

from alerts.incidents.asking import Asking, World
from alerts.incidents.daytime import by_day, is_day
from alerts.incidents.duties import Waiting, ends_at, still_waits
from alerts.incidents.lifecycle import TIMERS
from alerts.incidents.model import DutyKind
from alerts.incidents.silences import Silence, Snooze, muted_by
from alerts.incidents.who import Reason, Roster, Verdict, addresses_for, zone_of
from alerts.notify.notice import NoticeReason
from alerts.registry.model import Address, Person, Registry

SHARES = (0.5, 0.8)  # of a duty's time: 催办, domain.md 5.3
TOGETHER = timedelta(hours=2)  # proposal: what comes due so soon goes along with what is due
STALE = timedelta(days=7)  # proposal: by then people talk to one another


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What was said of one duty at one level (1 at half of its time, 2 at 80 %), and to whom.

    ``person`` is "" where nobody could be reminded, or a silence holds it back.
    """

    duty: int
    level: int
    person: str
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A duty in somebody's reminder. ``stands_behind``: others were asked before him."""

    waiting: Waiting
    level: int
    stands_behind: bool
    ends_at: datetime | None
    """When it closes by itself as unconfirmed; None when nothing closes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """One message to one address, of all that waits there: what ends first stands first."""

    person: Person
    address: Address
    due_at: datetime
    items: tuple[Item, ...]
    others: tuple[str, ...] = ()
    """Who else reads that address, and is reminded by the same message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What was decided of one duty: a verdict on everybody of the site."""

    waiting: Waiting
    level: int
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    reminders: tuple[Reminder, ...] = ()
    weighed: tuple[Weighed, ...] = ()


def due(
    waiting: Sequence[Waiting],
    told: Collection[Mark],
    registry: Registry,
    now: datetime,
    *,
    roster: Roster | None = None,
    silences: Sequence[Silence] = (),
    snoozes: Sequence[Snooze] = (),
    span: timedelta = TIMERS.second_look,
) -> Due:
    """What is to be said now; empty when nothing is. ``span`` is the time that a duty has."""
    before: dict[int, list[Mark]] = {}
    for mark in told:
        before.setdefault(mark.duty, []).append(mark)
    world = World(registry, now, roster, silences, snoozes, span)
    plans = [
        plan
        for each in waiting
        if (plan := _plan(each, before.get(each.duty.id, []), world)) is not None
    ]
    reached = {person for plan in plans if plan.is_due for person in plan.told}
    # What is not due yet goes along, where it makes no message of its own.
    plans = [plan for plan in plans if plan.is_due or (plan.told and plan.told.keys() <= reached)]
    return Due(
        reminders=tuple(_messages(plans, registry)),
        weighed=tuple(
            Weighed(waiting=plan.item.waiting, level=plan.item.level, verdicts=plan.verdicts)
            for plan in plans
        ),
    )


def moments(each: Waiting, zone: tzinfo, span: timedelta) -> tuple[datetime, ...]:
    """When its two reminders are due. What nothing closes is given the same time."""
    opened = each.duty.opened_at
    ends = ends_at(each, span) or opened + span
    return tuple(by_day(opened + share * (ends - opened), opened, ends, zone) for share in SHARES)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    item: Item
    is_due: bool
    verdicts: tuple[Verdict, ...]

    @property
    def told(self) -> dict[str, Verdict]:
        return {one.person.id: one for one in self.verdicts if one.due_at is not None}


def _plan(each: Waiting, told: Sequence[Mark], world: World) -> _Plan | None:
    """None while there is nothing to say that was not said."""
    now = world.now
    zone = zone_of(each.incident.subject.site, world.registry)
    if not still_waits(each) or not is_day(now, zone) or now - each.duty.opened_at >= STALE:
        return None
    # Where all who were reminded to call say 去不了, others are asked at once; of a second look the
    # next tier has a notice of its own by then (``Linked.decline``).
    is_passed_on = each.duty.kind is DutyKind.SECOND_LOOK
    heard = [
        mark
        for mark in told
        if mark.reason not in HOLDS and (is_passed_on or mark.person not in each.declined)
    ]
    done = max((mark.level for mark in heard), default=0)
    times = moments(each, zone, world.span)
    level = sum(at <= now + TOGETHER for at in times)
    if level <= done:
        return None
    is_due = sum(at <= now for at in times) > done
    silence = muted_by(world.silences, each.incident, world.registry, now)
    muted = silence.kind.reason if silence else None
    if muted and (not is_due or any((m.level, m.reason) == (level, muted) for m in told)):
        return None
    asking = Asking(each, {mark.person for mark in told}, world)
    verdicts = asking.verdicts(muted)
    item = Item(
        waiting=each,
        level=level,
        stands_behind=asking.stands_behind,
        ends_at=ends_at(each, world.span),
    )
    return _Plan(item=item, is_due=is_due, verdicts=verdicts)


HOLDS = (Reason.SILENCED, Reason.MAINTENANCE)
"""Why it is not said yet at this level; every other last word is the last one."""


def _messages(plans: Sequence[_Plan], registry: Registry) -> Iterator[Reminder]:
    """One an address and time; two people behind one address have one between them."""
    open_end = datetime.max.replace(tzinfo=UTC)
    made: dict[tuple[str, str, datetime], Reminder] = {}
    for plan in sorted(
        plans, key=lambda plan: (plan.item.ends_at or open_end, plan.item.waiting.duty.id)
    ):
        for verdict in plan.told.values():
            person, at = verdict.person, verdict.due_at
            assert at is not None
            address = addresses_for(person, NoticeReason.REMINDER, registry)[0]
            key = (address.channel.value, address.to, at)
            known = made.get(key)
            if known is None:
                made[key] = Reminder(person=person, address=address, due_at=at, items=(plan.item,))
                continue
            items, others = known.items, known.others
            if plan.item not in items:
                items += (plan.item,)
            if person.id not in (known.person.id, *others):
                others += (person.id,)
            made[key] = replace(known, items=items, others=others)
    yield from made.values()

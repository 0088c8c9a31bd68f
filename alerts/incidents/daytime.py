"""When what can wait is said: by day, and not in somebody's own quiet."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta, tzinfo

from alerts.incidents.silences import Snooze
from alerts.incidents.who import Reason, quiet_until, zone_of
from alerts.registry.model import Person, Registry
from alerts.words import IncidentClass

DAY = (time(8), time(20))  # local; proposal: nobody is asked to go and look after dark
EVENING = time(19, 30)  # proposal: what has no morning before its end is told of before the night
LEAVES = timedelta(hours=2)  # proposal: what leaves people less time than that comes too late


def by_day(at: datetime, after: datetime, ends: datetime, zone: tzinfo) -> datetime:
    """``at``, or of the night the morning; the evening before, where the morning leaves no time."""
    local = at.astimezone(zone)
    if is_day(at, zone):
        return at
    day = local.date() + timedelta(days=1) if local.time() >= DAY[1] else local.date()
    morning = datetime.combine(day, DAY[0], zone).astimezone(UTC)
    evening = datetime.combine(day - timedelta(days=1), EVENING, zone).astimezone(UTC)
    return morning if ends - morning >= LEAVES or evening <= after else evening


def is_day(at: datetime, zone: tzinfo) -> bool:
    return DAY[0] <= at.astimezone(zone).time() < DAY[1]


def free_at(
    person: Person, incident: int, registry: Registry, snoozes: Sequence[Snooze], now: datetime
) -> tuple[datetime, Reason | None]:
    """From when on this person may be reminded, and what holds it back until then."""
    zone = zone_of(person.site, registry)
    at, why = now, None
    for _ in range(4):  # quiet hours may end in a snooze, that in a night, that in quiet hours
        before = at
        for snooze in snoozes:
            if snooze.person == person.id and snooze.incident in (None, incident):
                if snooze.until > at:
                    at, why = snooze.until, why or Reason.SNOOZED
        # Also for fire: it is over, and looking again can wait for the quiet hours' end.
        if until := quiet_until(person, IncidentClass.UPKEEP, zone, at):
            at, why = until, why or Reason.QUIET_HOURS
        at = by_day(at, at, datetime.max.replace(tzinfo=UTC), zone)
        if at == before:
            break
    return at, why

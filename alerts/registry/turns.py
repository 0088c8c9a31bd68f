"""When turns of a rota hold, and the hours of a week in which none does."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from alerts.registry.model import WEEKDAYS, Rota, Turn


def holds(turn: Turn, local: datetime) -> bool:
    """Whether a turn has begun and not ended, at this local time. Half open; may span midnight."""
    since, until = time.fromisoformat(turn.since), time.fromisoformat(turn.until)
    clock = local.time()
    if since < until:
        return since <= clock < until and _on(turn, local.date())
    if clock >= since:
        return _on(turn, local.date())
    return clock < until and _on(turn, local.date() - timedelta(days=1))


def uncovered(rota: Rota) -> Iterator[str]:
    """The hours of a week in which nobody has a turn, as ``mon 07:00``; half hours are looked at."""
    monday = datetime(2024, 1, 1)  # noqa: DTZ001 - local wall time of any week
    before = True
    for half_hours in range(7 * 48):
        local = monday + timedelta(minutes=30 * half_hours)
        here = any(holds(turn, local) for turn in rota.turns)
        if before and not here:
            yield f"{WEEKDAYS[local.weekday()]} {local:%H:%M}"
        before = here


def person_at(rota: Rota, local: datetime) -> str:
    """Whose turn it is at this local time; "" when nobody's."""
    return next((turn.person for turn in rota.turns if holds(turn, local)), "")


def changes(
    rota: Rota, zone: tzinfo, since: datetime, until: datetime
) -> Iterator[tuple[datetime, datetime | None, str]]:
    """When the post goes from one to another in (since, until]: from, to, and whose turn it is then.

    ``to`` is None when it is the same person's for the whole week. "" is nobody.
    """
    first = since.astimezone(zone).date() - timedelta(days=1)
    days = (until.astimezone(zone).date() - first).days + 9  # a week on, to find the end
    clocks = {
        time.fromisoformat(clock) for turn in rota.turns for clock in (turn.since, turn.until)
    }
    times = sorted(
        datetime.combine(first + timedelta(days=n), clock, zone).astimezone(UTC)
        for n in range(days)
        for clock in clocks
    )
    turns: list[tuple[datetime, str]] = []
    for at in times:
        who = person_at(rota, at.astimezone(zone))
        if not turns or turns[-1][1] != who:
            turns.append((at, who))
    for n, (at, who) in enumerate(turns):
        if n and since < at <= until:
            yield at, turns[n + 1][0] if n + 1 < len(turns) else None, who


def _on(turn: Turn, day: date) -> bool:
    return not turn.days or WEEKDAYS[day.weekday()] in turn.days

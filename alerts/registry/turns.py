"""When turns of a rota hold, and the hours of a week in which none does."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

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


def _on(turn: Turn, day: date) -> bool:
    return not turn.days or WEEKDAYS[day.weekday()] in turn.days

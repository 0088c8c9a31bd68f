"""The climb: when the next tier is told, if nobody takes over."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alerts.incidents.model import Incident, State
from alerts.registry.model import Tier
from alerts.words import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """Whom of those asked before somebody is told now, by name, and how that ended.

    Without ``names`` nobody before could be reached.
    """

    names: tuple[str, ...] = ()
    declined: bool = False
    """They have said that they cannot come."""
    waited: timedelta = timedelta(0)


def wait_of(steps: Sequence[Tier], step: int, severity: Severity) -> timedelta | None:
    """How long this tier has before the next is told; None when nobody comes after it."""
    if not 0 <= step < len(steps) - 1:
        return None
    seconds = steps[step].wait_s.get(severity)
    return None if seconds is None else timedelta(seconds=seconds)


def timed(incident: Incident, steps: Sequence[Tier], *, told: bool = True) -> Incident:
    """The incident with its ``next_step_at``: ``told_at`` and the wait for its severity.

    Only what is open climbs; what a silence holds back is looked at again when it ends, and a part
    when its time to come back is up. ``told`` is False for what tells nobody (INFO, the digest).
    """
    if incident.part_of is not None:
        return incident  # whatever leads the event climbs for it
    if incident.muted_until is not None and incident.state is State.OPEN:
        return replace(incident, next_step_at=incident.muted_until)
    wait = wait_of(steps, incident.step, incident.severity)
    climbs = (
        told
        and incident.state is State.OPEN
        and incident.severity > Severity.INFO
        and wait is not None
        and incident.told_at is not None
    )
    if not climbs or wait is None or incident.told_at is None:
        return replace(incident, next_step_at=None)
    return replace(incident, next_step_at=incident.told_at + wait)


def accepted(incident: Incident, steps: Sequence[Tier], at: datetime) -> Incident:
    """A channel took the tier's first notice at ``at``: its wait counts from there."""
    if incident.next_step_at is None:
        return incident
    return timed(replace(incident, told_at=at), steps)


def has_next(incident: Incident, steps: Sequence[Tier]) -> bool:
    """Whether a tier comes after this one at all."""
    return incident.step + 1 < len(steps)


def climbed(incident: Incident, steps: Sequence[Tier], now: datetime) -> Incident:
    """One step up, told now."""
    up = replace(incident, step=incident.step + 1, told_at=now, version=incident.version + 1)
    return timed(up, steps)

"""Duties: what a person must do because of an incident."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from alerts.incidents.lifecycle import TIMERS
from alerts.incidents.model import Duty, DutyKind, Incident, State


class SecondLook(StrEnum):
    """How a second look (复查) ends, in the words of whoever looked."""

    FINE = "fine"  # 没事了
    STILL_THERE = "still-there"  # 还有问题


class CallOn(StrEnum):
    """How a call on whoever reported (回访) ends."""

    CONTENT = "content"  # 满意
    NOT_CONTENT = "not-content"  # 不满意
    UNREACHED = "unreached"  # 没联系上


def duty_of(incident: Incident, kind: DutyKind, now: datetime) -> Duty:
    """The duty this incident opens; whoever took over has it, else it waits for somebody.

    It has no ``due_at``: a volunteer is given no deadline and no overdue mark (people.md); the
    incident closes by itself as unconfirmed after ``Timers.second_look``.
    """
    return Duty(
        id=0, incident=incident.id, kind=kind, person=incident.acknowledged_by, opened_at=now
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An open duty, its incident, and who said of that incident that they cannot come (去不了)."""

    duty: Duty
    incident: Incident
    declined: frozenset[str] = frozenset()


def still_waits(each: Waiting) -> bool:
    """Whether there is anything to remind of: not looked at, not a false alarm, not going on."""
    incident = each.incident
    if each.duty.done_at is not None or incident.false_alarm:
        return False
    if each.duty.kind is DutyKind.CALL_ON:
        return incident.state in (State.RECOVERED, State.CLOSED)
    if each.duty.kind is not DutyKind.SECOND_LOOK or incident.flapping:
        return False
    return incident.state is State.RECOVERED or (
        incident.seen_on_site and incident.state in (State.OPEN, State.ACKNOWLEDGED)
    )


def ends_at(each: Waiting, span: timedelta = TIMERS.second_look) -> datetime | None:
    """When it closes by itself as unconfirmed; None when nothing closes it."""
    if each.duty.kind is not DutyKind.SECOND_LOOK or each.incident.state is not State.RECOVERED:
        return None
    ends = each.duty.opened_at + span
    return min(ends, each.incident.drill_until or ends)

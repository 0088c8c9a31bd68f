"""Duties: what a person must do because of an incident."""

from datetime import datetime
from enum import StrEnum

from alerts.incidents.model import Duty, DutyKind, Incident


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

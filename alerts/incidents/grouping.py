"""What belongs together: told and shown as one event, led by what was there first or lies behind it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from alerts.incidents.model import Incident, State
from alerts.incidents.who import place_of
from alerts.registry.model import Registry
from alerts.words import NIGHT_CLASSES, IncidentClass
from edge.contract.subject import SubjectKind

WINDOW = timedelta(minutes=10)  # proposal: a feeder's trouble shows at its sockets within minutes


class Tie(StrEnum):
    """How a cause and what follows from it hang together."""

    GATEWAY = "gateway"  # the cause's device is the gateway of the other's


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """While ``rules`` raise for a cause, the same of what hangs on it is no news of its own."""

    rules: frozenset[str]
    tie: Tie


CAUSES: tuple[Cause, ...] = (
    Cause(rules=frozenset({"eb-offline", "riv-offline"}), tie=Tie.GATEWAY),
)


def leader_of(new: Incident, known: Iterable[Incident], registry: Registry) -> Incident | None:
    """The open incident that ``new`` is a part of: its cause, else the eldest beside it.

    Worse, or more urgent, than what leads is news of its own; fire is merged with fire only.
    """
    if new.is_drill:
        return None
    others = [
        one
        for one in known
        if one.id != new.id
        and one.subject.site == new.subject.site
        and one.state in (State.OPEN, State.ACKNOWLEDGED)
        and one.part_of is None
        and not one.false_alarm
        and not one.is_drill
    ]
    causes = [one for one in others if causes_it(one, new, registry)]
    beside = [one for one in others if _is_beside(one, new, registry)]
    return min(causes or beside, key=lambda one: one.id, default=None)


def causes_it(cause: Incident, other: Incident, registry: Registry) -> bool:
    """Whether ``other`` follows from ``cause``."""
    return any(
        cause.rule in one.rules
        and other.rule in one.rules
        and _is_tied(one.tie, cause, other, registry)
        for one in CAUSES
    )


def _is_tied(tie: Tie, cause: Incident, other: Incident, registry: Registry) -> bool:
    match tie:
        case Tie.GATEWAY:
            gateway = next(
                (
                    device.gateway
                    for device in registry.devices
                    if (device.site, device.id) == (other.subject.site, _device(other))
                ),
                "",
            )
            return bool(gateway) and gateway == _device(cause)


def _is_beside(one: Incident, new: Incident, registry: Registry) -> bool:
    """At the same place, with its circuits and sockets, within the window."""
    if abs(new.opened_at - one.opened_at) > WINDOW or one.severity < new.severity:
        return False
    if (one.cls is IncidentClass.FIRE) != (new.cls is IncidentClass.FIRE):
        return False
    if one.cls is not new.cls and not {one.cls, new.cls} <= NIGHT_CLASSES:
        return False
    here, there = place_of(one, registry), place_of(new, registry)
    return here is not None and here == there


def _device(incident: Incident) -> str:
    subject = incident.subject
    return subject.name if subject.kind is SubjectKind.DEVICE else incident.device

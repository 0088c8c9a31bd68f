"""What belongs together: told and shown as one event, led by what was there first or lies behind it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from alerts.incidents.model import Incident, State
from alerts.incidents.who import first_told, place_of
from alerts.registry.model import Device, Registry
from alerts.words import NIGHT_CLASSES, IncidentClass
from edge.contract.subject import SubjectKind

WINDOW = timedelta(minutes=10)  # proposal: a feeder's trouble shows at its sockets within minutes
BEFORE = timedelta(minutes=15)  # a box reads each 15 minutes where nobody says otherwise
RETURN = timedelta(minutes=10)  # proposal: a box starts, finds the network and speaks


class Tie(StrEnum):
    """How a cause and what follows from it hang together."""

    GATEWAY = "gateway"  # the cause's device is the gateway of the other's
    PLACE = "place"  # the other is at the cause's place, with its sockets and devices
    SITE = "site"  # both began together, and whoever is told of the other is told of the cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """While ``rules`` raise for a cause, what ``follow`` of what hangs on it is no news of its own."""

    rules: frozenset[str]
    follow: frozenset[str]
    tie: Tie


SILENCE = frozenset({"eb-offline", "riv-offline"})
MAINS = frozenset({"eb-mains"})
NO_VOLTS = frozenset({"eb-no-volts"})
POWER_CUT = MAINS | NO_VOLTS
OUTAGE = frozenset({"eb-outage"})
# These ring for too much as well, which never follows.
VOLTAGE = frozenset({"eb-volt", "eb-volt-danger"})
CAUSES: tuple[Cause, ...] = (
    Cause(rules=SILENCE, follow=SILENCE, tie=Tie.GATEWAY),
    Cause(rules=MAINS, follow=NO_VOLTS, tie=Tie.PLACE),
    Cause(rules=POWER_CUT, follow=SILENCE | OUTAGE | VOLTAGE | {"eb-noload"}, tie=Tie.PLACE),
    Cause(rules=OUTAGE, follow=SILENCE | OUTAGE, tie=Tie.SITE),
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
        and leads(one)
        and one.part_of is None
        and not one.is_drill
    ]
    causes = [one for one in others if causes_it(one, new, registry)]
    beside = [one for one in others if _is_beside(one, new, registry)]
    return min(causes or beside, key=lambda one: one.id, default=None)


def leads(one: Incident) -> bool:
    """Whether what is a part of it is told by it: it goes on, and nobody called it a false alarm."""
    return one.state in (State.OPEN, State.ACKNOWLEDGED) and not one.false_alarm


def causes_it(cause: Incident, other: Incident, registry: Registry) -> bool:
    """Whether ``other`` follows from ``cause``: what that explains, and was not there before."""
    if not explains(cause, other, registry):
        return False
    late_by = _late_by(other, registry)
    if cause.rule in OUTAGE:  # a guess, from what fell silent together: nothing that does so later
        return abs(other.since - cause.since) <= late_by
    return other.since >= cause.since - late_by


def explains(cause: Incident, other: Incident, registry: Registry) -> bool:
    """Whether ``other`` is no news beside ``cause``, which is no less bad, once it follows from it."""
    return other.severity <= cause.severity and any(
        cause.rule in one.rules
        and other.rule in one.follow
        and _is_tied(one.tie, cause, other, registry)
        for one in CAUSES
    )


def _late_by(other: Incident, registry: Registry) -> timedelta:
    """How long before the cause it may have begun: a silence begins with the last word, which need
    not have been missed yet."""
    device = _device_of(other, registry)
    if device is None or not device.bindings:
        return BEFORE
    interval_s = min(binding.interval_s for binding in device.bindings)
    return max(BEFORE, timedelta(seconds=interval_s * device.overdue))


def _is_tied(tie: Tie, cause: Incident, other: Incident, registry: Registry) -> bool:
    match tie:
        case Tie.GATEWAY:
            device = _device_of(other, registry)
            return device is not None and bool(device.gateway) and device.gateway == _name(cause)
        case Tie.PLACE:
            here, there = place_of(cause, registry), place_of(other, registry)
            is_here = here is not None and here == there
            return is_here and (other.rule not in VOLTAGE or _is_dead(other, registry))
        case Tie.SITE:
            theirs = first_told(other, registry)
            return bool(theirs) and theirs <= first_told(cause, registry)


def _is_dead(one: Incident, registry: Registry) -> bool:
    """Too little voltage by the only meter there: beside a dead one another may read too much, and
    one incident tells of both."""
    meters = {
        device.id
        for device in registry.devices
        for binding in device.bindings
        if (device.site, binding.place, binding.port) == (one.subject.site, one.place, one.port)
        and one.metric in binding.metrics
    }
    is_low = one.value is not None and one.limit is not None and one.value < one.limit
    return is_low and len(meters) <= 1


def _is_beside(one: Incident, new: Incident, registry: Registry) -> bool:
    """At the same place, with its circuits and sockets, within the window."""
    if abs(new.opened_at - one.opened_at) > WINDOW or one.severity < new.severity:
        return False
    if (one.cls is IncidentClass.FIRE) != (new.cls is IncidentClass.FIRE):
        return False
    if one.cls is not new.cls and not {one.cls, new.cls} <= NIGHT_CLASSES:
        return False
    if new.rule in POWER_CUT | OUTAGE:
        return False  # it explains what stands beside it, and is never explained by that
    here, there = place_of(one, registry), place_of(new, registry)
    return here is not None and here == there


def _device_of(incident: Incident, registry: Registry) -> Device | None:
    wanted = incident.subject.site, _name(incident)
    return next((one for one in registry.devices if (one.site, one.id) == wanted), None)


def _name(incident: Incident) -> str:
    """Of the device that is silent, or that spoke."""
    subject = incident.subject
    return subject.name if subject.kind is SubjectKind.DEVICE else incident.device

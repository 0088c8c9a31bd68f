"""Incidents, stories, duties, notices and transitions as rows, and back."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from alerts.incidents.model import Duty, DutyKind, Incident, Report, State, StoryKind, StoryLine
from alerts.notify.notice import Considered, Notice, NoticeReason, NoticeState
from alerts.registry.model import Address, ChannelKind
from alerts.rules.transition import Change, Transition
from alerts.words import IncidentClass, Language, Severity
from edge.contract.subject import Subject

# Fields that are a column of the same name and type, in the model and in the table.
_INCIDENT = [
    "rule",
    "since",
    "opened_at",
    "place",
    "port",
    "device",
    "metric",
    "value",
    "limit",
    "peak",
    "facts",
    "acknowledged_by",
    "acknowledged_at",
    "acknowledged_until",
    "recovered_at",
    "closed_at",
    "unconfirmed",
    "false_alarm",
    "seen_on_site",
    "relapses",
    "step",
    "told_at",
    "next_step_at",
    "assigned",
    "flapping",
    "muted_until",
    "part_of",
    "drill_until",
    "version",
]
_TRANSITION = [
    "rule",
    "journal",
    "position",
    "nth",
    "at_ms",
    "since_ms",
    "seen_ms",
    "place",
    "port",
    "device",
    "metric",
    "value",
    "limit",
    "peak",
    "facts",
]
_NOTICE = [
    "id",
    "incident",
    "step",
    "person",
    "title",
    "text",
    "link",
    "created_at",
    "due_at",
    "attempts",
    "settled_at",
    "detail",
]
_DUTY = ["id", "incident", "person", "opened_at", "due_at", "done_at", "done_by", "outcome", "note"]


def incident_row(incident: Incident) -> dict[str, Any]:
    """Everything but the id."""
    row = {name: getattr(incident, name) for name in _INCIDENT}
    return row | {
        "subject": str(incident.subject),
        "site": incident.subject.site,
        "cls": incident.cls.value,
        "severity": int(incident.severity),
        "worst": int(incident.worst),
        "state": incident.state.value,
        "is_open": incident.state is not State.CLOSED,
        "returned": [round(at.timestamp() * 1000) for at in incident.returned],
    }


def incident_of(row: Row[Any]) -> Incident:
    fields = row._mapping
    return Incident(
        id=fields["id"],
        subject=Subject.parse(fields["subject"]),
        cls=IncidentClass(fields["cls"]),
        severity=Severity(fields["severity"]),
        worst=Severity(fields["worst"]),
        state=State(fields["state"]),
        returned=tuple(datetime.fromtimestamp(ms / 1000, UTC) for ms in fields["returned"]),
        **{name: fields[name] for name in _INCIDENT},
    )


def transition_row(transition: Transition) -> dict[str, Any]:
    row = {name: getattr(transition, name) for name in _TRANSITION}
    return row | {
        "subject": str(transition.subject),
        "change": transition.change.value,
        "cls": transition.cls.value,
        "severity": int(transition.severity),
    }


def transition_of(row: Row[Any]) -> Transition:
    fields = row._mapping
    return Transition(
        subject=Subject.parse(fields["subject"]),
        change=Change(fields["change"]),
        cls=IncidentClass(fields["cls"]),
        severity=Severity(fields["severity"]),
        **{name: fields[name] for name in _TRANSITION},
    )


def story_row(incident: int, line: StoryLine) -> dict[str, Any]:
    return {
        "incident": incident,
        "at": line.at,
        "kind": line.kind.value,
        "who": line.who,
        "on_behalf_of": line.on_behalf_of,
        "origin": line.origin,
        "facts": dict(line.facts),
    }


def story_of(row: Row[Any]) -> StoryLine:
    return StoryLine(
        at=row.at,
        kind=StoryKind(row.kind),
        who=row.who,
        on_behalf_of=row.on_behalf_of,
        origin=row.origin,
        facts=row.facts,
    )


def duty_row(duty: Duty) -> dict[str, Any]:
    row = {name: getattr(duty, name) for name in _DUTY if name != "id"}
    return row | {"kind": duty.kind.value, "is_open": duty.done_at is None}


def duty_of(row: Row[Any]) -> Duty:
    fields = row._mapping
    return Duty(kind=DutyKind(fields["kind"]), **{name: fields[name] for name in _DUTY})


def report_of(row: Row[Any]) -> Report:
    fields = row._mapping
    names = ("id", "incident", "at", "who", "reporter", "phone", "words", "duty")
    return Report(**{name: fields[name] for name in names})


def notice_of(row: Row[Any]) -> Notice:
    fields = row._mapping
    return Notice(
        reason=NoticeReason(fields["reason"]),
        address=Address(
            channel=ChannelKind(fields["channel"]),
            to=fields["to"],
            group=fields["is_group"],
            secret=fields["secret"],
        ),
        language=Language(fields["language"]),
        cls=IncidentClass(fields["cls"]),
        severity=Severity(fields["severity"]),
        state=NoticeState(fields["state"]),
        **{name: fields[name] for name in _NOTICE} | {"incident": fields["incident"] or 0},
    )


def notice_row(notice: Notice) -> dict[str, Any]:
    """All that the notice itself knows, but for its number: no round, no level."""
    row = {name: getattr(notice, name) for name in _NOTICE if name != "id"}
    return row | {
        "reason": notice.reason.value,
        "channel": notice.address.channel.value,
        "to": notice.address.to,
        "is_group": notice.address.group,
        "secret": notice.address.secret,
        "language": notice.language.value,
        "cls": notice.cls.value,
        "severity": int(notice.severity),
        "state": notice.state.value,
    }


def notice_row_anew(row: Row[Any], now: datetime) -> dict[str, Any]:
    """The same notice once more, due at once and never tried."""
    return {name: value for name, value in row._mapping.items() if name != "id"} | {
        "created_at": now,
        "due_at": now,
        "state": NoticeState.WAITING.value,
        "attempts": 0,
        "settled_at": None,
        "detail": "",
    }


def considered_row(considered: Considered) -> dict[str, Any]:
    return {
        "incident": considered.incident,
        "at": considered.at,
        "person": considered.person,
        "step": considered.step,
        "told": considered.told,
        "reason": considered.reason,
    }


def considered_of(row: Row[Any]) -> Considered:
    return Considered(
        incident=row.incident,
        at=row.at,
        person=row.person,
        step=row.step,
        told=row.told,
        reason=row.reason,
    )

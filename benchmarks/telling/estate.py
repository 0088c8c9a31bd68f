"""A housing estate with a long past: sheds with many sockets, one post, incidents open and closed.

Rows are written in bulk, as the watch would have written them one by one: each closed incident with
its transitions, story, notice, second look and everybody considered.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Table, func, insert, select

from alerts.incidents.model import Duty, DutyKind, Incident, State, StoryKind, StoryLine
from alerts.notify.notice import Considered, NoticeReason, NoticeState
from alerts.registry.model import (
    Address,
    Binding,
    ChannelKind,
    Device,
    Names,
    Person,
    Place,
    PlaceKind,
    Port,
    PostRole,
    Registry,
    Site,
)
from alerts.rules.transition import Change, Transition
from alerts.store import tables as t
from alerts.store.database import Database
from alerts.store.incident_rows import (
    considered_row,
    duty_row,
    incident_row,
    story_row,
    transition_row,
)
from alerts.words import IncidentClass, Severity
from benchmarks.drain.village import SITE
from edge.contract.subject import Subject

SHEDS, PORTS = 100, 20
OVERPOWER = "eb-port-overp"
RULES = (OVERPOWER, "eb-port-temp", "eb-rcd", "eb-float-rise", "eb-flicker")
OPEN_MOST = SHEDS * PORTS * len(RULES)
AT_ONCE = 2_000  # incidents in a transaction
STEP = timedelta(minutes=5)  # between two that are closed
Row = dict[str, Any]


def registry(address: Address, sheds: int = SHEDS, ports: int = PORTS) -> Registry:
    """Each shed with a device of its own; the guard post has them all."""
    guard = Person(
        id="guard",
        site=SITE,
        name="值班岗",
        role=PostRole.GUARD,
        phone="13800000001",
        addresses=(address,),
        is_post=True,
    )
    others = tuple(
        Person(id=role.value, site=SITE, name=role.value, role=role, addresses=(address,))
        for role in (PostRole.PROPERTY, PostRole.COMMUNITY, PostRole.SUBDISTRICT)
    )
    return Registry(
        cell="bench",
        sites=(Site(id=SITE, names=Names(zh="测速")),),
        places=tuple(
            Place(
                id=shed(n),
                site=SITE,
                kind=PlaceKind.SHED,
                names=Names(zh=f"{n}号棚"),
                ports=tuple(
                    Port(id=port(p), names=Names(zh=f"{p} 号插座"), circuit="")
                    for p in range(ports)
                ),
            )
            for n in range(sheds)
        ),
        devices=tuple(
            Device(
                id=box(n),
                site=SITE,
                names=Names(zh=f"{n}号棚盒"),
                bindings=tuple(
                    Binding(place=shed(n), port=port(p), metrics=("power",), interval_s=60.0)
                    for p in range(ports)
                ),
            )
            for n in range(sheds)
        ),
        people=(guard, *others),
    )


def shed(n: int) -> str:
    return f"shed-{n:03d}"


def box(n: int) -> str:
    return f"box-{n:03d}"


def port(n: int) -> str:
    return f"p{n:02d}"


def raised(nth: int, position: int, now: datetime) -> Transition:
    """Too much power at the ``nth`` of all sockets: a critical word of a rule, held at once."""
    place, number = shed(nth // PORTS), port(nth % PORTS)
    at_ms = int(now.timestamp() * 1000)
    return Transition(
        rule=OVERPOWER,
        subject=Subject.of_place(SITE, place, number),
        journal="bench",
        position=position,
        nth=0,
        change=Change.RAISED,
        cls=IncidentClass.SAFETY,
        severity=Severity.CRITICAL,
        at_ms=at_ms,
        since_ms=at_ms,
        seen_ms=at_ms,
        place=place,
        port=number,
        device=box(nth // PORTS),
        metric="power",
        value=2500.0,
        limit=2000.0,
        peak=2500.0,
    )


def fill(url: str, is_open: int, closed: int, now: datetime) -> None:
    """So many incidents that are open (``OPEN_MOST`` at most) and closed, into a database that has
    this registry; the closed ones are older."""
    database = Database(url)
    try:
        past = (_closed(nth, now - STEP * (closed - nth)) for nth in range(closed))
        _write(database, past)
        _write(database, (_open(nth, now) for nth in range(is_open)))
        with database.begin() as connection:
            # As a server does by itself in the course of so long a past.
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("ANALYZE")
    finally:
        database.close()


def _closed(nth: int, at: datetime) -> Incident:
    found = raised(nth % (SHEDS * PORTS), nth, at)
    return replace(
        _incident(found, RULES[nth % len(RULES)], at),
        state=State.CLOSED,
        acknowledged_by="guard",
        acknowledged_at=at + timedelta(minutes=2),
        recovered_at=at + timedelta(minutes=10),
        closed_at=at + timedelta(hours=1),
        version=4,
    )


def _open(nth: int, now: datetime) -> Incident:
    """Of ten: six open, of which nobody is told any more, three taken over, one recovered."""
    at = now - timedelta(minutes=nth % 600)
    found = _incident(raised(nth % (SHEDS * PORTS), nth, at), RULES[nth // (SHEDS * PORTS)], at)
    severity = (Severity.MINOR, Severity.MINOR, Severity.MAJOR, Severity.CRITICAL)[nth % 4]
    found = replace(found, severity=severity, worst=severity, step=3)
    if nth % 10 in (6, 7, 8):
        until = now + timedelta(hours=4)
        return replace(
            found,
            state=State.ACKNOWLEDGED,
            acknowledged_by="guard",
            acknowledged_at=at,
            acknowledged_until=until,
        )
    return replace(found, state=State.RECOVERED, recovered_at=now) if nth % 10 == 9 else found


def _incident(transition: Transition, rule: str, at: datetime) -> Incident:
    return Incident(
        id=0,
        rule=rule,
        subject=transition.subject,
        cls=transition.cls,
        severity=transition.severity,
        worst=transition.severity,
        state=State.OPEN,
        since=at,
        opened_at=at,
        place=transition.place,
        port=transition.port,
        device=transition.device,
        metric=transition.metric,
        value=transition.value,
        limit=transition.limit,
        peak=transition.peak,
        facts={"ratio": 1.25},
        told_at=at,
        version=1,
    )


def _write(database: Database, incidents: Iterator[Incident]) -> None:
    while some := list(islice(incidents, AT_ONCE)):
        with database.begin() as connection:
            last: int = connection.execute(select(func.max(t.incident.c.id))).scalar() or 0
            rows: dict[Table, list[Row]] = {}
            for id, incident in enumerate(some, last + 1):
                for table, row in _rows(replace(incident, id=id)):
                    rows.setdefault(table, []).append(row)
            for table, many in rows.items():
                connection.execute(insert(table), many)
            if connection.dialect.name == "postgresql":
                # The ids were given by hand.
                connection.exec_driver_sql(
                    "SELECT setval(pg_get_serial_sequence('incident', 'id'), max(id)) FROM incident"
                )


def _rows(incident: Incident) -> Iterator[tuple[Table, Row]]:
    at, over = incident.opened_at, incident.closed_at
    yield t.incident, incident_row(incident) | {"id": incident.id}
    changes = (Change.RAISED, Change.CLEARED) if over else (Change.RAISED,)
    for nth, change in enumerate(changes):
        word = replace(
            raised(0, incident.id, at),
            rule=incident.rule,
            subject=incident.subject,
            journal="past",
            nth=nth,
            change=change,
        )
        yield t.transition, transition_row(word) | {"incident": incident.id, "taken_at": at}
    told: dict[str, float | str] = {"reason": "opened", "step": 0, "people": "guard"}
    lines = [
        StoryLine(at=at, kind=StoryKind.OPENED),
        StoryLine(at=at, kind=StoryKind.TOLD, facts=told),
    ]
    if over:
        lines += [
            StoryLine(at=over, kind=StoryKind.RECOVERED),
            StoryLine(at=over, kind=StoryKind.CLOSED),
        ]
    for line in lines:
        yield t.story, story_row(incident.id, line)
    for person in ("guard", "property", "community", "subdistrict"):
        is_told = person == "guard"
        verdict = Considered(
            incident=incident.id,
            at=at,
            person=person,
            step=0,
            told=is_told,
            reason="tier" if is_told else "not-this-tier",
        )
        yield t.considered, considered_row(verdict)
    yield t.notice, _notice(incident, at, over)
    if over or incident.state is State.RECOVERED:
        duty = Duty(
            id=0,
            incident=incident.id,
            kind=DutyKind.SECOND_LOOK,
            person="guard",
            opened_at=incident.recovered_at or at,
            done_at=over,
            done_by="guard" if over else "",
            outcome="fine" if over else "",
        )
        yield t.duty, duty_row(duty)


def _notice(incident: Incident, at: datetime, over: datetime | None) -> Row:
    title = f"{incident.place}：{incident.port} 功率过高"
    state = NoticeState.ACKNOWLEDGED if over else NoticeState.ACCEPTED
    return {
        "incident": incident.id,
        "reason": NoticeReason.OPENED.value,
        "step": 0,
        "round": 0,
        "level": 0,
        "person": "guard",
        "channel": ChannelKind.WEBHOOK.value,
        "to": "http://127.0.0.1:9/past",
        "is_group": False,
        "secret": "",
        "language": "zh",
        "cls": incident.cls.value,
        "severity": int(incident.severity),
        "title": title,
        "text": f"{title}。现在 2500 瓦，超过 2000 瓦。请到现场看看，拔掉充电器。",
        "link": f"http://127.0.0.1:8420/incidents/{incident.id}",
        "created_at": at,
        "due_at": at,
        "state": state.value,
        "attempts": 1,
        "settled_at": at,
        "detail": "HTTP 200",
    }

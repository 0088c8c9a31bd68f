"""Incidents that are told as one, as rows: who joins, who is let go, who is taken over with it."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, insert, or_, select, update

from alerts.incidents.grouping import CAUSES, causes_it, leader_of
from alerts.incidents.model import Incident, State, StoryKind, StoryLine
from alerts.notify.delays import GONE
from alerts.notify.notice import CALLING, NoticeState
from alerts.registry.model import Registry
from alerts.store import tables as t
from alerts.store.incident_rows import incident_of, story_row

MOST = 200  # open incidents that are looked at


def joining(connection: Connection, new: Incident, registry: Registry) -> Incident:
    """``new``, as a part of what leads its event, if anything does."""
    leader = leader_of(new, _open_of(connection, new), registry)
    return replace(new, part_of=leader.id, next_step_at=None) if leader else new


def joined(connection: Connection, new: Incident, registry: Registry, now: datetime) -> None:
    """Write the joining down; and what follows from ``new`` becomes a part of it."""
    if new.part_of is not None:
        _write(connection, new.part_of, StoryKind.JOINED, new.id, now)
        return
    if not any(new.rule in cause.rules for cause in CAUSES):
        return
    i, n = t.incident.c, t.notice.c
    for other in _open_of(connection, new):
        if other.state is State.OPEN and causes_it(new, other, registry):
            connection.execute(
                update(t.incident)
                .where(i.id == other.id)
                .values(part_of=new.id, next_step_at=None, version=i.version + 1)
            )
            connection.execute(
                update(t.notice)
                .where(n.incident == other.id, n.state == NoticeState.WAITING.value)
                .where(n.reason.in_([reason.value for reason in CALLING]))
                .values(state=NoticeState.OVERTAKEN.value, settled_at=now)
            )
            _write(connection, new.id, StoryKind.JOINED, other.id, now)


def parts(connection: Connection, leader: Incident) -> list[Incident]:
    """What is told with it and still open, under lock, oldest first."""
    i = t.incident.c
    query = (
        select(t.incident)
        .where(i.part_of == leader.id, i.state == State.OPEN.value)
        .order_by(i.id)
        .with_for_update()
    )
    return [incident_of(row) for row in connection.execute(query)]


def let_go(connection: Connection, leader: int, part: int, now: datetime) -> None:
    """Write down that it is told by itself from now on."""
    _write(connection, leader, StoryKind.LEFT, part, now)


def revive(connection: Connection, part: Incident, now: datetime) -> bool:
    """What was held back when it became a part goes out after all; whether there was any."""
    n = t.notice.c
    done = connection.execute(
        update(t.notice)
        .where(n.incident == part.id, n.round == part.relapses, n.attempts == 0)
        .where(n.state == NoticeState.OVERTAKEN.value, n.detail != GONE)
        .where(n.reason.in_([reason.value for reason in CALLING]))
        .values(state=NoticeState.WAITING.value, settled_at=None, due_at=now)
    )
    return done.rowcount > 0


def _open_of(connection: Connection, new: Incident) -> list[Incident]:
    """What may belong together with it: at its place, or of the rules that are each other's cause."""
    i = t.incident.c
    alike = [i.place == new.place] if new.place else []
    alike += [i.rule.in_(sorted(cause.rules)) for cause in CAUSES if new.rule in cause.rules]
    if not alike:
        return []
    query = (
        select(t.incident)
        .where(i.is_open.is_(True), i.site == new.subject.site, or_(*alike))
        .order_by(i.id.desc())
        .limit(MOST)
    )
    return [incident_of(row) for row in connection.execute(query)]


def _write(connection: Connection, leader: int, kind: StoryKind, part: int, now: datetime) -> None:
    for incident, other in ((leader, part), (part, leader)):
        line = StoryLine(at=now, kind=kind, facts={"incident": other})
        connection.execute(insert(t.story), story_row(incident, line))

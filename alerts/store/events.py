"""Incidents that are told as one, as rows: who joins, who is let go, who is taken over with it."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, insert, or_, select, update

from alerts.incidents.grouping import (
    CAUSES,
    RETURN,
    SILENCE,
    causes_it,
    explains,
    leader_of,
    leads,
)
from alerts.incidents.model import Incident, State, StoryKind, StoryLine
from alerts.notify.delays import GONE
from alerts.notify.notice import CALLING, NoticeReason, NoticeState
from alerts.registry.model import Registry
from alerts.store import tables as t
from alerts.store.incident_rows import incident_of, story_row
from alerts.store.part import save

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
        # What has not come back from one power cut stays away for the next.
        waits = other.part_of is not None and other.next_step_at is not None
        follows = (explains if waits else causes_it)(new, other, registry)
        if other.id != new.id and other.state is State.OPEN and follows:
            connection.execute(
                update(t.incident)
                .where(or_(i.id == other.id, i.part_of == other.id))  # with what it has led so far
                .values(part_of=new.id, next_step_at=None, muted_until=None, version=i.version + 1)
            )
            connection.execute(
                update(t.notice)
                .where(n.incident == other.id, n.state == NoticeState.WAITING.value)
                .where(n.reason.in_([reason.value for reason in CALLING]))
                .values(state=NoticeState.OVERTAKEN.value, settled_at=now)
            )
            _write(connection, new.id, StoryKind.JOINED, other.id, now)


def parts(connection: Connection, leader: Incident) -> list[Incident]:
    """What is told with it and goes on, under lock, oldest first."""
    i = t.incident.c
    query = (
        select(t.incident)
        .where(i.part_of == leader.id)
        .where(i.state.in_([State.OPEN.value, State.ACKNOWLEDGED.value]))
        .order_by(i.id)
        .with_for_update()
    )
    return [incident_of(row) for row in connection.execute(query)]


def leader_of_part(connection: Connection, part: Incident) -> Incident | None:
    """What it is a part of, whatever has become of that."""
    row = connection.execute(select(t.incident).where(t.incident.c.id == part.part_of)).first()
    return incident_of(row) if row is not None else None


def is_told_with(
    connection: Connection,
    part: Incident,
    reason: NoticeReason,
    registry: Registry,
    now: datetime,
) -> bool:
    """Whether people know of it by its leader; worse than they know of is news of its own, and so
    is what comes back, or has not come back in time, when the leader is over. Whoever is given this
    one alone knows nothing of it."""
    leader = leader_of_part(connection, part)
    if reason is NoticeReason.ASSIGNED and leader is not None:
        return leads(leader) and leader.acknowledged_by == part.acknowledged_by
    if reason not in CALLING:
        return True
    if leader is None or leader.false_alarm:
        return False
    waits = part.next_step_at is not None and part.next_step_at > now
    explained = reason is not NoticeReason.SEVERITY or explains(leader, part, registry)
    return explained and (leads(leader) or waits)


def await_return(connection: Connection, leader: Incident, part: Incident, now: datetime) -> None:
    """The leader is over: whatever it caused may take a while to come back. Whoever had the leader
    had this by it, and for no longer."""
    until = now + RETURN
    if part.state is State.OPEN:
        save(connection, part, replace(part, next_step_at=until, version=part.version + 1))
    elif part.acknowledged_by == leader.acknowledged_by and part.acknowledged_until is not None:
        until = min(until, part.acknowledged_until)
        save(connection, part, replace(part, acknowledged_until=until, version=part.version + 1))


def counted(connection: Connection, leader: Incident) -> Incident:
    """With the fact ``away``: how many devices are silent by it, if it is a cause and any are."""
    if not any(leader.rule in cause.rules for cause in CAUSES):
        return leader
    away = sum(one.rule in SILENCE for one in parts(connection, leader))
    return replace(leader, facts={**leader.facts, "away": away}) if away else leader


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
    alike += [i.rule.in_(sorted(cause.rules)) for cause in CAUSES if new.rule in cause.follow]
    alike += [i.rule.in_(sorted(cause.follow)) for cause in CAUSES if new.rule in cause.rules]
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

"""What the desk, the demo and ``shouwang why`` read; each is a few indexed rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, not_, or_, select

from alerts.incidents.model import Duty, Incident, Report, State, StoryKind, StoryLine
from alerts.incidents.precision import Precision
from alerts.notify.notice import CALLING, Considered, Notice, NoticeReason, NoticeState
from alerts.registry.model import ChannelKind, Registry
from alerts.rules.transition import Transition
from alerts.store import tables as t
from alerts.store.database import Database
from alerts.store.incident_rows import (
    considered_of,
    duty_of,
    incident_of,
    notice_of,
    report_of,
    story_of,
    transition_of,
)
from alerts.store.registry_rows import read_registry
from alerts.store.who_rows import in_quiet, rests
from alerts.words import NIGHT_CLASSES, Severity

CALLS_MOST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What is open now."""

    states: Mapping[State, int] = field(default_factory=dict)
    severities: Mapping[Severity, int] = field(default_factory=dict)
    duties: int = 0
    notices_unsent: int = 0

    @property
    def incidents(self) -> int:
        return sum(self.states.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Everything since the beginning."""

    transitions: int
    incidents: int
    notices: Mapping[NoticeState, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsent:
    """Notices that are due and not sent: never tried, or tried in vain.

    ``oldest_at`` is when the oldest was due first; of one that is tried again, when it was written.
    """

    waiting: int = 0
    retrying: int = 0
    oldest_at: datetime | None = None


class Reads:
    """The reading half of ``Operations``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: Registry | None = None

    def registry(self) -> Registry:
        with self._database.read() as connection:
            return self._registry(connection)

    def revision(self) -> int:
        """The registry's; rises with each change."""
        with self._database.read() as connection:
            return int(connection.execute(select(t.cell.c.revision)).scalar_one())

    def mark(self) -> int:
        """Rises with each change of anything here, so that pages know when to look again."""
        with self._database.read() as connection:
            return int(connection.execute(select(t.cell.c.mark)).scalar_one())

    def revisions(self) -> list[dict[str, Any]]:
        """The registry's history: revision, at, who, why, changes (ids by kind); newest first."""
        revision = t.registry_revision
        with self._database.read() as connection:
            rows = connection.execute(select(revision).order_by(revision.c.revision.desc()))
            return [dict(row._mapping) for row in rows]

    def open_incidents(self, *, site: str | None = None, limit: int = 500) -> list[Incident]:
        """What is not closed, worst first, then newest."""
        i = t.incident.c
        query = select(t.incident).where(i.is_open.is_(True))
        if site is not None:
            query = query.where(i.site == site)
        return self._incidents(query.order_by(i.severity.desc(), i.id.desc()).limit(limit))

    def incidents(
        self,
        *,
        site: str | None = None,
        open: bool | None = None,
        place: tuple[str, str] | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[Incident]:
        """Newest id first, only ids under ``before``; ``place`` is (site, place)."""
        i = t.incident.c
        query = select(t.incident)
        if place is not None:
            query = query.where(i.site == place[0], i.place == place[1])
        if site is not None:
            query = query.where(i.site == site)
        if open is not None:
            query = query.where(i.is_open.is_(open))
        if before is not None:
            query = query.where(i.id < before)
        return self._incidents(query.order_by(i.id.desc()).limit(limit))

    def event(self, incident: int) -> list[Incident]:
        """Those that are told as one with it, the leader first; empty when it stands alone."""
        i = t.incident.c
        leader = select(func.coalesce(i.part_of, i.id)).where(i.id == incident).scalar_subquery()
        query = select(t.incident).where(or_(i.id == leader, i.part_of == leader))
        found = self._incidents(query.order_by(i.id))
        first = [one for one in found if one.part_of is None]
        return (
            [*first, *(one for one in found if one.part_of is not None)] if len(found) > 1 else []
        )

    def incident(self, incident: int) -> Incident | None:
        found = self._incidents(select(t.incident).where(t.incident.c.id == incident))
        return found[0] if found else None

    def story(self, incident: int) -> list[StoryLine]:
        """In the order of what happened; a later entry about an earlier time stands there."""
        s = t.story.c
        query = select(t.story).where(s.incident == incident).order_by(s.at, s.id)
        with self._database.read() as connection:
            return [story_of(row) for row in connection.execute(query)]

    def notices(
        self, *, incident: int | None = None, before: int | None = None, limit: int = 50
    ) -> list[Notice]:
        """Newest id first, only ids under ``before``."""
        n = t.notice.c
        query = select(t.notice)
        if incident is not None:
            query = query.where(n.incident == incident)
        if before is not None:
            query = query.where(n.id < before)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(n.id.desc()).limit(limit))
            return [notice_of(row) for row in rows]

    def notice(self, notice_id: int) -> Notice | None:
        with self._database.read() as connection:
            row = connection.execute(select(t.notice).where(t.notice.c.id == notice_id)).first()
        return notice_of(row) if row else None

    def announced(self) -> list[Notice]:
        """What announcers have accepted, must repeat until somebody comes, and nobody has yet."""
        n, i = t.notice.c, t.incident.c
        query = (
            select(t.notice)
            .join(t.incident, i.id == n.incident)
            .where(i.state == State.OPEN.value, i.cls.in_([cls.value for cls in NIGHT_CLASSES]))
            .where(n.channel == ChannelKind.ANNOUNCER.value)
            .order_by(n.id)
        )
        with self._database.read() as connection:
            last = {(row.incident, row.to): row for row in connection.execute(query)}
        return [
            notice_of(row)
            for row in last.values()
            if row.state == NoticeState.ACCEPTED.value and row.reason != NoticeReason.HUSHED.value
        ]

    def considered(self, incident: int, person: str | None = None) -> list[Considered]:
        """Everybody who might have been told, in order of time, with the reason."""
        c = t.considered.c
        query = select(t.considered).where(c.incident == incident)
        if person is not None:
            query = query.where(c.person == person)
        with self._database.read() as connection:
            return [considered_of(row) for row in connection.execute(query.order_by(c.id))]

    def why(self, incident: int, person: str | None = None) -> list[Considered]:
        """Why somebody was, or was not, told: ``who.Reason(row.reason).text(language)``."""
        return self.considered(incident, person)

    def duties(
        self, *, open: bool | None = None, incident: int | None = None, limit: int = 500
    ) -> list[Duty]:
        """Oldest first; of those that are done (``open=False``) the newest first."""
        d = t.duty.c
        query = select(t.duty)
        order = (d.opened_at.desc(), d.id.desc()) if open is False else (d.opened_at, d.id)
        if open is not None:
            query = query.where(d.is_open.is_(open))
        if incident is not None:
            query = query.where(d.incident == incident)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(*order).limit(limit))
            return [duty_of(row) for row in rows]

    def duty(self, duty: int) -> Duty | None:
        with self._database.read() as connection:
            row = connection.execute(select(t.duty).where(t.duty.c.id == duty)).first()
            return None if row is None else duty_of(row)

    def reporters(self, incident: int) -> list[Report]:
        """Who told of it, oldest first."""
        r = t.report.c
        query = select(t.report).where(r.incident == incident).order_by(r.id)
        with self._database.read() as connection:
            return [report_of(row) for row in connection.execute(query)]

    def precision(self, rule: str | None = None) -> dict[str, Precision]:
        """By rule, of what has closed."""
        i = t.incident.c
        query = select(i.rule, i.false_alarm, i.unconfirmed, func.count())
        query = query.where(
            i.is_open.is_(False), i.severity > int(Severity.INFO), i.drill_until.is_(None)
        )
        if rule is not None:
            query = query.where(i.rule == rule)
        found: dict[str, Precision] = {}
        with self._database.read() as connection:
            rows = connection.execute(query.group_by(i.rule, i.false_alarm, i.unconfirmed))
            for name, is_false, is_unconfirmed, count in rows:
                known = found.get(name, Precision())
                found[name] = known.with_closed(
                    count, is_false=is_false, is_unconfirmed=is_unconfirmed
                )
        return found

    def judged_false(self, rule: str, limit: int = 20) -> list[tuple[Incident, StoryLine]]:
        """False alarms of a rule with what people said of them, newest first."""
        i, s = t.incident.c, t.story.c
        query = (
            select(t.incident, t.story.c.id.label("line"))
            .join(t.story, s.incident == i.id)
            .where(i.rule == rule, i.false_alarm.is_(True), s.kind == StoryKind.FALSE_ALARM.value)
            .order_by(s.id.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            rows = list(connection.execute(query))
            lines = connection.execute(select(t.story).where(s.id.in_([row.line for row in rows])))
            by_id = {line.id: story_of(line) for line in lines}
        return [(incident_of(row), by_id[row.line]) for row in rows]

    def transitions(self, *, after: int = 0, limit: int = 10_000) -> list[Transition]:
        """In the order in which they were taken; ``after`` skips so many."""
        query = select(t.transition).order_by(t.transition.c.id).offset(after).limit(limit)
        with self._database.read() as connection:
            return [transition_of(row) for row in connection.execute(query)]

    def counts(self) -> Counts:
        i, n = t.incident.c, t.notice.c
        number = func.count()
        with self._database.read() as connection:
            rows = connection.execute(
                select(i.state, i.severity, number)
                .where(i.is_open.is_(True))
                .group_by(i.state, i.severity)
            ).all()
            duties = select(number).select_from(t.duty).where(t.duty.c.is_open.is_(True))
            unsent = select(number).where(
                n.state.in_([NoticeState.WAITING.value, NoticeState.RETRYING.value])
            )
            states: dict[State, int] = {}
            severities: dict[Severity, int] = {}
            for state, severity, count in rows:
                states[State(state)] = states.get(State(state), 0) + count
                level = Severity(severity)
                severities[level] = severities.get(level, 0) + count
            return Counts(
                states=states,
                severities=severities,
                duties=connection.execute(duties).scalar_one(),
                notices_unsent=connection.execute(unsent).scalar_one(),
            )

    def unsent(self, now: datetime) -> Unsent:
        """What the outbox has still to do; what quiet hours hold back is not due yet."""
        n = t.notice.c
        with self._database.read() as connection:
            wakes = not_(rests(t.notice, in_quiet(self._registry(connection), now)))
            waits = [n.state == NoticeState.WAITING.value, n.due_at <= now, wakes]
            fails = [n.state == NoticeState.RETRYING.value, wakes]
            waiting, due_at = connection.execute(
                select(func.count(), func.min(n.due_at)).where(*waits)
            ).one()
            retrying, created_at = connection.execute(
                select(func.count(), func.min(n.created_at)).where(*fails)
            ).one()
        oldest = [at for at in (due_at, created_at) if at is not None]
        return Unsent(waiting=waiting, retrying=retrying, oldest_at=min(oldest, default=None))

    def totals(self) -> Totals:
        n = t.notice.c
        with self._database.read() as connection:
            states = connection.execute(select(n.state, func.count()).group_by(n.state)).all()
            return Totals(
                transitions=_count(connection, t.transition.c.id),
                incidents=_count(connection, t.incident.c.id),
                notices={NoticeState(state): count for state, count in states},
            )

    def calls(self, person: str) -> list[Incident]:
        """Open incidents that ``person`` was called to, the newest first; those he has as well."""
        n, i = t.notice.c, t.incident.c
        called = select(n.incident).where(
            n.person == person, n.reason.in_([reason.value for reason in CALLING])
        )
        query = select(t.incident).where(i.is_open.is_(True), i.id.in_(called))
        return self._incidents(query.order_by(i.id.desc()).limit(CALLS_MOST))

    def _incidents(self, query: Select[Any]) -> list[Incident]:
        with self._database.read() as connection:
            return [incident_of(row) for row in connection.execute(query)]

    def _registry(self, connection: Connection) -> Registry:
        """Read again only when its revision has risen."""
        known = self._known
        revision = connection.execute(select(t.cell.c.revision)).scalar_one()
        if known is None or known.revision != revision:
            known = self._known = read_registry(connection)
        return known


def _count(connection: Connection, column: Any) -> int:
    return connection.execute(select(func.count(column))).scalar_one()

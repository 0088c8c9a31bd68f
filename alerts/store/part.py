"""What the parts of ``Operations`` have of one another."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from alerts.incidents.acts import Conflict, Refusal, Refused
from alerts.incidents.lifecycle import Change, Timers
from alerts.incidents.model import Incident
from alerts.notify.notice import NoticeReason
from alerts.registry.model import Registry
from alerts.store import tables as t
from alerts.store.database import Database
from alerts.store.incident_rows import incident_of, incident_row
from alerts.store.telling import Rulebook, Teller
from edge.contract.subject import Subject


class Part:
    """A part of ``Operations``; each of its calls is one transaction."""

    _database: Database
    _teller: Teller
    _timers: Timers

    def _registry(self, connection: Connection) -> Registry:
        raise NotImplementedError

    def _rulebook(self) -> Rulebook:
        raise NotImplementedError

    def _open_of(self, connection: Connection, rule: str, subject: Subject) -> Incident | None:
        raise NotImplementedError

    def _apply(
        self,
        connection: Connection,
        before: Incident | None,
        change: Change,
        registry: Registry,
        now: datetime,
    ) -> Incident:
        """Store a change with its story, duties and notices."""
        raise NotImplementedError

    def _climb_on(
        self,
        connection: Connection,
        incident: Incident,
        because: str,
        registry: Registry,
        now: datetime,
        people: str = "",
    ) -> Incident:
        """To the next tier, if there is one; ``people`` has declined."""
        raise NotImplementedError

    def _tell(
        self,
        connection: Connection,
        incident: Incident,
        reason: NoticeReason,
        registry: Registry,
        now: datetime,
    ) -> Incident:
        """Tell the people whose turn it is."""
        raise NotImplementedError

    def _can_tell(
        self, connection: Connection, change: Change, registry: Registry, now: datetime
    ) -> bool:
        """Whether anybody would hear that it was given to them."""
        reason = NoticeReason.ASSIGNED
        verdicts = self._teller.verdicts(connection, change.incident, reason, registry, now)
        return any(verdict.due_at is not None for verdict in verdicts)

    def _let_reminders_go(
        self, connection: Connection, incident: int, registry: Registry, now: datetime
    ) -> None:
        """What is not sent yet and no longer waits is not reminded of."""
        raise NotImplementedError

    def _open_act(
        self, connection: Connection, incident_id: int, who: str, version: int | None
    ) -> tuple[Incident | None, Registry, Refused | Conflict | None]:
        """The incident under lock and the registry, or why the act ends here."""
        registry = self._registry(connection)
        incident = locked(connection, incident_id)
        if incident is None:
            return None, registry, Refused(Refusal.UNKNOWN_INCIDENT)
        if not any(person.id == who for person in registry.people):
            return incident, registry, Refused(Refusal.UNKNOWN_PERSON)
        if version is not None and version != incident.version:
            return incident, registry, Conflict(incident)
        return incident, registry, None


def locked(connection: Connection, incident_id: int) -> Incident | None:
    """The incident, nobody else's until the transaction ends."""
    row = connection.execute(
        select(t.incident).where(t.incident.c.id == incident_id).with_for_update()
    ).first()
    return incident_of(row) if row is not None else None


def save(connection: Connection, before: Incident | None, incident: Incident) -> Incident:
    """Insert or, by compare and set of the version, update."""
    row = incident_row(incident)
    if before is None:
        key = connection.execute(insert(t.incident), row).inserted_primary_key
        assert key is not None
        return replace(incident, id=key[0])
    i = t.incident.c
    changed = connection.execute(
        update(t.incident).where(i.id == before.id, i.version == before.version).values(row)
    )
    if changed.rowcount != 1:
        raise RuntimeError(f"incident {before.id} changed under its lock")  # a bug of this room
    return incident

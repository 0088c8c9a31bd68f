"""What the provider of calls and SMS tells afterwards: who pressed 1, and what never arrived."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, select, update

from alerts.incidents.acts import Done
from alerts.incidents.model import Incident, State, StoryKind
from alerts.notify.notice import CALLING, TELLING, NoticeReason, NoticeState
from alerts.notify.receipts import Fate, Receipt, is_noted, is_proven, mobile, noted
from alerts.secrets import SecretError, resolve
from alerts.store import tables as t
from alerts.store.acts import Acts, ends_call
from alerts.store.incident_rows import incident_of
from alerts.store.part import locked
from alerts.store.sending import Sending
from alerts.store.telling import UNSENT

SAME_MESSAGE = timedelta(days=1)  # what was merged was due within this before it went out
CLOCKS = timedelta(minutes=2)  # the provider's and ours may differ by so much
_CALLING = [reason.value for reason in CALLING]
_TELLING = [reason.value for reason in TELLING]
_OUT = (
    NoticeState.ACCEPTED.value,
    NoticeState.OPENED.value,
    NoticeState.ACKNOWLEDGED.value,
)
_DECIDED = (StoryKind.FALSE_ALARM.value, StoryKind.ASSIGNED.value)


class Effect(StrEnum):
    """What a receipt changed."""

    TAKEN = "taken"  # its person has the incident
    TOO_LATE = "too-late"  # 1 was pressed, and took over nothing
    FAILED = "failed"  # rejected after all, and handed on where somebody is still wanted
    NOTED = "noted"  # said beside the notice, whose state stays
    KNOWN = "known"  # nothing, now or ever: it was said before, or a later attempt stands
    EARLY = "early"  # nothing yet: no notice is known to have gone out so


class Receipted(Acts, Sending):
    """A part of ``Operations``. A receipt may come at any time, twice, and out of order."""

    def receipt(self, receipt: Receipt, now: datetime, *, asks_key: bool = False) -> Effect:
        """Hold a receipt against the notice that it names, and act on it.

        It counts only for the channel and the number that this notice really went to. ``asks_key``
        says that calls ask for a key: without that a key means nothing.
        """
        if receipt.fate is Fate.PRESSED and not asks_key:
            receipt = replace(receipt, fate=Fate.ANSWERED)
        with self._database.read() as connection:
            row = self._notice_of(connection, receipt, now)
        if row is None:
            return Effect.EARLY
        took_over = None
        if receipt.fate is Fate.PRESSED and _is_theirs(row, receipt):
            took_over = self._press(row, receipt, now)
        elif not is_proven(row.detail, receipt):
            return Effect.EARLY if row.state in UNSENT else Effect.KNOWN
        with self._database.write() as connection:
            changed = failed = False
            for one in self._sent_with(connection, row, receipt):
                detail = noted(one.detail, receipt, asks_key=asks_key)
                if receipt.fate is Fate.FAILED and one.state == NoticeState.ACCEPTED.value:
                    self._fail(connection, one, detail, now)
                    failed = True
                elif detail != one.detail:
                    _write(connection, one, detail=detail)
                    changed = True
        if took_over is not None:
            return took_over
        return Effect.FAILED if failed else Effect.NOTED if changed else Effect.KNOWN

    def _notice_of(self, connection: Connection, receipt: Receipt, now: datetime) -> Any | None:
        """The notice that it names; else the one that was sent from memory under another number."""
        n = t.notice.c
        row = connection.execute(
            select(t.notice).where(n.id == receipt.notice, n.channel == receipt.channel.value)
        ).first()
        if row is not None and _went_to(row, receipt):
            return row
        proven = [
            one
            for one in connection.execute(
                select(t.notice)
                .where(n.state.in_(_OUT), n.due_at > now - SAME_MESSAGE)
                .where(n.channel == receipt.channel.value)
                .where(n.detail.contains(receipt.id, autoescape=True))
            )
            if is_proven(one.detail, receipt) and _went_to(one, receipt)
        ]
        return proven[0] if len(proven) == 1 else None

    def _sent_with(self, connection: Connection, row: Any, receipt: Receipt) -> Sequence[Any]:
        """All notices that went out in this one call or SMS and stand as such."""
        n = t.notice.c
        until = row.settled_at or row.due_at
        found = connection.execute(
            select(t.notice)
            .where(n.state.in_(_OUT), n.due_at > until - SAME_MESSAGE)
            .where(n.due_at < until + SAME_MESSAGE)
            .where(n.channel == row.channel, n.to == row.to)
            .order_by(n.id)
            .with_for_update()
        )
        return [one for one in found if is_proven(one.detail, receipt)]

    def _press(self, row: Any, receipt: Receipt, now: datetime) -> Effect:
        """Its person takes over the incident, unless the call's end has passed or others have it."""
        with self._database.read() as connection:
            registry = self._registry(connection)
            found = connection.execute(
                select(t.incident).where(t.incident.c.id == row.incident)
            ).first()
            s = t.story.c
            lines = connection.execute(
                select(s.kind, s.at, s.facts).where(s.incident == row.incident)
            ).all()
        if found is None:
            return Effect.TOO_LATE
        incident = incident_of(found)
        has_it = incident.state is State.ACKNOWLEDGED and incident.acknowledged_by == row.person
        if is_noted(row.detail) or (has_it and not (incident.false_alarm or incident.assigned)):
            return Effect.KNOWN
        # Without a time it was no sooner than the call.
        pressed_at = receipt.at or row.settled_at or row.created_at
        is_late = row.round != incident.relapses or any(
            line.at > pressed_at and (ends_call(line) or line.kind in _DECIDED) for line in lines
        )
        is_known = any(
            person.id == row.person
            and any(
                (one.channel.value, one.to) == (row.channel, row.to) for one in person.addresses
            )
            for person in registry.people
        )
        # A group acts for nobody.
        if is_late or not is_known or row.is_group or row.reason not in _TELLING:
            return Effect.TOO_LATE
        result = self.acknowledge(row.incident, row.person, "call", now)
        return Effect.TAKEN if isinstance(result, Done) else Effect.TOO_LATE

    def _fail(self, connection: Connection, row: Any, detail: str, now: datetime) -> None:
        """The channel could not do it after all: as any rejected notice, while it is wanted."""
        _write(connection, row, state=NoticeState.REJECTED.value, settled_at=now, detail=detail)
        incident = locked(connection, row.incident)
        if incident is not None and _is_wanted(incident, row):
            self._hand_on(connection, row, self._registry(connection), now)


def _write(connection: Connection, row: Any, **values: Any) -> None:
    connection.execute(update(t.notice).where(t.notice.c.id == row.id).values(values))


def _went_to(row: Any, receipt: Receipt) -> bool:
    """Whether the notice's number is the receipt's, or the receipt names no number."""
    if not receipt.number:
        return True
    try:
        return mobile(resolve(row.to).reveal()) == receipt.number
    except SecretError:
        return False


def _is_theirs(row: Any, receipt: Receipt) -> bool:
    """Whether 1 was pressed in a call of this notice: by its id, or else by number and time.

    A call of which no answer came in time is placed again, and may still be taken.
    """
    if is_proven(row.detail, receipt):
        return True
    started_at = receipt.at
    return bool(receipt.number) and (
        started_at is not None and started_at >= row.created_at - CLOCKS
    )


def _is_wanted(incident: Incident, row: Any) -> bool:
    """Whether anybody is still to be told so: nobody is called to what is taken over, or over."""
    if row.reason in _CALLING:
        return incident.state is State.OPEN and row.round == incident.relapses
    if row.reason == NoticeReason.ASSIGNED.value:
        return incident.assigned and incident.acknowledged_by == row.person
    return True

"""Browsers in which people want their notices, out of their rows: who is told there, and what came of it."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from alerts.incidents import who
from alerts.notify.browsers import Browser, Ending
from alerts.notify.notice import Notice, NoticeReason, NoticeState
from alerts.notify.outcome import Accepted, Outcome, Rejected, Retry
from alerts.registry.addresses import browser_address, browser_of
from alerts.registry.model import Address, ChannelKind, Person, Registry
from alerts.store import tables as t

KEPT = timedelta(days=90)  # rows of browsers that are gone
_OUTCOMES = {
    Accepted: NoticeState.ACCEPTED,
    Retry: NoticeState.RETRYING,
    Rejected: NoticeState.REJECTED,
}

InBrowsers = Mapping[str, tuple[Address, ...]]
"""The addresses of each person's browsers, the newest first."""


def in_browsers(connection: Connection) -> InBrowsers:
    """Where each person is told besides."""
    b = t.browser.c
    query = select(b.id, b.person, b.label).where(b.gone_at.is_(None))
    found: dict[str, tuple[Address, ...]] = {}
    for row in connection.execute(query.order_by(b.made_at.desc(), b.id)):
        found[row.person] = (*found.get(row.person, ()), browser_address(row.id, row.label))
    return found


def reachable(
    registry: Registry,
    browsers: InBrowsers,
    reason: NoticeReason = NoticeReason.OPENED,
    posts: Collection[str] = (),
) -> Registry:
    """The registry in which whoever has no address for this is reached in their browsers.

    Of posts only these: the others are told through whoever has them.
    """
    if not browsers:
        return registry
    people = tuple(
        with_browsers(one, browsers, reason) if not one.is_post or one.id in posts else one
        for one in registry.people
    )
    return replace(registry, people=people)


def with_browsers(person: Person, browsers: InBrowsers, reason: NoticeReason) -> Person:
    """Their browsers are the addresses of whoever has no other for this."""
    if who.addresses_for(person, reason):
        return person
    return replace(person, addresses=person.addresses + browsers.get(person.id, ()))


def is_in_browser(row: Any) -> bool:
    """Whether a notice goes to a browser that registered itself."""
    return browser_of(Address(channel=ChannelKind(row.channel), to=row.to)) is not None


def is_copy(row: Any) -> bool:
    """Whether a notice is beside the person's own one: nothing follows from what becomes of it."""
    return bool(row.step == who.BESIDE) and is_in_browser(row)


def tried(connection: Connection, notice: Notice, outcome: Outcome, now: datetime) -> None:
    """Of a notice to a browser: how it ended there, and whether the browser is gone."""
    if (known := browser_of(notice.address)) is None:
        return
    b = t.browser.c
    connection.execute(
        update(t.browser)
        .where(b.id == known[0], b.gone_at.is_(None))
        .values(tried_at=now, outcome=_OUTCOMES[type(outcome)].value)
    )
    if isinstance(outcome, Rejected) and outcome.gone:
        end(connection, [known[0]], Ending.WITHDRAWN, now)


def end_of_others(connection: Connection, people: Collection[str], now: datetime) -> None:
    """Browsers of everybody but these people get no more notices: access follows who leaves."""
    b = t.browser.c
    query = select(b.id, b.person).where(b.gone_at.is_(None))
    left = [row.id for row in connection.execute(query) if row.person not in people]
    end(connection, left, Ending.LEFT, now)


def forget(connection: Connection, now: datetime) -> None:
    """Browsers that have long been gone."""
    connection.execute(delete(t.browser).where(t.browser.c.gone_at < now - KEPT))


def end(
    connection: Connection, ids: Collection[str], ending: Ending, now: datetime, *, of: str = ""
) -> None:
    """These get no more notices; with ``of`` only those of that person."""
    b = t.browser.c
    ended = update(t.browser).where(b.id.in_(ids), b.gone_at.is_(None))
    forgotten = {"endpoint": None, "p256dh": None, "auth": None}
    connection.execute(
        (ended.where(b.person == of) if of else ended).values(
            gone_at=now, ending=ending.value, **forgotten
        )
    )


def browser_of_row(row: Row[Any]) -> Browser:
    names = ("id", "person", "label", "made_at", "tried_at", "outcome", "gone_at")
    ending = Ending(row.ending) if row.ending else None
    return Browser(**{name: row._mapping[name] for name in names}, ending=ending)

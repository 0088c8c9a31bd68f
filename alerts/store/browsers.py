"""Browsers in which people want their notices: they ask for it, and take it back."""

import secrets
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import insert, or_, select, update

from alerts.incidents.acts import Refusal, Refused
from alerts.notify.browsers import MOST, Browser, Ending, Subscription
from alerts.store import tables as t
from alerts.store.browser_rows import browser_of_row, end
from alerts.store.part import Part

SHOWN = timedelta(days=30)  # that a browser has withdrawn: its person sees it on the page


class Browsers(Part):
    """A part of ``Operations``; each call is one transaction."""

    def keep_browser(
        self,
        who: str,
        reached: Subscription,
        label: str,
        now: datetime,
        *,
        replaces: str = "",
    ) -> Browser | Refused:
        """``who`` wants notices there from now on, and nobody else does; again is the same.

        ``replaces`` is the id of the same browser under what reached it before.
        """
        b = t.browser.c
        with self._database.write() as connection:
            if not any(person.id == who for person in self._registry(connection).people):
                return Refused(Refusal.UNKNOWN_PERSON)
            known = connection.execute(
                select(t.browser).where(b.endpoint == reached.endpoint).with_for_update()
            ).first()
            keys = {"p256dh": reached.p256dh, "auth": reached.auth, "label": label}
            if known is not None and known.person == who:
                connection.execute(update(t.browser).where(b.id == known.id).values(keys))
                return replace(browser_of_row(known), label=label)
            if known is not None:
                end(connection, [known.id], Ending.MOVED, now)
            end(connection, [replaces], Ending.REMOVED, now, of=who)
            mine = (
                select(b.id)
                .where(b.person == who, b.gone_at.is_(None))
                .order_by(b.made_at.desc(), b.id)
            )
            eldest = connection.execute(mine.offset(MOST - 1)).scalars().all()
            end(connection, eldest, Ending.ELDEST, now)
            made = Browser(id=secrets.token_hex(8), person=who, label=label, made_at=now)
            row = {"id": made.id, "person": who, "made_at": now, "outcome": "", "ending": ""}
            connection.execute(insert(t.browser), row | keys | {"endpoint": reached.endpoint})
            return made

    def remove_browser(self, browser: str, who: str, now: datetime) -> Browser | Refused:
        """No more notices there, says ``who``; what reached it is forgotten."""
        with self._database.write() as connection:
            if not any(person.id == who for person in self._registry(connection).people):
                return Refused(Refusal.UNKNOWN_PERSON)
            end(connection, [browser], Ending.REMOVED, now)
            row = connection.execute(select(t.browser).where(t.browser.c.id == browser)).first()
            return browser_of_row(row) if row is not None else Refused(Refusal.UNKNOWN_BROWSER)

    def browsers(self, now: datetime) -> list[Browser]:
        """Those that get notices, and those that have of late withdrawn; the eldest first."""
        b = t.browser.c
        withdrawn = (b.ending == Ending.WITHDRAWN.value) & (b.gone_at > now - SHOWN)
        query = select(t.browser).where(or_(b.gone_at.is_(None), withdrawn))
        with self._database.read() as connection:
            return [
                browser_of_row(row) for row in connection.execute(query.order_by(b.made_at, b.id))
            ]

    def subscription(self, browser: str) -> Subscription | None:
        """What reaches it; None when it is gone."""
        b = t.browser.c
        query = select(b.endpoint, b.p256dh, b.auth).where(b.id == browser, b.gone_at.is_(None))
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return Subscription(**row._mapping) if row is not None else None

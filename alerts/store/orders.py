"""Orders to devices and their reports, as rows: written by whoever asks, settled by the watch."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from alerts.orders import (
    OPEN_STATES,
    DeviceReport,
    Order,
    OrderState,
    OrderVerb,
    settled_by,
    wished,
)
from alerts.store import tables as t
from alerts.store.database import Database
from edge.contract.settings import Reported, SettingsState, Value

_OPEN = [state.value for state in OPEN_STATES]
_SAME = ["id", "site", "device", "target", "texts", "values", "revision", "who", "why"]
_SAME += ["asked_at", "until", "settled_at", "answer"]


class Orders:
    """A part of ``Operations``; each call is one transaction."""

    _database: Database

    def ask(self, order: Order) -> Order:
        """Write an order down for the watch; it has its id then."""
        with self._database.write() as connection:
            return _insert(connection, order)

    def wish(self, order: Order, changes: dict[str, Value | None]) -> Order | str:
        """Ask for settings: ``changes`` over what was wished before, under the next revision."""
        with self._database.write() as connection:
            last = _newest_wish(connection, order.site, order.device)
            # Nothing of what a device refused was applied.
            base = _newest_wish(connection, order.site, order.device, even_refused=False)
            values = wished(base.values if base else {}, changes)
            if isinstance(values, str):
                return values
            r = t.device_report.c
            known = connection.execute(
                select(r.revision).where(r.site == order.site, r.device == order.device)
            ).scalar()
            # A device knows its last revision, also when this database is younger.
            revision = max(last.revision if last else 0, known or 0) + 1
            c = t.command.c
            connection.execute(
                update(t.command)
                .where(c.site == order.site, c.device == order.device, c.state.in_(_OPEN))
                .where(c.verb == OrderVerb.SET.value)
                .values(state=OrderState.OVERTAKEN.value, settled_at=order.asked_at)
            )
            return _insert(connection, replace(order, values=values, revision=revision))

    def order(self, order_id: int) -> Order | None:
        with self._database.read() as connection:
            row = connection.execute(select(t.command).where(t.command.c.id == order_id)).first()
            return None if row is None else _order(row)

    def orders(
        self, site: str | None = None, device: str | None = None, *, limit: int = 50
    ) -> list[Order]:
        """The record, newest first."""
        c = t.command.c
        query = select(t.command).order_by(c.id.desc()).limit(limit)
        if site is not None:
            query = query.where(c.site == site)
        if device is not None:
            query = query.where(c.device == device)
        with self._database.read() as connection:
            return [_order(row) for row in connection.execute(query)]

    def newest_wish(self, site: str, device: str) -> Order | None:
        """The settings that are wished of this device, refused or not."""
        with self._database.read() as connection:
            return _newest_wish(connection, site, device)

    def reports(self) -> list[DeviceReport]:
        """What each device last said about its remote settings."""
        with self._database.read() as connection:
            rows = connection.execute(select(t.device_report))
            return [
                DeviceReport(
                    site=row.site,
                    device=row.device,
                    reported=Reported(
                        revision=row.revision,
                        state=SettingsState(row.state),
                        problems=tuple(row.problems),
                        values=dict(row._mapping["values"]),
                    ),
                    at=row.at,
                )
                for row in rows
            ]

    def withdraw(self, order_id: int, why: str, now: datetime) -> bool:
        """Whether it was still waiting, and now never goes out."""
        return self.settle_order(order_id, OrderState.EXPIRED, why, now, was=OrderState.WAITING)

    # The watch's part

    def waiting_orders(self, limit: int = 100) -> list[Order]:
        """What the watch has to take up, oldest first."""
        c = t.command.c
        query = select(t.command).where(c.state == OrderState.WAITING.value)
        with self._database.read() as connection:
            return [_order(row) for row in connection.execute(query.order_by(c.id).limit(limit))]

    def sent_orders(self) -> list[Order]:
        """What is sent and has no final answer: settings on their way, and what a killed watch left."""
        c = t.command.c
        under_way = [OrderState.SENT.value, OrderState.TRIAL.value]
        query = select(t.command).where(c.state.in_(under_way)).order_by(c.id)
        with self._database.read() as connection:
            return [_order(row) for row in connection.execute(query)]

    def settle_order(
        self,
        order_id: int,
        state: OrderState,
        answer: str,
        now: datetime,
        *,
        was: OrderState = OrderState.SENT,
    ) -> bool:
        """Compare and set: whether it was in that state."""
        c = t.command.c
        with self._database.write() as connection:
            done = connection.execute(
                update(t.command)
                .where(c.id == order_id, c.state == was.value)
                .values(state=state.value, answer=answer, settled_at=_end(state, now))
            )
            return done.rowcount == 1

    def report(self, site: str, device: str, reported: Reported, now: datetime) -> bool:
        """What a device says of its settings, with what that means to the wishes; whether new."""
        r, c = t.device_report.c, t.command.c
        here = (r.site == site, r.device == device)
        fields = {
            "revision": reported.revision,
            "state": reported.state.value,
            "problems": list(reported.problems),
            "values": dict(reported.values),
        }
        with self._database.read() as connection:
            known = connection.execute(select(t.device_report).where(*here)).first()
            open_wishes = connection.execute(
                select(c.id)
                .where(c.site == site, c.device == device, c.verb == OrderVerb.SET.value)
                .where(c.state.in_(_OPEN))
            ).first()
        # Each reconnect of the watch brings every retained report again.
        is_known = known and all(known._mapping[name] == value for name, value in fields.items())
        if is_known and open_wishes is None:
            return False
        with self._database.write() as connection:
            if known is None:
                row = {"site": site, "device": device, "at": now, **fields}
                connection.execute(insert(t.device_report), row)
            else:
                connection.execute(update(t.device_report).where(*here).values(at=now, **fields))
            for wish in connection.execute(
                select(t.command)
                .where(c.site == site, c.device == device, c.verb == OrderVerb.SET.value)
                .where(c.state.in_(_OPEN))
            ).all():
                settled = settled_by(wish.revision, reported)
                if settled is not None:
                    state, answer = settled
                    connection.execute(
                        update(t.command)
                        .where(c.id == wish.id)
                        .values(state=state.value, answer=answer, settled_at=_end(state, now))
                    )
        return True


def _end(state: OrderState, now: datetime) -> datetime | None:
    return None if state in OPEN_STATES else now


def _insert(connection: Connection, order: Order) -> Order:
    row = {name: getattr(order, name) for name in _SAME if name != "id"}
    row |= {"texts": dict(order.texts), "values": dict(order.values)}
    row |= {"verb": order.verb.value, "state": order.state.value}
    key = connection.execute(insert(t.command), row).inserted_primary_key
    assert key is not None
    return replace(order, id=key[0])


def _newest_wish(
    connection: Connection, site: str, device: str, *, even_refused: bool = True
) -> Order | None:
    c = t.command.c
    query = select(t.command).where(
        c.site == site, c.device == device, c.verb == OrderVerb.SET.value
    )
    if not even_refused:
        query = query.where(c.state != OrderState.REFUSED.value)
    row = connection.execute(query.order_by(c.id.desc()).limit(1)).first()
    return None if row is None else _order(row)


def _order(row: Row[Any]) -> Order:
    fields = row._mapping
    return Order(
        verb=OrderVerb(fields["verb"]),
        state=OrderState(fields["state"]),
        **{name: fields[name] for name in _SAME},
    )

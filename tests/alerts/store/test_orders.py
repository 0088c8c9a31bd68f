"""Orders to devices: taken up once, settled once, and kept as the record."""

from datetime import datetime, timedelta

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from alerts.orders import Order, OrderState, OrderVerb, settled_by, wished
from alerts.store.database import MIGRATIONS, Database
from alerts.store.operations import Operations
from edge.contract.settings import Reported, SettingsState, Value
from tests.alerts.incidents.community import NOW

SITE, DEVICE = "riverside", "box-1"
LATER = NOW + timedelta(seconds=5)
APPLIED, REFUSED = SettingsState.APPLIED, SettingsState.REFUSED


def order(verb: OrderVerb = OrderVerb.OFF, now: datetime = NOW) -> Order:
    return Order(
        site=SITE, device=DEVICE, verb=verb, target="relay-1", who="zhang", why="hot",
        asked_at=now, until=now + timedelta(seconds=20),
    )  # fmt: skip


def wish(operations: Operations, **changes: Value | None) -> Order:
    made = operations.wish(order(OrderVerb.SET), changes)
    assert isinstance(made, Order), made
    return made


def state(operations: Operations, asked: Order) -> OrderState:
    found = operations.order(asked.id)
    assert found is not None
    return found.state


def test_an_order_is_kept_with_who_when_and_why(operations):
    asked = operations.ask(order())
    assert operations.waiting_orders() == [asked]
    assert operations.orders(SITE, DEVICE) == [asked]
    assert operations.orders("elsewhere") == []


def test_an_order_is_taken_up_by_one_and_settled_once(operations):
    asked = operations.ask(order())
    sent = [
        operations.settle_order(asked.id, OrderState.SENT, "", NOW, was=OrderState.WAITING)
        for _ in range(2)
    ]
    assert sent == [True, False]
    assert not operations.withdraw(asked.id, "withdrawn", NOW)
    assert operations.settle_order(asked.id, OrderState.DONE, "off", LATER)
    assert not operations.settle_order(asked.id, OrderState.REFUSED, "late", LATER)
    (kept,) = operations.orders()
    assert (kept.state, kept.answer, kept.settled_at) == (OrderState.DONE, "off", LATER)


def test_what_is_withdrawn_is_never_taken_up(operations):
    asked = operations.ask(order())
    assert operations.withdraw(asked.id, "withdrawn", NOW)
    assert operations.waiting_orders() == []
    assert not operations.settle_order(asked.id, OrderState.SENT, "", NOW, was=OrderState.WAITING)


def test_wishes_gather_and_the_newest_replaces_the_others(operations):
    first = wish(operations, a=1, b="x")
    second = wish(operations, a=2, c=True)
    assert (first.revision, second.revision) == (1, 2)
    assert second.values == {"a": 2, "b": "x", "c": True}
    assert state(operations, first) is OrderState.OVERTAKEN
    assert wish(operations, b=None).values == {"a": 2, "c": True}


def test_the_revision_is_above_what_the_device_knows(operations):
    operations.report(SITE, DEVICE, Reported(revision=7, state=APPLIED), NOW)
    assert wish(operations, a=1).revision == 8


def test_a_report_settles_the_wish_it_is_about(operations):
    asked = wish(operations, a=1)
    operations.report(SITE, DEVICE, Reported(revision=1, state=SettingsState.TRIAL), NOW)
    assert state(operations, asked) is OrderState.TRIAL
    assert operations.report(SITE, DEVICE, Reported(revision=1, state=APPLIED), LATER)
    assert state(operations, asked) is OrderState.DONE
    assert not operations.report(SITE, DEVICE, Reported(revision=1, state=APPLIED), LATER)
    (report,) = operations.reports()
    assert (report.reported.state, report.at) == (APPLIED, LATER)


def test_what_was_refused_is_no_ground_for_the_next_wish(operations):
    wish(operations, a=1)
    operations.report(SITE, DEVICE, Reported(revision=1, state=APPLIED, values={"a": 1}), NOW)
    refused = wish(operations, broker="evil")
    said = Reported(revision=2, state=REFUSED, problems=("broker: not from afar",))
    operations.report(SITE, DEVICE, said, NOW)
    assert state(operations, refused) is OrderState.REFUSED
    assert operations.newest_wish(SITE, DEVICE).answer.endswith("broker: not from afar")
    third = wish(operations, b=2)
    assert (third.revision, third.values) == (3, {"a": 1, "b": 2})


@pytest.mark.parametrize(
    ("revision", "reported", "state"),
    [
        (2, Reported(revision=1, state=APPLIED), None),
        (2, Reported(revision=2, state=SettingsState.TRIAL), OrderState.TRIAL),
        (2, Reported(revision=2, state=APPLIED), OrderState.DONE),
        (2, Reported(revision=2, state=REFUSED), OrderState.REFUSED),
        (2, Reported(revision=2, state=SettingsState.ROLLED_BACK), OrderState.REFUSED),
        (2, Reported(revision=3, state=APPLIED), OrderState.OVERTAKEN),
    ],
)
def test_what_a_report_means_to_a_wish(revision, reported, state):
    settled = settled_by(revision, reported)
    assert (settled[0] if settled else None) is state


def test_more_settings_than_a_device_takes_are_not_wished():
    assert isinstance(wished({}, {f"k{n}": n for n in range(201)}), str)


def test_a_database_of_before_is_brought_up_with_what_it_holds(url):
    """The first schema, as the release of then made it, and up from there."""
    database = Database(url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in (
            "INSERT INTO cell (id, name, revision, mark) VALUES (1, 'cell', 0, 0)",
            "INSERT INTO site (id, nth, name_zh, name_en, time_zone) VALUES ('s', 0, 'x', '', 'UTC')",
            "INSERT INTO device (site, id, nth, name_zh, name_en, source, origin, overdue, "
            "can_cut_power) VALUES ('s', 'd', 0, 'x', '', 'live', '', 3, false)",
        ):
            connection.execute(text(statement))
    assert not database.is_set_up()
    database.close()
    with Operations(url) as operations:
        operations.set_up()
        (device,) = operations.registry().devices
        assert (device.id, device.command_key, device.format) == ("d", "", "native")
        assert operations.orders() == []

"""The console on the real operations database, rule packs and embedded store: the ports fit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from alerts.incidents.model import State
from alerts.packs import shipped
from alerts.rules.packs import read_packs
from alerts.rules.transition import Change, Transition
from alerts.store.operations import Operations
from alerts.words import IncidentClass, Severity
from collector.stores.port import Store
from dashboards import ports
from dashboards.console.app import make_app
from edge.contract.subject import Subject
from tests.dashboards.desk_fixture import NOW, SITE, house, registry


def _transition(change: Change, nth: int, value: float) -> Transition:
    at = int(NOW.timestamp() * 1000) + nth * 60_000
    return Transition(
        rule="some-rule",
        subject=Subject.of_place(SITE, "shed-2", "p07"),
        journal="j",
        position=1,
        nth=nth,
        change=change,
        cls=IncidentClass.FIRE,
        severity=Severity.MAJOR,
        at_ms=at,
        since_ms=at - 60_000,
        seen_ms=at,
        place="shed-2",
        port="p07",
        device="shed-2-box",
        metric="power",
        value=value,
        limit=800.0,
        peak=1130.0,
    )


@pytest.fixture
async def operations(tmp_path: Path) -> AsyncIterator[Operations]:
    with Operations(f"sqlite:///{tmp_path / 'operations.sqlite3'}") as operations:
        operations.set_up()
        operations.save_registry(registry(), "test", "begin", NOW)
        yield operations


def test_the_real_parts_fit_the_ports(operations: Operations):
    """Checked by mypy as much as by running."""
    fits: ports.Operations = operations
    packs: ports.Packs = read_packs(shipped())
    assert fits.registry().sites
    for rule in packs.rules.values():
        assert rule.names.zh


def _fits(store: Store) -> ports.History:
    """For mypy: a store is a history."""
    return store


async def test_a_danger_is_taken_over_recovers_and_ends_by_a_second_look(operations: Operations):
    packs = read_packs(shipped())
    desk = replace(house().desk, operations=operations, packs=packs)
    operations.take([_transition(Change.RAISED, 0, 1130.0)], packs, NOW)
    async with TestClient(TestServer(make_app(desk))) as client:
        origin = {"Origin": str(client.make_url("/")).rstrip("/")}
        text = await (await client.get("/")).text()
        assert "1 件未结，1 件没人接" in text
        assert "data-until-ms" in text
        number = operations.open_incidents()[0].id
        path = f"/api/v1/incidents/{number}"
        taken = await client.post(f"{path}/acknowledge", json={"who": "guard"}, headers=origin)
        assert (await taken.json())["acknowledged_by"] == "guard"
        late = await client.post(f"{path}/acknowledge", json={"who": "wang"}, headers=origin)
        assert late.status == 409
        operations.take([_transition(Change.CLEARED, 1, 20.0)], packs, NOW + timedelta(minutes=1))
        duty = operations.duties(open=True)[0]
        body = {"who": "guard", "outcome": "fine", "note": "已拔掉"}
        done = await client.post(f"/api/v1/duties/{duty.id}/confirm", json=body, headers=origin)
        assert (await done.json())["state"] == State.CLOSED.value
        page = await (await client.get(f"/incidents/{number}")).text()
        for words in ("通知了值班岗", "值班岗接手", "值班岗复查：没事了", "已拔掉", "复查确认"):
            assert words in page, words
        assert "现在没有要处理的事" in await (await client.get("/")).text()

"""The console on the real operations database, rule packs and embedded store: the ports fit."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from alerts.incidents.model import State
from alerts.notify import delays
from alerts.notify.outcome import Accepted
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


async def test_people_give_report_judge_and_call_on(operations: Operations):
    packs = read_packs(shipped())
    rule = next(iter(packs.rules))
    desk = replace(house().desk, operations=operations, packs=packs)
    operations.take([replace(_transition(Change.RAISED, 0, 1130.0), rule=rule)], packs, NOW)
    async with TestClient(TestServer(make_app(desk))) as client:
        origin = {"Origin": str(client.make_url("/")).rstrip("/")}

        async def act(path: str, **body: object) -> dict:
            answer = await client.post(
                f"/api/v1/{path}", json={"who": "xiaoli"} | body, headers=origin
            )
            return {"status": answer.status} | await answer.json()

        given = await act("incidents/1/assign", to="wang", on_behalf_of="李主任")
        assert (given["acknowledged_by"], given["assigned"]) == ("wang", True)
        page = await (await client.get("/incidents/1")).text()
        for words in ("社区小李交给王经理", "（代李主任填）", "还没接手", "没接手就接着通知别人"):
            assert words in page, words
        stale = await act("incidents/1/false-alarm", reason="试机", version=1)
        assert (stale["status"], "晚了一步" in stale["title"]) == (409, True)
        await act("incidents/1/reports", reporter="3 号楼王大爷", phone="000-1", words="闻到焦味",
                  on_behalf_of="门岗老李")  # fmt: skip
        assert "（代门岗老李填）" in await (await client.get("/incidents/1")).text()
        judged = await act("incidents/1/false-alarm", reason="有人试机")
        assert judged["false_alarm"] is True
        assert "3 号楼王大爷" in await (await client.get("/incidents/1")).text()
        cleared = replace(_transition(Change.CLEARED, 1, 20.0), rule=rule)
        operations.take([cleared], packs, NOW + timedelta(minutes=1))
        (call,) = operations.duties(open=True)
        assert "回访：" in await (await client.get("/")).text()
        await act(f"duties/{call.id}/called-on", outcome="content")
        assert operations.duties(open=True) == []
        told = await (await client.get("/api/v1/rules")).json()
        precision = {one["id"]: one["precision"] for one in told["items"]}[rule]
        assert precision == {"real": 0, "false": 1, "unconfirmed": 0, "share": 0.0}
        for path in ("/rules", f"/rules/{rule}", "/incidents/1"):
            assert "报过 1 次，误报 1 次" in await (await client.get(path)).text(), path
        assert "有人试机" in await (await client.get(f"/rules/{rule}")).text()
        assert (await client.get("/rules/none")).status == 404
        assert (await act("incidents/1/close"))["status"] == 409


async def test_a_silence_is_made_agreed_to_shown_and_ended(operations: Operations):
    packs = read_packs(shipped())
    desk = replace(house().desk, operations=operations, packs=packs)
    async with TestClient(TestServer(make_app(desk))) as client:
        origin = {"Origin": str(client.make_url("/")).rstrip("/")}

        async def act(path: str, who: str, **body: object) -> dict:
            answer = await client.post(f"/api/v1/{path}", json={"who": who} | body, headers=origin)
            return {"status": answer.status} | await answer.json()

        # A form sends its number as text, and the site's own time.
        made = await act("silences", "wang", site=SITE, place="shed-2", hours="2", why="换开关")
        assert (made["status"], made["kind"]) == (200, "silence")
        page = await (await client.get("/silences")).text()
        assert "火情照常通知：还没有第二个人同意" in page
        assert 'data-whose="wang" data-act="/api/v1/silences/1/confirm"' in page, "not by himself"
        assert "以前的" not in page
        assert (await act("silences/1/confirm", "wang"))["status"] == 422
        assert (await act("silences/1/confirm", "xiaoli"))["confirmed_by"] == "xiaoli"
        operations.take([_transition(Change.RAISED, 0, 1130.0)], packs, desk.clock.now())
        assert operations.due(NOW + timedelta(hours=1), 9) == []
        page = await (await client.get("/silences")).text()
        for words in ("2 号充电棚", "换开关", "王经理设，社区小李 18:36 同意", "提前结束"):
            assert words in page, words
        assert "火情照常通知" not in page
        told = await (await client.get("/incidents/1")).text()
        for words in ("静默到", "暂不通知：有人设了静默"):
            assert words in told, words
        assert '<section id="past" data-live></section>' in page, "what ends comes to stand there"
        assert (await act("silences/1/end", "wang"))["ended_by"] == "wang"
        assert (await (await client.get("/api/v1/silences")).json())["items"] == []
        assert len((await (await client.get("/api/v1/silences?state=all")).json())["items"]) == 1
        assert (await act("silences/9/end", "wang"))["status"] == 404
        later = await act(
            "silences", "wang", site=SITE, since="2026-11-24T22:00", hours="2", why="停电检修"
        )
        assert (later["since"], later["until"]) == (
            "2026-11-24T22:00:00+08:00",
            "2026-11-25T00:00:00+08:00",
        )
        never = await act(
            "silences", "wang", site=SITE, since="9999-12-31T23:59", hours="2", why="?"
        )
        assert never["status"] == 422
        snoozed = await act("snooze", "wang", hours=1, incident=1)
        assert (snoozed["person"], snoozed["incident"]) == ("wang", 1)
        assert (await act("snooze", "wang", hours=30))["status"] == 400


async def test_a_notice_that_waits_for_its_turn_or_has_waited_says_so_in_words(
    operations: Operations,
):
    packs = read_packs(shipped())
    desk = replace(house().desk, operations=operations, packs=packs)
    operations.take([_transition(Change.RAISED, 0, 1130.0)], packs, NOW)
    (notice, *_) = operations.due(NOW, 9)
    operations.hold([notice.id], NOW + timedelta(minutes=7), delays.waits(420, "5 in 3600 s"))
    async with TestClient(TestServer(make_app(desk))) as client:

        async def page(language: str) -> str:
            answer = await client.get(f"/incidents/1?lang={language}")
            return await answer.text()

        waits = re.search(r"发得太多，排着队，(\d\d:\d\d) 再发。", await page("zh"))
        assert waits
        assert f"it has its turn at {waits[1]}." in await page("en")
        operations.settle(notice.id, Accepted(delays.behind("HTTP 200", 3, 420)), NOW)
        text = await page("zh")
        assert "和另外 3 件合成一条发的。 排队等了 420 秒。" in text
        assert "再发" not in text


async def test_what_somebody_has_is_taken_or_given_away_by_whoever_saw_that(
    operations: Operations,
):
    packs = read_packs(shipped())
    desk = replace(house().desk, operations=operations, packs=packs)
    operations.take([_transition(Change.RAISED, 0, 1130.0)], packs, NOW)
    operations.acknowledge(1, "wang", "console", NOW, "Emma Novak")
    async with TestClient(TestServer(make_app(desk))) as client:
        origin = {"Origin": str(client.make_url("/")).rstrip("/")}

        async def act(deed: str, **body: object) -> dict:
            answer = await client.post(
                f"/api/v1/incidents/1/{deed}", json={"who": "xiaoli"} | body, headers=origin
            )
            return {"status": answer.status} | await answer.json()

        def version(text: str) -> int:
            """As the form sends it, and the buttons."""
            (written,) = re.findall(r'name="version" value="(\d+)"', text)
            assert text.count(f'{{"version": {written}}}') == 2
            return int(written)

        page = await (await client.get("/incidents/1")).text()
        for words in ("改由我来（接替王经理）", "继续由我处理", "接手（代 Emma Novak 填）"):
            assert words in page, words
        assert "接手（代 Emma Novak 填）" in await (await client.get("/")).text()
        assert (await act("assign", to="guard"))["status"] == 409
        given = await act("assign", to="guard", version=str(version(page)))
        assert (given["status"], given["acknowledged_by"], given["assigned"]) == (
            200,
            "guard",
            True,
        )
        operations.acknowledge(1, "guard", "link", NOW)
        page = await (await client.get("/incidents/1")).text()
        assert "值班岗接手（通知里的链接）" in page
        taken = await act("acknowledge", version=version(page))
        assert (taken["status"], taken["acknowledged_by"]) == (200, "xiaoli")
        kept = await act("acknowledge", version=taken["version"])
        assert (kept["status"], kept["acknowledged_by"]) == (200, "xiaoli")


async def test_ones_own_quiet_is_shown_with_its_end_and_taken_back(operations: Operations):
    packs = read_packs(shipped())
    desk = replace(house().desk, operations=operations, packs=packs)
    operations.take([_transition(Change.RAISED, 0, 1130.0)], packs, NOW)
    async with TestClient(TestServer(make_app(desk))) as client:
        origin = {"Origin": str(client.make_url("/")).rstrip("/")}

        async def snooze(hours: float) -> str:
            body = {"who": "wang", "incident": 1, "hours": hours}
            answer = await client.post("/api/v1/snooze", json=body, headers=origin)
            assert answer.status == 200
            return await (await client.get("/incidents/1")).text()

        page = await snooze(1)
        assert re.search('data-whose="wang" data-mine hidden>19:36 前不通知您这件事', page)
        assert [one.person for one in operations.snoozed(1, NOW)] == ["wang"]
        assert operations.snoozed(2, NOW) == []
        assert operations.snoozed(1, NOW + timedelta(hours=2)) == []
        assert "前不通知您这件事" not in await snooze(0)


async def test_a_second_person_is_asked_only_where_there_can_be_a_fire(operations: Operations):
    packs = read_packs(shipped())
    desk = replace(house().desk, operations=operations, packs=packs)
    fire = next(name for name, rule in packs.rules.items() if rule.cls is IncidentClass.FIRE)
    other = next(name for name, rule in packs.rules.items() if rule.cls is IncidentClass.UPKEEP)
    async with TestClient(TestServer(make_app(desk))) as client:
        origin = {"Origin": str(client.make_url("/")).rstrip("/")}
        for number, (about, asks) in enumerate(
            [
                ({}, True),
                ({"place": "shed-2"}, True),
                ({"place": "laobakou"}, False),
                ({"rule": fire}, True),
                ({"rule": other}, False),
            ],
            start=1,
        ):
            body = {"who": "wang", "site": SITE, "hours": 2, "why": "检修", **about}
            made = await client.post("/api/v1/silences", json=body, headers=origin)
            assert made.status == 200
            page = await (await client.get("/silences")).text()
            assert (f"/silences/{number}/confirm" in page) is asks, about
        assert f'<option value="{other}">' in page


async def test_too_late_for_what_nobody_has_names_nobody(operations: Operations):
    packs = read_packs(shipped())
    desk = replace(house().desk, operations=operations, packs=packs)
    operations.take([_transition(Change.RAISED, 0, 1130.0)], packs, NOW)
    operations.take([_transition(Change.CLEARED, 1, 20.0)], packs, NOW + timedelta(minutes=1))
    async with TestClient(TestServer(make_app(desk))) as client:
        origin = {"Origin": str(client.make_url("/")).rstrip("/")}
        answer = await client.post(
            "/api/v1/incidents/1/acknowledge", json={"who": "wang"}, headers=origin
        )
        told = await answer.json()
        assert (answer.status, told["title"]) == (409, "晚了一步：现在是“等待复查”")

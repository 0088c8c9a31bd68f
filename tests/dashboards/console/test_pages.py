from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

from aiohttp.test_utils import TestClient

from alerts.incidents.model import Duty, DutyKind, State
from alerts.notify.notice import NoticeReason, NoticeState
from alerts.registry.model import PostRole
from alerts.words import Severity
from dashboards.console.cards import in_order_of_need
from dashboards.ports import Part
from tests.dashboards.desk_fixture import NOW, House


async def _text(client: TestClient, path: str) -> str:
    answer = await client.get(path)
    assert answer.status == 200, path
    return await answer.text()


async def test_the_overview_says_what_is_open_who_has_it_and_what_follows(client: TestClient):
    text = await _text(client, "/")
    assert "4 件未结，2 件没人接" in text
    assert "2 号充电棚 7 号插座功率 1130 瓦" in text
    assert f'data-until-ms="{int((NOW + timedelta(seconds=130)).timestamp() * 1000)}"' in text
    assert 'data-role="社区"' in text
    assert "张河长 11:02 接手" in text
    assert "不急，进早间汇总" in text
    places = [text.index(f'id="{name}"') for name in ("todo", "duties", "rivers", "sheds")]
    assert places == sorted(places)


async def test_a_charging_card_says_whether_the_power_is_off(client: TestClient):
    assert "已断电" in await _text(client, "/")
    assert "The power is off." in await _text(client, "/?lang=en")


async def test_every_page_says_whether_the_watch_is_awake(client: TestClient, here: House):
    pages = ("/", "/incidents", "/incidents/6", "/places/riverside/shed-2", "/devices", "/people")
    for path in pages:
        text = await _text(client, path)
        assert "系统正常" in text
        assert "1 台失联" in text
    status = here.watch.status
    assert status is not None
    here.watch.status = replace(status, at=NOW - timedelta(minutes=4))
    for path in pages:
        assert "系统 4 分钟没有动静" in await _text(client, path)
    here.watch.status = replace(status, parts=(Part(name="store", ok=False, why="disk full"),))
    assert "历史数据库：disk full" in await _text(client, "/")
    here.watch.status = None
    assert "系统还没启动" in await _text(client, "/")


async def test_a_nav_link_leads_somewhere(client: TestClient):
    text = await _text(client, "/")
    nav = text.split("<nav>")[1].split("</nav>")[0]
    links = [piece.split('"')[0] for piece in nav.split('href="')[1:]]
    assert len(links) == 6
    for link in links:
        await _text(client, link)


async def test_a_device_tells_when_its_power_was_cut(client: TestClient):
    assert "断过电或意外重启，之后几秒的数据可能没记下" in await _text(client, "/devices")


async def test_what_a_device_has_still_to_send_stands_apart_from_when_it_was_heard(
    client: TestClient, here: House
):
    status = here.watch.status
    assert status is not None
    sights = tuple(replace(sight, waiting=3) for sight in status.devices)
    here.watch.status = replace(status, devices=sights)
    assert "分钟前有数据 · 还有 3 条待补传" in await _text(client, "/devices")


async def test_where_data_is_not_live_it_says_so_with_its_origin(client: TestClient):
    for path in ("/", "/places/riverside/shed-2", "/devices", "/incidents/6"):
        text = await _text(client, path)
        assert "注入数据（演示）" in text
        assert "CHARGED e-bike curves + fault" in text


async def test_an_incident_shows_its_notices_word_for_word_and_why_each_was_told(
    client: TestClient, here: House
):
    text = await _text(client, "/incidents/6")
    for notice in here.operations.notices(incident=6):
        assert notice.title in text
        assert notice.text.splitlines()[2] in text
    assert "未通知：还没轮到这一级。" in text
    assert "被拒" in text
    assert "HTTP 410 Gone" in text


async def test_what_the_provider_says_of_a_call_is_shown_in_the_reader_s_language(
    client: TestClient, here: House
):
    said = "the provider says: answered, no key pressed (200001) at 02:11"
    first = here.operations._notices[0]
    here.operations._notices[0] = replace(
        first, incident=6, state=NoticeState.ACCEPTED, attempts=1, detail=f"CallId 7^8; {said}"
    )
    text = await _text(client, "/incidents/6")
    assert "CallId 7^8; 服务商回执：接了，没按键（200001），02:11" in text
    assert said not in text


async def test_the_inbox_shows_both_languages(client: TestClient):
    text = await _text(client, "/demo/inbox")
    assert "Shed 2 socket 7: Socket overload" in text
    assert "【要处理】2 号充电棚 7 号插座：插座功率过高" in text


async def test_what_is_over_is_told_by_its_worst_value(client: TestClient, here: House):
    found = here.operations.incident(6)
    assert found is not None
    here.operations.put(replace(found, state=State.RECOVERED, recovered_at=NOW, value=111.0))
    text = await _text(client, "/incidents/6")
    assert "7 号插座功率 1130 瓦" in text
    assert "功率 111 瓦" not in text


async def test_somebody_considered_twice_stands_once_with_both_reasons(
    client: TestClient, here: House
):
    here.operations.weigh(replace(here.operations.considered(6)[0], told=False,
                                  reason="already-told", at=NOW))  # fmt: skip
    text = (await _text(client, "/incidents/6")).split('id="weighed"')[1].split("</section>")[0]
    assert text.count("<b>值班岗</b>") == 1
    assert "已通知：轮到这一级。" in text
    assert "没有重复通知" in text


async def test_links_of_chat_apps_may_carry_what_they_like(client: TestClient):
    await _text(client, "/incidents/6?from=singlemessage&isappinstalled=0")


async def test_a_house_without_anything_still_has_its_pages(client: TestClient, here: House):
    known = here.operations.registry()
    here.operations._registry = replace(known, sites=(), places=(), devices=(), people=(), tiers=())
    here.operations._incidents.clear()
    here.operations._duties.clear()
    here.operations._notices.clear()
    here.history.known.clear()
    for path in ("/", "/incidents", "/devices", "/people", "/demo/inbox"):
        await _text(client, path)
    assert "现在没有要处理的事" in await _text(client, "/")


async def test_somebody_who_left_and_a_rule_that_is_gone_do_not_break_a_page(
    client: TestClient, here: House
):
    found = here.operations.incident(3)
    assert found is not None
    here.operations.put(replace(found, rule="gone", acknowledged_by="left", place="nowhere"))
    for path in ("/", "/incidents", "/incidents/3"):
        text = await _text(client, path)
        assert "left" in text


def test_what_burns_and_nobody_has_comes_first(here: House):
    known = here.operations.incidents(limit=99)
    ordered = in_order_of_need([one for one in known if one.state is not State.CLOSED])
    assert [one.id for one in ordered] == [6, 4, 3, 5]
    assert ordered[-1].severity is Severity.INFO


def _many(here: House, count: int) -> None:
    model = here.operations.incident(4)
    assert model is not None
    for number in range(100, 100 + count):
        here.operations.put(replace(model, id=number))


async def test_a_storm_leaves_the_overview_short_and_its_count_whole(
    client: TestClient, here: House
):
    _many(here, 200)
    text = await _text(client, "/")
    assert text.count('<article class="inc') == 20 + 1  # and the duty
    assert "204 件未结，202 件没人接" in text
    assert '<a class="act second" href="/incidents">还有 184 件，看全部</a>' in text
    assert 'id="incident-6"' in text  # what needs somebody most


async def test_all_that_is_open_is_paged_without_gap_or_double(client: TestClient, here: House):
    _many(here, 120)
    seen: list[str] = []
    path: str | None = "/incidents"
    while path:
        text = await _text(client, path)
        section = text.split('id="open"')[1].split("</section>")[0]
        here_now = re.findall(r'id="incident-(\d+)"', section)
        assert len(here_now) <= 50
        seen += here_now
        following = re.search(r'href="(/incidents\?after=\d+)"', section)
        path = following and following[1]
    assert len(seen) == 124
    assert {int(one) for one in seen} == {*range(100, 220), 3, 4, 5, 6}


async def test_a_drill_counts_as_no_trouble_and_nobody_is_asked_to_call_119(
    client: TestClient, here: House
):
    hot = here.operations.incident(6)
    assert hot is not None
    assert 'href="tel:119"' in await _text(client, "/incidents/6")
    here.operations.put(replace(hot, drill_until=NOW + timedelta(minutes=9)))
    text = await _text(client, "/incidents/6")
    assert "tel:119" not in text
    assert "这是演练，不要真的拨打 119" in text
    overview = await _text(client, "/")
    for words in ("3 件未结，1 件没人接", "另有 1 件演练", "<title>(1) 总览", ">演练</span>"):
        assert words in overview, words
    assert "do not really call 119" in await _text(client, "/incidents/6?lang=en")


async def test_what_the_house_ended_itself_is_no_errand_and_open_ones_stand_first(
    client: TestClient, here: House
):
    by_time = Duty(id=7, incident=1, kind=DutyKind.SECOND_LOOK, person="", opened_at=NOW,
                   done_at=NOW, outcome="unconfirmed")  # fmt: skip
    here.operations.owe(by_time)
    here.operations.owe(replace(by_time, id=8, incident=3, done_by="wang", outcome="fine"))
    here.operations.owe(replace(by_time, id=9, incident=3, done_at=None))
    text = await _text(client, "/")
    assert 'id="duty-7"' not in text
    assert re.findall(r'id="duty-(\d)"', text) == ["1", "9", "8"]
    assert re.findall(r'id="duty-(\d)"', await _text(client, "/incidents/3")) == ["1", "9", "8"]


async def test_what_is_not_there_is_said_on_a_page_and_to_a_program_as_a_problem(
    client: TestClient,
):
    for path, why in (
        ("/incidents/999", "没有这件事"),
        ("/places/riverside/nowhere", "没有这个监测点"),
        ("/devices/riverside/none", "没有这台设备"),
        ("/rules/none", "没有这条规则"),
    ):
        answer = await client.get(path)
        assert (answer.status, answer.content_type) == (404, "text/html"), path
        text = await answer.text()
        assert why in text
        assert "回到总览" in text
    told = await client.get("/api/v1/incidents/999")
    assert (told.status, told.content_type) == (404, "application/problem+json")


async def test_each_button_says_what_it_is_about(client: TestClient):
    for path in ("/", "/incidents/6", "/incidents/3", "/places/riverside/laobakou"):
        names = re.findall(r'class="act[^>]*aria-label="([^"]+)"', await _text(client, path))
        assert names, path
        assert len(names) == len(set(names)), names
    text = await _text(client, "/")
    assert 'aria-label="我来处理：2 号充电棚 7 号插座功率 1130 瓦"' in text
    assert 'aria-label="还有问题：复查：老坝口河段"' in text


async def test_the_newest_notices_stand_open_and_whoever_was_not_told_folded(
    client: TestClient, here: House
):
    hot = here.operations.incident(6)
    assert hot is not None
    here.operations.tell(hot, "xiaoli", NoticeReason.CLIMBED, NOW, NoticeState.ACCEPTED)
    text = await _text(client, "/incidents/6")
    notices = text.split('id="notices"')[1].split("</section>")[0]
    first, folded = notices.split("<details>")
    assert re.findall(r"<b>(.+?)</b>", first) == ["社区小李", "王经理"]
    assert re.findall(r"<b>(.+?)</b>", folded) == ["Chen Wei", "值班岗"]
    assert "更早的 2 条" in folded
    shown, untold = text.split('id="weighed"')[1].split("</section>")[0].split("<details>")
    assert ("王经理" in shown, "张河长" in shown, "张河长" in untold) == (True, False, True)


async def test_the_hint_of_a_note_names_what_is_at_such_a_place(client: TestClient):
    assert "例如：我去看 7 号插座" in await _text(client, "/incidents/6")
    assert "例如：我去看排口 3" in await _text(client, "/incidents/3")


async def test_the_posts_own_people_stand_first_where_it_is_handed_over(
    client: TestClient, here: House
):
    known = here.operations.registry()
    mate = replace(known.people[0], id="mate", name="保安小赵", role=PostRole.GUARD)
    here.operations._registry = replace(known, people=(*known.people, mate))
    names = re.findall(r'<option value="(\w+)">', await _text(client, "/people"))
    assert names[0] == "mate"

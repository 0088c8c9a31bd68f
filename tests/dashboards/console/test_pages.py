from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from aiohttp.test_utils import TestClient

from alerts.incidents.model import State
from alerts.notify.notice import NoticeState
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

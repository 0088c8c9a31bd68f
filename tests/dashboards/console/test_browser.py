"""What people do in the console, in a real browser."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from aiohttp.test_utils import TestClient

from alerts.incidents.model import Duty, DutyKind, State
from tests.dashboards.desk_fixture import NOW, House, batch

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, Page

pytestmark = pytest.mark.chromium

PAGES = (
    "/",
    "/places/riverside/laobakou",
    "/places/riverside/shed-2",
    "/incidents",
    "/incidents/6",
    "/devices",
    "/devices/riverside/laoba-01",
    "/people",
    "/rules",
    "/silences",
    "/house",
    "/demo/inbox",
)


@dataclass(slots=True)
class Visitor:
    """One browser window on the house, with everything it complained of or asked elsewhere."""

    page: Page
    house: str
    complaints: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    async def go(self, path: str) -> None:
        await self.page.goto(self.house + path)


async def _visit(browser: Browser, client: TestClient, width: int) -> Visitor:
    context: BrowserContext = await browser.new_context(viewport={"width": width, "height": 844})
    page = await context.new_page()
    visitor = Visitor(page, str(client.make_url("/")).rstrip("/"))
    page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
    page.on(
        "console",
        lambda said: (
            visitor.complaints.append(said.text) if said.type in ("error", "warning") else None
        ),
    )
    page.on(
        "request",
        lambda asked: (
            None if asked.url.startswith(visitor.house) else visitor.elsewhere.append(asked.url)
        ),
    )
    return visitor


@pytest.fixture
async def phone(playwright_browser: Browser, client: TestClient) -> AsyncIterator[Visitor]:
    visitor = await _visit(playwright_browser, client, 390)
    yield visitor
    assert (visitor.complaints, visitor.elsewhere) == ([], [])
    await visitor.page.context.close()


@pytest.fixture
async def desktop(playwright_browser: Browser, client: TestClient) -> AsyncIterator[Visitor]:
    visitor = await _visit(playwright_browser, client, 1440)
    yield visitor
    assert (visitor.complaints, visitor.elsewhere) == ([], [])
    await visitor.page.context.close()


async def test_who_takes_over_is_asked_once_and_the_page_says_who_has_it(
    desktop: Visitor, here: House
):
    page = desktop.page
    await desktop.go("/")
    hot = page.locator("#incident-6")
    await hot.locator(".due", has_text="再过 2 分 10 秒没人接，就通知社区").wait_for()
    await hot.get_by_role("button", name="我来处理").click()
    await page.locator("#who").get_by_role("button", name="王经理").click()
    await hot.get_by_text("王经理 18:36 接手").wait_for()
    assert await hot.locator(".due").count() == 0
    assert await page.locator("#iam").text_content() == "我是王经理"
    found = here.operations.incident(6)
    assert found is not None
    assert (found.state, found.acknowledged_by) == (State.ACKNOWLEDGED, "wang")
    # The next act asks no more.
    await page.locator("#incident-4").get_by_role("button", name="我来处理").click()
    await page.locator("#incident-4").get_by_text("王经理 18:36 接手").wait_for()


async def test_the_second_look_is_confirmed_with_one_tap_on_a_phone(phone: Visitor, here: House):
    page = phone.page
    await phone.go("/places/riverside/laobakou")
    await page.locator("#story").get_by_role("button", name="没事了").click()
    await page.locator("#who").get_by_role("button", name="张河长").click()
    await page.locator("#story").get_by_text("张河长复查：没事了").wait_for()
    found = here.operations.incident(3)
    assert found is not None
    assert found.state is State.CLOSED


async def test_nobody_is_given_it_and_nobody_takes_the_phone_by_a_tap_too_early(
    desktop: Visitor, here: House
):
    page = desktop.page
    for path, chosen, button in (
        ("/incidents/6", "交给谁", "交给他"),
        ("/people", "接班", "接班"),
    ):
        await desktop.go(path)
        choice = page.get_by_role("combobox", name=chosen)
        assert await choice.input_value() == ""
        posted = len(here.operations.story(6))
        await page.get_by_role("button", name=button, exact=True).click()
        assert await choice.evaluate("one => one.validity.valueMissing")
        assert len(here.operations.story(6)) == posted
    assert not await page.locator("#who").is_visible(), "nobody was asked who he is"


async def test_the_tab_that_is_on_is_seen_on_a_phone(phone: Visitor):
    for path, name in (("/", "Overview"), ("/rules", "Rules"), ("/demo/inbox", "Demo inbox")):
        await phone.go(f"{path}?lang=en")
        tab = phone.page.get_by_role("navigation").get_by_role("link", name=name)
        box = await tab.bounding_box()
        assert box is not None
        assert (box["x"] >= 0, box["x"] + box["width"] <= 390) == (True, True), name


async def test_the_clock_has_the_form_of_the_times_on_the_page(desktop: Visitor):
    for language, time in (("zh", "11月22日 18:36"), ("en", "22 Nov, 18:36")):
        await desktop.go(f"/?lang={language}")
        assert await desktop.page.locator("#clock").text_content() == time


async def test_what_somebody_else_does_shows_by_itself(desktop: Visitor, here: House):
    await desktop.go("/incidents/6")
    here.operations.comment(6, "guard", "已到棚口", "phone", NOW)
    await desktop.page.get_by_text("已到棚口").wait_for()


async def test_what_can_be_done_follows_what_somebody_else_did(desktop: Visitor, here: House):
    page = desktop.page
    await desktop.go("/incidents/6")
    await page.get_by_label("说一句").fill("我去看看")
    chosen = page.get_by_label("交给谁")
    await chosen.select_option("guard")
    here.operations.comment(6, "guard", "已到棚口", "phone", NOW)
    await page.get_by_text("已到棚口").wait_for()
    assert await chosen.input_value() == "guard"
    judged = page.locator("#act-false-alarm button")
    assert await judged.is_visible()
    here.operations.false_alarm(6, "guard", "有人烧水", "phone", NOW)
    await judged.wait_for(state="detached")
    assert await page.get_by_label("说一句").input_value() == "我去看看"


async def test_a_second_look_that_becomes_due_can_be_confirmed_without_loading_the_page_again(
    desktop: Visitor, here: House
):
    page = desktop.page
    await desktop.go("/incidents/6")
    assert await page.locator("#errands").is_hidden()
    found = here.operations.incident(6)
    assert found is not None
    here.operations.owe(
        Duty(id=9, incident=6, kind=DutyKind.SECOND_LOOK, person="guard", opened_at=NOW)
    )
    here.operations.put(replace(found, state=State.RECOVERED, recovered_at=NOW))
    await page.locator("#errands").get_by_role("button", name="没事了").wait_for()
    await page.locator("#act-close button").wait_for()


async def test_what_is_being_written_survives_a_change_of_the_page(desktop: Visitor, here: House):
    page = desktop.page
    await desktop.go("/incidents/6")
    await page.get_by_label("说一句").fill("我去看看")
    here.operations.comment(6, "guard", "已到棚口", "phone", NOW)
    await page.get_by_text("已到棚口").wait_for()
    assert await page.get_by_label("说一句").input_value() == "我去看看"
    await page.get_by_role("button", name="写上").click()
    await page.locator("#who").get_by_role("button", name="王经理").click()
    await page.locator("#tale").get_by_text("我去看看").wait_for()
    assert await page.get_by_label("说一句").input_value() == ""


async def test_the_language_is_switched_by_its_link_and_remembered(desktop: Visitor):
    page = desktop.page
    await desktop.go("/")
    await page.locator("#language").click()
    await page.get_by_text("To deal with").wait_for()
    await page.get_by_role("link", name="Incidents", exact=True).click()
    await page.get_by_role("heading", name="Open").wait_for()
    await page.locator("#language").click()
    await page.get_by_role("heading", name="未结").wait_for()


async def test_a_chart_moves_with_what_is_measured(
    desktop: Visitor, here: House, client: TestClient
):
    page = desktop.page
    await desktop.go("/places/riverside/laobakou")
    first = page.locator('[data-metric="conductivity"]')
    await first.locator("canvas").wait_for()
    assert await page.locator(".chart canvas").count() == 6
    room = "one => one.closest('.u-wrap').offsetWidth - one.offsetLeft - one.offsetWidth"
    assert await first.locator(".u-over").evaluate(room) >= 16, "the last hour's right half"
    for _ in range(100):
        if "streams 1" in await (await client.get("/metrics")).text():
            break
        await asyncio.sleep(0.05)
    here.live.queue.put_nowait(batch(1234.0, NOW + timedelta(seconds=1)))
    await first.locator("output", has_text="1234").wait_for()


async def test_the_page_says_which_tests_marked_a_reading(desktop: Visitor):
    page = desktop.page
    await desktop.go("/places/riverside/laobakou?range=30h")
    turbidity = page.locator('[data-metric="turbidity"] .marks')
    await turbidity.get_by_text("4 个可疑（空心点）：尖峰 4，与邻近点不符 1").wait_for()
    ph = page.locator('[data-metric="ph"] .marks')
    assert await ph.inner_text() == "6 个不采用：长时间不变 6"
    assert await page.locator('[data-metric="do"] .marks').is_hidden()
    await page.locator("#language").click()
    await turbidity.get_by_text("4 doubtful (hollow): spike 4, unlike its neighbours 1").wait_for()


async def test_somebody_who_was_slower_is_told_so(desktop: Visitor, here: House):
    page = desktop.page
    await desktop.go("/incidents/6")
    await page.locator("#iam").click()
    await page.locator("#who").get_by_role("button", name="社区小李").click()
    here.operations.acknowledge(6, "wang", "phone", NOW)
    answer = await page.evaluate(
        """async () => {
          const answer = await fetch("/api/v1/incidents/6/acknowledge", {method: "POST",
            headers: {"Content-Type": "application/json"}, body: JSON.stringify({who: "xiaoli"})});
          return [answer.status, (await answer.json()).title];
        }"""
    )
    assert answer[0] == 409
    assert "王经理" in answer[1]
    desktop.complaints[:] = [one for one in desktop.complaints if "409" not in one]


async def test_what_somebody_phoned_in_is_entered_for_them_and_only_that(
    desktop: Visitor, here: House
):
    page = desktop.page
    await desktop.go("/incidents/6")
    await page.locator("#iam").click()
    await page.locator("#who").get_by_role("button", name="社区小李").click()
    await page.get_by_label("代谁填").fill("王大爷")
    await page.locator("#sentence").get_by_role("button", name="我来处理").click()
    await page.get_by_text("好了，记成代王大爷填").wait_for()
    await page.locator("#tale").get_by_text("（代王大爷填）").wait_for()
    assert await page.get_by_label("代谁填").input_value() == ""
    await page.get_by_label("说一句").fill("已断电")
    await page.get_by_role("button", name="写上").click()
    await page.locator("#tale").get_by_text("已断电").wait_for()
    entered = [(line.who, line.on_behalf_of) for line in here.operations.story(6) if line.who]
    assert entered[-2:] == [("xiaoli", "王大爷"), ("xiaoli", "")]


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_no_page_is_wider_than_the_phone_and_every_button_fits_a_thumb(
    phone: Visitor, language: str
):
    for path in PAGES:
        await phone.go(f"{path}?lang={language}")
        await phone.page.wait_for_load_state("load")
        over = await phone.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert over <= 0, path
        heights = await phone.page.evaluate(
            "[...document.querySelectorAll('main .act')].filter((b) => b.checkVisibility())"
            ".map((b) => b.getBoundingClientRect().height)"
        )
        assert all(height >= 40 for height in heights), (path, heights)


async def test_every_page_loads_clean_at_desktop_width_too(desktop: Visitor):
    for path in PAGES:
        await desktop.go(path)
        await desktop.page.wait_for_load_state("load")
        title = await desktop.page.title()
        assert re.search("守望$", title), title


async def _as(page: Page, name: str) -> None:
    await page.locator("#iam").click()
    await page.locator("#who").get_by_role("button", name=name).click()


async def test_whoever_uses_the_keyboard_stays_where_they_were(desktop: Visitor, here: House):
    page = desktop.page
    await desktop.go("/incidents/3")
    await _as(page, "张河长")
    still = page.locator("#errands").get_by_role("button", name="还有问题")
    await still.focus()
    # The section is drawn again: a line more in it.
    owed = here.operations.duties(incident=3)[0]
    here.operations.owe(replace(owed, id=2, note="桥东也看看"))
    here.operations.comment(3, "guard", "已到", "phone", NOW)
    await page.get_by_text("桥东也看看").first.wait_for()
    focused = "document.activeElement.dataset.body"
    assert json.loads(await page.evaluate(focused)) == {"outcome": "still-there"}


async def test_the_focus_is_not_lost_by_pressing_a_button(desktop: Visitor, here: House):
    page = desktop.page
    await desktop.go("/incidents/6")
    await _as(page, "王经理")
    # One that stays: the same button.
    await page.get_by_label("说一句").fill("我去看看")
    await page.get_by_role("button", name="写上").focus()
    await page.keyboard.press("Enter")
    await page.locator("#tale").get_by_text("我去看看").wait_for()
    assert await page.evaluate("document.activeElement.textContent") == "写上"
    # One that goes: the section it stood in.
    await page.locator("#sentence").get_by_role("button", name="我来处理").focus()
    await page.keyboard.press("Enter")
    await page.locator("#sentence").get_by_text("王经理 18:36 接手").wait_for()
    assert await page.evaluate("document.activeElement.id") == "sentence"


async def test_whoever_has_it_may_keep_it_and_everybody_else_take_it(desktop: Visitor, here: House):
    page = desktop.page
    here.operations.acknowledge(6, "wang", "phone", NOW)
    await desktop.go("/incidents/6")
    theirs = page.get_by_role("button", name="改由我来（接替王经理）")
    mine = page.get_by_role("button", name="继续由我处理")
    await theirs.wait_for()
    assert not await mine.is_visible()
    await _as(page, "王经理")
    await mine.wait_for()
    assert not await theirs.is_visible()
    await _as(page, "社区小李")
    await theirs.click()
    await page.locator("#sentence").get_by_text("社区小李 18:36 接手").wait_for()
    await mine.wait_for()
    found = here.operations.incident(6)
    assert found is not None
    assert found.acknowledged_by == "xiaoli"
    # The page drawn again leaves the right one standing.
    here.operations.comment(6, "guard", "已到棚口", "phone", NOW)
    await page.get_by_text("已到棚口").wait_for()
    assert (await mine.is_visible(), await theirs.is_visible()) == (True, False)


async def test_ones_own_quiet_shows_to_oneself_with_the_way_back(desktop: Visitor):
    page = desktop.page
    await desktop.go("/incidents/6")
    await _as(page, "王经理")
    ask = page.get_by_role("button", name="这件事一小时内别通知我")
    await ask.click()
    ends = page.get_by_text("19:36 前不通知您这件事")
    await ends.wait_for()
    assert await page.evaluate("document.activeElement.id") == "snoozes"  # not lost with it
    assert not await ask.is_visible()
    await _as(page, "社区小李")
    await ends.wait_for(state="hidden")
    assert await ask.is_visible()
    await _as(page, "王经理")
    await page.get_by_role("button", name="恢复通知").click()
    await ends.wait_for(state="hidden")
    await ask.wait_for()


async def test_a_house_that_falls_silent_is_told_until_it_is_heard_again(
    desktop: Visitor, here: House
):
    page = desktop.page
    await page.clock.install()
    await desktop.go("/")
    await page.locator("#incident-6 .due").wait_for()
    bar = page.get_by_text("连不上系统，下面可能不是最新的")
    await page.clock.run_for(10_000)
    assert not await bar.is_visible()
    await page.route("**/events*", lambda route: asyncio.sleep(0))  # nobody answers
    await page.clock.run_for(6_000)
    await bar.wait_for()
    assert not await page.get_by_text("系统正常").is_visible()
    here.operations.acknowledge(6, "wang", "phone", NOW)
    await page.unroute("**/events*")
    await page.clock.run_for(16_000)  # asked once more
    await bar.wait_for(state="hidden")
    assert await page.get_by_text("系统正常").is_visible()
    await page.clock.run_for(1_000)
    await page.locator("#incident-6").get_by_text("王经理 18:36 接手").wait_for()


async def test_an_act_that_does_not_arrive_says_so_until_the_next_press(
    desktop: Visitor, here: House
):
    page = desktop.page
    await desktop.go("/incidents/6")
    await _as(page, "王经理")
    await page.clock.install()
    take = page.locator("#sentence").get_by_role("button", name="我来处理")
    await page.route("**/acknowledge", lambda route: route.abort())
    await take.click()
    unsent = page.get_by_text("没连上，还没提交，请再按一次")
    await unsent.wait_for()
    await page.clock.run_for(60_000)
    assert await unsent.is_visible()
    # Now the house takes it and says nothing.
    await page.unroute("**/acknowledge")
    await page.route("**/acknowledge", lambda route: asyncio.sleep(0))
    await take.click()
    await page.get_by_text("正在提交").wait_for()
    await take.click()  # the second press of an impatient finger
    await page.clock.run_for(16_000)
    await page.get_by_text("没有回音，不知道提交上没有，请再按一次").wait_for()
    await page.unroute("**/acknowledge")
    await take.click()
    await page.locator("#sentence").get_by_text("王经理 18:36 接手").wait_for()
    assert len([line for line in here.operations.story(6) if line.who == "wang"]) == 1
    desktop.complaints[:] = [one for one in desktop.complaints if "ERR_FAILED" not in one]


async def test_a_note_of_blanks_is_asked_for_in_plain_words(desktop: Visitor, here: House):
    page = desktop.page
    await desktop.go("/incidents/6")
    await _as(page, "王经理")
    before = len(here.operations.story(6))
    await page.get_by_label("说一句").fill("   ")
    await page.get_by_role("button", name="写上").click()
    await page.locator("#say").get_by_text("请写一句话").wait_for()
    assert await page.evaluate("document.activeElement.id") == "text"
    assert len(here.operations.story(6)) == before


async def test_in_a_storm_the_duties_are_one_tap_away_on_a_phone(phone: Visitor, here: House):
    page = phone.page
    model = here.operations.incident(4)
    assert model is not None
    for number in range(100, 300):
        here.operations.put(replace(model, id=number))
    await phone.go("/")
    height = await page.evaluate("document.documentElement.scrollHeight")
    assert height < 12_000, height
    await page.get_by_role("link", name="任务 1 件").click()
    await page.wait_for_function(
        "document.getElementById('duties').getBoundingClientRect().top < innerHeight"
    )


async def test_the_header_is_one_row_on_a_desk_and_its_tools_no_row_of_their_own_on_a_phone(
    desktop: Visitor, phone: Visitor, here: House
):
    known = here.operations.registry()
    long = replace(known.people[0], name="Emma Novak-Weatherby")
    here.operations._registry = replace(known, people=(long, *known.people[1:]))
    for visitor in (desktop, phone):
        await visitor.go("/")
        await _as(visitor.page, long.name)
    for language in ("zh", "en"):
        await desktop.go(f"/?lang={language}")
        header = "document.querySelector('body > header').getBoundingClientRect().height"
        assert await desktop.page.evaluate(header) < 70, language
        await phone.go(f"/?lang={language}")
        top = "(one) => document.querySelector(one).getBoundingClientRect().top"
        tools = await phone.page.evaluate(top, ".tools")
        assert tools < await phone.page.evaluate(top, "body > header nav") - 20, language


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_links_in_rows_are_large_enough_for_a_thumb(phone: Visitor, language: str):
    for path in ("/", "/incidents", "/rules", "/devices"):
        await phone.go(f"{path}?lang={language}")
        small = await phone.page.evaluate(
            """[...document.querySelectorAll("main .inc a, main .list a, main .ground h3 a")]
            .filter((one) => one.getBoundingClientRect().height < 36).map((one) => one.outerHTML)"""
        )
        assert small == [], path

"""The page behind a notice's link, in a real browser as wide as a phone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from aiohttp.test_utils import TestClient

from alerts.store.operations import Operations
from tests.dashboards.console.test_linked import client, known, operations, raised
from tests.dashboards.desk_fixture import NOW

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = pytest.mark.chromium
__all__ = ["client", "operations"]  # fixtures

LOOK = "document.dispatchEvent(new Event('visibilitychange'))"


@pytest.fixture
async def page(
    playwright_browser: Browser,
    client: TestClient,
    operations: Operations,
) -> AsyncIterator[Page]:
    """The guard's phone, its link just opened."""
    context = await playwright_browser.new_context(viewport={"width": 390, "height": 844})
    page = await context.new_page()
    await page.goto(str(client.make_url(raised(operations))))
    yield page
    await context.close()


async def test_whoever_was_slower_sees_why_and_how_it_stands_now(
    page: Page,
    operations: Operations,
):
    operations.acknowledge(1, "wang", "console", NOW)
    await page.get_by_role("button", name="我来处理").click()
    await page.get_by_text("晚了一步：现在是“处理中”，王经理").wait_for()
    await page.get_by_text("王经理 18:36 接手").first.wait_for()
    assert await page.get_by_text("晚了一步").is_visible()
    await page.get_by_role("button", name="改由我来（接替王经理）").click()
    await page.get_by_text("值班岗 18:36 接手").wait_for()
    await page.get_by_role("button", name="继续由我处理").wait_for()


async def test_whoever_comes_back_to_it_sees_how_it_is_now_and_keeps_what_he_wrote(
    page: Page,
    operations: Operations,
):
    await page.get_by_label("说一句").fill("我在路上")
    operations.comment(1, "wang", "已断电", "console", NOW)
    await page.evaluate(LOOK)
    await page.get_by_text("已断电").wait_for()
    assert await page.get_by_label("说一句").input_value() == "我在路上"
    await page.get_by_role("button", name="写上").click()
    await page.locator(".tale").get_by_text("我在路上").wait_for()
    assert await page.get_by_label("说一句").input_value() == ""


async def test_whoever_acts_reads_what_came_of_it(page: Page):
    await page.get_by_role("button", name="我去不了").click()
    await page.locator("#say", has_text="您说了去不了，已经记下，不用再管。").wait_for()
    await page.get_by_role("button", name="我来处理").click()
    await page.locator("#say", has_text="好了，这件事由您处理。").wait_for()


async def test_who_says_in_a_group_who_he_is_reads_where_his_link_went(
    playwright_browser: Browser, client: TestClient, operations: Operations
):
    operations.save_registry(known(group=True), "x", "y", NOW)
    context = await playwright_browser.new_context(viewport={"width": 390, "height": 844})
    page = await context.new_page()
    await page.goto(str(client.make_url(raised(operations))))
    await page.get_by_role("button", name="值班岗").click()
    await page.locator("#say", has_text="链接已发给值班岗，请看自己的手机。").wait_for()
    await context.close()


async def test_without_a_network_what_stands_is_kept_and_said_to_be_old(page: Page):
    await page.context.set_offline(True)
    await page.evaluate(LOOK)
    await page.get_by_text("连不上系统，下面可能不是最新的").wait_for()
    assert await page.get_by_role("link", name="13800000000").is_visible()
    await page.get_by_role("button", name="我来处理").click()
    await page.get_by_text("没连上，还没提交，请再按一次").wait_for()
    await page.context.set_offline(False)
    await page.get_by_role("button", name="我来处理").click()
    await page.get_by_text("值班岗 18:36 接手").wait_for()


async def test_where_the_buttons_cannot_work_it_says_so_and_what_to_do_instead(page: Page):
    said = page.get_by_text("按钮现在用不了。请刷新这一页；还不行，就打下面的电话。")
    assert not await said.is_visible()
    # As for a browser that is too old for it, or a link that broke half-way.
    await page.route("**/linked.js", lambda route: route.abort())
    await page.reload()
    await said.wait_for()
    assert await page.get_by_role("link", name="13800000000").is_visible()


async def test_who_acts_by_keys_or_by_ear_stays_where_the_button_was(page: Page):
    await page.get_by_role("button", name="这件事一小时内别通知我").press("Enter")
    await page.get_by_role("button", name="恢复通知").wait_for()
    assert await page.evaluate("document.activeElement.textContent") == "恢复通知"
    await page.get_by_role("button", name="我来处理").press("Enter")
    await page.get_by_text("值班岗 18:36 接手").wait_for()
    assert await page.evaluate("document.activeElement.dataset.act") == "/m/incidents/1/acknowledge"


async def test_old_eyes_and_fingers_find_large_words_and_buttons(page: Page):
    size = "[...document.querySelectorAll('{}')].map((one) => {})"
    text = "parseFloat(getComputedStyle(one).fontSize)"
    assert min(await page.evaluate(size.format("main h1, main p, main label, main li", text))) >= 16
    height = "one.getBoundingClientRect().height"
    assert min(await page.evaluate(size.format("main button, main a, main input", height))) >= 40
    assert min(await page.evaluate(size.format("main .lead .act", height))) >= 48


async def test_who_has_words_twice_as_large_reads_the_whole_page_within_its_width(page: Page):
    height = "document.querySelector('h1').getBoundingClientRect().height"
    once = await page.evaluate(height)
    # As a phone's own setting does: whatever the page sizes by the root grows.
    await page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert await page.evaluate(height) > 1.9 * once
    for name in ("我来处理", "我去不了"):
        box = await page.get_by_role("button", name=name).bounding_box()
        assert box is not None
        assert (box["x"] >= 0, box["x"] + box["width"] <= 390) == (True, True)
    over = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await page.evaluate(over) <= 0


async def test_a_phone_as_wide_as_phones_are_shows_the_whole_page(page: Page):
    for language in ("zh", "en"):
        await page.goto(page.url.split("?")[0] + f"?lang={language}")
        over = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.evaluate(over) <= 0
        assert await page.title() != "守望"

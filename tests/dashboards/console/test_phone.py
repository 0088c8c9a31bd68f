"""The page behind a notice's link, in a real browser as wide as a phone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from aiohttp.test_utils import TestClient

from alerts.store.operations import Operations
from tests.dashboards.console.test_linked import client, operations, raised
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


async def test_a_phone_as_wide_as_phones_are_shows_the_whole_page(page: Page):
    for language in ("zh", "en"):
        await page.goto(page.url.split("?")[0] + f"?lang={language}")
        over = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.evaluate(over) <= 0
        assert await page.title() != "守望"

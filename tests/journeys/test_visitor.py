"""A newcomer's first minute with `make demo`, in a real browser at the demo's own speed."""

import asyncio
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from alerts.incidents.model import State
from collector.cli import main
from collector.demo.command import SPEED
from collector.demo.house import House, Wish, free_port
from tests.journeys.runs import SITE

if TYPE_CHECKING:
    from playwright.async_api import Browser

MINUTE_MS = 60_000
FIRST_CHART_S = 20.0
OVERLOAD = "2 号充电棚 7 号插座功率"


@pytest.mark.chromium
@pytest.mark.timeout(300)
async def test_within_a_minute_a_visitor_sees_it_all_and_ends_an_incident(
    tmp_path: Path, playwright_browser: "Browser"
) -> None:
    started = time.monotonic()
    async with House(Wish(folder=tmp_path, port=free_port(), speed=SPEED)) as house:
        context = await playwright_browser.new_context(viewport={"width": 1440, "height": 1000})
        context.set_default_timeout(MINUTE_MS)
        complaints: list[str] = []
        elsewhere: list[str] = []
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda asked: None if asked.url.startswith(house.url) else elsewhere.append(asked.url),
        )

        await page.goto(house.url + "/places/linjiang/laobakou")
        chart = page.locator('[data-metric="conductivity"] canvas')
        await chart.wait_for()
        assert time.monotonic() - started < FIRST_CHART_S
        opened = time.monotonic()
        figure = page.locator('[data-metric="conductivity"]')
        before = await figure.text_content()

        await page.goto(house.url + "/")
        incident = page.locator("article, li, section", has_text=OVERLOAD).filter(
            has=page.get_by_role("button", name="我来处理")
        )
        await incident.last.get_by_role("button", name="我来处理").click()
        await page.locator("#who").get_by_role("button", name="陈经理").click()
        await page.get_by_text(re.compile("陈经理 .*接手")).first.wait_for()

        await page.goto(house.url + "/demo/inbox")
        await page.get_by_text("【演示·注入数据】").first.wait_for()
        assert await page.get_by_text("瓦").count()
        await page.get_by_text("[demo, injected data]").first.wait_for()

        await page.goto(house.url + "/")
        await page.get_by_role("button", name="没事了").first.click()
        found = house.operations
        overload = [i for i in found.incidents() if i.rule == "eb-port-overp"]
        await page.wait_for_function("() => !document.body.textContent.includes('正在写')")
        deadline = time.monotonic() + 20
        while not any(i.state is State.CLOSED for i in overload) and time.monotonic() < deadline:
            await page.wait_for_timeout(200)
            overload = [i for i in found.incidents() if i.rule == "eb-port-overp"]
        assert [i.state for i in overload] == [State.CLOSED]
        assert overload[0].acknowledged_by == "chen"

        await page.goto(house.url + "/places/linjiang/laobakou")
        await page.wait_for_function(
            "before => document.querySelector('[data-metric=\"conductivity\"]').textContent != before",
            arg=before,
        )
        assert time.monotonic() - opened < 60, "all of it within a minute of opening the page"
        assert (complaints, elsewhere) == ([], [])
        await context.close()

        config = ["--config", str(tmp_path / "shouwang.toml")]
        words = ["drill", f"{SITE}/shed-5", "eb-smoke", "--who", "chen", "--why", "a try", "--yes"]
        began = house.clock.now()
        assert await asyncio.to_thread(main, [*words, *config]) == 0, "somebody was reached"
        (drill,) = [i for i in house.operations.incidents() if i.is_drill]
        assert began <= drill.opened_at <= house.clock.now()

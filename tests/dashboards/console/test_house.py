"""How the house is, in the words that staff read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from alerts.words import Language
from dashboards.console.house import DeviceRow, devices, figures, parts
from dashboards.console.i18n import words
from dashboards.console.scene import Scene
from dashboards.ports import DeviceSight, HouseFigures, Part, WatchStatus
from tests.dashboards.desk_fixture import NOW, PACKS, SITE, House, registry

CALM = HouseFigures(
    journal_entries=48_210,
    journal_share=0.4,
    depth={"store": 2},
    lag_s={"rules": 0.0, "store": 0.2},
    store_delay_s=0.38,
    whole_way_s=0.62,
    disk_free_bytes=21_400_000_000,
    disk_bytes=32_000_000_000,
)


def scene(language: Language = Language.ZH, **status: Any) -> Scene:
    return Scene(registry(), PACKS, language, NOW, WatchStatus(at=NOW, **status))


def told(**changes: Any) -> dict[str, tuple[str, bool]]:
    found = figures(scene(house=replace(CALM, **changes)))
    return {row.name: (row.text, row.is_bad) for row in found}


def test_when_all_is_well_each_figure_is_one_plain_sentence():
    assert told() == {
        "服务器日志": ("48\u2009210 条，等着处理的占上限的 0%", False),
        "历史数据库": ("99% 的读数在 0.4 秒内存好，2 条在等", False),
        "处理": ("都跟得上", False),
        "通知": ("没有等着发的", False),
        "自检读数": ("上一次走完全程用了 0.6 秒", False),
        "服务器磁盘": ("还剩 21.4 GB，共 32.0 GB", False),
    }


@pytest.mark.parametrize(
    ("name", "changes", "text", "is_bad"),
    [
        ("服务器日志", {"journal_share": 63.0}, "48\u2009210 条，等着处理的占上限的 63%", True),
        (
            "历史数据库",
            {"store_away_s": 1560.0, "depth": {"store": 812}},
            "26 分钟没写进数据，812 条在等，恢复后自己补上",
            True,
        ),
        ("历史数据库", {"store_delay_s": None}, "启动以后还没有存过读数", False),
        (
            "处理",
            {"lag_s": {"store": 90.0, "rules": 12.0, "gaps": 9.0}},
            "存库晚了 1 分钟、规则晚了 12 秒",
            True,
        ),
        ("处理", {"lag_s": {"uplink-city": 4000.0}}, "city 的上报晚了 66 分钟", True),
        (
            "通知",
            {"outbox_due": 2, "outbox_oldest_s": 20.0},
            "2 条等着发，最早的等了 20 秒",
            False,
        ),
        (
            "通知",
            {"outbox_due": 2, "outbox_oldest_s": 900.0, "outbox_stuck_s": 780.0},
            "2 条等着发，最早的等了 15 分钟，13 分钟没有一条发出去",
            True,
        ),
        (
            "服务器磁盘",
            {"disk_free_bytes": 900_000_000},
            "还剩 900 MB，共 32.0 GB",
            True,
        ),
    ],
)
def test_what_is_wrong_says_so_and_for_how_long(name, changes, text, is_bad):
    assert told(**changes)[name] == (text, is_bad)


def test_what_is_not_known_is_not_shown():
    assert set(told(whole_way_s=None, disk_free_bytes=None)) == {
        "服务器日志",
        "历史数据库",
        "处理",
        "通知",
    }
    assert figures(scene()) == []
    assert figures(replace(scene(), status=None)) == []


def test_a_part_in_trouble_comes_first_with_what_it_means():
    since = NOW - timedelta(minutes=26)
    rows = parts(
        scene(
            parts=(
                Part(name="link", ok=True, since=NOW - timedelta(days=3)),
                Part(name="store", ok=False, why="127.0.0.1: no connection", since=since),
                Part(name="of-later", ok=False, why="?"),
            )
        )
    )
    assert [(row.name, row.ok, row.since) for row in rows] == [
        ("历史数据库", False, "已 26 分钟"),
        ("of-later", False, ""),
        ("与设备的连接", True, "已 3 天"),
    ]
    assert rows[0].means == "曲线暂时看不到新数据，报警不受影响，恢复后数据自己补上。"
    assert [row.means for row in rows[1:]] == ["", ""]


def test_every_part_of_the_watch_has_a_name_and_a_meaning():
    for language in Language:
        texts = words(language).texts
        for part in ("link", "listeners", "uplinks", "journal", "rules", "store", "operations",
                     "replies", "receipts", "whole-way", "dead-man"):  # fmt: skip
            assert f"part.{part}" in texts
            assert f"means.{part}" in texts


def rows(*sights: DeviceSight, language: Language = Language.ZH) -> dict[str, DeviceRow]:
    return {row.id: row for row in devices(scene(language, devices=sights))}


def sight(seen_minutes: float | None, clock_s: float | None = None) -> DeviceSight:
    seen_ms = None
    if seen_minutes is not None:
        seen_ms = int((NOW - timedelta(minutes=seen_minutes)).timestamp() * 1000)
    return DeviceSight(site=SITE, device="laoba-01", online=True, seen_ms=seen_ms, clock_s=clock_s)


def test_of_one_that_is_offline_a_reading_that_did_not_come_is_enough():
    for minutes, is_silent in ((20, False), (26, True)):
        row = rows(replace(sight(minutes), online=False))["laoba-01"]
        assert row.is_silent is is_silent


@pytest.mark.parametrize(
    ("seen_minutes", "seen", "is_silent"),
    [
        (1, "1 分钟前有数据", False),
        (56, "56 分钟没有数据", True),
        (None, "没听到过", True),
    ],
)
def test_a_device_is_silent_beyond_what_is_registered_of_it(seen_minutes, seen, is_silent):
    row = rows(sight(seen_minutes))["laoba-01"]
    assert (row.seen, row.is_silent) == (seen, is_silent)
    assert row.href == f"/devices/{SITE}/laoba-01"


@pytest.mark.parametrize(
    ("clock_s", "clock", "is_off"),
    [
        (None, "时钟不清楚", False),
        (-0.2, "时钟准", False),
        (29.9, "时钟准", False),
        (312.0, "时钟快 5 分钟", True),
        (-45.0, "时钟慢 45 秒", True),
    ],
)
def test_a_clock_is_told_in_words(clock_s, clock, is_off):
    row = rows(sight(1, clock_s))["laoba-01"]
    assert (row.clock, row.is_off) == (clock, is_off)


def test_devices_that_need_somebody_come_first():
    quiet = sight(1, 300.0)
    order = list(rows(quiet, replace(quiet, device="jingyang-01", clock_s=0.0)))
    known = [device.id for device in registry().devices]
    silent = [name for name in known if name not in ("laoba-01", "jingyang-01")]
    assert order == [*silent, "laoba-01", "jingyang-01"]


async def test_the_page_is_reached_from_the_top_bar_in_both_languages(client: TestClient):
    front = await (await client.get("/")).text()
    assert 'href="/house"' in front
    page = await (await client.get("/house")).text()
    for text in ("系统状态", "自检读数", "还剩 21.4 GB", "26 分钟没有数据", "时钟快 5 分钟"):
        assert text in page
    page = await (await client.get("/house?lang=en")).text()
    for text in ("System state", "Test reading", "21.4 GB of 32.0 GB left", "clock 5 min ahead"):
        assert text in page


async def test_without_a_watch_the_page_says_so(client: TestClient, here: House):
    here.watch.status = None
    answer = await client.get("/house")
    assert answer.status == 200
    assert "系统还没启动" in await answer.text()

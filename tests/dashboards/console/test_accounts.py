from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from aiohttp.test_utils import TestClient

from alerts.incidents.model import StoryKind, StoryLine
from alerts.words import Language
from dashboards.console.accounts import MOST_GAPS, account, percent, thousands
from dashboards.console.scene import Scene
from dashboards.ports import Completeness, DayOf, Gap, GapKind
from edge.contract.subject import Subject, SubjectKind
from tests.dashboards.desk_fixture import NOW, PACKS, SITE, House, registry

TODAY = (NOW + timedelta(hours=8)).date()
PAGE = "/devices/riverside/laoba-01"
API = "/api/v1/sites/riverside/devices/laoba-01/completeness"


def scene(language: Language = Language.ZH) -> Scene:
    return Scene(registry(), PACKS, language, NOW)


def day(ago: int, got: int, waiting: int = 0, **lost: int) -> DayOf:
    gone = {GapKind(kind): count for kind, count in lost.items()}
    total = got + waiting + sum(gone.values())
    share = got / total if total else None
    return DayOf(day=TODAY - timedelta(days=ago), got=got, lost=gone, waiting=waiting, share=share)


def found(*days: DayOf, gaps: tuple[Gap, ...] = (), numbered: bool = True) -> Completeness:
    return Completeness(
        site=SITE,
        device="d",
        numbered=numbered,
        interval_s=None if numbered else 300.0,
        days=days,
        gaps=gaps,
    )


@pytest.mark.parametrize(
    ("what", "headline", "tone"),
    [
        (found(day(0, 90), day(1, 960)), "最近 2 天，该到的都到了", "green"),
        (found(day(0, 90, 10)), "最近 1 天没有丢的；还有 10 条没送到", "green"),
        (found(day(0, 900, unknown=100)), "最近 1 天到了 90%，丢了 100 条", "amber"),
        (found(day(0, 99_999, unknown=1)), "最近 1 天到了 99.9%，丢了 1 条", "green"),
        (found(day(0, 0)), "最近没有读数", "grey"),
        (found(day(0, 3, unknown=1), numbered=False), "最近 1 天到了 75%，有 1 次没来", "amber"),
    ],
)
def test_one_sentence_says_how_it_is(what, headline, tone):
    told = account(what, scene())
    assert (told.headline, told.tone) == (headline, tone)


def test_the_strip_is_oldest_first_and_each_day_says_its_figures():
    told = account(found(day(0, 90, 10), day(1, 900, unknown=60), day(2, 0), day(3, 960)), scene())
    assert [(bar.height, bar.tone) for bar in told.bars] == [
        (100, "green"),
        (100, "none"),
        (94, "amber"),
        (90, "green"),
    ]
    assert told.bars[2].title == "昨天：93.8%，到了 900 条、丢了 60 条（原因不明）"
    assert told.first == "11 月 19 日"
    assert [row.name for row in told.days] == ["今天", "昨天"]


def test_a_device_without_numbers_is_told_by_how_often_it_came():
    told = account(found(day(0, 3, unknown=1), numbered=False), scene())
    assert told.days[0].told == "1 次没来"
    assert "5 分钟一次" in told.basis


@pytest.mark.parametrize("kind", GapKind)
@pytest.mark.parametrize("language", Language)
def test_every_kind_of_gap_can_be_said(kind, language):
    since = NOW - timedelta(hours=1)
    gap = Gap(kind=kind, run="r", count=3, since=since, until=NOW)
    told = account(found(day(0, 1), gaps=(gap,)), scene(language)).gaps[0]
    assert told.why
    assert told.count == ("3 条" if language is Language.ZH else "3 readings")


@pytest.mark.parametrize(
    ("since", "until", "when"),
    [
        (datetime(2026, 11, 22, 9, 0, tzinfo=UTC), datetime(2026, 11, 22, 9, 45, tzinfo=UTC),
         "17:00 到 17:45（45 分钟）"),
        (datetime(2026, 11, 20, 9, 0, tzinfo=UTC), datetime(2026, 11, 20, 9, 45, tzinfo=UTC),
         "11 月 20 日 17:00 到 17:45（45 分钟）"),
        (datetime(2026, 11, 20, 9, 0, tzinfo=UTC), datetime(2026, 11, 21, 9, 0, tzinfo=UTC),
         "11 月 20 日 17:00 到 11 月 21 日 17:00（24 小时）"),
        (datetime(2026, 11, 20, 9, 0, tzinfo=UTC), datetime(2026, 11, 20, 9, 0, 20, tzinfo=UTC),
         "11 月 20 日 17:00"),
        (None, datetime(2026, 11, 22, 9, 0, tzinfo=UTC), "17:00"),
        (None, None, "时间不知道"),
    ],
)  # fmt: skip
def test_when_it_was_is_said_as_short_as_it_can(since, until, when):
    gap = Gap(kind=GapKind.UNKNOWN, run="r", count=3, since=since, until=until)
    assert account(found(day(0, 1), gaps=(gap,)), scene()).gaps[0].when == when


def test_more_gaps_than_a_page_holds_are_counted():
    gaps = tuple(Gap(kind=GapKind.UNKNOWN, run="r", count=1) for _ in range(MOST_GAPS + 5))
    told = account(found(day(0, 1), gaps=gaps), scene())
    assert (len(told.gaps), told.more) == (MOST_GAPS, 5)


@pytest.mark.parametrize(
    ("share", "text"),
    [(1.0, "100%"), (0.99999, "99.9%"), (0.5, "50%"), (0.9726, "97.3%"), (0.00001, "0.1%"), (0.0, "0%")],
)  # fmt: skip
def test_what_is_not_whole_never_reads_whole(share, text):
    assert percent(share) == text


def test_thousands_stand_apart():
    assert thousands(1234567) == "1\u2009234\u2009567"


# The page and the API


async def test_the_list_leads_to_the_page_and_the_page_says_what_is_missing(client: TestClient):
    text = await (await client.get("/devices")).text()
    assert f'href="{PAGE}"' in text
    text = await (await client.get(PAGE)).text()
    assert "最近 35 天到了 97.3%，丢了 855 条；还有 20 条没送到" in text
    assert text.count('<li class="green" title=') + text.count('<li class="amber" title=') == 34
    assert "设备存满了，先丢了一些" in text
    assert "设备自己说：card slow" in text


async def test_without_an_account_the_page_says_so(client: TestClient, here: House):
    here.desk.accounts.known.clear()  # type: ignore[union-attr]
    assert "还没有这台设备的账" in await (await client.get(PAGE)).text()
    assert (await client.get(API)).status == 404


async def test_nothing_is_missing_is_said_too(client: TestClient):
    text = await (await client.get("/devices/riverside/jingyang-01")).text()
    assert "最近 12 天，该到的都到了" in text
    assert "没有缺的" in text


@pytest.mark.parametrize("path", ["/devices/riverside/nobody", API.replace("laoba-01", "nobody")])
async def test_a_device_that_is_not_registered_is_not_found(client: TestClient, path: str):
    assert (await client.get(path)).status == 404


async def test_the_api_gives_days_and_gaps_with_the_sites_offset(client: TestClient):
    answer = await (await client.get(API)).json()
    assert (answer["device"], answer["numbered"], answer["next"]) == ("laoba-01", True, None)
    assert len(answer["days"]) == 35
    assert answer["days"][3]["lost"] == {"device-space": 240, "unknown": 20}
    assert answer["days"][5]["share"] is None
    first = answer["gaps"][0]
    assert (first["kind"], first["count"]) == ("waiting", 20)
    assert first["since"].endswith("+08:00")


async def test_gaps_are_paged_by_a_cursor(client: TestClient, here: House):
    known = here.desk.accounts.known  # type: ignore[union-attr]
    gaps = tuple(Gap(kind=GapKind.UNKNOWN, run="r", first=n, last=n, count=1) for n in range(120))
    known["laoba-01"] = replace(known["laoba-01"], gaps=gaps)
    seen, cursor = [], ""
    while True:
        answer = await (await client.get(API + cursor)).json()
        seen += [gap["first"] for gap in answer["gaps"]]
        if answer["next"] is None:
            break
        cursor = f"?cursor={answer['next']}"
    assert seen == list(range(120))
    assert date.fromisoformat(answer["days"][0]["day"]) == TODAY


async def test_an_incident_of_a_device_leads_to_its_page(client: TestClient):
    for path in ("/", "/incidents/4"):
        assert 'href="/devices/riverside/jingyang-01"' in await (await client.get(path)).text()


async def test_an_incident_of_the_house_itself_has_a_page_without_a_place(
    client: TestClient, here: House
):
    gauge = here.operations.incident(4)
    assert gauge is not None
    subject = Subject(SubjectKind.CELL, SITE, "server")
    own = replace(gauge, id=7, subject=subject, place="", device="server", metric="journal-share")
    here.operations.put(own, StoryLine(at=own.opened_at, kind=StoryKind.OPENED))
    for path in ("/", "/incidents", "/incidents/7", "/incidents/7?lang=en"):
        answer = await client.get(path)
        assert answer.status == 200
        assert "/incidents/7" in await answer.text()

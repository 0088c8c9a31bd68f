"""The page behind a notice's link, on the real operations database."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from alerts.incidents.model import State
from alerts.links import PREFIX, Link, LinkKind, Links
from alerts.notify.notice import NoticeReason, NoticeState
from alerts.notify.outcome import Accepted
from alerts.packs import shipped
from alerts.registry.model import Address, ChannelKind
from alerts.rules.packs import read_packs
from alerts.rules.transition import Change
from alerts.store.operations import Operations
from alerts.words import IncidentClass, Language, Severity
from dashboards.console.app import make_app
from edge.contract.subject import Subject
from tests.dashboards.console.test_real_operations import _transition
from tests.dashboards.desk_fixture import NOW, SITE, house, registry

PACKS = read_packs(shipped())
LINKS = Links(b"0123456789abcdef0123456789abcdef")
OWN = Address(channel=ChannelKind.EMAIL, to="guard@example.org")


def known(*, group: bool) -> Any:
    """The guard post by a group's address, or by one of its own."""
    people = tuple(
        replace(person, addresses=(person.addresses[0], OWN) if group else (OWN,))
        if person.id == "guard"
        else person
        for person in registry().people
    )
    return replace(registry(), people=people)


@pytest.fixture
async def operations(tmp_path: Path) -> AsyncIterator[Operations]:
    url = f"sqlite:///{tmp_path / 'operations.sqlite3'}"
    with Operations(url, link_base="http://127.0.0.1", links=LINKS, packs=PACKS) as operations:
        operations.set_up()
        operations.save_registry(known(group=False), "test", "begin", NOW)
        yield operations


@pytest.fixture
async def client(operations: Operations) -> AsyncIterator[TestClient]:
    desk = replace(house().desk, operations=operations, packs=PACKS, links=LINKS)
    async with TestClient(TestServer(make_app(desk))) as client:
        yield client


def raised(operations: Operations) -> str:
    """It opens; the first notice's link, accepted by its channel."""
    operations.take([_transition(Change.RAISED, 0, 1130.0)], PACKS, NOW)
    (notice,) = operations.due(NOW, 9)
    operations.settle(notice.id, Accepted(), NOW)
    return notice.link.removeprefix("http://127.0.0.1")


async def act(client: TestClient, deed: str, **body: object) -> tuple[int, dict[str, Any]]:
    origin = {"Origin": str(client.make_url("/")).rstrip("/")}
    answer = await client.post(f"/m/incidents/1/{deed}", json=body, headers=origin)
    return answer.status, await answer.json()


async def test_the_token_leaves_the_url_at_once_and_the_page_opens_without_sign_in(
    client: TestClient, operations: Operations
):
    link = raised(operations)
    answer = await client.get(link, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/m/incidents/1")
    cookie = answer.headers["Set-Cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=Lax", "Path=/m/"))
    page = await (await client.get(answer.headers["Location"])).text()
    token = link.removeprefix("/l/")
    assert token not in page
    for words in ("您是值班岗", "我来处理", "我去不了", "119", "注入数据（演示）"):
        assert words in page, words


async def test_looking_counts_for_nothing_until_the_page_says_that_it_was_seen(
    client: TestClient, operations: Operations
):
    link = raised(operations)
    before = operations.mark()
    for _ in range(3):
        assert (await client.get(link)).status == 200
    assert operations.mark() == before
    assert operations.notices()[0].state is NoticeState.ACCEPTED
    assert await act(client, "opened") == (200, {"notices": 1})
    assert operations.notices()[0].state is NoticeState.OPENED


async def test_the_code_of_an_sms_opens_the_same_page_as_its_notices_link(
    client: TestClient, operations: Operations
):
    raised(operations)
    code = LINKS.code(operations.notices()[0].id)
    answer = await client.get(f"/l/{code}", allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/m/incidents/1")
    assert code not in answer.headers["Set-Cookie"]
    assert (await act(client, "acknowledge"))[0] == 200
    for none_of_ours in (LINKS.code(999), f"{code[:-1]}?", "n1." + "A" * 16):
        assert (await client.get(f"/l/{none_of_ours}")).status == 403


async def test_the_code_of_a_digest_leads_to_its_place(client: TestClient, operations: Operations):
    upkeep = replace(
        _transition(Change.RAISED, 0, 1130.0), cls=IncidentClass.UPKEEP, severity=Severity.MINOR
    )
    operations.take([upkeep], PACKS, NOW)
    operations.send_digests(NOW + timedelta(days=1))
    digest = next(one for one in operations.notices() if one.reason is NoticeReason.DIGEST)
    answer = await client.get(f"/l/{LINKS.code(digest.id)}", allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/places/riverside/shed-2")


async def test_every_step_of_the_incident_is_done_by_one_link(
    client: TestClient, operations: Operations
):
    await client.get(raised(operations))
    status, taken = await act(client, "acknowledge")
    assert (status, taken["acknowledged_by"]) == (200, "guard")
    assert operations.notices()[0].state is NoticeState.ACKNOWLEDGED
    await act(client, "comments", text="到了")
    assert (await act(client, "look-again", outcome="fine"))[0] == 409
    operations.take([_transition(Change.CLEARED, 1, 20.0)], PACKS, NOW + timedelta(minutes=1))
    page = await (await client.get("/m/incidents/1")).text()
    assert "还有问题" in page
    assert "水边" not in page, "a shed is by no water"
    status, looked = await act(client, "look-again", outcome="fine", note="已拔掉")
    assert (status, looked["state"]) == (200, State.CLOSED.value)
    origins = {line.origin for line in operations.story(1) if line.who == "guard"}
    assert origins == {"link"}
    page = await (await client.get("/m/incidents/1")).text()
    assert "链接到" in page
    assert "，已经结束</h1>" in page
    assert "1130" not in page, "what is over is not told as what is"


async def test_whoever_cannot_come_says_so_and_the_next_are_asked(
    client: TestClient, operations: Operations
):
    await client.get(raised(operations))
    status, _ = await act(client, "decline")
    assert status == 200
    assert [(n.reason.value, n.person) for n in operations.due(NOW, 9)] == [("climbed", "wang")]
    page = await (await client.get("/m/incidents/1")).text()
    assert "值班岗去不了" in page
    assert "<b>您说了去不了，已经记下，不用再管。</b>" in page
    assert "我来处理" in page, "who can come after all may"
    assert "decline" not in page
    assert "act big" not in page, "nobody is urged who cannot come"


async def test_a_volunteers_page_blames_nobody_for_not_answering(
    client: TestClient, operations: Operations
):
    polluted = replace(
        _transition(Change.RAISED, 0, 683.6), subject=Subject.of_place(SITE, "laobakou", ""),
        cls=IncidentClass.POLLUTION, place="laobakou", port="", device="laoba-01",
        metric="conductivity",
    )  # fmt: skip
    operations.take([polluted], PACKS, NOW)
    operations.climb(NOW + timedelta(hours=3))
    pages = {}
    for who in ("zhang", "wang"):
        link = Link(kind=LinkKind.PERSONAL, incident=1, person=who, made_at=NOW)
        pages[who] = await (await client.get(PREFIX + LINKS.sign(link))).text()
    tales = {who: page[page.index("经过") :] for who, page in pages.items()}
    assert "没人接" in tales["wang"]
    assert "没人接" not in tales["zhang"]
    assert "也通知了" in tales["zhang"]


async def test_whoever_took_it_over_and_cannot_do_it_gives_it_on(
    client: TestClient, operations: Operations
):
    await client.get(raised(operations))
    assert (await act(client, "acknowledge"))[0] == 200
    page = await (await client.get("/m/incidents/1")).text()
    assert "我去不了" in page
    assert (await act(client, "decline"))[0] == 200
    assert [(n.reason.value, n.person) for n in operations.due(NOW, 9)] == [("climbed", "wang")]
    page = await (await client.get("/m/incidents/1")).text()
    assert "<b>您说了去不了，已经记下，不用再管。</b>" in page


async def test_a_second_look_asks_in_the_messages_words_and_again_after_a_no(
    client: TestClient, operations: Operations
):
    await client.get(raised(operations))
    assert 'placeholder="例如：电工在试电"' in await (await client.get("/m/incidents/1")).text()
    await act(client, "decline")
    operations.take([_transition(Change.CLEARED, 1, 20.0)], PACKS, NOW + timedelta(minutes=1))
    page = await (await client.get("/m/incidents/1")).text()
    assert "，数值已经恢复，请复查</h1>" in page
    assert "已恢复。</p>" in page
    assert "<b>您说了去不了" not in page, "that was of another thing"
    await act(client, "look-again", outcome="still-there")
    page = await (await client.get("/m/incidents/1")).text()
    assert "数值已经恢复，但有人说还有问题：有人到现场看过才算完。" in page
    assert page.count("/decline") == 1
    assert "/false-alarm" not in page, "it would be refused"


async def test_a_link_opens_no_other_incident_and_no_page_of_the_console_acts_by_it(
    client: TestClient, operations: Operations
):
    await client.get(raised(operations))
    other = replace(_transition(Change.RAISED, 5, 1130.0), rule="another")
    operations.take([other], PACKS, NOW + timedelta(hours=1))
    assert (await client.get("/m/incidents/2")).status == 403
    client.session.cookie_jar.update_cookies(
        {
            "link-2": client.session.cookie_jar.filter_cookies(client.make_url("/m/"))[
                "link-1"
            ].value
        },
        client.make_url("/m/"),
    )
    assert (await client.get("/m/incidents/2")).status == 403


@pytest.mark.parametrize("token", ["x", "personal.1.guard.1.AAAA", "a" * 200])
async def test_a_link_of_nobody_opens_nothing(
    client: TestClient, operations: Operations, token: str
):
    raised(operations)
    answer = await client.get(f"/l/{token}", allow_redirects=False)
    assert (answer.status, "Set-Cookie" in answer.headers) == (403, False)
    assert "请从通知里重新点开链接" in await answer.text()
    assert (await act(client, "acknowledge"))[0] == 403


@pytest.mark.parametrize(("is_over", "words"), [(False, "链接太旧"), (True, "这件事已经结束")])
async def test_an_old_link_says_that_it_is_old_and_not_that_it_is_over(
    client: TestClient, operations: Operations, is_over: bool, words: str
):
    raised(operations)
    if is_over:
        operations.take([_transition(Change.CLEARED, 1, 20.0)], PACKS, NOW)
        operations.close_incident(1, "guard", "看过", "console", NOW)
    made_at = NOW - timedelta(days=31)
    link = Link(kind=LinkKind.PERSONAL, incident=1, person="guard", made_at=made_at)
    answer = await client.get(PREFIX + LINKS.sign(link))
    assert answer.status == 403
    assert words in await answer.text()


async def test_whoever_left_takes_no_access_along(client: TestClient, operations: Operations):
    await client.get(raised(operations))
    people = tuple(person for person in registry().people if person.id != "guard")
    operations.save_registry(replace(registry(), people=people), "x", "left", NOW)
    assert (await act(client, "acknowledge"))[0] == 403
    assert "您已经不在名册里" in await (await client.get("/m/incidents/1")).text()


async def test_a_groups_link_shows_and_asks_who_is_there_and_acts_for_nobody(
    client: TestClient, operations: Operations
):
    operations.save_registry(known(group=True), "x", "y", NOW)
    await client.get(raised(operations))
    page = await (await client.get("/m/incidents/1")).text()
    for words in ("您是哪一位？", "王经理"):
        assert words in page, words
    assert "我来处理" not in page
    for deed in ("acknowledge", "decline", "snooze", "opened"):
        assert (await act(client, deed))[0] == 403
    status, _ = await act(client, "who", person="guard")
    assert status == 200
    assert (await act(client, "who", person="guard"))[0] == 200  # asked twice, sent once
    (sent,) = operations.due(NOW, 9)
    assert (sent.reason.value, sent.address) == ("link", OWN)
    assert "/l/personal.1.guard." in sent.link
    assert (await act(client, "who", person="zhou"))[0] == 422  # no address of his own


async def test_no_page_or_call_of_the_console_shows_a_token(
    client: TestClient, operations: Operations
):
    token = raised(operations).removeprefix("/l/")
    for path in ("/incidents/1", "/api/v1/incidents/1", "/api/v1/notices", "/demo/inbox"):
        text = await (await client.get(path)).text()
        assert token not in text, path
        assert token.rpartition(".")[2] not in text, path


async def test_a_change_from_another_site_is_refused_with_the_cookie_too(
    client: TestClient, operations: Operations
):
    await client.get(raised(operations))
    answer = await client.post(
        "/m/incidents/1/acknowledge", json={}, headers={"Origin": "http://evil.example"}
    )
    assert answer.status == 403
    assert operations.incident(1).state is State.OPEN  # type: ignore[union-attr]


def _emma() -> Any:
    """The guard post reads English, and the manager has a number."""
    people = tuple(
        replace(person, name="Emma Novak", language=Language.EN) if person.id == "guard" else person
        for person in known(group=False).people
    )
    return replace(registry(), people=people)


async def test_a_link_opens_and_answers_in_its_persons_language_unless_the_browser_has_one(
    client: TestClient, operations: Operations
):
    operations.save_registry(_emma(), "x", "y", NOW)
    await client.get(raised(operations))
    page = await (await client.get("/m/incidents/1")).text()
    for words in ("You are Emma Novak", "I&#39;ll take it", '<html lang="en">'):
        assert words in page, words
    await act(client, "acknowledge")
    late = await act(client, "acknowledge", version=1)
    assert (late[0], late[1]["title"]) == (409, "Too late: it is now “In hand”, Emma Novak")
    assert (await act(client, "who", person="zhou"))[1]["title"].startswith("A group's link")
    assert (await act(client, "look-again", outcome="fine"))[1]["title"].startswith("There is")
    assert "您是 Emma Novak" in await (await client.get("/m/incidents/1?lang=zh")).text()
    client.session.cookie_jar.update_cookies({"lang": "zh"}, client.make_url("/"))
    assert "您是 Emma Novak" in await (await client.get("/m/incidents/1")).text()
    assert "晚了一步" in (await act(client, "acknowledge", version=1))[1]["title"]


async def test_whoever_opens_it_later_may_take_it_from_whoever_has_it_and_they_may_keep_it(
    client: TestClient, operations: Operations
):
    await client.get(raised(operations))
    operations.acknowledge(1, "wang", "console", NOW)
    page = await (await client.get("/m/incidents/1")).text()
    assert "改由我来（接替王经理）" in page
    assert "act big" not in page  # a quiet second choice
    version = operations.incident(1).version  # type: ignore[union-attr]
    assert f"{{&#34;version&#34;: {version}}}" in page or f'{{"version": {version}}}' in page
    assert (await act(client, "acknowledge"))[0] == 409
    status, taken = await act(client, "acknowledge", version=version)
    assert (status, taken["acknowledged_by"]) == (200, "guard")
    page = await (await client.get("/m/incidents/1")).text()
    assert "继续由我处理" in page
    assert "改由我来" not in page
    assert (await act(client, "acknowledge", version=version))[0] == 409
    assert (await act(client, "acknowledge", version=version + 1))[0] == 200


async def test_the_page_names_whom_to_phone_as_the_message_does(
    client: TestClient, operations: Operations
):
    await client.get(raised(operations))
    (sent,) = operations.notices()
    assert "找人问：王经理（物业）13800000000" in sent.text
    page = await (await client.get("/m/incidents/1")).text()
    assert "找人问：<b>王经理" in page
    assert "<b>怎么办：</b>" in page
    assert re.findall(r'href="(tel:\d+)"', page) == ["tel:119", "tel:13800000000"]


async def test_a_drill_behind_a_link_is_marked_in_its_title_and_calls_nobody_to_the_fire(
    client: TestClient, operations: Operations
):
    rule = next(name for name, one in PACKS.rules.items() if one.cls is IncidentClass.FIRE)
    shed = next(place for place in registry().places if place.id == "shed-2")
    half = timedelta(minutes=30)
    operations.open_drill(shed, rule, IncidentClass.FIRE, Severity.MAJOR, half, "wang", "演练", NOW)
    (notice, *_) = operations.due(NOW, 9)
    await client.get(notice.link.removeprefix("http://127.0.0.1"))
    page = await (await client.get("/m/incidents/1")).text()
    assert "<title>【演练】" in page
    assert "2 号充电棚 · 守望</title>" in page
    assert "这是演练，不要真的拨打 119" in page
    assert "tel:119" not in page


async def test_an_hours_quiet_is_shown_with_its_end_and_taken_back(
    client: TestClient, operations: Operations
):
    await client.get(raised(operations))
    assert (await act(client, "snooze"))[0] == 200
    page = await (await client.get("/m/incidents/1")).text()
    assert "19:36 前不通知您这件事" in page
    assert (await act(client, "snooze", hours=0))[0] == 200
    page = await (await client.get("/m/incidents/1")).text()
    assert "前不通知您这件事" not in page
    assert "这件事一小时内别通知我" in page
    assert (await act(client, "snooze", hours=9))[0] == 400

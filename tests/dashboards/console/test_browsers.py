"""Browsers that register themselves, on the real operations database; and one notice the whole way."""

from __future__ import annotations

import asyncio
import json
import shutil
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from alerts.links import Links
from alerts.notify.dispatcher import Dispatcher
from alerts.notify.notice import NoticeState
from alerts.notify.outbound import Outbound
from alerts.notify.outcome import Accepted, Rejected
from alerts.notify.webpush import WebPush, page_key, public
from alerts.packs import shipped
from alerts.registry.addresses import browser_of
from alerts.registry.model import ChannelKind
from alerts.rules.packs import read_packs
from alerts.rules.transition import Change
from alerts.store.operations import Operations
from dashboards.console.app import make_app
from dashboards.console.browsers import label_of
from dashboards.ports import Push
from edge.clock import Clock
from tests.alerts.notify.services import PushService, base64url
from tests.alerts.notify.worlds import own_certificate
from tests.dashboards.console.test_real_operations import _transition
from tests.dashboards.desk_fixture import NOW, PUSH, house, registry

PACKS = read_packs(shipped())
POINT = base64url(public(ec.derive_private_key(5, ec.SECP256R1())))
BODY = {
    "who": "wang",
    "endpoint": "https://push.example.cn/v1/secret",
    "p256dh": POINT,
    "auth": base64url(b"0123456789abcdef"),
}
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36"
)


@pytest.fixture
def operations(tmp_path: Path) -> Any:
    url = f"sqlite:///{tmp_path / 'operations.sqlite3'}"
    links = Links(b"0123456789abcdef0123456789abcdef")
    with Operations(url, link_base="http://127.0.0.1", links=links, packs=PACKS) as operations:
        operations.set_up()
        operations.save_registry(registry(), "test", "begin", NOW)
        yield operations


def served(operations: Operations, push: Push | None = PUSH) -> TestClient:
    desk = replace(house().desk, operations=operations, packs=PACKS, push=push)
    return TestClient(TestServer(make_app(desk)))


@pytest.fixture
async def client(operations: Operations) -> AsyncIterator[TestClient]:
    async with served(operations) as client:
        yield client


async def post(client: TestClient, path: str, body: object, **headers: str) -> tuple[int, Any]:
    own = {"Origin": str(client.make_url("/")).rstrip("/"), "User-Agent": CHROME}
    answer = await client.post("/api/v1/browsers" + path, json=body, headers=own | headers)
    return answer.status, await answer.json()


async def test_a_browser_is_kept_listed_with_what_came_of_it_and_removed(
    client: TestClient, operations: Operations
):
    status, kept = await post(client, "", BODY)
    assert (status, kept["person"], kept["label"]) == (200, "wang", "Chrome · Windows")
    assert "secret" not in json.dumps(kept)
    page = await (await client.get("/people")).text()
    for words in (f'data-browser="{kept["id"]}"', "浏览器（Chrome · Windows）", "还没发过", "移除"):
        assert words in page, words
    assert "push.example.cn" not in page
    operations.take([_transition(Change.RAISED, 0, 1130.0)], PACKS, NOW)
    operations.climb(NOW + timedelta(minutes=6))
    (copy,) = [one for one in operations.notices() if browser_of(one.address)]
    operations.settle(copy.id, Accepted("HTTP 201"), NOW + timedelta(minutes=6))
    assert "18:42 已受理" in await (await client.get("/people")).text()
    incident = await (await client.get(f"/incidents/{copy.incident}")).text()
    assert "<b>王经理</b><span>浏览器（Chrome · Windows）</span>" in incident
    english = await (await client.get(f"/incidents/{copy.incident}?lang=en")).text()
    assert "browser (Chrome · Windows)" in english
    removed = await post(client, f"/{kept['id']}/remove", {"who": "xiaoli"})
    assert (removed[0], removed[1]["gone_at"] is not None) == (200, True)
    assert "Chrome · Windows" not in await (await client.get("/people")).text()
    assert (await post(client, "/0000/remove", {"who": "xiaoli"}))[0] == 404
    assert (await post(client, "/0000/remove", {"who": "nobody"}))[0] == 422


async def test_one_that_withdrew_is_shown_as_such_without_a_button(
    client: TestClient, operations: Operations
):
    await post(client, "", BODY | {"who": "guard"})
    operations.take([_transition(Change.RAISED, 0, 1130.0)], PACKS, NOW)
    (copy,) = [one for one in operations.notices() if browser_of(one.address)]
    operations.settle(copy.id, Rejected("HTTP 410", gone=True), NOW)
    page = await (await client.get("/people")).text()
    assert "18:36 浏览器退订了" in page
    assert "data-browser=" not in page


@pytest.mark.parametrize(
    ("what", "changed", "status", "said"),
    [
        ("plain http", {"endpoint": "http://push.example.cn/x"}, 422, "http scheme"),
        ("no URL", {"endpoint": "push"}, 422, "no scheme"),
        ("this machine", {"endpoint": "https://127.0.0.1:9/x"}, 422, "127.0.0.1"),
        ("a cloud's inside", {"endpoint": "https://169.254.169.254/x"}, 422, "169.254.169.254"),
        ("IPv6 to inside", {"endpoint": "https://[::ffff:10.0.0.1]/x"}, 422, "not a public"),
        ("a blank", {"endpoint": "https://push.example.cn/x y"}, 422, "no blanks"),
        ("too long", {"endpoint": "https://push.example.cn/" + "x" * 2000}, 400, "endpoint"),
        ("abroad", {"endpoint": "https://fcm.googleapis.com/fcm/send/x"}, 422, "notices.abroad"),
        ("abroad too", {"endpoint": "https://sg2p.notify.windows.com/w/?t=x"}, 422, "境外"),
        ("no point of the curve", {"p256dh": "B" + "A" * 86}, 422, "no point of the curve"),
        ("half a key", {"p256dh": POINT[:60]}, 400, "p256dh"),
        ("a short secret", {"auth": "AAAA"}, 400, "auth"),
        ("nobody", {"who": "nobody"}, 422, "unknown-person"),
        ("more than is asked for", {"label": "x"}, 400, "label"),
    ],
)
async def test_what_may_not_or_cannot_be_reached_is_refused_at_the_door(
    client: TestClient,
    operations: Operations,
    what: str,
    changed: dict[str, str],
    status: int,
    said: str,
):
    answered, told = await post(client, "", BODY | changed)
    assert (answered, said in json.dumps(told, ensure_ascii=False)) == (status, True), told
    assert operations.browsers(NOW) == []
    assert "secret" not in json.dumps(told)


async def test_what_is_allowed_by_name_is_taken(operations: Operations):
    abroad = BODY | {"endpoint": "https://fcm.googleapis.com/fcm/send/x"}
    inside = BODY | {"endpoint": "https://127.0.0.1:9/x"}
    push = replace(PUSH, abroad=True, allow=frozenset({"127.0.0.1:9"}))
    async with served(operations, push) as client:
        assert (await post(client, "", abroad))[0] == 200
        assert (await post(client, "", inside))[0] == 200
        page = await (await client.get("/people")).text()
        assert "没有允许发到境外" not in page


async def test_where_it_is_not_set_up_nothing_is_offered(operations: Operations):
    async with served(operations, None) as client:
        page = await (await client.get("/people")).text()
        assert 'id="browser"' not in page
        assert "browser.js" not in page
        assert "/people#browser" not in page
        status, told = await post(client, "", BODY)
        assert (status, told["where"]) == (409, "webpush.key")
        assert (await client.get("/worker.js")).status == 200  # one that is there still shows


async def test_the_worker_comes_from_the_root_and_from_no_cache(client: TestClient):
    answer = await client.get("/worker.js")
    assert answer.content_type == "text/javascript"
    assert answer.headers["Cache-Control"] == "no-store"
    text = await answer.text()
    for event in ("push", "notificationclick", "pushsubscriptionchange"):
        assert f'addEventListener("{event}"' in text
    assert 'addEventListener("fetch"' not in text
    page = await client.get("/people")
    assert "worker-src 'self'" in page.headers["Content-Security-Policy"]
    assert f'data-key="{PUSH.key}"' in await page.text()


@pytest.mark.parametrize(
    ("agent", "label"),
    [
        (CHROME, "Chrome · Windows"),
        (CHROME + " Edg/131.0.0.0", "Edge · Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0", "Firefox · Linux"),
        ("Mozilla/5.0 (Linux; Android 10; K) Chrome/131.0.0.0 Mobile Safari/537.36", "Chrome · Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/17.5 Safari/605.1.15", "Safari · Mac"),
        ("curl/8", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_a_browser_is_known_by_its_maker_and_its_system(agent: str, label: str):
    assert label_of(agent) == label


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
async def test_a_danger_shows_in_a_browser_that_was_registered_in_the_console(
    operations: Operations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """From the press of the button to what the browser reads, over a push service of the test's own."""
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    monkeypatch.setenv("PUSH_KEY", pem.decode())
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    async with PushService().there(own_certificate(tmp_path)) as service:
        allow = frozenset({service.host})
        push = Push(key=page_key(pem.decode()), allow=allow)
        given = json.loads(service.subscription)
        body = {"who": "guard", "endpoint": given["endpoint"], **given["keys"]}
        async with served(operations, push) as client:
            assert (await post(client, "", body))[0] == 200
        channel = WebPush(
            Outbound(allow=allow, tls=trusting),
            Clock(),
            key="env:PUSH_KEY",
            subject="mailto:a@example.org",
            browsers=operations.subscription,
        )
        clock = house().desk.clock
        dispatcher = Dispatcher(operations, {ChannelKind.WEBPUSH: channel}, clock, poll_s=0.05)
        operations.take([_transition(Change.RAISED, 0, 1130.0)], PACKS, clock.now())
        running = asyncio.create_task(dispatcher.run())
        async with asyncio.timeout(20):
            while operations.browsers(NOW)[0].outcome != "accepted":  # noqa: ASYNC110 - a row
                await asyncio.sleep(0.02)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await channel.close()
    ((headers, read),) = service.taken
    (copy,) = [one for one in operations.notices() if browser_of(one.address)]
    assert (read["title"], read["link"], read["urgent"]) == (copy.title, copy.link, True)
    assert read["link"].startswith("http://127.0.0.1/l/")
    assert headers["Topic"] == f"incident-{copy.incident}"
    assert copy.state is NoticeState.ACCEPTED

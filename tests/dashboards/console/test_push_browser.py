"""Notices in a real browser: asked for, shown by the worker, opened, and taken back.

No push service can be reached from a test, so the page's ``PushManager`` hands out a subscription of
the test's own; the worker, its notifications and the desk are real.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp.test_utils import TestClient
from cryptography.hazmat.primitives.asymmetric import ec

from alerts.notify.webpush import public
from tests.alerts.notify.services import base64url
from tests.dashboards.desk_fixture import PUSH, House

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, CDPSession, Page, Worker

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(120)]

KEY, AUTH = ec.generate_private_key(ec.SECP256R1()), b"0123456789abcdef"
ENDPOINT = "https://push.example.cn/v1/secret-of-this-browser"
FAKE = """
const made = (endpoint, key) => ({
  endpoint,
  options: { applicationServerKey: Uint8Array.from(atob(key.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0)).buffer },
  toJSON: () => ({ endpoint, expirationTime: null, keys: KEYS }),
  unsubscribe: async () => { store.removeItem("there"); return true; },
});
PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
  if (!userVisibleOnly) throw new Error("a browser refuses what shows nothing");
  store.setItem("there", JSON.stringify([ENDPOINT, applicationServerKey]));
  return made(ENDPOINT, applicationServerKey);
};
PushManager.prototype.getSubscription = async () => {
  const there = JSON.parse(store.getItem("there"));
  return there && made(...there);
};
"""


def fake(endpoint: str, store: str = "localStorage") -> str:
    """A script that puts a subscription of the test's own into the place of a push service's."""
    keys = {"p256dh": base64url(public(KEY)), "auth": base64url(AUTH)}
    head = f"const store = {store}, ENDPOINT = {json.dumps(endpoint)}, KEYS = {json.dumps(keys)};"
    return f"{{ {head} {FAKE} }}"


@dataclass(slots=True)
class Staff:
    """Somebody at a browser, and what it complained of."""

    page: Page
    context: BrowserContext
    house: str
    complaints: list[str] = field(default_factory=list)
    cdp: CDPSession | None = None
    workers: dict[str, str] = field(default_factory=dict)
    """Registration by scope."""

    async def go(self, path: str = "/people") -> None:
        await self.page.goto(self.house + path)

    async def iam(self, name: str) -> None:
        await self.page.locator("#iam").click()
        await self.page.locator("#who").get_by_role("button", name=name).click()

    async def worker(self) -> Worker:
        if self.context.service_workers:
            return self.context.service_workers[0]
        return await self.context.wait_for_event("serviceworker")

    async def push(self, data: str, enough: Callable[[list[Any]], bool]) -> list[dict[str, Any]]:
        """As a push service would deliver it; what shows then, as soon as it is ``enough``."""
        assert self.cdp is not None
        scope = self.house + "/"
        async with asyncio.timeout(30):
            while scope not in self.workers:  # noqa: ASYNC110 - the protocol has no such event
                await asyncio.sleep(0.05)
            while True:  # a busy browser loses one now and then: the protocol is no push service
                await self.cdp.send(
                    "ServiceWorker.deliverPushMessage",
                    {"origin": self.house, "registrationId": self.workers[scope], "data": data},
                )
                if found := await self.shown(enough, 3):
                    return found

    async def shown(
        self, enough: Callable[[list[Any]], bool], within_s: float
    ) -> list[dict[str, Any]] | None:
        """The notifications that show, as soon as they are ``enough``; None while they are not."""
        script = """async () => (await (await navigator.serviceWorker.ready).getNotifications())
          .map(({ title, body, tag, renotify, data }) => ({ title, body, tag, renotify, data }))"""
        until = asyncio.get_running_loop().time() + within_s
        while asyncio.get_running_loop().time() < until:
            found: list[dict[str, Any]] = await self.page.evaluate(script)
            if enough(found):
                return found
            await asyncio.sleep(0.05)
        return None


def shows(count: int) -> Callable[[list[Any]], bool]:
    return lambda found: len(found) == count


@pytest.fixture
async def staff(playwright_browser: Browser, client: TestClient) -> AsyncIterator[Staff]:
    address = str(client.make_url("/")).rstrip("/")
    context = await playwright_browser.new_context(viewport={"width": 1440, "height": 900})
    await context.grant_permissions(["notifications"], origin=address)
    await context.add_init_script(fake(ENDPOINT))
    page = await context.new_page()
    somebody = Staff(page, context, address)
    page.on("pageerror", lambda error: somebody.complaints.append(str(error)))
    page.on(
        "console",
        lambda said: (
            somebody.complaints.append(said.text) if said.type in ("error", "warning") else None
        ),
    )
    somebody.cdp = await context.new_cdp_session(page)
    somebody.cdp.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda told: somebody.workers.update(
            {one["scopeURL"]: one["registrationId"] for one in told["registrations"]}
        ),
    )
    await somebody.cdp.send("ServiceWorker.enable")
    yield somebody
    assert somebody.complaints == []
    await context.close()


async def switch_on(staff: Staff) -> None:
    await staff.go()
    await staff.iam("王经理")
    await staff.page.get_by_role("button", name="让这台浏览器也收到通知").click()
    await staff.page.get_by_text("王经理的通知也会弹在这台浏览器里。").wait_for()


async def test_a_press_registers_this_browser_and_another_takes_it_back(staff: Staff, here: House):
    operations = here.operations
    await switch_on(staff)
    (kept,) = operations.known_browsers.values()
    assert kept.person == "wang"
    assert "Chrome" in kept.label
    reached = operations.reached[kept.id]
    assert (reached.endpoint, reached.p256dh, reached.auth) == (ENDPOINT, public(KEY), AUTH)
    row = staff.page.locator("#reached-wang")
    await row.get_by_text("还没发过").wait_for()
    assert "secret-of" not in await staff.page.content()
    # It is remembered, and whoever uses the same computer sees whose notices show there.
    await staff.go()
    await staff.page.get_by_text("王经理的通知也会弹在这台浏览器里。").wait_for()
    await staff.iam("社区小李")
    await staff.page.get_by_text("这台浏览器现在弹的是王经理的通知").wait_for()
    await staff.iam("王经理")
    await staff.page.get_by_role("button", name="这台浏览器不再收").click()
    await staff.page.get_by_role("button", name="让这台浏览器也收到通知").wait_for()
    assert operations.known_browsers == {}
    assert await staff.page.evaluate("localStorage.getItem('there')") is None


async def test_a_browser_that_is_removed_in_the_list_is_off(staff: Staff, here: House):
    await switch_on(staff)
    await staff.page.locator("#reached-wang").get_by_role("button", name="移除").click()
    await staff.page.get_by_role("button", name="让这台浏览器也收到通知").wait_for()
    assert here.operations.known_browsers == {}


def message(**more: object) -> str:
    told = {
        "id": 1,
        "incident": 6,
        "tag": "incident-6",
        "title": "【危险】2 号充电棚：烟雾报警",
        "body": "马上让人离开。",
        "urgent": True,
        "link": "http://watch.example.cn/l/token",
    }
    return json.dumps(told | more)


async def test_what_is_pushed_shows_and_a_newer_word_takes_the_older_ones_place(staff: Staff):
    await switch_on(staff)
    (one,) = await staff.push(message(), shows(1))
    assert (one["title"], one["body"]) == ("【危险】2 号充电棚：烟雾报警", "马上让人离开。")
    assert (one["tag"], one["renotify"]) == ("incident-6", True)
    (one,) = await staff.push(
        message(id=2, title="【已恢复】2 号充电棚", urgent=False),
        lambda found: found[0]["title"].startswith("【已恢复】"),
    )
    assert one["renotify"] is False
    await staff.push(message(id=3, incident=7, tag="incident-7"), shows(2))


@pytest.mark.parametrize("garbage", ["", "no json", "[1]", "null", '{"title": 7}', "{}"])
async def test_what_nobody_can_read_shows_something_all_the_same(staff: Staff, garbage: str):
    await switch_on(staff)
    (one,) = await staff.push(garbage, shows(1))
    assert one["title"] == "守望"
    assert one["tag"] == "notice"


# A click of a hand alone may open a window, so the worker's own ways of doing it are listened to.
CLICK = """async () => {
  const led = new Promise((resolve) => {
    self.clients.openWindow = async (url) => resolve(["opens", url]);
    WindowClient.prototype.focus = async function () { resolve(["shows", this.url]); };
  });
  const [notification] = await self.registration.getNotifications();
  self.dispatchEvent(new NotificationEvent("notificationclick", { notification }));
  return led;
}"""


async def test_a_press_on_it_opens_its_link(staff: Staff):
    await switch_on(staff)
    worker = await staff.worker()
    for incident, link, opened in (
        (6, "http://watch.example.cn/l/token", "http://watch.example.cn/l/token"),
        (7, "javascript:alert(1)", "/"),
        (8, None, "/"),
    ):
        await staff.push(message(incident=incident, link=link), shows(1))
        assert await worker.evaluate(CLICK) == ["opens", opened]
        assert await staff.shown(shows(0), 10) == []  # it is put away


async def test_a_press_on_it_goes_to_the_page_that_shows_it_already(staff: Staff):
    await switch_on(staff)
    worker = await staff.worker()
    other = await staff.context.new_page()
    await other.goto(staff.house + "/incidents/6")
    await staff.push(message(), shows(1))
    assert await worker.evaluate(CLICK) == ["shows", staff.house + "/incidents/6"]


async def test_a_browser_that_is_reached_anew_tells_the_house(staff: Staff, here: House):
    await switch_on(staff)
    (before,) = here.operations.known_browsers
    worker = await staff.worker()
    store = "{ setItem() {}, getItem: () => null }"
    await worker.evaluate(fake(ENDPOINT + "-anew", store))
    await worker.evaluate(
        "() => { self.dispatchEvent(new ExtendableEvent('pushsubscriptionchange')); }"
    )
    async with asyncio.timeout(10):
        while before in here.operations.known_browsers:  # noqa: ASYNC110 - the desk's own thread
            await asyncio.sleep(0.05)
    (kept,) = here.operations.known_browsers.values()
    assert kept.person == "wang"
    assert here.operations.reached[kept.id].endpoint == ENDPOINT + "-anew"
    # The page knows it by its new number.
    await staff.go()
    await staff.page.get_by_text("王经理的通知也会弹在这台浏览器里。").wait_for()


async def test_a_push_service_abroad_is_refused_with_the_remedy(staff: Staff, here: House):
    await staff.context.add_init_script(fake("https://fcm.googleapis.com/fcm/send/secret"))
    await staff.go()
    await staff.page.get_by_text("本系统没有允许发到境外").wait_for()
    await staff.iam("王经理")
    await staff.page.get_by_role("button", name="让这台浏览器也收到通知").click()
    why = staff.page.locator("#browser-why")
    await why.get_by_text("推送服务器（fcm.googleapis.com）在境外").wait_for()
    await why.get_by_text("notices.abroad = true").wait_for()
    assert here.operations.known_browsers == {}
    assert await staff.page.evaluate("localStorage.getItem('there')") is None
    staff.complaints[:] = [one for one in staff.complaints if "422" not in one]


async def test_who_presses_first_is_asked_who_they_are(staff: Staff, here: House):
    await staff.go()
    await staff.page.get_by_role("button", name="让这台浏览器也收到通知").click()
    await staff.page.locator("#who").get_by_role("button", name="社区小李").click()
    await staff.page.get_by_text("社区小李的通知也会弹在这台浏览器里。").wait_for()
    assert [one.person for one in here.operations.known_browsers.values()] == ["xiaoli"]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("Object.defineProperty(Notification, 'permission', {get: () => 'denied'})", "选过“不允许通知”"),
        ("Object.defineProperty(window, 'isSecureContext', {value: false})", "这个地址是 http"),
        ("delete window.PushManager", "请换一个"),
        ("Object.defineProperty(navigator, 'userAgent', {value: 'x MicroMessenger/8'})", "在浏览器打开"),
    ],
)  # fmt: skip
async def test_where_it_is_not_possible_the_page_says_why_and_offers_no_button(
    staff: Staff, script: str, said: str
):
    await staff.context.add_init_script(script)
    await staff.go()
    await staff.page.locator("#browser").get_by_text(said).wait_for()
    assert await staff.page.locator("#browser button:visible").count() == 0


async def test_nothing_is_allowed_unless_the_person_allows_it(staff: Staff, here: House):
    ask = "Notification.requestPermission = async () => 'default'"
    await staff.context.add_init_script(ask)
    await staff.go()
    assert await staff.page.evaluate("navigator.serviceWorker.getRegistration('/')") is None
    await staff.iam("王经理")
    await staff.page.get_by_role("button", name="让这台浏览器也收到通知").click()
    await staff.page.get_by_text("没有点“允许”，所以还没打开。").wait_for()
    assert await staff.page.evaluate("navigator.serviceWorker.getRegistration('/')") is None
    assert here.operations.known_browsers == {}


async def test_a_browser_that_does_not_reach_its_maker_says_so(staff: Staff):
    await staff.context.add_init_script(
        "PushManager.prototype.subscribe = async () => { throw new DOMException('x', 'AbortError'); }"
    )
    await staff.go()
    await staff.iam("王经理")
    await staff.page.get_by_role("button", name="让这台浏览器也收到通知").click()
    await staff.page.get_by_text("连不上它厂商的推送服务器").wait_for()


async def test_one_of_another_key_is_made_anew(staff: Staff, here: House):
    await switch_on(staff)
    await staff.page.evaluate(
        """() => { const [endpoint, key] = JSON.parse(localStorage.getItem("there"));
          localStorage.setItem("there", JSON.stringify([endpoint, "B" + "A".repeat(86)])); }"""
    )
    await staff.go()
    await staff.page.get_by_role("button", name="让这台浏览器也收到通知").click()
    await staff.page.get_by_text("王经理的通知也会弹在这台浏览器里。").wait_for()
    assert await staff.page.evaluate("JSON.parse(localStorage.getItem('there'))[1]") == PUSH.key

"""Notices in a browser: the worker that shows them, the calls that ask for them, and how one is told of."""

from functools import cache
from pathlib import Path
from typing import Any

from aiohttp import web

from alerts.incidents.acts import Refusal, Refused
from alerts.notify.browsers import Browser, Subscription
from alerts.notify.outbound import Refused as NotReached
from alerts.notify.outbound import checked
from alerts.notify.webpush import Misfit, encrypted, subscription_of
from alerts.registry.addresses import is_abroad
from dashboards.console.door import Asked, answer, in_thread
from dashboards.console.i18n import Words, language_of, words
from dashboards.console.problems import Problem
from dashboards.console.scene import Scene
from dashboards.console.wire import BrowserOut
from dashboards.ports import Push

HTTPS = frozenset({"https"})
# By what stands in a user agent: the more particular first, since each also names whom it descends from.
_MAKERS = {
    "Edg": "Edge", "OPR/": "Opera", "SamsungBrowser": "Samsung", "HuaweiBrowser": "Huawei",
    "MiuiBrowser": "Mi", "Firefox": "Firefox", "FxiOS": "Firefox", "Chrome": "Chrome",
    "CriOS": "Chrome", "Safari": "Safari",
}  # fmt: skip
_SYSTEMS = {
    "iPhone": "iPhone", "iPad": "iPad", "Android": "Android", "Windows": "Windows",
    "CrOS": "ChromeOS", "Mac OS X": "Mac", "Linux": "Linux",
}  # fmt: skip


async def worker(asked: Asked) -> web.Response:
    """From the root, since a worker answers for what lies below it; never from a cache."""
    return web.Response(
        text=await in_thread(_worker),
        content_type="text/javascript",
        headers={"Cache-Control": "no-store"},
    )


async def keep(asked: Asked) -> web.Response:
    t, body, now = _words(asked), asked.body, asked.desk.clock.now()
    reached = _fit(body, asked.desk.push, t)
    label = label_of(asked.request.headers.get("User-Agent", ""))
    call = asked.desk.operations.keep_browser
    done = await in_thread(call, body.who, reached, label, now, replaces=body.replaces)
    return await _ended(asked, done)


async def remove(asked: Asked) -> web.Response:
    call, now = asked.desk.operations.remove_browser, asked.desk.clock.now()
    return await _ended(asked, await in_thread(call, asked.path.browser, asked.body.who, now))


def label_of(agent: str) -> str:
    """By what its owner knows a browser: Chrome · Windows. Empty for one that says nothing."""
    found = (
        next((name for sign, name in names.items() if sign in agent), "")
        for names in (_MAKERS, _SYSTEMS)
    )
    return " · ".join(name for name in found if name)


def row(one: Browser, scene: Scene) -> dict[str, Any]:
    """A browser as the page of the people shows it."""
    site = scene.people[one.person].site
    if one.gone_at is not None:
        told = scene.t("push.withdrawn", at=scene.when(one.gone_at, site))
    elif one.tried_at is not None:
        state = scene.t(f"notice.{one.outcome}")
        told = scene.t("push.last", at=scene.when(one.tried_at, site), state=state)
    else:
        told = scene.t("push.never")
    return {
        "browser": one,
        "label": one.label or scene.t("push.some"),
        "since": scene.t("push.since", at=scene.when(one.made_at, site)),
        "told": told,
        "is_bad": one.gone_at is not None or one.outcome == "rejected",
    }


def _fit(body: Any, push: Push | None, t: Words) -> Subscription:
    """What reaches the browser; a Problem for what may not, or cannot, be reached."""
    if push is None:
        raise Problem(
            409, t("push.not-set-up"), where="webpush.key", remedy=t("push.not-set-up-remedy")
        )
    try:
        host = checked(body.endpoint, push.allow, HTTPS).host
        reached = subscription_of(body.endpoint, body.p256dh, body.auth)
        encrypted(b"", reached)  # whether its key is one
    except (NotReached, Misfit) as error:
        raise Problem(422, t("push.misfit"), where=str(error), remedy=t("push.other")) from error
    if is_abroad(body.endpoint) and not push.abroad:
        raise Problem(
            422, t("push.abroad", host=host), where="notices.abroad", remedy=t("push.abroad-remedy")
        )
    return reached


async def _ended(asked: Asked, done: Browser | Refused) -> web.Response:
    if isinstance(done, Refused):
        status = 404 if done.reason is Refusal.UNKNOWN_BROWSER else 422
        text = done.reason.text(_words(asked).language)
        raise Problem(status, text, where=done.reason.value)
    await asked.hub.look()
    out = BrowserOut(
        id=done.id, person=done.person, label=done.label, made_at=done.made_at, gone_at=done.gone_at
    )
    return answer(BrowserOut, out)


def _words(asked: Asked) -> Words:
    return words(language_of(None, asked.request.cookies.get("lang")))


@cache
def _worker() -> str:
    return (Path(__file__).parent / "static" / "worker.js").read_text("utf-8")

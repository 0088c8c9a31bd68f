"""The phone page behind a notice's link, and what may be done there without sign-in.

The token leaves the URL at once: it goes into a cookie for that one incident's page. GET changes
nothing and counts for nothing, since chat apps fetch links before people do.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from alerts.incidents.acts import Result
from alerts.incidents.duties import SecondLook
from alerts.incidents.model import DutyKind, Incident, StoryKind, StoryLine
from alerts.incidents.who import VOLUNTEERS, tiers_of
from alerts.links import AFTER_CLOSE, LONGEST, MAY, PREFIX, Deed, Link, LinkKind, is_good
from alerts.messages import helper
from alerts.words import IncidentClass
from dashboards.console import cards, pages
from dashboards.console.api import ended
from dashboards.console.door import Asked, answer, in_thread
from dashboards.console.pages import language_asked, set_scene, show
from dashboards.console.problems import Problem
from dashboards.console.scene import Scene
from dashboards.console.wire import OpenedOut

ORIGIN = "link"


async def enter(asked: Asked) -> web.Response:
    """To the page, without the token; a link that is none of ours, or too old, says so there."""
    links, token = asked.desk.links, asked.path.token
    if links and (number := links.notice_of(token)) is not None:
        notice = await in_thread(asked.desk.operations.notice, number)
        path = urlsplit(notice.link).path if notice else ""
        if path and PREFIX not in path:  # a digest's: a page of the console
            return web.Response(status=303, headers={"Location": path})
        token = path.rpartition(PREFIX)[2]
    link = links.read(token) if links else None
    if link is None:
        scene = await set_scene(asked)
        why = scene.t("linked.none")
        return show(asked, scene, "linked-closed.html", tab="", why=why, status=403)
    response = web.Response(status=303, headers={"Location": f"/m/incidents/{link.incident}"})
    response.set_cookie(
        _cookie(link.incident),
        token,
        path="/m/",
        max_age=int(LONGEST.total_seconds()),
        httponly=True,
        samesite="Lax",  # the tap comes from another app
        secure=asked.request.secure,
    )
    response.headers["Cache-Control"] = "no-store"
    return response


async def page(asked: Asked) -> web.Response:
    scene = await _scene(asked)
    found = await _allowed(asked, Deed.LOOK, scene)
    if isinstance(found, str):
        return show(asked, scene, "linked-closed.html", tab="", why=found, status=403)
    link, incident = found
    operations = asked.desk.operations
    duties = list(await in_thread(operations.duties, incident=incident.id))
    lines = list(await in_thread(operations.story, incident.id))
    card = cards.card(incident, scene, duties, lines)
    reader = scene.people[link.person]
    snoozed = await in_thread(operations.snoozed, incident.id, scene.now)
    return show(
        asked,
        scene,
        "linked.html",
        tab="",
        card=card,
        told=cards.story(lines, incident, scene, blames_nobody=reader.role in VOLUNTEERS),
        may={deed.value for deed in MAY[link.kind]},
        me=scene.person(link.person),
        mine=incident.acknowledged_by == link.person and link.kind is not LinkKind.GROUP,
        declined=_has_declined(link.person, incident, lines),
        fire=incident.cls is IncidentClass.FIRE,
        ask=None if incident.closed_at else helper(incident, scene.registry, reader),
        kind=pages.kind_at(scene, incident),
        snoozed=next(
            (
                scene.when(one.until, incident.subject.site)
                for one in snoozed
                if one.person == link.person
            ),
            "",
        ),
        neighbours=_neighbours(incident, scene) if link.kind is LinkKind.GROUP else [],
        until=scene.when(incident.closed_at + AFTER_CLOSE, incident.subject.site)
        if incident.closed_at
        else "",
    )


async def opened(asked: Asked) -> web.Response:
    link, incident, _ = await _acting(asked, Deed.OPENED)
    count = await in_thread(asked.desk.operations.opened, incident.id, link.person)
    return answer(OpenedOut, OpenedOut(notices=count))


async def acknowledge(asked: Asked) -> web.Response:
    call = partial(asked.desk.operations.acknowledge, version=asked.body.version)
    return await _do(asked, Deed.TAKE_OVER, call)


async def decline(asked: Asked) -> web.Response:
    return await _do(asked, Deed.DECLINE, asked.desk.operations.decline)


async def comment(asked: Asked) -> web.Response:
    return await _do(asked, Deed.COMMENT, asked.desk.operations.comment, asked.body.text)


async def false_alarm(asked: Asked) -> web.Response:
    call = asked.desk.operations.false_alarm
    return await _do(asked, Deed.FALSE_ALARM, call, asked.body.reason)


async def look_again(asked: Asked) -> web.Response:
    link, incident, scene = await _acting(asked, Deed.LOOK_AGAIN)
    operations, now = asked.desk.operations, asked.desk.clock.now()
    duties = await in_thread(operations.duties, open=True, incident=incident.id)
    duty = next((one for one in duties if one.kind is DutyKind.SECOND_LOOK), None)
    if duty is None:
        raise Problem(409, scene.t("linked.nothing-to-look-at"), remedy=scene.t("error.look-again"))
    outcome, note = SecondLook(asked.body.outcome), asked.body.note
    call = operations.confirm_second_look
    done = await in_thread(call, duty.id, link.person, outcome, note, now, ORIGIN)
    return await ended(asked, done, scene.language)


async def snooze(asked: Asked) -> web.Response:
    link, incident, _ = await _acting(asked, Deed.SNOOZE)
    now = asked.desk.clock.now()
    until = now + timedelta(hours=asked.body.hours)
    await in_thread(asked.desk.operations.snooze, link.person, incident.id, until, now)
    return answer(OpenedOut, OpenedOut(notices=0))


async def ask_for_own(asked: Asked) -> web.Response:
    """Somebody in the group says who they are: a link of their own goes to their own address."""
    _, incident, scene = await _acting(asked, Deed.ASK_FOR_OWN)
    call, now = asked.desk.operations.send_link, asked.desk.clock.now()
    done = await in_thread(call, incident.id, asked.body.person, now)
    return await ended(asked, done, scene.language)


async def _do(asked: Asked, deed: Deed, call: Callable[..., Result], *words: str) -> web.Response:
    link, incident, scene = await _acting(asked, deed)
    now = asked.desk.clock.now()
    done = await in_thread(call, incident.id, link.person, *words, ORIGIN, now)
    return await ended(asked, done, scene.language)


async def _acting(asked: Asked, deed: Deed) -> tuple[Link, Incident, Scene]:
    scene = await _scene(asked)
    found = await _allowed(asked, deed, scene)
    if isinstance(found, str):
        raise Problem(403, found, remedy=scene.t("linked.remedy"))
    return (*found, scene)


async def _scene(asked: Asked) -> Scene:
    """As of any page; a browser that has chosen no language gets that of the link's person."""
    scene, link = await set_scene(asked), _link(asked)
    reader = scene.people.get(link.person) if link else None
    if reader is None:
        return scene
    return replace(scene, language=language_asked(asked, reader.language))


def _link(asked: Asked) -> Link | None:
    token = asked.request.cookies.get(_cookie(asked.path.incident), "")
    return asked.desk.links.read(token) if asked.desk.links and token else None


async def _allowed(asked: Asked, deed: Deed, scene: Scene) -> tuple[Link, Incident] | str:
    """The link and its incident, or why this may not be done."""
    number = asked.path.incident
    link = _link(asked)
    if link is None or link.incident != number:
        return scene.t("linked.none")
    incident: Incident | None = await in_thread(asked.desk.operations.incident, number)
    if incident is None or not is_good(link, incident, scene.now):
        is_over = incident is None or incident.closed_at is not None
        return scene.t("linked.over" if is_over else "linked.old")
    if link.person not in scene.people:
        return scene.t("linked.left")  # whoever left takes no access along
    if deed not in MAY[link.kind]:
        return scene.t("linked.group-only")
    return link, incident


def _has_declined(who: str, incident: Incident, lines: Sequence[StoryLine]) -> bool:
    """Whether they said 去不了 since it recovered, or since it opened or came back."""
    asked = (StoryKind.OPENED, StoryKind.REOPENED, StoryKind.RECOVERED)
    since = max((n for n, line in enumerate(lines) if line.kind in asked), default=0)
    return any(line.kind is StoryKind.DECLINED and line.who == who for line in lines[since:])


def _neighbours(incident: Incident, scene: Scene) -> list[dict[str, Any]]:
    """Whom a group may consist of: the people of this climb at this place, by name and role."""
    roles = {tier.role for tier in tiers_of(incident, scene.registry)}
    return [
        {"id": person.id, "name": person.name, "role": scene.role(person.role)}
        for person in scene.registry.people
        if person.site == incident.subject.site
        and person.role in roles
        and (not person.places or incident.place in person.places)
    ]


def _cookie(incident: int) -> str:
    return f"link-{incident}"

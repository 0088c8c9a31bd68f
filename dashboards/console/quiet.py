"""Silences, maintenance, one's own snooze, and who has a post's phone: the page and the calls."""

from datetime import timedelta
from typing import Any

from aiohttp import web

from alerts.incidents.acts import Refusal, Refused
from alerts.incidents.silences import Silence, SilenceKind
from alerts.rules.rule import Where
from alerts.words import IncidentClass
from dashboards.console.api import ORIGIN
from dashboards.console.door import Asked, answer, in_thread
from dashboards.console.i18n import language_of
from dashboards.console.pages import set_scene, show
from dashboards.console.problems import Problem
from dashboards.console.scene import Scene
from dashboards.console.wire import HandOverOut, SilenceList, SilenceOut, SnoozeOut

PAST = 20


async def page(asked: Asked) -> web.Response:
    scene = await set_scene(asked)
    found = await in_thread(asked.desk.operations.silences, limit=200)
    rows = [_row(one, scene) for one in found]
    return show(
        asked,
        scene,
        "silences.html",
        tab="incidents",
        rows=[row for row in rows if not row["over"]],
        past=[row for row in rows if row["over"]][:PAST],
        kinds=list(SilenceKind),
        rules=sorted(
            ((name, rule.names.by(scene.language)) for name, rule in scene.packs.rules.items()),
            key=lambda one: one[1],
        ),
    )


async def silences(asked: Asked) -> web.Response:
    scene = await set_scene(asked)
    now = scene.now if asked.query.state == "now" else None
    found = await in_thread(asked.desk.operations.silences, now=now)
    return answer(SilenceList, SilenceList(items=[_out(one, scene) for one in found]))


async def silence(asked: Asked) -> web.Response:
    body, now, scene = asked.body, asked.desk.clock.now(), await set_scene(asked)
    since = body.since or now
    if since.tzinfo is None:
        since = since.replace(tzinfo=scene.zone(body.site))
    try:
        until = since + timedelta(hours=body.hours)
    except OverflowError:
        raise _refusal(asked, Refused(Refusal.NO_SUCH_TIME)) from None
    wish = Silence(
        id=0,
        site=body.site,
        place=body.place,
        device=body.device,
        rule=body.rule,
        kind=SilenceKind(body.kind),
        since=since,
        until=until,
        who=body.who,
        why=body.why,
        made_at=now,
    )
    return await _ended(asked, await in_thread(asked.desk.operations.silence, wish, now))


async def confirm(asked: Asked) -> web.Response:
    call, now = asked.desk.operations.confirm_silence, asked.desk.clock.now()
    return await _ended(asked, await in_thread(call, asked.path.silence, asked.body.who, now))


async def end(asked: Asked) -> web.Response:
    call, now = asked.desk.operations.end_silence, asked.desk.clock.now()
    return await _ended(asked, await in_thread(call, asked.path.silence, asked.body.who, now))


async def snooze(asked: Asked) -> web.Response:
    body, now = asked.body, asked.desk.clock.now()
    until = now + timedelta(hours=body.hours)
    done = await in_thread(asked.desk.operations.snooze, body.who, body.incident, until, now)
    if isinstance(done, Refused):
        raise _refusal(asked, done)
    await asked.hub.look()
    return answer(SnoozeOut, SnoozeOut(person=done.person, incident=done.incident, until=until))


async def hand_over(asked: Asked) -> web.Response:
    body, now = asked.body, asked.desk.clock.now()
    call = asked.desk.operations.hand_over
    done = await in_thread(call, asked.path.post, body.holder, body.who, ORIGIN, now)
    if isinstance(done, Refused):
        raise _refusal(asked, done)
    await asked.hub.look()
    return answer(
        HandOverOut, HandOverOut(post=done.post, holder=done.holder, at=done.at, who=done.who)
    )


async def _ended(asked: Asked, done: Silence | Refused) -> web.Response:
    if isinstance(done, Refused):
        raise _refusal(asked, done)
    await asked.hub.look()
    return answer(SilenceOut, _out(done, await set_scene(asked)))


def _refusal(asked: Asked, refused: Refused) -> Problem:
    language = language_of(None, asked.request.cookies.get("lang"))
    status = 404 if refused.reason is Refusal.UNKNOWN_SILENCE else 422
    return Problem(status, refused.reason.text(language), where=refused.reason.value)


def _out(one: Silence, scene: Scene) -> SilenceOut:
    there = scene.zone(one.site)
    return SilenceOut(
        id=one.id,
        kind=one.kind,
        site=one.site,
        place=one.place,
        device=one.device,
        rule=one.rule,
        since=one.since.astimezone(there),
        until=one.until.astimezone(there),
        who=one.who,
        why=one.why,
        confirmed_by=one.confirmed_by,
        ended_by=one.ended_by,
        ended_at=one.ended_at.astimezone(there) if one.ended_at else None,
    )


def _about_fire(one: Silence, scene: Scene) -> bool:
    """Whether it can be in the way of a fire: only there a second person has to agree."""
    fire = [rule for rule in scene.packs.rules.values() if rule.cls is IncidentClass.FIRE]
    if one.rule:
        known = scene.packs.rules.get(one.rule)
        fire = [known] if known and known.cls is IncidentClass.FIRE else []
    place = scene.places.get((one.site, one.place))
    if place is None:
        return bool(fire)
    where = Where(place.kind.value)
    return any(rule.applies(where, "") or rule.applies(where, "any") for rule in fire)


def _row(one: Silence, scene: Scene) -> dict[str, Any]:
    device = scene.devices.get((one.site, one.device))
    rule = scene.packs.rules.get(one.rule)
    about = [
        scene.place(one.site, one.place) if one.place else "",
        device.names.by(scene.language) if device else one.device,
        rule.names.by(scene.language) if rule else one.rule,
    ]
    site = scene.sites.get(one.site)
    whole = site.names.by(scene.language) if site else one.site
    return {
        "silence": one,
        "kind": scene.t(f"quiet.{one.kind.value}"),
        "about": scene.t("list.comma").join(part for part in about if part) or whole,
        "span": scene.t(
            "quiet.span", a=scene.when(one.since, one.site), b=scene.when(one.until, one.site)
        ),
        "who": scene.t("quiet.made", who=scene.person(one.who)),
        "confirmed": scene.t(
            "quiet.confirmed",
            who=scene.person(one.confirmed_by),
            at=scene.when(one.confirmed_at, one.site),
        )
        if one.confirmed_by and one.confirmed_at
        else "",
        "may_confirm": not one.confirmed_by and _about_fire(one, scene),
        "ended": scene.t(
            "quiet.ended", who=scene.person(one.ended_by), at=scene.when(one.ended_at, one.site)
        )
        if one.ended_at
        else "",
        "holds": one.holds(scene.now),
        "over": one.ended_at is not None or one.until <= scene.now,
    }

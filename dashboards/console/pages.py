"""The pages: each gathers what it shows and fills one template. GET changes nothing."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, TypeVar

from aiohttp import web

from alerts.incidents.model import Duty, Incident, State, StoryLine
from alerts.incidents.roster import Roster, gaps
from alerts.incidents.who import tiers_of
from alerts.registry.model import Device, Person, Place, PlaceKind, PostRole
from alerts.words import IncidentClass, Language, Severity
from dashboards.console import accounts as accounts_in_words
from dashboards.console import browsers as browsers_in_words
from dashboards.console import cards, grounds
from dashboards.console import house as house_in_words
from dashboards.console.door import Asked, in_thread
from dashboards.console.drawing import templates
from dashboards.console.i18n import language_of
from dashboards.console.lines import LinesByPlace, alarm_lines
from dashboards.console.problems import Problem
from dashboards.console.records import record
from dashboards.console.scene import Scene
from dashboards.console.takes import RANGES
from dashboards.console.watchword import awake
from dashboards.ports import DeviceSight, LatestPoint, SeriesKey
from edge.contract.metrics import METRICS

logger = logging.getLogger(__name__)

T = TypeVar("T")

HOUR_MS = 3_600_000
SPARK_HOURS = 30
SPARK_POINTS = 120
PAGE_SIZE = 50
FIRST_ROWS = 20  # on the overview, whatever happens: the next section must be within reach
STORE_S = 5.0  # real seconds; a page is not held up by a store that does not answer
GRID = ("relay", "port-state")
DEFAULT_RANGE = {PlaceKind.REACH: "24h", PlaceKind.SHED: "6h", PlaceKind.RISK_POINT: "24h"}


async def overview(asked: Asked) -> web.Response:
    scene = await set_scene(asked)
    operations = asked.desk.operations
    open_now = list(await in_thread(operations.open_incidents))
    duties = list(await in_thread(operations.duties, open=True))
    done = [
        duty
        for duty in await in_thread(operations.duties, open=False)
        if duty.done_at
        # What the house ended itself was nobody's errand.
        and duty.done_by
        and (scene.now - duty.done_at).total_seconds() < 24 * 3600
    ][:5]
    by_id = await _incidents_of([*duties, *done], open_now, asked)
    everything = await _grounds(asked, scene, open_now)
    rows = cards.as_one(open_now)
    drills = sum(1 for row in rows if row.leader.is_drill)
    stories = await _stories(
        [row.leader for row in rows[:FIRST_ROWS]], [duty.incident for duty in done], asked
    )
    return show(
        asked,
        scene,
        "overview.html",
        tab="overview",
        cards=[cards.row_card(row, scene, duties, stories) for row in rows[:FIRST_ROWS]],
        rest=max(0, len(rows) - FIRST_ROWS),
        drills=drills,
        count=len(rows) - drills,
        untaken=sum(1 for row in rows if cards.untaken(row.leader)),
        errands=[
            cards.errand(d, by_id.get(d.incident), scene, story=stories.get(d.incident, ()))
            for d in [*duties, *done]
        ],
        first_errands=FIRST_ROWS,
        undone=len(duties),
        reaches=[g for g in everything if g.place.kind is PlaceKind.REACH],
        sheds=[g for g in everything if g.place.kind is PlaceKind.SHED],
        points=[g for g in everything if g.place.kind is PlaceKind.RISK_POINT],
        charging=sum(g.charging for g in everything),
        spark_hours=SPARK_HOURS,
    )


async def place(asked: Asked) -> web.Response:
    scene = await set_scene(asked)
    known = find_place(scene, asked.path.site, asked.path.place)
    operations = asked.desk.operations
    here = list(
        await in_thread(operations.incidents, place=(known.site, known.id), limit=PAGE_SIZE)
    )
    chosen = next((i for i in here if i.id == asked.query.incident), None)
    if chosen is None:
        chosen = next(
            iter(cards.in_order_of_need([i for i in here if i.state != State.CLOSED])), None
        )
    chosen = chosen or next(iter(here), None)
    latest = [
        point
        for point in await _or_nothing(asked.desk.history.latest(known.site))
        if point.series.place == known.id
    ]
    limits = alarm_lines(asked.desk.packs, scene.registry, known)
    span = asked.query.range or DEFAULT_RANGE[known.kind]
    return show(
        asked,
        scene,
        "place.html",
        tab="overview",
        ground=grounds.ground(known, latest, here, limits, scene),
        range=span,
        ranges=list(RANGES),
        hours=RANGES[span],
        others=[cards.card(i, scene) for i in here if chosen is None or i.id != chosen.id][:6],
        catalogue=_catalogue(latest, known, scene),
        devices=_devices_at(known, scene),
        port=chosen.port if chosen and chosen.state is not State.CLOSED else "",
        chosen=chosen.id if chosen else "",
        **(await _dossier(asked, scene, chosen) if chosen else {"card": None}),
    )


async def incidents(asked: Asked) -> web.Response:
    scene = await set_scene(asked)
    operations = asked.desk.operations
    before = int(asked.query.before) if asked.query.before else None
    after = int(asked.query.after or 0)
    rows = [] if before else cards.as_one(list(await in_thread(operations.open_incidents)))
    shown = rows[after : after + PAGE_SIZE]
    stories = await _stories([row.leader for row in shown], [], asked)
    closed = list(
        await in_thread(operations.incidents, open=False, before=before, limit=PAGE_SIZE + 1)
    )
    duties = list(await in_thread(operations.duties, open=True))
    more = len(closed) > PAGE_SIZE
    closed = closed[:PAGE_SIZE]
    return show(
        asked,
        scene,
        "incidents.html",
        tab="incidents",
        cards=[cards.row_card(row, scene, duties, stories) for row in shown],
        count=len(rows),
        more_open=after + PAGE_SIZE if len(rows) > after + PAGE_SIZE else None,
        closed=[cards.card(i, scene) for i in closed],
        first=before is None,
        start=before is None and not after,
        next=closed[-1].id if more else None,
    )


async def incident(asked: Asked) -> web.Response:
    scene = await set_scene(asked)
    found = await in_thread(asked.desk.operations.incident, asked.path.incident)
    if found is None:
        raise Problem(404, scene.t("error.no-incident"), remedy="/incidents")
    return show(
        asked, scene, "incident.html", tab="incidents", **await _dossier(asked, scene, found)
    )


async def devices(asked: Asked) -> web.Response:
    scene = await set_scene(asked)
    sights = _sights(scene)
    rows = [_device_row(device, sights, scene) for device in scene.registry.devices]
    return show(asked, scene, "devices.html", tab="devices", rows=rows)


async def device(asked: Asked) -> web.Response:
    scene = await set_scene(asked)
    site, name, accounts = asked.path.site, asked.path.device, asked.desk.accounts
    known = scene.devices.get((site, name))
    if known is None:
        raise Problem(404, scene.t("error.no-device"), where=f"{site}/{name}", remedy="/devices")
    found = await in_thread(accounts.of, site, name) if accounts is not None else None
    account = accounts_in_words.account(found, scene) if found else None
    row = _device_row(known, _sights(scene), scene)
    return show(asked, scene, "device.html", tab="devices", row=row, account=account)


async def house(asked: Asked) -> web.Response:
    scene = await set_scene(asked)
    return show(
        asked,
        scene,
        "house.html",
        tab="house",
        parts=house_in_words.parts(scene),
        figures=house_in_words.figures(scene),
        devices=house_in_words.devices(scene),
    )


async def people(asked: Asked) -> web.Response:
    scene = await set_scene(asked)
    order = list(PostRole)
    roster = await in_thread(asked.desk.operations.roster)
    missing = {person.id: gap for person, gap in gaps(roster, scene.now)}
    known = await in_thread(asked.desk.operations.browsers, scene.now)
    rows = [
        {
            "person": person,
            "role": scene.role(person.role),
            "places": scene.t("list.comma").join(scene.place(person.site, p) for p in person.places)
            or scene.t("people.everywhere"),
            "holder": _holder(person, roster, scene),
            "shift": sorted(
                (p for p in scene.registry.people if p.site == person.site and not p.is_post),
                key=lambda p, role=person.role: p.role is not role,  # type: ignore[misc]
            ),
            "away": scene.t("people.away", who=scene.person(person.stand_in))
            if person.stand_in and roster.is_away(person, scene.now)
            else scene.t("people.away-alone")
            if roster.is_away(person, scene.now)
            else "",
            "gap": missing[person.id].text(scene.language) if person.id in missing else "",
            "browsers": [
                browsers_in_words.row(one, scene) for one in known if one.person == person.id
            ],
            "channels": scene.t("list.comma").join(
                dict.fromkeys(scene.t(f"channel.{a.channel.value}") for a in person.addresses)
            ),
        }
        for person in sorted(scene.registry.people, key=lambda p: order.index(p.role))
    ]
    climbs = [
        {
            "kind": scene.t(f"kind.{tiers.kind.value}"),
            "classes": [scene.t(f"class.{cls.value}") for cls in tiers.classes],
            "steps": [
                {
                    "role": scene.role(step.role),
                    "wait": cards.lasted(step.wait_s[Severity.MAJOR], scene)
                    if Severity.MAJOR in step.wait_s
                    else "",
                }
                for step in tiers.steps
            ],
        }
        for tiers in scene.registry.tiers
    ]
    return show(asked, scene, "people.html", tab="people", rows=rows, climbs=climbs)


def _holder(post: Person, roster: Roster, scene: Scene) -> str:
    """Who has the post's phone, and since when or until the next turn."""
    if not post.is_post:
        return ""
    holder = roster.holder(post, scene.now)
    if holder is None:
        return scene.t("people.held-by-nobody")
    handed = roster.handed.get(post.id)
    if handed is not None and handed.holder == holder.id:
        at = scene.when(handed.at, post.site)
        return scene.t("people.held-since", who=holder.name, at=at)
    return scene.t("people.held-by-rota", who=holder.name)


async def inbox(asked: Asked) -> web.Response:
    scene = await set_scene(asked)
    notices = await in_thread(asked.desk.operations.notices, limit=200)
    by_person: dict[str, list[cards.Slip]] = {}
    for notice in notices:
        found = scene.people.get(notice.person)
        site = found.site if found else next(iter(scene.sites), "")
        by_person.setdefault(notice.person, []).append(cards.slip(notice, scene, site))
    phones = [
        {
            "name": scene.person(who) if who else scene.t("notice.group"),
            "role": scene.role(scene.people[who].role) if who in scene.people else "",
            "slips": slips,
        }
        for who, slips in by_person.items()
    ]
    received = asked.desk.inbox.messages() if asked.desk.inbox else []
    return show(
        asked,
        scene,
        "inbox.html",
        tab="inbox",
        phones=phones,
        received=[(m, scene.when(m.at, next(iter(scene.sites), ""))) for m in received],
    )


def _sights(scene: Scene) -> Mapping[tuple[str, str], DeviceSight]:
    """What the watch has seen of each device."""
    return {(s.site, s.device): s for s in scene.status.devices} if scene.status else {}


def _device_row(
    device: Device, sights: Mapping[tuple[str, str], DeviceSight], scene: Scene
) -> dict[str, Any]:
    """What the list and the page of a device say of it."""
    sight = sights.get((device.site, device.id))
    spots = list(dict.fromkeys(binding.place for binding in device.bindings if binding.place))
    seen = ""
    if sight and sight.seen_ms is not None:
        quiet_s = (cards.ms(scene.now) - sight.seen_ms) / 1000
        seen = scene.t("device.seen", span=cards.lasted(quiet_s, scene))
    cut = ""
    if sight and sight.cuts_ms:
        times = [datetime.fromtimestamp(each / 1000, UTC) for each in sight.cuts_ms[-3:]]
        at = scene.t("list.comma").join(scene.when(each, device.site) for each in times)
        cut = scene.t("device.cut", at=at)
    return {
        "device": device,
        "href": f"/devices/{device.site}/{device.id}",
        "name": device.names.by(scene.language),
        "places": [(scene.place(device.site, s), f"/places/{device.site}/{s}") for s in spots],
        "sight": sight,
        "seen": seen,
        "cut": cut,
        "source": scene.source(device),
        "metrics": scene.t("list.comma").join(
            dict.fromkeys(scene.metric(m) for b in device.bindings for m in b.metrics)
        ),
    }


def or_missing(
    handler: Callable[[Asked], Awaitable[web.StreamResponse]],
) -> Callable[[Asked], Awaitable[web.StreamResponse]]:
    """The page; of what is not there a page that says so, since a person looks at it."""

    async def look(asked: Asked) -> web.StreamResponse:
        try:
            return await handler(asked)
        except Problem as problem:
            if problem.status != 404:
                raise
            scene = await set_scene(asked)
            return show(asked, scene, "missing.html", tab="", why=problem.title, status=404)

    return look


def kind_at(scene: Scene, incident: Incident) -> str:
    """The kind of its place, as the words name it; “other” for what has none."""
    known = scene.places.get((incident.subject.site, incident.place))
    return known.kind.value if known else "other"


def language_asked(asked: Asked, otherwise: Language = Language.ZH) -> Language:
    """By the address, else by the browser's cookie, else ``otherwise``."""
    wish = getattr(asked.query, "lang", None)
    return language_of(wish, asked.request.cookies.get("lang"), otherwise)


async def set_scene(asked: Asked) -> Scene:
    """The registry, language and time that this call sees."""
    language = language_asked(asked)
    registry = await in_thread(asked.desk.operations.registry)
    status = await in_thread(asked.desk.watch.read)
    return Scene(registry, asked.desk.packs, language, asked.desk.clock.now(), status)


def find_place(scene: Scene, site: str, place_id: str) -> Place:
    known = scene.places.get((site, place_id))
    if known is None:
        raise Problem(404, scene.t("error.no-place"), where=f"{site}/{place_id}", remedy="/")
    return known


async def _dossier(asked: Asked, scene: Scene, found: Incident) -> dict[str, Any]:
    """Everything about one incident."""
    operations = asked.desk.operations
    site = found.subject.site
    duties = list(await in_thread(operations.duties, incident=found.id))
    lines = list(await in_thread(operations.story, found.id))
    notices = list(await in_thread(operations.notices, incident=found.id, limit=200))
    considered = list(await in_thread(operations.considered, found.id))
    reports = {one.duty: one for one in await in_thread(operations.reporters, found.id)}
    rungs = tiers_of(found, scene.registry)
    past = (await in_thread(operations.precision, found.rule)).get(found.rule)
    return {
        "track": record(past, scene) if past and found.rule in scene.packs.rules else "",
        "card": cards.card(found, scene, duties, lines),
        "kind": kind_at(scene, found),
        "snoozes": [
            {"person": one.person, "until": scene.when(one.until, site)}
            for one in await in_thread(operations.snoozed, found.id, scene.now)
        ],
        "told": cards.story(lines, found, scene),
        "errands": [
            cards.errand(duty, found, scene, reports.get(duty.id), lines)
            for duty in sorted(duties, key=lambda duty: duty.done_at is not None)
        ],
        "related": [
            cards.card(one, scene)
            for one in await in_thread(operations.event, found.id)
            if one.id != found.id
        ],
        "reported": [one for one in reports.values() if one.duty is None],
        "colleagues": [p for p in scene.registry.people if p.site == site],
        "slips": [cards.slip(notice, scene, site) for notice in reversed(notices)],
        "weighed": cards.weighed(considered, scene, site),
        "rungs": [
            {"role": scene.role(rung.role), "told": at <= found.step}
            for at, rung in enumerate(rungs)
        ],
        "class_name": scene.t(f"class.{found.cls.value}"),
        "fire": found.cls is IncidentClass.FIRE,
    }


async def _stories(
    shown: Sequence[Incident], others: Sequence[int], asked: Asked
) -> dict[int, Sequence[StoryLine]]:
    """The stories of what somebody has, and of ``others``: they know for whom it was entered."""
    held = [one.id for one in shown if one.acknowledged_by]
    story = asked.desk.operations.story
    return {number: await in_thread(story, number) for number in dict.fromkeys([*held, *others])}


async def _incidents_of(
    duties: Sequence[Duty], known: Sequence[Incident], asked: Asked
) -> dict[int, Incident]:
    by_id = {i.id: i for i in known}
    for wanted in {duty.incident for duty in duties} - by_id.keys():
        found = await in_thread(asked.desk.operations.incident, wanted)
        if found:
            by_id[found.id] = found
    return by_id


async def _grounds(
    asked: Asked, scene: Scene, open_now: Sequence[Incident]
) -> list[grounds.Ground]:
    """Every place of every site, with its latest values and a small curve."""
    history, now_ms = asked.desk.history, cards.ms(scene.now)
    lines = LinesByPlace(asked.desk.packs, scene.registry)
    shown = []
    for site in scene.registry.sites:
        latest: dict[str, list[LatestPoint]] = {}
        for point in await _or_nothing(history.latest(site.id)):
            latest.setdefault(point.series.place, []).append(point)
        for known in scene.registry.places:
            if known.site != site.id:
                continue
            mine = [i for i in open_now if (i.subject.site, i.place) == (site.id, known.id)]
            here = latest.get(known.id, [])
            one = grounds.ground(known, here, mine, lines.of(known), scene)
            if known.kind is not PlaceKind.SHED:
                series = [point.series for point in here]
                one = await _with_spark(asked, scene, one, series, mine, now_ms)
            shown.append(one)
    return shown


async def _with_spark(
    asked: Asked,
    scene: Scene,
    one: grounds.Ground,
    series: Sequence[SeriesKey],
    mine: Sequence[Incident],
    now_ms: int,
) -> grounds.Ground:
    chosen = grounds.spark_series(one.place, series, mine)
    if chosen is None:
        return one
    since_ms = now_ms - SPARK_HOURS * HOUR_MS
    curves = await _or_nothing(
        _alone(asked.desk.history.buckets(chosen, since_ms, now_ms, SPARK_POINTS))
    )
    if not curves:
        return one
    (curve,) = curves
    return replace(
        one,
        spark=grounds.spark_path(curve, since_ms, now_ms),
        spark_tone="red" if one.tone == "red" else "teal",
        spark_name=scene.metric(chosen.metric),
    )


async def _or_nothing(asking: Awaitable[Sequence[T]]) -> Sequence[T]:
    """What the store answers; nothing while it cannot: incidents and acts do without it."""
    try:
        async with asyncio.timeout(STORE_S):
            return await asking
    except Exception as error:
        logger.warning("the page goes without the store: %s", error)
        return ()


async def _alone(asking: Awaitable[T]) -> tuple[T]:
    return (await asking,)


def _catalogue(
    latest: Sequence[LatestPoint], known: Place, scene: Scene
) -> list[dict[str, object]]:
    """The charts of a place from top to bottom: the metrics it has, with names, unit, newest value."""
    order = list(grounds.FIRST[known.kind])
    if known.ports:
        order = ["power", *order]
    # Whether a port has power is its colour in the grid; twenty such curves say nothing.
    present = [m for m in dict.fromkeys(point.series.metric for point in latest) if m not in GRID]
    chosen = [m for m in order if m in present] + [m for m in present if m not in order]
    rows: list[dict[str, object]] = []
    for metric in chosen:
        known_metric = METRICS.get(metric)
        newest = max((p for p in latest if p.series.metric == metric), key=lambda p: p.at_ms)
        many = len({(p.series.device, p.series.port) for p in latest if p.series.metric == metric})
        rows.append(
            {
                "metric": metric,
                "name": scene.metric(metric),
                "unit": known_metric.unit if known_metric else "",
                "decimals": known_metric.decimals if known_metric else 2,
                "flag": bool(known_metric and known_metric.is_flag),
                "now": scene.figure(metric, newest.value) if many == 1 else "",
            }
        )
    return rows


def _devices_at(known: Place, scene: Scene) -> list[dict[str, object]]:
    sights = {(s.site, s.device): s for s in scene.status.devices} if scene.status else {}
    return [
        {
            "name": device.names.by(scene.language),
            "id": device.id,
            "sight": sights.get((device.site, device.id)),
            "source": scene.source(device),
        }
        for device in scene.registry.devices
        if device.site == known.site and any(b.place == known.id for b in device.bindings)
    ]


def show(
    asked: Asked, scene: Scene, template: str, *, status: int = 200, **values: Any
) -> web.Response:
    settings, clock = asked.desk.settings, asked.desk.clock
    people_by_site = [
        (scene.sites[site].names.by(scene.language) if site in scene.sites else site, list(group))
        for site, group in groupby(
            sorted(scene.registry.people, key=lambda p: p.site), key=lambda p: p.site
        )
    ]
    text = (
        templates()
        .get_template(template)
        .render(
            scene=scene,
            t=scene.t,
            lang=scene.language.value,
            zone=_zone_name(scene),
            now_ms=cards.ms(scene.now),
            speed=clock.speed,
            awake=awake(scene, settings.watch_stale_s),
            settings=settings,
            people_by_site=people_by_site,
            script_words=json.dumps(scene.t.section("script"), ensure_ascii=False),
            version=settings.version,
            path=asked.request.path,
            push=asked.desk.push,
            other_language=_other_language(asked, scene),
            **values,
        )
    )
    return web.Response(
        status=status, text=text, content_type="text/html", headers={"Cache-Control": "no-store"}
    )


def _zone_name(scene: Scene) -> str:
    return scene.registry.sites[0].time_zone if scene.registry.sites else "Asia/Shanghai"


def _other_language(asked: Asked, scene: Scene) -> str:
    """The same page in the other language; the page's script remembers the choice."""
    other = "en" if scene.language.value == "zh" else "zh"
    return str(asked.request.rel_url.update_query(lang=other))

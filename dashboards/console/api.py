"""The JSON calls of ``/api/v1``: reads, and people's acts."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any

from aiohttp import web

from alerts.incidents.acts import Conflict, Done, Refusal, Result
from alerts.incidents.duties import CallOn, SecondLook
from alerts.incidents.model import Duty, Incident, StoryLine
from alerts.incidents.precision import Precision
from alerts.links import masked
from alerts.notify.notice import Considered, Notice
from alerts.registry.model import Person, Registry
from alerts.words import Language
from dashboards.console import openapi as document
from dashboards.console.cards import ms
from dashboards.console.door import Asked, answer, in_thread
from dashboards.console.i18n import language_of
from dashboards.console.lines import alarm_lines
from dashboards.console.problems import Problem
from dashboards.console.scene import Scene
from dashboards.console.wire import (
    Chart,
    CompletenessOut,
    ConsideredOut,
    DayOut,
    DutyList,
    DutyOut,
    GapOut,
    IncidentFull,
    IncidentList,
    IncidentOut,
    Latest,
    LimitOut,
    LineOut,
    MarkedOut,
    NoticeList,
    NoticeOut,
    PlaceList,
    PlaceOut,
    PrecisionOut,
    RegistryDevice,
    RegistryOut,
    RegistryPerson,
    RegistryPlace,
    RuleList,
    RuleOut,
    SpanOut,
    StoryOut,
)
from edge.contract.quality import checks

ORIGIN = "console"
PAGE = 50
MOST_BUCKETS = 2000
MOST_MARKED = 1000  # single readings a line
LONGEST = timedelta(days=400)


async def incidents(asked: Asked) -> web.Response:
    query = asked.query
    if (query.site is None) != (query.place is None):
        raise Problem(400, "site and place go together", where="site", remedy="send both or none")
    found = await in_thread(
        asked.desk.operations.incidents,
        open={"open": True, "closed": False}.get(query.state),
        place=(query.site, query.place) if query.place else None,
        before=int(query.cursor) if query.cursor else None,
        limit=PAGE + 1,
    )
    scene = await _scene(asked, Language(query.lang))
    items = [incident_out(one, scene) for one in found[:PAGE]]
    following = str(items[-1].id) if len(found) > PAGE else None
    return answer(IncidentList, IncidentList(items=items, next=following))


async def incident(asked: Asked) -> web.Response:
    operations, number = asked.desk.operations, asked.path.incident
    found = await _known(asked)
    scene = await _scene(asked, Language(asked.query.lang))
    there = scene.zone(found.subject.site)
    return answer(
        IncidentFull,
        IncidentFull(
            incident=incident_out(found, scene),
            story=[_story(line, there) for line in await in_thread(operations.story, number)],
            duties=[
                _duty(one, there) for one in await in_thread(operations.duties, incident=number)
            ],
            notices=[
                _notice(one, there)
                for one in await in_thread(operations.notices, incident=number, limit=200)
            ],
            considered=[
                _considered(one, there) for one in await in_thread(operations.considered, number)
            ],
        ),
    )


async def acknowledge(asked: Asked) -> web.Response:
    return await _act(asked, asked.desk.operations.acknowledge)


async def assign(asked: Asked) -> web.Response:
    return await _act(asked, asked.desk.operations.assign, asked.body.to)


async def comment(asked: Asked) -> web.Response:
    return await _act(asked, asked.desk.operations.comment, asked.body.text, versioned=False)


async def false_alarm(asked: Asked) -> web.Response:
    return await _act(asked, asked.desk.operations.false_alarm, asked.body.reason)


async def close(asked: Asked) -> web.Response:
    return await _act(asked, asked.desk.operations.close_incident, asked.body.note)


async def report(asked: Asked) -> web.Response:
    await _who(asked, (await _known(asked)).subject.site)
    call, now, body = asked.desk.operations.record_report, asked.desk.clock.now(), asked.body
    told = (body.reporter, body.phone, body.words)
    return await ended(
        asked,
        await in_thread(call, asked.path.incident, body.who, *told, ORIGIN, now, body.on_behalf_of),
    )


async def confirm(asked: Asked) -> web.Response:
    call, outcome = asked.desk.operations.confirm_second_look, SecondLook(asked.body.outcome)
    return await _duty_done(asked, call, outcome)


async def called_on(asked: Asked) -> web.Response:
    return await _duty_done(asked, asked.desk.operations.called_on, CallOn(asked.body.outcome))


async def _act(
    asked: Asked, call: Callable[..., Result], *words: str, versioned: bool = True
) -> web.Response:
    """An act on one incident by somebody of its site."""
    await _who(asked, (await _known(asked)).subject.site)
    body, now = asked.body, asked.desk.clock.now()
    seen = {"version": body.version} if versioned else {}
    return await ended(
        asked,
        await in_thread(
            call, asked.path.incident, body.who, *words, ORIGIN, now, body.on_behalf_of, **seen
        ),
    )


async def _duty_done(
    asked: Asked, call: Callable[..., Result], outcome: SecondLook | CallOn
) -> web.Response:
    await _who(asked, None)
    body, now = asked.body, asked.desk.clock.now()
    return await ended(
        asked,
        await in_thread(
            call, asked.path.duty, body.who, outcome, body.note, now, ORIGIN, body.on_behalf_of
        ),
    )


async def rules(asked: Asked) -> web.Response:
    packs = asked.desk.packs.rules
    found = await in_thread(asked.desk.operations.precision)
    return answer(
        RuleList,
        RuleList(
            items=[
                RuleOut(
                    id=name,
                    names=rule.names,
                    cls=rule.cls,
                    source=rule.source.text,
                    mark=rule.source.mark.value,
                    blind_to=rule.blind_to,
                    precision=_precision(found.get(name, Precision())),
                )
                for name, rule in packs.items()
            ]
        ),
    )


async def duties(asked: Asked) -> web.Response:
    scene = await _scene(asked, Language.ZH)
    there = scene.zone(next(iter(scene.sites), ""))
    found = await in_thread(asked.desk.operations.duties, open=True)
    return answer(DutyList, DutyList(items=[_duty(one, there) for one in found]))


async def notices(asked: Asked) -> web.Response:
    query = asked.query
    found = await in_thread(
        asked.desk.operations.notices,
        incident=query.incident,
        before=int(query.cursor) if query.cursor else None,
        limit=PAGE + 1,
    )
    scene = await _scene(asked, Language.ZH)
    there = scene.zone(next(iter(scene.sites), ""))
    items = [_notice(one, there) for one in found[:PAGE]]
    following = str(items[-1].id) if len(found) > PAGE else None
    return answer(NoticeList, NoticeList(items=items, next=following))


async def places(asked: Asked) -> web.Response:
    scene = await _scene(asked, Language.ZH)
    site = asked.path.site
    if site not in scene.sites:
        raise Problem(404, "no such site", where=site, remedy="GET /api/v1/registry lists them")
    there = scene.zone(site)
    latest = await asked.desk.history.latest(site)
    items = [
        PlaceOut(
            site=site,
            id=place.id,
            kind=place.kind,
            names=place.names,
            latitude=place.latitude,
            longitude=place.longitude,
            sources=sorted(
                {
                    device.source
                    for device in scene.registry.devices
                    if device.site == site and any(b.place == place.id for b in device.bindings)
                }
            ),
            latest=[
                Latest(
                    device=point.series.device,
                    port=point.series.port,
                    metric=point.series.metric,
                    at=datetime.fromtimestamp(point.at_ms / 1000, there),
                    value=point.value,
                    quality=point.quality,
                    checks=checks(point.marks),
                )
                for point in latest
                if point.series.place == place.id
            ],
        )
        for place in scene.registry.places
        if place.site == site
    ]
    return answer(PlaceList, PlaceList(items=items))


async def chart(asked: Asked) -> web.Response:
    query, path = asked.query, asked.path
    if not timedelta(0) < query.until - query.since <= LONGEST:
        raise Problem(
            400,
            "a chart runs forwards, over 400 days at most",
            where="since, until",
            remedy="send since before until",
        )
    if query.most > MOST_BUCKETS:
        raise Problem(400, f"at most {MOST_BUCKETS} buckets", where="most")
    scene = await _scene(asked, Language.ZH)
    if (path.site, path.place) not in scene.places:
        raise Problem(404, "no such place", where=f"{path.site}/{path.place}", remedy="/")
    history, there = asked.desk.history, scene.zone(path.site)
    keys = [key for key in await history.series(path.site) if key.place == path.place]
    curves = await asyncio.gather(
        *(history.buckets(key, ms(query.since), ms(query.until), query.most) for key in keys)
    )
    marked = await asyncio.gather(
        *(
            history.points(key, ms(query.since), ms(query.until), MOST_MARKED, marked=True)
            for key in keys
        )
    )
    known = await in_thread(
        asked.desk.operations.incidents, place=(path.site, path.place), limit=200
    )
    return answer(
        Chart,
        Chart(
            since=query.since.astimezone(there),
            until=query.until.astimezone(there),
            lines=[
                LineOut(
                    device=key.device,
                    port=key.port,
                    metric=key.metric,
                    at=list(curve.at_ms),
                    low=list(curve.min),
                    mean=list(curve.mean),
                    high=list(curve.max),
                    doubtful=[count > 0 for count in curve.suspect],
                    marked=[
                        MarkedOut(at=at_ms, value=value, quality=quality, checks=checks(marks))
                        for at_ms, value, quality, marks in zip(
                            points.at_ms, points.value, points.quality, points.marks, strict=True
                        )
                    ],
                )
                for key, curve, points in zip(keys, curves, marked, strict=True)
            ],
            limits=[
                LimitOut(
                    rule=line.rule,
                    metric=line.metric,
                    names=line.names,
                    severity=line.severity.name.lower(),
                    value=line.value,
                    side=line.side,
                )
                for line in alarm_lines(
                    asked.desk.packs, scene.registry, scene.places[path.site, path.place]
                )
                if any(line.runs_through(key.metric, key.port) for key in keys)
            ],
            spans=_spans(known, query.since, query.until, there),
        ),
    )


async def completeness(asked: Asked) -> web.Response:
    path, start = asked.path, int(asked.query.cursor or 0)
    scene = await _scene(asked, Language.ZH)
    where = f"{path.site}/{path.device}"
    if (path.site, path.device) not in scene.devices:
        raise Problem(404, "no such device", where=where, remedy="GET /api/v1/registry lists them")
    accounts, found = asked.desk.accounts, None
    if accounts is not None:
        found = await in_thread(accounts.of, path.site, path.device)
    if found is None:
        raise Problem(404, "nothing is known of it yet", where=where, remedy="ask again later")
    there, gaps = scene.zone(path.site), found.gaps[start : start + PAGE]
    return answer(
        CompletenessOut,
        CompletenessOut(
            site=found.site,
            device=found.device,
            numbered=found.numbered,
            interval_s=found.interval_s,
            days=[
                DayOut(
                    day=day.day,
                    got=day.got,
                    lost=dict(day.lost),
                    waiting=day.waiting,
                    share=day.share,
                )
                for day in found.days
            ],
            gaps=[
                GapOut(
                    kind=gap.kind,
                    run=gap.run,
                    first=gap.first,
                    last=gap.last,
                    count=gap.count,
                    since=_there(gap.since, there),
                    until=_there(gap.until, there),
                    word=gap.word,
                )
                for gap in gaps
            ],
            next=str(start + PAGE) if start + PAGE < len(found.gaps) else None,
        ),
    )


async def registry(asked: Asked) -> web.Response:
    known: Registry = await in_thread(asked.desk.operations.registry)
    return answer(
        RegistryOut,
        RegistryOut(
            cell=known.cell,
            revision=known.revision,
            sites=known.sites,
            places=[
                RegistryPlace(
                    id=p.id,
                    site=p.site,
                    kind=p.kind,
                    names=p.names,
                    ports=p.ports,
                    circuits=p.circuits,
                )
                for p in known.places
            ],
            devices=[
                RegistryDevice(
                    id=d.id,
                    site=d.site,
                    names=d.names,
                    source=d.source,
                    origin=d.origin,
                    places=sorted({b.place for b in d.bindings if b.place}),
                )
                for d in known.devices
            ],
            people=[_person(p) for p in known.people],
        ),
    )


async def openapi(asked: Asked) -> web.Response:
    return answer(dict[str, Any], document.openapi(asked.routes, asked.desk.settings.version))


def incident_out(one: Incident, scene: Scene) -> IncidentOut:
    there = scene.zone(one.subject.site)
    head = scene.headline(one)
    return IncidentOut(
        id=one.id,
        rule=one.rule,
        subject=str(one.subject),
        cls=one.cls,
        severity=one.severity.name.lower(),
        state=one.state,
        site=one.subject.site,
        place=one.place,
        port=one.port,
        device=one.device,
        metric=one.metric,
        value=one.value,
        limit=one.limit,
        peak=one.peak,
        since=one.since.astimezone(there),
        opened_at=one.opened_at.astimezone(there),
        acknowledged_by=one.acknowledged_by,
        acknowledged_at=_there(one.acknowledged_at, there),
        acknowledged_until=_there(one.acknowledged_until, there),
        recovered_at=_there(one.recovered_at, there),
        closed_at=_there(one.closed_at, there),
        next_step_at=_there(one.next_step_at, there),
        unconfirmed=one.unconfirmed,
        false_alarm=one.false_alarm,
        assigned=one.assigned,
        flapping=one.flapping,
        relapses=one.relapses,
        version=one.version,
        name=head.name,
        what=head.what,
        do=head.do,
    )


async def ended(asked: Asked, result: Result, otherwise: Language = Language.ZH) -> web.Response:
    """How the act ended, as an answer: 200, 409 with what holds now, or a refusal with its reason.

    ``otherwise``: the language of a browser that has chosen none.
    """
    await asked.hub.look()
    language = language_of(None, asked.request.cookies.get("lang"), otherwise)
    scene = await _scene(asked, language)
    if isinstance(result, Done):
        return answer(IncidentOut, incident_out(result.incident, scene))
    if isinstance(result, Conflict):
        now = result.current
        raise Problem(
            409,
            scene.t(
                "error.conflict" if now.acknowledged_by else "error.conflict-nobody",
                state=scene.t(f"state.{now.state.value}"),
                who=scene.person(now.acknowledged_by),
            ),
            where=f"incident {now.id}",
            remedy=scene.t("error.look-again"),
        )
    unknown = result.reason in (Refusal.UNKNOWN_DUTY, Refusal.UNKNOWN_INCIDENT)
    raise Problem(404 if unknown else 422, result.reason.text(language), where=result.reason.value)


async def _known(asked: Asked) -> Incident:
    found: Incident | None = await in_thread(asked.desk.operations.incident, asked.path.incident)
    if found is None:
        raise Problem(
            404,
            "no such incident",
            where=str(asked.path.incident),
            remedy="GET /api/v1/incidents lists them",
        )
    return found


async def _who(asked: Asked, site: str | None) -> Person:
    """The person who acts; one of the incident's own site."""
    known: Registry = await in_thread(asked.desk.operations.registry)
    for person in known.people:
        if person.id == asked.body.who and (site is None or person.site == site):
            return person
    raise Problem(
        400,
        "nobody here is called that",
        where=f"who: {asked.body.who}",
        remedy="GET /api/v1/registry lists the people; choose one of the incident's site",
    )


async def _scene(asked: Asked, language: Language) -> Scene:
    known = await in_thread(asked.desk.operations.registry)
    return Scene(known, asked.desk.packs, language, asked.desk.clock.now())


def _spans(
    known: Sequence[Incident], since: datetime, until: datetime, there: tzinfo
) -> list[SpanOut]:
    spans = []
    for one in known:
        over = one.recovered_at or one.closed_at
        if one.since < until and (over is None or over > since):
            spans.append(
                SpanOut(
                    incident=one.id,
                    severity=one.severity.name.lower(),
                    metric=one.metric,
                    port=one.port,
                    limit=one.limit,
                    below=one.peak is not None and one.limit is not None and one.peak < one.limit,
                    since=one.since.astimezone(there),
                    until=_there(over, there),
                )
            )
    return spans


def _story(line: StoryLine, there: tzinfo) -> StoryOut:
    return StoryOut(
        at=line.at.astimezone(there),
        kind=line.kind,
        who=line.who,
        on_behalf_of=line.on_behalf_of,
        origin=line.origin,
        facts=dict(line.facts),
    )


def _precision(one: Precision) -> PrecisionOut:
    return PrecisionOut(
        real=one.real, false=one.false, unconfirmed=one.unconfirmed, share=one.share
    )


def _duty(one: Duty, there: tzinfo) -> DutyOut:
    return DutyOut(
        id=one.id,
        incident=one.incident,
        kind=one.kind,
        person=one.person,
        opened_at=one.opened_at.astimezone(there),
        due_at=_there(one.due_at, there),
        done_at=_there(one.done_at, there),
        done_by=one.done_by,
        outcome=one.outcome,
        note=one.note,
    )


def _notice(one: Notice, there: tzinfo) -> NoticeOut:
    return NoticeOut(
        id=one.id,
        incident=one.incident,
        reason=one.reason,
        step=one.step,
        person=one.person,
        channel=one.address.channel,
        group=one.address.group,
        language=one.language,
        title=one.title,
        text=masked(one.text),
        created_at=one.created_at.astimezone(there),
        due_at=one.due_at.astimezone(there),
        state=one.state,
        attempts=one.attempts,
        settled_at=_there(one.settled_at, there),
        detail=one.detail,
    )


def _considered(one: Considered, there: tzinfo) -> ConsideredOut:
    return ConsideredOut(
        at=one.at.astimezone(there),
        person=one.person,
        step=one.step,
        told=one.told,
        reason=one.reason,
    )


def _person(one: Person) -> RegistryPerson:
    return RegistryPerson(
        id=one.id,
        site=one.site,
        name=one.name,
        role=one.role,
        is_post=one.is_post,
        language=one.language,
        places=one.places,
    )


def _there(at: datetime | None, there: tzinfo) -> datetime | None:
    return at.astimezone(there) if at else None

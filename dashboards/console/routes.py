"""The one table of routes: the app, the OpenAPI document and the rights test read it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aiohttp import web

from dashboards.console import api, browsers, events, health, linked, pages, quiet, rules
from dashboards.console.door import Asked
from dashboards.console.takes import (
    AcknowledgeBody,
    AssignBody,
    BrowserBody,
    ByBrowser,
    ByDevice,
    ByDuty,
    ByIncident,
    ByPlace,
    ByPost,
    ByRule,
    BySilence,
    BySite,
    ByToken,
    ByWhomBody,
    CalledOnBody,
    ChartQuery,
    CloseBody,
    CommentBody,
    CompletenessQuery,
    ConfirmBody,
    EventsQuery,
    FalseAlarmBody,
    HandOverBody,
    IncidentsPageQuery,
    IncidentsQuery,
    LanguageQuery,
    LinkedCommentBody,
    LinkedFalseAlarmBody,
    LinkedLookBody,
    LinkedSnoozeBody,
    LinkedTakeBody,
    LinkedWhoBody,
    NothingBody,
    NothingPath,
    NothingQuery,
    NoticesQuery,
    PageQuery,
    PlacePageQuery,
    ReportBody,
    SilenceBody,
    SilencesQuery,
    SnoozeBody,
)
from dashboards.console.wire import (
    BrowserOut,
    Chart,
    CompletenessOut,
    DutyList,
    HandOverOut,
    IncidentFull,
    IncidentList,
    IncidentOut,
    NoticeList,
    OpenedOut,
    PlaceList,
    ReadyOut,
    RegistryOut,
    RuleList,
    SilenceList,
    SilenceOut,
    SnoozeOut,
)

Handler = Callable[[Asked], Awaitable[web.StreamResponse]]


class Right(StrEnum):
    """What the caller must be allowed; sign-in will check it against the person's site."""

    ALIVE = "alive"  # whether the house lives; no data of a community
    READ = "read"  # a site's readings and incidents
    READ_PEOPLE = "read-people"  # who somebody is and what he was told
    ACT = "act"  # take over, comment, judge, confirm
    SEE_ALL_MAIL = "see-all-mail"  # the demo's inbox


class Principal(StrEnum):
    """Who may call. Until people can sign in, everything binds to loopback only."""

    ANYBODY = "anybody"
    LOCAL = "local"
    LINK = "link"  # whoever holds a signed link: of one incident, what alerts/links.py lets it do


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One row. ``body`` None takes none; ``response`` None is a page, text or stream."""

    method: str
    path: str
    handler: Handler
    summary: str
    right: Right
    principal: Principal = Principal.LOCAL
    path_type: type[Any] = NothingPath
    query: type[Any] = NothingQuery
    body: type[Any] | None = None
    response: type[Any] | None = None
    media: str = "application/json"
    demo: bool = False
    """Exists only in the demo."""


def _page(
    path: str, handler: Handler, summary: str, right: Right = Right.READ, **more: Any
) -> Route:
    more.setdefault("query", PageQuery)
    handler = pages.or_missing(handler)
    return Route(
        method="GET",
        path=path,
        handler=handler,
        summary=summary,
        right=right,
        media="text/html",
        **more,
    )


def _get(
    path: str, handler: Handler, summary: str, right: Right = Right.READ, **more: Any
) -> Route:
    return Route(
        method="GET", path="/api/v1" + path, handler=handler, summary=summary, right=right, **more
    )


def _post(path: str, handler: Handler, summary: str, **more: Any) -> Route:
    return Route(
        method="POST",
        path="/api/v1" + path,
        handler=handler,
        summary=summary,
        right=Right.ACT,
        **more,
    )


def _linked(
    deed: str, handler: Handler, summary: str, body: type[Any], response: type[Any]
) -> Route:
    return Route(
        method="POST",
        path="/m/incidents/{incident}/" + deed,
        handler=handler,
        summary=summary,
        right=Right.ACT,
        principal=Principal.LINK,
        path_type=ByIncident,
        body=body,
        response=response,
    )


ROUTES: tuple[Route, ...] = (
    _page("/", pages.overview, "What to deal with, who is on which errand, river and sheds"),
    _page(
        "/places/{site}/{place}",
        pages.place,
        "One place on one time axis, with the story of its incident",
        path_type=ByPlace,
        query=PlacePageQuery,
    ),
    _page("/incidents", pages.incidents, "All incidents", query=IncidentsPageQuery),
    _page(
        "/incidents/{incident}",
        pages.incident,
        "One incident: story, notices word for word, who was told and who was not, and why",
        Right.READ_PEOPLE,
        path_type=ByIncident,
    ),
    _page("/silences", quiet.page, "Silences and maintenance windows, and who asked for them"),
    _page("/rules", rules.listing, "The rules, and how often each was right"),
    _page(
        "/rules/{rule}",
        rules.one,
        "One rule: what it cannot see, how often it was right, what people said of false alarms",
        path_type=ByRule,
    ),
    _page("/house", pages.house, "How the house itself is: its parts, data on its way, devices"),
    _page("/devices", pages.devices, "Devices, and whether they are heard"),
    _page(
        "/devices/{site}/{device}",
        pages.device,
        "One device: whether it is heard, and which of its readings never came",
        path_type=ByDevice,
    ),
    _page("/people", pages.people, "People and the climb", Right.READ_PEOPLE),
    _page("/demo/inbox", pages.inbox, "Notices as phones show them", Right.SEE_ALL_MAIL, demo=True),
    _page(
        "/l/{token}",
        linked.enter,
        "A link in a notice: on to its page, the token into a cookie",
        Right.READ,
        principal=Principal.LINK,
        path_type=ByToken,
    ),
    _page(
        "/m/incidents/{incident}",
        linked.page,
        "One incident on a phone, by the link in a notice",
        Right.READ,
        principal=Principal.LINK,
        path_type=ByIncident,
    ),
    _linked("opened", linked.opened, "Somebody looked at it", NothingBody, OpenedOut),
    _linked("acknowledge", linked.acknowledge, "Take it over", LinkedTakeBody, IncidentOut),
    _linked("decline", linked.decline, "Cannot come: ask the next", NothingBody, IncidentOut),
    _linked("comments", linked.comment, "Add a line", LinkedCommentBody, IncidentOut),
    _linked(
        "false-alarm", linked.false_alarm, "Judge it a false alarm", LinkedFalseAlarmBody, IncidentOut
    ),
    _linked("look-again", linked.look_again, "Confirm the second look", LinkedLookBody, IncidentOut),
    _linked(
        "snooze", linked.snooze, "No notices of it for an hour, or again", LinkedSnoozeBody, OpenedOut
    ),
    _linked("who", linked.ask_for_own, "Say who is there", LinkedWhoBody, IncidentOut),
    _get(
        "/incidents",
        api.incidents,
        "Incidents, newest first",
        query=IncidentsQuery,
        response=IncidentList,
    ),
    _get(
        "/incidents/{incident}",
        api.incident,
        "One incident with its story, notices and everyone considered",
        Right.READ_PEOPLE,
        path_type=ByIncident,
        query=LanguageQuery,
        response=IncidentFull,
    ),
    _post(
        "/incidents/{incident}/acknowledge",
        api.acknowledge,
        "Take it over",
        path_type=ByIncident,
        body=AcknowledgeBody,
        response=IncidentOut,
    ),
    _post(
        "/incidents/{incident}/comments",
        api.comment,
        "Add a line to its story",
        path_type=ByIncident,
        body=CommentBody,
        response=IncidentOut,
    ),
    _post(
        "/incidents/{incident}/false-alarm",
        api.false_alarm,
        "Judge it a false alarm, with the reason",
        path_type=ByIncident,
        body=FalseAlarmBody,
        response=IncidentOut,
    ),
    _post(
        "/incidents/{incident}/assign",
        api.assign,
        "Give it to somebody, who is told",
        path_type=ByIncident,
        body=AssignBody,
        response=IncidentOut,
    ),
    _post(
        "/incidents/{incident}/close",
        api.close,
        "Close what has recovered",
        path_type=ByIncident,
        body=CloseBody,
        response=IncidentOut,
    ),
    _post(
        "/incidents/{incident}/reports",
        api.report,
        "Write down who told of it; they will be called on",
        path_type=ByIncident,
        body=ReportBody,
        response=IncidentOut,
    ),
    _get(
        "/silences",
        quiet.silences,
        "Silences and maintenance windows, newest first",
        query=SilencesQuery,
        response=SilenceList,
    ),
    _post(
        "/silences",
        quiet.silence,
        "Hold notices back: of a site, place, device or rule, with end and reason",
        body=SilenceBody,
        response=SilenceOut,
    ),
    _post(
        "/silences/{silence}/confirm",
        quiet.confirm,
        "A second person agrees, so that fire class is held back too",
        path_type=BySilence,
        body=ByWhomBody,
        response=SilenceOut,
    ),
    _post(
        "/silences/{silence}/end",
        quiet.end,
        "End it before its time",
        path_type=BySilence,
        body=ByWhomBody,
        response=SilenceOut,
    ),
    _post(
        "/posts/{post}/hand-over",
        quiet.hand_over,
        "Say who has a post's phone from now on",
        path_type=ByPost,
        body=HandOverBody,
        response=HandOverOut,
    ),
    _post(
        "/snooze",
        quiet.snooze,
        "No notices to oneself for some hours",
        body=SnoozeBody,
        response=SnoozeOut,
    ),
    Route(
        method="GET",
        path="/worker.js",
        handler=browsers.worker,
        summary="What shows notices in a browser while no page is open",
        right=Right.READ,
        media="text/javascript",
    ),
    _post(
        "/browsers",
        browsers.keep,
        "Get notices in this browser",
        body=BrowserBody,
        response=BrowserOut,
    ),
    _post(
        "/browsers/{browser}/remove",
        browsers.remove,
        "Get no more notices in a browser",
        path_type=ByBrowser,
        body=ByWhomBody,
        response=BrowserOut,
    ),
    _get("/rules", api.rules, "The rules, and how often each was right", response=RuleList),
    _get("/duties", api.duties, "Duties that are open", response=DutyList),
    _post(
        "/duties/{duty}/confirm",
        api.confirm,
        "Confirm a second look: fine, or still there",
        path_type=ByDuty,
        body=ConfirmBody,
        response=IncidentOut,
    ),
    _post(
        "/duties/{duty}/called-on",
        api.called_on,
        "Say how a call on whoever reported went",
        path_type=ByDuty,
        body=CalledOnBody,
        response=IncidentOut,
    ),
    _get(
        "/notices",
        api.notices,
        "Notices, newest first",
        Right.READ_PEOPLE,
        query=NoticesQuery,
        response=NoticeList,
    ),
    _get("/sites/{site}/places", api.places, "Places with their latest values",
         path_type=BySite, response=PlaceList),
    _get(
        "/sites/{site}/places/{place}/series",
        api.chart,
        "What was measured at a place, in buckets for a chart",
        path_type=ByPlace,
        query=ChartQuery,
        response=Chart,
    ),
    _get(
        "/sites/{site}/devices/{device}/completeness",
        api.completeness,
        "What came of a device by day, and what did not, with the reason",
        path_type=ByDevice,
        query=CompletenessQuery,
        response=CompletenessOut,
    ),
    _get("/registry", api.registry, "Sites, places, devices; people without their addresses",
         Right.READ_PEOPLE, response=RegistryOut),
    _get("/openapi.json", api.openapi, "This table as OpenAPI 3.1", Right.ALIVE,
         principal=Principal.ANYBODY),
    Route(
        method="GET",
        path="/events",
        handler=events.stream,
        summary="Readings, changes of incidents and the house clock as they come",
        right=Right.READ,
        query=EventsQuery,
        media="text/event-stream",
    ),
    Route(
        method="GET",
        path="/healthz",
        handler=health.healthz,
        summary="Whether the desk lives",
        right=Right.ALIVE,
        principal=Principal.ANYBODY,
        media="text/plain",
    ),
    Route(
        method="GET",
        path="/readyz",
        handler=health.readyz,
        summary="Each part: ok, or why not",
        right=Right.ALIVE,
        principal=Principal.ANYBODY,
        response=ReadyOut,
    ),
    Route(
        method="GET",
        path="/metrics",
        handler=health.metrics,
        summary="What was counted, as Prometheus text",
        right=Right.ALIVE,
        principal=Principal.LOCAL,
        media="text/plain",
    ),
)  # fmt: skip

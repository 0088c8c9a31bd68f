"""The door of every route: path, query and body become values, or the call is refused with a reason."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from alerts.links import masked
from dashboards.console.problems import Problem, from_validation
from dashboards.ports import Desk

if TYPE_CHECKING:
    from dashboards.console.events import Hub
    from dashboards.console.routes import Route

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A call that fits its row of the table."""

    request: web.Request
    desk: Desk
    hub: Hub
    routes: tuple[Route, ...]
    path: Any
    query: Any
    body: Any = None


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}


def adapter(kind: Any) -> TypeAdapter[Any]:
    """The adapter of a type; built once, since building costs milliseconds."""
    found = _ADAPTERS.get(kind)
    if found is None:
        found = _ADAPTERS[kind] = TypeAdapter(kind)
    return found


def door(
    route: Route, desk: Desk, hub: Hub, routes: tuple[Route, ...]
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The aiohttp handler of one row."""

    async def enter(request: web.Request) -> web.StreamResponse:
        try:
            asked = Asked(
                request=request,
                desk=desk,
                hub=hub,
                routes=routes,
                path=_fit(route.path_type, dict(request.match_info), "path"),
                query=_fit(route.query, _query(request), "query"),
                body=await _body(route, request, desk.settings.body_bytes),
            )
            return await route.handler(asked)
        except (Problem, web.HTTPException):
            raise
        except Exception as error:
            logger.exception("the page or call failed: %s", masked(request.path))
            raise Problem(
                500, "the desk failed at this; alarms go on", remedy="try again; see the log"
            ) from error

    return enter


async def in_thread(call: Callable[..., T], *args: Any, **named: Any) -> T:
    """The operations database is synchronous; the loop must not wait for a disk."""
    return await asyncio.to_thread(call, *args, **named)


def answer(kind: Any, value: object, status: int = 200) -> web.Response:
    """``value`` as JSON of that type."""
    return web.Response(
        status=status,
        body=adapter(kind).dump_json(value),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def _fit(kind: Any, given: dict[str, Any], part: str) -> Any:
    try:
        return adapter(kind).validate_python(given)
    except ValidationError as error:
        raise from_validation(error, part) from error


def _query(request: web.Request) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name, value in request.query.items():
        if name in given:
            raise Problem(400, "a parameter stands twice", where=name, remedy="send it once")
        given[name] = value
    return given


async def _body(route: Route, request: web.Request, most: int) -> Any:
    if route.body is None:
        return None
    if request.content_type != "application/json":
        raise Problem(
            415,
            "the body is not JSON",
            where="Content-Type",
            remedy="send Content-Type: application/json",
        )
    raw = await request.content.read(most + 1)
    if len(raw) > most:
        raise Problem(413, f"the body is larger than {most} bytes")
    # One read may return less than the whole body: take the rest, within the same bound.
    while not request.content.at_eof():
        raw += await request.content.read(most + 1 - len(raw))
        if len(raw) > most:
            raise Problem(413, f"the body is larger than {most} bytes")
    try:
        return adapter(route.body).validate_json(raw)
    except ValidationError as error:
        raise from_validation(error, "body") from error

"""The desk's web application: one table of routes, one guard, one hub of events."""

from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from dashboards.console.door import door
from dashboards.console.events import Hub
from dashboards.console.guard import guard
from dashboards.console.routes import ROUTES, Route
from dashboards.ports import Desk

STATIC = Path(__file__).parent / "static"
STATIC_PREFIX = "/static"


def make_app(desk: Desk) -> web.Application:
    """The application; it starts the hub with itself and ends every open stream on shutdown."""
    routes = served(desk.settings.demo)
    hub = Hub(desk)
    app = web.Application(
        middlewares=[guard(desk.settings)], client_max_size=desk.settings.body_bytes
    )
    for route in routes:
        app.router.add_route(route.method, route.path, door(route, desk, hub, routes))
    app.router.add_static(STATIC_PREFIX, STATIC)

    async def run_hub(_: web.Application) -> AsyncIterator[None]:
        await hub.start()
        yield
        await hub.close()

    async def end_streams(_: web.Application) -> None:
        # Open event streams would hold the shutdown for aiohttp's 60 s.
        await hub.close()

    app.cleanup_ctx.append(run_hub)
    app.on_shutdown.append(end_streams)
    return app


def served(demo: bool) -> tuple[Route, ...]:
    """The rows that exist in this house."""
    return tuple(route for route in ROUTES if demo or not route.demo)

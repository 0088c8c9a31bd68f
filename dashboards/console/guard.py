"""The gate before every route: Host, Origin, forwarded headers, and the headers of every answer."""

from collections.abc import Mapping

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from dashboards.console.drawing import refused
from dashboards.console.problems import Problem
from dashboards.ports import Settings

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
SAFE = frozenset({"GET", "HEAD"})
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP")

HEADERS = {
    # No inline script or style; nothing from elsewhere. uPlot sets styles by script, which CSP lets.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def refusal(method: str, headers: Mapping[str, str], settings: Settings) -> Problem | None:
    """Why a call with these headers is not let in; None when it is."""
    host = headers.get("Host", "").lower()
    if not host or not _is_ours(host, settings.allowed_hosts):
        # A page elsewhere that points its own name at this machine (DNS rebinding) ends here.
        return Problem(
            421,
            "this house does not answer to that name",
            where=f"Host: {host[:100]}",
            remedy="open it by 127.0.0.1 or localhost, or add the name to desk.allowed_hosts",
        )
    for name in FORWARDED:
        if name in headers:
            return Problem(
                400,
                "a proxy stands in between that says for whom it speaks, and none is believed",
                where=name,
                remedy="call directly, or have the proxy strip this header",
            )
    if method in SAFE:
        return None
    origin = headers.get("Origin", "").lower()
    if origin not in (f"http://{host}", f"https://{host}"):
        return Problem(
            403,
            "a change must come from this house's own pages",
            where=f"Origin: {origin[:100]}",
            remedy=f"send Origin: http://{host}",
        )
    if headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        return Problem(
            403,
            "a change must come from this house's own pages",
            where="Sec-Fetch-Site",
            remedy="open the console itself and try again",
        )
    return None


def guard(settings: Settings) -> Middleware:
    """The middleware."""

    @web.middleware
    async def stand(request: web.Request, handler: Handler) -> web.StreamResponse:
        problem = refusal(request.method, request.headers, settings)
        if problem is not None:
            response: web.StreamResponse = refused(request, problem)
        else:
            try:
                response = await handler(request)
            except Problem as raised:
                response = refused(request, raised)
            except web.HTTPException as error:
                response = refused(request, _plain(error))
        response.headers.update(HEADERS)
        return response

    return stand


def add_headers(response: web.StreamResponse) -> None:
    """For streams, whose headers leave before the middleware sees them."""
    response.headers.update(HEADERS)


def _plain(error: web.HTTPException) -> Problem:
    if error.status == 404:
        return Problem(404, "there is nothing here", remedy="start at /")
    if error.status == 405:
        return Problem(405, "this address takes another method")
    if error.status == 413:
        return Problem(413, "the body is too large")
    return Problem(error.status, error.reason)


def _is_ours(host: str, allowed: tuple[str, ...]) -> bool:
    name, colon, port = host.rpartition(":")
    bare = name if colon and port.isdigit() else host
    return bare in LOOPBACK or host in allowed or bare in allowed

"""The templates, and the page of a call that was refused: the one page that knows nothing of the house."""

from functools import cache
from pathlib import Path

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from alerts.links import PREFIX
from dashboards.console.i18n import language_of, words
from dashboards.console.problems import Problem


@cache
def templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        enable_async=False,
    )


def refused(request: web.Request, problem: Problem) -> web.Response:
    """A page where a browser opens one, by its ``Accept``; RFC 9457 for all else.

    It is shown to whoever was not let in, so there is nothing on it but what they sent.
    """
    if request.method != "GET" or "text/html" not in request.headers.get("Accept", ""):
        return problem.response()
    language = language_of(request.query.get("lang"), request.cookies.get("lang"))
    t = words(language)
    text = (
        templates()
        .get_template("refused.html")
        .render(
            t=t,
            lang=language.value,
            why=t.either(f"refused.{problem.status}", t("refused.other")),
            problem=problem,
            inside=problem.status != 421 and not request.path.startswith(PREFIX),
        )
    )
    return web.Response(
        status=problem.status,
        text=text,
        content_type="text/html",
        headers={"Cache-Control": "no-store"},
    )

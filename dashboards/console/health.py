"""Whether the desk lives, whether each part works, and what was counted."""

import asyncio
import logging
from dataclasses import dataclass

from aiohttp import web

from dashboards.console.door import Asked, answer, in_thread
from dashboards.console.wire import PartOut, ReadyOut

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Nothing:
    """A series that nobody measures: the cheapest thing to ask a store."""

    site: str
    device: str = "nobody"
    place: str = ""
    port: str = ""
    metric: str = "uptime"


STREAMS, STREAMS_TEXT = "shouwang_desk_streams", "Open event streams of the desk."
STORE_S = 5.0  # real seconds; whoever asks /readyz does not wait much longer


async def healthz(asked: Asked) -> web.Response:
    return web.Response(text="ok\n")


async def readyz(asked: Asked) -> web.Response:
    """200 when every part works, else 503; each part with its reason."""
    desk = asked.desk
    parts: dict[str, PartOut] = {}
    site = ""
    try:
        registry = await in_thread(desk.operations.registry)
        site = registry.sites[0].id if registry.sites else ""
        parts["operations"] = PartOut(ok=True, why="")
    except Exception as error:
        parts["operations"] = PartOut(ok=False, why=_why(error))
    try:
        async with asyncio.timeout(STORE_S):
            await desk.history.points(_Nothing(site=site), 0, 1, 1, marked=False)
        parts["store"] = PartOut(ok=True, why="")
    except Exception as error:
        parts["store"] = PartOut(ok=False, why=_why(error))
    status = await in_thread(desk.watch.read)
    if status is None:
        parts["watch"] = PartOut(ok=False, why="the watch has never said anything")
    else:
        quiet_s = (desk.clock.now() - status.at).total_seconds()
        asleep = quiet_s > desk.settings.watch_stale_s
        why = f"the watch last spoke {quiet_s:.0f} s ago" if asleep else ""
        parts["watch"] = PartOut(ok=not asleep, why=why)
        for part in status.parts:
            parts[f"watch.{part.name}"] = PartOut(ok=part.ok, why=part.why)
    ok = all(part.ok for part in parts.values())
    return answer(ReadyOut, ReadyOut(ok=ok, parts=parts), 200 if ok else 503)


async def metrics(asked: Asked) -> web.Response:
    text = asked.desk.meter.text() if asked.desk.meter else ""
    text += f"# HELP {STREAMS} {STREAMS_TEXT}\n# TYPE {STREAMS} gauge\n{STREAMS} {len(asked.hub)}\n"
    return web.Response(
        body=text.encode(),
        headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
    )


def _why(error: Exception) -> str:
    """The kind of failure; its words may hold an address or a secret and stay in the log."""
    if isinstance(error, TimeoutError) and not str(error):
        logger.warning("not ready: no answer within %g s", STORE_S)
        return f"no answer within {STORE_S:g} s; see that it runs and can be reached"
    logger.warning("not ready: %s", error)
    return f"{type(error).__name__}; see the log"

"""People who look at the desk's pages at an even pace, in a process of their own.

``python -m benchmarks.drain.pages URL PLACES PER_S SECONDS`` asks for a page each time one is due,
with at most ``OPEN_MOST`` open, and prints what came as JSON. A page's time counts from when it was
due, so that waiting for another one counts too; what is not there at the end has failed.
"""

import asyncio
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import aiohttp
import orjson

from benchmarks.drain import village

OPEN_MOST = 50
TIMEOUT_S = 30.0
GRACE_S = 2.0  # for the last that are due; who is served 50 a second needs none
# Of twenty: what an evening looks like, the overview and places far more than the rest.
MIX = (
    *("/",) * 6,
    *("/places/{site}/{place}",) * 6,
    *("/api/v1/sites/{site}/places/{place}/series?since={since}&until={until}",) * 4,
    *("/incidents",) * 2,
    "/devices",
    "/readyz",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Pages that came whole, those that did not by reason, and milliseconds from when each was due."""

    pages: int
    failed: dict[str, int]
    seconds: float
    p50_ms: float
    p99_ms: float


async def look(url: str, places: int, per_s: float, seconds: float) -> Seen:
    took_ms: list[float] = []
    failed: Counter[str] = Counter()
    gate = asyncio.Semaphore(OPEN_MOST)
    began_s = time.monotonic()

    async def page(client: aiohttp.ClientSession, nth: int, due_s: float) -> None:
        async with gate:
            path = _path(nth, places)
            try:
                async with client.get(path) as answer:
                    await answer.read()
                    if answer.status != 200:
                        failed[f"{answer.status} {MIX[nth % len(MIX)]}"] += 1
                        return
            except (aiohttp.ClientError, TimeoutError) as error:
                failed[f"{type(error).__name__} {MIX[nth % len(MIX)]}"] += 1
                return
            took_ms.append((time.monotonic() - due_s) * 1000)

    limits = aiohttp.ClientTimeout(total=TIMEOUT_S)
    asked = round(per_s * seconds)
    async with aiohttp.ClientSession(url, timeout=limits) as client:
        tasks = []
        for nth in range(asked):
            due_s = began_s + nth / per_s
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            tasks.append(asyncio.create_task(page(client, nth, due_s), name=f"page {nth}"))
        await asyncio.wait(tasks, timeout=GRACE_S)
        took_s = time.monotonic() - began_s
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if waiting := asked - len(took_ms) - failed.total():
        failed["not answered before the end"] = waiting
    took_ms.sort()
    return Seen(
        pages=len(took_ms),
        failed=dict(failed),
        seconds=took_s,
        p50_ms=_share(took_ms, 0.5),
        p99_ms=_share(took_ms, 0.99),
    )


def _path(nth: int, places: int) -> str:
    # Eleven steps each time, so that neighbours in time are different places.
    now = datetime.now(UTC)
    return MIX[nth % len(MIX)].format(
        site=village.SITE,
        place=village.place(nth * 11 % places),
        since=(now - timedelta(hours=24)).isoformat().replace("+00:00", "Z"),
        until=now.isoformat().replace("+00:00", "Z"),
    )


def _share(ordered: list[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 1) if ordered else 0.0


def main(argv: list[str]) -> None:
    url, places, per_s, seconds = argv
    found = asyncio.run(look(url, int(places), float(per_s), float(seconds)))
    sys.stdout.buffer.write(orjson.dumps(asdict(found)))


if __name__ == "__main__":
    main(sys.argv[1:])

"""What is periodic, and follows no event: digests, reminders, who is on duty, clean-up. By APScheduler.

Whatever follows an event has a timer of its own in the operations database (``climb``).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from alerts.store.errors import StoreError
from edge.clock import Clock

log = logging.getLogger("collector.watch")

SHORTEST_S = 0.5  # real seconds, on a fast clock


@dataclass(frozen=True, slots=True)
class Job:
    """``work`` each ``every_s`` of house time; it is told nothing and reads the clock itself."""

    name: str
    every_s: float
    work: Callable[[], Awaitable[object]]


class Periodic:
    """Runs its jobs until cancelled; one that fails is logged and comes again."""

    def __init__(self, jobs: list[Job], clock: Clock) -> None:
        self._jobs = jobs
        self._clock = clock

    async def run(self) -> None:
        # A late job runs once, however late: by default it would be skipped in silence after 1 s.
        scheduler = AsyncIOScheduler(
            timezone=UTC,
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
        )
        for job in self._jobs:
            scheduler.add_job(
                _guarded,
                "interval",
                args=[job],
                seconds=max(SHORTEST_S, self._clock.real(job.every_s)),
                next_run_time=datetime.now(UTC),
                id=job.name,
            )
        scheduler.start()
        try:
            await asyncio.Event().wait()
        finally:
            scheduler.shutdown(wait=False)


async def _guarded(job: Job) -> None:
    try:
        await job.work()
    except StoreError as error:
        log.warning("%s is put off: %s", job.name, error)
    except Exception:
        log.exception("%s failed; it comes again", job.name)

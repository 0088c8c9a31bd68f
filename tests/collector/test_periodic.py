"""What is periodic runs, comes again after it failed, and ends with the watch."""

import asyncio
import time

import pytest

from alerts.store.errors import StoreUnavailable
from collector.periodic import Job, Periodic
from edge.clock import Clock


async def test_each_job_runs_at_once_and_again_also_after_it_failed(caplog):
    ran: list[str] = []
    enough = asyncio.Event()

    def note(name: str) -> None:
        ran.append(name)
        if min(ran.count("fails"), ran.count("works")) >= 2:
            enough.set()

    async def fails() -> None:
        note("fails")
        raise StoreUnavailable("the disk is full")

    async def works() -> None:
        note("works")

    # A minute passes in 0.6 real seconds.
    fast = Clock(time.time(), time.time(), 100.0)
    periodic = Periodic([Job("fails", 60.0, fails), Job("works", 60.0, works)], fast)
    task = asyncio.create_task(periodic.run())
    try:
        async with asyncio.timeout(20):
            await enough.wait()
    finally:
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "fails is put off: the disk is full" in caplog.text

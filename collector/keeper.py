"""Keeping a task running: what falls is logged, counted and started again, and stops nobody else."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from alerts.store.errors import LeaseLost
from edge.errors import JournalDamaged

log = logging.getLogger("collector.watch")

BACK_OFF_S = (0.2, 15.0)  # first and longest pause (real seconds), before jitter
STEADY_S = 30.0  # a task that ran this long begins the back-off anew


@dataclass(slots=True)
class Falls:
    """How often tasks fell, and why each that is down now is down."""

    count: int = 0
    why: dict[str, str] = field(default_factory=dict)


async def keep(
    name: str,
    work: Callable[[], Awaitable[None]],
    falls: Falls,
    *,
    jitter: Callable[[], float] = random.random,
) -> None:
    """Run ``work`` until cancelled, again and again; a damaged journal or a lost lease ends it."""
    loop = asyncio.get_running_loop()
    shortest_s, longest_s = BACK_OFF_S
    pause_s = shortest_s
    while True:
        began_s = loop.time()
        try:
            await work()
            why = "it ended by itself"
            log.error("task %s ended by itself; it is started again", name)
        except (JournalDamaged, LeaseLost):
            raise  # it takes a new process, that opens the journal or asks for the lease anew
        except Exception as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                log.exception("task %s fell as it was ended", name)
                raise asyncio.CancelledError from error
            why = f"{type(error).__name__}: {error}"
            log.exception("task %s fell; it is started again", name)
        falls.count += 1
        falls.why[name] = why
        if loop.time() - began_s > STEADY_S:
            pause_s = shortest_s
        await asyncio.sleep(pause_s * (0.5 + jitter() / 2))
        pause_s = min(pause_s * 2, longest_s)
        falls.why.pop(name, None)

"""From a decision of the rules until its incident and its notices are committed.

Asked as the watch asks: through ``Operating``, whose one thread also renews the lease, looks at the
registry, lets time act, and hands the outbox to a channel, here one that takes all at once.
"""

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime

from alerts.notify.notice import Notice
from alerts.notify.outcome import Accepted, Outcome
from alerts.packs import shipped
from alerts.registry.model import Address, ChannelKind, Registry
from alerts.rules.packs import read_packs
from alerts.store.operations import Operations
from benchmarks.telling.estate import OPEN_MOST, PORTS, SHEDS, fill, raised, registry
from collector.operating import Operating
from edge.clock import Clock

PER_S = 10.0


def prepare(url: str, is_open: int, closed: int) -> None:
    """An estate with a past in this database."""
    now = datetime.now(UTC)
    with Operations(url) as operations:
        operations.set_up()
        address = Address(channel=ChannelKind.LOG, to="guard")
        operations.save_registry(registry(address), "bench", "an estate", now)
    fill(url, min(is_open, OPEN_MOST), closed, now)


async def commits(url: str, count: int, per_s: float = PER_S) -> tuple[list[float], float]:
    """Milliseconds of each of so many decisions, on sockets that nothing is open about; and of the
    processor for one, with its notice sent and settled and the watch's own looks meanwhile."""
    operations, clock, packs = Operations(url), Clock(), read_packs(shipped())
    lease = operations.lease("bench", "bench")
    operating = Operating(operations, {ChannelKind.LOG: _Instant()}, clock, lease)

    async def adopt(registry: Registry) -> None: ...

    work = (
        operating.open(),
        operating.watch_registry(adopt),
        operating.climb(),
        operating.dispatch(),
    )
    tasks = [asyncio.create_task(each) for each in work]
    took_ms: list[float] = []
    began_cpu_s = 0.0
    try:
        # The first bring up connections and the words of all rules.
        for nth in range(-5, count):
            # Sheds by turn: what happens in one within minutes is told as one.
            turn, shed = divmod(nth + 5, SHEDS)
            word = raised(shed * PORTS + turn, nth + 5, clock.now())
            began_s = time.perf_counter()
            await operating.take([word], packs)
            if nth == 0:
                began_cpu_s = time.process_time()
            if nth >= 0:
                took_ms.append((time.perf_counter() - began_s) * 1000)
            await asyncio.sleep(1 / per_s)
        cpu_ms = (time.process_time() - began_cpu_s) / count * 1000
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        await operating.close()
    return took_ms, cpu_ms


class _Instant:
    """A channel that takes each notice at once."""

    async def send(self, notice: Notice) -> Outcome:
        return Accepted("at once")

    async def close(self) -> None: ...

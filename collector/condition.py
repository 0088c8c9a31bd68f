"""The condition of the house: store, consumers, outbox, disk and loop, looked at every few seconds.

What it finds is told in the status, and journalled as figures of the house, so that rules judge it
and it has its charts. How long something has been so counts on the steady clock, in real seconds: a
machine's trouble takes no part in the house's time.
"""

import asyncio
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from collector.delays import Delays
from collector.health import DeviceSeen, OutboxSeen
from collector.house import House
from collector.operating import Operating
from collector.writer import Writer
from edge.clock import Clock
from edge.contract.reading import Batch

LOOK_S = 5.0  # real seconds
OF_STORE = ("store", "roll-up")  # the consumers that wait while the store is away
P99 = 0.99
CALM_MOST = 200  # clocks that are right, told in one look after a start
OFF_S = 60.0  # a clock that is off by less is not spoken of: half of what the rule asks for

Said = list[tuple[int, Batch]]


class Consumer(Protocol):
    """One consumer's way through the journal (a Follower)."""

    def lag_ms(self, now_ms: int) -> int: ...


class Condition:
    """``run`` looks; ``figures`` says what is to be journalled.

    ``store_why`` and ``worst_loop_s`` are asked for: why the store takes nothing, or "", and how
    late the loop was at most since it was last asked.
    """

    def __init__(
        self,
        writer: Writer,
        store_why: Callable[[], str],
        followers: Mapping[str, Consumer],
        operating: Operating,
        state: Path,
        clock: Clock,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.outbox = OutboxSeen()
        self.disk_free_bytes: int | None = None
        self.disk_bytes: int | None = None
        self._writer = writer
        self._store_why = store_why
        self._followers = followers
        self._operating = operating
        self._state = state
        self._clock = clock
        self._away, self._away_at = Lasting(now_s), -1
        self._stuck = Lasting(now_s)
        self._settled = 0
        self._delays = Delays()
        self._clocks = Clocks()
        self._loop_s = 0.0

    async def run(self) -> None:
        """Until cancelled."""
        looks = asyncio.create_task(self._watch_outbox(), name="outbox-look")
        try:
            while True:
                await asyncio.gather(asyncio.sleep(LOOK_S), asyncio.to_thread(self.weigh))
        finally:
            looks.cancel()
            await asyncio.gather(looks, return_exceptions=True)

    async def _watch_outbox(self) -> None:
        """While the operations database is away nothing moves, and what was found last holds."""
        while True:
            await self.look_at_outbox()
            await asyncio.sleep(LOOK_S)

    async def look_at_outbox(self) -> None:
        now = self._clock.now()
        unsent = await self._operating.keep_asking(partial(self._operating.operations.unsent, now))
        attempts = dict(self._operating.attempts)
        # An attempt that will be tried again is none that got on.
        settled = attempts["accepted"] + attempts["rejected"]
        pending = unsent.waiting + unsent.retrying
        self._stuck.look(bool(pending) and settled == self._settled)
        self._settled = settled
        oldest_s = (now - unsent.oldest_at).total_seconds() if unsent.oldest_at else 0.0
        self.outbox = OutboxSeen(
            waiting=unsent.waiting,
            retrying=unsent.retrying,
            oldest_s=max(0.0, oldest_s),
            attempts=attempts,
        )

    def weigh(self) -> None:
        """The disk of the state folder; what was found last holds while it cannot be asked."""
        try:
            disk = shutil.disk_usage(self._state)
        except OSError:
            return
        self.disk_free_bytes, self.disk_bytes = disk.free, disk.total

    # What was found

    @property
    def store_away_s(self) -> float:
        """For how long the store has taken nothing: until it goes on, not until it is tried again."""
        if self._store_why():
            self._away_at = self._writer.position
        return self._away.look(self._writer.position == self._away_at)

    def outbox_seen(self) -> OutboxSeen:
        return replace(self.outbox, stuck_s=self._stuck.lasted_s)

    def note_loop(self, late_s: float) -> None:
        """The loop was so late."""
        self._loop_s = max(self._loop_s, late_s)

    def figures(self, house: House, devices: Iterable[DeviceSeen], now_ms: int) -> Said:
        """What the house has to say of itself, and of its devices' clocks."""
        away_s, outbox = self.store_away_s, self.outbox_seen()
        said = [
            *house.said("store-away", away_s / 60, now_ms),
            *house.said("consumer-lag", self._lag_s(now_ms), now_ms),
            *house.said("outbox-waiting", outbox.waiting + outbox.retrying, now_ms),
            *house.said("outbox-stuck", outbox.stuck_s / 60, now_ms),
        ]
        if self.disk_free_bytes is not None:
            said += house.said("server-disk-free", self.disk_free_bytes / 1e6, now_ms)
        # The worst since it was told last.
        if loop := house.said("loop-lag", self._loop_s * 1000, now_ms):
            said, self._loop_s = said + loop, 0.0
        lately = self._writer.delays.since(self._delays)
        if any(lately.counts) and (
            delay := house.said("store-delay", lately.quantile_s(P99), now_ms)
        ):
            said += delay
            self._delays = self._writer.delays.copy()
        return said + self._clocks.figures(house, devices, now_ms)

    def _lag_s(self, now_ms: int) -> float:
        """The worst lag in real seconds. What waits for a store that is away is not counted twice."""
        return max(
            (
                follower.lag_ms(now_ms) / 1000 / self._clock.speed
                for name, follower in self._followers.items()
                if not (self._away.is_so and name in OF_STORE)
            ),
            default=0.0,
        )


class Lasting:
    """For how long something has been so, in real seconds, as far as ``look`` has seen."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._since_s: float | None = None

    def look(self, is_so: bool) -> float:
        if not is_so:
            self._since_s = None
        elif self._since_s is None:
            self._since_s = self._now_s()
        return self.lasted_s

    @property
    def is_so(self) -> bool:
        return self._since_s is not None

    @property
    def lasted_s(self) -> float:
        return 0.0 if self._since_s is None else self._now_s() - self._since_s


class Clocks:
    """What is journalled of the devices' clocks: those that are off, and once that one is right."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()
        """Those of which the last word was that the clock is right."""

    def figures(self, house: House, devices: Iterable[DeviceSeen], now_ms: int) -> Said:
        said: Said = []
        for device in devices:
            if device.skew_s is None:
                continue
            who, is_right = (device.site, device.device), abs(device.skew_s) < OFF_S
            if is_right and (who in self._told or len(said) >= CALM_MOST):
                continue
            # "-0" would be a figure of its own.
            told = house.said("clock-skew", round(device.skew_s) + 0.0, now_ms, who)
            if told:
                (self._told.add if is_right else self._told.discard)(who)
            said += told
        return said

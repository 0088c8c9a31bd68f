"""The dispatcher empties the outbox: due notices to their channels, outcomes back."""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

from alerts.notify.notice import Notice
from alerts.notify.outcome import Accepted, Outcome, Rejected, Retry
from alerts.notify.port import Channel, Outbox
from alerts.registry.model import Address, ChannelKind
from alerts.words import IncidentClass
from edge.clock import Clock

log = logging.getLogger("alerts.notify")

POLL_S = 0.3  # real seconds; wake() is quicker
DEADLINE_S = 20.0  # real seconds for one attempt; a webhook's own limit is shorter
GRACE_S = 2.0  # a stop waits so long for what is under way, within serve's 5 s
AT_ONCE = 8  # attempts under way per channel, so that one slow channel holds up only itself
BATCH = 100
WAITING_MOST = 2000  # notices held in memory at once, all channels together
SETTLE_AGAIN_S = (0.2, 5.0)  # first and longest pause while the outbox cannot commit

_Lane = tuple[int, Address]
_T = TypeVar("_T")


class Dispatcher:
    """Sends per (incident, address) in order, and everything else side by side.

    At least once: a notice that was sent and not settled before a crash is sent again, with the
    same id, by which a receiver knows it.
    """

    def __init__(
        self,
        operations: Outbox,
        channels: Mapping[ChannelKind, Channel],
        clock: Clock,
        *,
        executor: Executor | None = None,
        deadline_s: float = DEADLINE_S,
        poll_s: float = POLL_S,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._outbox = operations
        self._channels = channels
        self._clock = clock
        self._executor = executor
        self._deadline_s = deadline_s
        self._poll_s = poll_s
        self._jitter = jitter
        self.attempts = {"accepted": 0, "retry": 0, "rejected": 0}
        """Attempts that ended so, since the start."""
        self._room = {kind: asyncio.Semaphore(AT_ONCE) for kind in channels}
        self._lanes: dict[_Lane, asyncio.Task[None]] = {}
        self._held: set[int] = set()
        self._woken = asyncio.Event()
        self._looks = 0  # that ended well
        self._is_looking = False
        self._looked = asyncio.Event()

    def wake(self) -> None:
        """Look at the outbox now (from the loop's thread)."""
        self._woken.set()

    async def looked(self) -> None:
        """Until a look at the outbox that began after this call has ended well."""
        enough = self._looks + 1 + self._is_looking
        while self._looks < enough:
            self.wake()
            await self._looked.wait()

    @property
    def under_way(self) -> int:
        """Notices taken from the outbox and not yet settled."""
        return len(self._held)

    async def run(self) -> None:
        """Work until cancelled; what is under way then has ``GRACE_S`` to end."""
        try:
            while True:
                self._woken.clear()
                await self._take_due()
                try:
                    await asyncio.wait_for(self._woken.wait(), self._poll_s)
                except TimeoutError:
                    pass
        finally:
            await self._wind_down()

    async def _take_due(self) -> None:
        # What ends while the outbox is being read may still stand in the answer as due.
        busy = set(self._lanes)
        limit = min(BATCH + len(self._held), WAITING_MOST)
        self._is_looking = True
        try:
            due = await self._call(partial(self._outbox.due, self._clock.now(), limit))
        except Exception:
            log.exception("the outbox cannot be read; trying again")
            return
        finally:
            self._is_looking = False
        self._looks += 1
        self._looked.set()
        self._looked = asyncio.Event()
        for lane, notices in _lanes(due):
            # A lane at work is left alone: its younger notices come up again once it has ended.
            if lane in busy:
                continue
            self._held.update(notice.id for notice in notices)
            task = asyncio.create_task(
                self._work(notices), name=f"notice-{notices[0].id}-{lane[1].channel}"
            )
            self._lanes[lane] = task
            task.add_done_callback(partial(self._lane_ended, lane, notices))

    def _lane_ended(self, lane: _Lane, notices: Sequence[Notice], task: asyncio.Task[None]) -> None:
        self._lanes.pop(lane, None)
        self._held.difference_update(notice.id for notice in notices)
        if not task.cancelled() and task.exception() is not None:
            log.error("a lane of the dispatcher broke", exc_info=task.exception())

    async def _work(self, notices: Sequence[Notice]) -> None:
        for notice in notices:
            outcome = await self._send(notice)
            await self._settle(notice, outcome)
            if isinstance(outcome, Retry):
                return  # the younger ones wait, so that "recovered" never overtakes "opened"

    async def _send(self, notice: Notice) -> Outcome:
        kind = notice.address.channel
        channel = self._channels.get(kind)
        if channel is None:
            return Rejected(f"channel {kind.value} is not set up")
        async with self._room[kind]:
            try:
                async with asyncio.timeout(self._deadline_s):
                    return await channel.send(notice)
            except TimeoutError:
                return Retry(f"no answer within {self._deadline_s:g} s")
            except Exception as error:  # a bug of one channel must not stop the others
                log.exception("channel %s raised on notice %d", kind.value, notice.id)
                return Retry(f"channel {kind.value} failed: {type(error).__name__}")

    async def _settle(self, notice: Notice, outcome: Outcome) -> None:
        """Until it is written down: a notice that is sent but not settled would be sent twice."""
        pause_s, longest_s = SETTLE_AGAIN_S
        settle = partial(self._outbox.settle, notice.id, outcome)
        while True:
            try:
                await self._call(partial(settle, self._clock.now(), self._jitter()))
                break
            except Exception:
                log.exception("notice %d is sent but cannot be settled; trying again", notice.id)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, longest_s)
        self.attempts[type(outcome).__name__.lower()] += 1
        _tell(notice, outcome)

    async def _wind_down(self) -> None:
        tasks = set(self._lanes.values())
        if tasks:
            await asyncio.wait(tasks, timeout=GRACE_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _call(self, work: Callable[[], _T]) -> _T:
        # The outbox is synchronous SQL: in a worker thread it stalls no link and no timer.
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


def _lanes(due: Sequence[Notice]) -> list[tuple[_Lane, list[Notice]]]:
    """Notices by (incident, address) in order of age; fire and the gravest lanes first."""
    lanes: dict[_Lane, list[Notice]] = {}
    for notice in sorted(due, key=lambda notice: (notice.created_at, notice.id)):
        lanes.setdefault((notice.incident, notice.address), []).append(notice)
    return sorted(
        lanes.items(),
        key=lambda lane: (lane[1][0].cls is not IncidentClass.FIRE, -lane[1][0].severity),
    )


def _tell(notice: Notice, outcome: Outcome) -> None:
    facts = (notice.id, notice.incident, notice.reason.value, notice.person)
    match outcome:
        case Accepted():
            log.info("notice %d (incident %d, %s, to %s) accepted", *facts)
        case Retry(why=why):
            log.warning("notice %d (incident %d, %s, to %s) will be retried: %s", *facts, why)
        case Rejected(why=why):
            log.error("notice %d (incident %d, %s, to %s) rejected: %s", *facts, why)

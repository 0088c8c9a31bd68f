"""The dispatcher empties the outbox: due notices to their channels, outcomes back."""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Executor
from datetime import timedelta
from functools import partial
from typing import TypeVar

from alerts.notify import delays
from alerts.notify.limiter import Limiter
from alerts.notify.limits import ABOUT, Allowance, allowances
from alerts.notify.merging import merged
from alerts.notify.notice import Notice
from alerts.notify.outcome import Accepted, Outcome, Rejected, Retry
from alerts.notify.port import Channel, Outbox
from alerts.notify.room import Room
from alerts.registry.addresses import where
from alerts.registry.model import Address, ChannelKind
from alerts.words import IncidentClass
from edge.clock import Clock

log = logging.getLogger("alerts.notify")

POLL_S = 0.3  # real seconds; wake() is quicker
DEADLINE_S = 20.0  # real seconds for one attempt; a webhook's own limit is shorter
GRACE_S = 2.0  # a stop waits so long for what is under way, within serve's 5 s
BATCH = 1000  # a storm's notices are read together, so that they can be merged
ENOUGH_THERE = 64  # held in memory for one address: with more, the outbox is asked for others
FULL_MOST = 1000  # addresses named in one question; each is two parameters of a statement
SETTLE_AGAIN_S = (0.2, 5.0)  # first and longest pause while the outbox cannot commit
SECOND_AFTER_S = 5.0  # real seconds; fire class that nobody has taken by then goes a second way
FORGET_EVERY, FORGET_AFTER_S = 1000, 3600.0  # looks at the outbox; real seconds

_Lane = tuple[int, Address]
Limits = Callable[[ChannelKind, float], Sequence[Allowance]]
_T = TypeVar("_T")


class Dispatcher:
    """Sends per (incident, address) in order, and everything else side by side.

    At least once: a notice that was sent and not settled before a crash is sent again, with the
    same id, by which a receiver knows it. Where a channel has limits, what has no turn of its own
    goes merged with the next.
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
        limits: Limits = allowances,
        steady: Callable[[], float] = time.monotonic,
        second_after_s: float = SECOND_AFTER_S,
        code: Callable[[int], str] | None = None,
    ) -> None:
        self._outbox = operations
        self._channels = channels
        self._clock = clock
        self._executor = executor
        self._deadline_s = deadline_s
        self._poll_s = poll_s
        self._jitter = jitter
        self._limits = limits
        self._steady = steady
        self._second_after_s = second_after_s
        self._code = code
        self._limiter = Limiter()
        self._waiting_since: dict[int, float] = {}
        self._seconds: dict[int, asyncio.Task[None]] = {}
        self.attempts = {"accepted": 0, "retry": 0, "rejected": 0}
        """Attempts that ended so, since the start."""
        self._room = {kind: Room(ABOUT[kind].seats) for kind in channels}
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
                    # wait_for of Python 3.11 loses a cancel that comes with the wake.
                    async with asyncio.timeout(self._poll_s):
                        await self._woken.wait()
                except TimeoutError:
                    pass
        finally:
            await self._wind_down()

    async def _take_due(self) -> None:
        # What ends while the outbox is being read may still stand in the answer as due.
        busy = set(self._lanes)
        limit = BATCH + len(self._held)
        self._is_looking = True
        try:
            if not self._looks:  # what was in back-off when the process before ended
                for notice in await self._call(self._outbox.fire_in_back_off):
                    self._watch_over(notice)
            due = await self._call(
                partial(self._outbox.due, self._clock.now(), limit, self._full())
            )
        except Exception:
            log.exception("the outbox cannot be read; trying again")
            return
        finally:
            self._is_looking = False
        self._looks += 1
        self._looked.set()
        self._looked = asyncio.Event()
        if self._looks % FORGET_EVERY == 0:
            self._forget()
        limited: dict[tuple[ChannelKind, str], list[Notice]] = {}
        for lane, notices in _lanes(due):
            # A lane at work is left alone: its younger notices come up again once it has ended.
            if lane in busy:
                continue
            for notice in notices:
                self._watch_over(notice)
            if self._limits(lane[1].channel, self._clock.speed):
                limited.setdefault(where(lane[1]), []).append(notices[0])
            else:
                self._start([lane], notices, self._work(notices))
        for place, heads in limited.items():
            await self._take_turns(place, heads)

    def _full(self) -> list[tuple[ChannelKind, str]]:
        """Addresses whose receivers hang or are slow: their others wait in the outbox.

        Where there are limits these hold what waits.
        """
        there = Counter((address.channel, address.to) for _, address in self._lanes)
        return [
            place
            for place, count in there.most_common(FULL_MOST)
            if count >= ENOUGH_THERE and not self._limits(place[0], self._clock.speed)
        ]

    def _forget(self) -> None:
        """What was overtaken is never settled here, and would be remembered for ever."""
        now = self._steady()
        self._limiter.forget(now)
        self._seconds = {id: task for id, task in self._seconds.items() if not task.done()}
        since = self._waiting_since.items()
        self._waiting_since = {id: at for id, at in since if now - at < FORGET_AFTER_S}

    async def _take_turns(self, place: tuple[ChannelKind, str], heads: Sequence[Notice]) -> None:
        """Of what waits for one address: what goes now, and until when the rest is held."""
        now = self._steady()
        is_fire = [notice.cls is IncidentClass.FIRE for notice in heads]
        turn = self._limiter.turn(place, self._limits(place[0], self._clock.speed), is_fire, now)
        going: set[int] = set()
        for group in turn.groups:
            notices = [heads[n] for n in group]
            going.update(notice.id for notice in notices)
            lanes = [(notice.incident, notice.address) for notice in notices]
            self._start(lanes, notices, self._work_together(place, notices))
        rest = [notice for notice in heads if notice.id not in going]
        for notice in rest:
            self._waiting_since.setdefault(notice.id, now)
        if not rest or turn.wait_s <= self._poll_s:
            return
        until = self._clock.now() + timedelta(seconds=turn.wait_s * self._clock.speed)
        why = delays.waits(turn.wait_s, turn.why)
        log.info("%d notices by %s: %s", len(rest), place[0].value, why)
        held: dict[str, list[int]] = {}
        for notice in rest:  # what was tried keeps the reason why it was not taken
            held.setdefault(notice.detail if notice.attempts else why, []).append(notice.id)
        try:
            for words, ids in held.items():
                await self._call(partial(self._outbox.hold, ids, until, words))
        except Exception:  # they stay due: the next look asks for their turn again
            log.exception("notices that wait for their turn cannot be marked")

    def _start(
        self, lanes: Sequence[_Lane], notices: Sequence[Notice], work: Coroutine[None, None, None]
    ) -> None:
        self._held.update(notice.id for notice in notices)
        task = asyncio.create_task(work, name=f"notice-{notices[0].id}-{lanes[0][1].channel}")
        self._lanes.update(dict.fromkeys(lanes, task))
        task.add_done_callback(partial(self._lane_ended, lanes, notices))

    def _lane_ended(
        self, lanes: Sequence[_Lane], notices: Sequence[Notice], task: asyncio.Task[None]
    ) -> None:
        for lane in lanes:
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

    async def _work_together(
        self, place: tuple[ChannelKind, str], notices: Sequence[Notice]
    ) -> None:
        """One message, whose outcome is that of each notice in it."""
        outcome = await self._send(merged(notices, self._code))
        now = self._steady()
        if isinstance(outcome, Retry) and outcome.after is not None:
            asked_s = outcome.after.total_seconds() / self._clock.speed
            self._limiter.block(place, now + asked_s, outcome.why)
        jitter = self._jitter()  # one for all: what was merged comes up together again
        for notice in notices:
            since = self._waiting_since.pop(notice.id, now)
            await self._settle(notice, _with_delay(outcome, len(notices), now - since), jitter)

    async def _send(self, notice: Notice) -> Outcome:
        kind = notice.address.channel
        channel = self._channels.get(kind)
        if channel is None:
            return Rejected(f"channel {kind.value} is not set up")
        is_fire, to = notice.cls is IncidentClass.FIRE, where(notice.address)[1]
        async with self._room[kind].seat(to, is_fire=is_fire, severity=notice.severity):
            try:
                async with asyncio.timeout(self._deadline_s):
                    return await channel.send(notice)
            except TimeoutError:
                return Retry(f"no answer within {self._deadline_s:g} s")
            except Exception as error:  # a bug of one channel must not stop the others
                log.exception("channel %s raised on notice %d", kind.value, notice.id)
                return Retry(f"channel {kind.value} failed: {type(error).__name__}")

    async def _settle(self, notice: Notice, outcome: Outcome, jitter: float | None = None) -> None:
        """Until it is written down: a notice that is sent but not settled would be sent twice."""
        settle = partial(self._outbox.settle, notice.id, outcome)
        jitter = self._jitter() if jitter is None else jitter
        await self._insist(
            lambda: settle(self._clock.now(), jitter),
            f"notice {notice.id} is sent but cannot be settled",
        )
        if not isinstance(outcome, Retry) and (second := self._seconds.pop(notice.id, None)):
            second.cancel()
        self.attempts[type(outcome).__name__.lower()] += 1
        _tell(notice, outcome)

    def _watch_over(self, notice: Notice) -> None:
        """Fire class that no channel has taken in time goes to its person's next address as well."""
        if notice.cls is not IncidentClass.FIRE or notice.id in self._seconds:
            return
        age_s = self._clock.real((self._clock.now() - notice.created_at).total_seconds())
        delay_s = max(0.0, self._second_after_s - age_s)
        task = asyncio.create_task(self._second(notice.id, delay_s), name=f"second-{notice.id}")
        self._seconds[notice.id] = task

    async def _second(self, notice_id: int, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        ask = partial(self._outbox.second, notice_id)
        what = f"notice {notice_id} cannot be sent a second way"
        if await self._insist(lambda: ask(self._clock.now()), what):
            log.warning("notice %d is not taken yet: a second channel", notice_id)
            self.wake()

    async def _insist(self, work: Callable[[], _T], what: str) -> _T:
        """``work``'s answer, tried again while the outbox is away."""
        pause_s, longest_s = SETTLE_AGAIN_S
        while True:
            try:
                return await self._call(work)
            except Exception:
                log.exception("%s; trying again", what)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, longest_s)

    async def _wind_down(self) -> None:
        seconds = list(self._seconds.values())
        for second in seconds:
            second.cancel()
        tasks = set(self._lanes.values())
        if tasks:
            await asyncio.wait(tasks, timeout=GRACE_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *seconds, return_exceptions=True)

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


def _with_delay(outcome: Outcome, count: int, waited_s: float) -> Outcome:
    """The channel's own word, and what the limiter did before."""
    if not isinstance(outcome, Accepted):
        return outcome
    return Accepted(delays.behind(outcome.proof, count - 1, waited_s))


def _tell(notice: Notice, outcome: Outcome) -> None:
    facts = (notice.id, notice.incident, notice.reason.value, notice.person)
    match outcome:
        case Accepted():
            log.info("notice %d (incident %d, %s, to %s) accepted", *facts)
        case Retry(why=why):
            log.warning("notice %d (incident %d, %s, to %s) will be retried: %s", *facts, why)
        case Rejected(why=why):
            log.error("notice %d (incident %d, %s, to %s) rejected: %s", *facts, why)

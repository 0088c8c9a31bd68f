import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from alerts.notify.dispatcher import Dispatcher
from alerts.notify.limits import Allowance
from alerts.notify.notice import Notice, NoticeReason, NoticeState
from alerts.notify.outcome import Accepted, Outcome, Rejected, Retry
from alerts.notify.port import Channel
from alerts.registry.model import Address, ChannelKind
from alerts.words import IncidentClass, Language, Severity
from edge.clock import Clock

T0 = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
Full = Collection[tuple[ChannelKind, str]]
HOOK, MAIL, LOG = ChannelKind.WEBHOOK, ChannelKind.EMAIL, ChannelKind.LOG


def notice(
    id: int, to: str = "a", channel: ChannelKind = LOG, incident: int = 1, **more: object
) -> Notice:
    values: dict[str, object] = {
        "id": id, "incident": incident, "reason": NoticeReason.OPENED, "step": 0, "person": "zhang",
        "address": Address(channel=channel, to=to), "language": Language.ZH,
        "cls": IncidentClass.POLLUTION, "severity": Severity.MAJOR, "title": "t", "text": "x",
        "link": "", "created_at": T0 + timedelta(seconds=id), "due_at": T0,
    }  # fmt: skip
    return Notice(**(values | more))  # type: ignore[arg-type]


class Outbox:
    """An outbox in memory: a Retry is due again at once, anything else is gone."""

    def __init__(self, *notices: Notice) -> None:
        self.waiting = {each.id: each for each in notices}
        self.settled: list[tuple[int, Outcome]] = []
        self.broken = 0
        self.held: list[tuple[list[int], datetime, str]] = []
        self.seconds: list[int] = []

    def hold(self, notice_ids: Sequence[int], until: datetime, why: str) -> None:
        self.held.append((list(notice_ids), until, why))
        for id in notice_ids:
            self.waiting[id] = replace(self.waiting[id], due_at=until, detail=why)

    def second(self, notice_id: int, now: datetime) -> bool:
        self.seconds.append(notice_id)
        return False

    def due(self, now: datetime, limit: int, full: Full = ()) -> list[Notice]:
        if self.broken:
            self.broken -= 1
            raise OSError("the database is away")
        return [
            each
            for each in self.waiting.values()
            if each.due_at <= now
            and (
                each.cls is IncidentClass.FIRE
                or (each.address.channel, each.address.to) not in full
            )
        ][:limit]

    def fire_in_back_off(self) -> list[Notice]:
        return [each for each in self.waiting.values() if each.detail and each.cls is FIRE]

    def settle(self, notice_id: int, outcome: Outcome, now: datetime, jitter: float) -> None:
        if self.broken:
            self.broken -= 1
            raise OSError("the database is away")
        assert 0 <= jitter <= 1
        self.settled.append((notice_id, outcome))
        if not isinstance(outcome, Retry):
            del self.waiting[notice_id]


class Fake:
    """Answers each notice from a list per id, Accepted when there is none."""

    def __init__(self, answers: Mapping[int, list[Outcome | Exception]] | None = None) -> None:
        self.answers = {id: list(each) for id, each in (answers or {}).items()}
        self.sent: list[int] = []
        self.gate: asyncio.Event | None = None

    async def send(self, notice: Notice) -> Outcome:
        self.sent.append(notice.id)
        if self.gate:
            await self.gate.wait()
        answers = self.answers.get(notice.id)
        answer = answers.pop(0) if answers else Accepted()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None: ...


@asynccontextmanager
async def running(
    outbox: Outbox,
    channels: Mapping[ChannelKind, Channel],
    deadline_s: float = 5,
    clock: Clock = Clock(),  # noqa: B008 - frozen
    **more: Any,
) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(outbox, channels, clock, deadline_s=deadline_s, poll_s=0.01, **more)
    task = asyncio.create_task(dispatcher.run())
    yield dispatcher
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - what is awaited happens in threads
            await asyncio.sleep(0.005)


async def test_every_due_notice_is_sent_once_and_settled() -> None:
    outbox, fake = Outbox(*(notice(id, to=str(id)) for id in range(30))), Fake()
    async with running(outbox, {LOG: fake}) as dispatcher:
        await until(lambda: not outbox.waiting)
        assert dispatcher.under_way <= 30
    assert sorted(fake.sent) == list(range(30))
    assert {id for id, _ in outbox.settled} == set(range(30))


async def test_a_look_at_the_outbox_counts_when_it_began_later_and_ended_well() -> None:
    outbox = Outbox()
    looks: list[int] = []
    gates = [threading.Event() for _ in range(3)]

    def due(now: datetime, limit: int, full: Full = ()) -> list[Notice]:
        at = len(looks)
        looks.append(at)
        gates[min(at, 2)].wait(10)
        if at == 1:
            raise OSError("the database is away")
        return []

    outbox.due = due  # type: ignore[method-assign]
    async with running(outbox, {}) as dispatcher:
        await until(lambda: len(looks) == 1)
        looked = asyncio.create_task(dispatcher.looked())
        await asyncio.sleep(0.05)
        gates[0].set()  # this one had begun before
        gates[1].set()  # and this one fails
        await until(lambda: len(looks) == 3)
        await asyncio.sleep(0.05)
        assert not looked.done()
        gates[2].set()
        await asyncio.wait_for(looked, 10)


async def test_one_address_hears_of_an_incident_in_order_even_when_the_first_must_wait() -> None:
    outbox = Outbox(notice(2, reason=NoticeReason.RECOVERED), notice(1))
    fake = Fake({1: [Retry("busy"), Retry("busy")]})
    async with running(outbox, {LOG: fake}):
        await until(lambda: not outbox.waiting)
    assert fake.sent == [1, 1, 1, 2]


async def test_a_channel_that_hangs_delays_no_other_and_is_retried_at_its_deadline() -> None:
    slow, quick = Fake(), Fake()
    slow.gate = asyncio.Event()
    outbox = Outbox(
        *(notice(id, to=str(id), channel=HOOK, incident=id) for id in range(50)),
        *(notice(id, to=str(id), channel=LOG, incident=id) for id in range(100, 150)),
    )
    async with running(outbox, {HOOK: slow, LOG: quick}, deadline_s=0.2):
        await until(lambda: len(quick.sent) == 50)
        await until(lambda: any(isinstance(outcome, Retry) for _, outcome in outbox.settled))
        slow.gate.set()
        await until(lambda: not outbox.waiting)
    retries = [outcome for _, outcome in outbox.settled if isinstance(outcome, Retry)]
    assert retries[0].why == "no answer within 0.2 s"


class Receivers(Fake):
    """One channel to many addresses, some of which hang."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[int] = []

    async def send(self, notice: Notice) -> Outcome:
        self.begun.append(notice.id)
        if notice.address.to.startswith("hangs"):
            await asyncio.sleep(60)
        return await super().send(notice)


async def test_a_receiver_that_hangs_delays_no_other_on_the_same_channel() -> None:
    waiting = [
        notice(n, to=f"hangs-{n % 5}", channel=HOOK, incident=n, severity=Severity.CRITICAL)
        for n in range(3000)
    ]
    outbox, hooks, mail = Outbox(*waiting), Receivers(), Fake()
    async with running(outbox, {HOOK: hooks, MAIL: mail}, deadline_s=30) as dispatcher:
        await until(lambda: dispatcher.under_way >= 1000)
        outbox.waiting[9001] = notice(9001, to="works", channel=HOOK, severity=Severity.MINOR)
        outbox.waiting[9002] = notice(9002, channel=MAIL, cls=IncidentClass.FLOOD)
        outbox.waiting[9003] = notice(9003, to="hangs-1", channel=HOOK, cls=FIRE, incident=9003)
        dispatcher.wake()
        async with asyncio.timeout(2):
            await until(lambda: hooks.sent == [9001] and mail.sent == [9002])
            await until(lambda: 9003 in hooks.begun)
        # What hangs is not taken into memory without end: the rest waits in the outbox.
        assert dispatcher.under_way < 1500


def test_a_notice_in_a_log_shows_no_link() -> None:
    token = "personal.1.zhang.1795371720.c2lnbmF0dXJl"
    secret = f"https://x.example/l/{token}"
    assert token not in repr(notice(1, link=secret, text=f"words\n{secret}"))


async def test_fire_goes_first() -> None:
    outbox = Outbox(
        notice(1, to="a"),
        notice(2, to="b", severity=Severity.CRITICAL),
        notice(3, to="c", cls=IncidentClass.FIRE),
    )
    fake = Fake()
    async with running(outbox, {LOG: fake}):
        await until(lambda: not outbox.waiting)
    assert fake.sent == [3, 2, 1]


async def test_a_channel_that_raises_is_retried_and_one_that_is_missing_rejected() -> None:
    outbox = Outbox(notice(1), notice(2, channel=MAIL))
    fake = Fake({1: [ValueError("bug")]})
    async with running(outbox, {LOG: fake}):
        await until(lambda: not outbox.waiting)
    outcomes = dict(reversed(outbox.settled))
    assert outcomes[1] == Retry("channel log failed: ValueError")
    assert outcomes[2] == Rejected("channel email is not set up")


async def test_while_the_outbox_cannot_commit_a_sent_notice_is_not_sent_again() -> None:
    outbox, fake = Outbox(notice(1)), Fake()
    fake.gate = asyncio.Event()
    async with running(outbox, {LOG: fake}):
        await until(lambda: fake.sent == [1])
        outbox.broken = 6
        fake.gate.set()
        await until(lambda: not outbox.waiting)
    assert fake.sent == [1]


async def test_what_is_settled_while_the_outbox_is_read_is_not_sent_again() -> None:
    class SlowToRead(Outbox):
        reading = threading.Event()
        go_on = threading.Event()

        def due(self, now: datetime, limit: int, full: Full = ()) -> list[Notice]:
            found = super().due(now, limit, full)
            if fake.sent and not self.settled:
                self.reading.set()
                self.go_on.wait(10)
            return found

    outbox, fake = SlowToRead(notice(1)), Fake()
    fake.gate = asyncio.Event()
    async with running(outbox, {LOG: fake}):
        await until(outbox.reading.is_set)
        fake.gate.set()
        await until(lambda: bool(outbox.settled))
        await asyncio.sleep(0.05)
        outbox.go_on.set()
        await asyncio.sleep(0.1)
    assert fake.sent == [1]


async def test_a_stop_lets_what_is_under_way_end() -> None:
    outbox, fake = Outbox(notice(1)), Fake()
    fake.gate = asyncio.Event()
    async with running(outbox, {LOG: fake}):
        await until(lambda: fake.sent == [1])
        asyncio.get_running_loop().call_later(0.05, fake.gate.set)
    assert outbox.settled == [(1, Accepted())]


async def test_a_wake_is_quicker_than_the_poll() -> None:
    outbox, fake = Outbox(), Fake()
    dispatcher = Dispatcher(outbox, {LOG: fake}, Clock(), poll_s=600)
    task = asyncio.create_task(dispatcher.run())
    await asyncio.sleep(0.05)
    outbox.waiting[1] = notice(1)
    dispatcher.wake()
    await until(lambda: not outbox.waiting)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_stop_in_the_very_moment_of_a_wake_is_heard() -> None:
    dispatcher = Dispatcher(Outbox(), {}, Clock(), poll_s=600)
    task = asyncio.create_task(dispatcher.run())
    await asyncio.sleep(0.05)
    dispatcher.wake()
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=2)
    task.cancel()
    assert done


# -- the limiter's part ----------------------------------------------------------------------------

FIRE = IncidentClass.FIRE
TWO_THEN_SLOWLY = (Allowance(count=4, over_s=1.2, burst=3, reserved=1, source="test"),)
"""Two at once, one more for fire, and a token in 1.2 s."""


class Kept(Fake):
    """Keeps the notices themselves."""

    def __init__(self, answers: Mapping[int, list[Outcome | Exception]] | None = None) -> None:
        super().__init__(answers)
        self.notices: list[Notice] = []

    async def send(self, notice: Notice) -> Outcome:
        self.notices.append(notice)
        return await super().send(notice)


def limited(kind: ChannelKind, speed: float) -> tuple[Allowance, ...]:
    return TWO_THEN_SLOWLY if kind is not HOOK else ()


async def test_500_incidents_in_a_minute_are_few_messages_and_none_is_lost() -> None:
    """A minute of the house in half a second: the pace that people have is on the house clock."""
    clock = Clock(real_s=time.time(), house_s=T0.timestamp() + 3600, speed=120)
    outbox, fake = Outbox(), Kept()
    async with running(outbox, {MAIL: fake}, clock=clock) as dispatcher:
        for id in range(500):
            outbox.waiting[id] = notice(id, channel=MAIL, incident=id, title=f"t{id}")
            if id % 10 == 0:
                await asyncio.sleep(0.01)
        await until(lambda: not outbox.waiting)
        assert dispatcher.attempts["accepted"] == 500
    assert len(fake.notices) <= 8
    assert all(isinstance(outcome, Accepted) for _, outcome in outbox.settled)
    assert sorted(id for id, _ in outbox.settled) == list(range(500))


async def test_what_has_no_turn_is_held_says_why_and_goes_as_one_message() -> None:
    outbox, fake = Outbox(), Kept()
    async with running(outbox, {MAIL: fake}, limits=limited) as dispatcher:
        for id in (1, 2):
            outbox.waiting[id] = notice(id, channel=MAIL, incident=id)
        await until(lambda: len(fake.sent) == 2)
        for id in range(3, 8):
            outbox.waiting[id] = notice(id, channel=MAIL, incident=id)
        dispatcher.wake()
        await until(lambda: bool(outbox.held))
        assert fake.sent == [1, 2]
        await until(lambda: not outbox.waiting)
    ids, _, why = outbox.held[0]
    assert ids == [3, 4, 5, 6, 7]
    assert why == "waits 1 s for its turn: 4 in 1.2 s"
    assert len(fake.notices) == 3
    proof = dict(outbox.settled)[3]
    assert isinstance(proof, Accepted)
    assert proof.proof.startswith("one message with 4 more; waited 1 s")


async def test_what_was_tried_and_waits_keeps_the_reason_why_it_was_not_taken() -> None:
    outbox, fake = Outbox(), Kept()
    tried: dict[str, Any] = {
        "state": NoticeState.RETRYING, "attempts": 3, "detail": "mail.example: no such name",
    }  # fmt: skip
    async with running(outbox, {MAIL: fake}, limits=limited) as dispatcher:
        for id in (1, 2):
            outbox.waiting[id] = notice(id, channel=MAIL, incident=id)
        await until(lambda: len(fake.sent) == 2)
        outbox.waiting[3] = notice(3, channel=MAIL, incident=3, **tried)
        outbox.waiting[4] = notice(4, channel=MAIL, incident=4)
        dispatcher.wake()
        await until(lambda: len(outbox.held) == 2)
    assert {ids[0]: why for ids, _, why in outbox.held} == {
        3: "mail.example: no such name",
        4: "waits 1 s for its turn: 4 in 1.2 s",
    }


async def test_fire_takes_the_reserved_token_while_others_wait() -> None:
    outbox, fake = Outbox(), Kept()
    async with running(outbox, {MAIL: fake}, limits=limited) as dispatcher:
        for id in (1, 2, 3):
            outbox.waiting[id] = notice(id, channel=MAIL, incident=id)
            await asyncio.sleep(0.05)
        await until(lambda: bool(outbox.held))
        outbox.waiting[9] = notice(9, channel=MAIL, incident=9, cls=FIRE)
        dispatcher.wake()
        await until(lambda: 9 in fake.sent)
        assert 3 in outbox.waiting


async def test_another_address_and_another_channel_are_not_delayed() -> None:
    outbox, fake, log = Outbox(), Kept(), Kept()
    async with running(outbox, {MAIL: fake, LOG: log, HOOK: log}, limits=limited):
        for id in range(20):
            outbox.waiting[id] = notice(id, channel=MAIL, incident=id)
        await asyncio.sleep(0.1)
        for id in range(20, 24):
            outbox.waiting[id] = notice(id, channel=MAIL, incident=id)
        outbox.waiting[100] = notice(100, to="b", channel=MAIL)
        outbox.waiting[101] = notice(101, channel=HOOK)
        await until(lambda: 100 in fake.sent and 101 in log.sent)
        assert 20 in outbox.waiting or fake.sent


async def test_a_service_that_shuts_us_out_is_left_alone_for_as_long_as_it_says() -> None:
    outbox = Outbox(notice(1, channel=MAIL))
    fake = Kept({1: [Retry("send too fast", timedelta(seconds=0.6))]})
    async with running(outbox, {MAIL: fake}, limits=limited) as dispatcher:
        await until(lambda: fake.sent == [1])
        outbox.waiting[2] = notice(2, channel=MAIL, incident=2)
        dispatcher.wake()
        await until(lambda: bool(outbox.held))
        assert fake.sent == [1]
        await until(lambda: not outbox.waiting)
    assert "send too fast" in outbox.held[0][2]


async def test_one_outcome_is_that_of_every_notice_in_the_message() -> None:
    outbox = Outbox(*(notice(id, channel=MAIL, incident=id) for id in range(5)))
    fake = Kept({0: [Retry("busy"), Rejected("gone")]})
    async with running(outbox, {MAIL: fake}, limits=limited, jitter=lambda: 0.5):
        await until(lambda: not outbox.waiting)
    assert outbox.settled == [
        *((id, Retry("busy")) for id in range(5)),
        *((id, Rejected("gone")) for id in range(5)),
    ]


async def test_fire_that_nobody_has_taken_goes_a_second_way() -> None:
    outbox = Outbox()
    fake = Fake({1: [Retry("busy")] * 999, 3: [Retry("busy")] * 999})
    slow = Fake()
    slow.gate = asyncio.Event()
    channels: dict[ChannelKind, Channel] = {LOG: fake, HOOK: slow}
    async with running(outbox, channels, second_after_s=0.2):
        now = datetime.now(UTC)
        outbox.waiting = {
            1: notice(1, cls=FIRE, created_at=now),
            2: notice(2, "b", HOOK, incident=2, cls=FIRE, created_at=now),  # hangs
            3: notice(3, incident=3, created_at=now),  # no fire
            4: notice(4, incident=4, cls=FIRE, created_at=now),  # taken at once
        }
        await asyncio.sleep(0.1)
        assert outbox.seconds == []
        await until(lambda: len(outbox.seconds) == 2)
        await asyncio.sleep(0.1)
        slow.gate.set()
    assert sorted(outbox.seconds) == [1, 2]


async def test_fire_that_was_in_back_off_at_the_start_goes_a_second_way() -> None:
    later = datetime.now(UTC) + timedelta(minutes=10)
    shut_out = notice(1, cls=FIRE, due_at=later, detail="shut out", attempts=3)
    snoozed = notice(2, cls=FIRE, due_at=later, incident=2)
    outbox = Outbox(shut_out, snoozed)
    async with running(outbox, {LOG: Fake()}):
        await until(lambda: outbox.seconds == [1])


async def test_a_second_way_is_asked_for_until_the_outbox_answers() -> None:
    outbox = Outbox(notice(1, cls=FIRE, channel=HOOK, created_at=datetime.now(UTC)))
    asked: list[int] = []

    def second(notice_id: int, now: datetime) -> bool:
        asked.append(notice_id)
        if len(asked) == 1:
            raise OSError("the database is away")
        return True

    outbox.second = second  # type: ignore[method-assign]
    slow = Fake()
    slow.gate = asyncio.Event()
    async with running(outbox, {HOOK: slow}, second_after_s=0.05):
        await until(lambda: len(asked) == 2)
        slow.gate.set()
    assert asked == [1, 1]

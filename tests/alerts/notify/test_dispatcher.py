import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from alerts.notify.dispatcher import Dispatcher
from alerts.notify.notice import Notice, NoticeReason
from alerts.notify.outcome import Accepted, Outcome, Rejected, Retry
from alerts.notify.port import Channel
from alerts.registry.model import Address, ChannelKind
from alerts.words import IncidentClass, Language, Severity
from edge.clock import Clock

T0 = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
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

    def due(self, now: datetime, limit: int) -> list[Notice]:
        if self.broken:
            self.broken -= 1
            raise OSError("the database is away")
        return list(self.waiting.values())[:limit]

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
    outbox: Outbox, channels: Mapping[ChannelKind, Channel], deadline_s: float = 5
) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(outbox, channels, Clock(), deadline_s=deadline_s, poll_s=0.01)
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

    def due(now: datetime, limit: int) -> list[Notice]:
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
        *(notice(id, to=str(id), channel=MAIL, incident=id) for id in range(100, 150)),
    )
    async with running(outbox, {HOOK: slow, MAIL: quick}, deadline_s=0.2):
        await until(lambda: len(quick.sent) == 50)
        await until(lambda: any(isinstance(outcome, Retry) for _, outcome in outbox.settled))
        slow.gate.set()
        await until(lambda: not outbox.waiting)
    retries = [outcome for _, outcome in outbox.settled if isinstance(outcome, Retry)]
    assert retries[0].why == "no answer within 0.2 s"


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

        def due(self, now: datetime, limit: int) -> list[Notice]:
            found = super().due(now, limit)
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

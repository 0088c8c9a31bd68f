"""Ordering: orders from the operations database to the devices, and the devices' words back.

People and the command line write orders there; only the watch speaks to devices. An order is
marked as sent before it goes out, so a watch that is killed sends no command twice.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Protocol

from alerts.notify.announcer import Announcer
from alerts.notify.notice import Notice
from alerts.notify.outcome import Retry
from alerts.notify.port import Unfit, Unheard
from alerts.orders import Order, OrderState, OrderVerb
from alerts.store.errors import StoreUnavailable
from alerts.words import Language
from collector.commanding import Commanding
from collector.letter_orders import LetterOrders
from collector.operating import Operating
from edge.clock import Clock
from edge.contract.command import Result, Verb
from edge.contract.settings import Desired, Reported, encode_desired
from edge.contract.status import State, Status
from edge.contract.topics import Kind, Topic
from edge.errors import JournalError

log = logging.getLogger("collector.watch")

POLL_S = 0.5  # real seconds: how soon an order is seen
AT_ONCE = 20  # orders under way
ATTEMPTS = 5  # at telling a device that began anew; the climb goes on meanwhile


class Publishes(Protocol):
    """What of the link is needed here."""

    @property
    def connected(self) -> bool: ...

    @property
    def epoch(self) -> int: ...

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False
    ) -> bool: ...


class Ordering:
    """``run`` takes orders up until cancelled; the rest is what ``Listening`` hears."""

    def __init__(
        self,
        operating: Operating,
        commanding: Commanding,
        clock: Clock,
        link: Callable[[], Publishes | None],
    ) -> None:
        self.letters: LetterOrders | None = None
        self._operating = operating
        self._operations = operating.operations
        self._commanding = commanding
        self._clock = clock
        self._link = link
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._reports: dict[tuple[str, str], Reported] = {}
        self._reported = asyncio.Event()
        self._told: tuple[int, int] | None = None
        self._announcer = Announcer(commanding)
        self._runs: dict[tuple[str, str], str] = {}
        self._begun: dict[str, int] = {}

    # What is heard

    def saw(self, site: str, device: str, status: Status) -> None:
        self._commanding.saw(site, device, status)
        if status.state is State.ONLINE and self._runs.get((site, device)) != status.run:
            self._runs[site, device] = status.run
            self._begun[f"{site}/{device}"] = ATTEMPTS

    def heard(self, site: str, device: str, result: Result) -> None:
        self._commanding.heard(site, device, result)

    async def pressed(self, site: str, device: str, result: Result) -> None:
        await self._operating.press(site, device, result.target, result.at_ms)

    def reported(self, site: str, device: str, reported: Reported) -> None:
        """The newest of a device counts; it is written down by ``write_reports``."""
        self._reports[site, device] = reported
        self._reported.set()

    async def write_reports(self) -> None:
        """Write down what devices report, until cancelled."""
        while True:
            await self._reported.wait()
            self._reported.clear()
            while self._reports:
                (site, device), reported = self._reports.popitem()
                await self._operating.report(site, device, reported)

    # What is asked

    async def run(self) -> None:
        await self._operating.keep_asking(self._end_what_was_cut_off)
        while True:
            try:
                await self._take_up()
                await self._tell_again()
            except StoreUnavailable:
                pass  # ``Operating.why`` says it
            await asyncio.sleep(POLL_S)

    def _end_what_was_cut_off(self) -> None:
        """Commands that a watch sent before it was killed: their answers went to nobody."""
        for order in self._operations.sent_orders():
            if order.verb is not OrderVerb.SET:
                why = "the watch was restarted meanwhile; it may have been done"
                now = self._clock.now()
                self._operations.settle_order(order.id, OrderState.UNHEARD, why, now)

    async def _take_up(self) -> None:
        for order in await self._operating.ask(self._operations.waiting_orders):
            if order.id in self._under_way or len(self._under_way) >= AT_ONCE:
                continue
            task = asyncio.create_task(self._carry_out(order), name=f"order-{order.id}")
            self._under_way[order.id] = task
            task.add_done_callback(partial(self._ended, order.id))

    def _ended(self, order_id: int, task: "asyncio.Task[None]") -> None:
        self._under_way.pop(order_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("order %d broke: %r", order_id, error)

    async def _carry_out(self, order: Order) -> None:
        if order.verb is OrderVerb.SET:
            if await self._publish(order):
                await self._settle(order, OrderState.SENT, "", was=OrderState.WAITING)
            return
        if self._clock.now() > order.until:
            why = "its time had passed before the watch saw it"
            await self._settle(order, OrderState.EXPIRED, why, was=OrderState.WAITING)
        elif not await self._settle(order, OrderState.SENT, "", was=OrderState.WAITING):
            return
        elif order.verb.is_for_watch:
            await self._settle(order, *await self._work_on_letters(order))
        else:
            answer = await self._commanding.command(
                order.site,
                order.device,
                Verb(order.verb.value),
                order.target,
                texts=[(language.value, order.texts[language.value]) for language in Language
                       if language.value in order.texts],
            )  # fmt: skip
            await self._settle(order, *_outcome(answer))

    async def _work_on_letters(self, order: Order) -> tuple[OrderState, str]:
        if self.letters is None:
            return OrderState.REFUSED, "this watch has no dead letters"
        try:
            return await self.letters.carry_out(order)
        except JournalError as error:
            return OrderState.REFUSED, str(error)

    async def _settle(
        self, order: Order, state: OrderState, answer: str, was: OrderState = OrderState.SENT
    ) -> bool:
        settle = self._operations.settle_order
        now = self._clock.now()
        return await self._operating.keep_asking(
            lambda: settle(order.id, state, answer, now, was=was)
        )

    async def announce_again(self) -> None:
        """A device that began anew has forgotten what it was repeating; until cancelled."""
        while True:
            begun, self._begun = self._begun, {}
            if begun:
                await asyncio.gather(*(
                    self._say_again(notice, begun[notice.address.to])
                    for notice in await self._operating.keep_asking(self._operations.announced)
                    if notice.address.to in begun
                ))  # fmt: skip
            await asyncio.sleep(POLL_S)

    async def _say_again(self, notice: Notice, left: int) -> None:
        if isinstance(await self._announcer.send(notice), Retry) and left > 1:
            self._begun.setdefault(notice.address.to, left - 1)

    # Settings

    async def _tell_again(self) -> None:
        """On each new connection: the broker may have lost what it should retain."""
        link = self._link()
        if link is None or not link.connected or self._told == (id(link), link.epoch):
            return
        told = id(link), link.epoch
        for order in await self._operating.ask(self._operations.sent_orders):
            if order.verb is OrderVerb.SET and not await self._publish(order):
                return
        self._told = told

    async def _publish(self, order: Order) -> bool:
        link = self._link()
        if link is None or not link.connected:
            return False
        topic = Topic(order.site, order.device, Kind.CONFIG_DESIRED)
        desired = Desired(revision=order.revision, values=order.values)
        return await link.publish(str(topic), encode_desired(desired), retain=True)


def _outcome(answer: Result | Unheard | Unfit) -> tuple[OrderState, str]:
    match answer:
        case Unheard(why=why, is_sent=True):
            return OrderState.UNHEARD, f"{why}; it may have been done"
        case Unheard(why=why) | Unfit(why=why):
            return OrderState.UNHEARD, f"{why}; it was not sent"
    state = OrderState.DONE if answer.is_done else OrderState.REFUSED
    return state, answer.reason

"""The watch's process: link, intake, journal, rules, incidents, notices, store writer, wired.

Nothing that can stall lives here. Each consumer has a task of its own, which is started again when
it falls and stops no other; the journal stands between them. It may be killed at any moment: what
was acknowledged is on disk, and the rest comes again.
"""

import argparse
import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import orjson

from alerts.links import Links
from alerts.notify.notice import Notice
from alerts.notify.outbound import Outbound
from alerts.packs import shipped
from alerts.registry.model import Registry
from alerts.rules.inputs import PacksRevised, RegistryRevised, Sight, Standing, Tick, What
from alerts.rules.rule import Rule
from alerts.rules.transition import Transition
from alerts.secrets import resolve
from alerts.store.errors import LeaseLost, StoreMisfit, StoreUnavailable
from alerts.store.lease import Taken
from alerts.store.operations import Operations
from alerts.store.rules_seen import RulesSeen
from collector import log as logs
from collector.commanding import Commanding
from collector.condition import Condition
from collector.config import Config, Protocol, read_config
from collector.deadman import DeadMan
from collector.errors import EXIT_CONFIG, EXIT_OUTSIDE, ConfigError
from collector.follower import READ_ROWS, Follower
from collector.gaps_keeping import GapsKeeping
from collector.garbage import settle_garbage
from collector.house import House
from collector.journaling import Journaling, Work
from collector.judged import Judged
from collector.judging import Judging
from collector.keeper import Falls, keep
from collector.letter_orders import LetterOrders
from collector.link.base import LinkBase
from collector.link.mqtt5 import Mqtt5Link
from collector.link.mqtt311 import Mqtt311Link
from collector.link.port import Broker
from collector.link_key import link_key
from collector.listeners.door import HouseDoor
from collector.listeners.room import Listeners
from collector.listening import Listening
from collector.on_duty import OnDuty
from collector.opening import open_channels, open_lines, open_receipts, open_store
from collector.operating import Operating
from collector.ordering import Ordering
from collector.own_packs import OwnPacks
from collector.periodic import Job, Periodic
from collector.reconciling import Gap, Held, dump_gap, load_gap, reconcile
from collector.records import (
    READINGS,
    Unreadable,
    dump_registry,
    dump_standing,
    entry,
    load_registry,
    load_standing,
)
from collector.replaying import Replaying
from collector.replies.room import Replies
from collector.stores.port import Store
from collector.synthetic import Synthetic
from collector.tending import Tending, last_seen
from collector.uplink.sending import Uplink
from collector.vitals import Vitals
from collector.whole_way import WholeWay
from collector.writer import RollUp, Writer
from edge.clock import Clock
from edge.contract.reading import Batch
from edge.errors import JournalError
from edge.journal.journal import Journal
from edge.journal.rows import DeadLetter

log = logging.getLogger("collector.watch")

TICK_HOUSE_S, TICK_LEAST_S = 5.0, 0.25  # house seconds; and real ones, on a fast clock
# The lock that one thread holds at a time comes back after so long, 5 ms by default: threads that make
# the store's lines must not make an alarm wait for several such turns.
TURN_S = 0.001
RETAIN_S = 300.0  # real seconds
RETAIN_AGAIN_S = 1.0  # real seconds between capped runs while more is waiting
COMPARE_S = 3.0  # real seconds at a start; a database that is away holds up no reading for longer
PACKS_S = 2.0  # real seconds between looks at the packs of one's own
RECALL_ROWS = 20_000  # a day of a small community; about a second to read


_PACKS = "packs"
_RECONCILED, _STANDING, _GAP = "reconciled", "standing", "gap"  # what the journal remembers
_LEASED = "leased"  # the epoch of our lease, 0 when the cell was another's when we asked last
Puts = list[tuple[str, str | int | bytes]]


class Watch:
    """``await Watch(config, clock).run()`` until ``stop()``."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self.config = config
        self.clock = clock
        self.falls = Falls()
        self.house = House()
        self._known: Registry | None = None
        self.packs = OwnPacks(config.rules.packs)
        self._packs_said = b""
        self._standing: Standing | None = None
        """What the rules are still to take over from the operations database."""
        self._gap: Gap | None = None
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        self._stopped.set()

    async def run(self) -> None:
        """Keep watch. JournalError when the journal cannot be opened, or is found damaged."""
        sys.setswitchinterval(TURN_S)
        self.config.state.mkdir(parents=True, exist_ok=True)
        journal = Journal(self.config.journal_path)
        if journal.set_aside:
            log.error("the journal was damaged; it was set aside as %s", journal.set_aside)
        async with AsyncExitStack() as stack:
            letters_bytes = self.config.deadletters.megabytes * 2**20
            self.journaling = Journaling(journal, letters_bytes=letters_bytes)
            stack.push_async_callback(self.journaling.close)
            self._open(journal, stack)
            writing = asyncio.create_task(self.journaling.run(), name="journal")
            try:
                if await self._claim(writing):
                    await self._begin()
                    await self._work(writing)
                    await self.operating.give_up()
            finally:
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)

    async def _pressed(self, notice: Notice) -> None:
        await self.operating.pressed(notice)

    def _open(self, journal: Journal, stack: AsyncExitStack) -> None:
        config, clock = self.config, self.clock
        self.commanding = Commanding(lambda: self.listening.link)
        links = Links(link_key(config.state))
        operations = Operations(
            config.operations_url.reveal(),
            link_base=config.public_url,
            links=links,
        )
        channels = open_channels(
            config, clock, self.commanding, self._pressed, links, operations.subscription
        )
        for channel in channels.values():
            stack.push_async_callback(channel.close)
        holder = f"{socket.gethostname()}/{self.journaling.id}"
        lease = operations.lease(holder, self.journaling.id)
        self.operating = Operating(operations, channels, clock, lease)
        stack.push_async_callback(self.operating.close)
        self.replies = Replies(
            operations,
            self.operating.keep_asking,
            self._rule,
            clock.now,
            self.operating.wake,
        )
        self.lines = open_lines(config, channels, self.replies.hear)
        asks_key = bool(config.voice.key_template)
        hold = partial(self.operating.receipt, asks_key=asks_key)
        self.receipt_queues = open_receipts(config, clock, hold)
        self.store: Store = open_store(config, clock=clock, refused=self._refused())
        stack.push_async_callback(self.store.close)
        self.followers = {
            name: Follower(self.journaling, name) for name in ("rules", "store", "roll-up", "gaps")
        }
        self.judging = Judging(
            self.followers["rules"],
            config.snapshot_path,
            self.operating.take,
            self._bury,
            late=self.operating.tell_late,
            clock=clock,
        )
        self.writer = Writer(self.followers["store"], self.store, clock=clock)
        self.roll_up = RollUp(self.followers["roll-up"], self.store, self.writer.reached)
        self.ordering = Ordering(
            self.operating, self.commanding, clock, lambda: self.listening.link
        )
        self.listening = Listening(
            self.journaling,
            journal.ranges(),
            clock,
            self._make_link,
            self.ordering,
            config.limits.allowance,
        )
        self.ordering.letters = LetterOrders(
            Replaying(self.journaling, self.listening.intake, clock, self.listening.confirm_again),
            lambda: self.listening.revision,
        )
        self.door = HouseDoor(self.journaling, clock, self.listening.intake.tell, self._note)
        stack.callback(self.door.close)
        self.listeners = Listeners(config.listener, self.door, clock)
        self.uplinks = {}
        for uplink in config.uplink:
            name = f"uplink-{uplink.name}"
            self.followers[name] = Follower(self.journaling, name)
            self.uplinks[name] = Uplink(uplink, self.journaling, self.followers[name], clock)
        self.accounts = GapsKeeping(
            self.journaling, self.followers["gaps"], config.gaps_path, clock, self.house
        )
        self.tending = Tending(
            self.journaling,
            last_seen(journal),
            lambda: {name: follower.position for name, follower in self.followers.items()},
            clock,
            config.journal,
            config.deadletters,
            self.followers["store"],
        )
        self.condition = Condition(
            self.writer,
            lambda: self.writer.why or self.falls.why.get("store", ""),
            self.followers,
            self.operating,
            config.state,
            clock,
        )
        self.on_duty = OnDuty(self.operating, clock)
        self.periodic = Periodic(
            [
                Job("on-duty", 60.0, self.on_duty.look),
                Job("digests", 15 * 60.0, self.operating.send_digests),
                Job("reminders", 5 * 60.0, self.operating.remind),
                Job("clean-up", 24 * 3600.0, self.operating.clean_up),
            ],
            clock,
        )
        self._open_synthetic(stack)
        self.vitals = Vitals(self)

    def _open_synthetic(self, stack: AsyncExitStack) -> None:
        clock, config = self.clock, self.config.deadman
        way = WholeWay(self.listening, self.judging, self.writer, self.store, self.operating, clock)
        self.synthetic = Synthetic(way.begin, self._note_passed, clock)
        self.deadman: DeadMan | None = None
        if config.url:
            outbound = Outbound(allow=self.config.notices.allow)
            stack.push_async_callback(outbound.close)
            self.deadman = DeadMan(resolve(config.url), config.every_s, outbound, self.synthetic)

    def _note_passed(self) -> None:
        """So that a restart knows for how long none had come through."""
        self.journaling.submit(Work(puts=[("whole-way", self.clock.now_ms())]))

    async def _begin(self) -> None:
        """The first records: blind since we were last here, and the packs if they are new."""
        now_ms = self.clock.now_ms()

        def look(journal: Journal) -> tuple[int, int, int, object, object, object]:
            newest, oldest = journal.read(max(0, journal.last - 1), 1), journal.read(0, 1)
            last_ms = newest[-1].at_ms if newest else 0
            first = oldest[0].position if oldest else 0
            got = journal.get(_PACKS), journal.get("registry"), journal.get("whole-way")
            return first, last_ms, min(now_ms, last_ms or now_ms), *got

        first, last_ms, since_ms, packs, registry, passed_ms = await self.journaling.call(look)
        after, found = await self._reconcile(first, last_ms, now_ms)
        is_cut = first > 1
        if isinstance(passed_ms, int):
            self.synthetic.resume(since_ms - passed_ms)
        # Rules that begin anew on a journal whose beginning is gone must hear both again.
        again = is_cut and self.judging.engine.position == 0
        said: list[tuple[int, What]] = [(now_ms, Sight(False, since_ms))]
        puts = found
        own = shipped()
        if (packs is None or again) and own != self.packs.texts():
            # What runs if there is a mistake in the others.
            said.append((now_ms, PacksRevised(own)))
        if revised := self._packs_revised(None if again else packs):
            said.append((now_ms, revised))
            puts.append((_PACKS, self._packs_said))
        if isinstance(registry, bytes) and not again:
            try:
                self._known = load_registry(registry)
            except ValueError as error:
                log.error("the registry in the journal cannot be read: %s", error)
            else:
                self._use(self._known, fresh=False)
        await self._recall()
        await self.journaling.write(Work(said=said, puts=puts, after=after))

    async def _reconcile(self, first: int, last_ms: int, now_ms: int) -> tuple[int, Puts]:
        """Behind which position the journal goes on, and what it must remember."""

        def look(journal: Journal) -> tuple[object, object, object]:
            return journal.get(_RECONCILED), journal.get(_STANDING), journal.get(_GAP)

        reconciled, standing, gap = await self.journaling.call(look)
        if isinstance(standing, bytes) and standing:
            self._standing = load_standing(standing)
        if isinstance(gap, bytes):
            self._gap = load_gap(gap)
        engine = self.judging.engine
        held = Held(
            first=first,
            last=self.journaling.last,
            last_ms=last_ms,
            judged=engine.position,
            told=engine.told,
            reconciled=reconciled if isinstance(reconciled, int) else -1,
        )
        finding = reconcile(held, await self._rules_seen(), now_ms)
        puts: Puts = []
        if finding.why:
            log.error("%s", finding.why)
        if finding.begins_anew:
            self.judging.begin_anew()
        if finding.standing is not None:
            self._standing = finding.standing
            puts += [(_STANDING, dump_standing(finding.standing)), (_RECONCILED, held.told)]
        if finding.gap is not None:
            self._gap = finding.gap
            puts.append((_GAP, dump_gap(finding.gap)))
        return finding.after, puts

    async def _rules_seen(self) -> RulesSeen | None:
        """What the operations database knows; None when it is away: readings do not wait for it."""
        operations = self.operating.operations
        try:
            async with asyncio.timeout(COMPARE_S):
                return await self.operating.ask(partial(operations.rules_seen, self.journaling.id))
        except (StoreUnavailable, TimeoutError) as error:
            why = str(error) or f"no answer within {COMPARE_S:g} s"
            log.warning("journal and operations database are not compared at this start: %s", why)
            return None

    async def _recall(self) -> None:
        """Quality's memory, from the last of what was judged; the link is not open yet."""
        after = max(0, self.journaling.last - RECALL_ROWS)
        while True:
            rows = await self.journaling.call(lambda journal: journal.read(after, READ_ROWS))  # noqa: B023 - awaited here
            if not rows:
                return
            for row in rows:
                if row.kind == READINGS:
                    try:
                        what = entry(row).what
                    except Unreadable:
                        continue  # its followers say so
                    if isinstance(what, Batch):
                        self.listening.intake.quality.recall(what, row.at_ms)
            after = rows[-1].position

    async def _work(self, writing: "asyncio.Task[None]") -> None:
        """All tasks, until asked to stop or the journal is damaged."""
        tasks: dict[str, Callable[[], Awaitable[None]]] = {
            "operations": lambda: self.operating.open(self._taken),
            "registry": lambda: self.operating.watch_registry(self._adopt),
            "link": self.listening.run,
            "sight": self.listening.look,
            "listeners": self.listeners.run,
            "ticks": self._tick,
            **({"packs": self._watch_packs} if self.config.rules.packs else {}),
            "rules": self.judging.run,
            "climb": self.operating.climb,
            "periodic": self.periodic.run,
            "notices": self.operating.dispatch,
            "late-notices": self.operating.dispatch_late,
            "orders": self.ordering.run,
            "announcers": self.ordering.announce_again,
            "reports": self.ordering.write_reports,
            "store": self._write_store,
            "roll-up": self.roll_up.run,
            "retention": self._retain,
            "gaps": self.accounts.run,
            "journal-care": self.tending.run,
            "condition": self.condition.run,
            "status": self.vitals.run,
            "whole-way": self.synthetic.run,
            **({"dead-man": self.deadman.run} if self.deadman else {}),
            **{f"replies-{line.name}": line.run for line in self.lines},
            **{f"receipts-{queue.name}": queue.run for queue in self.receipt_queues},
            **{name: uplink.run for name, uplink in self.uplinks.items()},
        }
        running = [
            asyncio.create_task(keep(name, work, self.falls), name=name)
            for name, work in tasks.items()
        ]
        stopped = asyncio.create_task(self._stopped.wait(), name="stopped")
        try:
            await asyncio.wait((*running, writing, stopped), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*running, stopped):
                task.cancel()
            results = await asyncio.gather(*running, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result
        if writing.done():
            writing.result()

    async def _claim(self, writing: "asyncio.Task[None]") -> bool:
        """Until the cell is ours to watch; False when asked to stop before that.

        Meanwhile nothing is heard or said, and the status file tells for whom this one stands by.
        """
        leased = await self.journaling.call(lambda journal: journal.get(_LEASED))
        claiming = asyncio.create_task(self._take_lease(presume=bool(leased)), name="lease")
        telling = asyncio.create_task(keep("status", self.vitals.run, self.falls), name="status")
        stopped = asyncio.create_task(self._stopped.wait(), name="stopped")
        try:
            await asyncio.wait((claiming, writing, stopped), return_when=asyncio.FIRST_COMPLETED)
        finally:
            others = [telling, stopped, *([] if claiming.done() else [claiming])]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        if writing.done():
            writing.result()
        if claiming.cancelled():
            return False
        claiming.result()
        return not self._stopped.is_set()

    async def _take_lease(self, *, presume: bool) -> None:
        async def not_ours() -> None:
            await self.journaling.write(Work(puts=[(_LEASED, 0)]))

        if taken := await self.operating.claim(not_ours, presume=presume):
            await self._taken(taken)

    async def _taken(self, taken: Taken) -> None:
        await self.journaling.write(Work(puts=[(_LEASED, taken.epoch)]))
        log.info("this watch has the lease of the cell", extra={"facts": {"epoch": taken.epoch}})

    def _packs_revised(self, said: object) -> PacksRevised | None:
        """The packs, when they are others than what was said last."""
        texts = self.packs.texts()
        self._packs_said = orjson.dumps(texts, option=orjson.OPT_SORT_KEYS)
        return None if said == self._packs_said else PacksRevised(texts)

    async def _watch_packs(self) -> None:
        """A folder that is looked at again and again needs no signal."""
        while True:
            await asyncio.sleep(PACKS_S)
            before = self._packs_said
            if revised := await asyncio.to_thread(self._packs_revised, before):
                puts: Puts = [(_PACKS, self._packs_said)]
                said = [(self.clock.now_ms(), revised)]
                await self.journaling.write(Work(said=said, puts=puts))
                log.info("the rule packs are revised")

    async def _adopt(self, registry: Registry) -> None:
        """From here on this registry holds: for the rules by the journal, for intake at once."""
        now_ms = self.clock.now_ms()
        said: list[tuple[int, What]] = []
        puts: Puts = []
        if registry != self._known:
            said.append((now_ms, RegistryRevised(registry)))
            puts.append(("registry", dump_registry(registry)))
        if self._standing is not None:  # not before the rules know places and packs
            said.append((now_ms, self._standing))
            puts.append((_STANDING, b""))
        if said:
            await self.journaling.write(Work(said=said, puts=puts))
            self._standing = None
            log.info("the registry is at revision %d", registry.revision)
        self._known = registry  # an equal one is let go: a large cell's takes megabytes
        self._use(registry)

    def _use(self, registry: Registry, *, fresh: bool = True) -> None:
        self.commanding.use(registry)
        self.operating.use(registry)
        self.listening.use(registry, fresh=fresh)
        self.door.use(registry)
        self.house.use(registry)
        self.accounts.use(registry)
        settle_garbage()

    def _note(self, judged: Judged) -> None:
        """What a listener heard is on disk."""
        self.listening.counts.add(judged.counts)
        self.listening.roll.note(judged, self.clock.now_ms())
        self.listening.refusals.note(judged, self.clock.now_ms())

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(max(TICK_LEAST_S, self.clock.real(TICK_HOUSE_S)))
            now_ms = self.clock.now_ms()
            said: list[tuple[int, What]] = [(now_ms, Tick())]
            said += [(now_ms, share) for share in self.listening.refusals.due(now_ms)]
            said += self.tending.figures(self.house, now_ms)
            said += self.on_duty.figures(self.house, now_ms)
            said += self.condition.figures(self.house, self.vitals.devices, now_ms)
            said += self.synthetic.figures(self.house, now_ms)
            mistakes = len(self.judging.engine.refused) + bool(self.packs.why)
            said += self.house.said("packs-refused", mistakes, now_ms)
            if self._gap is not None:
                said += self._gap.figures(self.house, now_ms)
            await self.journaling.write(Work(said=said))

    # Store and journal

    async def _write_store(self) -> None:
        await self.store.set_up()
        await self.writer.run()

    async def _retain(self) -> None:
        pause_s = RETAIN_S
        while True:
            await asyncio.sleep(pause_s)
            retained = await self.store.retain(self.clock.now_ms())
            pause_s = RETAIN_AGAIN_S if retained.more else RETAIN_S

    # What the parts are given

    def _make_link(self, sites: Sequence[str]) -> LinkBase:
        mqtt = self.config.mqtt
        broker = Broker.at(
            mqtt.url,
            f"shouwang-{self.config.cell}",
            user=resolve(mqtt.user),
            password=resolve(mqtt.password),
            ca=Path(mqtt.ca) if mqtt.ca else None,
        )
        kind = Mqtt5Link if mqtt.protocol is Protocol.V5 else Mqtt311Link
        return kind(broker, sites=sites)

    def _rule(self, id: str) -> Rule | None:
        return self.judging.engine.packs.rules.get(id)

    async def _bury(self, transition: Transition, reason: str) -> None:
        """A transition that the operations database will never take becomes a dead letter."""
        raw, now_ms = orjson.dumps(transition, default=str), self.clock.now_ms()
        letter = DeadLetter(topic="rules", reason=reason, raw=raw, at_ms=now_ms)
        await self.journaling.write(Work(letters=[letter]))

    def _refused(self) -> Callable[[str, str], None]:
        """For the store's thread: a line that will never be taken becomes a dead letter."""
        loop = asyncio.get_running_loop()

        def refused(line: str, reason: str) -> None:
            raw, now_ms = line.encode("utf-8", "replace"), self.clock.now_ms()
            letter = DeadLetter(topic="store", reason=reason, raw=raw, at_ms=now_ms)
            # From the store's thread into the loop's.
            loop.call_soon_threadsafe(lambda: self.journaling.submit(Work(letters=[letter])))

        return refused


async def serve(config: Config, clock: Clock) -> None:
    """Keep watch until SIGTERM or SIGINT."""
    watch = Watch(config, clock)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, watch.stop)
    await watch.run()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m collector.watch")
    parser.add_argument("config", type=Path)
    arguments = parser.parse_args(argv)
    logs.set_up("watch")
    try:
        asyncio.run(serve(read_config(arguments.config), Clock.from_environment()))
    except (ConfigError, StoreMisfit) as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_CONFIG
    except (JournalError, LeaseLost) as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_OUTSIDE
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

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
from pathlib import Path

import orjson

from alerts.notify.outbound import Outbound
from alerts.packs import shipped
from alerts.registry.model import Registry
from alerts.rules.inputs import PacksRevised, RegistryRevised, Sight, Tick, What
from alerts.rules.rule import Rule
from alerts.rules.transition import Transition
from alerts.secrets import resolve
from alerts.store.errors import LeaseLost, StoreMisfit
from alerts.store.lease import Taken
from alerts.store.operations import Operations
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
from collector.intake import Judged
from collector.journaling import Journaling, Work
from collector.judging import Judging
from collector.keeper import Falls, keep
from collector.letter_orders import LetterOrders
from collector.link.base import LinkBase
from collector.link.mqtt5 import Mqtt5Link
from collector.link.mqtt311 import Mqtt311Link
from collector.link.port import Broker
from collector.listeners.door import HouseDoor
from collector.listeners.room import Listeners
from collector.listening import Listening
from collector.opening import open_channels, open_lines, open_store
from collector.operating import Operating
from collector.ordering import Ordering
from collector.records import READINGS, Unreadable, dump_registry, entry, load_registry
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
RECALL_ROWS = 20_000  # a day of a small community; about a second to read


class Watch:
    """``await Watch(config, clock).run()`` until ``stop()``."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self.config = config
        self.clock = clock
        self.falls = Falls()
        self.house = House()
        self._known: Registry | None = None
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
                await self._begin()
                await self._work(writing)
                if await self.operating.give_up():
                    await self.journaling.write(Work(puts=[("leased", 0)]))
            finally:
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)

    def _open(self, journal: Journal, stack: AsyncExitStack) -> None:
        config, clock = self.config, self.clock
        self.commanding = Commanding(lambda: self.listening.link)
        channels = open_channels(config, clock, self.commanding)
        for channel in channels.values():
            stack.push_async_callback(channel.close)
        operations = Operations(config.operations_url.reveal(), link_base=config.public_url)
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
        )
        self.condition = Condition(
            self.writer,
            lambda: self.writer.why or self.falls.why.get("store", ""),
            self.followers,
            self.operating,
            config.state,
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

        def look(journal: Journal) -> tuple[int, bool, object, object, object, object]:
            newest, oldest = journal.read(max(0, journal.last - 1), 1), journal.read(0, 1)
            since_ms = min(now_ms, newest[-1].at_ms) if newest else now_ms
            is_cut = bool(oldest) and oldest[0].position != 1
            got = journal.get("packs"), journal.get("registry"), journal.get("whole-way")
            return since_ms, is_cut, *got, journal.get("leased")

        since_ms, is_cut, packs, registry, passed_ms, leased = await self.journaling.call(look)
        if leased:
            self.operating.presume()
        if isinstance(passed_ms, int):
            self.synthetic.resume(since_ms - passed_ms)
        # Rules that begin anew on a journal whose beginning is gone must hear both again.
        again = is_cut and self.judging.engine.position == 0
        said: list[tuple[int, What]] = [(now_ms, Sight(False, since_ms))]
        puts: list[tuple[str, str | int | bytes]] = []
        texts = shipped()
        body = orjson.dumps(texts, option=orjson.OPT_SORT_KEYS)
        if packs != body or again:
            said.append((now_ms, PacksRevised(texts)))
            puts.append(("packs", body))
        if isinstance(registry, bytes) and not again:
            try:
                self._known = load_registry(registry)
            except ValueError as error:
                log.error("the registry in the journal cannot be read: %s", error)
            else:
                self._use(self._known, fresh=False)
        await self._recall()
        await self.journaling.write(Work(said=said, puts=puts))

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
            "link": self._ours(self.listening.run),
            "sight": self._ours(self.listening.look),
            "listeners": self._ours(self.listeners.run),
            "ticks": self._ours(self._tick),
            "rules": self.judging.run,
            "climb": self.operating.climb,
            "notices": self.operating.dispatch,
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
            **{f"replies-{line.name}": self._ours(line.run) for line in self.lines},
            **{name: self._ours(uplink.run) for name, uplink in self.uplinks.items()},
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

    def _ours(self, work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        """``work`` once the cell is ours: until then nothing is heard, and nothing is said."""

        async def waiting() -> None:
            await self.operating.ours()
            await work()

        return waiting

    async def _taken(self, taken: Taken) -> None:
        await self.journaling.write(Work(puts=[("leased", taken.epoch)]))
        log.info("this watch has the lease of the cell", extra={"facts": {"epoch": taken.epoch}})

    async def _adopt(self, registry: Registry) -> None:
        """From here on this registry holds: for the rules by the journal, for intake at once."""
        if registry != self._known:
            said = [(self.clock.now_ms(), RegistryRevised(registry))]
            puts = [("registry", dump_registry(registry))]
            await self.journaling.write(Work(said=said, puts=puts))
            log.info("the registry is at revision %d", registry.revision)
        self._known = registry  # an equal one is let go: a large cell's takes megabytes
        self._use(registry)

    def _use(self, registry: Registry, *, fresh: bool = True) -> None:
        self.commanding.use(registry)
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
            said += self.condition.figures(self.house, self.vitals.devices, now_ms)
            said += self.synthetic.figures(self.house, now_ms)
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

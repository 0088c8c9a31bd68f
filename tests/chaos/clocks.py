"""Experiment 4: clocks are wrong, and step while everything runs; edge and server under libfaketime.

The server begins in 1970, is set right, goes two hours wrong either way and to 2036, and is killed and
started there. Its devices do the same in their own time: two real agents, one that asks the server for
the time and one that believes its own clock, and small ones that are wrong all along.
"""

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from alerts.registry.model import Binding, Device, Names
from collector.link.port import Broker
from collector.records import row
from collector.stores.embedded import EmbeddedStore
from edge.contract.quality import Quality
from edge.contract.reading import Batch
from edge.journal.journal import Journal
from edge.journal.rows import DeadLetter
from tests.chaos.balance import Found, Key, Point, balance
from tests.chaos.fleet import BOUND, SmallBox, place_of, registry
from tests.chaos.scene import House, Report, end
from tests.collector.village import SITE
from tests.edge.device import Device as Agent
from tests.services.faketime import CLOCKS, EARLY, RIGHT, FakedClock
from tests.services.servers import Mosquitto

NAME = "clocks"
DAY_MS = 86_400_000
ERRORS_S = {"early": -1_500_000_000, "ahead": 7200, "behind": -7200, "far": 300_000_000, "right": 0}
AGENTS = {"asks": "server", "believes": "system"}
OLD = "history"
OLD_DAYS = 390  # the store keeps 400
SILENCE = ("riv-offline", "eb-offline")

SENSOR = """
[time]
trust = "{trust}"
[[sensor]]
kind = "simulated"
place = "{place}"
metrics = ["water-temp", "do", "ph"]
interval_s = 0.2
seed = 7
"""


class Experiment:
    def __init__(self, folder: Path, seconds: float, seed: int) -> None:
        self.report = Report(name=NAME, seconds=seconds, seed=seed)
        self._chance = random.Random(seed)
        self._seconds = seconds
        self._folder = folder
        self._agents: list[tuple[Agent, FakedClock]] = []

    async def run(self) -> Report:
        async with AsyncExitStack() as stack:
            broker = stack.enter_context(Mosquitto(self._folder / "broker"))
            self._open(broker, stack)
            await self._remember()
            self._clock.set(EARLY)
            self._house.watch.start()
            await self._house.listens()
            for agent, clock in self._agents:
                clock.set(self._chance.choice(CLOCKS))
                agent.start(clock.environment)
            tasks = [asyncio.create_task(box.work(), name=box.name) for box in self._boxes]
            stack.push_async_callback(end, tasks)
            await self._step_all()
            for _, clock in self._agents:
                clock.set(RIGHT)
            self._clock.set(RIGHT)
            for box in self._boxes:
                box.stopped.set()
            self.report.complaints += await self._house.settles(self._boxes)
            measured = await asyncio.gather(*(self._ended(agent) for agent, _ in self._agents))
            await end(tasks)
            self.report.complaints += await self._house.settles([])
            self.report.complaints += await self._house.ends()
        self._judge(measured)
        return self.report

    def _open(self, broker: Mosquitto, stack: AsyncExitStack) -> None:
        self._clock = FakedClock(self._folder / "clock")
        community = registry(list(ERRORS_S))
        places = [replace(community.places[0], id=place_of(name)) for name in AGENTS]
        devices = [
            Device(
                id=name,
                site=SITE,
                names=Names(zh=name),
                bindings=(Binding(place=place_of(name), metrics=BOUND, interval_s=60.0),),
            )
            for name in AGENTS
        ]
        self._house = House(
            self._folder / "house",
            broker.url,
            replace(
                community,
                places=(*community.places, *places),
                devices=(*community.devices, *devices),
            ),
            environment=self._clock.environment,
            program=(sys.executable, "-m", "tests.chaos.hasty_watch"),
        )
        stack.callback(self._house.watch.kill)
        self._boxes = [
            SmallBox(
                name,
                Broker.at(broker.url, name),
                clock=partial(_now_ms, by_s),
            )
            for name, by_s in ERRORS_S.items()
        ]
        for name, trust in AGENTS.items():
            agent = Agent(folder=self._folder / name, url=broker.url, clock=None)
            agent.folder.mkdir()
            agent.write(SENSOR.format(trust=trust, place=place_of(name)), resend_s=1)
            config = agent.folder / "edge.toml"
            text = config.read_text("utf-8").replace('device = "box"', f'device = "{name}"')
            config.write_text(text, "utf-8")
            stack.callback(agent.discard)
            self._agents.append((agent, FakedClock(agent.folder / "clock")))

    async def _remember(self) -> None:
        """A history that a wrong clock could delete: what is as old as it may become, and younger."""
        now_ms = _now_ms()
        batch = Batch(site=SITE, device=OLD, run=OLD, first=0, count=OLD_DAYS)
        for day in range(OLD_DAYS):
            batch.place.append(place_of(OLD))
            batch.port.append("")
            batch.metric.append("ph")
            batch.value.append(7.0 + day / 1000)
            batch.at_ms.append(now_ms - day * DAY_MS)
            batch.quality.append(int(Quality.GOOD))
            batch.seq.append(day)
        store = EmbeddedStore(self._house.state / "readings.db")
        await store.set_up()
        await store.write([batch], now_ms)
        await store.close()
        with Journal(self._house.state / "journal.db") as journal:
            for day in (6, 4, 2, 0):
                old = batch.only([day])
                journal.append([row(now_ms - day * DAY_MS, old)])
                raw = b'[{"run":"history","seq":%d}]' % (1000 + day)
                letter = DeadLetter(
                    topic=f"shouwang/v1/{SITE}/{OLD}/readings",
                    reason=f"old {day}",
                    raw=raw,
                    at_ms=now_ms - 4 * day * DAY_MS,
                )
                journal.bury([letter])
            journal.commit()
        self._history = self._old()

    def _old(self) -> tuple[int, int, int]:
        """How much of the history is in the store, the journal and the dead letters."""
        return (
            sum(point.device == OLD for point in self._house.stored()),
            sum(key.device == OLD for key in self._house.journalled()),
            sum(key.device == OLD for key in self._house.dead()),
        )

    async def _step_all(self) -> None:
        """The server through every clock, restarted in each; the agents at random meanwhile."""
        stay_s = self._seconds / (len(CLOCKS) + 1)
        agents = asyncio.create_task(self._step_agents(), name="the agents' clocks")
        try:
            for to in (EARLY, RIGHT, *self._chance.sample(CLOCKS[2:], len(CLOCKS) - 2), RIGHT):
                self._clock.set(to)
                self.report.story.append(f"the server's clock is set to {to}")
                await asyncio.sleep(stay_s / 2)
                if to.startswith("@2036"):
                    self._house.watch.kill()
                    self._house.watch.start()
                    await self._house.listens()
                await asyncio.sleep(stay_s / 2)
        finally:
            await end([agents])

    async def _step_agents(self) -> None:
        while True:
            await asyncio.sleep(self._chance.uniform(0.5, 1) * self._seconds / 5)
            _, clock = self._chance.choice(self._agents)
            to = self._chance.choice(CLOCKS)
            clock.set(to)
            self.report.story.append(f"an agent's clock is set to {to}")

    async def _ended(self, agent: Agent) -> int:
        """Stop it in order; how many readings it has measured in all."""
        summary = await asyncio.to_thread(agent.stop)
        return int(str(summary["measured"]))

    def _judge(self, measured: Sequence[int]) -> None:
        report, house = self.report, self._house
        if (left := self._old()) != self._history:
            report.complaints.append(f"of the history {self._history} is left {left}")
        silent = [one for one in house.transitions() if one[0] in SILENCE]
        if silent:
            report.complaints.append(f"{len(silent)} transitions of silence: {silent[:3]}")
        points = {
            Key(batch.device, batch.run, seq): Point(
                batch.device, batch.place[i], batch.port[i], batch.metric[i], batch.at_ms[i],
                batch.value[i],
            )
            for batch in house.batches()
            if batch.device != OLD
            for i, seq in enumerate(batch.seq)
        }  # fmt: skip
        stored = Counter({p: n for p, n in house.stored().items() if p.device != OLD})
        journalled = Counter({k: n for k, n in house.journalled().items() if k.device != OLD})
        dead = Counter({k: n for k, n in house.dead().items() if k.device != OLD})
        issued = {key: point for box in self._boxes for key, point in box.issued.items()}
        for key in issued.keys() & points.keys():
            if points[key].value != issued[key].value:
                report.complaints.append(f"{key} has become {points[key].value}")
            issued[key] = points[key]  # its time may be another: that is what this is about
        waiting: list[Key] = [key for box in self._boxes for key in box.waiting]
        for (agent, _), count, name in zip(self._agents, measured, AGENTS, strict=True):
            with Journal(agent.folder / "journal.db") as journal:
                kept = [Key(name, row.run, row.seq) for row in journal.pending(10**6)]
            taken = {key: point for key, point in points.items() if key.device == name}
            issued |= taken | {
                key: Point(name, "", "", "", key.seq, None) for key in kept if key not in taken
            }
            waiting += kept
            known = len(taken.keys() | set(kept))
            if known != count:
                report.complaints.append(f"{name} measured {count}, of which {known} are somewhere")
        found = Found(
            issued=issued, stored=stored, journalled=journalled, dead=dead, waiting=waiting
        )
        report.balances["readings"] = balance(found)
        report.figures |= {
            "shifted": self._shifted(points, self._boxes),
            "transitions": len(house.transitions()),
            "history": sum(left),
        }

    def _shifted(self, points: dict[Key, Point], boxes: Sequence[SmallBox]) -> int:
        return sum(
            points[key].at_ms != point.at_ms
            for box in boxes
            for key, point in box.issued.items()
            if key in points
        )


def _now_ms(by_s: int = 0) -> int:
    """Now, on a clock that is so far ahead."""
    return time.time_ns() // 1_000_000 + by_s * 1000


async def run(folder: Path, seconds: float, seed: int) -> list[Report]:
    return [await Experiment(folder, seconds, seed).run()]

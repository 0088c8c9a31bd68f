"""Experiment 5: what was done is denied, what stalls is not dead, and two want to be the watch.

PUBACKs that never come, on either side of the broker; a database that has committed and answers 503,
or takes connections and says nothing; a second watch on the same folder, beside the first and while
that one is stopped.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

from collector.errors import EXIT_OUTSIDE
from collector.link.mqtt5 import Mqtt5Link
from collector.link.mqtt311 import Mqtt311Link
from collector.link.port import Broker
from edge.contract.metrics import BY_HOUSE
from tests.chaos.balance import Point
from tests.chaos.fleet import SmallBox, SmokeAlarm, registry
from tests.chaos.scene import House, Report, end, until
from tests.chaos.web_proxy import WebProxy
from tests.collector.village import Process
from tests.edge.proxy import DOWN, PUBACK, UP, Proxy
from tests.services.servers import Influxd, Mosquitto

NAME = "half-truths"
BOXES, ALARMS = 6, 10
SMOKE_S = 5.0  # eb-smoke rings when nothing contradicts it for so long
RINGS_WITHIN_S = 5.0  # after that, on a busy machine; the database stays stopped until it has rung
STALL_S = 1.0  # further, once it has rung


class Experiment:
    def __init__(self, folder: Path, influxd: Influxd, seconds: float, seed: int) -> None:
        self.report = Report(name=NAME, seconds=seconds, seed=seed)
        self._chance = random.Random(seed)
        self._seconds = seconds
        self._influxd = influxd
        self._bucket = influxd.new_bucket()
        self._folder = folder
        self._rang = 0
        self._whole = asyncio.Lock()
        """Held by what must not have the watch stopped meanwhile."""

    async def run(self) -> Report:
        async with AsyncExitStack() as stack:
            broker = stack.enter_context(Mosquitto(self._folder / "broker"))
            self._near = stack.enter_context(Proxy(broker.host, broker.port))
            self._far = stack.enter_context(Proxy(broker.host, broker.port))
            self._web = stack.enter_context(WebProxy(self._influxd.host, self._influxd.port))
            self._open(broker, stack)
            self._house.watch.start()
            await self._house.listens()
            everybody = [*self._boxes, *self._alarms]
            tasks = [asyncio.create_task(box.work(), name=box.name) for box in everybody]
            stack.push_async_callback(end, tasks)
            until_s = time.monotonic() + self._seconds
            await asyncio.gather(
                self._befall(until_s, LINE),
                self._befall(until_s, STORE),
                self._befall(until_s, TWO),
            )
            for box in everybody:
                box.stopped.set()
            self.report.complaints += await self._house.settles(everybody)
            await end(tasks)
            self.report.complaints += await self._house.ends()
        self.report.balances["readings"] = self._house.balance(everybody, self._stored())
        self.report.figures |= {"pubacks eaten": self._near.eaten + self._far.eaten}
        self.report.figures |= {"writes denied": self._web.lied, "rang while stalled": self._rang}
        if not all(self.report.figures.values()):
            self.report.complaints.append(f"not everything was tried: {self.report.figures}")
        return self.report

    def _open(self, broker: Mosquitto, stack: AsyncExitStack) -> None:
        boxes = [f"box-{number}" for number in range(BOXES)]
        alarms = [f"alarm-{number}" for number in range(ALARMS)]
        self._house = House(
            self._folder / "house",
            self._near.url,
            registry(boxes, alarms),
            more=f'[store]\nkind = "influx"\nurl = "{self._web.url}"\norg = "{self._influxd.org}"\n'
            f'bucket = "{self._bucket}"\ntoken = "env:CHAOS_TOKEN"',
            environment={"CHAOS_TOKEN": self._influxd.token},
        )
        stack.callback(self._house.watch.kill)
        self._boxes = [
            SmallBox(
                name, Broker.at(self._far.url, name), kind=Mqtt5Link if nth % 2 else Mqtt311Link
            )
            for nth, name in enumerate(boxes)
        ]
        # Past the proxy: a small box waits for its PUBACK, and here the watch is what is timed.
        self._alarms = [
            SmokeAlarm(name, Broker.at(broker.url, name), interval_s=1.0) for name in alarms
        ]

    async def _befall(self, until_s: float, harms: "tuple[Harm, ...]") -> None:
        """All of these, in any order, again and again until the time is over."""
        tried: Counter[str] = Counter()
        while time.monotonic() < until_s or len(tried) < len(harms):
            for harm in self._chance.sample(harms, len(harms)):
                if time.monotonic() > until_s and tried[harm.__name__]:
                    continue
                left_s = until_s - time.monotonic()
                self.report.story.append(f"{left_s:.1f} s left: {harm.__name__}")
                tried[harm.__name__] += 1
                await harm(self)
                await asyncio.sleep(self._chance.uniform(0.1, self._seconds / 20))
        self.report.figures |= tried

    # The line

    async def eat_the_devices_pubacks(self) -> None:
        await self._eat(self._far, DOWN)

    async def eat_the_watchs_pubacks(self) -> None:
        await self._eat(self._near, UP)

    async def eat_pubacks_to_the_watch(self) -> None:
        await self._eat(self._near, DOWN)

    async def _eat(self, line: Proxy, direction: str) -> None:
        line.faults.eats = lambda way, packet: way == direction and packet.kind == PUBACK
        await asyncio.sleep(self._chance.uniform(0.5, 1) * min(30.0, self._seconds / 5))
        line.heal()
        line.drop()  # what was not confirmed comes again on the next connection

    # The store

    async def deny_what_was_written(self) -> None:
        self._web.lies, before = True, self._web.lied
        await until(lambda: self._web.lied >= before + 3, "writes are denied")
        self._web.lies = False

    async def stall_the_database(self) -> None:
        """Meanwhile a shed smokes, and the alarm must not wait for the database."""
        alarm = next((one for one in self._alarms if not one.is_smoking), None)
        async with self._whole:
            self._influxd.pause()
            try:
                began_s = time.monotonic()
                if alarm is not None:
                    alarm.is_smoking = True
                    await until(lambda: self._has_rung(alarm), f"{alarm.name} rings", 30)
                    late_s = time.monotonic() - began_s - SMOKE_S
                    if late_s > RINGS_WITHIN_S:
                        self.report.complaints.append(f"{alarm.name} rang {late_s:.1f} s late")
                    self._rang += 1
                stored = self._house.cursor("store")
                await asyncio.sleep(STALL_S)
                if self._house.cursor("store") != stored:
                    self.report.complaints.append("the database was not stalled")
            finally:
                self._influxd.go_on()

    def _has_rung(self, alarm: SmokeAlarm) -> bool:
        return any(
            rule == "eb-smoke" and alarm.name in subject
            for rule, subject in self._house.transitions()
        )

    # Two watches

    async def start_a_second_watch(self) -> None:
        await self._second()

    async def stop_the_first_and_start_a_second(self) -> None:
        """A holder that is stopped past everybody's patience still holds; the second commits nothing."""
        async with self._whole:
            before_s = self._near.connections
            self._house.watch.pause()
            try:
                held = self._held()
                await self._second()
                if self._held() != held:
                    self.report.complaints.append("a second watch has written")
                if self._near.connections > before_s:
                    self.report.complaints.append("a second watch has come to the broker")
            finally:
                self._house.watch.go_on()

    def _held(self) -> tuple[object, ...]:
        return self._house.last, self._house.dead(), self._house.transitions()

    async def _second(self) -> None:
        second = Process(self._house.config, environment={"CHAOS_TOKEN": self._influxd.token})
        second.start()
        try:
            code = await asyncio.to_thread(second.wait, 60)
            if code != EXIT_OUTSIDE:
                self.report.complaints.append(f"a second watch ended with {code}")
        finally:
            second.kill()

    def _stored(self) -> Counter[Point]:
        """The devices' points in the bucket, asked of InfluxDB itself."""
        found: Counter[Point] = Counter()
        for row in self._influxd.query(self._bucket, "SELECT * FROM reading"):
            found.update(
                Point(
                    row["device"], row.get("place") or "", row.get("port") or "",
                    name.removesuffix("_q"), row["time"], row[name.removesuffix("_q")],
                )
                for name, quality in row.items()
                if name.endswith("_q")
                and quality is not None
                and name.removesuffix("_q") not in BY_HOUSE
            )  # fmt: skip
        return found


Harm = Callable[[Experiment], Awaitable[None]]
LINE: tuple[Harm, ...] = (
    Experiment.eat_the_devices_pubacks,
    Experiment.eat_the_watchs_pubacks,
    Experiment.eat_pubacks_to_the_watch,
)
STORE: tuple[Harm, ...] = (Experiment.deny_what_was_written, Experiment.stall_the_database)
TWO: tuple[Harm, ...] = (
    Experiment.start_a_second_watch,
    Experiment.stop_the_first_and_start_a_second,
)


async def run(folder: Path, seconds: float, seed: int) -> list[Report]:
    with Influxd(folder / "influxd") as influxd:
        return [await Experiment(folder, influxd, seconds, seed).run()]

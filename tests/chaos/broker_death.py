"""Experiment 1: the broker dies, forgets, and lets in the wrong ones; the watch is stopped meanwhile.

Twenty devices, half of them on MQTT 5 and half on 3.1.1, send until received. One has a small
journal, one is denied for a while, one for good, and one takes the collector's client id.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from collector.link.mqtt5 import Mqtt5Link
from collector.link.mqtt311 import Mqtt311Link
from collector.link.port import Broker
from edge.contract.secret import Secret
from tests.chaos.fleet import EACH, SmallBox, registry
from tests.chaos.scene import House, Report, end
from tests.collector.linking import hash_passwords
from tests.services.servers import Mosquitto

NAME = "broker-death"
DEVICES = 20
SMALL_JOURNAL = 3 * EACH  # readings: a second
COLLECTOR = "collector"
LONGEST_STALL_S = 60.0


LONG_S = 30.0  # by then a box has filled its journal, whatever else the machine has to do


class Experiment:
    """One watch, of one protocol, against everything that befalls its broker."""

    def __init__(self, folder: Path, protocol: str, seconds: float, seed: int) -> None:
        self.report = Report(name=f"{NAME}-{protocol}", seconds=seconds, seed=seed)
        self._chance = random.Random(seed)
        self._seconds = seconds
        self._users = {name: f"of-{name}" for name in (COLLECTOR, *map(_name, range(DEVICES)))}
        self._passwords = folder / "passwords"
        folder.mkdir(exist_ok=True)
        hash_passwords(self._passwords, self._users)
        self._broker = Mosquitto(
            folder / "broker", extra=f"allow_anonymous false\npassword_file {self._passwords}"
        )
        self._house = House(
            folder / "house",
            self._broker.url,
            registry([_name(number) for number in range(DEVICES)]),
            protocol=protocol,
            more=f'user = "{COLLECTOR}"\npassword = "env:CHAOS_PASSWORD"',
            environment={"CHAOS_PASSWORD": self._users[COLLECTOR]},
        )
        self._boxes = [
            SmallBox(
                _name(number),
                self._as_user(_name(number)),
                kind=Mqtt5Link if number % 2 else Mqtt311Link,
                most=SMALL_JOURNAL if number == 0 else None,
            )
            for number in range(DEVICES)
        ]
        self._further = ""  # the device that is denied for a while

    async def run(self) -> Report:
        loop = asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            stack.callback(self._broker.kill)
            await asyncio.to_thread(self._broker.start)
            stack.callback(self._house.watch.kill)
            self._house.watch.start()
            await self._house.listens()
            tasks = [asyncio.create_task(box.work(), name=box.name) for box in self._boxes]
            stack.push_async_callback(end, tasks)
            until_s = loop.time() + self._seconds
            tried = Counter[str]()
            while loop.time() < until_s:
                for harm in self._chance.sample(HARMS, len(HARMS)):
                    if loop.time() > until_s and tried[harm.__name__]:
                        continue
                    await asyncio.sleep(self._chance.uniform(0.1, self._seconds / 20))
                    self.report.story.append(f"{until_s - loop.time():.1f} s left: {harm.__name__}")
                    tried[harm.__name__] += 1
                    await harm(self)
            self.report.figures |= tried
            await self._come_to_rest(tasks)
            self.report.complaints += await self._house.ends()
        balance = self._house.balance(self._boxes)
        self.report.balances["readings"] = balance
        if self._seconds >= LONG_S and not (balance.dead and balance.dropped and balance.waiting):
            self.report.complaints.append(f"not everything was tried: {balance}")
        return self.report

    async def _come_to_rest(self, tasks: list[asyncio.Task[None]]) -> None:
        for box in self._boxes:
            box.stopped.set()
        last = self._boxes[-1]
        self._further = ""
        self._deny()
        # The one who is denied for good keeps what it has.
        self.report.complaints += await self._house.settles(self._boxes[:-1])
        if not last.waiting:
            self.report.complaints.append(f"{last.name} was denied and is rid of its readings")
        await end(tasks)

    # What befalls them

    async def stop_watch(self) -> None:
        self._house.watch.pause()
        await asyncio.sleep(min(LONGEST_STALL_S, self._seconds * 0.4))
        self._house.watch.go_on()

    async def kill_broker(self) -> None:
        self._broker.kill()
        await asyncio.sleep(self._chance.uniform(0.1, min(2.0, self._seconds / 10)))
        await asyncio.to_thread(self._broker.start)

    async def delete_database(self) -> None:
        self._broker.kill()
        self._broker.delete_database()
        await asyncio.to_thread(self._broker.start)

    async def deny_a_device(self) -> None:
        """The last one for good, another until the next time."""
        self._further = "" if self._further else _name(self._chance.randrange(1, DEVICES - 1))
        self._deny()

    def _deny(self) -> None:
        denied = {self._boxes[-1].name, self._further}
        hash_passwords(
            self._passwords, {n: word for n, word in self._users.items() if n not in denied}
        )
        if self._broker.is_running:
            self._broker.reload()

    async def steal_the_id(self) -> None:
        """A device with rights of its own and the collector's client id; its session is clean."""
        thief = replace(self._as_user(_name(1)), client_id=COLLECTOR)
        async with Mqtt311Link(thief) as link:
            try:
                async with asyncio.timeout(self._seconds / 5):
                    while not link.connected:  # noqa: ASYNC110 - a link that may be kept out
                        await asyncio.sleep(0.01)
                    await asyncio.sleep(self._chance.uniform(0.1, 1.0))
            except TimeoutError:
                pass

    def _as_user(self, name: str) -> Broker:
        return Broker.at(
            self._broker.url, name, user=Secret(name), password=Secret(self._users[name])
        )


Harm = Callable[[Experiment], Awaitable[None]]
HARMS: tuple[Harm, ...] = (
    Experiment.stop_watch,
    Experiment.kill_broker,
    Experiment.kill_broker,
    Experiment.delete_database,
    Experiment.deny_a_device,
    Experiment.steal_the_id,
)


async def run(folder: Path, seconds: float, seed: int) -> list[Report]:
    """By either protocol, half of the time each."""
    return [
        await Experiment(folder / protocol, protocol, seconds / 2, seed).run()
        for protocol in ("5", "3.1.1")
    ]


def _name(number: int) -> str:
    return f"box-{number}"

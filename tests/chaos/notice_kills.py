"""The watch is killed (SIGKILL) while it tells people: at named points, and at any moment.

Smoke rises in one shed after the other, and nobody takes over: the guard post is told, then the
manager, then the community, a second apart. A webhook of the test's own counts. Whatever the watch
died of: each transition is written down once, each notice comes at least once and under one key, and
no step of the climb is left out or repeated.
"""

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from alerts.incidents.model import Incident, StoryKind
from alerts.notify.notice import NoticeState
from alerts.registry.model import (
    Address,
    ChannelKind,
    Person,
    PlaceKind,
    PostRole,
    Registry,
    Tier,
    Tiers,
)
from alerts.store.operations import Operations
from alerts.words import Severity
from collector.link.mqtt5 import Mqtt5Link
from collector.link.port import Broker
from edge.contract.topics import Kind, Topic
from tests.chaos.fleet import registry, smoke
from tests.chaos.hooks import Came, Hooks
from tests.chaos.mortal_watch import POINTS, VARIABLE
from tests.chaos.scene import House, Report, until
from tests.collector.village import SITE
from tests.services.servers import Missing, Mosquitto, Postgres, find_postgres

NAME = "notice-kills"
WAIT_S = 1.0  # of each tier, house seconds
DIES_S = 60.0  # a named point is come to within that, on a busy machine
RANDOM_S = 3.0  # from a start until all that follows it is done, on a quiet machine
BETWEEN_SEND_AND_SETTLE = "between-send-and-settle"
ANY_TIME = "any-time"
CAUSES = (*POINTS, BETWEEN_SEND_AND_SETTLE, ANY_TIME)
STEPS = (
    ("opened", 0, "guard", PostRole.GUARD),
    ("climbed", 1, "property", PostRole.PROPERTY),
    ("climbed", 2, "community", PostRole.COMMUNITY),
)
MOST = 10**12  # what is told from memory has a number above, docs/architecture.md


class Experiment:
    """So many deaths over one operations database; ``database`` is its URL, else SQLite's."""

    def __init__(
        self, folder: Path, kills: int, seed: int, database: str = "", kind: str = "sqlite"
    ) -> None:
        self.report = Report(name=f"{NAME}-{kind}", seconds=0, seed=seed)
        self._folder, self._kills, self._chance = folder, kills, random.Random(seed)
        self._alarms = [f"alarm-{number}" for number in range(kills)]
        self._url = database or f"sqlite:///{folder / 'house' / 'state' / 'operations.db'}"
        self._fatal = False
        """Whether the next notice that comes kills the watch before it is answered."""

    async def run(self) -> Report:
        began_s = time.monotonic()
        with ExitStack() as stack:
            self._broker = stack.enter_context(Mosquitto(self._folder / "broker"))
            self._hooks = stack.enter_context(Hooks(self._answer))
            self._open(stack)
            await self._live("")  # so that its session waits for what is sent while it is dead
            causes = self._causes()
            for alarm, cause in zip(self._alarms, causes, strict=True):
                self.report.story.append(f"{alarm}: {cause}")
                await self._live(cause, alarm)
            self.report.figures |= Counter(causes)
            self._house.watch.environment[VARIABLE] = ""
            self._house.watch.start()
            with suppress(AssertionError):  # what is missing is said below
                await until(self._is_told, "everybody is told")
            self.report.complaints += await self._house.ends()
        self._check()
        self.report.seconds = time.monotonic() - began_s
        return self.report

    def _causes(self) -> list[str]:
        """Each as often as the others, in any order, half of all at any time."""
        named = [cause for cause in CAUSES if cause != ANY_TIME]
        half = [named[nth % len(named)] for nth in range(self._kills - self._kills // 2)]
        causes = half + [ANY_TIME] * (self._kills // 2)
        self._chance.shuffle(causes)
        return causes

    def _open(self, stack: ExitStack) -> None:
        known = community(registry((), self._alarms), self._hooks)
        self._house = House(
            self._folder / "house",
            self._broker.url,
            known,
            more=f'[notices]\nallow = ["{self._hooks.address}"]\n'
            '[operations]\nurl = "env:SHOUWANG_DATABASE"',
            environment={"SHOUWANG_DATABASE": self._url},
            program=(sys.executable, "-m", "tests.chaos.mortal_watch"),
        )
        stack.callback(self._house.watch.kill)
        with Operations(self._url) as operations:
            operations.set_up()
            operations.save_registry(known, "test", "sheds", datetime.now(UTC))

    async def _live(self, cause: str, alarm: str = "") -> None:
        """One life of the watch, in which smoke rises at ``alarm``, and its death by ``cause``."""
        watch = self._house.watch
        watch.environment[VARIABLE] = cause if cause in POINTS else ""
        self._fatal = cause == BETWEEN_SEND_AND_SETTLE
        if alarm:
            await self._smoke(alarm)
        watch.start()
        if not cause:
            await self._house.listens()
        elif cause == ANY_TIME:
            await asyncio.sleep(self._chance.uniform(0.0, RANDOM_S))
        else:
            with suppress(AssertionError):
                await until(lambda: not watch.is_running, cause, DIES_S)
            if watch.is_running:
                self.report.complaints.append(f"{alarm}: it did not die {cause}")
        self._fatal = False
        watch.kill()

    async def _smoke(self, alarm: str) -> None:
        broker = Broker.at(self._broker.url, alarm)
        topic = str(Topic(SITE, alarm, Kind.READINGS))
        async with Mqtt5Link(broker, filters=[]) as link, asyncio.timeout(DIES_S):
            while not await link.publish(topic, smoke(alarm)):  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.02)

    def _answer(self, came: Came) -> int:
        """From a thread of the receiver."""
        if self._fatal and self._house.watch.is_running:
            self._fatal = False
            self._house.watch.kill()
        return 200

    # What must hold

    def _is_told(self) -> bool:
        with Operations(self._url) as operations:
            fires = _fires(operations)
            return len(fires) == len(self._alarms) and all(
                len(notices := operations.notices(incident=fire.id)) == len(STEPS)
                and all(notice.state is NoticeState.ACCEPTED for notice in notices)
                for fire in fires
            )

    def _check(self) -> None:
        say = self.report.complaints.append
        with Operations(self._url) as operations:
            words = Counter(
                (word.rule, str(word.subject), word.change) for word in operations.transitions()
            )
            for word, count in words.items():
                if count > 1:
                    say(f"{word} is written down {count} times")
            fires = _fires(operations)
            if len(fires) != len(self._alarms):
                say(f"{len(fires)} fires of {len(self._alarms)}")
            for fire in fires:
                story = operations.story(fire.id)
                climbs = [line.facts["step"] for line in story if line.kind is StoryKind.CLIMBED]
                if climbs != [1, 2]:
                    say(f"{fire.subject} climbed by {climbs}")
                rows = sorted(
                    (notice.reason.value, notice.step, notice.person, notice.state.value)
                    for notice in operations.notices(incident=fire.id)
                )
                wanted = sorted((*step[:3], NoticeState.ACCEPTED.value) for step in STEPS)
                if rows != wanted:
                    say(f"{fire.subject} has the notices {rows}")
                self._check_came(fire, say)
        self.report.figures |= {
            "fires": len(fires),
            "notices": len({came.key for came in self._hooks.came}),
            "came again": len(self._hooks.came) - len({came.key for came in self._hooks.came}),
            "from memory": sum(came.body["incident"] > MOST for came in self._hooks.came),
        }

    def _check_came(self, fire: Incident, say: Callable[[str], None]) -> None:
        came = [one for one in self._hooks.came if one.body["incident"] == fire.id]
        people = {one.person for one in came}
        wanted = {person for _, _, person, _ in STEPS}
        if people != wanted:
            say(f"{fire.subject} was told to {sorted(people)} alone")
        if len({one.key for one in came}) > len(wanted):
            say(f"{fire.subject} was told under {len({one.key for one in came})} keys")


def community(known: Registry, hooks: Hooks) -> Registry:
    """With a person for each step, who has a webhook and answers nothing."""
    people = tuple(
        Person(
            id=person,
            site=SITE,
            name=person,
            role=role,
            addresses=(Address(channel=ChannelKind.WEBHOOK, to=hooks.url(person)),),
        )
        for _, _, person, role in STEPS
    )
    wait_s = {Severity.CRITICAL: WAIT_S}
    steps = tuple(Tier(role=role, wait_s=wait_s) for _, _, _, role in STEPS)
    return replace(known, people=people, tiers=(Tiers(kind=PlaceKind.SHED, steps=steps),))


def _fires(operations: Operations) -> Sequence[Incident]:
    return [one for one in operations.open_incidents() if one.rule == "eb-smoke"]


async def run(folder: Path, seconds: float, seed: int) -> list[Report]:
    """Two deaths in three seconds: 200 in the usual five minutes; half of them on PostgreSQL."""
    kills = max(len(CAUSES), round(seconds / 3))
    found = []
    try:
        find_postgres()
    except Missing:
        kills *= 2
    else:
        with Postgres() as server:
            url = server.new_database()
            found.append(await Experiment(folder / "postgres", kills, seed, url, "postgres").run())
    return [await Experiment(folder / "sqlite", kills, seed).run(), *found]

"""kill -9 at named points and at random: the transitions are those of an undisturbed run.

A watch begins with a day of a reach and a shed in its journal (in the short form some hours) and is
fed more of it, four hundred times as fast. It is killed again and again, at the points of
``doomed_watch`` and at any moment. Then its journal, as it became, is given to the engine alone, and
in the long form to a watch that nobody disturbs: all must tell the same, to the last figure.
"""

import asyncio
import multiprocessing
import random
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from alerts.packs import shipped
from alerts.rules.engine import Engine
from alerts.rules.inputs import PacksRevised, RegistryRevised, What
from alerts.store.incident_rows import transition_row
from alerts.store.operations import Operations
from collector import records
from collector.health import read_watch
from edge.clock import VARIABLE, Clock
from edge.journal.journal import Journal
from edge.journal.tail import Tail
from tests.chaos import doomed_watch
from tests.chaos.scene import Report, until
from tests.chaos.season import MINUTE_MS, prefilled, revised, season
from tests.collector.village import settle

NAME = "rule-kills"
NO_BROKER = "mqtt://127.0.0.1:1"
SPEED = 400.0
DAY = 24 * 60  # minutes
DIES_S, CATCHES_UP_S, ENDS_S = 30.0, 300.0, 20.0
RANDOM_S = (0.02, 1.2)
SNAPSHOT = "rules.snapshot"
RULES_LEAST = 10  # that rang; else it has tried nothing
A_KILL_S = 1.5  # what one costs, for how many a time allows
COLUMNS = (
    "journal", "position", "rule", "subject", "nth", "change", "cls", "severity", "at_ms",
    "since_ms", "seen_ms", "place", "port", "device", "metric", "value", "limit", "peak", "facts",
)  # fmt: skip
# A server that has all modules forks each watch: the import would take most of the time.
_FORKING = multiprocessing.get_context("forkserver")

Told = dict[tuple[Any, ...], tuple[Any, ...]]
"""Transitions by key: (journal, position, rule, subject, nth) -> the rest."""


class Scene:
    """A state folder with a day behind it and a journal of what will arrive."""

    def __init__(
        self, folder: Path, seed: int, begun: int, further: int, speed: float = SPEED
    ) -> None:
        """``begun`` minutes are in the journal, ``further`` ones will arrive."""
        folder.mkdir(parents=True)
        self.folder, self.state = folder, folder / "state"
        self.feed = folder / "feed.db"
        now_s = time.time()
        self.clock = Clock(now_s, now_s, speed)
        since_ms = self.clock.now_ms() - begun * MINUTE_MS
        self.config = settle(folder, NO_BROKER, registry=revised(0))
        behind = prefilled(seed, since_ms, begun)
        fill(self.state, since_ms, behind)
        # The prefilled part has one record more than the season: that it is seen.
        later = islice(season(seed, since_ms), len(behind) - 1, None)
        horizon_ms = since_ms + (begun + further) * MINUTE_MS
        with Journal(self.feed) as feed:
            for at_ms, what in later:
                if at_ms > horizon_ms:
                    break
                feed.append([records.row(at_ms, what)])
            feed.commit()

    @contextmanager
    def watch(self, point: str = "", *, fed: bool = True) -> Iterator[Any]:
        environment = {
            VARIABLE: self.clock.spell(),
            doomed_watch.POINT: point,
            doomed_watch.FEED: str(self.feed) if fed else "",
        }
        process = _FORKING.Process(
            target=doomed_watch.run, args=(self.config, self.folder / "watch.log", environment)
        )
        process.start()
        try:
            yield process
        finally:
            process.kill()
            process.join()

    def revise(self, nth: int) -> None:
        """A person changes a number."""
        with Operations(f"sqlite:///{self.state / 'operations.db'}") as operations:
            operations.save_registry(revised(nth), "test", "a number", datetime.now(UTC))

    @property
    def settled(self) -> int:
        """Up to where the rules had judged when the watch was ended."""
        return int(self.snapshot["position"])

    @property
    def snapshot(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads((self.state / SNAPSHOT).read_bytes())
        return found

    @property
    def last(self) -> int:
        with Tail(self.state / "journal.db") as tail:
            return tail.last

    async def catches_up(self) -> list[str]:
        """Start it, let it judge all there is, and end it; what was wrong."""
        with self.watch(fed=False) as process:
            until_position = self.last

            def is_there() -> bool:
                status = read_watch(self.state / "watch.json")
                return (
                    status is not None
                    and status.pid == process.pid
                    and status.position >= until_position
                    and not status.depth["rules"]
                    # What was judged may still wait to be written down, and the snapshot for that.
                    and (self.state / SNAPSHOT).is_file()
                    and self.settled >= until_position
                )

            await until(is_there, "the rules have caught up", CATCHES_UP_S)
            process.terminate()
            await asyncio.to_thread(process.join, ENDS_S)
            if process.exitcode != 0:
                return [f"the watch ended with {process.exitcode}: {self.said()}"]
        return []

    def told(self, most: int) -> Told:
        """The transitions in the database, up to this position."""
        names = ", ".join(f'"{name}"' for name in COLUMNS)
        with closing(sqlite3.connect(self.state / "operations.db")) as db:
            rows = db.execute(f"SELECT {names} FROM transition WHERE position <= ?", (most,))
            return {row[:5]: (*row[5:-1], orjson.loads(row[-1])) for row in rows}

    def judged(self, most: int) -> Told:
        """What the engine alone says of the same journal."""
        found: Told = {}
        with Tail(self.state / "journal.db") as tail:
            engine, after = Engine(tail.id), 0
            while rows := tail.read(after, 5_000):
                after = rows[-1].position
                for row in rows:
                    for transition in engine.feed(records.entry(row)):
                        told = transition_row(transition)
                        if transition.position <= most:
                            key = tuple(told[name] for name in COLUMNS[:5])
                            found[key] = tuple(told[name] for name in COLUMNS[5:])
        return found

    def copied(self, folder: Path) -> "Scene":
        """A scene with this journal and nothing else: its rules begin anew."""
        other = self.beside(folder)
        for path in self.state.glob("journal.db*"):
            if not path.name.endswith(".lock"):
                shutil.copy(path, other.state)
        return other

    def beside(self, folder: Path) -> "Scene":
        """A scene with the same community and the same to come, and no past."""
        other = Scene.__new__(Scene)
        folder.mkdir(parents=True)
        other.folder, other.state, other.feed = folder, folder / "state", self.feed
        other.clock = self.clock
        with Operations(f"sqlite:///{self.state / 'operations.db'}") as operations:
            other.config = settle(folder, NO_BROKER, registry=operations.registry())
        return other

    def said(self) -> str:
        return (self.folder / "watch.log").read_text()[-3000:]


def warm_up() -> None:
    """Before the first watch is started."""
    _FORKING.set_forkserver_preload([doomed_watch.__name__])


def fill(state: Path, since_ms: int, whats: list[tuple[int, What]]) -> None:
    """The journal as a watch would have left it, but for the rules: they have it all before them."""
    with Operations(f"sqlite:///{state / 'operations.db'}") as operations:
        registry = operations.registry()
    texts = shipped()
    begin: list[tuple[int, What]] = [
        (since_ms, RegistryRevised(registry)),
        (since_ms, PacksRevised(texts)),
    ]
    with Journal(state / "journal.db") as journal:
        journal.append([records.row(at_ms, what) for at_ms, what in (*begin, *whats)])
        journal.put("packs", orjson.dumps(texts, option=orjson.OPT_SORT_KEYS))
        journal.put("registry", records.dump_registry(registry))
        journal.commit()


def compare(disturbed: Told, undisturbed: Told, name: str) -> Iterator[str]:
    """What differs, named."""
    lost, more = undisturbed.keys() - disturbed.keys(), disturbed.keys() - undisturbed.keys()
    other = [
        key for key in disturbed.keys() & undisturbed.keys() if disturbed[key] != undisturbed[key]
    ]
    for what, keys in (("missing", lost), ("too many", more), ("different", other)):
        if keys:
            first = min(keys, key=lambda key: key[1])
            yield (
                f"{len(keys)} transitions are {what} against {name}, the first at {first[1:]}: "
                f"{disturbed.get(first)} and {undisturbed.get(first)}"
            )


class Experiment:
    """``short``: less of a past, and no undisturbed watch, which would judge all of it once more."""

    def __init__(self, folder: Path, kills: int, seed: int, *, short: bool = False) -> None:
        self.report = Report(name=NAME, seconds=kills * A_KILL_S, seed=seed)
        self._folder, self._kills, self._seed = folder, kills, seed
        self._chance = random.Random(seed)
        self._revisions = 0
        self._short = short

    async def run(self) -> Report:
        warm_up()
        further = 60 + round(self._kills * DIES_S / 60 * SPEED / 4)
        begun = DAY // 6 if self._short else DAY
        scene = await asyncio.to_thread(Scene, self._folder / "doomed", self._seed, begun, further)
        done: Counter[str] = Counter()
        for point in self._points():
            self.report.story.append(point)
            done[point.partition(":")[0]] += 1
            await self._kill(scene, point)
        self.report.complaints += await scene.catches_up()
        last = scene.settled
        told = scene.told(last)
        if not self._short:
            other = scene.copied(self._folder / "undisturbed")
            self.report.complaints += await other.catches_up()
            most = min(last, other.settled)
            self.report.complaints += compare(
                {key: one for key, one in told.items() if key[1] <= most},
                other.told(most),
                "an undisturbed watch",
            )
        alone = await asyncio.to_thread(scene.judged, last)
        self.report.complaints += compare(told, alone, "the engine alone")
        rules = {key[2] for key in told}
        self.report.figures |= {f"at {name}": n for name, n in sorted(done.items())}
        self.report.figures |= {
            "transitions": len(told),
            "rules that rang": len(rules),
            "records": last,
        }
        if len(rules) < RULES_LEAST:
            self.report.complaints.append(f"only {len(rules)} rules rang: {sorted(rules)}")
        return self.report

    def _points(self) -> list[str]:
        """Each named point as often as any other, and as many random moments as half of them."""
        named = [
            f"{name}:{self._chance.randint(1, 3)}" if name in OFTEN else name
            for name in doomed_watch.POINTS
        ]
        round_ = [*named, *["random"] * (len(named) // 2)]
        found: list[str] = []
        while len(found) < self._kills:
            found += self._chance.sample(round_, len(round_))
        # While there is a day to catch up with.
        return ["catching-up:2", "random", *found[: self._kills - 2]]

    async def _kill(self, scene: Scene, point: str) -> None:
        if point in ("revising", "revised"):
            self._revisions += 1
            scene.revise(self._revisions)
        if point.startswith("catching-up"):
            # Else there may be nothing to catch up with; and a lost snapshot costs nothing but time.
            (scene.state / SNAPSHOT).unlink(missing_ok=True)
        is_random = point == "random"
        with scene.watch("" if is_random else point) as process:
            if is_random:
                await asyncio.sleep(self._chance.uniform(*RANDOM_S))
            else:
                await asyncio.to_thread(process.join, DIES_S)
                if process.exitcode is None:
                    self.report.complaints.append(f"{point} was not passed within {DIES_S:g} s")
                elif process.exitcode != -9:
                    self.report.complaints.append(
                        f"at {point} the watch ended with {process.exitcode}: {scene.said()}"
                    )


OFTEN = {"journalled", "judged", "committing", "told", "saving", "saved"}


async def run(folder: Path, seconds: float, seed: int) -> list[Report]:
    """As many kills as the time allows; 200 in the usual five minutes."""
    kills = max(len(doomed_watch.POINTS) + 2, round(seconds / A_KILL_S))
    return [await Experiment(folder, kills, seed).run()]

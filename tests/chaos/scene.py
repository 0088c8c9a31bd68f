"""What the experiments share: a watch with its store, looked at from the outside, and their reports."""

import asyncio
import os
import signal
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from alerts.registry.model import Registry
from collector import records
from collector.health import WatchStatus, read_watch
from edge.contract.metrics import BY_HOUSE
from edge.contract.reading import Batch
from edge.contract.topics import Topic
from edge.journal.rows import Kept
from edge.journal.tail import Tail
from tests.chaos.balance import Balance, Found, Key, Point, balance
from tests.chaos.fleet import SmallBox
from tests.collector.village import WATCH, Process, settle

SOON_S = 60.0
QUIET_S = 1.0
END_S = 15.0  # an InfluxDB that answers late may hold a write for 10 s
DROPPED = "dropped by the device"


@dataclass(kw_only=True)
class Report:
    """What one run of an experiment found; ``story`` is what was done, in order."""

    name: str
    seconds: float
    seed: int
    balances: dict[str, Balance] = field(default_factory=dict)
    figures: dict[str, int | float] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """All complaints; empty when the experiment has found nothing."""
        return [
            *self.complaints,
            *(f"{name}: {text}" for name, one in self.balances.items() for text in one.complaints),
        ]

    def told(self) -> str:
        """The problems, and what led to them."""
        return "\n".join([f"{self.name}, seed {self.seed}", *self.problems, *self.story])


class House:
    """A watch in a process of its own, in this folder."""

    def __init__(
        self,
        folder: Path,
        url: str,
        registry: Registry,
        *,
        protocol: str = "5",
        more: str = "",
        environment: Mapping[str, str] | None = None,
        program: Sequence[str] = WATCH,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.state = folder / "state"
        self.config = settle(folder, url, protocol, registry, more)
        known = {"PYTHONFAULTHANDLER": "1", **(environment or {})}
        self.watch = Process(self.config, environment=known, program=program)

    @property
    def status(self) -> WatchStatus | None:
        return read_watch(self.state / "watch.json")

    async def listens(self) -> None:
        """Until the process that runs hears the broker."""
        pid = self.watch.pid

        def hears() -> bool:
            status = self.status
            return (
                status is not None
                and status.pid == pid
                and all(part.ok for part in status.parts if part.name == "link")
            )

        await until(hears, "the watch listens")

    async def settles(self, boxes: Sequence[SmallBox]) -> list[str]:
        """Until these devices are rid of all they have, and the store has it; what is not so yet."""
        try:
            await until(lambda: all(box.is_done for box in boxes), "all is received")
            await asyncio.sleep(QUIET_S)  # what is still under way comes in
            last = self.last
            await until(lambda: self._has_stored(last), "the store has caught up")
        except AssertionError as error:
            return [str(error), *(f"{b.name} keeps {len(b.waiting)}" for b in boxes if b.waiting)]
        return []

    def _has_stored(self, position: int) -> bool:
        # Its cursor on the disk may be a tick behind.
        status = self.status
        return status is not None and status.position >= position and not status.depth["store"]

    async def ends(self) -> list[str]:
        """Ask the watch to end; what is wrong with how it does."""
        try:
            code = await asyncio.to_thread(self.watch.terminate, END_S)
        except subprocess.TimeoutExpired:
            os.kill(self.watch.pid, signal.SIGABRT)  # where it stands goes to its log
            await asyncio.to_thread(self.watch.wait, END_S)
            return [
                f"the watch did not end within {END_S:g} s: {self.watch.log.read_text()[-4000:]}"
            ]
        return [f"the watch ended with {code}"] if code else []

    @property
    def last(self) -> int:
        with Tail(self.state / "journal.db") as tail:
            return tail.last

    def cursor(self, name: str) -> int:
        """How far a consumer has come, as it stands on the disk."""
        with Tail(self.state / "journal.db") as tail:
            return tail.cursors().get(name, 0)

    def batches(self) -> list[Batch]:
        """What the journal holds of devices, in order; what the house says of itself is left out."""
        found: list[Batch] = []
        with Tail(self.state / "journal.db") as tail:
            after = 0
            while rows := tail.read(after, 5_000):
                after = rows[-1].position
                entries = [records.entry(row).what for row in rows]
                found += [
                    what
                    for what in entries
                    if isinstance(what, Batch) and not BY_HOUSE.issuperset(what.metric)
                ]
        return found

    def journalled(self) -> Counter[Key]:
        return Counter(
            Key(batch.device, batch.run, seq) for batch in self.batches() for seq in batch.seq
        )

    def stored(self) -> Counter[Point]:
        """The devices' points in the embedded store, asked of the file itself."""
        with closing(sqlite3.connect(self.state / "readings.db")) as db:
            return Counter(
                Point(*row)
                for row in db.execute(
                    "SELECT device, place, port, metric, at_ms, value FROM raw "
                    "JOIN series ON series.id = raw.series"
                )
                if row[3] not in BY_HOUSE
            )

    def transitions(self) -> list[tuple[str, str]]:
        """Rule and subject of each, asked of the database's own file."""
        with closing(sqlite3.connect(self.state / "operations.db")) as db:
            return list(db.execute("SELECT rule, subject FROM transition"))

    def dead(self) -> Counter[Key]:
        with Tail(self.state / "journal.db") as tail:
            return Counter(dead_keys(tail.kept(0, 2**31)))

    def dropped(self) -> dict[str, int]:
        """By device, readings that it announced as dropped and that were nowhere else."""
        with Tail(self.state / "journal.db") as tail:
            return {
                topic.device: letter.count
                for letter in tail.letters()
                if letter.reason.startswith(DROPPED) and (topic := Topic.parse(letter.topic))
            }

    def balance(self, boxes: Sequence[SmallBox], stored: Counter[Point] | None = None) -> Balance:
        """That of these devices, when all has come to rest."""
        return balance(
            Found(
                issued={key: point for box in boxes for key, point in box.issued.items()},
                stored=self.stored() if stored is None else stored,
                journalled=self.journalled(),
                dead=self.dead(),
                dropped=self.dropped(),
                given_up={key for box in boxes for key in box.given_up},
                waiting=[key for box in boxes for key in box.waiting],
            )
        )


def dead_keys(letters: Iterable[Kept]) -> Iterator[Key]:
    """Each dead record of a device of ours, from the letters' own bytes."""
    for letter in letters:
        topic = Topic.parse(letter.topic)
        assert topic is not None, letter
        head = orjson.loads(letter.raw)[0]
        for seq in head.get("seqs") or [head["seq"]]:
            yield Key(topic.device, head["run"], seq)


async def until(is_so: Callable[[], object], what: str, seconds: float = SOON_S) -> None:
    """Wait for something in another process, which has no event."""
    try:
        async with asyncio.timeout(seconds):
            while not is_so():  # noqa: ASYNC110 - as it says
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"not within {seconds:g} s: {what}") from None


async def end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

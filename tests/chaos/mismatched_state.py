"""Experiment 3: journal and operations database of three times, started in every combination.

And with an empty journal, with a rule snapshot of another time, and with a journal whose beginning is
gone. Each time the watch goes on with what arrives. Then the database must hold what the engine alone
says of the journal, no more and no less; nothing may stand in it that the rules do not hold, and
nothing the other way; and where records are missing, an incident says so.
"""

import asyncio
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from collector.health import read_watch
from edge.journal.journal import Journal
from edge.journal.tail import Tail
from tests.chaos.rule_kills import DAY, ENDS_S, SNAPSHOT, Scene, compare, warm_up
from tests.chaos.scene import Report, until

NAME = "mismatched-state"
TIMES = 3
SPEED = 150.0
BETWEEN_S, GOES_ON_S = 2.5, 0.5
GAPS = {"house-journal-gap", "house-incidents-gap"}


@dataclass(frozen=True, slots=True)
class Mix:
    """Of which times the files are; 0 for none. ``cut``: the journal's older half is gone."""

    journal: int
    database: int
    snapshot: int
    cut: bool = False

    def __str__(self) -> str:
        cut = ", its beginning gone" if self.cut else ""
        return f"journal {self.journal}{cut}, database {self.database}, snapshot {self.snapshot}"


EVERY = tuple(Mix(j, o, j) for j in range(TIMES + 1) for o in range(1, TIMES + 1))
ODD = (
    Mix(1, 3, 3), Mix(3, 3, 1), Mix(2, 2, 0), Mix(1, 1, 3), Mix(3, 1, 0), Mix(2, 3, 1),
    Mix(3, 1, 3, cut=True), Mix(3, 3, 0, cut=True),
)  # fmt: skip
SHORT = (Mix(1, 3, 1), Mix(3, 1, 3), Mix(0, 3, 0), Mix(1, 3, 3), Mix(3, 1, 3, cut=True))


class Experiment:
    def __init__(self, folder: Path, mixes: tuple[Mix, ...], seed: int) -> None:
        self.report = Report(name=NAME, seconds=0, seed=seed)
        self._folder, self._mixes, self._seed = folder, mixes, seed

    async def run(self) -> Report:
        warm_up()
        began_s = time.monotonic()
        scene = await asyncio.to_thread(
            Scene, self._folder / "whole", self._seed, DAY // 8, DAY * 2, SPEED
        )
        for n in range(1, TIMES + 1):
            await self._go_on(scene, BETWEEN_S, kill=True)
            copy(scene.state, self._folder / f"copy-{n}")
        gaps = 0
        for mix in self._mixes:
            self.report.story.append(str(mix))
            gaps += await self._try(scene, mix)
        self.report.figures |= {"combinations": len(self._mixes), "gaps named": gaps}
        self.report.seconds = round(time.monotonic() - began_s, 1)
        return self.report

    async def _go_on(self, scene: Scene, seconds: float, *, kill: bool = False) -> None:
        """Let it catch up and take in what arrives for a while."""
        with scene.watch() as process:

            def is_there() -> bool:
                status = read_watch(scene.state / "watch.json")
                return (
                    status is not None
                    and status.pid == process.pid
                    and status.position > 0
                    and not status.depth["rules"]
                )

            await until(is_there, "the rules have caught up")
            await asyncio.sleep(seconds)
            if not kill:
                process.terminate()
                await asyncio.to_thread(process.join, ENDS_S)
                if process.exitcode != 0:
                    self.report.complaints.append(f"the watch ended with {process.exitcode}")

    async def _try(self, whole: Scene, mix: Mix) -> int:
        """Start it, and look at what has come of it; whether a gap was told."""
        scene = whole.beside(self._folder / f"mix-{len(self.report.story)}")
        before = mixed(scene.state, self._folder, mix)
        await self._go_on(scene, GOES_ON_S)
        await self._go_on(scene, 0.1)  # and once more: it must not find the same again
        settled = scene.settled
        there = positions(scene.state)
        told = {key: one for key, one in scene.told(settled).items() if key[:2] in there}
        if mix.snapshot <= mix.journal and not mix.cut:
            alone = await asyncio.to_thread(scene.judged, settled)
            self._complain(mix, compare(told, alone, "the engine alone"))
        self._complain(mix, standing(scene, there))
        rang = {key[2] for key in scene.told(2**62)} - before
        is_gap = bool(rang & GAPS)
        if is_gap != self._is_missing(mix):
            self._complain(mix, [f"a gap is {'' if is_gap else 'not '}told: {scene.said()}"])
        shutil.rmtree(scene.folder)
        return int(is_gap)

    def _is_missing(self, mix: Mix) -> bool:
        """Whether records are gone that the others knew, or incidents that no journal can tell."""
        newest = max(mix.database, mix.snapshot)
        return mix.journal < newest or (mix.cut and mix.database < mix.snapshot)

    def _complain(self, mix: Mix, found: "Iterator[str] | list[str]") -> None:
        self.report.complaints += [f"{mix}: {text}" for text in found]


def copy(state: Path, folder: Path) -> None:
    """The three files as they stand; the process was killed."""
    folder.mkdir()
    for path in state.iterdir():
        if path.name.startswith(("journal.db", "operations.db", SNAPSHOT)) and path.suffix not in (
            ".lock", ".new",
        ):  # fmt: skip
            shutil.copy(path, folder)


def mixed(state: Path, folder: Path, mix: Mix) -> set[str]:
    """Put the files of these times together; the rules that rang already in this database."""
    for name, nth in (
        ("journal.db", mix.journal),
        ("operations.db", mix.database),
        (SNAPSHOT, mix.snapshot),
    ):
        for path in state.glob(f"{name}*"):
            path.unlink()
        for path in (folder / f"copy-{nth}").glob(f"{name}*") if nth else ():
            shutil.copy(path, state)
    if mix.cut:
        with Journal(state / "journal.db") as journal:
            (middle,) = journal.read(journal.last // 2, 1)
            journal.trim(2**62, before_ms=middle.at_ms, keep_after=journal.last)
    with closing(sqlite3.connect(state / "operations.db")) as db:
        return {row[0] for row in db.execute("SELECT rule FROM transition")}


def positions(state: Path) -> set[tuple[str, int]]:
    """(journal id, position) of every record that is in the journal."""
    with Tail(state / "journal.db") as tail:
        found: set[tuple[str, int]] = set()
        after = 0
        while rows := tail.read(after, 5_000):
            after = rows[-1].position
            found |= {(tail.id, row.position) for row in rows}
        return found


def standing(scene: Scene, there: set[tuple[str, int]]) -> Iterator[str]:
    """What stands in the database and not in the rules, and the other way.

    Records of the journal behind the snapshot may have been judged before the watch was ended.
    """
    settled = scene.settled
    last: dict[tuple[str, str], tuple[str, int]] = {}
    with closing(sqlite3.connect(scene.state / "operations.db")) as db:
        for rule, subject, change, level, *at in db.execute(
            "SELECT rule, subject, change, severity, journal, position FROM transition ORDER BY id"
        ):
            if at[1] <= settled or tuple(at) not in there:
                last[rule, subject] = change, level
    told = {(*key, level) for key, (change, level) in last.items() if change != "cleared"}
    held = {(rule, subject, level) for rule, subject, level, _ in scene.snapshot["books"]}
    if told - held:
        yield f"stands in the database, and no rule holds it: {sorted(told - held)}"
    if held - told:
        yield f"is held by a rule, and does not stand in the database: {sorted(held - told)}"


async def run(folder: Path, seconds: float, seed: int) -> list[Report]:
    """All combinations, whatever time that takes: some two minutes."""
    report = await Experiment(folder, EVERY + ODD, seed).run()
    return [report]

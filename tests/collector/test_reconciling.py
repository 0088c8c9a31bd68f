"""Journal, snapshot and database of different times: what follows, row by row."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.registry.model import Names, Registry, Site
from alerts.rules.inputs import Standing, Stands
from alerts.store.rules_seen import RulesSeen
from alerts.words import IncidentClass, Severity
from collector.config import read_config
from collector.health import read_watch
from collector.house import House
from collector.reconciling import (
    INCIDENTS_GAP,
    JOURNAL_GAP,
    TOLD_MS,
    Finding,
    Gap,
    Held,
    dump_gap,
    load_gap,
    reconcile,
)
from collector.watch import Watch
from edge.clock import Clock
from edge.journal.tail import Tail
from tests.collector.village import settle, until

HOUR = 3_600_000
NOW = 100 * HOUR
STANDS = (
    Stands(
        rule="do-low", subject="place:s/p", severity=Severity.MAJOR, since_ms=1,
        cls=IncidentClass.POLLUTION,
    ),
)  # fmt: skip
HELD = Held(first=1, last=500, last_ms=90 * HOUR, judged=490, told=480)
SEEN = RulesSeen(position=480, seen_ms=89 * HOUR, stands=STANDS)


@pytest.mark.parametrize(
    ("says", "held", "seen"),
    [
        ("all belong together", HELD, SEEN),
        ("the snapshot is some seconds older", replace(HELD, judged=200, told=150), SEEN),
        ("there is no snapshot, the journal has it all", replace(HELD, judged=0, told=0), SEEN),
        ("a first start", Held(first=0, last=0, last_ms=0, judged=0, told=0), RulesSeen()),
        ("the database is away", HELD, None),
        ("the database is away, the journal trimmed", replace(HELD, first=300), None),
        ("no rule has ever said anything", replace(HELD, told=0), RulesSeen()),
        (
            "a new journal, which was told of before and has told nothing yet",
            replace(HELD, judged=0, told=0, reconciled=0),
            replace(SEEN, position=0, is_other=True),
        ),
        (
            "the database is older, which was settled before",
            replace(HELD, first=300, reconciled=480),
            replace(SEEN, position=400),
        ),
    ],
)
def test_nothing_is_done_where(says: str, held: Held, seen: RulesSeen | None) -> None:
    assert reconcile(held, seen, NOW) == Finding(), says


@pytest.mark.parametrize(
    ("held", "seen", "after"),
    [
        (HELD, replace(SEEN, position=700, seen_ms=95 * HOUR), 700),
        (replace(HELD, judged=800), replace(SEEN, position=700, seen_ms=95 * HOUR), 800),
        (replace(HELD, judged=800), replace(SEEN, seen_ms=95 * HOUR), 800),
    ],
    ids=["the database knows more", "both know more", "the snapshot knows more"],
)
def test_an_older_journal_goes_on_behind_all_that_is_known(
    held: Held, seen: RulesSeen, after: int
) -> None:
    found = reconcile(held, seen, NOW)
    assert (found.after, found.begins_anew) == (after, False)
    assert found.standing == Standing(after, STANDS)
    assert found.gap == Gap(
        metric=JOURNAL_GAP, since_ms=90 * HOUR, until_ms=95 * HOUR, found_ms=NOW
    )
    assert "older copy" in found.why


def test_an_older_journal_goes_on_behind_the_snapshot_while_the_database_is_away() -> None:
    found = reconcile(replace(HELD, judged=800), None, NOW)
    assert (found.after, found.standing) == (800, None)
    assert found.gap == Gap(metric=JOURNAL_GAP, since_ms=90 * HOUR, until_ms=NOW, found_ms=NOW)


@pytest.mark.parametrize("last", [0, 40])
def test_a_new_journal_takes_over_what_stands(last: int) -> None:
    held = Held(first=min(1, last), last=last, last_ms=last and 97 * HOUR, judged=0, told=0)
    found = reconcile(held, replace(SEEN, position=0, is_other=True), NOW)
    assert (found.after, found.begins_anew) == (0, False)
    assert found.standing == Standing(0, STANDS)
    until_ms = 97 * HOUR if last else NOW
    assert found.gap == Gap(metric=JOURNAL_GAP, since_ms=89 * HOUR, until_ms=until_ms, found_ms=NOW)


def test_an_older_database_hears_all_of_a_whole_journal_again() -> None:
    found = reconcile(HELD, replace(SEEN, position=300), NOW)
    assert found.begins_anew
    assert (found.standing, found.gap) == (None, None)


def test_an_older_database_and_a_journal_that_does_not_reach_back_name_the_gap() -> None:
    seen = replace(SEEN, position=300, seen_ms=80 * HOUR)
    found = reconcile(replace(HELD, first=350), seen, NOW)
    assert not found.begins_anew
    assert found.standing == Standing(480, STANDS)  # all that the snapshot told counts as unheard
    assert found.gap == Gap(
        metric=INCIDENTS_GAP, since_ms=80 * HOUR, until_ms=90 * HOUR, found_ms=NOW
    )


def test_rules_without_a_snapshot_take_over_where_the_beginning_is_gone() -> None:
    found = reconcile(replace(HELD, first=350, judged=0, told=0), SEEN, NOW)
    assert (found.standing, found.gap) == (Standing(480, STANDS), None)


def test_a_gap_is_told_for_a_day_from_its_own_beginning() -> None:
    house = House()
    house.use(Registry(sites=(Site(id="s", names=Names(zh="社区")),)))
    gap = Gap(metric=JOURNAL_GAP, since_ms=90 * HOUR, until_ms=95 * HOUR, found_ms=NOW)
    assert load_gap(dump_gap(gap)) == gap

    def told(passed_ms: int) -> list[tuple[int, float | None]]:
        said = gap.figures(house, NOW + passed_ms)
        return [(batch.at_ms[0], batch.value[0]) for _, batch in said]

    assert told(5_000) == [(90 * HOUR, 300)]
    assert told(10_000) == []
    assert told(TOLD_MS - 1) == [(NOW + TOLD_MS - 1, 300)]
    assert told(TOLD_MS + 60_000) == [(NOW + TOLD_MS + 60_000, 0)]


async def test_a_database_that_is_away_at_the_start_holds_up_nothing_and_is_not_compared(
    tmp_path, caplog
) -> None:
    path = settle(tmp_path, "mqtt://127.0.0.1:1")
    await _run_shortly(path)  # so that the cell was ours when the database was last heard
    assert "are not compared at this start" not in caplog.text
    away = f'[operations]\nurl = "sqlite:///{tmp_path}/nowhere/operations.db"\n'
    path.write_text(path.read_text() + away)
    with Tail(read_config(path).journal_path) as tail:
        before = tail.last
    await _run_shortly(path)
    assert "are not compared at this start" in caplog.text
    with Tail(read_config(path).journal_path) as tail:
        assert tail.last > before


async def _run_shortly(path: Path) -> None:
    watch = Watch(read_config(path), Clock())
    began_ms = time.time_ns() // 1_000_000
    running = asyncio.create_task(watch.run())

    def has_begun() -> bool:
        status = read_watch(watch.config.watch_path)
        return status is not None and status.at_ms >= began_ms and status.position > 0

    await until(has_begun)
    await asyncio.sleep(0.5)
    watch.stop()
    await running

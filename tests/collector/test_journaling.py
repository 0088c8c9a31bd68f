import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator

import pytest

from alerts.rules.inputs import Entry, Tick
from collector import journaling
from collector.follower import READ_ROWS, Follower
from collector.journaling import Journaling, Work
from edge.contract.ranges import Ranges
from edge.contract.reading import Batch, Reading
from edge.errors import JournalDamaged, JournalError
from edge.journal.journal import Journal
from edge.journal.rows import DeadLetter, Row

SOON_S = 10.0


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "journal.db") as opened:
        yield opened


@pytest.fixture
async def writing(journal) -> AsyncIterator[Journaling]:
    room = Journaling(journal, jitter=lambda: 0.0)
    task = asyncio.create_task(room.run())
    yield room
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def batch(first: int, count: int = 1) -> Batch:
    made = Batch(site="s", device="d", run="r", first=first, count=count)
    for seq in range(first, first + count):
        made.add(Reading(place="p", port="", metric="do", value=1.0, at_ms=seq, seq=seq))
    return made


def ticks(count: int) -> Work:
    return Work(said=[(number, Tick()) for number in range(count)])


async def test_what_waits_together_is_one_transaction_in_order(writing, journal):
    works = [ticks(1) for _ in range(50)]
    answers = await asyncio.gather(*(writing.write(work) for work in works))
    assert [entry.position for entries in answers for entry in entries] == list(range(1, 51))
    assert writing.commits < 5
    assert len(journal.read(0, 100)) == 50


async def test_records_ranges_letters_and_facts_are_written_together(writing, journal):
    letter = DeadLetter(topic="t", reason="because", raw=b"x", at_ms=1)
    entries = await writing.write(
        Work(
            said=[(5, batch(0, 3))],
            covers=[("s/d", "r", 0, 2)],
            letters=[letter],
            puts=[("registry", b"{}")],
        )
    )
    assert entries == [Entry(1, 5, batch(0, 3))]
    assert journal.ranges() == {("s/d", "r"): Ranges([(0, 2)])}
    assert (journal.dead, journal.get("registry")) == (1, b"{}")


async def test_a_disk_that_refuses_is_waited_for_and_nothing_is_lost(writing, journal, monkeypatch):
    monkeypatch.setattr(journaling, "AGAIN_S", (0.01, 0.01))
    commit = journal.commit
    refusals: list[str] = []

    def refuse():
        if len(refusals) < 3:
            refusals.append(writing.why)
            raise JournalError("the disk is full; free some room")
        commit()

    monkeypatch.setattr(journal, "commit", refuse)
    entries = await writing.write(Work(said=[(1, batch(0))], covers=[("s/d", "r", 0, 0)]))
    assert len(refusals) == 3
    assert refusals[-1].startswith("the disk is full")
    assert writing.why == ""
    assert [entry.position for entry in entries] == [1]
    assert journal.ranges() == {("s/d", "r"): Ranges([(0, 0)])}


async def test_a_damaged_journal_ends_it(journal, monkeypatch):
    def broken(rows):
        raise JournalDamaged("torn page")

    monkeypatch.setattr(journal, "append", broken)
    room = Journaling(journal)
    room.submit(ticks(1))
    with pytest.raises(JournalDamaged):
        await room.run()


async def test_closing_commits_what_waits_and_the_cursors(tmp_path):
    room = Journaling(Journal(tmp_path / "journal.db"))
    work = room.submit(ticks(3))
    room.move("rules", 2)
    await room.close()
    assert len(await work) == 3
    with sqlite3.connect(tmp_path / "journal.db") as db:
        assert db.execute("SELECT pos FROM cursor").fetchall() == [(2,)]
    db.close()


async def test_cancelled_in_the_midst_it_still_answers_what_it_wrote(journal):
    room = Journaling(journal)
    task = asyncio.create_task(room.run())
    work = room.submit(ticks(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await room.close()
    assert [entry.position for entry in await work] == [1]


# Followers


async def take(follower: Follower, count: int) -> list[Entry]:
    found: list[Entry] = []
    async with asyncio.timeout(SOON_S):
        async for entries in follower:
            found += entries
            if len(found) >= count:
                return found
    raise AssertionError


async def test_a_follower_gets_every_entry_in_order(writing):
    follower = Follower(writing, "rules")
    reading = asyncio.create_task(take(follower, 30))
    for _ in range(10):
        await writing.write(ticks(3))
    assert [entry.position for entry in await reading] == list(range(1, 31))
    assert follower.reached == 30


async def test_a_follower_that_comes_late_reads_the_journal(writing):
    await writing.write(Work(said=[(7, batch(0, 2)), (8, Tick())]))
    found = await take(Follower(writing, "store"), 2)
    assert found == [Entry(1, 7, batch(0, 2)), Entry(2, 8, Tick())]


async def test_no_commit_waits_for_one_that_reads_on_and_it_sees_what_is_committed_alone(
    writing, journal
):
    await writing.write(ticks(3))
    go_on = threading.Event()
    held = asyncio.create_task(writing.call(lambda _: go_on.wait(SOON_S)))
    async with asyncio.timeout(SOON_S):
        assert [row.position for row in await writing.reread(1, 10)] == [2, 3]
    go_on.set()
    assert await held


async def test_one_that_is_behind_reads_on_where_another_file_lies_in_the_journals_place(
    writing, journal, tmp_path
):
    await writing.write(ticks(3))
    journal.path.rename(tmp_path / "away.db")
    with Journal(tmp_path / "other" / "journal.db") as other:
        other.append([Row(kind="tick")] * 2)
        other.commit()
        (tmp_path / "other" / "journal.db").rename(journal.path)
        assert [row.position for row in await writing.reread(0, 10)] == [1, 2, 3]


@pytest.mark.parametrize(("together", "is_resting"), [(1, True), (READ_ROWS, False)])
async def test_one_that_is_behind_rests_while_readings_come_a_few_at_a_time(
    writing, together, is_resting
):
    rests: list[float] = []

    async def come_in(rest_s: float) -> None:
        rests.append(rest_s)
        await writing.write(ticks(together))

    await writing.write(ticks(4 * READ_ROWS))
    follower = Follower(writing, "store", hold_most=0, sleep=come_in)
    await writing.write(ticks(together))
    found = await take(follower, 4 * READ_ROWS)
    assert [entry.position for entry in found[:3]] == [1, 2, 3]
    assert bool(rests) is is_resting


async def test_what_was_not_durable_comes_again(writing):
    await writing.write(ticks(5))
    follower = Follower(writing, "store")
    await take(follower, 5)
    await follower.move(3)
    assert [entry.position for entry in await take(follower, 2)] == [4, 5]


async def test_a_cursor_is_on_disk_with_the_next_commit(writing, journal):
    follower = Follower(writing, "store")
    await writing.write(ticks(2))
    await follower.move(2)
    assert follower.position == 2
    await writing.write(ticks(1))
    assert journal.cursor("store") == 2


async def test_one_that_falls_far_behind_lets_go_of_memory_and_misses_nothing(writing):
    follower = Follower(writing, "slow", hold_most=10, yield_most=4)
    generator = aiter(follower)
    await writing.write(ticks(1))
    found = list(await anext(generator))
    for _ in range(20):
        await writing.write(ticks(3))
    assert follower._weight <= 10
    while len(found) < 61:
        async with asyncio.timeout(SOON_S):
            found += await anext(generator)
    assert [entry.position for entry in found] == list(range(1, 62))


async def test_it_goes_on_behind_what_a_cap_has_dropped(writing, journal):
    follower = Follower(writing, "slow")
    await writing.write(ticks(4))
    await writing.call(lambda journal: journal.trim(1 << 40, before_ms=99))
    await writing.write(Work(said=[(100, Tick())]))
    follower._held.clear()
    assert [entry.position for entry in await take(follower, 1)] == [5]


async def test_an_unreadable_row_is_passed_over(writing, caplog):
    await writing.write(ticks(1))

    def spoil(journal):
        journal.append([Row(kind="novelty")])
        journal.commit()

    await writing.call(spoil)
    writing.last += 1
    await writing.write(ticks(1))
    found = await take(Follower(writing, "rules"), 2)
    assert [entry.position for entry in found] == [1, 3]
    assert "record 2 (novelty)" in caplog.text


async def test_two_followers_go_at_their_own_pace(writing):
    fast, slow = Follower(writing, "fast"), Follower(writing, "slow")
    await writing.write(ticks(3))
    await take(fast, 3)
    await fast.move(3)
    assert (fast.depth, slow.depth) == (0, 3)
    assert len(await take(slow, 3)) == 3

"""The journal: what is committed stays, what is rolled back never was."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import JournalBusy, JournalDamaged, JournalError
from edge.journal.files import damaged
from edge.journal.journal import FURTHER, MOST_LETTERS, DeadLetter, Journal, Row, Tail


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def own(run: str, seq: int, *, at_ms: int = 1000, cls: str = "series", body: bytes = b"x") -> Row:
    return Row(at_ms=at_ms, kind="readings", cls=cls, run=run, seq=seq, body=body)


def test_committed_rows_come_back_in_order_after_reopening(path: Path) -> None:
    with Journal(path) as journal:
        assert journal.append([own("a", n, body=str(n).encode()) for n in range(3)]) == 3
        journal.commit()
        name = journal.id
    with Journal(path) as journal:
        assert journal.id == name
        assert journal.last == 3
        assert [row.body for row in journal.read(0, 10)] == [b"0", b"1", b"2"]
        assert [row.position for row in journal.read(1, 1)] == [2]
        assert journal.read(0, 1)[0] == own("a", 0, body=b"0")._replace(position=1)


def test_a_row_that_was_read_can_be_appended_again_elsewhere(path: Path) -> None:
    with Journal(path) as journal:
        journal.append([own("a", 0)])
        journal.append(journal.read(0, 1))
        assert [row.position for row in journal.read(0, 9)] == [1, 2]


def test_what_is_not_committed_is_gone_after_closing(path: Path) -> None:
    with Journal(path) as journal:
        journal.append([own("a", 0)])
        journal.cover("s/d", "a", 0, 0)
    with Journal(path) as journal:
        assert journal.last == 0
        assert journal.ranges() == {}


def test_rollback_restores_positions_ranges_cursors_values_and_letters(path: Path) -> None:
    with Journal(path) as journal:
        journal.append([own("a", 0)])
        journal.cover("s/d", "a", 0, 0)
        journal.move("rules", 1)
        journal.put("sensor", 7)
        journal.commit()
        journal.append([own("a", 1)])
        journal.cover("s/d", "a", 1, 5)
        journal.cover("s/d", "b", 0, 0)
        journal.move("rules", 2)
        journal.put("sensor", 8)
        journal.bury([DeadLetter(topic="t", reason="r", raw=b"", at_ms=1)])
        journal.rollback()
        assert journal.last == 1
        assert {key: list(have) for key, have in journal.ranges().items()} == {
            ("s/d", "a"): [(0, 0)]
        }
        assert journal.cursor("rules") == 1
        assert journal.get("sensor") == 7
        assert journal.dead == 0
        assert journal.append([own("a", 1)]) == 2


def test_positions_are_never_given_twice_even_when_the_newest_row_was_deleted(path: Path) -> None:
    with Journal(path) as journal:
        journal.append([own("a", 0), own("a", 1)])
        journal.commit()
        assert journal.forget("a", 0, 1) == 2
        journal.commit()
    with Journal(path) as journal:
        assert journal.last == 2
        assert journal.append([own("a", 2)]) == 3


@pytest.mark.parametrize("rows", [0, 3])
def test_positions_that_somebody_else_knows_are_passed_over(path: Path, rows: int) -> None:
    with Journal(path) as journal:
        journal.append([own("a", n) for n in range(rows)])
        journal.skip_to(10)
        journal.rollback()
        assert journal.last == 0
        journal.append([own("a", n) for n in range(rows)])
        journal.skip_to(10)
        journal.skip_to(4)
        journal.commit()
    with Journal(path) as journal:
        assert journal.last == 10
        assert journal.append([own("a", 9)]) == 11
        journal.commit()
        assert [row.position for row in journal.read(0, 99)] == [*range(1, rows + 1), 11]


spans = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 60), st.integers(0, 8), st.booleans()),
    max_size=30,
)


@settings(max_examples=25, deadline=None)
@given(spans)
def test_ranges_on_disk_equal_a_set_of_numbers(tmp_path_factory, steps) -> None:
    path = tmp_path_factory.mktemp("ranges") / "journal.db"
    model: dict[str, set[int]] = {}
    kept: dict[str, set[int]] = {}
    with Journal(path) as journal:
        for run, lo, more, commits in steps:
            have = journal.cover("s/d", run, lo, lo + more)
            model.setdefault(run, set()).update(range(lo, lo + more + 1))
            assert set(range(have[0], have[1] + 1)) <= model[run]
            if commits:
                journal.commit()
                kept = {run: set(numbers) for run, numbers in model.items()}
    with Journal(path) as journal:
        found = {
            run: {number for lo, hi in ranges for number in range(lo, hi + 1)}
            for (_, run), ranges in journal.ranges().items()
        }
        assert found == kept
        stored = sqlite3.connect(path)
        rows = stored.execute("SELECT count(*) FROM span").fetchone()[0]
        stored.close()
        assert rows == sum(len(ranges) for ranges in journal.ranges().values())


def test_dead_letters_are_counted_per_topic_and_reason_with_the_newest_sample(path: Path) -> None:
    with Journal(path) as journal:
        journal.bury(
            [
                DeadLetter(topic="t", reason="not JSON", raw=b"old", at_ms=10),
                DeadLetter(topic="t", reason="not JSON", raw=b"new", at_ms=20, count=3),
                DeadLetter(topic="t", reason="too long", raw=b"y" * 99_999, at_ms=15),
            ]
        )
        journal.commit()
        first, second = journal.letters()
        assert (first.reason, first.first_ms, first.last_ms, first.count, first.sample) == (
            "not JSON", 10, 20, 4, b"new",
        )  # fmt: skip
        assert len(second.sample) == 4096
        assert journal.dead == 5


def test_endless_new_reasons_do_not_fill_the_disk(path: Path) -> None:
    with Journal(path) as journal:
        journal.bury(
            DeadLetter(topic="t", reason=str(n), raw=b"", at_ms=n) for n in range(MOST_LETTERS + 50)
        )
        journal.bury([DeadLetter(topic="t", reason="3", raw=b"", at_ms=1)])
        journal.commit()
        letters = journal.letters()
        assert len(letters) == MOST_LETTERS + 1
        assert next(each for each in letters if each.reason == FURTHER).count == 50
        assert next(each for each in letters if each.reason == "3").count == 2
        assert journal.dead == MOST_LETTERS + 51


def test_a_second_writer_is_refused_with_a_remedy(path: Path) -> None:
    with Journal(path), pytest.raises(JournalBusy, match="end that one first"):
        Journal(path)
    Journal(path).close()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="writable"):
        Journal(tmp_path / "file" / "journal.db")


def test_another_programs_database_is_left_alone(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (x)")
    other.close()
    with pytest.raises(JournalError, match="another program"):
        Journal(path)
    assert path.exists()


def _garbage(path: Path) -> None:
    path.write_bytes(b"no database at all " * 500)


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 // 4096 * 4096 + 100)


def _empty(path: Path) -> None:
    os.truncate(path, 0)


def _torn(path: Path) -> None:
    with path.open("r+b") as file:
        for page in range(1, path.stat().st_size // 4096):
            file.seek(page * 4096)
            file.write(b"\xff" * 2048)


@pytest.mark.parametrize("damage", [_garbage, _cut, _torn, _empty])
def test_a_damaged_file_is_set_aside_and_a_new_one_begun(path: Path, damage) -> None:
    with Journal(path) as journal:
        journal.append(own("a", n, body=b"z" * 500) for n in range(400))
        journal.cover("s/d", "a", 0, 399)
        journal.commit()
        old = journal.id
    damage(path)
    with Journal(path) as journal:
        assert journal.id != old
        assert journal.set_aside is not None
        assert journal.set_aside.exists()
        assert ".damaged-" in journal.set_aside.name
        journal.append([own("b", 0)])
        journal.commit()
    with Journal(path) as journal:
        assert journal.set_aside is None
        assert journal.last == 1


def test_damage_met_while_running_is_set_aside_at_the_next_opening(path: Path) -> None:
    with Journal(path) as journal:
        journal.append(own("a", n, body=b"z" * 500) for n in range(4000))
        journal.commit()
    with path.open("r+b") as file:
        file.seek(200 * 4096)
        file.write(b"\xff" * 40 * 4096)
    with Journal(path) as journal:
        assert journal.set_aside is None
        with pytest.raises(JournalDamaged, match="set aside"):
            journal.read(0, 4000)
    with Journal(path) as journal:
        assert journal.set_aside is not None
    with Journal(path) as journal:
        assert journal.set_aside is None


def test_garbage_behind_the_last_commit_in_the_log_of_a_killed_writer_is_left_out(
    path: Path,
) -> None:
    journal = Journal(path)
    journal.append(own("a", n) for n in range(10))
    journal.commit()
    wal = path.with_name(path.name + "-wal")
    there = {file: file.read_bytes() for file in (path, wal)}
    journal.close()
    for file, content in there.items():  # as the power cut left them, with a torn write behind
        file.write_bytes(content)
    with wal.open("ab") as log:
        log.write(b"\xa5" * 9000)
    with Journal(path) as journal:
        assert journal.set_aside is None
        assert [row.seq for row in journal.read(0, 99)] == list(range(10))


def _killed(path: Path) -> tuple[str, Path]:
    """A journal with ten rows in the file and ten more in its log alone; its id and the log."""
    wal = path.with_name(path.name + "-wal")
    with Journal(path) as journal:
        journal.append(own("a", n) for n in range(10))
        journal.commit()
    journal = Journal(path)
    journal.append(own("a", n) for n in range(10, 20))
    journal.commit()
    there = {file: file.read_bytes() for file in (path, wal)}
    journal.close()
    for file, content in there.items():
        file.write_bytes(content)
    return journal.id, wal


def test_a_log_of_garbage_is_set_aside_and_what_the_file_holds_goes_on(path: Path) -> None:
    old, wal = _killed(path)
    wal.write_bytes(b"\xa5" * 9000)
    with Journal(path) as journal:
        assert journal.set_aside is not None
        assert damaged(path) == [journal.set_aside]
        assert journal.set_aside.read_bytes() == b"\xa5" * 9000
        assert [row.seq for row in journal.read(0, 99)] == list(range(10))
        assert journal.id != old  # positions are given again, and mean something else
        journal.append([own("b", 0)])
        journal.commit()
        new = journal.id
    with Journal(path) as journal:
        assert (journal.id, journal.set_aside, journal.last) == (new, None, 11)


@pytest.mark.parametrize("left", [b"", b"\0" * 9000, b"\xa5" * 20])
def test_a_log_that_a_power_cut_left_without_a_header_is_no_damage(path: Path, left) -> None:
    old, wal = _killed(path)
    wal.write_bytes(left)
    with Journal(path) as journal:
        assert (journal.id, journal.set_aside) == (old, None)
        assert journal.last == 10


def test_what_was_set_aside_is_found_until_it_is_moved_away(path: Path) -> None:
    for _ in range(2):
        with Journal(path) as journal:
            journal.append([own("a", 0)])
            journal.commit()
        _garbage(path)
    with Journal(path) as journal:
        assert journal.set_aside is not None
        journal.set_aside.with_name(journal.set_aside.name + "-wal").touch()
        first, second = damaged(path)
        second.unlink()
        assert damaged(path) == [first]


def test_a_journal_in_memory_is_a_journal_without_a_file(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Journal.in_memory() as journal, Journal.in_memory() as other:
        journal.append(own("a", n) for n in range(10))
        journal.commit()
        assert (journal.depth, other.depth) == (10, 0)
    assert list(tmp_path.iterdir()) == []


def test_after_a_failed_write_nothing_commits_until_it_is_rolled_back(path: Path) -> None:
    with Journal(path) as journal:
        journal.append([own("a", 0)])
        with pytest.raises(JournalError):
            journal.append([own("a", 1, body=None)])  # type: ignore[arg-type]
        with pytest.raises(JournalError, match="roll back"):
            journal.commit()
        journal.rollback()
        journal.append([own("a", 0)])
        journal.commit()
        assert journal.last == 1


# The device's rows


def test_pending_splits_the_backlog_from_the_live_rows(path: Path) -> None:
    with Journal(path) as journal:
        journal.append(own("old", n) for n in range(5))
        mark = journal.last
        journal.append(own("new", n) for n in range(2))
        journal.append([Row(kind="tick", stream="s/d", run="r")])
        backlog = journal.pending(3, upto=mark)
        assert [(row.run, row.seq) for row in backlog] == [("old", 0), ("old", 1), ("old", 2)]
        rest = journal.pending(9, after=backlog[-1].position, upto=mark)
        assert [row.seq for row in rest] == [3, 4]
        assert [(row.run, row.seq) for row in journal.pending(9, after=mark)] == [
            ("new", 0),
            ("new", 1),
        ]


def test_forget_takes_exactly_the_named_rows(path: Path) -> None:
    with Journal(path) as journal:
        journal.append(own("a", n) for n in range(6))
        journal.append(own("b", n) for n in range(6))
        assert journal.depth == 12
        assert journal.forget("a", 2, 4) == 3
        assert journal.forget("a", 2, 4) == 0
        assert journal.depth == 9
        journal.commit()
        assert [row.seq for row in journal.pick("a", 0, 9)] == [0, 1, 5]
        assert len(journal.pick("b", 0, 9)) == 6


def test_forget_looks_rows_up_by_index_not_by_reading_them_all(path: Path) -> None:
    with Journal(path) as journal:
        plan = journal._db.execute(
            "EXPLAIN QUERY PLAN DELETE FROM record WHERE "
            "stream = '' AND run <> '' AND run = ? AND seq BETWEEN ? AND ?",
            ("a", 1, 2),
        ).fetchall()
        assert "USING INDEX record_own" in plan[0][3]


# Bounds


def test_trim_gives_the_lowest_class_up_first_and_says_what_is_gone(path: Path) -> None:
    with Journal(path) as journal:
        for n in range(600):
            cls = ("health", "series", "alarm")[n // 20 % 3]
            journal.append([own("a", n, cls=cls, body=b"x" * 1000)])
        journal.commit()
        full = journal.size_bytes
        dropped = journal.trim(full - 150_000)
        assert journal.size_bytes <= full - 150_000
        assert {row.cls for row in journal.read(0, 999)} == {"health", "series", "alarm"}
        assert all(
            each.run == "a" and each.reason == "space" and each.is_needed for each in dropped
        )
        gone = {n for each in dropped for n in range(each.lo, each.hi + 1)}
        assert gone == set(range(600)) - {row.seq for row in journal.read(0, 999)}
        assert all(n // 20 % 3 == 0 for n in gone)
        journal.trim(full // 4)
        assert "health" not in {row.cls for row in journal.read(0, 999)}
        assert len([row for row in journal.read(0, 999) if row.cls == "alarm"]) > 90
        assert journal.trim(full) == []


def test_trim_by_age_spares_what_a_cursor_still_needs(path: Path) -> None:
    with Journal(path) as journal:
        journal.append(own("a", n, at_ms=n) for n in range(10))
        journal.commit()
        (gone,) = journal.trim(10**9, before_ms=8, keep_after=5)
        assert (gone.lo, gone.hi, gone.reason, gone.is_needed) == (0, 4, "age", False)
        (gone,) = journal.trim(10**9, before_ms=8)
        assert (gone.lo, gone.hi, gone.is_needed) == (5, 7, True)
        assert [row.seq for row in journal.read(0, 99)] == [8, 9]


def test_trim_takes_rows_a_cursor_needs_only_when_the_rest_is_not_enough(path: Path) -> None:
    with Journal(path) as journal:
        for n in range(400):
            journal.append([own("a", n, cls="alarm" if n < 200 else "health", body=b"x" * 1000)])
        journal.commit()
        full = journal.size_bytes
        dropped = journal.trim(full - 50_000, keep_after=200)
        assert all(each.hi < 200 and not each.is_needed for each in dropped)
        dropped = journal.trim(full // 4, keep_after=200)
        assert any(each.is_needed for each in dropped)
        assert all(row.seq >= 200 for row in journal.read(0, 999))


def test_trim_gives_the_room_back_to_the_disk(path: Path) -> None:
    with Journal(path) as journal:
        journal.append(own("a", n, body=b"x" * 1000) for n in range(3000))
        journal.commit()
        journal.trim(100_000)
        assert 50_000 < journal.size_bytes <= 100_000
    assert path.stat().st_size < 120_000


def test_one_run_takes_so_many_rows_and_the_next_one_the_rest(path: Path) -> None:
    with Journal(path) as journal:
        journal.append(own("a", n, at_ms=n, body=b"x" * 1000) for n in range(300))
        journal.commit()
        (gone,) = journal.trim(10**9, before_ms=200, most_rows=150)
        assert (gone.lo, gone.hi, journal.has_more, journal.first) == (0, 149, True, 151)
        (gone,) = journal.trim(10**9, before_ms=200, most_rows=150)
        assert (gone.lo, gone.hi, journal.has_more) == (150, 199, False)
        journal.trim(0, most_rows=60)
        assert (journal.depth, journal.has_more) == (40, True)
        journal.trim(0, most_rows=60)
        assert (journal.depth, journal.first) == (0, 301)


def test_rows_from_while_the_clock_was_ahead_go_with_what_came_after_them(path: Path) -> None:
    wrong = range(10**12, 10**12 + 1500)
    with Journal(path) as journal:
        for n, at_ms in enumerate([*range(10), *wrong, *range(20, 40)]):
            journal.append([own("a", n, at_ms=at_ms)])
        journal.commit()
        assert len(journal.trim(10**9, before_ms=15, ahead_ms=10**9)) == 1  # those before alone
        assert journal.depth == 1520
        journal.trim(10**9, before_ms=30, ahead_ms=10**9)
        assert [row.at_ms for row in journal.read(0, 99)] == list(range(30, 40))


# The tail


def test_a_tail_sees_commits_only_and_survives_a_missing_and_a_replaced_file(path: Path) -> None:
    with Tail(path) as tail:
        assert (tail.id, tail.last, tail.read(0, 9), tail.ranges(), tail.dead) == ("", 0, [], {}, 0)
        journal = Journal(path)
        assert tail.id == journal.id
        journal.append([own("a", 0)])
        journal.cover("s/d", "a", 0, 3)
        journal.move("rules", 1)
        journal.put("x", "y")
        assert tail.last == 0
        journal.commit()
        assert tail.last == 1
        assert [row.seq for row in tail.read(0, 9)] == [0]
        assert list(tail.ranges()["s/d", "a"]) == [(0, 3)]
        assert (tail.cursors(), tail.get("x"), tail.letters()) == ({"rules": 1}, "y", [])
        old = journal.id
        journal.close()
        assert tail.last == 1
        path.with_name(path.name + "-wal").unlink()  # kept by the tail, it would mend the file
        _garbage(path)
        with Journal(path) as journal:
            assert tail.id == journal.id != old
            assert tail.last == 0
        path.unlink()
        assert tail.id == ""


def test_a_tail_reads_while_nobody_writes(path: Path) -> None:
    with Journal(path) as journal:
        journal.append([own("a", 0)])
        journal.commit()
    with Journal.tail(path) as tail:
        assert tail.last == 1


# Power


WRITER = """
import sys
from edge.journal.journal import Journal, Row
journal = Journal(sys.argv[1])
seq = 0
while True:
    journal.append(
        Row(kind="readings", run="r", seq=seq + n, body=b"x" * 200) for n in range(50))
    journal.cover("s/d", "r", seq, seq + 49)
    journal.put("seq", seq + 50)
    journal.commit()
    seq += 50
    print(seq, flush=True)
"""


def test_what_a_killed_writer_committed_is_there_whole(path: Path) -> None:
    for _ in range(3):
        path.unlink(missing_ok=True)
        for tail in ("-wal", "-shm"):
            path.with_name(path.name + tail).unlink(missing_ok=True)
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        told = 0
        for line in writer.stdout:
            told = int(line)
            if told >= 500:
                writer.send_signal(signal.SIGKILL)
                break
        told = max([told, *(int(line) for line in writer.stdout if line.endswith("\n"))])
        writer.wait()
        writer.stdout.close()
        with Journal(path) as journal:
            assert journal.set_aside is None
            kept = journal.get("seq")
            assert isinstance(kept, int)
            assert kept >= told
            assert [row.seq for row in journal.read(0, 10**6)] == list(range(kept))
            assert list(journal.ranges()["s/d", "r"]) == [(0, kept - 1)]


def test_a_journal_of_200_megabytes_opens_in_under_a_second(path: Path) -> None:
    with Journal(path) as journal:
        journal._db.execute("PRAGMA synchronous = OFF")
        for start in range(0, 50_000, 5_000):
            journal.append(own("a", start + n, body=b"x" * 4000) for n in range(5_000))
            journal.commit()
        assert journal.size_bytes > 200e6
    began = time.process_time()
    Journal(path).close()
    assert time.process_time() - began < 1


def test_a_shift_moves_the_own_rows_of_one_run_and_is_undone_by_a_rollback(path) -> None:
    with Journal(path) as journal:
        journal.append(
            [
                Row(at_ms=10, kind="readings", run="run-1", seq=0, body=b"a"),
                Row(at_ms=11, kind="readings", run="run-2", seq=0, body=b"b"),
                Row(at_ms=12, kind="readings", run="run-1", seq=0, stream="s/d", body=b"c"),
                Row(at_ms=13, kind="readings", run="run-1", seq=1, body=b"d"),
            ]
        )
        journal.commit()
        assert journal.shift("run-1", 100) == 2
        assert [row.at_ms for row in journal.read(0, 9)] == [110, 11, 12, 113]
        journal.rollback()
        assert [row.at_ms for row in journal.read(0, 9)] == [10, 11, 12, 13]
        journal.shift("run-1", -5)
        journal.commit()
        assert journal.runs() == {"run-1", "run-2"}
    with Journal(path) as journal:
        assert [row.at_ms for row in journal.read(0, 9)] == [5, 11, 12, 8]


def test_rows_without_a_known_age_outlive_the_days_and_not_the_bytes(path) -> None:
    with Journal(path) as journal:
        for run in ("run-1", "run-2"):
            journal.append(
                Row(at_ms=n, kind="readings", run=run, seq=n, body=b"x" * 100) for n in range(2500)
            )
        journal.commit()
        gone = journal.trim(10**9, 10_000, ageless={"run-1"})
        assert {each.run for each in gone} == {"run-2"}
        assert journal.depth == 2500
        gone = journal.trim(100_000, 10_000, ageless={"run-1"})
        assert {each.run for each in gone} == {"run-1"}
        assert journal.size_bytes <= 100_000

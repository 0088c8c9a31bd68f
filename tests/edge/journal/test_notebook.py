"""Numbers are given at measurement, once; a commit is whole or did not happen."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.quality import Quality
from edge.errors import JournalError
from edge.journal.bodies import UNDATABLE, reading_of
from edge.journal.journal import Journal
from edge.journal.notebook import Notebook
from edge.sensors.port import Sample


@pytest.fixture
def journal(tmp_path: Path):
    with Journal(tmp_path / "journal.db") as journal:
        yield journal


def test_samples_come_back_as_numbered_readings(journal) -> None:
    notebook = Notebook(journal, "run-1")
    notebook.take([Sample("reach", "a", "ph", 7.25, 1000, Quality.SUSPECT)], "sonde", "17")
    notebook.take([Sample("", "", "uptime", None, 1000, Quality.MISSING, "no clock")])
    notebook.take([Sample("shed", "", "smoke", 1.0, 1000), Sample("s", "", "do", float("nan"), 5)])
    assert notebook.has_alarm
    notebook.commit()
    assert not notebook.has_alarm
    rows = journal.read(0, 9)
    assert [(row.kind, row.cls, row.seq) for row in rows] == [
        ("readings", "series", 0), ("health", "health", 1),
        ("readings", "alarm", 2), ("readings", "series", 3),
    ]  # fmt: skip
    first, second, _, fourth = (reading_of(row) for row in rows)
    assert (first.place, first.port, first.metric, first.value) == ("reach", "a", "ph", 7.25)
    assert (first.quality, first.run, first.seq, first.at_ms) == (Quality.SUSPECT, "run-1", 0, 1000)
    assert (second.value, second.reason) == (None, "no clock")
    assert (fourth.value, fourth.quality, fourth.reason) == (
        None, Quality.MISSING, "the sensor said nan",
    )  # fmt: skip
    assert Notebook(journal, "run-2").mark("sonde") == "17"
    assert Notebook(journal, "run-2").mark("other") == ""


@given(st.lists(st.tuples(st.sampled_from(("ph", "do")), st.integers(0, 50)), max_size=40))
def test_times_rise_strictly_in_each_series_and_never_fall_behind(steps) -> None:
    class Nowhere:
        def get(self, name: str) -> None:
            return None

    notebook = Notebook(Nowhere(), "run-1")  # type: ignore[arg-type]
    newest: dict[str, int] = {}
    for metric, at_ms in steps:
        notebook.take([Sample("reach", "", metric, 1.0, at_ms)])
        row = notebook._rows[-1]
        assert row.at_ms >= at_ms
        assert row.at_ms > newest.get(metric, -1)
        newest[metric] = row.at_ms


def test_a_commit_that_fails_is_tried_again_whole(journal, monkeypatch) -> None:
    notebook = Notebook(journal, "run-1")
    notebook.take([Sample("reach", "", "ph", 7.0, 1)], "sonde", "1")

    def refuse() -> None:
        raise JournalError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(journal, "commit", refuse)
        with pytest.raises(JournalError):
            notebook.commit()
    assert journal.read(0, 9) == []
    notebook.take([Sample("reach", "", "ph", 7.0, 2)], "sonde", "2")
    notebook.commit()
    assert [row.seq for row in journal.read(0, 9)] == [0, 1]
    assert notebook.mark("sonde") == "2"
    notebook.commit()
    assert journal.last == 2


def test_the_count_goes_on_over_runs(journal) -> None:
    for run, count in (("run-1", 3), ("run-2", 4)):
        notebook = Notebook(journal, run)
        notebook.take(Sample("reach", "", "ph", 7.0, n) for n in range(count))
        notebook.received(run, 0, 9)
        notebook.commit()
    assert Notebook(journal, "run-3").measured == 7
    notebook.received("run-2", 0, 9)
    notebook.commit()
    assert journal.depth == 0


def test_counts_and_marks_go_along_to_a_new_journal(journal, tmp_path: Path) -> None:
    notebook = Notebook(journal, "run-1")
    notebook.take([Sample("reach", "", "ph", 7.0, 1)], "sonde", "1")
    notebook.commit()
    with Journal(tmp_path / "second.db") as second:
        notebook.move_to(second)
        notebook.commit()
        again = Notebook(second, "run-2")
        assert (again.measured, again.mark("sonde")) == (1, "1")


def test_depth_counts_what_the_server_has_not_named_committed_or_not(journal) -> None:
    notebook = Notebook(journal, "run-1")
    notebook.take(Sample("reach", "", "ph", 7.0, n) for n in range(10))
    assert notebook.depth == 10
    notebook.commit()
    notebook.received("run-1", 0, 3)
    notebook.received("run-1", 0, 5)  # a receipt may name again what another named
    notebook.received("run-0", 0, 99)
    assert (notebook.depth, journal.depth, notebook.receipts) == (4, 10, 3)
    notebook.commit()
    assert (notebook.depth, journal.depth, notebook.receipts) == (4, 4, 0)


def test_looking_at_the_caps_writes_nothing_while_they_hold(journal) -> None:
    notebook = Notebook(journal, "run-1")
    notebook.take([Sample("reach", "", "ph", 7.0, 1000)])
    assert notebook.trim(10**9, 500) == 0
    assert journal.depth == 0, "what waits for its commit still waits"
    notebook.commit()
    assert notebook.trim(10**9, 1000) == 0
    assert notebook.trim(10**9, 1001) == 1


def test_a_run_is_dated_whole_in_the_journal_in_memory_and_for_what_follows(journal) -> None:
    notebook = Notebook(journal, "run-1", "boot-1")
    notebook.stamps.begin_undated(1000)
    notebook.take([Sample("reach", "", "ph", 7.0, 1000 + n) for n in range(3)])
    notebook.commit()
    notebook.take([Sample("reach", "", "ph", 7.1, 1003)])
    assert notebook.date(500_000, 500_010) == 1
    assert [notebook.reading(row).at_ms for row in journal.read(0, 9)] == [
        500_000,
        500_001,
        500_002,
    ]
    notebook.take([Sample("reach", "", "ph", 7.2, 1004)], late_ms=499_000)  # was under way
    notebook.take([Sample("reach", "", "ph", 7.3, 500_000)])  # behind its forerunner
    notebook.commit()
    times = [row.at_ms for row in journal.read(0, 9)]
    assert times == [500_000, 500_001, 500_002, 500_003, 500_004, 500_005]
    assert [notebook.reading(row).at_ms for row in journal.read(0, 9)] == times
    assert Notebook(journal, "run-2", "boot-1").stamps.undated == {}


def test_a_commit_that_fails_dates_nothing_and_is_tried_again_whole(journal, monkeypatch) -> None:
    notebook = Notebook(journal, "run-1", "boot-1")
    notebook.stamps.begin_undated(1000)
    notebook.take([Sample("reach", "", "ph", 7.0, 1000)])
    notebook.commit()
    notebook.date(500_000, 500_010)

    def refuse() -> None:
        raise JournalError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(journal, "commit", refuse)
        with pytest.raises(JournalError):
            notebook.commit()
    (row,) = journal.read(0, 9)
    assert row.at_ms == 1000
    assert notebook.reading(row).at_ms == 500_000  # and that is how it is sent
    assert Notebook(journal, "run-2", "boot-1").stamps.undated == {"run-1": 1000}
    notebook.commit()
    assert journal.read(0, 9)[0].at_ms == 500_000
    assert Notebook(journal, "run-2", "boot-1").stamps.undated == {}


def test_what_can_never_be_dated_is_marked_kept_from_age_and_then_forgotten(journal) -> None:
    first = Notebook(journal, "run-1", "boot-1")
    first.stamps.begin_undated(1000)
    first.take([Sample("reach", "", "ph", 7.0, 1000, Quality.SUSPECT, "warming up")])
    first.commit()
    second = Notebook(journal, "run-2", "boot-2")
    second.take([Sample("reach", "", "ph", 7.0, 2000)])
    assert second.trim(10**9, 10**12) == 1  # the dated one, by age
    (row,) = journal.read(0, 9)
    reading = second.reading(row)
    assert (reading.run, reading.at_ms, reading.value) == ("run-1", 1000, 7.0)
    assert (reading.quality, reading.reason) == (Quality.FAIL, f"{UNDATABLE}; warming up")
    second.received("run-1", 0, 0)
    second.commit()
    third = Notebook(journal, "run-3", "boot-2")
    assert third.stamps.undatable == {}

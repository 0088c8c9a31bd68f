"""A sensor goes on when what it gave may wait in memory, or is on the disk."""

import pytest

from edge.journal.intake import Intake
from edge.journal.journal import Journal
from edge.journal.notebook import Notebook
from edge.journal.pace import MOST_WAITING
from edge.runner import Measured
from edge.sensors.port import Sample


def gave(metric: str = "ph", at_ms: int = 1, count: int = 1) -> Measured:
    samples = tuple(Sample("reach", "", metric, 7.0, at_ms + n) for n in range(count))
    return Measured(metric, samples, "")


@pytest.fixture
def notebook():
    with Journal.in_memory() as journal:
        yield Notebook(journal, "run-1")


@pytest.fixture
def intake(notebook) -> Intake:
    return Intake(notebook, lambda samples: samples[0].metric == "smoke")


def test_a_sensor_waits_until_it_is_answered_or_its_readings_are_committed(intake) -> None:
    for go_on in (intake.answer, intake.committed):
        event = gave()
        intake.measured(event, 0)
        assert (event.taken.is_set(), intake.is_awaited) == (False, True)
        go_on()
        assert (event.taken.is_set(), intake.is_awaited) == (True, False)


def test_when_memory_is_full_sensors_wait_for_the_disk_but_not_those_of_a_guard(
    notebook, intake
) -> None:
    full, guarded = gave(count=MOST_WAITING), gave("smoke")
    intake.measured(full, 0)
    late = gave("smoke", 2)
    intake.measured(guarded, 0)
    intake.measured(late, 0)
    assert guarded.taken.is_set()  # and its reading is let go
    assert late.taken.is_set()
    assert notebook.waiting == MOST_WAITING
    intake.answer()
    assert not full.taken.is_set()
    intake.committed()
    assert full.taken.is_set()


def test_a_guarded_sensor_whose_reading_filled_memory_goes_on_too(intake) -> None:
    guarded, other = gave("smoke", count=MOST_WAITING - 1), gave()
    intake.measured(guarded, 0)
    intake.measured(other, 0)
    intake.answer()
    assert guarded.taken.is_set()
    assert not other.taken.is_set()
    assert intake.is_awaited


def test_times_that_were_read_before_the_clock_was_set_are_shifted(notebook, intake) -> None:
    intake.measured(gave(at_ms=1000), 500)
    notebook.commit()
    assert [row.at_ms for row in notebook.journal.pending(9)] == [1500]

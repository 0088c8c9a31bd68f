"""Power cuts are kept until they are told: by a journal, and by one that memory stands in for."""

from pathlib import Path

import pytest

from edge.contract.status import MOST_CUTS
from edge.journal import cuts
from edge.journal.journal import Journal
from edge.journal.notebook import Notebook

TIMES = '{"clock_ms":7000,"highest_ms":0,"turns":0}'


@pytest.mark.parametrize(
    ("noted", "clock_ms", "expected"),
    [
        ({}, 7_000, ()),  # a new journal
        ({"open_run": "r1"}, 7_000, (7_000,)),
        ({"open_run": ""}, 7_000, ()),  # it said goodbye
        ({"open_run": "", "cuts": "[5000,6000]"}, 7_000, (5_000, 6_000)),
        ({"open_run": "r3", "cuts": "[5000,6000]"}, 7_000, (5_000, 6_000, 7_000)),
        ({"open_run": "r1"}, 0, ()),  # it never came to a commit, so nothing was lost
        ({"open_run": "", "cuts": "no JSON"}, 7_000, ()),
        ({"open_run": "", "cuts": '[null,"5",-1,true]'}, 7_000, ()),
    ],
)
def test_what_the_server_has_not_heard_of_is_told(noted, clock_ms, expected) -> None:
    assert cuts.untold(noted.get, clock_ms) == expected


def test_a_box_that_is_cut_off_for_ever_tells_the_newest() -> None:
    noted = {"open_run": "r", "cuts": cuts.spell(range(MOST_CUTS))}
    assert cuts.untold(noted.get, 7_000) == (*range(1, MOST_CUTS), 7_000)


def test_a_run_that_began_in_memory_leaves_the_disks_cuts_to_the_next_one(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.db") as disk:
        for name, value in (("open_run", "r1"), ("cuts", "[5000]"), ("time", TIMES)):
            disk.put(name, value)
        disk.commit()
    memory = Notebook(Journal.in_memory(), "r2", is_sheltered=True)
    memory.note("open_run", "r2")
    with Journal(tmp_path / "journal.db") as disk:
        memory.come_home(disk)
        assert disk.get("open_run") == "r2"
        assert cuts.untold(lambda name: disk.get(name) if name == "cuts" else "", 0) == (5000, 7000)

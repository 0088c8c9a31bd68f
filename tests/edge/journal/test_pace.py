"""When a commit is due: what waits, and for how long it may."""

from dataclasses import replace

import pytest

from edge.journal.pace import (
    FEW_RECEIPTS_S,
    MANY_RECEIPTS,
    MOST_WAITING,
    RECEIPT_S,
    Pace,
    Uncommitted,
)

NOTHING = Uncommitted(is_changed=False, rows=0, receipts=0)
ROWS = Uncommitted(is_changed=True, rows=3, receipts=0)
FEW = Uncommitted(is_changed=True, rows=0, receipts=MANY_RECEIPTS - 1)


@pytest.mark.parametrize(
    ("held", "durability_s", "wait_s"),
    [
        (NOTHING, 5.0, None),
        (ROWS, 5.0, 5.0),  # readings wait for others
        (ROWS, 0.0, 0.0),
        (replace(ROWS, has_alarm=True), 5.0, 0.0),
        (replace(ROWS, is_awaited=True), 0.0, 0.0),
        (replace(ROWS, is_awaited=True), 5.0, 5.0),  # the sensor is told before
        (replace(ROWS, rows=MOST_WAITING), 5.0, 0.0),
        (replace(ROWS, is_ending=True), 5.0, 0.0),  # nothing follows that it could wait for
        (FEW, 5.0, FEW_RECEIPTS_S),
        (replace(FEW, is_ending=True), 5.0, FEW_RECEIPTS_S),
        (replace(FEW, receipts=MANY_RECEIPTS), 5.0, RECEIPT_S),
        (replace(FEW, is_ending=True, is_finishing=True), 5.0, RECEIPT_S),
    ],
)
def test_what_waits_says_for_how_long(held, durability_s, wait_s) -> None:
    due_s = Pace().look(held, durability_s, 100.0)
    assert due_s == (None if wait_s is None else 100.0 + wait_s)


def test_readings_wait_from_their_first_however_many_follow() -> None:
    pace = Pace()
    assert pace.look(ROWS, 5.0, 100.0) == 105.0
    assert pace.look(replace(ROWS, rows=9), 5.0, 104.0) == 105.0
    pace.committed()
    assert pace.look(NOTHING, 5.0, 105.0) is None
    assert pace.look(ROWS, 5.0, 106.0) == 111.0


def test_receipts_that_wait_do_not_hurry_readings() -> None:
    pace = Pace()
    assert pace.look(FEW, 5.0, 100.0) == 100.0 + FEW_RECEIPTS_S
    assert pace.look(replace(FEW, rows=1), 5.0, 160.0) == 165.0

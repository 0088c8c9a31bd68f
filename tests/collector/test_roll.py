"""The roll of devices."""

from alerts.rules.inputs import DeviceSaid
from collector.intake import Judged
from collector.roll import Roll
from edge.contract.status import State, Status


def said(status: Status) -> Judged:
    return Judged(said=[DeviceSaid("riverside", "box", status)])


def test_each_power_cut_is_remembered_however_often_it_is_told() -> None:
    roll = Roll()
    roll.note(said(Status(state=State.ONLINE, firmware="agent 1", cuts_ms=(5_000,))), 6_000)
    roll.note(said(Status(state=State.OFFLINE)), 7_000)
    (seen,) = roll.all()
    assert (seen.online, seen.firmware, seen.cuts_ms) == (False, "agent 1", (5_000,))
    roll.note(said(Status(state=State.ONLINE, cuts_ms=(8_000, 9_000))), 10_000)
    roll.note(said(Status(state=State.ONLINE, cuts_ms=(8_000, 9_000))), 11_000)
    assert roll.all()[0].cuts_ms == (5_000, 8_000, 9_000)

"""The roll of devices."""

from alerts.rules.inputs import DeviceSaid
from collector.health import DeviceSeen
from collector.judged import Judged
from collector.roll import Roll
from edge.contract.quality import Quality
from edge.contract.reading import Batch, Reading
from edge.contract.status import State, Status

T0 = 1_790_000_000_000


def everyone(roll: Roll) -> list[DeviceSeen]:
    return list(map(roll.one, roll.keys()))


def said(status: Status) -> Judged:
    return Judged(said=[DeviceSaid("riverside", "box", status)])


def test_each_power_cut_is_remembered_however_often_it_is_told() -> None:
    roll = Roll()
    roll.note(said(Status(state=State.ONLINE, firmware="agent 1", cuts_ms=(5_000,))), 6_000)
    roll.note(said(Status(state=State.OFFLINE)), 7_000)
    (seen,) = everyone(roll)
    assert (seen.online, seen.firmware, seen.cuts_ms) == (False, "agent 1", (5_000,))
    roll.note(said(Status(state=State.ONLINE, cuts_ms=(8_000, 9_000))), 10_000)
    roll.note(said(Status(state=State.ONLINE, cuts_ms=(8_000, 9_000))), 11_000)
    assert everyone(roll)[0].cuts_ms == (5_000, 8_000, 9_000)


def pack(at_ms: int, run: str = "r") -> Batch:
    batch = Batch(site="riverside", device="box", run=run, first=0, count=1)
    batch.add(
        Reading(place="p", port="", metric="do", value=8.0, at_ms=at_ms, quality=Quality.GOOD)
    )
    return batch


def skew_s(judged: list[Judged]) -> float | None:
    roll = Roll()
    for n, one in enumerate(judged):
        roll.note(one, T0 + n * 60_000)
    return everyone(roll)[0].skew_s


def test_a_clock_is_told_by_when_its_packs_arrive() -> None:
    assert skew_s([Judged(batches=[pack(T0 + n * 60_000 + 90_000)]) for n in range(4)]) == 90.0


def test_packs_that_were_shifted_tell_by_how_much() -> None:
    lead = {("riverside", "box"): 300_000}
    assert skew_s([Judged(batches=[pack(T0 + n * 60_000)], leads=lead) for n in range(3)]) == 300.0


def test_devices_of_others_have_no_clock_that_could_be_told() -> None:
    hourly = [Judged(batches=[pack(T0 - 3_600_000, run="")]) for _ in range(30)]
    assert skew_s(hourly) is None

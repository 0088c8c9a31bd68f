import pytest

from collector.moments import AHEAD_MS, Moments, mend
from edge.contract.quality import Quality
from edge.contract.reading import Batch, Reading

NOW_MS = 1_790_000_000_000
HOUR_MS = 3_600_000


def pack(*at_ms: int, quality: Quality = Quality.NOT_EVALUATED, reason: str = "") -> Batch:
    batch = Batch(site="s", device="d", run="r", first=0, count=len(at_ms))
    for seq, each in enumerate(at_ms):
        batch.add(
            Reading(
                place="p",
                port="",
                metric="do",
                value=8.0,
                at_ms=each,
                seq=seq,
                quality=quality,
                reason=reason,
            )
        )
    return batch


@pytest.mark.parametrize(
    ("given", "becomes", "count"),
    [
        ([-60_000, 0], [-60_000, 0], 0),
        ([0, AHEAD_MS], [0, AHEAD_MS], 0),
        ([0, AHEAD_MS + 1], [-AHEAD_MS - 1, 0], 2),
        ([HOUR_MS - 60_000, HOUR_MS], [-60_000, 0], 2),
        ([-HOUR_MS, 10 * HOUR_MS], [-11 * HOUR_MS, 0], 2),
        ([-NOW_MS + 1_000, -NOW_MS + 6_000], [-5_000, 0], 2),  # 1970
        ([-NOW_MS + 946_684_800_000], [0], 1),  # 2000
        ([-NOW_MS + 5_000, -30_000, 0], [-30_001, -30_000, 0], 1),  # set within the pack
        ([-90 * 24 * HOUR_MS], [-90 * 24 * HOUR_MS], 0),  # an old backlog is none of these
    ],
    ids=["true", "two minutes", "beyond", "an hour ahead", "a backlog ahead", "1970", "2000",
         "set within", "old"],
)  # fmt: skip
def test_a_pack_whose_time_cannot_be_ends_at_its_arrival_with_its_spacing(given, becomes, count):
    batch = pack(*(NOW_MS + ms for ms in given))
    assert mend(batch, NOW_MS) == count
    assert [at_ms - NOW_MS for at_ms in batch.at_ms] == becomes


@pytest.mark.parametrize(
    ("given", "lead_ms"),
    [
        ([HOUR_MS - 60_000, HOUR_MS], HOUR_MS),
        ([-NOW_MS + 1_000], -NOW_MS + 1_000),  # 1970
        ([-NOW_MS + 5_000, -30_000], -30_000),  # set within the pack: what it is now
        ([-30_000], 0),  # nothing is shifted
    ],
)
def test_how_far_the_clock_was_off_is_remembered(given, lead_ms):
    moments = Moments()
    moments.mend(pack(*(NOW_MS + ms for ms in given)), NOW_MS)
    assert moments.lead_ms == lead_ms


def test_what_is_shifted_is_suspect_and_says_by_how_much():
    batch = pack(NOW_MS + HOUR_MS, reason="after a restart")
    mend(batch, NOW_MS)
    assert batch.quality == [Quality.SUSPECT]
    assert batch.reasons == {
        0: "after a restart; its clock was wrong by +3600 s; dated by its arrival"
    }


@pytest.mark.parametrize("quality", [Quality.FAIL, Quality.MISSING])
def test_what_the_device_knows_better_stands(quality):
    batch = pack(NOW_MS + HOUR_MS, quality=quality)
    mend(batch, NOW_MS)
    assert batch.quality == [quality]


def test_an_empty_pack_is_left_alone():
    assert mend(pack(), NOW_MS) == 0


def test_a_house_whose_own_clock_was_never_set_shifts_nothing():
    batch = pack(NOW_MS, NOW_MS + 1_000)
    assert mend(batch, 600_000) == 0
    assert batch.at_ms == [NOW_MS, NOW_MS + 1_000]


def test_packs_of_a_backlog_that_arrive_together_share_no_moment():
    moments, given = Moments(), list[int]()
    for nth in range(20):
        first_ms = NOW_MS + HOUR_MS + nth * 5_000
        batch = pack(*range(first_ms, first_ms + 5_000, 1_000))
        assert moments.mend(batch, NOW_MS) == 5
        assert batch.at_ms == sorted(set(batch.at_ms))
        assert NOW_MS - 20 <= batch.at_ms[-1] <= NOW_MS
        given += batch.at_ms
    assert len(set(given)) == 100


def test_a_burst_that_meets_another_keeps_its_order():
    moments = Moments()
    first = pack(*range(NOW_MS + HOUR_MS, NOW_MS + HOUR_MS + 50))
    second = pack(*range(NOW_MS + 2 * HOUR_MS, NOW_MS + 2 * HOUR_MS + 50))
    for batch in (first, second):
        moments.mend(batch, NOW_MS)
    assert second.at_ms == sorted(set(second.at_ms))
    assert not set(first.at_ms) & set(second.at_ms)


def test_packs_dated_by_the_same_arrival_follow_one_another():
    moments = Moments()
    first, second, third = (pack(NOW_MS - 200, NOW_MS) for _ in range(3))
    for one in (first, second, third):
        moments.keep_apart(one)
    assert [at_ms - NOW_MS for at_ms in first.at_ms] == [-200, 0]
    assert [at_ms - NOW_MS for at_ms in second.at_ms] == [-199, 1]
    assert [at_ms - NOW_MS for at_ms in third.at_ms] == [-198, 2]


def test_readings_of_one_moment_within_such_a_pack_follow_one_another():
    batch = pack(NOW_MS, NOW_MS, NOW_MS - 5, NOW_MS)
    Moments().keep_apart(batch)
    assert [at_ms - NOW_MS for at_ms in batch.at_ms] == [0, 1, -5, 2]

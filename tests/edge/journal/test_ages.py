import pytest

from edge.journal.ages import LEAP_MS, PAUSE_S, Ages
from edge.timekeeping.timekeeper import Timekeeper, Trust, Truth

NOW_MS = 1_800_000_000_000


class Kernel:
    boot = "boot-1"

    def steady_ms(self) -> int:
        return 1000

    def system_ms(self) -> int:
        return NOW_MS

    def is_synchronised(self) -> bool:
        return False


@pytest.fixture
def clock() -> Timekeeper:
    return Timekeeper(Kernel(), trust=Trust.SERVER)


def believe(clock: Timekeeper, at_ms: int) -> None:
    clock.believe(Truth(at_ms - 1000, 10, "server"))


def test_the_first_setting_after_a_start_is_no_leap(clock) -> None:
    ages = Ages(clock)
    believe(clock, NOW_MS + 100 * LEAP_MS)
    assert clock.is_known
    assert ages.may_count(0.0)


@pytest.mark.parametrize(
    ("by_ms", "may_count"), [(LEAP_MS, True), (LEAP_MS + 1, False), (-100 * LEAP_MS, True)]
)
def test_a_known_clock_that_is_set_far_ahead_makes_nothing_too_old_for_a_day(
    clock, by_ms: int, may_count: bool
) -> None:
    believe(clock, NOW_MS + 10_000)
    ages = Ages(clock)
    assert ages.may_count(0.0)
    believe(clock, NOW_MS + 10_000 + by_ms)
    assert ages.may_count(1.0) is may_count
    assert ages.may_count(PAUSE_S) is may_count
    assert ages.may_count(PAUSE_S + 1.0)

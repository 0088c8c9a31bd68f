"""What keeps coming and going, as a table of times."""

from datetime import timedelta

import pytest

from alerts.incidents.flapping import FLAP, flaps, is_calm, returns
from tests.alerts.incidents.community import NOW


def ago(*minutes: int) -> tuple:
    return tuple(NOW - timedelta(minutes=one) for one in minutes)


@pytest.mark.parametrize(
    ("known", "is_flapping", "what"),
    [
        ((), False, "the first time is no return"),
        (ago(5), False, "twice may be chance"),
        (ago(50, 20), True, "three times within the hour"),
        (ago(61, 20), False, "the first has left the window"),
        (ago(-30, 20), True, "late data about a later time counts as well"),
    ],
)
def test_so_many_returns_within_the_window_are_flapping(known, is_flapping, what):
    counted = returns(known, NOW)
    assert counted[-1] == NOW
    assert flaps(counted) is is_flapping, what


def test_it_is_calm_when_it_has_stayed_away_for_long_enough():
    assert is_calm((), NOW)
    assert not is_calm(ago(59), NOW)
    assert is_calm(ago(90, 60), NOW)
    assert FLAP.calm == timedelta(hours=1)

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.notify.limiter import Limiter, Turn
from alerts.notify.limits import ABOUT, PACE, Allowance, allowances
from alerts.registry.model import ChannelKind

TEN = Allowance(count=10, over_s=60, burst=4, reserved=2)


def turn(limiter: Limiter, fires: list[bool], now: float, *limits: Allowance) -> Turn:
    return limiter.turn("robot", limits or (TEN,), fires, now)


def test_as_many_as_there_are_tokens_go_each_by_itself() -> None:
    assert turn(Limiter(), [False, False], 0).groups == ((0,), (1,))


def test_more_than_there_are_tokens_go_as_one() -> None:
    assert turn(Limiter(), [False] * 500, 0) == Turn((tuple(range(500)),))


def test_what_finds_no_token_waits_for_the_next_and_learns_why() -> None:
    limiter = Limiter()
    turn(limiter, [False, False], 0)
    late = turn(limiter, [False], 0)
    assert (late.groups, late.wait_s, late.why) == ((), 10.0, "10 in 60 s")
    assert turn(limiter, [False], 9.9).groups == ()
    assert turn(limiter, [False], 10).groups == ((0,),)


def test_the_last_tokens_are_for_fire() -> None:
    limiter = Limiter()
    turn(limiter, [False, False], 0)
    mixed = turn(limiter, [False, True, True], 0)
    assert mixed.groups == ((1,), (2,))
    assert mixed.wait_s == 30.0  # two tokens that fire took, and one for itself
    storm = turn(limiter, [True] * 50, 10)
    assert storm.groups == (tuple(range(50)),)


def test_fire_waits_no_longer_than_for_its_own_token() -> None:
    limiter = Limiter()
    turn(limiter, [True] * 4, 0)
    assert turn(limiter, [False, True], 0).wait_s == 10.0
    assert turn(limiter, [False, True], 10).groups == ((1,),)


def test_of_several_limits_the_tightest_counts() -> None:
    second = Allowance(count=2, over_s=1, burst=1, reserved=0)
    limiter = Limiter()
    assert turn(limiter, [False], 0, second, TEN).groups == ((0,),)
    late = turn(limiter, [False], 0, second, TEN)
    assert (late.wait_s, late.why) == (0.5, "2 in 1 s")


def test_a_service_that_asked_to_wait_is_obeyed_even_for_fire() -> None:
    limiter = Limiter()
    limiter.block("robot", 600, "130101 send too fast")
    limiter.block("robot", 60, "later, but sooner over")
    assert turn(limiter, [True], 0) == Turn((), 600.0, "later, but sooner over")
    assert turn(limiter, [True], 600).groups == ((0,),)


def test_addresses_do_not_share_and_are_forgotten_once_they_rest() -> None:
    limiter = Limiter()
    turn(limiter, [False, False], 0)
    assert limiter.turn("other", (TEN,), [False], 0).groups == ((0,),)
    limiter.block("third", 5, "x")
    limiter.forget(1)
    assert turn(limiter, [False], 1).groups == ()
    limiter.forget(10_000)
    assert limiter._buckets == {}
    assert limiter._blocked == {}


def test_a_clock_that_stands_still_or_goes_back_gives_no_tokens() -> None:
    limiter = Limiter()
    turn(limiter, [False, False], 100)
    assert turn(limiter, [False], 0).groups == ()


@pytest.mark.parametrize("kind", ChannelKind)
def test_every_channel_has_its_row_and_a_share_for_fire(kind: ChannelKind) -> None:
    assert ABOUT[kind].accepted
    for allowance in allowances(kind, 1):
        assert 0 < allowance.reserved < allowance.burst <= allowance.count or allowance.burst == 1
        assert allowance.source


def test_the_pace_of_people_runs_on_the_house_clock() -> None:
    (pace,) = allowances(ChannelKind.EMAIL, 60)
    assert pace.over_s == PACE.over_s / 60
    assert allowances(ChannelKind.WECOM, 60)[0].over_s == 60


_ALLOWANCES = st.builds(
    lambda burst, more, over_s, reserved: Allowance(
        count=burst + more, over_s=over_s, burst=burst, reserved=min(reserved, burst - 1)
    ),
    st.integers(1, 8),
    st.integers(1, 20),
    st.sampled_from([1.0, 60.0, 3600.0]),
    st.integers(0, 3),
)
_EVENTS = st.lists(st.tuples(st.floats(0, 30), st.lists(st.booleans(), min_size=1, max_size=9)))


@given(_ALLOWANCES, _EVENTS)
def test_no_window_ever_holds_more_than_the_service_takes(
    allowance: Allowance, events: list[tuple[float, list[bool]]]
) -> None:
    limiter, sent, now = Limiter(), deque[float](), 0.0
    for gap, waiting in events:
        now += gap
        sent.extend([now] * len(turn(limiter, waiting, now, allowance).groups))
        while sent and sent[0] <= now - allowance.over_s:
            sent.popleft()
        assert len(sent) <= allowance.count


@given(_EVENTS)
def test_nothing_is_dropped_what_does_not_go_is_told_to_wait(
    events: list[tuple[float, list[bool]]],
) -> None:
    limiter, now = Limiter(), 0.0
    for gap, waiting in events:
        now += gap
        result = turn(limiter, waiting, now)
        going = [n for group in result.groups for n in group]
        assert len(going) == len(set(going))
        if len(going) < len(waiting):
            assert result.wait_s > 0
            now += result.wait_s
            rest = [fire for n, fire in enumerate(waiting) if n not in going]
            later = turn(limiter, rest, now)
            assert later.groups

"""When values on trial hold and when they are taken back: on the machine's own time."""

import pytest

from edge.settings.probation import MOST_STARTS, Moment, Trial, Verdict, begin, now, start, verdict

TRIAL_S = 600.0


@pytest.mark.parametrize(
    ("why", "at_s", "away_since_s", "is_linked", "is_"),
    [
        ("the server listens, but the trial is young", 50, 50, True, Verdict.GOES_ON),
        ("the trial has passed and the server listens", 600, 600, True, Verdict.HOLDS),
        ("the server is away, not yet for long", 599, 0, False, Verdict.GOES_ON),
        ("the server was away for the whole time", 600, 0, False, Verdict.FAILS),
        ("the trial has passed, the server left a while ago", 700, 400, False, Verdict.GOES_ON),
        ("it left and never came back", 1000, 400, False, Verdict.FAILS),
    ],
)
def test_values_hold_or_are_taken_back(why, at_s, away_since_s, is_linked, is_) -> None:
    trial = Trial(boot="a", began_s=0.0)
    found = verdict(
        trial, Moment("a", at_s), TRIAL_S, away_since_s=away_since_s, is_linked=is_linked
    )
    assert found is is_, why


def test_a_start_counts_and_the_wait_for_a_link_goes_on_through_a_crash() -> None:
    trial = begin(Moment("a", 100.0))
    assert start(trial, Moment("a", 300.0), TRIAL_S) == (
        Trial(boot="a", began_s=100.0, starts=1), 100.0,
    )  # fmt: skip


def test_a_start_after_the_trial_has_passed_without_a_link_fails() -> None:
    assert "no server" in str(start(begin(Moment("a", 100.0)), Moment("a", 700.0), TRIAL_S))


def test_values_that_had_a_link_get_it_again_after_a_crash() -> None:
    trial = Trial(boot="a", began_s=100.0, starts=1, is_linked=True)
    assert start(trial, Moment("a", 900.0), TRIAL_S) == (
        Trial(boot="a", began_s=100.0, starts=2, is_linked=True), 900.0,
    )  # fmt: skip


@pytest.mark.parametrize("moment", [Moment("b", 5_000.0), Moment("b", 7.0), Moment("a", 7.0)])
def test_a_reboot_begins_the_wait_anew(moment) -> None:
    """Without a boot id a smaller time tells the same."""
    trial = Trial(boot="a", began_s=100.0, starts=1)
    assert start(trial, moment, TRIAL_S) == (
        Trial(boot=moment.boot, began_s=moment.at_s, starts=2), moment.at_s,
    )  # fmt: skip


def test_values_that_end_the_agent_again_and_again_fail_even_across_reboots() -> None:
    trial = begin(Moment("boot-0", 1.0))
    for nth in range(MOST_STARTS):
        found = start(trial, Moment(f"boot-{nth}", 1.0), TRIAL_S)
        assert not isinstance(found, str)
        trial = found[0]
    assert f"{MOST_STARTS} times" in str(start(trial, Moment("boot-9", 1.0), TRIAL_S))


def test_the_machine_s_own_time_goes_on_within_a_boot() -> None:
    first, second = now(), now()
    assert first.boot == second.boot
    assert first.at_s <= second.at_s

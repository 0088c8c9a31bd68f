"""MQTT 5 or 3.1.1: what is tried next, told as stories of attempts."""

import pytest

from edge.link.version import AGAIN_S, PATIENCE, Known, Outcome, Wish, learn, speaks_5

ACCEPTED, REFUSED, SILENT, OTHER = Outcome.ACCEPTED, Outcome.REFUSED, Outcome.SILENT, Outcome.OTHER


@pytest.mark.parametrize(
    ("story", "spoken"),
    [
        ([ACCEPTED, ACCEPTED], "55"),
        # A broker that says that it does not know 5.
        ([REFUSED, ACCEPTED, ACCEPTED], "533"),
        # A broker that just closes.
        ([SILENT, ACCEPTED, SILENT, OTHER, ACCEPTED], "53333"),
        # A bad line: both in turn, until one gets through.
        ([SILENT, SILENT, SILENT, SILENT, ACCEPTED, ACCEPTED], "535355"),
        # A wrong password tells nothing.
        ([OTHER, OTHER, ACCEPTED], "555"),
        # A bad line to a broker that has spoken 5 before: patience.
        ([ACCEPTED, *[SILENT] * PATIENCE, ACCEPTED, ACCEPTED], "5" * (PATIENCE + 1) + "33"),
        ([ACCEPTED, SILENT, SILENT, ACCEPTED, SILENT, SILENT, ACCEPTED], "5" * 7),
        # The broker was exchanged for one that speaks 5 only.
        ([REFUSED, ACCEPTED, REFUSED, ACCEPTED], "5335"),
    ],
)
def test_what_is_spoken_follows_what_happened(story, spoken) -> None:
    known, found = Known(), ""
    for outcome in story:
        is_5 = speaks_5(Wish.AUTO, known, 100.0)
        found += "5" if is_5 else "3"
        known = learn(known, is_5, outcome, 100.0)
    assert found == spoken


@pytest.mark.parametrize("outcome", [REFUSED, SILENT])
def test_a_refused_5_is_tried_again_after_hours_and_once_only(outcome) -> None:
    known = learn(Known(), True, outcome, 0.0)
    known = learn(known, False, ACCEPTED, 1.0)
    assert not speaks_5(Wish.AUTO, known, AGAIN_S - 1)
    assert speaks_5(Wish.AUTO, known, AGAIN_S + 2)
    again = learn(known, True, outcome, AGAIN_S + 2)
    assert not speaks_5(Wish.AUTO, again, AGAIN_S + 3)
    renewed = learn(known, True, ACCEPTED, AGAIN_S + 2)
    assert speaks_5(Wish.AUTO, renewed, AGAIN_S + 3)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_what_the_configuration_names_is_spoken_whatever_happens(outcome) -> None:
    for wish, is_5 in ((Wish.V5, True), (Wish.V311, False)):
        known = learn(Known(), is_5, outcome, 0.0)
        assert speaks_5(wish, known, 1.0) is is_5

"""The climb: when the next tier is told."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alerts.incidents import climb, lifecycle
from alerts.incidents.model import Incident, State
from alerts.words import Severity
from tests.alerts.incidents.community import NOW, REGISTRY, says

STEPS = REGISTRY.tiers[0].steps
_OPENED = lifecycle.step(None, lifecycle.Event.HELD, NOW, transition=says(1))
assert _OPENED is not None
OPEN = _OPENED.incident


def incident(**fields: object) -> Incident:
    return replace(OPEN, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("step", "severity", "minutes"),
    [
        (0, Severity.MAJOR, 30),
        (0, Severity.CRITICAL, 5),
        (1, Severity.MAJOR, 30),
        (0, Severity.MINOR, None),  # not in the tier's waits: never climbs
        (0, Severity.INFO, None),
        (2, Severity.CRITICAL, None),  # the last
        (7, Severity.CRITICAL, None),  # the tiers have shrunk
    ],
)
def test_the_next_step_is_the_tiers_wait_after_it_was_told(step, severity, minutes):
    timed = climb.timed(incident(step=step, severity=severity), STEPS)
    expected = None if minutes is None else NOW + timedelta(minutes=minutes)
    assert timed.next_step_at == expected


@pytest.mark.parametrize("state", [State.ACKNOWLEDGED, State.RECOVERED, State.CLOSED])
def test_only_what_is_open_climbs(state):
    assert climb.timed(incident(state=state), STEPS).next_step_at is None


def test_what_tells_nobody_does_not_climb():
    assert climb.timed(incident(), STEPS, told=False).next_step_at is None


def test_the_wait_counts_from_when_the_first_notice_was_taken():
    timed = climb.timed(incident(), STEPS)
    taken = climb.accepted(timed, STEPS, NOW + timedelta(minutes=3))
    assert taken.next_step_at == NOW + timedelta(minutes=33)


def test_each_step_is_climbed_once_and_the_last_ends_it():
    at, told = climb.timed(incident(), STEPS), []
    now = NOW
    while at.next_step_at is not None:
        now += timedelta(hours=3)  # the house slept: still no step is skipped
        assert climb.has_next(at, STEPS)
        at = climb.climbed(at, STEPS, now)
        told.append(at.step)
    assert told == [1, 2]
    assert not climb.has_next(at, STEPS)

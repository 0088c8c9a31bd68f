"""What keeps coming and going is told once, in the operations database."""

from datetime import timedelta

import pytest

from alerts.incidents.model import State, StoryKind
from alerts.notify.outcome import Accepted
from alerts.rules.transition import Change
from alerts.words import IncidentClass, Severity
from tests.alerts.incidents.community import NOW, says
from tests.alerts.store.conftest import PACKS

MINUTE = timedelta(minutes=1)


def told(operations, now):
    """What goes out now, by reason and person; accepted."""
    found = []
    while due := operations.due(now, 50):
        for notice in due:
            operations.settle(notice.id, Accepted(), now)
            found.append((notice.reason.value, notice.person))
    return found


@pytest.fixture
def coming_and_going(operations):
    """Raised at 0, 10, 20 and 30 minutes, cleared five minutes after each; all told, as (minute, reason)."""
    heard = []
    for n in range(4):
        for k, change in enumerate((Change.RAISED, Change.CLEARED)):
            after = MINUTE * (10 * n + 5 * k)
            operations.take([says(2 * n + k + 1, change, after=after)], PACKS, NOW + after)
            heard += [(10 * n + 5 * k, reason) for reason, _ in told(operations, NOW + after)]
    return operations, heard


def test_it_is_told_once_and_then_no_more(coming_and_going):
    operations, heard = coming_and_going
    assert heard == [
        (0, "opened"), (5, "recovered"), (5, "second-look"),
        (10, "reopened"), (15, "recovered"), (15, "second-look"),
        (20, "flapping"),
    ]  # fmt: skip
    incident = operations.incident(1)
    assert (incident.relapses, incident.flapping, incident.state) == (3, True, State.RECOVERED)
    assert len(operations.duties(open=True)) == 1


def test_when_it_has_been_calm_for_an_hour_its_recovery_is_told(coming_and_going):
    operations, _ = coming_and_going
    early, late = NOW + MINUTE * 90, NOW + MINUTE * 96
    assert operations.climb(early) == 0
    assert operations.climb(late) == 1
    assert told(operations, late) == [("recovered", "guard"), ("second-look", "guard")]
    assert StoryKind.CALM in [line.kind for line in operations.story(1)]
    assert operations.incident(1).flapping is False
    operations.take([says(20, after=MINUTE * 120)], PACKS, NOW + MINUTE * 120)
    assert told(operations, NOW + MINUTE * 120) == [("reopened", "guard")]


def test_worse_is_told_all_the_same(coming_and_going):
    operations, _ = coming_and_going
    at = MINUTE * 40
    operations.take([says(20, after=at, severity=Severity.CRITICAL)], PACKS, NOW + at)
    assert told(operations, NOW + at) == [("flapping", "guard")]


def test_a_climb_goes_on_where_it_stood(operations):
    for n, minute in enumerate((0, 10, 20)):
        for k, change in enumerate((Change.RAISED, Change.CLEARED)):
            after = MINUTE * (minute + k)
            operations.take([says(2 * n + k + 1, change, after=after)], PACKS, NOW + after)
            told(operations, NOW + after)
    for n in range(12):  # nobody comes, and it is back for a minute every three
        after = MINUTE * (24 + 3 * n)
        for k, change in enumerate((Change.RAISED, Change.CLEARED)):
            moment = after + MINUTE * (2 * k)
            operations.take([says(10 + 2 * n + k, change, after=moment)], PACKS, NOW + moment)
            operations.climb(NOW + moment)
    assert told(operations, NOW + MINUTE * 90) == [("climbed", "mei")]


def test_whoever_has_it_keeps_it_while_it_comes_and_goes(coming_and_going):
    operations, _ = coming_and_going
    at = MINUTE * 36
    operations.take([says(20, after=at)], PACKS, NOW + at)
    assert operations.incident(1).state is State.OPEN
    operations.acknowledge(1, "mei", "desk", NOW + at)
    operations.take([says(21, Change.CLEARED, after=at + MINUTE)], PACKS, NOW + at + MINUTE)
    operations.take([says(22, after=at + MINUTE * 2)], PACKS, NOW + at + MINUTE * 2)
    incident = operations.incident(1)
    assert (incident.state, incident.acknowledged_by) == (State.ACKNOWLEDGED, "mei")
    assert incident.acknowledged_until == NOW + at + timedelta(hours=4)


def test_what_opens_and_ends_by_itself_again_and_again_is_told_once_too(operations):
    heard = []
    for n in range(5):
        for k, change in enumerate((Change.RAISED, Change.CLEARED)):
            after = MINUTE * (6 * n + 3 * k)
            word = says(2 * n + k + 1, change, after=after, cls=IncidentClass.WATCH)
            operations.take([word], PACKS, NOW + after)
            heard += [reason for reason, person in told(operations, NOW + after)]
    assert heard == ["opened", "recovered", "opened", "recovered", "flapping"]
    assert operations.totals().incidents == 5

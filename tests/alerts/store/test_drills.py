"""Drills go the whole way, are marked everywhere, stay apart, and end by themselves."""

from datetime import timedelta

import pytest

from alerts.incidents.acts import Refusal, Refused
from alerts.incidents.model import State, StoryKind
from alerts.notify.outcome import Accepted
from alerts.packs import shipped
from alerts.rules.packs import read_packs
from alerts.store.operations import Operations
from alerts.words import IncidentClass, Severity
from tests.alerts.incidents.community import NOW, REGISTRY, says

MINUTE = timedelta(minutes=1)
SHED = REGISTRY.places[1]
PACKS = read_packs(shipped())


@pytest.fixture
def house(url):
    """With the real words."""
    with Operations(url, packs=PACKS) as operations:
        operations.set_up()
        operations.save_registry(REGISTRY, "x", "y", NOW)
        yield operations


def drill(operations, rule="eb-smoke", lasts=15 * MINUTE, why="季度演练"):
    return operations.open_drill(
        SHED, rule, IncidentClass.FIRE, Severity.CRITICAL, lasts, "王经理", why, NOW
    )


def told(operations, now):
    found = []
    while due := operations.due(now, 50):
        for notice in due:
            operations.settle(notice.id, Accepted(proof="ok"), now)
            found.append(notice)
    return found


def test_it_is_told_climbs_and_ends_by_itself_and_every_message_is_marked(house):
    begun = drill(house)
    assert begun.is_drill
    sent = told(house, NOW)
    house.climb(NOW + 6 * MINUTE)
    sent += told(house, NOW + 6 * MINUTE)
    house.climb(NOW + 15 * MINUTE)
    sent += told(house, NOW + 15 * MINUTE)
    assert [(n.reason.value, n.person) for n in sent] == [
        ("opened", "guard"), ("climbed", "mei"), ("closed", "guard"), ("closed", "mei"),
    ]  # fmt: skip
    marks = {"guard": "【演练】", "mei": "[DRILL] "}
    for notice in sent:
        assert notice.title.startswith(marks[notice.person]), notice.title
        assert notice.text.startswith(marks[notice.person]), notice.text
    assert "演练到此结束" in sent[2].text
    incident = house.incident(begun.id)
    assert (incident.state, incident.closed_at) == (State.CLOSED, NOW + 15 * MINUTE)
    assert house.duties(open=True) == []
    line = house.story(begun.id)[0]
    assert (line.kind, line.who, line.facts["note"]) == (StoryKind.DRILL, "王经理", "季度演练")


def test_a_real_danger_of_the_same_rule_opens_beside_it(house):
    drill(house, "charging.feeder")
    house.take([says(1)], PACKS, NOW + MINUTE)
    drilled, real = sorted(house.open_incidents(), key=lambda one: one.id)
    assert (drilled.is_drill, real.is_drill, real.part_of) == (True, False, None)
    told_of = {notice.incident for notice in told(house, NOW + MINUTE)}
    assert told_of == {drilled.id, real.id}


def test_one_that_is_taken_over_ends_in_time_too_and_counts_nothing(house):
    begun = drill(house)
    house.acknowledge(begun.id, "mei", "link", NOW + MINUTE)
    house.climb(NOW + timedelta(days=1))
    assert house.incident(begun.id).state is State.CLOSED
    assert house.precision() == {}


def test_what_is_no_drill_is_never_ended_so(house):
    house.take([says(1)], PACKS, NOW)
    house.climb(NOW + 20 * MINUTE)
    assert house.incident(1).state is State.OPEN


def test_a_drill_that_does_not_fit_is_refused(house):
    assert drill(house, why=" ") == Refused(Refusal.NO_WORDS)
    assert drill(house, lasts=timedelta(hours=5)) == Refused(Refusal.NO_SUCH_TIME)
    drill(house)
    assert drill(house) == Refused(Refusal.DRILL_UNDER_WAY)

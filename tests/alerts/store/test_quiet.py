"""Silences, maintenance windows and one's own snooze: who is held back, until when, and why."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alerts.incidents.acts import Refusal, Refused
from alerts.incidents.model import State, StoryKind
from alerts.incidents.silences import Silence, SilenceKind
from alerts.notify.outcome import Accepted, Rejected, Retry
from alerts.rules.transition import Change
from alerts.store.reads import Unsent
from alerts.words import IncidentClass, Severity
from tests.alerts.incidents.community import GUARD, NIGHT, NOW, REGISTRY, says
from tests.alerts.store.conftest import PACKS

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
WISH = Silence(
    id=0,
    site="riverside",
    place="shed-1",
    since=NOW,
    until=NOW + HOUR,
    who="wen",
    why="换探头",
    made_at=NOW,
)
SAFETY = IncidentClass.SAFETY


def told(operations, now):
    found = []
    while due := operations.due(now, 50):
        for notice in due:
            operations.settle(notice.id, Accepted(), now)
            found.append((notice.reason.value, notice.person))
    return found


def reasons(operations, person, incident=1):
    return [row.reason for row in operations.why(incident, person)]


def test_what_is_silenced_calls_nobody_and_is_told_when_the_silence_ends_and_it_is_still_so(
    operations,
):
    operations.silence(WISH, NOW)
    operations.take([says(1, cls=SAFETY)], PACKS, NOW)
    assert told(operations, NOW) == []
    assert reasons(operations, "guard") == ["silenced"]
    assert reasons(operations, "mei") == ["not-this-tier"]
    assert operations.incident(1).next_step_at == NOW + HOUR
    muted = next(line for line in operations.story(1) if line.kind is StoryKind.MUTED)
    assert (muted.who, muted.facts["note"]) == ("wen", "换探头")
    assert operations.climb(NOW + 59 * MINUTE) == 0
    operations.climb(NOW + HOUR)
    assert told(operations, NOW + HOUR) == [("opened", "guard")]
    operations.climb(NOW + HOUR + 31 * MINUTE)
    assert told(operations, NOW + HOUR + 31 * MINUTE) == [("climbed", "mei")]


def test_upkeep_of_the_night_is_told_in_the_morning_and_climbs_from_there(operations):
    day = NIGHT.replace(hour=23, minute=0)  # 07:00 in Shanghai
    upkeep = says(1, cls=IncidentClass.UPKEEP, after=NIGHT - NOW)
    operations.take([upkeep], PACKS, NIGHT)
    for hours in range(5):
        operations.climb(NIGHT + hours * HOUR)
        assert told(operations, NIGHT + hours * HOUR) == []
    assert told(operations, day) == [("opened", "guard")]
    assert operations.climb(day + 29 * MINUTE) == 0
    operations.climb(day + 30 * MINUTE)
    assert told(operations, day + 30 * MINUTE) == [("climbed", "mei")]


EVENING = NOW.replace(hour=13, minute=59)  # 21:59 in Shanghai
MORNING = NOW.replace(hour=23)  # 07:00 there
UPKEEP = IncidentClass.UPKEEP


@pytest.mark.parametrize("outcome", [Retry("the server is away"), Rejected("unknown"), None])
def test_what_could_not_be_sent_in_the_evening_wakes_nobody_at_night(operations, outcome):
    operations.take([says(1, cls=UPKEEP, after=EVENING - NOW)], PACKS, EVENING)
    (opened,) = operations.due(EVENING, 10)
    if outcome is None:
        operations.hold([opened.id], EVENING + 2 * MINUTE, "waits 120 s for its turn")
    else:
        operations.settle(opened.id, outcome, EVENING)
    assert operations.due(EVENING + MINUTE * 30, 10) == []
    assert operations.unsent(EVENING + MINUTE * 30) == Unsent()
    assert told(operations, MORNING) == [("opened", "guard")]


def test_what_could_not_be_sent_of_a_fire_in_the_evening_goes_out_at_night(operations):
    operations.take([says(1, after=EVENING - NOW)], PACKS, EVENING)
    (opened,) = operations.due(EVENING, 10)
    operations.settle(opened.id, Retry("the server is away"), EVENING)
    assert told(operations, EVENING + MINUTE * 30) == [("opened", "guard")]


def test_a_link_that_somebody_asks_for_at_night_comes_before_what_rests(operations):
    operations.take([says(1, cls=UPKEEP, after=EVENING - NOW)], PACKS, EVENING)
    (opened,) = operations.due(EVENING, 10)
    operations.settle(opened.id, Retry("the server is away"), EVENING)
    operations.send_link(1, "guard", EVENING + MINUTE * 5)
    assert told(operations, EVENING + MINUTE * 5) == [("link", "guard")]


def test_what_is_over_when_the_silence_ends_is_told_to_nobody(operations):
    operations.silence(WISH, NOW)
    operations.take([says(1, cls=SAFETY)], PACKS, NOW)
    operations.take([says(2, Change.CLEARED, cls=SAFETY)], PACKS, NOW + MINUTE)
    operations.climb(NOW + 2 * HOUR)
    assert told(operations, NOW + 2 * HOUR) == []
    assert len(operations.duties(open=True)) == 1  # it is there for whoever looks
    assert reasons(operations, "guard")[-1] == "silenced"


def test_fire_is_not_silenced_until_a_second_person_agrees(operations):
    silence = operations.silence(WISH, NOW)
    assert operations.confirm_silence(silence.id, "wen", NOW) == Refused(Refusal.SAME_PERSON)
    operations.take([says(1)], PACKS, NOW)
    assert told(operations, NOW) == [("opened", "guard")]
    assert operations.confirm_silence(silence.id, "mei", NOW).confirmed_by == "mei"
    operations.climb(NOW + 31 * MINUTE)
    assert told(operations, NOW + 31 * MINUTE) == []  # the climb stands still
    operations.climb(NOW + HOUR)
    assert told(operations, NOW + HOUR) == []  # the guard was told before, and has a whole wait
    operations.climb(NOW + HOUR + 31 * MINUTE)
    assert told(operations, NOW + HOUR + 31 * MINUTE) == [("climbed", "mei")]


def test_a_silence_that_is_ended_early_lets_go_at_once(operations):
    silence = operations.silence(WISH, NOW)
    operations.take([says(1, cls=SAFETY)], PACKS, NOW)
    operations.end_silence(silence.id, "mei", NOW + MINUTE)
    operations.climb(NOW + MINUTE)
    assert told(operations, NOW + MINUTE) == [("opened", "guard")]
    assert operations.silences(now=NOW + MINUTE) == []
    assert operations.silences()[0].ended_by == "mei"


def test_a_silence_that_is_ended_early_holds_nothing_back_that_somebody_had_in_hand(operations):
    silence = operations.silence(replace(WISH, until=NOW + 24 * HOUR), NOW)
    operations.take([says(1, cls=SAFETY)], PACKS, NOW)
    operations.acknowledge(1, "mei", "desk", NOW)
    operations.end_silence(silence.id, "mei", NOW + HOUR)
    assert operations.incident(1).next_step_at is None
    operations.climb(NOW + 4 * HOUR)  # her acknowledgement runs out
    operations.climb(NOW + 4 * HOUR)
    assert told(operations, NOW + 4 * HOUR) == [("opened", "guard")]


def test_what_reached_nobody_before_a_silence_is_told_once_more_when_that_ends(operations):
    people = tuple(one for one in REGISTRY.people if one.id in ("guard", "wen"))
    operations.save_registry(replace(REGISTRY, people=people), "me", "few", NOW)
    operations.take([says(1, cls=SAFETY)], PACKS, NOW)
    operations.silence(WISH, NOW)
    for _ in GUARD.addresses:
        (opened,) = operations.due(NOW, 10)
        operations.settle(opened.id, Rejected("the service is away"), NOW)
    assert operations.incident(1).muted_until == NOW + HOUR
    operations.climb(NOW + HOUR)
    assert told(operations, NOW + HOUR) == [("opened", "guard")]


def test_two_silences_hold_until_the_later_one_ends(operations):
    operations.silence(WISH, NOW)
    operations.silence(replace(WISH, until=NOW + 2 * HOUR, kind=SilenceKind.MAINTENANCE), NOW)
    operations.take([says(1, cls=SAFETY)], PACKS, NOW)
    operations.climb(NOW + HOUR)
    assert told(operations, NOW + HOUR) == []
    assert reasons(operations, "guard") == ["maintenance"]
    operations.climb(NOW + 2 * HOUR)
    assert told(operations, NOW + 2 * HOUR) == [("opened", "guard")]


@pytest.mark.parametrize(
    ("change", "is_told"),
    [
        ({}, False),
        ({"place": "laobakou"}, True),
        ({"place": "", "rule": "charging.feeder"}, False),
        ({"place": "", "rule": "another"}, True),
        ({"place": "", "device": "box-1"}, True),
        ({"since": NOW + MINUTE}, True),
        ({"place": ""}, False),
    ],
)
def test_a_silence_covers_what_it_names_while_it_holds(operations, change, is_told):
    assert isinstance(operations.silence(replace(WISH, **change), NOW), Silence)
    operations.take([says(1, cls=SAFETY)], PACKS, NOW)
    assert bool(told(operations, NOW)) is is_told


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"why": " "}, Refusal.NO_WORDS),
        ({"until": NOW}, Refusal.NO_SUCH_TIME),
        ({"until": NOW + timedelta(days=31)}, Refusal.NO_SUCH_TIME),
        (
            {"since": NOW + timedelta(days=400), "until": NOW + timedelta(days=401)},
            Refusal.NO_SUCH_TIME,
        ),
        ({"who": "nobody"}, Refusal.UNKNOWN_PERSON),
        ({"place": "nowhere"}, Refusal.UNKNOWN_PLACE),
        ({"device": "nothing"}, Refusal.UNKNOWN_PLACE),
        ({"rule": "no-such-rule"}, Refusal.UNKNOWN_RULE),
    ],
)
def test_a_silence_that_does_not_fit_is_refused(operations, change, refusal):
    assert operations.silence(replace(WISH, **change), NOW) == Refused(refusal)


def test_whoever_snoozes_hears_later_and_the_next_are_asked_at_once(operations):
    operations.snooze("guard", None, NOW + HOUR, NOW)
    operations.take([says(1, cls=IncidentClass.POLLUTION)], PACKS, NOW)
    assert told(operations, NOW) == [("climbed", "mei")]
    assert reasons(operations, "guard") == ["snoozed", "already-told"]
    assert told(operations, NOW + HOUR) == [("opened", "guard")]


def test_a_snooze_that_ends_in_quiet_hours_is_no_reason_to_ring(operations):
    operations.snooze("mei", None, NOW + 6 * HOUR, NOW)  # midnight in Shanghai
    operations.take([says(1, cls=IncidentClass.POLLUTION)], PACKS, NOW)
    told(operations, NOW)
    operations.climb(NOW + 30 * MINUTE)
    assert told(operations, NOW + 30 * MINUTE) == [("climbed", "wen")]
    assert told(operations, NOW + 6 * HOUR) == []
    assert told(operations, MORNING) == [("climbed", "mei")]


def test_fire_flood_and_safety_are_not_snoozed_but_for_one_incident_that_was_seen(operations):
    operations.snooze("guard", None, NOW + HOUR, NOW)
    operations.take([says(1)], PACKS, NOW)
    assert told(operations, NOW) == [("opened", "guard")]
    operations.snooze("guard", 1, NOW + HOUR, NOW)
    operations.take([says(2, Change.CLEARED)], PACKS, NOW + MINUTE)
    assert told(operations, NOW + MINUTE) == []
    assert told(operations, NOW + HOUR) == [("recovered", "guard"), ("second-look", "guard")]


def test_worse_is_told_to_whoever_snoozed(operations):
    operations.take([says(1)], PACKS, NOW)
    told(operations, NOW)
    operations.snooze("guard", 1, NOW + HOUR, NOW)
    operations.take([says(2, Change.SEVERITY, severity=Severity.CRITICAL)], PACKS, NOW)
    assert told(operations, NOW) == [("severity", "guard")]


def test_a_snooze_is_for_a_day_at_most_and_can_be_taken_back(operations):
    late = NOW + timedelta(hours=25)
    assert operations.snooze("guard", None, late, NOW) == Refused(Refusal.NO_SUCH_TIME)
    soon = NOW + MINUTE
    assert operations.snooze("guard", 99, soon, NOW) == Refused(Refusal.UNKNOWN_INCIDENT)
    operations.snooze("guard", None, NOW + HOUR, NOW)
    assert [one.until for one in operations.snoozes("guard", NOW)] == [NOW + HOUR]
    operations.snooze("guard", None, NOW, NOW)
    assert operations.snoozes("guard", NOW) == []


def test_what_people_hold_is_not_touched_by_a_silence(operations):
    operations.take([says(1, cls=SAFETY)], PACKS, NOW)
    operations.acknowledge(1, "mei", "desk", NOW)
    operations.silence(WISH, NOW)
    operations.climb(NOW + 2 * HOUR)
    assert operations.incident(1).state is State.ACKNOWLEDGED

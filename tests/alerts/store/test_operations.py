"""What the rules say, and what time does, as stories on the database."""

import random
import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.incidents.grouping import WINDOW
from alerts.incidents.lifecycle import Timers
from alerts.incidents.model import State, StoryKind
from alerts.notify.notice import NoticeReason, NoticeState
from alerts.notify.outcome import Accepted, Rejected, Retry
from alerts.rules.transition import Change
from alerts.store.operations import Operations
from alerts.store.reads import Unsent
from alerts.words import IncidentClass, Severity
from edge.contract.subject import Subject
from tests.alerts.incidents.community import (
    ADDRESSLESS,
    CHIEF,
    GUARD,
    NIGHT,
    NOW,
    REGISTRY,
    SHED,
    TOWN,
    hook,
    polluted,
    says,
)
from tests.alerts.store.conftest import PACKS


def at(**since: float) -> datetime:
    return NOW + timedelta(**since)


def sent(operations: Operations, now: datetime = NOW) -> list[tuple[str, str]]:
    """Every due notice is accepted: (reason, person)."""
    told = []
    while due := operations.due(now, 10):
        for notice in due:
            operations.settle(notice.id, Accepted(), now)
            told.append((notice.reason.value, notice.person))
    return told


def notices(operations: Operations) -> list[tuple[str, int, str, str]]:
    return [
        (n.reason.value, n.step, n.person, n.state.value)
        for n in reversed(operations.notices(limit=1000))
    ]


def kinds(operations: Operations, incident: int = 1) -> list[StoryKind]:
    return [line.kind for line in operations.story(incident)]


def test_a_danger_is_written_down_with_its_story_notice_and_everyone_considered(operations):
    operations.take([says(1)], PACKS, NOW)
    (incident,) = operations.open_incidents()
    assert (incident.state, incident.subject) == (State.OPEN, SHED)
    assert kinds(operations) == [StoryKind.FIRST_SIGN, StoryKind.OPENED, StoryKind.TOLD]
    (notice,) = operations.due(NOW, 10)
    assert notice.address == GUARD.addresses[0]
    assert notice.title == "opened 1"
    assert notice.link == "http://127.0.0.1:8000/incidents/1"
    assert {row.person for row in operations.considered(1)} == {p.id for p in REGISTRY.people}
    assert [row.reason for row in operations.why(1, "mei")] == ["not-this-tier"]


def test_the_story_of_a_night_in_the_shed(operations):
    """At 02:10 the feeder overloads; nobody answers; Mei takes over; it recovers; she looks again."""
    t0 = NIGHT
    shift = t0 - NOW
    operations.take([says(1, after=shift, severity=Severity.CRITICAL)], PACKS, t0)
    assert sent(operations, t0 + timedelta(seconds=2)) == [("opened", "guard")]
    assert operations.climb(t0 + timedelta(minutes=5)) == 0  # counted from the first send
    assert operations.climb(t0 + timedelta(minutes=5, seconds=2)) == 1
    # Fire does not wait for the end of her quiet hours.
    assert sent(operations, t0 + timedelta(minutes=6)) == [("climbed", "mei")]
    operations.acknowledge(1, "mei", "link", t0 + timedelta(minutes=7))
    assert operations.climb(t0 + timedelta(hours=1)) == 0
    cleared = says(2, Change.CLEARED, after=shift + timedelta(hours=1))
    operations.take([cleared], PACKS, t0 + timedelta(hours=1))
    assert sent(operations, t0 + timedelta(hours=1)) == [
        ("recovered", "guard"),
        ("recovered", "mei"),
        ("second-look", "mei"),
    ]
    (duty,) = operations.duties(open=True)
    assert duty.person == "mei"
    operations.confirm_second_look(duty.id, "mei", "fine", "看过了", t0 + timedelta(hours=6))
    (closed,) = operations.incidents()
    assert (closed.state, closed.unconfirmed) == (State.CLOSED, False)
    assert sent(operations, t0 + timedelta(hours=6)) == [("closed", "guard"), ("closed", "mei")]
    assert operations.open_incidents() == []
    assert operations.duties(open=True) == []


def test_a_transition_that_is_known_is_skipped_entirely(operations):
    story = [says(1), says(2, Change.CLEARED), says(3)]
    operations.take(story, PACKS, NOW)
    before = (operations.incidents(), operations.story(1), operations.notices())
    operations.take([*story, story[0]], PACKS, at(hours=1))
    assert (operations.incidents(), operations.story(1), operations.notices()) == before
    assert operations.transitions() == story


def test_two_subjects_are_two_incidents_and_one_stays_one(operations):
    other = says(2, subject=Subject.of_place("riverside", "shed-1", "p1"), port="p1")
    operations.take([says(1), other, says(3, Change.RAISED)], PACKS, NOW)
    assert len(operations.open_incidents()) == 2


def test_a_relapse_is_told_again_from_the_first_tier(operations):
    operations.take([says(1)], PACKS, NOW)
    operations.climb(at(minutes=30))
    operations.take([says(2, Change.CLEARED, after=timedelta(hours=1))], PACKS, at(hours=1))
    sent(operations, at(hours=1))
    operations.take([says(3, after=timedelta(hours=2))], PACKS, at(hours=2))
    assert sent(operations, at(hours=2)) == [("reopened", "guard"), ("reopened", "mei")]
    assert operations.duties(open=True) == []
    incident = operations.incident(1)
    assert incident is not None
    assert (incident.step, incident.relapses) == (0, 1)
    assert incident.next_step_at == at(hours=2, minutes=30)


def test_a_second_rise_is_told_too(operations):
    minor = says(1, severity=Severity.MINOR)
    rises = [
        says(2, Change.SEVERITY, severity=Severity.MAJOR),
        says(3, Change.SEVERITY, severity=Severity.CRITICAL),
    ]
    operations.take([minor, *rises], PACKS, NOW)
    assert sent(operations) == [("opened", "guard"), ("severity", "guard"), ("severity", "guard")]


def test_upkeep_waits_for_the_digest_and_ends_itself(operations):
    upkeep: dict[str, Any] = {"cls": IncidentClass.UPKEEP, "severity": Severity.MINOR}
    operations.take([says(1, **upkeep)], PACKS, NOW)
    assert operations.due(at(days=1), 10) == []
    assert operations.why(1, "guard")[0].reason == "digest"
    assert operations.climb(at(days=9)) == 0
    operations.take([says(2, Change.CLEARED, **upkeep)], PACKS, at(hours=1))
    assert [i.state for i in operations.incidents()] == [State.CLOSED]
    assert operations.duties() == []


def test_quiet_hours_hold_a_notice_until_they_end(operations):
    operations.take([polluted(1)], PACKS, NIGHT)
    assert [n.person for n in operations.due(NIGHT, 10)] == []
    assert operations.why(1, "lao-li")[0].reason == "quiet-hours"
    morning = NIGHT + timedelta(hours=5)
    assert [n.person for n in operations.due(morning, 10)] == ["lao-li"]


def test_a_tier_without_an_address_gives_way_at_once(operations):
    operations.take([polluted(1)], PACKS, NOW)
    operations.climb(at(minutes=30))
    assert notices(operations) == [
        ("opened", 0, "lao-li", "waiting"),
        ("climbed", 2, "town", "waiting"),
    ]
    assert [r.reason for r in operations.why(1, ADDRESSLESS.id)] == [
        "not-this-tier",
        "no-address",
        "not-this-tier",
    ]
    climbs = [s.facts for s in operations.story(1) if s.kind is StoryKind.CLIMBED]
    assert climbs == [{"step": 1, "because": "wait"}, {"step": 2, "because": "nobody"}]


def test_nobody_at_all_is_said_in_the_story(operations):
    operations.save_registry(replace(REGISTRY, people=(CHIEF,)), "me", "all left", NOW)
    operations.take([says(1)], PACKS, NOW)
    assert operations.notices() == []
    assert operations.story(1)[-1].facts == {"because": "nobody", "people": ""}
    assert operations.climb(at(days=1)) == 0


def test_without_anything_accepted_the_climb_goes_on_from_the_writing(operations):
    operations.take([says(1)], PACKS, NOW)
    assert operations.climb(at(minutes=29)) == 0
    assert operations.climb(at(minutes=30)) == 1
    assert operations.climb(at(minutes=30)) == 0


def test_only_the_first_acceptance_of_a_tier_moves_its_wait(operations):
    registry = replace(REGISTRY, people=(GUARD, replace(GUARD, id="other", addresses=(hook("o"),))))
    operations.save_registry(registry, "me", "two guards", NOW)
    operations.take([says(1)], PACKS, NOW)
    first, second = operations.due(NOW, 10)
    operations.settle(first.id, Accepted(), at(minutes=5))
    operations.settle(second.id, Accepted(), at(minutes=25))
    incident = operations.incident(1)
    assert incident is not None
    assert incident.next_step_at == at(minutes=35)


def test_a_house_that_slept_skips_and_repeats_no_step(operations):
    operations.take([says(1)], PACKS, NOW)
    assert operations.climb(at(days=3)) == 1
    assert operations.climb(at(days=3)) == 0
    assert operations.climb(at(days=6)) == 1
    assert operations.climb(at(days=9)) == 0
    assert [(r, s, p) for r, s, p, _ in notices(operations)] == [
        ("opened", 0, "guard"),
        ("climbed", 1, "mei"),
        ("climbed", 2, "wen"),
    ]


def test_an_expired_acknowledgement_climbs_on_from_the_same_step(operations):
    operations.take([says(1)], PACKS, NOW)
    operations.acknowledge(1, "guard", "desk", at(minutes=1))
    assert operations.climb(at(hours=4)) == 0
    assert operations.climb(at(hours=4, minutes=1)) == 1
    incident = operations.incident(1)
    assert incident is not None
    assert (incident.state, incident.step) == (State.OPEN, 0)
    assert operations.climb(at(hours=4, minutes=31)) == 1
    assert [n.person for n in operations.notices()] == ["mei", "guard"]


def test_what_nobody_looked_at_closes_as_unconfirmed_after_its_time(opener):
    operations = opener(timers=Timers(second_look=timedelta(hours=2)))
    operations.save_registry(REGISTRY, "me", "first", NOW)
    operations.take([says(1), says(2, Change.CLEARED)], PACKS, NOW)
    assert operations.climb(at(hours=1, minutes=59)) == 0
    assert operations.climb(at(hours=2)) == 1
    (incident,) = operations.incidents()
    assert (incident.state, incident.unconfirmed) == (State.CLOSED, True)
    assert [duty.outcome for duty in operations.duties()] == ["unconfirmed"]


def test_an_old_recovery_still_has_the_whole_time_for_its_second_look(operations):
    """After an outage the recovery may lie days back; people hear of it now."""
    operations.take([says(1), says(2, Change.CLEARED)], PACKS, at(days=2))
    assert operations.climb(at(days=2, hours=23)) == 0
    assert operations.climb(at(days=3)) == 1


def test_a_group_address_of_two_people_gets_one_message(operations):
    twin = replace(TOWN, id="twin")
    chiefs = (replace(CHIEF, addresses=()), TOWN, twin)
    operations.save_registry(replace(REGISTRY, people=chiefs), "me", "a group", NOW)
    operations.take([polluted(1)], PACKS, NOW)
    assert [n.person for n in operations.notices()] == ["town"]
    assert operations.why(1, "twin")[-1].told


def test_words_that_fail_never_leave_a_danger_untold(url):
    def broken(*args, **more):
        raise KeyError("no such figure")

    with Operations(url, words=broken) as operations:
        operations.set_up()
        operations.save_registry(REGISTRY, "me", "first", NOW)
        operations.take([says(1)], PACKS, NOW)
        (notice,) = operations.due(NOW, 10)
        assert "charging.feeder" in notice.title
        assert "place:riverside/shed-1" in notice.text


def test_reads_page_by_id_and_by_place(operations):
    many = [
        says(
            n,
            rule=f"rule-{n}",
            subject=Subject.of_place("riverside", "shed-1", f"p{n}"),
            after=n * 2 * WINDOW,  # too far apart to be told as one
        )
        for n in range(1, 8)
    ]
    for n, one in enumerate([*many, polluted(9)]):
        operations.take([one], PACKS, NOW + n * 2 * WINDOW)
    assert [i.id for i in operations.incidents(limit=3)] == [8, 7, 6]
    assert [i.id for i in operations.incidents(before=6, limit=3)] == [5, 4, 3]
    assert [i.id for i in operations.incidents(place=("riverside", "laobakou"))] == [8]
    assert operations.incidents(site="elsewhere") == []
    assert operations.incidents(open=False) == []
    ids = [n.id for n in operations.notices(limit=3)]
    assert ids == sorted(ids, reverse=True)
    assert max(n.id for n in operations.notices(before=ids[-1])) < ids[-1]


def test_the_worst_is_first_among_what_is_open(operations):
    p2 = Subject.of_place("riverside", "shed-1", "p2")
    critical = says(2, subject=p2, severity=Severity.CRITICAL)
    operations.take([critical, says(3), polluted(4, severity=Severity.MINOR)], PACKS, NOW)
    assert [i.severity for i in operations.open_incidents()] == [
        Severity.CRITICAL,
        Severity.MAJOR,
        Severity.MINOR,
    ]


def test_counts_and_totals_add_up(operations):
    operations.take([says(1), polluted(2), polluted(3, Change.CLEARED)], PACKS, NOW)
    counts = operations.counts()
    assert counts.states == {State.OPEN: 1, State.RECOVERED: 1}
    assert (counts.incidents, counts.duties) == (2, 1)
    unsent = [n for n in operations.notices() if n.state is NoticeState.WAITING]
    assert counts.notices_unsent == len(unsent)
    totals = operations.totals()
    assert (totals.transitions, totals.incidents) == (3, 2)
    assert totals.notices == {NoticeState.WAITING: len(unsent), NoticeState.OVERTAKEN: 2}


def test_what_is_to_do_is_oldest_first_and_what_is_done_newest_first(operations):
    for n in range(3):
        pair = [says(2 * n, rule=f"r{n}"), says(2 * n + 1, Change.CLEARED, rule=f"r{n}")]
        operations.take(pair, PACKS, at(hours=n))
    assert [d.id for d in operations.duties(open=True)] == [1, 2, 3]
    for n in (1, 2, 3):
        operations.close_incident(n, "wen", "", "desk", at(hours=4))
    assert [d.id for d in operations.duties(open=False, limit=2)] == [3, 2]


def test_the_mark_rises_with_every_change_and_not_with_a_look(operations):
    before = operations.mark()
    operations.take([says(1)], PACKS, NOW)
    operations.climb(at(minutes=1))
    operations.counts()
    assert operations.mark() == before + 1


def test_a_proof_commits_and_changes_nothing(operations):
    operations.take([says(1)], PACKS, NOW)
    before = operations.mark(), operations.counts(), operations.notices()
    operations.prove()
    assert (operations.mark(), operations.counts(), operations.notices()) == before


def test_a_fault_half_way_leaves_nothing_behind(operations):
    unwritable = says(2, facts={"x": object()})
    with pytest.raises(Exception, match="object"):
        operations.take([says(1), unwritable], PACKS, NOW)
    assert (operations.incidents(), operations.notices(), operations.transitions()) == ([], [], [])
    operations.take([says(1)], PACKS, NOW)
    assert len(operations.incidents()) == 1


SUBJECTS = (
    Subject.of_place("riverside", "shed-1", "p1"),
    Subject.of_place("riverside", "shed-1", "p2"),
)
SPOKEN = st.lists(
    st.tuples(st.sampled_from(SUBJECTS), st.sampled_from(Change), st.sampled_from(Severity)),
    max_size=10,
)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(spoken=SPOKEN, seed=st.integers(0, 2**32), cuts=st.lists(st.integers(1, 4), max_size=8))
def test_repeating_any_transitions_changes_nothing(template, spoken, seed, cuts):
    """Whatever the order: said once, or again and again in pieces, the incidents are the same."""
    transitions = [
        says(n, change, subject=subject, severity=severity)
        for n, (subject, change, severity) in enumerate(spoken)
    ]
    dice = random.Random(seed)
    dice.shuffle(transitions)
    once, again = _copy(template, "once.db"), _copy(template, "again.db")
    once.take(transitions, PACKS, NOW)
    done = 0
    for size in [*cuts, len(transitions)]:
        done = min(done + size, len(transitions))
        repeated = transitions[:done]
        # Old ones come again in any order, the new ones in theirs.
        old = dice.sample(repeated, dice.randint(0, len(repeated)))
        known = [transition for transition in old if transition in again.transitions()]
        again.take([*known, *repeated, *known], PACKS, NOW)
    assert _all(again) == _all(once)
    once.close()
    again.close()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with nothing but the registry, to be copied."""
    path = tmp_path_factory.mktemp("template") / "o.db"
    with _open(path) as operations:
        operations.set_up()
        operations.save_registry(REGISTRY, "me", "first", NOW)
    return path


def _open(path: Path) -> Operations:
    return Operations(f"sqlite:///{path}", words=lambda *_, **__: ("t", "x"), packs=PACKS)


def _copy(template: Path, name: str) -> Operations:
    path = template.with_name(name)
    for left in template.parent.glob(f"{name}*"):
        left.unlink()
    shutil.copy(template, path)
    return _open(path)


def _all(operations: Operations) -> object:
    incidents = operations.incidents(limit=1000)
    return (
        incidents,
        [operations.story(incident.id) for incident in incidents],
        operations.notices(limit=1000),
        operations.duties(),
        operations.transitions(),
    )


def test_a_rejected_last_address_is_no_silence(operations):
    """Guard's hook and mail are both refused: the next tier is told at once, and it is recorded."""
    operations.take([says(1)], PACKS, NOW)
    for second in (1, 2):
        (notice,) = operations.due(at(seconds=second), 10)
        operations.settle(notice.id, Rejected("no such address"), at(seconds=second))
    assert notices(operations) == [
        ("opened", 0, "guard", "rejected"),
        ("opened", 0, "guard", "rejected"),
        ("climbed", 1, "mei", "waiting"),
    ]
    assert [r.reason for r in operations.why(1, "guard")] == [
        "tier",
        "next-address",
        "not-accepted",
        "not-this-tier",
    ]
    assert [n.reason for n in operations.due(at(seconds=3), 10)] == [NoticeReason.CLIMBED]


def test_what_the_outbox_has_still_to_do_is_what_is_due(operations):
    operations.take([polluted(1)], PACKS, NOW)
    (notice,) = operations.due(NOW, 10)
    unsent = operations.unsent(at(minutes=3))
    assert (unsent.waiting, unsent.retrying, unsent.oldest_at) == (1, 0, NOW)
    assert operations.unsent(at(minutes=-1)) == Unsent()  # as what quiet hours hold back
    operations.settle(notice.id, Retry("no network", timedelta(hours=1)), at(minutes=3))
    unsent = operations.unsent(at(minutes=4))
    assert (unsent.waiting, unsent.retrying, unsent.oldest_at) == (0, 1, NOW)
    operations.settle(notice.id, Accepted(), at(minutes=5))
    assert operations.unsent(at(minutes=6)) == Unsent()

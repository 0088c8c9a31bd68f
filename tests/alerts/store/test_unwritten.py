"""Fire that cannot be written down: who is told from memory, and what is recorded of it later."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from alerts.incidents.model import State, StoryKind
from alerts.incidents.roster import HandOver, Roster
from alerts.incidents.who import Reason
from alerts.notify.notice import NoticeReason, NoticeState
from alerts.notify.outcome import Accepted, Rejected, Retry
from alerts.registry.model import Away, ChannelKind, Registry, Rota, Turn
from alerts.rules.transition import Change
from alerts.store.operations import FROM_MEMORY
from alerts.store.telling import Teller
from alerts.store.unwritten import Unwritten
from alerts.words import IncidentClass, Severity
from tests.alerts.incidents.community import GUARD, NOW, REGISTRY, hook, mail, polluted, says
from tests.alerts.store.conftest import PACKS, words

FIRST, LATER = timedelta(seconds=6), timedelta(minutes=10)


@pytest.fixture
def unwritten() -> Unwritten:
    return Unwritten(Teller(words, "http://here"))


def told(unwritten: Unwritten) -> list[tuple[str, str]]:
    return [(one.person, one.address.to) for one in unwritten.due(NOW + LATER, 100)]


def test_the_first_tier_is_told_at_its_first_address(unwritten):
    assert unwritten.tell([says(1)], PACKS, Roster(registry=REGISTRY), NOW) == 1
    (notice,) = unwritten.due(NOW, 100)
    assert (notice.person, notice.address) == ("guard", GUARD.addresses[0])
    assert (notice.reason, notice.step, notice.state) == ("opened", 0, NoticeState.WAITING)
    assert notice.link == "http://here/incidents"
    assert notice.incident >= int(NOW.timestamp() * 1000)  # no row has that number


@pytest.mark.parametrize(
    ("transition", "count"),
    [
        (says(1), 1),
        (says(1, Change.SEVERITY, severity=Severity.CRITICAL), 1),  # whoever began later knows not
        (says(1, Change.CLEARED), 0),
        (says(1, severity=Severity.INFO), 0),
        (says(1, cls=IncidentClass.SAFETY), 0),
        (polluted(1), 0),
    ],
)
def test_only_fire_that_begins_or_grows_is_told_from_memory(unwritten, transition, count):
    assert unwritten.tell([transition], PACKS, Roster(registry=REGISTRY), NOW) == count


def without(change: dict[str, Any], **more: Any) -> Registry:
    people = [replace(one, **change) if one.id == "guard" else one for one in REGISTRY.people]
    return replace(REGISTRY, people=tuple(people), **more)


ROTA = Rota(post="guard", turns=(Turn(person="wen", since="00:00", until="23:59"),))
NO_PHONE = without({"addresses": ()}, rotas=(ROTA,))
AWAY = without({"away": (Away(since="2026-05-04", until="2026-05-04"),), "stand_in": "mei"})


@pytest.mark.parametrize(("registry", "person"), [(NO_PHONE, "wen"), (AWAY, "mei")])
def test_from_memory_the_same_people_are_told_as_by_the_database(
    unwritten, operations, registry, person
):
    operations.save_registry(registry, "x", "y", NOW)
    operations.take([says(1)], PACKS, NOW)
    unwritten.tell([says(1)], PACKS, operations.roster(), NOW)
    by_database = [notice.person for notice in operations.notices(incident=1)]
    assert [person for person, _ in told(unwritten)] == by_database == [person]


def test_from_memory_whoever_has_the_posts_phone_is_told(unwritten):
    handed = {"guard": HandOver(post="guard", holder="mei", at=NOW)}
    unwritten.tell([says(1)], PACKS, Roster(registry=NO_PHONE, handed=handed), NOW)
    assert [person for person, _ in told(unwritten)] == ["mei"]


def test_each_transition_is_told_once_and_a_fall_in_severity_never(unwritten):
    raised = says(1, severity=Severity.CRITICAL)
    eased = says(2, Change.SEVERITY, severity=Severity.MAJOR)
    worse = says(3, Change.SEVERITY, severity=Severity.CRITICAL)
    assert unwritten.tell([raised, eased], PACKS, Roster(registry=REGISTRY), NOW) == 1
    assert unwritten.tell([raised, eased, worse], PACKS, Roster(registry=REGISTRY), NOW) == 0


def test_what_was_written_down_before_is_known(unwritten):
    unwritten.forget([says(1, severity=Severity.CRITICAL)], NOW)
    eased = says(2, Change.SEVERITY, severity=Severity.MAJOR)
    assert unwritten.tell([eased], PACKS, Roster(registry=REGISTRY), NOW) == 0
    unwritten.forget([says(3, Change.CLEARED)], NOW)
    assert unwritten.tell([says(4, Change.RAISED)], PACKS, Roster(registry=REGISTRY), NOW) == 1


def test_a_tier_in_which_nobody_can_be_told_gives_way_to_the_next(unwritten):
    nobody = replace(GUARD, addresses=())
    others = tuple(one for one in REGISTRY.people if one.id != "guard")
    unwritten.tell(
        [says(1)], PACKS, Roster(registry=replace(REGISTRY, people=(nobody, *others))), NOW
    )
    (notice,) = unwritten.due(NOW, 100)
    assert (notice.person, notice.step, notice.reason) == ("mei", 1, NoticeReason.CLIMBED)


def test_what_is_lost_goes_to_the_next_address_and_then_to_the_next_tier(unwritten):
    unwritten.tell([says(1)], PACKS, Roster(registry=REGISTRY), NOW)
    for expected in ("http://127.0.0.1/guard", "guard@example.org", "mei@example.org"):
        (notice,) = unwritten.due(NOW, 100)
        assert notice.address.to == expected
        unwritten.settle(notice.id, Rejected("gone"), NOW, 0)
    states = [one.state for one in unwritten.sent(says(1))]
    assert states == [NoticeState.REJECTED] * 3


def test_what_is_not_taken_is_tried_again_later(unwritten):
    unwritten.tell([says(1)], PACKS, Roster(registry=REGISTRY), NOW)
    (notice,) = unwritten.due(NOW, 100)
    unwritten.settle(notice.id, Retry("busy"), NOW, 0)
    assert unwritten.due(NOW, 100) == []
    assert told(unwritten) == [("guard", "http://127.0.0.1/guard")]
    assert unwritten.sent(says(1)) == []


def test_what_waits_for_its_turn_is_due_when_it_has_come(unwritten):
    unwritten.tell([says(1)], PACKS, Roster(registry=REGISTRY), NOW)
    (notice,) = unwritten.due(NOW, 100)
    unwritten.hold([notice.id, 99], NOW + FIRST, "its turn")
    assert unwritten.due(NOW, 100) == []
    (held,) = unwritten.due(NOW + FIRST, 100)
    assert (held.attempts, held.detail) == (0, "its turn")


def test_a_notice_that_nobody_takes_goes_a_second_way_once(unwritten):
    unwritten.tell([says(1)], PACKS, Roster(registry=REGISTRY), NOW)
    (notice,) = unwritten.due(NOW, 100)
    assert unwritten.second(notice.id, NOW)
    assert not unwritten.second(notice.id, NOW)
    assert [to for _, to in told(unwritten)] == ["http://127.0.0.1/guard", "guard@example.org"]
    unwritten.settle(notice.id, Accepted("at last"), NOW, 0)
    assert not unwritten.second(notice.id, NOW)


def test_a_group_address_of_two_people_hears_it_once(unwritten):
    group = hook("shift", group=True)
    pair = (
        replace(GUARD, addresses=(group,)),
        replace(GUARD, id="second", addresses=(group,)),
    )
    unwritten.tell([says(1)], PACKS, Roster(registry=replace(REGISTRY, people=pair)), NOW)
    assert len(unwritten.due(NOW, 100)) == 1


def accepted(unwritten: Unwritten, after: timedelta = FIRST) -> None:
    for notice in unwritten.due(NOW + after, 100):
        unwritten.settle(notice.id, Accepted("HTTP 200"), NOW + after, 0)


def test_what_went_out_is_recorded_as_accepted_and_nobody_is_told_twice(operations):
    unwritten = operations.unwritten()
    unwritten.tell([says(1)], PACKS, Roster(registry=REGISTRY), NOW + FIRST)
    accepted(unwritten)
    for _ in range(2):  # the answer to the first was lost
        operations.take([says(1)], PACKS, NOW + LATER)
        operations.record(says(1), unwritten.sent(says(1)), NOW + LATER)
    unwritten.forget([says(1)], NOW + LATER)
    assert unwritten.due(NOW + LATER, 100) == []
    assert operations.due(NOW + LATER, 100) == []
    (notice,) = operations.notices()
    assert (notice.state, notice.settled_at) == (NoticeState.ACCEPTED, NOW + FIRST)
    assert notice.detail == f"HTTP 200; {FROM_MEMORY}"
    (incident,) = operations.open_incidents()
    because = [line.facts["because"] for line in operations.story(incident.id)
               if line.kind is StoryKind.TOLD and "because" in line.facts]  # fmt: skip
    assert because == ["from-memory"]
    reasons = [row.reason for row in operations.why(incident.id, "guard")]
    assert reasons == [Reason.TIER, Reason.FROM_MEMORY]


def test_the_climb_counts_from_when_people_were_told_and_skips_no_step(operations):
    unwritten = operations.unwritten()
    critical = says(1, severity=Severity.CRITICAL)  # 300 s for the first tier
    unwritten.tell([critical], PACKS, Roster(registry=REGISTRY), NOW + FIRST)
    accepted(unwritten)
    operations.take([critical], PACKS, NOW + LATER)
    operations.record(critical, unwritten.sent(critical), NOW + LATER)
    (incident,) = operations.open_incidents()
    assert incident.next_step_at == NOW + FIRST + timedelta(seconds=300)
    assert operations.climb(NOW + LATER) == 1
    assert [one.person for one in operations.due(NOW + LATER, 10)] == ["mei"]
    assert operations.climb(NOW + LATER) == 0


def test_what_was_not_accepted_by_then_is_sent_by_the_outbox(operations):
    unwritten = operations.unwritten()
    unwritten.tell([says(1)], PACKS, Roster(registry=REGISTRY), NOW + FIRST)
    (notice,) = unwritten.due(NOW + FIRST, 100)
    unwritten.settle(notice.id, Retry("busy"), NOW + FIRST, 0)
    operations.take([says(1)], PACKS, NOW + LATER)
    operations.record(says(1), unwritten.sent(says(1)), NOW + LATER)
    unwritten.forget([says(1)], NOW + LATER)
    unwritten.settle(notice.id, Accepted("late"), NOW + LATER, 0)  # it was under way
    assert [one.person for one in operations.due(NOW + LATER, 10)] == ["guard"]


def test_an_address_that_the_database_would_not_have_used_is_recorded_too(operations):
    unwritten = operations.unwritten()
    unwritten.tell([says(1)], PACKS, Roster(registry=REGISTRY), NOW)
    (first,) = unwritten.due(NOW, 100)
    unwritten.settle(first.id, Rejected("gone"), NOW, 0)
    accepted(unwritten)
    operations.take([says(1)], PACKS, NOW + LATER)
    operations.record(says(1), unwritten.sent(says(1)), NOW + LATER)
    assert {(one.address, one.state) for one in operations.notices()} == {
        (GUARD.addresses[0], NoticeState.REJECTED),
        (mail("guard"), NoticeState.ACCEPTED),
    }


def test_a_fire_that_somebody_has_already_keeps_its_state(operations):
    operations.take([says(1)], PACKS, NOW)
    (incident,) = operations.open_incidents()
    operations.acknowledge(incident.id, "guard", "test", NOW)
    unwritten = operations.unwritten()
    again = says(2)  # a rule that begins anew says it again
    unwritten.tell([again], PACKS, Roster(registry=REGISTRY), NOW + FIRST)
    accepted(unwritten)
    operations.take([again], PACKS, NOW + LATER)
    operations.record(again, unwritten.sent(again), NOW + LATER)
    (incident,) = operations.open_incidents()
    assert incident.state is State.ACKNOWLEDGED
    assert operations.why(incident.id, "guard")[-1].reason == Reason.FROM_MEMORY


def test_an_announcer_is_told_the_incidents_own_number_and_lets_go_of_the_other(operations):
    speaks = replace(GUARD.addresses[0], channel=ChannelKind.ANNOUNCER, to="riverside/box-1")
    registry = replace(REGISTRY, people=(replace(GUARD, addresses=(speaks,)),))
    operations.save_registry(registry, "engineer", "an announcer", NOW)
    unwritten = operations.unwritten()
    unwritten.tell([says(1)], PACKS, Roster(registry=registry), NOW)
    accepted(unwritten)
    (sent,) = unwritten.sent(says(1))
    operations.take([says(1)], PACKS, NOW + LATER)
    operations.record(says(1), [sent], NOW + LATER)
    assert unwritten.forget([says(1)], NOW + LATER)
    (hush,) = unwritten.due(NOW + LATER, 10)
    assert (hush.reason, hush.incident) == (NoticeReason.HUSHED, sent.incident)
    unwritten.settle(hush.id, Accepted("quiet"), NOW + LATER, 0)
    assert unwritten.due(NOW + LATER, 10) == []
    (notice,) = operations.due(NOW + LATER, 10)
    (incident,) = operations.open_incidents()
    assert notice.incident == incident.id

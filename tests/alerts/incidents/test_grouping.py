"""What is told as one: which incident leads, and what follows from a power cut and from nothing else."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from alerts.incidents.grouping import causes_it, leader_of
from alerts.incidents.model import Incident, State
from alerts.registry.model import Binding, Registry
from alerts.words import IncidentClass, Severity
from edge.contract.subject import Subject
from tests.alerts.incidents.community import NOW, REGISTRY, SHED

MINUTE = timedelta(minutes=1)
BOX = replace(
    REGISTRY.devices[0], bindings=(Binding(place="shed-1", metrics=("voltage",), interval_s=10.0),)
)
VILLAGE = replace(REGISTRY, devices=(BOX,))


def incident(rule: str, number: int = 2, **fields: Any) -> Incident:
    made: dict[str, Any] = {
        "id": number, "rule": rule, "subject": SHED, "cls": IncidentClass.UPKEEP,
        "severity": Severity.MAJOR, "state": State.OPEN, "since": NOW, "opened_at": NOW,
        "place": "shed-1", "device": "box-1",
    }  # fmt: skip
    return Incident(**(made | fields))


CUT = incident("eb-mains", 1)
SILENT = incident("eb-offline", subject=Subject.of_device("riverside", "box-1"))
DEAD = incident(
    "eb-volt-danger", cls=IncidentClass.SAFETY, metric="voltage", value=3.0, limit=100.0
)


@pytest.mark.parametrize(
    ("other", "follows", "why"),
    [
        (SILENT, True, "a box without a battery"),
        (replace(SILENT, since=NOW - 14 * MINUTE), True, "its last word was before the cut"),
        (replace(SILENT, since=NOW - 16 * MINUTE), False, "it was silent before the cut"),
        (replace(SILENT, severity=Severity.CRITICAL), False, "worse than the cut"),
        (replace(SILENT, place="laobakou"), False, "elsewhere"),
        (DEAD, True, "a meter that reads nothing"),
        (replace(DEAD, value=302.0, limit=270.0), False, "too much is no power cut"),
        (replace(DEAD, value=None), False, "nobody knows on which side"),
        (incident("eb-no-volts"), True, "the meter says the same as the detector"),
        (incident("eb-relay", severity=Severity.CRITICAL), False, "a welded relay"),
        (incident("eb-smoke", cls=IncidentClass.FIRE), False, "smoke"),
        (incident("eb-smoke-silent"), False, "its eyes are its own news"),
        (incident("eb-port-long"), False, "nothing to do with power"),
    ],
)
def test_what_follows_from_a_power_cut_is_no_news_of_its_own(
    other: Incident, follows: bool, why: str
) -> None:
    assert causes_it(CUT, other, VILLAGE) is follows, why
    late = replace(other, opened_at=NOW + 60 * MINUTE)  # beside it for no reason but the cut
    assert (leader_of(late, [CUT], VILLAGE) is CUT) is follows, why


def test_a_slow_box_may_have_spoken_long_before() -> None:
    slow = replace(BOX, bindings=(Binding(place="shed-1", metrics=("voltage",), interval_s=3600),))
    hours = replace(SILENT, since=NOW - 170 * MINUTE)
    assert causes_it(CUT, hours, replace(REGISTRY, devices=(slow,)))


def test_a_dead_meter_beside_another_is_its_own_news() -> None:
    two: Registry = replace(REGISTRY, devices=(BOX, replace(BOX, id="box-2")))
    assert not causes_it(CUT, DEAD, two)


def test_a_power_cut_is_no_part_of_what_only_stands_beside_it() -> None:
    long = incident("eb-port-long", 1)
    assert leader_of(incident("eb-port-step"), [long], VILLAGE) is long
    assert leader_of(incident("eb-mains"), [long], VILLAGE) is None


@pytest.mark.parametrize(
    "over",
    [{"state": State.CLOSED}, {"false_alarm": True, "state": State.ACKNOWLEDGED}, {"part_of": 7}],
)
def test_what_is_over_leads_nothing(over: dict[str, Any]) -> None:
    assert leader_of(SILENT, [replace(CUT, **over)], VILLAGE) is None


def test_a_drill_neither_leads_nor_is_led() -> None:
    until = NOW + 60 * MINUTE
    assert leader_of(replace(SILENT, drill_until=until), [CUT], VILLAGE) is None
    assert leader_of(SILENT, [replace(CUT, drill_until=until)], VILLAGE) is None


SHED_2 = replace(REGISTRY.places[1], id="shed-2")
FAR = replace(BOX, id="far", bindings=(Binding(place="shed-2", metrics=("voltage",)),))
GUESS = incident("eb-outage", 1, device="")
GUESS_2 = incident(
    "eb-outage", subject=Subject.of_place("riverside", "shed-2"), place="shed-2", device=""
)
SILENT_2 = incident(
    "eb-offline", subject=Subject.of_device("riverside", "far"), place="shed-2", device="far"
)


def sheds(*guards_places: str) -> Registry:
    """Two sheds; the one guard looks after these."""
    people = tuple(
        replace(p, places=guards_places) if p.id == "guard" else p for p in REGISTRY.people
    )
    places = (*REGISTRY.places, SHED_2)
    return replace(REGISTRY, devices=(BOX, FAR), places=places, people=people)


@pytest.mark.parametrize("other", [SILENT, SILENT_2, GUESS_2])
def test_what_a_sites_devices_fall_silent_of_is_one_story_for_who_hears_of_it(
    other: Incident,
) -> None:
    both, one = sheds("shed-1", "shed-2"), sheds("shed-1")
    assert leader_of(other, [GUESS], both) is GUESS
    assert not causes_it(GUESS, replace(other, since=NOW - 46 * MINUTE), both)  # dead before
    assert not causes_it(GUESS, replace(other, since=NOW + 46 * MINUTE), both)  # another matter
    # Where nobody, or somebody else, guards shed 2 they are told of it by itself.
    ming = replace(one.people[0], id="ming", places=("shed-2",))
    for registry in (one, replace(one, people=(*one.people, ming))):
        assert (leader_of(other, [GUESS], registry) is GUESS) is (other is SILENT)


def test_a_known_cut_takes_over_the_guess_at_its_own_place() -> None:
    assert leader_of(GUESS, [incident("eb-mains", 7)], VILLAGE) is not None
    assert leader_of(GUESS_2, [CUT], sheds("shed-1", "shed-2")) is None

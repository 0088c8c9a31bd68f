"""People were told otherwise than the rules hold: those begin anew, and nothing hangs or is lost."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from alerts.registry.model import PlaceKind
from alerts.rules.engine import Engine
from alerts.rules.inputs import Entry, Standing, Stands, Tick, What
from alerts.rules.transition import Change, Transition
from alerts.words import IncidentClass, Severity
from tests.alerts.rules import worlds
from tests.alerts.rules.worlds import PACKS, T0, batch, registry

MINUTE = 60_000
WORLD = registry(PlaceKind.REACH, "do", interval_s=60)
LOW = Stands(
    rule="do-low", subject="place:linjiang/here", severity=Severity.CRITICAL, since_ms=5,
    cls=IncidentClass.POLLUTION, place="here", device="box",
)  # fmt: skip
NEVER = 2**62


def minutes(begin: int, count: int, oxygen: float) -> list[tuple[int, What]]:
    found: list[tuple[int, What]] = []
    for n in range(begin, begin + count):
        found += [
            (T0 + n * MINUTE, batch((T0 + n * MINUTE, oxygen), metric="do")),
            (T0 + n * MINUTE + 30_000, Tick()),
        ]
    return found


def stand(minute: float, *stands: Stands, upto: int = NEVER) -> tuple[int, What]:
    return T0 + round(minute * MINUTE), Standing(upto, stands)


def run(whats: Sequence[tuple[int, What]]) -> list[Transition]:
    """The same with and without a restart at each entry."""
    engine, restarted = Engine("j"), Engine("j")
    found = []
    for entry in worlds.journal(WORLD, PACKS, whats):
        said = engine.feed(entry)
        restarted = Engine.load(restarted.dump())
        assert restarted.feed(entry) == said
        found += said
    assert engine.problems == []
    return found


def told(found: Sequence[Transition]) -> list[tuple[str, str, int]]:
    return [
        (t.change.value, t.severity.name.lower(), (t.seen_ms - T0) // MINUTE)
        for t in found
        if t.rule == "do-low"
    ]


def test_what_belongs_together_is_left_alone() -> None:
    whats = [*minutes(0, 3, 0.1), stand(2.9, LOW), *minutes(3, 20, 0.1)]
    assert told(run(whats)) == [("raised", "critical", 0)]


def test_what_stood_and_is_over_is_cleared_once_the_rule_has_run_for_a_while() -> None:
    whats = [*minutes(0, 1, 5.0), stand(0.9, LOW), *minutes(1, 20, 5.0)]
    found = run(whats)
    assert told(found) == [("cleared", "critical", 11)]
    assert (found[0].since_ms, found[0].facts) == (5, {"reason": "tried again"})


def test_what_stood_and_goes_on_is_told_no_second_time() -> None:
    whats = [*minutes(0, 1, 5.0), stand(0.9, LOW), *minutes(1, 20, 0.1)]
    assert told(run(whats)) == []


def test_what_people_never_heard_of_is_raised_again_by_the_next_reading() -> None:
    whats = [*minutes(0, 3, 0.1), stand(2.9), *minutes(3, 3, 0.1)]
    assert told(run(whats)) == [("raised", "critical", 0), ("raised", "critical", 3)]


def test_what_people_never_heard_of_and_is_over_is_never_told() -> None:
    whats = [*minutes(0, 3, 0.1), stand(2.9), *minutes(3, 20, 5.0)]
    assert told(run(whats)) == [("raised", "critical", 0)]


def test_what_was_said_after_that_counts() -> None:
    position_of_raised = 4
    for upto, again in ((position_of_raised - 1, []), (position_of_raised, [3])):
        whats = [*minutes(0, 3, 0.1), stand(2.9, upto=upto), *minutes(3, 3, 0.1)]
        assert [minute for *_, minute in told(run(whats))] == [0, *again]


@pytest.mark.parametrize(
    "gone", [replace(LOW, rule="no-such"), replace(LOW, subject="place:linjiang/elsewhere")]
)
def test_what_nobody_speaks_of_any_more_is_cleared(gone: Stands) -> None:
    (cleared,) = run([*minutes(0, 1, 5.0), stand(0.9, gone), *minutes(1, 3, 5.0)])
    assert (cleared.rule, str(cleared.subject)) == (gone.rule, gone.subject)
    assert (cleared.change, cleared.facts) == (Change.CLEARED, {"reason": "revised"})


def test_a_milder_word_is_made_up_for() -> None:
    milder = replace(LOW, severity=Severity.MAJOR)
    whats = [*minutes(0, 3, 0.1), stand(2.9, milder), *minutes(3, 3, 0.1)]
    assert told(run(whats)) == [("raised", "critical", 0), ("severity", "critical", 3)]


def test_the_last_position_that_told_is_known_after_a_restart() -> None:
    engine = Engine("j")
    assert engine.told == 0
    for entry in worlds.journal(WORLD, PACKS, minutes(0, 3, 0.1)):
        engine.feed(entry)
    assert engine.told == 4
    assert Engine.load(engine.dump()).told == 4
    engine.feed(Entry(200_000, T0 + 3 * MINUTE, Tick()))  # long ago, it is still the last
    assert Engine.load(engine.dump()).told == 4

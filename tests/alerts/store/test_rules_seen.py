"""What the operations database knows of the rules."""

from alerts.rules.inputs import Stands
from alerts.rules.transition import Change
from alerts.store.rules_seen import RulesSeen
from alerts.words import Severity
from tests.alerts.incidents.community import NOW, polluted, says
from tests.alerts.store.conftest import PACKS

JOURNAL = says(1).journal


def test_an_empty_database_has_seen_nothing(operations):
    assert operations.rules_seen(JOURNAL) == RulesSeen()


def test_it_knows_the_last_position_of_each_journal_and_whose_the_last_word_was(operations):
    first, other = says(7), says(3, Change.CLEARED, journal="other", seen_ms=99)
    operations.take([first], PACKS, NOW)
    seen = operations.rules_seen(JOURNAL)
    assert (seen.position, seen.seen_ms, seen.is_other) == (7, first.seen_ms, False)
    operations.take([other], PACKS, NOW)
    seen = operations.rules_seen(JOURNAL)
    assert (seen.position, seen.seen_ms, seen.is_other) == (7, 99, True)
    assert operations.rules_seen("other").position == 3
    assert operations.rules_seen("third").position == 0


def test_what_stands_is_what_each_rule_said_last_unless_that_was_an_all_clear(operations):
    fire, river = says(1, severity=Severity.MAJOR), polluted(2)
    operations.take([fire, river], PACKS, NOW)
    worse = says(3, Change.SEVERITY, severity=Severity.CRITICAL)
    operations.take([worse, polluted(4, Change.CLEARED)], PACKS, NOW)
    assert operations.rules_seen(JOURNAL).stands == (
        Stands(
            rule=worse.rule, subject=str(worse.subject), severity=Severity.CRITICAL,
            since_ms=worse.since_ms, cls=worse.cls, place=worse.place, port=worse.port,
            device=worse.device,
        ),
    )  # fmt: skip
    operations.take([says(5, Change.CLEARED)], PACKS, NOW)
    assert operations.rules_seen(JOURNAL).stands == ()

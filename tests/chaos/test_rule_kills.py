"""The short form of the experiment: twenty kills; ``make chaos`` does two hundred."""

import pytest

from tests.chaos.rule_kills import Experiment, compare

pytestmark = [pytest.mark.timeout(180)]
KILLS = 20


async def test_killed_at_any_point_the_rules_tell_what_an_undisturbed_run_tells(tmp_path) -> None:
    report = await Experiment(tmp_path, KILLS, seed=20261128, short=True).run()
    assert not report.problems, report.told()


def test_a_transition_that_is_lost_doubled_or_changed_is_named() -> None:
    plain = {("j", 1, "r", "s", 0): ("raised",), ("j", 2, "r", "s", 0): ("cleared",)}
    assert list(compare(plain, dict(plain), "itself")) == []
    lost, more = dict(list(plain.items())[:1]), plain | {("j", 3, "r", "s", 0): ("raised",)}
    other = plain | {("j", 2, "r", "s", 0): ("severity",)}
    for found, word in ((lost, "missing"), (more, "too many"), (other, "different")):
        (said,) = compare(found, plain, "it")
        assert word in said

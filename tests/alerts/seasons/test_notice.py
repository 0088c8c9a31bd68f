"""docs/rules.md says how soon a rule notices: what is written there is measured here anew."""

import pytest

from alerts.packs import notices as written
from alerts.packs import shipped
from alerts.rules.packs import read_packs
from tests.alerts.seasons.notice import (
    REACH_STEPS,
    SHED_STEPS,
    at_reaches,
    in_sheds,
    judged,
    notices,
)

# Off unless a place switches them on, official warnings, what the service says of itself, or what
# needs several devices: a season has one.
UNMEASURED = {
    "eb-outage", "eb-heat-warned", "eb-flood-warned", "rain-beijing", "rain-flash", "rain-flood-likely", "rp-water",
}  # fmt: skip


def test_each_rule_of_rivers_and_sheds_is_measured() -> None:
    rules = {rule for rule, home in read_packs(shipped()).homes.items() if home != "watch.toml"}
    assert rules - set(written()) == UNMEASURED


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("seasons", "step_s"), [(at_reaches, REACH_STEPS[-1]), (in_sheds, SHED_STEPS[-1])]
)
def test_what_is_written_is_what_is_measured(seasons, step_s: int) -> None:
    measured = notices(judged(seasons(step_s)))
    table = {
        rule: tuple(by_step[str(step_s)])
        for rule, by_step in written().items()
        if str(step_s) in by_step
    }
    assert {rule: table.get(rule) for rule in measured} == measured

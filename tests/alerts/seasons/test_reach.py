"""At a reach: a quiet month is quiet, what happens is found, at any sampling and with gaps."""

import pytest

from tests.alerts.seasons import reach, recorded
from tests.alerts.seasons.season import Season, gappy, judge

STEPS = (300, 900)
# Longer waits of the packs (hours of low oxygen, a day's mean) aside, what must not come late.
SOON_S = {
    "riv-level-rise": 45 * 60,
    "riv-cond-rise": 75 * 60,
    "riv-ph": 45 * 60,
    "rain-national": 25 * 60,
}


def with_and_without_gaps(season: Season) -> list[Season]:
    return [season, gappy(season)]


@pytest.mark.parametrize("step_s", STEPS)
@pytest.mark.parametrize("seed", [21, 22])  # none of those that the rules were tuned on
def test_a_quiet_month_rings_nothing(seed: int, step_s: int) -> None:
    for season in with_and_without_gaps(reach.quiet_month(seed, step_s)):
        assert judge(season).false == []


@pytest.mark.parametrize("step_s", STEPS)
@pytest.mark.parametrize("has_gauge", [True, False])
def test_what_happens_is_found_and_nothing_else_rings(step_s: int, has_gauge: bool) -> None:
    for season in with_and_without_gaps(reach.eventful(23, step_s, has_gauge=has_gauge)):
        verdict = judge(season)
        assert verdict.missed == []
        assert verdict.false == []
        late = [f for f in verdict.found if (f.notice_s or 0) > SOON_S.get(f.rule, 20 * 3600)]
        assert late == []


@pytest.mark.parametrize("signal", reach.SIGNALS, ids=str)
@pytest.mark.parametrize("step_s", [60, 900])
def test_rain_reaches_its_level(signal: reach.Signal, step_s: int) -> None:
    verdict = judge(reach.rainy(*signal, step_s, seed=3))
    assert verdict.missed == []
    assert verdict.false == []


@pytest.mark.parametrize(
    ("station", "most"),
    # By rule, over the whole season. Main Street was looked at when the rules were made; the others
    # were held back.
    [
        ("main-street", {"riv-cond-rise": 10, "riv-ph": 2, "riv-do-low": 1, "riv-unusual": 1}),
        ("blacksmith-fork", {"riv-cond-rise": 3, "riv-ph": 2, "riv-flat": 2}),
        (
            "pringle-up",
            {"riv-offline": 4, "riv-do-low": 3, "riv-level-rise": 1, "riv-cond-rise": 1, "riv-flat": 1},
        ),
        (
            "pringle-down",
            {"riv-offline": 5, "riv-do-low": 1, "riv-level-rise": 1, "riv-ph": 1, "riv-flat": 2},
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("step_s", STEPS)
def test_a_recorded_season_does_not_cry_wolf(
    station: str, most: dict[str, int], step_s: int
) -> None:
    season = recorded.river(station, step_s)
    if season is None:
        pytest.skip(f"{recorded.DATA} has no {station}; set SHOUWANG_DATA")
    rules = [ring.rule for _, ring in judge(season).false]
    counts = {rule: rules.count(rule) for rule in rules}
    assert {rule: n for rule, n in counts.items() if n > most.get(rule, 0)} == {}
    storm = "riv-level-rise" if station.startswith("pringle") else None
    assert storm is None or counts[storm] == 1  # the storm of November is not lost

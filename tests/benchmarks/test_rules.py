"""The benchmark of the rules measures what it names, on a world that is large enough to be one."""

import benchmarks.rules as bench
from alerts.rules.packs import read_packs


def test_the_packs_are_copied_until_there_are_as_many_rules_as_asked_for() -> None:
    packs = bench.many_packs(130)
    rules = read_packs(packs).rules
    assert len(rules) == 130
    assert {"eb-smoke", "eb-smoke-1"} <= set(rules)


def test_a_village_has_as_many_series_as_asked_for() -> None:
    assert [bench.series_of(bench.village(n)) for n in (7, 100, 250)] == [7, 100, 250]


def test_the_live_figures_come_from_readings_that_rules_listen_to() -> None:
    packs, world = bench.many_packs(130), bench.village(60)
    figures = bench.live(packs, world, rounds=3)
    engine = bench.begun(packs, world)
    assert figures["evaluations"] == 3 * bench.evaluations(engine, world)
    assert bench.evaluations(engine, world) > 60
    assert float(figures["states"]) > 60
    assert 0 < float(figures["bytes_per_state"]) < 1_000
    assert float(figures["evaluations_per_s"]) > 0


def test_a_restart_is_timed_with_at_least_the_states_that_it_names() -> None:
    figures = bench.restart(bench.many_packs(130), 400)
    assert int(figures["restart_states"]) >= 400
    assert float(figures["restart_seconds"]) > 0

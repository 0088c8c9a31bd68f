"""The run: each variant by its own numbers, charts of what is asked for, progress while it lasts."""

from datetime import UTC

from alerts.registry.model import PlaceKind
from alerts.replay import Measured, entries_of
from alerts.trial.span import Span
from alerts.trial.variant import Setting, Variant
from collector.stores.port import Series
from collector.trial.run import Charts, Side, run
from tests.alerts.rules.worlds import DEVICE, PACKS, PLACE, SITE, T0, registry

MINUTE = 60_000
WORLD = registry(PlaceKind.REACH, "do", "water-level")
SPAN = Span(since_ms=T0 + 60 * MINUTE, until_ms=T0 + 600 * MINUTE, warm_ms=T0, zone=UTC)


def entries(value: float = 2.2):
    readings = [
        Measured(T0 + n * MINUTE, SITE, DEVICE, PLACE, "", metric, number, quality)
        for n in range(600)
        for metric, number, quality in (
            ("do", value, 1), ("water-level", 1.0, 1 if n % 2 else 4),
        )
    ]  # fmt: skip
    return entries_of(
        readings, WORLD, PACKS, since_ms=T0, until_ms=SPAN.until_ms, known={(SITE, DEVICE)}
    )


def test_each_side_judges_by_its_own_rules_and_numbers() -> None:
    sides = [
        Side(Variant()),
        Side(Variant(settings=(Setting("do-low", "below", 3.0),))),
        Side(Variant(wanted=frozenset({"silent"}))),
    ]
    fed = run(entries(), SPAN, sides, Charts(SPAN, None), until_ms=SPAN.until_ms)
    assert (fed.readings, fed.first_ms) == (1200, T0)
    assert [[t.rule for t in side.transitions] for side in sides] == [[], ["do-low"], []]
    assert set(sides[2].packs.rules) == {"silent"}
    assert [side.problems for side in sides] == [[], [], []]


def test_nothing_from_the_end_on_is_fed() -> None:
    side = Side(Variant())
    fed = run(entries(1.0), SPAN, [side], Charts(SPAN, None), until_ms=T0 + MINUTE)
    assert (fed.readings, side.transitions) == (2, [])


def test_charts_hold_what_counts_of_the_metrics_that_are_asked_for() -> None:
    charts = Charts(SPAN, {"water-level"})
    run(entries(), SPAN, [Side(Variant())], charts)
    (series, envelope), = charts.series.items()  # fmt: skip
    assert series == Series(SITE, DEVICE, PLACE, "", "water-level")
    assert envelope.count == 270, "without the warm-up, and without those that failed"


def test_more_series_than_fit_are_counted() -> None:
    charts = Charts(SPAN, None, most=1)
    run(entries(), SPAN, [Side(Variant())], charts)
    assert (len(charts.series), charts.left_out) == (1, 1)


def test_a_long_run_says_how_far_it_is(capsys) -> None:
    run(entries(), SPAN, [Side(Variant())], Charts(SPAN, None), say_s=0.0)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) > 2
    assert lines[-1].split()[0].endswith("%")
    assert "readings" in lines[-1]
    run(entries(), SPAN, [Side(Variant())], Charts(SPAN, None))
    assert capsys.readouterr().err == ""

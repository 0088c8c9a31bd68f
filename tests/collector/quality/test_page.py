"""What docs/quality.md tells is what is judged."""

from pathlib import Path

import pytest

from edge.contract.quality import Check
from edge.contract.thresholds import NUMBERS, THRESHOLDS, Thresholds

PAGE = (Path(__file__).resolve().parents[3] / "docs/quality.md").read_text("utf-8")
JUDGED = [
    metric
    for metric, known in THRESHOLDS.items()
    if known.spike_suspect or known.flat_suspect_h or known.neighbour
]


def pair(suspect: float, fail: float) -> str:
    if not suspect:
        return "–"
    return f"{suspect:g} / {fail:g}" if fail else f"{suspect:g}"


def row(metric: str, known: Thresholds) -> str:
    flat = "–"
    if known.flat_suspect_h:
        hours = pair(known.flat_suspect_h, known.flat_fail_h)
        flat = f"{known.flat_tolerance:g} in {hours} h"
    cells = (
        metric,
        f"{known.fail_low:g} to {known.fail_high:g}",
        f"{known.suspect_low:g} to {known.suspect_high:g}",
        pair(known.spike_suspect, known.spike_fail),
        pair(known.rate_suspect, known.rate_fail),
        f"{known.noise:g}" if known.noise else "–",
        flat,
        f"{known.calm:g}" if known.calm else "–",
        f"{known.neighbour:g}" if known.neighbour else "–",
    )
    return f"| {' | '.join(cells)} |"


@pytest.mark.parametrize("metric", JUDGED)
def test_the_page_has_the_thresholds_of_each_metric(metric):
    assert row(metric, THRESHOLDS[metric]) in PAGE


@pytest.mark.parametrize("check", Check)
def test_the_page_has_each_test_with_its_marks(check):
    assert f"| `{check.name.lower()}` | {check.suspect} | {check.fail} |" in PAGE


@pytest.mark.parametrize("number", sorted(NUMBERS))
def test_the_page_has_each_number_that_a_place_may_change(number):
    assert f"`{number}`" in PAGE

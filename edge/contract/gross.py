"""The first judgement of a value: a sentinel or beyond the span fails, the unusual is suspect.

QARTOD's gross range test (test 4) with the sentinels of ``metrics.py``; needs the value alone.
"""

from edge.contract.metrics import METRICS, SENTINELS, Metric
from edge.contract.quality import Quality
from edge.contract.reading import ReadingClass

Bounds = tuple[frozenset[float], float, float, float, float]
"""Sentinels, span from and to, usual from and to."""

# Counts that pass through 9999 and 65535 on their way; there no number is a sign of a fault.
_RUNNING = frozenset({"energy"})


def gross_quality(metric: str, value: float) -> Quality:
    """GOOD, SUSPECT or FAIL for a value in the metric's unit."""
    sentinels, low, high, usual_low, usual_high = BOUNDS[metric]
    if value in sentinels or not low <= value <= high:
        return Quality.FAIL
    return Quality.GOOD if usual_low <= value <= usual_high else Quality.SUSPECT


def why_failed(metric: str, value: float) -> str:
    """The reason of a FAIL, in words."""
    sentinels, low, high, *_ = BOUNDS[metric]
    if value in sentinels:
        return f"{value:g} is what a sensor says when it has no value"
    return f"{value:g} lies outside {low:g} to {high:g}"


def _bounds(metric: Metric) -> Bounds:
    runs = metric.cls is ReadingClass.HEALTH or metric.name in _RUNNING
    sentinels = metric.sentinels if runs else metric.sentinels | SENTINELS
    return (sentinels, *metric.span, *(metric.usual or metric.span))


BOUNDS: dict[str, Bounds] = {name: _bounds(metric) for name, metric in METRICS.items()}

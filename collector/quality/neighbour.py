"""Neighbour (QARTOD test 11): what the same metric says at the places beside. Pure."""

from collections.abc import Iterable, Sequence
from statistics import median

from collector.quality.limits import HOUR_MS, Limits
from collector.quality.rain import Rain
from collector.quality.series import Series
from edge.contract.quality import Check


def apart(limits: Limits, value: float, at_ms: int, beside: Iterable[Sequence[Series]]) -> int:
    """The marks of a value that is far from the middle of what its neighbours said this hour."""
    said = [
        other.value
        for place in beside
        for other in place
        if abs(at_ms - other.at_ms) <= HOUR_MS and other.value == other.value  # no NaN
    ]
    if said and abs(value - median(said)) > limits.bounds.neighbour:
        return Check.NEIGHBOUR.suspect
    return 0


def silent(
    limits: Limits, own: Iterable[Rain], beside: Iterable[Sequence[Rain]], at_ms: int
) -> int:
    """The marks of a gauge that had nothing in an hour in which it poured at its neighbours."""
    if any(gauge.hour_mm(at_ms) for gauge in own):
        return 0
    most = max((gauge.hour_mm(at_ms) for place in beside for gauge in place), default=0.0)
    return Check.NEIGHBOUR.suspect if most > limits.bounds.neighbour else 0

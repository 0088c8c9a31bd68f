"""Spike and rate of change (QARTOD tests 6 and 7): what the last three values say together. Pure.

A value that is not known is NaN: every comparison with it is false, so nothing is marked.
"""

from collector.quality.limits import Limits
from edge.contract.quality import Check


def rate(limits: Limits, step: float, elapsed_ms: int) -> int:
    """The marks of a value that came ``step`` away from the one before it."""
    size = abs(step)
    if size <= limits.bounds.noise:
        return 0
    if size > limits.rate_fail * elapsed_ms:
        return Check.RATE.fail
    return Check.RATE.suspect if size > limits.rate_suspect * elapsed_ms else 0


def spike(limits: Limits, before: float, value: float, after: float) -> int:
    """The marks of ``value``: it stands out by the lesser of both steps, if they are opposite."""
    there, back = value - before, after - value
    if not there * back < 0:
        return 0
    size = min(abs(there), abs(back))
    if size > limits.spike_fail:
        return Check.SPIKE.fail
    return Check.SPIKE.suspect if size > limits.spike_suspect else 0

"""Flat line and attenuated signal (QARTOD tests 8 and 10): a value that rests, and for how long. Pure."""

from collector.quality.limits import Limits
from collector.quality.series import LEAST, Series
from edge.contract.quality import Check


def flat(limits: Limits, series: Series, at_ms: int) -> int:
    """The marks of the newest value, of this time, by the run that it belongs to."""
    held_ms = at_ms - series.run_since_ms
    if held_ms < limits.flat_ms or series.run_count < LEAST:
        return 0
    if not series.run_low > limits.bounds.rest_above:
        return 0
    return Check.FLAT.fail if held_ms >= limits.flat_fail_ms else Check.FLAT.suspect


def attenuated(limits: Limits, series: Series, at_ms: int) -> int:
    """The marks of the newest value, of this time, by the calm that it belongs to."""
    if at_ms >= series.calm_due_ms and series.calm_low > limits.bounds.rest_above:
        return Check.ATTENUATED.suspect
    return 0

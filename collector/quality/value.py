"""What a value says alone: syntax, sentinel, gross range (QARTOD tests 2 and 4). Pure."""

from collector.quality.limits import Limits
from edge.contract.quality import Check

WITHHELD_BY = (
    Check.SENSOR.fail | Check.SYNTAX.fail | Check.SENTINEL.fail | Check.GROSS.fail | Check.FLAT.fail
)
"""The marks that keep a value from the rules; any other mark leaves it suspect at worst."""


def marks_of(limits: Limits, value: float) -> int:
    """The marks of a value that is a finite number."""
    if value in limits.sentinels:
        return Check.SENTINEL.fail
    bounds = limits.bounds
    if not bounds.fail_low <= value <= bounds.fail_high:
        return Check.GROSS.fail
    if limits.is_flag and value not in (0.0, 1.0):
        return Check.SYNTAX.fail
    if not bounds.suspect_low <= value <= bounds.suspect_high:
        return Check.GROSS.suspect
    return 0


def why(limits: Limits, value: float, marks: int) -> str:
    """Why a value is withheld, in words."""
    if marks & Check.SENTINEL.fail:
        return f"{value:g} is what a sensor says when it has no value"
    if marks & Check.GROSS.fail:
        bounds = limits.bounds
        return f"{value:g} lies outside {bounds.fail_low:g} to {bounds.fail_high:g}"
    if marks & Check.SYNTAX.fail:
        return f"{value:g} is neither 0 nor 1"
    return "stuck: it has not moved for hours"

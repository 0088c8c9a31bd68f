"""A rule's record in words."""

from alerts.incidents.precision import Precision
from dashboards.console.scene import Scene

FEWEST = 5  # judged: of fewer a percentage says more than is known


def record(precision: Precision, scene: Scene) -> str:
    """How often it was right, in a sentence."""
    if not precision.closed:
        return scene.t("rule.never")
    words = scene.t("rule.record", n=precision.closed, false=precision.false)
    if precision.unconfirmed:
        words += scene.t("rule.unconfirmed", n=precision.unconfirmed)
    return words


def right_share(precision: Precision) -> str:
    """“80”: percent of those that were judged, real or false; empty below ``FEWEST``."""
    if precision.share is None or precision.real + precision.false < FEWEST:
        return ""
    return f"{100 * precision.share:.0f}"

"""A rule's record in words."""

from alerts.incidents.precision import Precision
from dashboards.console.scene import Scene


def record(precision: Precision, scene: Scene) -> str:
    """How often it was right, in a sentence."""
    if not precision.closed:
        return scene.t("rule.never")
    words = scene.t("rule.record", n=precision.closed, false=precision.false)
    if precision.unconfirmed:
        words += scene.t("rule.unconfirmed", n=precision.unconfirmed)
    return words

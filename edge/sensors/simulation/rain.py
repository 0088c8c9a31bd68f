"""What a gauge tells of a storm, clogged or counting double. Pure."""

from collections.abc import Sequence

from edge.sensors.simulation.injection import Injection
from edge.sensors.simulation.storm import Storm, fallen_mm

SHUT = 2 / 3  # of a clogging nothing passes; in the rest of it the funnel empties slowly


def told_mm(storms: Sequence[Storm], faults: Sequence[Injection], offset_s: float) -> float:
    """What it has counted by then, in whole tips."""
    told = fallen_mm(storms, offset_s)
    for fault in faults:
        end_s = fault.at_s + fault.for_s
        if fault.shape == "double":
            told += fallen_mm(storms, min(offset_s, end_s)) - fallen_mm(
                storms, min(offset_s, fault.at_s)
            )
        elif fault.shape == "clogged" and fault.lasts(offset_s):
            shut_s = fault.at_s + SHUT * fault.for_s
            passed = max(0.0, (offset_s - shut_s) / (end_s - shut_s))
            before = fallen_mm(storms, fault.at_s)
            told -= (fallen_mm(storms, offset_s) - before) * (1 - passed)
    tip_mm = storms[0].mm_per_tip
    return int(told / tip_mm + 1e-6) * tip_mm

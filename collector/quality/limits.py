"""A metric's thresholds at one place, as the loop over readings wants them. Pure."""

import math
from dataclasses import dataclass
from functools import lru_cache

from edge.contract.gross import BOUNDS
from edge.contract.metrics import METRICS
from edge.contract.reading import ReadingClass
from edge.contract.thresholds import Thresholds

HOUR_MS = 3_600_000
NEVER = math.inf
RAIN = "rain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Times in milliseconds; a test that is off has a limit that nothing reaches.

    ``low`` to ``high`` is the span in which a value alone is certainly good; ``trigger`` the step
    up to which neither spike nor rate can be wrong. ``is_plain``: no test needs what came before.
    """

    metric: str
    bounds: Thresholds
    sentinels: frozenset[float]
    is_flag: bool
    is_rain: bool
    is_plain: bool
    low: float
    high: float
    trigger: float
    tolerance: float
    """Of a stuck sensor."""
    gap_ms: float
    """A reading later than this is after a gap."""
    spike_suspect: float
    spike_fail: float
    rate_suspect: float
    """Per millisecond."""
    rate_fail: float
    flat_ms: float
    flat_fail_ms: float
    calm_ms: float


@lru_cache(65_536)
def limits_of(metric: str, bounds: Thresholds, has_neighbours: bool, gap_ms: float) -> Limits:
    """One for all series that are measured alike; without an interval no gap can be told (NEVER)."""
    known = METRICS[metric]
    spike, rate = _or_never(bounds.spike_suspect), _or_never(bounds.rate_suspect)
    flat_ms = _or_never(bounds.flat_suspect_h) * HOUR_MS
    flat_fail_ms = _or_never(bounds.flat_fail_h) * HOUR_MS
    calm_ms = bounds.calm_h * HOUR_MS if bounds.calm and bounds.calm_h else NEVER
    trigger = min(spike, bounds.noise if rate < NEVER else NEVER)
    sentinels = BOUNDS[metric][0]
    low, high = _certain(bounds.suspect_low, bounds.suspect_high, sentinels)
    is_rain = metric == RAIN
    has_neighbours = has_neighbours and bounds.neighbour > 0
    rests = min(trigger, flat_ms, flat_fail_ms, calm_ms) == NEVER
    gaps = gap_ms < NEVER and known.cls is ReadingClass.SERIES and not known.counts
    if known.is_flag or is_rain:
        low = high = 0.0  # the usual: no danger, no rain
    if has_neighbours:
        low, high = NEVER, -NEVER  # always looked at
    return Limits(
        metric=metric,
        bounds=bounds,
        sentinels=sentinels,
        is_flag=known.is_flag,
        is_rain=is_rain,
        is_plain=is_rain or (rests and not gaps and not has_neighbours),
        low=low,
        high=high,
        trigger=trigger,
        tolerance=bounds.flat_tolerance,
        gap_ms=gap_ms,
        spike_suspect=spike,
        spike_fail=_or_never(bounds.spike_fail),
        rate_suspect=rate / HOUR_MS,
        rate_fail=_or_never(bounds.rate_fail) / HOUR_MS,
        flat_ms=min(flat_ms, flat_fail_ms),
        flat_fail_ms=flat_fail_ms,
        calm_ms=calm_ms,
    )


def _or_never(threshold: float) -> float:
    return threshold or NEVER


def _certain(low: float, high: float, sentinels: frozenset[float]) -> tuple[float, float]:
    """The part of the span around zero in which no sentinel lies."""
    middle = min(max(0.0, low), high)
    for sentinel in sentinels:
        if low <= sentinel <= high:
            if sentinel > middle:
                high = math.nextafter(sentinel, -NEVER)
            else:
                low = math.nextafter(sentinel, NEVER)
    return low, high

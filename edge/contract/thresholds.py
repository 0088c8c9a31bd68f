"""What the tests of quality measure a metric against; a place may change each number.

Spans are those of ``metrics.py``. Every other number here is a proposal of this project, for small
urban rivers and charging sheds: spikes, rates and times from the daily swing and the noise that
sondes show there, noise from data sheets (own knowledge). None is of a standard. 0 switches a test
off, as it does for most metrics: a contact, a port without a load and a dry gauge rest for weeks.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from math import isfinite

from edge.contract.metrics import METRICS

HOURS_MOST = 14 * 24.0  # a late verdict reaches back so far: the buckets it touches are bounded


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """In the metric's unit, ``_h`` in hours. 0 switches a test off."""

    fail_low: float = 0.0
    fail_high: float = 0.0
    suspect_low: float = 0.0
    suspect_high: float = 0.0
    spike_suspect: float = 0.0
    """How far a single value stands out from both beside it."""
    spike_fail: float = 0.0
    rate_suspect: float = 0.0
    """Change per hour."""
    rate_fail: float = 0.0
    noise: float = 0.0
    """A step within it is no rate: between two close readings noise alone is a steep one."""
    flat_tolerance: float = 0.0
    """A stuck value moves no further."""
    flat_suspect_h: float = 0.0
    flat_fail_h: float = 0.0
    rest_above: float = -1e12
    """Only what rests above it can be stuck or attenuated."""
    calm: float = 0.0
    """What a signal swings at least within ``calm_h``, else it is attenuated."""
    calm_h: float = 24.0
    neighbour: float = 0.0
    """How far it may be from the middle of its neighbours; for rain, what they had in an hour."""
    rain_mm: float = 0.0
    """With more rain than this in an hour a spike is no sign of a fault."""


# What a line does not name is off: spike (suspect, fail), rate per hour (suspect, fail), noise of a
# step (four to six standard deviations of one value), flat (tolerance, hours to suspect, to fail).
def _t(
    spike: tuple[float, float] = (0, 0),
    rate: tuple[float, float] = (0, 0),
    noise: float = 0,
    flat: tuple[float, float, float] = (0, 0, 0),
    calm: float = 0,
    neighbour: float = 0,
    **more: float,
) -> Thresholds:
    return Thresholds(
        spike_suspect=spike[0],
        spike_fail=spike[1],
        rate_suspect=rate[0],
        rate_fail=rate[1],
        noise=noise,
        flat_tolerance=flat[0],
        flat_suspect_h=flat[1],
        flat_fail_h=flat[2],
        calm=calm,
        neighbour=neighbour,
        **more,
    )


_TABLE = {
    "water-temp": _t((2, 5), (2, 5), 0.3, (0.02, 6, 24), 0.1, 5),
    "ph": _t((0.5, 1), (0.5, 1.5), 0.12, (0.005, 6, 24), 0.03, 1.5),
    # A black reach has none for days.
    "do": _t((2, 4), (2, 5), 0.3, (0.02, 4, 12), 0.1, 6, rest_above=0.3),
    "do-saturation": _t((20, 40), (20, 50), 3, (0.2, 4, 12), 1, 60, rest_above=3),
    # After rain an overflow is as steep as a fault.
    "conductivity": _t((200, 500), (300, 1000), 30, (1, 12, 48), 3, 800, rain_mm=2),
    "turbidity": _t((100, 500), flat=(0.05, 12, 48), rain_mm=2),
    "orp": _t((100, 250), (100, 300), 30, (0.5, 12, 48), 2, 300),
    "nh3n": _t((2, 5), (2, 8), 0.3, (0.005, 12, 48), 0.02, 8, rain_mm=2),
    # An analyser repeats its result until the next, some hours later: only what is the same is flat.
    "codmn": _t((5, 15), (5, 15), 1, (0, 24, 72)),
    "tp": _t((0.3, 1), (0.3, 1), 0.05, (0, 24, 72)),
    "chl-a": _t((30, 100), (30, 100), 3, (0.05, 12, 48)),
    "water-level": _t((0.15, 0.5), (0.5, 2), 0.03, (0.001, 24, 72)),
    # Silent while more than this fell at its neighbours within an hour.
    "rain": _t(neighbour=10),
    # A fire is steeper than any fault, and a shed may rest for a day: a mark, never a gate.
    "shed-temp": _t((10, 0), flat=(0, 72, 0)),
    "port-temp": _t((20, 0), flat=(0, 72, 0)),
    "wire-temp": _t((20, 0), flat=(0, 72, 0)),
}


def _with_spans(metric: str) -> Thresholds:
    known = METRICS[metric]
    usual = known.usual or known.span
    return replace(
        _TABLE.get(metric, Thresholds()),
        fail_low=float(known.span[0]),
        fail_high=float(known.span[1]),
        suspect_low=float(usual[0]),
        suspect_high=float(usual[1]),
    )


THRESHOLDS: dict[str, Thresholds] = {metric: _with_spans(metric) for metric in METRICS}

NUMBERS = frozenset(field.name for field in fields(Thresholds))


def changed(metric: str, numbers: Mapping[str, float]) -> Thresholds:
    """The metric's thresholds with these numbers; a name that is none is passed over."""
    known = {name: float(number) for name, number in numbers.items() if name in NUMBERS}
    return replace(THRESHOLDS[metric], **known)


def mistakes(metric: str, numbers: Mapping[str, float]) -> Iterator[tuple[str, str, str]]:
    """What is wrong with such a change: the number's name, what, and the remedy."""
    for name, number in numbers.items():
        if name not in NUMBERS:
            near = get_close_matches(name, NUMBERS, n=1)
            yield name, "is no number of quality", f"did you mean {near[0]!r}?" if near else _SEE
        elif not isfinite(number):
            yield name, f"{number}", "write a finite number"
        elif number < 0 and name not in _MAY_BE_NEGATIVE:
            yield name, f"{number:g} is below 0", "write 0 to switch the test off, or more"
        elif name.endswith("_h") and number > HOURS_MOST:
            yield name, f"{number:g} hours", f"write {HOURS_MOST:g} (two weeks) at most"
    new = changed(metric, numbers)
    for low, high in _IN_ORDER:
        first, second = getattr(new, low), getattr(new, high)
        if first > second and (second or high in _MAY_BE_NEGATIVE) and {low, high} & set(numbers):
            name = high if high in numbers else low
            yield name, f"{low} {first:g} is above {high} {second:g}", "let them rise in this order"


_SEE = "see docs/quality.md for the names"
_MAY_BE_NEGATIVE = frozenset({"fail_low", "fail_high", "suspect_low", "suspect_high", "rest_above"})
_IN_ORDER = (
    ("fail_low", "suspect_low"),
    ("suspect_low", "suspect_high"),
    ("suspect_high", "fail_high"),
    ("spike_suspect", "spike_fail"),
    ("rate_suspect", "rate_fail"),
    ("flat_suspect_h", "flat_fail_h"),
)

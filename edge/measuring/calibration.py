"""Calibration: what a reference said, as a polynomial of the sensor's own value, with date and who.

It is applied in the unit of the catalogue before anything judges the value. Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import isfinite

from edge.contract.gross import BOUNDS
from edge.contract.metrics import METRICS
from edge.contract.quality import Quality
from edge.sensors.port import Sample, Series
from edge.table import Table

MOST_TERMS = 6  # a curve of higher order fits its points and nothing between them
STEPS = 500  # at which the slope is looked at; a polynomial of order 5 turns at most four times
MOST_DAYS = 3660
EXAMPLE = "date = 2026-05-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """``polynomial`` [a0, a1, a2]: a0 + a1 x + a2 x². ``valid`` is where the reference was, in x."""

    series: Series
    polynomial: tuple[float, ...]
    at: date
    who: str
    due: date | None = None
    valid: tuple[float, float] | None = None

    def value(self, raw: float) -> float:
        """The true value; what sensors say when they have none stays as it is, and is seen."""
        if raw in BOUNDS[self.series.metric][0]:
            return raw
        found = 0.0
        for term in reversed(self.polynomial):
            found = found * raw + term
        return float(f"{found:.12g}")  # 14.200000000000001 is nobody's reading

    def applied(self, sample: Sample) -> Sample:
        if sample.value is None:
            return sample
        low, high = self.valid or (sample.value, sample.value)
        if low <= sample.value <= high or sample.quality is not Quality.NOT_EVALUATED:
            return sample._replace(value=self.value(sample.value))
        reason = f"{sample.value:g} lies beyond its calibration, {low:g} to {high:g}"
        return sample._replace(
            value=self.value(sample.value), quality=Quality.SUSPECT, reason=reason
        )

    def is_due(self, today: date) -> bool:
        return self.due is not None and today >= self.due

    def __str__(self) -> str:
        return f"calibrated {self.at} by {self.who}" + (f", due {self.due}" if self.due else "")


def read_calibrations(table: Table, gives: Sequence[Series]) -> tuple[Calibration, ...]:
    """The ``[[sensor.calibration]]`` of a sensor that gives these series."""
    found: dict[Series, Calibration] = {}
    for each in table.tables("calibration"):
        for one in _calibration(each, gives):
            if one.series in found:
                each.complain("metric", f"{one.series.metric} is calibrated twice; keep the newer")
            found[one.series] = one
        each.done()
    return tuple(found.values())


def due(calibrations: Iterable[Calibration], today: date) -> list[Calibration]:
    return [each for each in calibrations if each.is_due(today)]


def _calibration(table: Table, gives: Sequence[Series]) -> list[Calibration]:
    metric = table.text("metric")
    place = table.id("place") if "place" in table else None
    port = table.id("port") if "port" in table else None
    of = [
        series
        for series in gives
        if series.metric == metric and place in (None, series.place) and port in (None, series.port)
    ]
    known = METRICS.get(metric)
    if metric and not of:
        measured = ", ".join(sorted({series.metric for series in gives})) or "nothing"
        table.complain("metric", f"the sensor gives no such {metric!r}; it gives {measured}")
    if known is not None and known.is_flag:
        table.complain("metric", f"{metric!r} is yes or no; take the calibration out")
    polynomial = _polynomial(table)
    valid = _pair(table, "valid", table.raw("valid")) if "valid" in table else None
    if valid is not None and valid[0] >= valid[1]:
        table.complain("valid", "write the lower value first")
    elif known is not None and len(polynomial) > 1:
        low, high = valid or known.usual or known.span
        if not _is_monotonic(polynomial, low, high):
            remedy = "see the coefficients, or say with valid = [low, high] where it holds"
            table.complain("polynomial", f"turns between {low:g} and {high:g}; {remedy}")
    at = _date(table, "date")
    who = table.text("who", most=60)
    until = _due(table, at)
    if at is None:
        return []
    return [
        Calibration(series=series, polynomial=polynomial, at=at, who=who, due=until, valid=valid)
        for series in of
    ]


def _polynomial(table: Table) -> tuple[float, ...]:
    if ("polynomial" in table) == ("points" in table):
        table.complain("polynomial", "write either polynomial = [a0, a1] or points, two of them")
        table.raw("polynomial"), table.raw("points")
        return ()
    if "points" in table:
        raw = table.raw("points")
        if not (isinstance(raw, list) and len(raw) == 2):
            table.complain("points", f"write [[raw, true], [raw, true]], got {raw!r}")
            return ()
        (x, y), (u, v) = (_pair(table, "points", each) for each in raw)
        if x == u:
            table.complain("points", "the two raw values are the same; measure far apart")
            return ()
        slope = (v - y) / (u - x)
        if not slope:
            table.complain("points", "the two true values are the same; measure far apart")
        return (y - slope * x, slope)
    raw = table.raw("polynomial")
    if not (isinstance(raw, list) and 2 <= len(raw) <= MOST_TERMS and all(map(_is_number, raw))):
        remedy = f"write 2 to {MOST_TERMS} numbers, a0 + a1 x + ..."
        table.complain("polynomial", f"{remedy}, got {raw!r}")
        return ()
    return tuple(map(float, raw))


def _is_monotonic(polynomial: Sequence[float], low: float, high: float) -> bool:
    """Whether it only rises or only falls, so that two true values never look the same."""
    slopes = [n * term for n, term in enumerate(polynomial)][1:]
    signs = set()
    for step in range(STEPS + 1):
        x = low + (high - low) * step / STEPS
        slope = 0.0
        for term in reversed(slopes):
            slope = slope * x + term
        signs.add(slope > 0 if slope else None)
    # A slope of nought at one end, as of x² at 0, is no turn.
    return len(signs - {None}) == 1


def _date(table: Table, key: str) -> date | None:
    raw = table.raw(key)
    if isinstance(raw, str):
        try:
            raw = date.fromisoformat(raw)
        except ValueError:
            pass
    if type(raw) is date:
        return raw
    what = "is missing" if raw is None else f"got {raw!r}"
    table.complain(key, f"write a day, {EXAMPLE}; {what}")
    return None


def _due(table: Table, at: date | None) -> date | None:
    """``due``: a day, or days after the calibration."""
    raw = table.raw("due")
    if raw is None:
        return None
    if type(raw) is int:
        if 1 <= raw <= MOST_DAYS:
            return at and at + timedelta(days=raw)
        table.complain("due", f"write 1 to {MOST_DAYS} days or a day, got {raw}")
        return None
    found = _date(table, "due")
    if found is not None and at is not None and found <= at:
        table.complain("due", f"{found} is not after the calibration of {at}")
    return found


def _pair(table: Table, key: str, raw: object) -> tuple[float, float]:
    if isinstance(raw, list) and len(raw) == 2 and all(map(_is_number, raw)):
        return float(raw[0]), float(raw[1])
    table.complain(key, f"write two numbers, got {raw!r}")
    return 0.0, 1.0


def _is_number(raw: object) -> bool:
    return (
        isinstance(raw, int | float)
        and not isinstance(raw, bool)
        and isfinite(raw)
        and abs(raw) < 1e12
    )

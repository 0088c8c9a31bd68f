"""Values that a device or a program calls by names of its own, and the series that they become."""

import re
from dataclasses import dataclass

from edge.contract.metrics import METRICS
from edge.sensors.polling import Answer, fault, read_series
from edge.sensors.port import Series
from edge.table import Table

_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", re.ASCII)
LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """``name`` as the other side says it; the value is multiplied by ``factor``."""

    name: str
    series: Series
    factor: float = 1.0

    def answer(self, said: object) -> Answer:
        """A number, or its text, becomes a value; anything else is a fault that quotes it."""
        if isinstance(said, bool):
            return Answer(float(said) * self.factor, str(said).lower())
        raw = shown(said)
        is_number = isinstance(said, int | float) or (
            isinstance(said, str) and _NUMBER.fullmatch(said) is not None
        )
        if not is_number:
            return fault(f"it says {self.name} {raw!r}, which is no number", raw=raw)
        try:
            value = float(str(said)) * self.factor
        except OverflowError:
            value = float("inf")
        if not -1e300 < value < 1e300:
            return fault(f"it says {self.name} {raw!r}, which is no number", raw=raw)
        return Answer(value, raw)


def read_named(table: Table, key: str, example: str) -> tuple[Named, ...]:
    """``key.name = "metric"`` or ``key.name = {metric, place, port, factor}``; at least one."""
    place, port = read_series(table)
    inner = table.table(key)
    found = []
    for name in inner.keys():  # noqa: SIM118 (a Table is no mapping)
        if isinstance(inner.raw(name), str):
            series = Series(place, port, inner.one_of(name, METRICS))
            found.append(Named(name=name, series=series))
            continue
        value = inner.table(name)
        own = read_series(value) if "place" in value else (place, value.id("port", port))
        metric = value.one_of("metric", METRICS)
        factor = value.number("factor", 1.0)
        found.append(Named(name=name, series=Series(*own, metric), factor=factor))
        value.done()
    if not found:
        table.complain(key, f"name at least one, e.g. {example}")
    if len({each.series for each in found}) < len(found):
        table.complain(key, "two are the same (place, port, metric); change one")
    return tuple(found)


def shown(said: object) -> str:
    """A text from outside, short enough to stand in a reason."""
    text = said if isinstance(said, str) else repr(said)
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"

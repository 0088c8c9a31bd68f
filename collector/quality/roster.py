"""Which series a reading belongs to, and what that is measured against: the registry's part. Pure."""

from collections.abc import Sequence

from alerts.registry.model import Registry
from alerts.rules.rule import numbers
from collector.quality.limits import NEVER, limits_of
from collector.quality.series import Series
from edge.contract.metrics import METRICS
from edge.contract.reading import Batch
from edge.contract.thresholds import THRESHOLDS, Thresholds, changed

_SHAPE_MOST = 32  # readings of a pack whose columns are remembered; a backlog is looked up

_Key = tuple[str, str, str]
"""Place, port, metric."""


class _Device:
    """The series of one device; the columns of its last pack lead to theirs without a look-up."""

    __slots__ = ("metric", "place", "port", "revision", "row", "series")

    def __init__(self) -> None:
        self.series: dict[_Key, Series] = {}
        self.revision = -1
        self.place: list[str] = []
        self.port: list[str] = []
        self.metric: list[str] = []
        self.row: list[Series] = []


class Roster:
    """Every series that was seen. A revised registry reaches a device's with its next batch."""

    def __init__(self) -> None:
        self._revision = 0
        self._devices: dict[tuple[str, str], _Device] = {}
        self._gaps: dict[tuple[str, str], dict[_Key, float]] = {}
        self._neighbours: dict[tuple[str, str], tuple[str, ...]] = {}
        self._heeded: frozenset[tuple[str, str]] = frozenset()
        """Places that are a neighbour of another."""
        self._bounds: dict[tuple[str, str, str], Thresholds] = {}
        """What a place changes, by site, place and metric."""
        self._there: dict[tuple[str, str, str], list[Series]] = {}

    def use(self, registry: Registry) -> None:
        """From now on this registry holds; devices that it does not have are forgotten."""
        self._revision += 1
        self._gaps = {
            (device.site, device.id): {
                (binding.place, binding.port, metric): binding.interval_s * device.overdue * 1000
                for binding in device.bindings
                for metric in binding.metrics
            }
            for device in registry.devices
        }
        self._neighbours = {(place.site, place.id): place.neighbours for place in registry.places}
        self._heeded = frozenset(
            (place.site, other) for place in registry.places for other in place.neighbours
        )
        metrics = {override.metric for override in registry.overrides} & METRICS.keys()
        self._bounds = {
            (place.site, place.id, metric): changed(metric, found)
            for place in registry.places
            for metric in metrics
            if (found := numbers(registry.overrides, metric, place.site, place.id, of="metric"))
        }
        self._there.clear()
        for device in self._devices.keys() - self._gaps.keys():
            del self._devices[device]

    def neighbours(self, site: str, place: str) -> tuple[str, ...]:
        return self._neighbours.get((site, place), ())

    def beside(self, site: str, series: Series) -> list[Sequence[Series]]:
        """The series of the same metric at each neighbour of its place."""
        return [
            self._there.get((site, place, series.metric), ())
            for place in self.neighbours(site, series.place)
        ]

    def row(self, batch: Batch) -> list[Series]:
        """The series of each reading."""
        device = self._devices.get((batch.site, batch.device))
        if device is None or device.revision != self._revision:
            device = self._meet(batch.site, batch.device)
        place, port, metric = batch.place, batch.port, batch.metric
        if metric == device.metric and place == device.place and port == device.port:
            return device.row
        known = device.series
        try:
            row = [known[key] for key in zip(place, port, metric, strict=True)]
        except KeyError:
            row = [
                known.get(key) or self._begin(batch.site, batch.device, key)
                for key in zip(place, port, metric, strict=True)
            ]
        if len(row) <= _SHAPE_MOST:
            device.place, device.port, device.metric, device.row = place, port, metric, row
        return row

    def _meet(self, site: str, device: str) -> _Device:
        """The device, its series measured by what holds now."""
        found = self._devices.setdefault((site, device), _Device())
        found.revision = self._revision
        for series in found.series.values():
            self._fit(site, device, series)
        return found

    def _begin(self, site: str, device: str, key: _Key) -> Series:
        series = self._devices[site, device].series[key] = Series(*key)
        self._fit(site, device, series)
        return series

    def _fit(self, site: str, device: str, series: Series) -> None:
        place, metric = series.place, series.metric
        gap_ms = self._gaps.get((site, device), {}).get((place, series.port, metric))
        bounds = self._bounds.get((site, place, metric), THRESHOLDS[metric])
        beside = bool(self.neighbours(site, place))
        limits = limits_of(metric, bounds, beside, gap_ms is not None)
        series.fit(limits, NEVER if gap_ms is None else gap_ms)
        if (site, place) in self._heeded:
            self._there.setdefault((site, place, metric), []).append(series)

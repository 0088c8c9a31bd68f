"""Which series a reading belongs to, and what that is measured against: the registry's part. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from alerts.registry.index import devices_of
from alerts.registry.model import Device, Registry
from alerts.rules.rule import numbers
from collector.quality.limits import NEVER, Limits, limits_of
from collector.quality.series import Series
from edge.contract.metrics import METRICS
from edge.contract.reading import Batch, Form
from edge.contract.thresholds import THRESHOLDS, Thresholds, changed

ROWS_MOST = 8  # kinds of packs of one device that are remembered; one more, and they become one
SHAPE_MOST = 32  # readings of a pack whose columns are remembered; a backlog is looked up
KNOWN_MOST = 1_000  # devices whose series are kept by key: those of others are looked up by form

_Key = tuple[str, str, str]
"""Place, port, metric."""


class _Row:
    """The series of a kind of pack; its columns are those of the form, where it has one."""

    __slots__ = ("metric", "place", "port", "series")

    def __init__(
        self, place: list[str], port: list[str], metric: list[str], series: list[Series]
    ) -> None:
        self.place, self.port, self.metric, self.series = place, port, metric, series

    def keys(self) -> Iterator[_Key]:
        return zip(self.place, self.port, self.metric, strict=True)


def _row(known: Mapping[_Key, Series]) -> _Row:
    place, port, metric = map(list, zip(*known, strict=True))
    return _Row(place, port, metric, list(known.values()))


class _Device:
    """The series of one device by the kinds of its packs: mostly there is one, known by its form."""

    __slots__ = ("form", "revision", "rows", "series")

    def __init__(self) -> None:
        self.revision = -1
        self.rows: list[_Row] = []
        self.form: Form | None = None
        self.series: list[Series] = []
        """Those of the last form."""

    def known(self) -> dict[_Key, Series]:
        return {
            key: series
            for row in self.rows
            for key, series in zip(row.keys(), row.series, strict=True)
        }

    def keep(self, row: _Row) -> None:
        self.rows.append(row)
        if len(self.rows) > ROWS_MOST:
            known = self.known()
            self.rows = [_row(known)]


class Roster:
    """Every series that was seen. A revised registry reaches a device's with its next batch."""

    def __init__(self) -> None:
        self._revision = 0
        self._devices: dict[tuple[str, str], _Device] = {}
        self._registered: Mapping[tuple[str, str], Device] = {}
        self._neighbours: dict[tuple[str, str], tuple[str, ...]] = {}
        """Of places that have any."""
        self._heeded: frozenset[tuple[str, str]] = frozenset()
        """Places that are a neighbour of another."""
        self._bounds: dict[tuple[str, str, str], Thresholds] = {}
        """What a place changes, by site, place and metric."""
        self._there: dict[tuple[str, str, str], list[Series]] = {}
        self._known: dict[_Device, dict[_Key, Series]] = {}
        """Of devices that lately sent what was not remembered."""

    def use(self, registry: Registry) -> None:
        """From now on this registry holds; devices that it does not have are forgotten."""
        self._revision += 1
        self._registered = devices_of(registry)
        self._neighbours = {
            (place.site, place.id): place.neighbours
            for place in registry.places
            if place.neighbours
        }
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
        self._known.clear()
        for device in self._devices.keys() - self._registered.keys():
            del self._devices[device]

    def neighbours(self, site: str, place: str) -> tuple[str, ...]:
        return self._neighbours.get((site, place), ())

    def beside(self, site: str, place: str, metric: str) -> list[Sequence[Series]]:
        """The series of this metric at each neighbour of the place."""
        return [
            self._there.get((site, other, metric), ()) for other in self.neighbours(site, place)
        ]

    def row(self, batch: Batch) -> list[Series]:
        """The series of each reading."""
        device = self._devices.get((batch.site, batch.device))
        if device is None or device.revision != self._revision:
            device = self._meet(batch.site, batch.device)
        form = batch.form
        if form is not None and form is device.form:
            return device.series
        found = self._row(device, batch)
        if form is not None:
            device.form, device.series = form, found
        return found

    def _row(self, device: _Device, batch: Batch) -> list[Series]:
        place, port, metric = batch.place, batch.port, batch.metric
        is_small = len(metric) <= SHAPE_MOST
        if is_small:
            for row in device.rows:
                if row.metric == metric and row.place == place and row.port == port:
                    return row.series
        known = self._known.get(device)
        if known is None:
            if len(self._known) >= KNOWN_MOST:
                self._known.clear()
            known = self._known[device] = device.known()
        new: dict[_Key, Series] = {}
        found = []
        for key in zip(place, port, metric, strict=True):
            series = known.get(key)
            if series is None:
                series = known[key] = new[key] = Series(self._limits(batch.site, batch.device, key))
                self._heed(batch.site, key, series)
            found.append(series)
        if is_small:
            device.keep(_Row(place, port, metric, found))
        elif new:
            device.keep(_row(new))
        return found

    def _meet(self, site: str, device: str) -> _Device:
        """The device, its series measured by what holds now."""
        found = self._devices.setdefault((site, device), _Device())
        found.revision = self._revision
        for key, series in found.known().items():
            series.fit(self._limits(site, device, key))
            self._heed(site, key, series)
        return found

    def _limits(self, site: str, device: str, key: _Key) -> Limits:
        place, port, metric = key
        gap_ms = NEVER
        if known := self._registered.get((site, device)):
            for binding in known.bindings:
                if (binding.place, binding.port) == (place, port) and metric in binding.metrics:
                    gap_ms = binding.interval_s * known.overdue * 1000
        bounds = self._bounds.get((site, place, metric), THRESHOLDS[metric])
        return limits_of(metric, bounds, bool(self.neighbours(site, place)), gap_ms)

    def _heed(self, site: str, key: _Key, series: Series) -> None:
        place, _, metric = key
        if (site, place) in self._heeded:
            self._there.setdefault((site, place, metric), []).append(series)

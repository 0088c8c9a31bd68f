"""From what a foreign device told to a batch: bound by the registry, in our units, with our times.

Pure. The source numbers nothing, so the batch has no run and covers nothing; what comes twice with
its own time is the same point of the store. ``Newest`` is the caller's memory of each series.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from alerts.registry.model import Binding, Device
from collector.decoders.port import Record, Told
from collector.decoders.units import Convert, UnknownUnit, converter
from edge.contract.metrics import METRICS
from edge.contract.quality import Check, Quality
from edge.contract.reading import Batch, ReadingClass, Rejected

AHEAD_MS = 120_000  # a clock may be so far ahead before its times are shifted
# Before this a clock was never set: boards without a battery begin in 1970, 2000 or their build year.
EARLIEST_MS = 1_577_836_800_000  # 2020-01-01T00:00:00Z
_NAMES_MOST = 4_096  # remembered per device; strangers may invent names without end
_STANDS = frozenset({Quality.FAIL, Quality.MISSING})

Series = tuple[str, str, str]
"""Place, port, metric."""
Newest = dict[tuple[str, str, Series], tuple[int, float | None]]
"""By site, device and series, the newest reading that was let pass: its time (ms) and value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What became of a message: readings (none: an empty batch), what was refused, and its word."""

    batch: Batch
    rejected: tuple[Rejected, ...] = ()
    ignored: int = 0
    doubles: int = 0
    online: bool | None = None


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a name leads, and what makes our unit of the source's."""

    series: Series
    convert: Convert | None


class Mapping:
    """A device's names, looked up once each."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self._exact = frozenset(name for name in device.ignore if not name.endswith(".*"))
        self._below = tuple(name[:-1] for name in device.ignore if name.endswith(".*"))
        self._known: dict[tuple[str, str, str], _Target | str | None] = {}

    def find(self, record: Record) -> _Target | str | None:
        """Where this record leads; why it leads nowhere; None when nobody wants it."""
        key = record.name, record.metric, record.unit
        if key not in self._known:
            if len(self._known) >= _NAMES_MOST:
                self._known.clear()
            self._known[key] = self._look_up(record)
        found = self._known[key]
        return None if isinstance(found, str) and record.spare else found

    def _look_up(self, record: Record) -> _Target | str | None:
        name = record.name
        if name in self._exact or name.startswith(self._below):
            return None
        fits = [
            (binding, rest)
            for binding in self.device.bindings
            if (rest := _below(name, binding.component)) is not None
        ]
        for binding, rest in fits:
            if metric := binding.mapping.get(rest):
                return _target(binding, rest, metric, record.unit)
        metric = record.metric
        if metric in METRICS:
            for binding, rest in fits:
                # What the mapping names itself is not also taken from another name.
                if metric in binding.metrics and metric not in binding.mapping.values():
                    return _target(binding, rest, metric, record.unit)
            if METRICS[metric].cls is ReadingClass.HEALTH:
                return _target(_ITSELF, name, metric, record.unit)
        return f"{_shown(name)} is not mapped for device {self.device.id}"


@dataclass(slots=True)
class _Pack:
    """The records of one message that lead somewhere, and those that do not."""

    records: list[tuple[Record, _Target, float | None]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    ignored: int = 0


def bind(told: Told, mapping: Mapping, newest: Newest, topic: str, now_ms: int) -> Bound:
    """What the message comes to, arriving at ``now_ms``. ``newest`` is brought up to date.

    A record without a time is dated by its arrival if it is the only one of its series. A pack that
    is dated over two minutes ahead or before 2020 is shifted: its newest is its arrival.
    """
    device = mapping.device
    pack = _sorted_out(told, mapping, topic)
    shift_ms = _shift_ms([r.at_ms for r, *_ in pack.records if r.at_ms is not None], now_ms)
    _drop_backlog_without_times(pack, topic)
    batch = Batch(
        site=device.site, device=device.id, run="", first=0, count=0, untrusted=device.is_foreign
    )
    doubles, given = 0, dict[Series, int]()
    # Oldest first: times must rise within a series.
    for record, target, value in sorted(pack.records, key=lambda one: _at_ms(one[0], now_ms)):
        key = (device.site, device.id, target.series)
        last_ms, last = newest.get(key, (0, None))
        at_ms, quality, reason = record.at_ms, record.quality, record.reason
        if at_ms is None:
            # A house clock that was set back is not followed for hours, a millisecond at a time.
            at_ms = last_ms + 1 if now_ms <= last_ms < now_ms + AHEAD_MS else now_ms
        else:
            at_ms += shift_ms
            if at_ms < EARLIEST_MS:
                pack.rejected.append(_rejected(topic, record, "its time lies before 2020"))
                continue
            if shift_ms:
                reason = reason or f"its clock is wrong by {-shift_ms / 1000:+.0f} s"
                quality = quality if quality in _STANDS else Quality.SUSPECT
            if (at_ms, value) == (last_ms, last):
                doubles += 1
                continue
            # Two values in one millisecond are two readings.
            at_ms = max(at_ms + (at_ms == last_ms), given.get(target.series, 0) + 1)
        given[target.series] = at_ms
        if at_ms > last_ms or last_ms > now_ms + AHEAD_MS:
            newest[key] = at_ms, value
        if record.at_ms is not None and shift_ms:
            batch.marks[len(batch)] = Check.CLOCK.suspect
        _add(batch, target.series, value, at_ms, quality, reason)
    batch.count = len(batch)
    return Bound(
        batch=batch,
        rejected=(*(Rejected(topic, why, raw) for why, raw in told.refused), *pack.rejected),
        ignored=pack.ignored,
        doubles=doubles,
        online=told.online,
    )


def _sorted_out(told: Told, mapping: Mapping, topic: str) -> _Pack:
    pack = _Pack()
    names: dict[Series, str] = {}
    for record in told.records:
        target = mapping.find(record)
        if target is None:
            pack.ignored += 1
        elif isinstance(target, str):
            pack.rejected.append(_rejected(topic, record, target))
        elif names.setdefault(target.series, record.name) != record.name:
            at = " ".join(filter(None, target.series))
            why = f"{_shown(names[target.series])} and {_shown(record.name)} both mean {at}"
            pack.rejected.append(_rejected(topic, record, f"{why}; map them apart"))
        else:
            value = record.value
            if value is not None and target.convert is not None:
                value = target.convert(value)
            pack.records.append((record, target, value))
    return pack


def _drop_backlog_without_times(pack: _Pack, topic: str) -> None:
    counts: dict[Series, int] = {}
    for record, target, _ in pack.records:
        if record.at_ms is None:
            counts[target.series] = counts.get(target.series, 0) + 1
    if all(count == 1 for count in counts.values()):
        return
    kept = []
    for one in pack.records:
        record, target, _ = one
        if record.at_ms is None and counts[target.series] > 1:
            why = f"several values of {_shown(record.name)} and no time: nobody knows when"
            pack.rejected.append(_rejected(topic, record, why))
        else:
            kept.append(one)
    pack.records = kept


def _at_ms(record: Record, now_ms: int) -> int:
    return now_ms if record.at_ms is None else record.at_ms


def _shift_ms(times: Sequence[int], now_ms: int) -> int:
    """What to add to each time of a pack; 0 where its newest may be true."""
    if not times:
        return 0
    newest_ms = max(times)
    return 0 if EARLIEST_MS <= newest_ms <= now_ms + AHEAD_MS else now_ms - newest_ms


def _target(binding: Binding, rest: str, metric: str, unit: str) -> _Target | str:
    try:
        convert = converter(metric, binding.units.get(rest, unit))
    except KeyError:
        return f"there is no metric {metric!r}"
    except UnknownUnit as error:
        return f"{_shown(rest)}: {error}"
    return _Target((binding.place, binding.port, metric), convert)


def _below(name: str, component: str) -> str | None:
    """The name within the component; None when it lies elsewhere."""
    if not component:
        return name
    if name == component:
        return ""
    return name[len(component) + 1 :] if name.startswith(component + ".") else None


def _add(
    batch: Batch, series: Series, value: float | None, at_ms: int, quality: Quality, reason: str
) -> None:
    if value is None and quality is not Quality.MISSING:
        quality = Quality.MISSING
    if reason:
        batch.reasons[len(batch)] = reason
    batch.seq.append(len(batch))
    batch.place.append(series[0])
    batch.port.append(series[1])
    batch.metric.append(series[2])
    batch.value.append(value)
    batch.quality.append(int(quality))
    batch.at_ms.append(at_ms)


def _rejected(topic: str, record: Record, reason: str) -> Rejected:
    body = {"name": record.name[:200], "value": record.value, "unit": record.unit[:20]}
    if record.metric:
        body["metric"] = record.metric
    if record.at_ms is not None:
        body["at_ms"] = record.at_ms
    if record.quality is not Quality.NOT_EVALUATED:
        body["quality"] = record.quality
    if record.reason:
        body["reason"] = record.reason
    # A name may hold half a surrogate pair, which orjson refuses.
    body = {key: _clean(value) if isinstance(value, str) else value for key, value in body.items()}
    return Rejected(topic, reason, orjson.dumps(body))


def _shown(name: str) -> str:
    name = _clean(name[:80])
    return name if name.isprintable() else repr(name)


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


_ITSELF = Binding(place="", metrics=())

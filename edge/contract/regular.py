"""Regular SenML packs read as columns: what devices of ours send, at a fraction of the cost.

Every rule of ``senml`` holds: whatever it would refuse or treat apart makes a pack irregular, and it
is then read record by record. Labels are counted, so one that is not known here is never passed over.

Small packs of one time are mostly the same text but for their numbers. Once such a text has been read
as JSON, the next ones are cut at their values, and nothing but the numbers is read anew.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from math import isfinite
from operator import itemgetter, methodcaller
from typing import Any

from edge.contract.ids import is_id
from edge.contract.metrics import METRICS
from edge.contract.quality import Quality
from edge.contract.reading import Batch, Form

_UNITS = {name: metric.senml for name, metric in METRICS.items()}
_NAMES = {name: name for name in METRICS}  # so that a thousand packs share one string
_NAME, _UNIT, _VALUE = itemgetter("n"), itemgetter("u"), itemgetter("v")
_BASE_NAME = methodcaller("get", "bn")
_FLOATS = frozenset({float})
_NUMBERS = frozenset({int, float})
_MAYBE_NUMBERS = _NUMBERS | {type(None)}
_MAYBE_INT = frozenset({int, type(None)})
_NOT_EVALUATED = int(Quality.NOT_EVALUATED)
# A reading that is missing has no value and is none of ours.
_QUALITIES = frozenset(int(each) for each in Quality if each is not Quality.MISSING) | {None}
_BASE_NAMES_KNOWN = 2**16  # some 10 MB when all are taken
_KINDS_KNOWN = 2**10  # sequences of metrics: a village has a dozen
_LONGEST_KIND = 100  # readings at one time; backlogs are longer, and hardly two are alike
_FORMS_KNOWN = 2**16  # some 25 MB when all are taken: one for each device's place or port
_MOST = 2**63
_EVERY = len(("n", "u", "v"))  # labels of each record
_FIRST = len(("bn", "bt", "run", "seq"))  # and of the first besides
_Columns = tuple[list[str], list[str], list[int], list[int]]
_FormKey = tuple[str, str, str | tuple[str | None, ...]]
"""Site, device, and the base name, or those of all records where there are several."""

_QUICK_BYTES = 4_096  # larger packs are backlogs, whose records have times of their own
# Numbers of JSON (RFC 8259, section 6) that cannot overflow; others are read as JSON.
_NUMBER = rb"(-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,20})?)"
_split = re.compile(rb'"v":%b\}' % _NUMBER).split
_head = re.compile(
    rb'\[\{"bn":"([a-z0-9/-]*)","bt":%b,"run":"([a-z0-9-]{1,64})","seq":(0|[1-9][0-9]{0,14}),'
    rb'("n":"[a-z0-9-]+","u":"[^"\\\x00-\x1f\x80-\xff]*",)' % _NUMBER
).fullmatch
_tail = re.compile(rb',\{("n":"[a-z0-9-]+","u":"[^"\\\x00-\x1f\x80-\xff]*",)').fullmatch


class _Kind:
    """A sequence of metrics in their units, and its forms by site, device and base names."""

    __slots__ = ("forms", "metric", "ports")

    def __init__(self, metric: list[str]) -> None:
        self.metric = metric
        self.ports: dict[tuple[str, ...], list[str]] = {}
        self.forms: dict[_FormKey, Form] = {}


class _Known:
    """The kinds and forms that were seen, bounded; whoever kept something by form meets a new one."""

    def __init__(self) -> None:
        self.kinds: dict[tuple[tuple[str, ...], tuple[str, ...]], _Kind] = {}
        self.texts: dict[tuple[bytes, ...], _Kind] = {}
        """By what stands before, between and behind the values."""
        self._forms = 0

    def kind(self, names: tuple[str, ...], units: tuple[str, ...]) -> _Kind:
        """A sequence that is new here; ValueError when it is irregular."""
        if tuple(map(_UNITS.get, names)) != units or None in units:
            raise ValueError("a metric that is not known, or not in its unit")
        metric = list(map(_NAMES.__getitem__, names))
        if len(metric) > _LONGEST_KIND:
            return _Kind(metric)
        if len(self.kinds) >= _KINDS_KNOWN:
            self._forget()
        # The catalogue's own strings, so that a key costs no text.
        key = tuple(metric), tuple(map(_UNITS.__getitem__, metric))
        return self.kinds.setdefault(key, _Kind(metric))

    def form(self, kind: _Kind, key: _FormKey, name_length: int) -> Form:
        """One that is new here; ValueError for a base name that is none."""
        site, device, base = key
        count = len(kind.metric)
        names = (base, *[None] * (count - 1)) if isinstance(base, str) else base
        places, ports = _spots(names, name_length)
        # Columns that many devices have in common are one list.
        ports = kind.ports.setdefault(tuple(ports), ports)
        form = Form(site, device, [*places], ports, kind.metric)
        if self._forms >= _FORMS_KNOWN:
            self._forget()
        self._forms += 1
        return kind.forms.setdefault(key, form)

    def _forget(self) -> None:
        self.kinds.clear()
        self.texts.clear()
        self._forms = 0


_known = _Known()


def read_regular(
    records: Sequence[Any],
    site: str,
    device: str,
    oldest_ms: int,
    newest_ms: int,
    name_length: int,
) -> Batch | None:
    """The readings of all records; None when the pack is irregular.

    ``run``, ``seq`` and ``dropped`` of the first record have been looked at. ``oldest_ms`` lies far
    behind what RFC 8428 calls relative times.
    """
    count = len(records)
    try:
        first = records[0]
        names, units = tuple(map(_NAME, records)), tuple(map(_UNIT, records))
        kind = _known.kinds.get((names, units)) or _known.kind(names, units)
        base_name, base_s = first["bn"], first["bt"]
        if type(base_s) not in _NUMBERS or type(base_name) is not str:
            return None
        more = sum(map(len, records)) - _EVERY * count - _FIRST - ("dropped" in first)
        form = None
        base: str | tuple[str | None, ...] = base_name
        if more or count > _LONGEST_KIND:
            base = tuple(map(_BASE_NAME, records))
            more -= count - 1 - base.count(None)
        if more == 0 and count <= _LONGEST_KIND:  # nothing but base names: all are of one time
            at_ms = round(float(base_s) * 1000)
            if not oldest_ms <= at_ms <= newest_ms:
                return None
            key = site, device, base
            form = kind.forms.get(key) or _known.form(kind, key, name_length)
            places, ports = form.place, form.port
            times, qualities = [at_ms] * count, [_NOT_EVALUATED] * count
        else:
            assert isinstance(base, tuple)
            bounds = oldest_ms, newest_ms
            columns = _columns(records, more, base, float(base_s), bounds, name_length)
            if columns is None:
                return None
            places, ports, times, qualities = columns
        values = _values(records)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
        return None
    seq = first["seq"]
    return Batch(
        site=site,
        device=device,
        run=first["run"],
        first=seq,
        count=count,
        place=places,
        port=ports,
        metric=kind.metric,
        value=values,
        at_ms=times,
        quality=qualities,
        seq=list(range(seq, seq + count)),
        form=form,
    )


def read_quick(
    payload: bytes, site: str, device: str, oldest_ms: int, newest_ms: int, name_length: int
) -> Batch | None:
    """What ``read_regular`` gives for a text that is known but for its numbers; None for others."""
    if len(payload) > _QUICK_BYTES:
        return None
    pieces = _split(payload)
    head = _head(pieces[0])
    if head is None:
        return None
    base_name, base_s, run, first_seq, first = head.groups()
    kind = _known.texts.get((first, *pieces[2::2]))
    if kind is None:
        return None
    at_ms = round(float(base_s) * 1000)
    if not oldest_ms <= at_ms <= newest_ms:
        return None
    key = site, device, base_name.decode()
    form = kind.forms.get(key)
    if form is None:
        try:
            form = _known.form(kind, key, name_length)
        except ValueError:
            return None
    values: list[float | None] = list(map(float, pieces[1::2]))
    if 0.0 in values:
        values = [value + 0.0 for value in values if value is not None]  # -0 is 0
    seq, count = int(first_seq), len(values)
    return Batch(
        site=site,
        device=device,
        run=run.decode(),
        first=seq,
        count=count,
        place=form.place,
        port=form.port,
        metric=form.metric,
        value=values,
        at_ms=[at_ms] * count,
        quality=[_NOT_EVALUATED] * count,
        seq=list(range(seq, seq + count)),
        form=form,
    )


def learn(payload: bytes, form: Form) -> None:
    """Know the text of a pack that was read as regular, if it is one that ``read_quick`` can read."""
    if len(payload) > _QUICK_BYTES:
        return
    pieces = _split(payload)
    head = _head(pieces[0])
    tails = pieces[2:-1:2]
    if head is None or pieces[-1] != b"]" or not all(map(_tail, tails)):
        return
    units = tuple(map(_UNITS.__getitem__, form.metric))
    kind = _known.kinds.get((tuple(form.metric), units))
    if kind is None:  # forgotten meanwhile
        return
    names = zip(form.metric, units, strict=True)
    texts = [b'"n":"%b","u":"%b",' % (name.encode(), unit.encode()) for name, unit in names]
    # Text and meaning are one and the same here: no escapes, no label twice, nothing between.
    if [head[5], *(tail[2:] for tail in tails)] == texts and len(_known.texts) < _KINDS_KNOWN:
        _known.texts[(head[5], *pieces[2::2])] = kind


def _columns(
    records: Sequence[dict[str, Any]], more: int, base_names: Sequence[str | None], base_s: float,
    bounds: tuple[int, int], name_length: int,
) -> _Columns | None:  # fmt: skip
    """Places, ports, times and qualities of their own; ``more`` times and qualities, nothing else."""
    after_s = [record.get("t") for record in records]
    qualities = [record.get("q") for record in records]
    more -= 2 * len(records) - after_s.count(None) - qualities.count(None)
    if more or not _MAYBE_NUMBERS.issuperset(map(type, after_s)):
        return None
    times = [round((base_s if t is None else base_s + t) * 1000) for t in after_s]
    if min(times) < bounds[0] or max(times) > bounds[1]:
        return None
    if not (_MAYBE_INT.issuperset(map(type, qualities)) and _QUALITIES.issuperset(qualities)):
        return None
    places, ports = _spots(base_names, name_length)
    return places, ports, times, [_NOT_EVALUATED if q is None else q for q in qualities]


def _spots(base_names: Sequence[str | None], name_length: int) -> tuple[list[str], list[str]]:
    """Places and ports; a base name holds until there is another (RFC 8428, section 4.1)."""
    places, ports, place, port = [], [], "", ""
    for base_name in base_names:
        if base_name is not None:
            place, port = _spot(base_name, name_length)
        places.append(place)
        ports.append(port)
    return places, ports


def _values(records: Sequence[dict[str, Any]]) -> list[float | None]:
    try:
        values = list(map(_VALUE, records))
    except KeyError:
        values = [record["v"] if "v" in record else _flag(record["vb"]) for record in records]
    # An infinity or NaN among them stays one in the sum; a sum that overflows is merely irregular.
    if not isfinite(sum(values)):
        raise ValueError("not all are finite numbers")
    types = set(map(type, values))
    if types == _FLOATS and 0.0 not in values:
        return values
    if not types <= _NUMBERS:
        raise ValueError("not all are numbers")
    if any(type(value) is int and not -_MOST <= value <= _MOST for value in values):
        raise ValueError("an integer that is too large")
    return [value + 0.0 for value in values]  # as with a base value of zero: -0 is 0


def _flag(value: object) -> float:
    if value is True or value is False:
        return float(value)
    raise ValueError("'vb' is true or false")


@lru_cache(_BASE_NAMES_KNOWN)
def _spot(base_name: str, name_length: int) -> tuple[str, str]:
    """Place and port of a base name, before which a metric's name stands; ValueError for others."""
    *ids, rest = base_name.split("/")
    if rest or len(ids) > 2 or len(base_name) > name_length or not all(map(is_id, ids)):
        raise ValueError("not '<place>/' or '<place>/<port>/'")
    return ids[0] if ids else "", ids[1] if len(ids) > 1 else ""

"""Journal rows and the rules' entries: the same facts on disk and in memory.

Kinds: ``readings`` (a batch as columns, by orjson), ``amendment``, ``tick``, ``sight``, ``device``,
``given-up``, ``registry``, ``packs``, ``standing``, ``warning``. A column in which every reading says the same is one value;
times are against the first.
"""

from functools import lru_cache
from typing import Any

import orjson
from pydantic import TypeAdapter

from alerts.registry.model import Registry
from alerts.rules.inputs import (
    Amendment,
    DeviceSaid,
    Entry,
    GivenUp,
    PacksRevised,
    RegistryRevised,
    Sight,
    Standing,
    Tick,
    Warning,
    What,
)
from edge.contract.metrics import METRICS
from edge.contract.reading import Batch, Form, ReadingClass
from edge.contract.status import Status
from edge.journal.rows import Row

READINGS = "readings"
AMENDMENT = "amendment"
TICK = "tick"
SIGHT = "sight"
DEVICE = "device"
GIVEN_UP = "given-up"
REGISTRY = "registry"
PACKS = "packs"
STANDING = "standing"
WARNING = "warning"

_REGISTRY = TypeAdapter(Registry)
_WARNING = TypeAdapter(Warning)
_STANDING = TypeAdapter(Standing)
_CLASS = {name: metric.cls for name, metric in METRICS.items()}
HEADS_KNOWN = 2**16  # some 15 MB when all are taken
_heads: dict[Form, tuple[str, bytes]] = {}
"""By form, the class of its rows, and how they begin."""
_forms: dict[tuple[str, bytes], Form] = {}
"""By stream and beginning, the form of rows that are read again."""
_AMENDED = ("place", "port", "metric", "since_ms", "until_ms", "quality", "marks")
# What the rules cannot do without goes last when room runs out.
_KEPT_LONGEST = ReadingClass.ALARM.value


class Unreadable(ValueError):
    """A row that this version cannot read: of a newer one, or damaged."""


def row(at_ms: int, what: What) -> Row:
    """The row that says this; its position is the journal's to give."""
    if isinstance(what, Batch):
        name = stream(what.site, what.device)
        cls, body = _of_form(what) or (_class(frozenset(what.metric)), _columns(what))
        # By position: this is on the hot path.
        return Row(0, at_ms, READINGS, cls, name, what.run, what.first, what.count, body)
    if isinstance(what, Amendment):
        name = stream(what.site, what.device)
        cls, body = (
            _class(frozenset((what.metric,))),
            orjson.dumps([getattr(what, key) for key in _AMENDED]),
        )
        return Row(at_ms=at_ms, kind=AMENDMENT, cls=cls, stream=name, count=0, body=body)
    if isinstance(what, Tick):
        return Row(at_ms=at_ms, kind=TICK, count=0)
    if isinstance(what, Sight):
        body = orjson.dumps({"sees": what.sees, "since_ms": what.since_ms})
        return Row(at_ms=at_ms, kind=SIGHT, cls=_KEPT_LONGEST, count=0, body=body)
    if isinstance(what, DeviceSaid):
        name = stream(what.site, what.device)
        body = what.status.encode()
        return Row(at_ms=at_ms, kind=DEVICE, cls=_KEPT_LONGEST, stream=name, count=0, body=body)
    if isinstance(what, GivenUp):
        name = stream(what.site, what.device)
        # The run stands in the body: the row itself is no reading that a cap could take.
        about = [what.run, what.lo, what.hi, what.reason, what.by_house]
        body = orjson.dumps([*about, what.since_ms, what.until_ms])
        return Row(at_ms=at_ms, kind=GIVEN_UP, cls=_KEPT_LONGEST, stream=name, count=0, body=body)
    if isinstance(what, RegistryRevised):
        body = dump_registry(what.registry)
        return Row(at_ms=at_ms, kind=REGISTRY, cls=_KEPT_LONGEST, count=0, body=body)
    if isinstance(what, Standing):
        body = dump_standing(what)
        return Row(at_ms=at_ms, kind=STANDING, cls=_KEPT_LONGEST, count=0, body=body)
    if isinstance(what, Warning):
        body = _WARNING.dump_json(what)
        return Row(at_ms=at_ms, kind=WARNING, cls=_KEPT_LONGEST, count=0, body=body)
    return Row(at_ms=at_ms, kind=PACKS, cls=_KEPT_LONGEST, count=0, body=orjson.dumps(what.packs))


def entry(row: Row) -> Entry:
    """What the row says; Unreadable when it cannot be told."""
    try:
        return Entry(row.position, row.at_ms, _what(row))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise Unreadable(f"record {row.position} ({row.kind}) cannot be read: {error}") from error


def stream(site: str, device: str) -> str:
    """The journal's name for what a device sends."""
    return f"{site}/{device}"


def dump_registry(registry: Registry) -> bytes:
    return _REGISTRY.dump_json(registry)


def load_registry(body: bytes) -> Registry:
    return _REGISTRY.validate_json(body)


def dump_standing(standing: Standing) -> bytes:
    return _STANDING.dump_json(standing)


def load_standing(body: bytes) -> Standing:
    return _STANDING.validate_json(body)


def _what(row: Row) -> What:
    if row.kind == READINGS:
        return _batch(row)
    if row.kind == AMENDMENT:
        site, _, device = row.stream.partition("/")
        told = zip(_AMENDED, orjson.loads(row.body), strict=True)
        return Amendment(site=site, device=device, **dict(told))
    if row.kind == TICK:
        return Tick()
    if row.kind == SIGHT:
        body = orjson.loads(row.body)
        return Sight(bool(body["sees"]), int(body["since_ms"]))
    if row.kind == DEVICE:
        site, _, device = row.stream.partition("/")
        status = Status.decode(row.body, orjson.loads)
        if status is None:
            raise ValueError("no status")
        return DeviceSaid(site, device, status)
    if row.kind == GIVEN_UP:
        site, _, device = row.stream.partition("/")
        run, lo, hi, reason, by_house, since_ms, until_ms = orjson.loads(row.body)
        return GivenUp(
            site=site,
            device=device,
            run=str(run),
            lo=int(lo),
            hi=int(hi),
            reason=str(reason),
            by_house=bool(by_house),
            since_ms=since_ms,
            until_ms=until_ms,
        )
    if row.kind == REGISTRY:
        return RegistryRevised(load_registry(row.body))
    if row.kind == PACKS:
        return PacksRevised(orjson.loads(row.body))
    if row.kind == STANDING:
        return load_standing(row.body)
    if row.kind == WARNING:
        return _WARNING.validate_json(row.body)
    raise ValueError("unknown kind")


@lru_cache(4096)
def _class(metrics: frozenset[str]) -> str:
    """The dearest class among these metrics."""
    found = {_CLASS.get(metric, ReadingClass.SERIES) for metric in metrics}
    for cls in (ReadingClass.ALARM, ReadingClass.SERIES):
        if cls in found:
            return cls.value
    return ReadingClass.HEALTH.value if found else ReadingClass.SERIES.value


def _of_form(batch: Batch) -> tuple[str, bytes] | None:
    """Class and columns of the usual pack, by what its form always says; None for any other."""
    form, quality = batch.form, batch.quality
    if form is None or batch.reasons or batch.marks or not batch.is_news or batch.untrusted:
        return None
    known = _heads.get(form)
    if known is None:
        if len(_heads) >= HEADS_KNOWN:
            _heads.clear()
        names = {"p": _folded(form.place), "o": _folded(form.port), "m": _folded(form.metric)}
        head = orjson.dumps({"n": len(form.metric)} | names)[:-1]
        known = _heads[form] = _class(frozenset(form.metric)), head
    cls, head = known
    told = orjson.dumps(_folded(quality))
    return cls, b'%b,"v":%b,"b":%d,"t":0,"q":%b}' % (
        head, orjson.dumps(batch.value), batch.at_ms[0], told,
    )  # fmt: skip


def _columns(batch: Batch) -> bytes:
    at_ms = batch.at_ms
    first_ms, count = at_ms[0] if at_ms else 0, len(at_ms)
    is_one_time = at_ms.count(first_ms) == count
    body: dict[str, Any] = {
        "n": count,
        "p": _folded(batch.place),
        "o": _folded(batch.port),
        "m": _folded(batch.metric),
        "v": batch.value,
        "b": first_ms,
        "t": 0 if is_one_time and count else _folded([each - first_ms for each in at_ms]),
        "q": _folded(batch.quality),
    }
    if batch.seq != list(range(batch.first, batch.first + count)):
        body["s"] = batch.seq
    if batch.reasons:
        body["r"] = [[i, reason] for i, reason in batch.reasons.items()]
    if batch.marks:
        body["c"] = [[i, marks] for i, marks in batch.marks.items()]
    if not batch.is_news:
        body["w"] = False
    if batch.untrusted:
        body["u"] = True
    return orjson.dumps(body)


def _batch(row: Row) -> Batch:
    return _batch_of_form(row) or _any_batch(row)


def _batch_of_form(row: Row) -> Batch | None:
    """What ``_of_form`` wrote, with one form for all rows of a kind; None for any other."""
    head, _, rest = row.body.partition(b',"v":')
    form = _forms.get((row.stream, head))
    if form is None:
        # Read once in full; only what a form has written begins like that.
        form = _form(row, head)
        if form is None:
            return None
        if len(_forms) >= HEADS_KNOWN:
            _forms.clear()
        _forms[row.stream, head] = form
    body = orjson.loads(b'{"v":' + rest)
    value, quality, count = body["v"], _unfolded(body["q"], row.count), len(form.metric)
    # Four labels: numbers of its own, words, an untrusted source would be more.
    if len(body) != 4 or body["t"] != 0 or None in value:
        return None
    if not len(value) == len(quality) == row.count == count:
        return None
    return Batch(
        site=form.site,
        device=form.device,
        run=row.run,
        first=row.seq,
        count=count,
        place=form.place,
        port=form.port,
        metric=form.metric,
        value=[*map(float, value)],
        at_ms=[body["b"]] * count,
        quality=quality,
        seq=list(range(row.seq, row.seq + count)),
        form=form,
    )


def _form(row: Row, head: bytes) -> Form | None:
    """The form of rows that begin with ``head``; None when that says too little."""
    try:
        body = orjson.loads(head + b"}")
        count = body["n"]
        columns = [_unfolded(body[name], count) for name in ("p", "o", "m")]
    except (ValueError, KeyError):
        return None
    if not count or any(len(column) != count for column in columns):
        return None
    site, _, device = row.stream.partition("/")
    return Form(site, device, *columns)


def _any_batch(row: Row) -> Batch:
    body = orjson.loads(row.body)
    site, _, device = row.stream.partition("/")
    count, first_ms = body["n"], body["b"]
    columns = [_unfolded(body[name], count) for name in ("p", "o", "m", "t", "q")]
    place, port, metric, after_ms, quality = columns
    seq = body.get("s") or list(range(row.seq, row.seq + count))
    value = body["v"]
    if any(len(column) != count for column in (*columns, value, seq)):
        raise ValueError("columns of unequal length")
    return Batch(
        site=site,
        device=device,
        run=row.run,
        first=row.seq,
        count=row.count,
        place=place,
        port=port,
        metric=metric,
        # Whole numbers lose their point in JSON.
        value=[None if v is None else float(v) for v in value],
        at_ms=[first_ms + ms for ms in after_ms],
        quality=quality,
        seq=seq,
        reasons=dict(body.get("r", ())),
        marks=dict(body.get("c", ())),
        is_news=bool(body.get("w", True)),
        untrusted=bool(body.get("u", False)),
    )


def _folded(column: list[Any]) -> Any:
    return column[0] if column and column.count(column[0]) == len(column) else column


def _unfolded(column: Any, count: int) -> list[Any]:
    return column if isinstance(column, list) else [column] * count

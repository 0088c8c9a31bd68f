"""SenML packs in JSON (RFC 8428), the one payload of readings, read and written here alone.

Base fields are resolved by section 4.6 of the RFC. Four things are ours, all allowed by section
4.4 ("labels that are not understood are ignored"): on the first record ``run``, ``seq`` (the number
of the pack's first reading) and ``dropped`` (ranges the device gave up, with the reason); on a
record ``q``, the quality that the sensor itself reports, and ``why``, a word beside a value. A
reading that is missing has ``q`` 9 and the reason in ``vs`` in place of a value.

A device that does not know the time sends times relative to now (section 4.5.3: below 2**28); they
are dated by the arrival of the pack.
"""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from math import isfinite, isnan, nan
from typing import Any

from edge.contract.ids import is_id
from edge.contract.metrics import METRICS
from edge.contract.quality import Quality
from edge.contract.ranges import MAX_SEQ
from edge.contract.reading import Batch, Decoded, Reading, Rejected
from edge.contract.regular import learn, read_quick, read_regular

MAX_BYTES = 1_000_000  # a pack of 500 readings has about 30 kB; a device on 2G sends far less
MAX_RECORDS = 5_000
YEAR_2000_MS = 946_684_800_000  # a clock that was never set says 1970
AHEAD_MS = 86_400_000  # a day: beyond every time zone mistake; nearer ones are intake's to shift
RELATIVE_S = 2**28  # RFC 8428, section 4.5.3: what is nearer to zero is relative to now
OLDEST_RELATIVE_S = 60 * 86_400  # as long as a journal keeps readings, unless it is told otherwise

_QUALITIES = frozenset(int(quality) for quality in Quality)
_VALUE_LABELS = ("v", "vb", "vs", "vd")
_OF_A_PACK = frozenset({"bn", "bt", "bu", "bv", "bver", "run", "seq", "dropped"})
_REASON_LENGTH = 200
_FAR_S = 1e12  # far beyond any clock, and still whole in milliseconds
_NAME_LENGTH = 200  # three ids and two strokes have 194
_NO_NAME = "?/"  # names nothing
_VERSION = 10  # of RFC 8428

_is_run = lru_cache(2**12)(is_id)  # a device has one for weeks


def encode(
    readings: Sequence[Reading],
    dropped: Iterable[tuple[str, int, int, str]] = (),
    *,
    relative_to_ms: int | None = None,
) -> bytes:
    """One pack of one consecutive run of readings (same ``run``, ``seq`` rising by one).

    Names and times are given against the first record's base, so a pack of 500 has about 30 kB.
    ``relative_to_ms`` is now on the clock that the readings were stamped by, when nobody knows how
    far that clock is off: then the times go out as so long ago.
    """
    if not readings:
        raise ValueError("a pack holds at least one reading")
    base_ms = readings[0].at_ms
    zero_ms = 0
    if relative_to_ms is not None:  # a stamp made to rise may lie a little ahead
        zero_ms = max(relative_to_ms, *(reading.at_ms for reading in readings))
    records: list[dict[str, Any]] = []
    base_name = None
    for offset, reading in enumerate(readings):
        if reading.run != readings[0].run or reading.seq != readings[0].seq + offset:
            raise ValueError(f"reading {offset} does not follow: {reading.run} {reading.seq}")
        record: dict[str, Any] = {}
        name = _base_name(reading.place, reading.port)
        if name != base_name:
            record["bn"] = base_name = name
        if offset == 0:
            record["bt"] = (base_ms - zero_ms) / 1000
            record["run"] = reading.run
            record["seq"] = reading.seq
            given_up = [list(span) for span in dropped]
            if given_up:
                record["dropped"] = given_up
        record["n"] = reading.metric
        if reading.at_ms != base_ms:
            record["t"] = (reading.at_ms - base_ms) / 1000
        metric = METRICS[reading.metric]
        if reading.value is None:
            record["q"] = int(Quality.MISSING)
            record["vs"] = reading.reason or "no value"
        else:
            record["u"] = metric.senml
            if metric.is_flag and reading.value in (0, 1):  # a fault code must stay visible
                record["vb"] = reading.value != 0
            else:
                record["v"] = reading.value
            if reading.quality is not Quality.NOT_EVALUATED:
                record["q"] = int(reading.quality)
            if reading.reason:
                record["why"] = reading.reason[:_REASON_LENGTH]
        records.append(record)
    return json.dumps(records, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def decode(
    payload: bytes,
    *,
    topic: str,
    site: str,
    device: str,
    now_ms: int,
    loads: Callable[[bytes], Any] = json.loads,
    any_time: bool = False,
) -> Decoded | Rejected:
    """The readings of one message, or why the whole of it is refused.

    A record that cannot be used becomes a Rejected with its ``seq`` and, as ``raw``, the record
    resolved (RFC 8428, section 4.6), so that it can be judged again alone; the rest of its pack
    goes on. ``site`` and ``device`` come from the topic, never from the payload. With ``any_time``
    a time that no clock can have passes as it stands, for the caller to mend; what is told relative
    to now, and cannot be, comes out before the year 2000.
    """
    if len(payload) > MAX_BYTES:
        reason = f"the message has {len(payload)} bytes; a pack has at most {MAX_BYTES}"
        return Rejected(topic, reason, payload[:1000])
    quick = decode_quick(payload, site, device, now_ms)
    if quick is not None:
        return Decoded(quick)
    try:
        records = loads(payload)
    except (ValueError, RecursionError) as error:
        return Rejected(topic, f"not JSON: {str(error)[:120]}", payload)
    if not isinstance(records, list) or not records:
        return Rejected(topic, "a SenML pack is a JSON array of at least one record", payload)
    if len(records) > MAX_RECORDS:
        reason = f"the pack has {len(records)} records; at most {MAX_RECORDS}"
        return Rejected(topic, reason, payload[:1000])
    first = records[0]
    if not isinstance(first, dict):
        return Rejected(topic, "a SenML record is a JSON object", payload)
    run, seq = first.get("run"), first.get("seq")
    if not (isinstance(run, str) and _is_run(run) and type(seq) is int and 0 <= seq < MAX_SEQ):
        return Rejected(topic, "the first record needs 'run' (an id) and 'seq' (from 0)", payload)
    dropped = _dropped(first["dropped"]) if "dropped" in first else ()
    if dropped is None:
        return Rejected(topic, "'dropped' is a list of [run, first, last, reason]", payload)
    newest_ms = now_ms + AHEAD_MS
    regular = read_regular(records, site, device, YEAR_2000_MS, newest_ms, _NAME_LENGTH)
    if regular is not None:
        if regular.form is not None:
            learn(payload, regular.form)
        return Decoded(regular, (), dropped)
    batch = Batch(site=site, device=device, run=run, first=seq, count=len(records))
    rejected: list[Rejected] = []
    base = _Base()
    for offset, record in enumerate(records):
        try:
            problem = base.take(record) or _read(
                record, base, batch, seq + offset, now_ms, any_time
            )
        except RecursionError:
            problem = "the record is nested too deeply"
        if problem:
            rejected.append(Rejected(topic, problem, _raw(base.resolved(record)), seq + offset))
    return Decoded(batch, tuple(rejected), dropped, base.is_relative)


def decode_quick(payload: bytes, site: str, device: str, now_ms: int) -> Batch | None:
    """What ``decode`` gives for a pack of which nothing is refused and the text is known; else None."""
    return read_quick(payload, site, device, YEAR_2000_MS, now_ms + AHEAD_MS, _NAME_LENGTH)


class _Base:
    """The base fields in force (RFC 8428, section 4.1: they hold for the records that follow)."""

    __slots__ = ("is_relative", "name", "time", "unit", "value", "version")

    def __init__(self) -> None:
        self.name = ""
        self.time: float = 0.0
        self.unit: str | None = None
        self.value: float = 0.0
        self.version = _VERSION
        self.is_relative = False
        """Whether a record that was taken with it is relative to now."""

    def take(self, record: object) -> str | None:
        """Take the record's base fields in; the first problem.

        A base field that is wrong spoils what follows until it is given anew: the records behind it
        must not be read with the base before it.
        """
        if not isinstance(record, dict):
            return "a SenML record is a JSON object"
        problem = None
        if "bn" in record:
            name = record["bn"]
            if isinstance(name, str) and len(name) <= _NAME_LENGTH:
                self.name = name
            else:
                self.name, problem = _NO_NAME, "'bn' is a string '<place>/' or '<place>/<port>/'"
        if "bt" in record:
            self.time = float(record["bt"]) if _is_number(record["bt"]) else nan
            if isnan(self.time):
                problem = problem or "'bt' is a finite number of seconds"
        if "bu" in record:
            unit = record["bu"]
            self.unit = unit if isinstance(unit, str) else ""
            if not isinstance(unit, str):
                problem = problem or "'bu' is a string"
        if "bv" in record:
            self.value = float(record["bv"]) if _is_number(record["bv"]) else nan
            if isnan(self.value):
                problem = problem or "'bv' is a finite number"
        version = record.get("bver", self.version)
        self.version = version if type(version) is int else _VERSION + 1
        if self.version > _VERSION:
            problem = problem or f"'bver' {str(version)[:20]!r} is newer than RFC 8428 (10)"
        for label in record:
            if label.endswith("_"):  # section 4.4: must be understood, else refuse
                problem = problem or f"label {label[:64]!r} must be understood and is not"
        return problem

    def resolved(self, record: object) -> object:
        """The record without need of a base; a base that is wrong stays wrong in it."""
        if not isinstance(record, dict):
            return record
        whole = {label: value for label, value in record.items() if label not in _OF_A_PACK}
        name, offset_s, number = record.get("n", ""), record.get("t", 0), record.get("v", 0)
        whole["n"] = self.name + name if isinstance(name, str) else name
        if isnan(self.time):
            whole["bt"] = "wrong"
        elif _is_number(offset_s):
            whole["t"] = self.time + offset_s
        if self.unit is not None:
            whole.setdefault("u", self.unit)
        if isnan(self.value):
            whole["bv"] = "wrong"
        elif self.value and _is_number(number) and not {"vb", "vs", "vd"} & record.keys():
            whole["v"] = number + self.value
        if self.version != _VERSION:
            whole["bver"] = self.version
        return whole


def _read(
    record: dict[str, Any], base: _Base, batch: Batch, seq: int, now_ms: int, any_time: bool
) -> str | None:
    """Append the record to the batch, or say why not."""
    name = record.get("n", "")
    if not isinstance(name, str) or len(name) > _NAME_LENGTH:
        return "'n' is a string of at most 200 characters"
    parts = (base.name + name).split("/")
    if len(parts) > 3:
        return f"name {base.name + name!r} is not <place>/<port>/<metric>"
    metric_name = parts[-1]
    place = parts[0] if len(parts) > 1 else ""
    port = parts[1] if len(parts) > 2 else ""
    metric = METRICS.get(metric_name)
    if metric is None:
        return f"unknown metric {metric_name[:64]!r}"
    if not all(is_id(part) for part in parts[:-1]):
        return f"name {base.name + name!r} holds something that is no id ([a-z0-9-], 1 to 64)"
    unit = record.get("u", base.unit)
    if unit is not None and unit != metric.senml:
        return f"unit {str(unit)[:20]!r}: {metric_name} is sent in {metric.senml!r}"
    offset_s = record.get("t", 0)
    if not _is_number(offset_s):
        return "'t' is a finite number of seconds"
    at_s = base.time + offset_s
    at_ms = round(at_s * 1000) if abs(at_s) < _FAR_S else 0  # as it will be kept
    is_relative = -OLDEST_RELATIVE_S <= at_s <= 0
    if abs(at_s) < RELATIVE_S:
        if is_relative:
            at_ms += now_ms
        elif not any_time:  # a clock that was never set says so, too
            return f"time {at_s:.6g} s is relative to now, and not of the last 60 days"
    elif not YEAR_2000_MS <= at_ms <= now_ms + AHEAD_MS and not (any_time and abs(at_s) < _FAR_S):
        return f"time {at_s:.6g} s lies before the year 2000 or more than a day ahead"
    quality = record.get("q", int(Quality.NOT_EVALUATED))
    if type(quality) is not int or quality not in _QUALITIES:
        return f"'q' is a QARTOD flag (1, 2, 3, 4 or 9), got {str(quality)[:20]!r}"
    given = [label for label in _VALUE_LABELS if label in record]
    reason = record.get("why", "")
    if not isinstance(reason, str):
        return "'why' is a string"
    value: float | None
    if quality == Quality.MISSING:
        reason = record.get("vs", "no value")
        if not isinstance(reason, str):
            return "'vs' is a string"
        value = None
    elif given == ["v"] or (not given and base.value):
        number = record.get("v", 0)
        if not _is_number(number):
            return "value must be finite" if isinstance(number, float) else "'v' is a number"
        value = float(number) + base.value
        if not isfinite(value):
            return "value must be finite"
    elif given == ["vb"]:
        if not isinstance(record["vb"], bool):
            return "'vb' is true or false"
        value = 1.0 if record["vb"] else 0.0
    else:
        return f"a reading has one of 'v' and 'vb', got {given or 'none'}"
    batch.place.append(sys.intern(place))
    batch.port.append(sys.intern(port))
    batch.metric.append(metric.name)
    batch.value.append(value)
    batch.at_ms.append(at_ms)
    batch.quality.append(quality)
    batch.seq.append(seq)
    base.is_relative = base.is_relative or is_relative
    if reason:
        batch.reasons[len(batch.at_ms) - 1] = _printable(reason)
    return None


def _dropped(raw: object) -> tuple[tuple[str, int, int, str], ...] | None:
    if not isinstance(raw, list) or len(raw) > 1000:
        return None
    spans = []
    for span in raw:
        if not isinstance(span, list) or len(span) != 4:
            return None
        run, lo, hi, reason = span
        if (
            not is_id(run)
            or type(lo) is not int
            or type(hi) is not int
            or not 0 <= lo <= hi < MAX_SEQ
        ):
            return None
        if not isinstance(reason, str):
            return None
        spans.append((run, lo, hi, _printable(reason)))
    return tuple(spans)


def _printable(text: str) -> str:
    """At most 200 characters, none of which a terminal obeys or UTF-8 cannot hold."""
    return "".join(c if c.isprintable() else "?" for c in text[:_REASON_LENGTH])


def _raw(record: object) -> bytes:
    """A refused record as JSON, cut short, for the dead letters."""
    try:
        text = json.dumps(record, ensure_ascii=False, default=str)
    except (RecursionError, ValueError):
        return b""
    return text[:2000].encode("utf-8", "replace")


def _base_name(place: str, port: str) -> str:
    if port:
        return f"{place}/{port}/"
    return f"{place}/" if place else ""


def _is_number(raw: object) -> bool:
    """A finite number and no boolean (``1e999`` reads as infinity, big integers do not fit)."""
    if type(raw) is int:
        return -(2**63) <= raw <= 2**63
    return type(raw) is float and isfinite(raw)

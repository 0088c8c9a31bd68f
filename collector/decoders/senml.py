"""SenML packs (RFC 8428) of devices that are not ours, in JSON or CBOR; the first byte tells which.

Names are the pack's own, base name and name together, such as ``urn:dev:mac:0024befffe804ff1:do``.
Units are SenML's symbols. Our own devices' packs are read by ``edge/contract/senml.py``, which
asks for ``run`` and ``seq``; a foreign pack numbers nothing.
"""

import json
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from collector.decoders import cbor, flat
from collector.decoders.moments import epoch_ms
from collector.decoders.port import Garbled, Record, Told
from collector.decoders.refused import Refused

MAX_RECORDS = 5_000
# RFC 8428, section 6, table 4.
LABELS = {
    -1: "bver",
    -2: "bn",
    -3: "bt",
    -4: "bu",
    -5: "bv",
    -6: "bs",
    0: "n",
    1: "u",
    2: "v",
    3: "vs",
    4: "vb",
    5: "s",
    6: "t",
    7: "ut",
    8: "vd",
}
_VERSION = 10  # of RFC 8428
_RELATIVE_S = 2**28  # section 4.5.3: what is nearer to zero is relative to now
_NAME_LENGTH = 200


def told(payload: bytes, now_ms: int) -> Told:
    """The pack's records; Garbled when it is none. ``now_ms`` dates what is told relative to now."""
    records = _records(payload)
    if not isinstance(records, list) or not records:
        raise Garbled("a SenML pack is an array of at least one record")
    if len(records) > MAX_RECORDS:
        raise Garbled(f"the pack has {len(records)} records; at most {MAX_RECORDS}")
    if label := _not_understood(records):
        raise Garbled(f"label {label[:64]!r} must be understood and is not")
    base: dict[str, Any] = {}
    found: list[Record] = []
    refused = Refused()
    for record in records:
        if not isinstance(record, dict):
            raise Garbled("a SenML record is a map")
        try:
            _take(base, record)
            read = _read(base, record, now_ms)
        except Garbled as error:
            refused.add(str(error), _raw(record))
        else:
            found += [read] if read else []
    return Told(records=tuple(found), refused=refused.told())


def _records(payload: bytes) -> Any:
    if not payload or payload[0] < 0x80:  # CBOR begins with an array (0x80 to 0x9f) or a tag
        return flat.loads(payload)
    records = cbor.loads(payload)
    if not isinstance(records, list):
        return records
    return [
        {LABELS.get(label, str(label)): value for label, value in record.items()}
        if isinstance(record, dict)
        else record
        for record in records
    ]


def _take(base: dict[str, Any], record: Mapping[str, Any]) -> None:
    """Take the base fields in; they hold until given anew, a wrong one too (section 4.1)."""
    for label in ("bn", "bt", "bu", "bv", "bver"):
        if label in record:
            base[label] = record[label]


def _not_understood(records: Sequence[Any]) -> str:
    """A label that must be understood "to correctly process the Pack" (section 4.4), or ""."""
    labels = (label for record in records if isinstance(record, dict) for label in record)
    return next((label for label in labels if label.endswith("_")), "")


def _read(base: Mapping[str, Any], record: Mapping[str, Any], now_ms: int) -> Record | None:
    """One record; None for one that brings base fields alone or no number of its own."""
    version = base.get("bver", _VERSION)
    if type(version) is not int or version > _VERSION:
        raise Garbled(f"'bver' {str(version)[:20]!r} is newer than RFC 8428 (10)")
    name = _text(base, "bn") + _text(record, "n")
    at_ms = _at_ms(base, record, now_ms)
    given = [label for label in ("v", "vb", "vs", "vd", "s") if label in record]
    if len({*given} - {"s"}) > 1:  # section 4.2
        raise Garbled(f"a record has one value, got {given}")
    if "vb" in given:
        if not isinstance(record["vb"], bool):
            raise Garbled("'vb' is true or false")
        value = float(record["vb"])
    elif "v" in given or (not given and "bv" in base and "n" in record):
        value = _number(base, "bv") + _number(record, "v")
        if not isfinite(value):
            raise Garbled("'v' and 'bv' together are beyond every number")
    else:
        return None  # base fields alone, a text, bytes, a sum
    if not name or len(name) > _NAME_LENGTH:
        raise Garbled(f"a record has a name of at most {_NAME_LENGTH} characters")
    return Record(name, value, "", _text(record, "u") or _text(base, "bu"), at_ms)


def _at_ms(base: Mapping[str, Any], record: Mapping[str, Any], now_ms: int) -> int | None:
    if "bt" not in base and "t" not in record:
        return None
    at_s = _number(base, "bt") + _number(record, "t")
    return epoch_ms(at_s, "s") + (now_ms if abs(at_s) < _RELATIVE_S else 0)


def _number(fields: Mapping[str, Any], label: str) -> float:
    raw = fields.get(label, 0)
    value = None if isinstance(raw, str) else flat.number(raw)
    if value is None:
        raise Garbled(f"{label!r} is a finite number")
    return value


def _text(fields: Mapping[str, Any], label: str) -> str:
    raw = fields.get(label, "")
    if not isinstance(raw, str):
        raise Garbled(f"{label!r} is a string")
    return raw


def _raw(record: Mapping[str, Any]) -> bytes:
    """A refused record as JSON; what JSON has no word for, as Python writes it."""
    return json.dumps(record, ensure_ascii=False, default=repr).encode("utf-8", "replace")

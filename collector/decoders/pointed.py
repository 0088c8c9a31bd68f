"""Plain JSON by a mapping: JSON pointers say where the values and the time stand.

A record's name is its pointer, such as ``/o2`` or ``/data/0/o2``. A message may hold an array of
samples: then ``samples`` points to it, the other pointers lead from each sample, and a time that
the sample has not is looked for in the whole message.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from alerts.registry.options import EPOCHS, ISO
from collector.decoders.flat import loads, number
from collector.decoders.moments import epoch_ms, iso_ms, pattern_ms
from collector.decoders.pointer import ABSENT, look_up
from collector.decoders.port import Garbled, Record, Told, missing
from collector.decoders.refused import Refused

MOST_SAMPLES = 5_000
MOST_RECORDS = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How a source's JSON is built. ``samples`` empty: the message is one sample."""

    values: tuple[str, ...]
    """Pointers to numbers, booleans, or words of ``words``."""
    samples: str = ""
    time: str = ""
    """Pointer to the time; empty where the source says none."""
    time_format: str = ISO
    """ISO, a key of EPOCHS, or a pattern of strptime."""
    zone: ZoneInfo | None = None
    """Of times that name none."""
    words: Mapping[str, float] = field(default_factory=dict)
    """Texts that stand for numbers: {"ON": 1}."""


def told(payload: bytes, shape: Shape) -> Told:
    """What the mapping finds in the message; Garbled when it is no JSON or has no samples."""
    body = loads(payload)
    samples = look_up(body, shape.samples)
    if samples is ABSENT:
        raise Garbled(f"nothing stands at {shape.samples[:80]!r}, where the samples should be")
    if not isinstance(samples, list):
        samples = [samples]
    if len(samples) > MOST_SAMPLES or len(samples) * len(shape.values) > 20 * MOST_RECORDS:
        raise Garbled(f"{len(samples)} samples in one message; at most {MOST_SAMPLES}")
    records: list[Record] = []
    refused = Refused()
    for sample in samples:
        try:
            _take(sample, body, shape, records, refused)
        except Garbled as error:
            refused.add(str(error), orjson.dumps(sample))
        if len(records) > MOST_RECORDS:
            raise Garbled(f"more than {MOST_RECORDS} values in one message")
    return Told(records=tuple(records), refused=refused.told())


def _take(
    sample: Any,
    body: Any,
    shape: Shape,
    records: list[Record],
    refused: Refused,
) -> None:
    at_ms = _at_ms(sample, body, shape)
    is_empty = True
    for pointer in shape.values:
        raw = look_up(sample, pointer)
        is_empty = is_empty and raw is ABSENT
        if raw is ABSENT:
            continue
        if raw is None:
            records.append(missing(pointer, at_ms=at_ms))
            continue
        value = _value(raw, shape.words)
        if value is None:
            reason = f"{pointer}: {str(raw)[:40]!r} is neither a number nor one of 'words'"
            refused.add(reason, orjson.dumps(raw))
        else:
            records.append(Record(pointer, value, at_ms=at_ms))
    if is_empty:
        raise Garbled("none of the mapped values is in it")


def _value(raw: Any, words: Mapping[str, float]) -> float | None:
    if isinstance(raw, bool):
        return float(raw)
    if isinstance(raw, str) and raw in words:
        return float(words[raw])
    return number(raw)


def _at_ms(sample: Any, body: Any, shape: Shape) -> int | None:
    if not shape.time:
        return None
    raw = look_up(sample, shape.time)
    if raw is ABSENT:
        raw = look_up(body, shape.time)
    if raw is ABSENT or raw is None:
        return None
    if shape.time_format in EPOCHS:
        count = raw if type(raw) is int else number(raw)
        if count is None:
            raise Garbled(f"{shape.time}: {str(raw)[:40]!r} is no {shape.time_format}")
        return epoch_ms(count, EPOCHS[shape.time_format])
    if not isinstance(raw, str):
        raise Garbled(f"{shape.time}: {str(raw)[:40]!r} is no text")
    if shape.time_format == ISO:
        return iso_ms(raw, shape.zone)
    return pattern_ms(raw, shape.time_format, shape.zone)

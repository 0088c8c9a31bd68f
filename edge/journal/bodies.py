"""A device's readings as rows of its journal, there and back. Pure."""

import json
from dataclasses import replace
from math import isfinite

from edge.contract.metrics import METRICS
from edge.contract.quality import Quality
from edge.contract.reading import Reading
from edge.contract.topics import Kind
from edge.journal.rows import Row
from edge.sensors.port import Sample

UNDATABLE = "time unknown: the box restarted before its clock was set; the time is a guess"


def row_of(sample: Sample, *, run: str, seq: int, at_ms: int) -> Row:
    """The sample with its number and the time that it is given; what is no number has no value."""
    metric, series = METRICS[sample.metric], (sample.place, sample.port, sample.metric)
    value, quality, reason = sample.value, int(sample.quality), sample.reason
    if value is not None and not isfinite(value):
        value, reason = None, f"the sensor said {value}"
    if value is None:
        quality = int(Quality.MISSING)
    return Row(
        at_ms=at_ms,
        kind=(Kind.READINGS if sample.place else Kind.HEALTH).value,
        cls=metric.cls.value,
        run=run,
        seq=seq,
        body=json.dumps(
            [*series, value, quality, reason], separators=(",", ":"), ensure_ascii=False
        ).encode(),
    )


def reading_of(row: Row) -> Reading:
    """The reading that a row holds."""
    place, port, metric, value, quality, reason = json.loads(row.body)
    return Reading(
        place=place,
        port=port,
        metric=metric,
        value=value,
        at_ms=row.at_ms,
        quality=Quality(quality),
        reason=reason,
        run=row.run,
        seq=row.seq,
    )


def undatable(reading: Reading) -> Reading:
    """Marked as of a time that nobody will ever know."""
    why = f"{UNDATABLE}; {reading.reason}" if reading.reason else UNDATABLE
    is_missing = reading.value is None
    return replace(reading, reason=why, quality=Quality.MISSING if is_missing else Quality.FAIL)

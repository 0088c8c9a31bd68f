"""What a configuration sends in a day, about: counted with the real encoder. Pure.

Counted are packs, their receipts and acknowledgements in both directions, with TCP/IP; TLS and
repeats on a bad line come on top.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from edge.config import EdgeConfig, SensorConfig
from edge.contract import senml
from edge.contract.metrics import METRICS
from edge.contract.quality import Quality
from edge.contract.ranges import encode_received
from edge.contract.reading import Reading, ReadingClass
from edge.contract.topics import Kind, Topic
from edge.sensors.port import Series

DAY_S = 86_400
RUN = "20260101-000000-00000000"
SEGMENT = 40  # bytes of TCP and IP headers
SEGMENTS = 4  # of one pack: out, acknowledged, receipt in, acknowledged
ANY = Series("place", "", "water-level")
MQTT = 8  # fixed header, topic's length, packet id


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """``rounds`` and ``readings`` a day; None where nobody can know, as of a recording."""

    rounds: float | None
    readings: float | None
    bytes: float | None
    is_least: bool = False
    """More when something happens: the sensor tells changes."""
    has_alarm: bool = False


def of_sensor(config: SensorConfig) -> Load:
    """The readings of one sensor and what they add to packs."""
    plan, on_change = config.plan, config.measuring.on_change
    pace_s = max(plan.pace_s, on_change.report_s) if on_change else plan.pace_s
    if not pace_s:
        return Load(rounds=None, readings=None, bytes=None)
    tells = on_change is not None or config.kind in ("contact", "rain")
    return _load(plan.gives, DAY_S / pace_s, is_least=tells)


def of_health(config: EdgeConfig) -> Load:
    """The box about itself, when it knows everything."""
    gives = [Series("", "", m.name) for m in METRICS.values() if m.cls is ReadingClass.HEALTH]
    return _load(gives, DAY_S / config.health_interval_s)


def of_packs(config: EdgeConfig, loads: Sequence[Load]) -> float:
    """Bytes a day of the packs' own, whatever they hold."""
    rounds = sum(load.rounds or 0.0 for load in loads)
    at_once = sum(load.rounds or 0.0 for load in loads if load.has_alarm)
    # What falls at random times is gathered: a commit takes all of its wait, or of an alarm class.
    gathered = 1 + rounds / DAY_S * config.journal.durability_s
    packs = at_once + (rounds - at_once) / gathered
    readings = Topic(config.site, config.device, Kind.READINGS)
    received = Topic(config.site, config.device, Kind.RECEIVED)
    receipt = encode_received({RUN: [(100_000, 100_010)]})
    both = len(str(readings)) + len(str(received)) + len(receipt) + 2 * MQTT + 2 * 4
    return packs * (both + SEGMENTS * SEGMENT + _pack(1, ANY) - _one(ANY))


def _load(gives: Sequence[Series], rounds: float, *, is_least: bool = False) -> Load:
    each = sum(map(_one, gives))
    return Load(rounds=rounds, readings=rounds * len(gives), bytes=rounds * each, is_least=is_least,
        has_alarm=any(METRICS[series.metric].cls is ReadingClass.ALARM for series in gives),
    )  # fmt: skip


def _one(series: Series) -> float:
    """Bytes that one reading more adds to a pack."""
    return (_pack(9, series) - _pack(1, series)) / 8


def _pack(count: int, series: Series) -> int:
    metric = METRICS[series.metric]
    low, high = metric.usual or (0, 100)
    value = round((low + high) / 2, metric.decimals) + 10**-metric.decimals
    readings = [
        Reading(
            place=series.place, port=series.port, metric=series.metric,
            value=1.0 if metric.is_flag else round(value, metric.decimals),
            at_ms=1_800_000_000_000 + n * 10_000, quality=Quality.NOT_EVALUATED, run=RUN,
            seq=100_000 + n,
        )
        for n in range(count)
    ]  # fmt: skip
    return len(senml.encode(readings))

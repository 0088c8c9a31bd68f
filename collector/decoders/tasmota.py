"""Tasmota: ``tele/<name>/SENSOR`` and ``STATE``, ``stat/<name>/...``, ``tele/<name>/LWT``.

The message's ``Time`` is the plug's local time without a zone, so it is believed only where the
mapping names the zone; ``Epoch`` (with its option switched on) is UTC. Names are the payload's own,
such as ``ENERGY.Power``; a plug with several phases or sockets counts them: ``ENERGY.Power.2``.
"""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from collector.decoders.flat import Leaf, leaves, loads, number
from collector.decoders.port import Garbled, Record, Told

ONLINE, OFFLINE = b"Online", b"Offline"
# The end of a leaf's name -> (metric, unit); Tasmota's documentation of ENERGY and of sensors.
_METRICS = {
    "ENERGY.Power": ("power", "W"),
    "ENERGY.Voltage": ("voltage", "V"),
    "ENERGY.Current": ("current", "A"),
    "ENERGY.Factor": ("power-factor", ""),
    "ENERGY.Frequency": ("frequency", "Hz"),
    "ENERGY.Total": ("energy", "kWh"),
}
_POWER = re.compile(r"POWER(\d{0,2})")
_PREFIX = "%prefix%"


def patterns(address: str) -> tuple[str, ...]:
    """Topics of a plug: ``plug-1`` or, with a FullTopic of its own, ``shed/%prefix%/plug-1``."""
    full = address if _PREFIX in address else f"{_PREFIX}/{address}"
    return tuple(full.replace(_PREFIX, prefix).rstrip("/") + "/+" for prefix in ("tele", "stat"))


def told(topic: str, payload: bytes, zone: ZoneInfo | None = None) -> Told:
    """What the message says; Garbled when it cannot be used."""
    kind = topic.rpartition("/")[2]
    if kind == "LWT":
        if payload not in (ONLINE, OFFLINE):
            raise Garbled(f"LWT says Online or Offline, got {payload[:20]!r}")
        return Told(online=payload == ONLINE)
    if kind.startswith("POWER"):  # stat/<name>/POWER1: the bare word
        body: object = {kind: payload.decode("ascii", "replace")}
    else:
        body = loads(payload)
    if not isinstance(body, dict):
        raise Garbled("a JSON object was expected")
    at_ms = _at_ms(body, zone)
    unit = "°F" if body.get("TempUnit") == "F" else "°C"
    records = []
    for name, leaf in leaves(body).items():
        record = _record(name, leaf, unit, at_ms)
        if record is not None:
            records.append(record)
    return Told(records=tuple(records))


def _record(name: str, leaf: Leaf, temperature: str, at_ms: int | None) -> Record | None:
    if _POWER.fullmatch(name):
        words = {"ON": 1.0, "OFF": 0.0}
        state = words.get(leaf) if isinstance(leaf, str) else None
        return None if state is None else Record(name, state, "relay", "", at_ms)
    value = number(leaf) if not isinstance(leaf, str) else None
    if value is None:
        return None
    plain = re.sub(r"\.\d+$", "", name)
    metric, unit = _METRICS.get(plain, ("", ""))
    if not metric and plain.endswith(".Temperature"):
        unit = temperature  # which temperature it is, the mapping says
    if not metric and plain.endswith(".Humidity"):
        metric, unit = "humidity", "%"
    return Record(name, value, metric, unit, at_ms)


def _at_ms(body: dict[str, object], zone: ZoneInfo | None) -> int | None:
    epoch = body.get("Epoch")
    if isinstance(epoch, int) and not isinstance(epoch, bool) and 0 < epoch < 2**40:
        return epoch * 1000
    text = body.get("Time")
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Garbled(f"Time {text[:40]!r} is no time") from error
    if at.tzinfo is None:
        if zone is None:
            return None
        at = at.replace(tzinfo=zone)
    return round(at.timestamp() * 1000)

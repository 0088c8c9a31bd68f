"""Tasmota: ``tele/<name>/SENSOR`` and ``STATE``, ``stat/<name>/...``, ``tele/<name>/LWT``.

The message's ``Time`` is the plug's local time without a zone, so it is believed only where the
mapping names the zone; seconds since 1970 (``Time 2`` and ``Time 3``) are UTC. Names are the payload's own,
such as ``ENERGY.Power``; a plug with several phases or sockets counts them: ``ENERGY.Power.2``.
POWER is what the plug has ordered its relay, no proof of it: a port-state, not our ``relay``.
"""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from collector.decoders.flat import Leaf, leaves, loads, number
from collector.decoders.port import Garbled, Record, Told, missing

ONLINE, OFFLINE = b"Online", b"Offline"
# A leaf's name -> (metric, unit); Tasmota's documentation of ENERGY and of its sensors.
_METRICS = {
    "ENERGY.Power": ("power", "W"),
    "ENERGY.Voltage": ("voltage", "V"),
    "ENERGY.Current": ("current", "A"),
    "ENERGY.Factor": ("power-factor", ""),
    "ENERGY.Frequency": ("frequency", "Hz"),
    "ENERGY.Total": ("energy", "kWh"),
    "ESP32.Temperature": ("cpu-temp", "°C"),
    "Wifi.Signal": ("signal", "dBm"),
}
_SPARE = ("ENERGY.", "Wifi.")  # besides those above: derived sums, and the plug's own affairs
_WORDS = {"ON": 1.0, "OFF": 0.0}
_WRAPPED = {"STATUS8": "StatusSNS", "STATUS10": "StatusSNS", "STATUS11": "StatusSTS"}
_INDEX = re.compile(r"\.\d+$")
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
    if kind not in ("SENSOR", "STATE", "RESULT", *_WRAPPED) and not _POWER.fullmatch(kind):
        return Told()  # births, settings, remote controls: nothing measured
    body: object
    if kind.startswith("POWER") and not payload.startswith(
        b"{"
    ):  # stat/<name>/POWER1: the bare word
        body = {kind: payload.decode("ascii", "replace")}
    else:
        body = loads(payload)
    if isinstance(body, dict) and kind in _WRAPPED:
        body = body.get(_WRAPPED[kind])
    if not isinstance(body, dict):
        raise Garbled("a JSON object was expected")
    if kind == "RESULT":  # the answer to any command; only a switch's tells of something
        body = {name: leaf for name, leaf in body.items() if _POWER.fullmatch(name)}
    at_ms = _at_ms(body, zone)
    degrees = "°F" if body.get("TempUnit") == "F" else "°C"
    is_state = kind in ("STATE", "STATUS11")
    records = (_record(name, leaf, degrees, at_ms, is_state) for name, leaf in leaves(body).items())
    return Told(records=tuple(record for record in records if record is not None))


def _record(
    name: str, leaf: Leaf, degrees: str, at_ms: int | None, is_state: bool
) -> Record | None:
    word = _WORDS.get(leaf) if isinstance(leaf, str) else None
    if _POWER.fullmatch(name):
        return None if word is None else Record(name, word, "port-state", "", at_ms)
    if name in ("Time", "Epoch"):
        return None
    plain = _INDEX.sub("", name)
    metric, unit = _METRICS.get(plain, ("", ""))
    if leaf is None:
        return missing(name, metric, at_ms)
    value = word if isinstance(leaf, str) else number(leaf)
    if value is None:
        return None
    spare = not metric and (is_state or plain.startswith(_SPARE) or plain.endswith(".DewPoint"))
    if plain.endswith((".Temperature", ".DewPoint")):
        unit = degrees  # which temperature it is, the mapping says
    elif plain.endswith(".Humidity"):
        metric, unit = "humidity", "%"
    return Record(name, value, metric, unit, at_ms, spare=spare)


def _at_ms(body: dict[str, object], zone: ZoneInfo | None) -> int | None:
    text = body.get("Time")
    # "Time 2" sends both, "Time 3" seconds alone.
    for epoch in (body.get("Epoch"), text):
        if isinstance(epoch, int) and not isinstance(epoch, bool) and 0 < epoch < 2**40:
            return epoch * 1000
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            if zone is None:
                return None
            at = at.replace(tzinfo=zone)
        return round(at.timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise Garbled(f"Time {text[:40]!r} is no time") from error

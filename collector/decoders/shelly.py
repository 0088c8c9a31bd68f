"""Shelly: Gen1 (``shellies/<id>/relay/0/power``) and Gen2+ (``<id>/status/switch:0``, ``events/rpc``).

Names are ``<component>.<field>``, such as ``switch:0.apower`` or ``relay:0.power``. Gen1 says
nothing of the time; of Gen2+ only events carry ``ts``. Retained values are the broker's memory and
are never fresh: the caller leaves them out.
"""

import re

from collector.decoders.flat import leaves, loads, number
from collector.decoders.port import Garbled, Record, Told

# Field -> (metric, unit), by Shelly's documentation of each component's status.
_GEN2 = {
    "apower": ("power", "W"),
    "voltage": ("voltage", "V"),
    "current": ("current", "A"),
    "pf": ("power-factor", ""),
    "freq": ("frequency", "Hz"),
    "aenergy.total": ("energy", "Wh"),
    "temperature.tC": ("", "°C"),  # the plug's own inside
    "tC": ("", "°C"),  # an added thermometer: what it measures, the mapping says
    "rh": ("humidity", "%"),
}
_GEN2_FLAGS = {"output": "relay", "alarm": "", "state": ""}
_GEN1 = {
    "power": ("power", "W"),
    "voltage": ("voltage", "V"),
    "current": ("current", "A"),
    "pf": ("power-factor", ""),
    "energy": ("energy", "Wmin"),  # watt-minutes
    "temperature": ("", "°C"),
    "humidity": ("humidity", "%"),
}
_GEN1_WORDS = {"on": 1.0, "off": 0.0, "true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}
_GEN1_FLAGS = {"": "relay", "flood": "water", "smoke": "smoke", "state": "door"}
_GEN1_TOPIC = re.compile(r"shellies/[^/]+/(relay|emeter|meter|sensor|ext_temperature)/(.+)")
_COMPONENT = re.compile(r"[a-z0-9]+:\d{1,4}")


def patterns(address: str) -> tuple[str, ...]:
    """Topics of a Shelly by its prefix: ``shellies/<id>`` (Gen1), else that of Gen2 and later."""
    if address.startswith("shellies/"):
        return (f"{address}/#",)
    return tuple(f"{address}/{end}" for end in ("online", "status/+", "events/rpc"))


def told(topic: str, payload: bytes) -> Told:
    """What the message says; Garbled when it cannot be used."""
    if topic.endswith("/online"):
        word = payload.strip().lower()
        if word not in (b"true", b"false"):
            raise Garbled(f"online is true or false, got {payload[:20]!r}")
        return Told(online=word == b"true")
    gen1 = _GEN1_TOPIC.fullmatch(topic)
    if gen1:
        return Told(records=_gen1(gen1[1], gen1[2].split("/"), payload))
    before, _, last = topic.rpartition("/")
    if before.endswith("/status"):
        return Told(records=_component(last, loads(payload), None))
    if topic.endswith("/events/rpc"):
        return Told(records=_event(loads(payload)))
    return Told()  # announcements, settings, RPC answers: nothing measured


def _component(name: str, body: object, at_ms: int | None) -> tuple[Record, ...]:
    if not _COMPONENT.fullmatch(name) or not isinstance(body, dict):
        return ()  # sys, wifi, mqtt, cloud: the plug about itself
    records = []
    for field, leaf in leaves(body).items():
        metric, unit = _GEN2.get(field, ("", ""))
        if isinstance(leaf, bool):
            if field in _GEN2_FLAGS:
                metric = _GEN2_FLAGS[field]
                records.append(Record(f"{name}.{field}", float(leaf), metric, "", at_ms))
            continue
        value = None if isinstance(leaf, str) else number(leaf)
        if value is not None and field != "id" and not field.startswith("aenergy.by_minute"):
            records.append(Record(f"{name}.{field}", value, metric, unit, at_ms))
    return tuple(records)


def _event(body: object) -> tuple[Record, ...]:
    if not isinstance(body, dict) or body.get("method") not in ("NotifyStatus", "NotifyFullStatus"):
        return ()
    parameters = body.get("params")
    if not isinstance(parameters, dict):
        raise Garbled("a NotifyStatus has an object 'params'")
    ts = number(parameters.get("ts"))
    at_ms = round(ts * 1000) if ts is not None and 0 < ts < 1e11 else None
    return tuple(
        record
        for name, component in parameters.items()
        for record in _component(name, component, at_ms)
    )


def _gen1(component: str, path: list[str], payload: bytes) -> tuple[Record, ...]:
    """``relay/0`` is a word, ``relay/0/power`` a number, ``sensor/temperature`` has no number of its own."""
    numbered = path[0].isdigit()
    name = f"{component}:{path[0]}" if numbered else component
    field = "/".join(path[1:] if numbered else path)
    text = payload.decode("ascii", "replace").strip()
    full = f"{name}.{field}" if field else name
    if field in _GEN1_FLAGS and text.lower() in _GEN1_WORDS:
        if field or component == "relay":
            return (Record(full, _GEN1_WORDS[text.lower()], _GEN1_FLAGS[field]),)
    if not field and component == "relay":
        # "overpower": it has switched itself off.
        return (Record(full, 0.0, "relay", reason=text[:40]),) if text == "overpower" else ()
    value = number(text)
    if value is None:
        return ()
    metric, unit = _GEN1.get(field, ("", "°C" if component == "ext_temperature" else ""))
    return (Record(full, value, metric, unit),)

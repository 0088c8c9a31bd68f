"""Shelly: Gen1 (``shellies/<id>/relay/0/power``) and Gen2+ (``<id>/status/switch:0``, ``events/rpc``).

Names are ``<component>.<field>``, such as ``switch:0.apower`` or ``relay:0.power``. Gen1 says
nothing of the time; of Gen2+ only events carry ``ts``. Retained values are the broker's memory and
are never fresh: the caller leaves them out. A relay's word is what was ordered, no proof: a port-state.
"""

import re

from collector.decoders.flat import leaves, loads, number
from collector.decoders.port import Garbled, Record, Told, missing

# Field -> (metric, unit), by Shelly's documentation of each component's status. Without a metric the
# mapping must say what it is.
_GEN2 = {
    "apower": ("power", "W"),
    "voltage": ("voltage", "V"),
    "current": ("current", "A"),
    "pf": ("power-factor", ""),
    "freq": ("frequency", "Hz"),
    "aenergy.total": ("energy", "Wh"),
    "rh": ("humidity", "%"),
    "battery.V": ("battery", "V"),
    "tC": ("", "°C"),  # an added thermometer
    "act_power": ("", "W"),  # an energy meter's phases: a_act_power, b_act_power, ...
}
_PHASE = re.compile(r"(a|b|c|n|total)_")
_ABOUT = {"wifi.rssi": ("signal", "dBm"), "sys.uptime": ("uptime", "s")}
_GEN2_FLAGS = {("smoke", "alarm"): "smoke", ("flood", "alarm"): "water"}
_GEN1 = {
    "power": ("power", "W"),
    "voltage": ("voltage", "V"),
    "current": ("current", "A"),
    "pf": ("power-factor", ""),
    "energy": ("energy", "Wmin"),  # watt-minutes
    "total": ("energy", "Wh"),  # of an energy meter, whose "energy" begins anew
    "temperature": ("", "°C"),
    "humidity": ("humidity", "%"),
}
_GEN1_WORDS = {"on": 1.0, "off": 0.0, "true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0,
               "open": 1.0, "close": 0.0}  # fmt: skip
_GEN1_FLAGS = {"flood": "water", "smoke": "smoke", "state": "door"}
_GEN1_TOPIC = re.compile(
    r"shellies/[^/]+/"
    r"(?:(relay|emeter|meter|light|roller|sensor|ext_temperature|ext_humidity)/(.+)|(temperature|voltage))"
)
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
    if gen1 and gen1[3]:  # of the plug itself: in its box, and at its terminals
        return Told(records=_gen1("", [gen1[3]], payload))
    if gen1:
        return Told(records=_gen1(gen1[1], gen1[2].split("/"), payload))
    before, _, last = topic.rpartition("/")
    if before.endswith("/status"):
        return Told(records=_component(last, loads(payload), None))
    if topic.endswith("/events/rpc"):
        return Told(records=_event(loads(payload)))
    return Told()  # announcements, settings, RPC answers: nothing measured


def _component(name: str, body: object, at_ms: int | None) -> tuple[Record, ...]:
    """A component's status. What has no meaning of its own here is spare: it may be mapped."""
    if not isinstance(body, dict) or not (_COMPONENT.fullmatch(name) or name in ("wifi", "sys")):
        return ()
    kind = name.partition(":")[0]
    records = []
    for field, leaf in leaves(body).items():
        full = f"{name}.{field}"
        if leaf is None:
            records.append(missing(full, at_ms=at_ms))
            continue
        if isinstance(leaf, bool):
            metric = "port-state" if field == "output" else _GEN2_FLAGS.get((kind, field), "")
            records.append(Record(full, float(leaf), metric, "", at_ms, spare=not metric))
            continue
        value = None if isinstance(leaf, str) else number(leaf)
        if value is None or field == "id" or field.startswith("aenergy.by_minute"):
            continue
        if kind in ("wifi", "sys"):
            metric, unit = _ABOUT.get(full, ("", ""))
            is_known = bool(metric)
        else:
            phase, plain = _PHASE.match(field), _PHASE.sub("", field, count=1)
            is_known = plain in _GEN2
            metric, unit = _GEN2.get(plain, ("", "°C" if field.endswith("tC") else ""))
            if phase:
                metric = ""
            elif (kind, field) == ("em1", "act_power"):  # a meter of one phase
                metric = "power"
        records.append(Record(full, value, metric, unit, at_ms, spare=not is_known))
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
    """``relay/0`` is a word, ``relay/0/power`` a number; ``sensor/temperature`` is not numbered."""
    numbered = path[0].isdigit()
    name = f"{component}:{path[0]}" if numbered else component
    field = "/".join(path[1:] if numbered else path)
    text = payload.decode("ascii", "replace").strip().lower()
    full = ".".join(filter(None, (name, field)))
    if component == "relay" and not field:
        # "overpower": it has switched itself off.
        reason = "it switched itself off: too much power" if text == "overpower" else ""
        state = 0.0 if reason else _GEN1_WORDS.get(text)
        return () if state is None else (Record(full, state, "port-state", reason=reason),)
    if field in _GEN1_FLAGS and text in _GEN1_WORDS:
        return (Record(full, _GEN1_WORDS[text], _GEN1_FLAGS[field]),)
    value = number(text)
    if value is None:
        return ()
    metric, unit = _GEN1.get(field, ("", ""))
    if (component, field) == ("emeter", "energy"):
        metric = ""
    if component == "ext_temperature":
        unit = "°C"
    elif component == "ext_humidity":
        metric, unit = "humidity", "%"
    is_known = bool(component and (metric or unit))
    return (Record(full, value, metric, unit, spare=not is_known),)

"""ChirpStack v4 by MQTT in JSON: ``application/<id>/device/<devEUI>/event/up``.

Only ``up`` measures; join, ack, txack, status, log, location and integration say nothing of it.
Names are those of the codec's object, such as ``temperature`` or ``temperatureSensor.1``, and
``rx.rssi``. Fields by the integration's protobuf definition (own knowledge, checked against its
published documentation).
"""

import re

from collector.decoders.flat import loads
from collector.decoders.lorawan import number, part, signal, values
from collector.decoders.moments import iso_ms
from collector.decoders.port import Garbled, Told

_TOPIC = re.compile(r"(?:.+/)?device/([0-9a-fA-F]{16})/event/([a-z]+)")


def patterns(address: str) -> tuple[str, ...]:
    """What to subscribe to for the device of this devEUI."""
    return (f"application/+/device/{address.lower()}/event/up",)


def told(topic: str, payload: bytes) -> Told:
    """What an uplink says; nothing for other events; Garbled when it cannot be used."""
    found = _TOPIC.fullmatch(topic)
    if found is None:
        raise Garbled("the topic is not application/<id>/device/<devEUI>/event/<event>")
    if found[2] != "up":
        return Told()
    body = loads(payload)
    device = part(body, "deviceInfo")
    eui = device.get("devEui")
    if not isinstance(eui, str) or eui.lower() != found[1].lower():
        raise Garbled(f"the topic's devEUI is {found[1]}, the message's {str(eui)[:20]!r}")
    at = body.get("time")
    if at is not None and not isinstance(at, str):
        raise Garbled(f"time {str(at)[:40]!r} is no text")
    at_ms = iso_ms(at) if at else None
    records = signal(body.get("rxInfo"), at_ms)
    if body.get("object") is not None:
        records = values(body["object"], at_ms) + records
    elif body.get("data"):
        raise Garbled("no decoded object: give the device profile a codec")
    session = body.get("devAddr")
    session = session if isinstance(session, str) and len(session) <= 16 else ""
    return Told(records=tuple(records), number=number(session, body.get("fCnt"), at_ms))

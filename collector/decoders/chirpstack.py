"""ChirpStack v4 by MQTT in JSON: ``application/<id>/device/<devEUI>/event/up``.

Only ``up`` measures; join, ack, txack, status, log, location and integration say nothing of it.
Names are those of the codec's object, such as ``temperature`` or ``temperatureSensor.1``, and
``rx.rssi``. Fields by the integration's protobuf definition (own knowledge, checked against its
published documentation).
"""

import re

from collector.decoders.flat import loads
from collector.decoders.lorawan import part, uplink
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
    return uplink(
        at=("time", body.get("time")),
        heard_by=body.get("rxInfo"),
        decoded=body.get("object"),
        raw=body.get("data"),
        remedy="no decoded object: give the device profile a codec",
        session=body.get("devAddr"),
        session_length=16,
        counter=body.get("fCnt"),
    )

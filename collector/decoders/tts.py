"""The Things Stack v3 by MQTT in JSON: ``v3/<application>@<tenant>/devices/<device>/up``.

Only ``up`` measures; join, down/..., location/solved and service/data say nothing of it. A simulated
uplink is refused: somebody tries the console, and no alarm may come of it. Names are those of the
decoded payload, and ``rx.rssi``. Fields by the documentation of its data formats, which says that
empty ones are left out. The time is the network server's: gateways need not have a clock.
"""

import re

from collector.decoders.flat import loads
from collector.decoders.lorawan import part, uplink
from collector.decoders.port import Garbled, Told

_TOPIC = re.compile(r"(?:.+/)?devices/([^/]+)/([^/]+)(?:/.+)?")


def patterns(address: str) -> tuple[str, ...]:
    """What to subscribe to: ``address`` is the device's id, or its topic as far as the id."""
    return (f"{address}/up" if "/" in address else f"v3/+/devices/{address}/up",)


def told(topic: str, payload: bytes) -> Told:
    """What an uplink says; nothing for other messages; Garbled when it cannot be used."""
    found = _TOPIC.fullmatch(topic)
    if found is None:
        raise Garbled("the topic is not v3/<application>/devices/<device>/up")
    if found[2] != "up":
        return Told()
    body = loads(payload)
    ids = part(body, "end_device_ids")
    if ids.get("device_id") != found[1]:
        named = str(ids.get("device_id"))[:40]
        raise Garbled(f"the topic's device is {found[1][:40]!r}, the message's {named!r}")
    message = part(body, "uplink_message")
    if not message:
        raise Garbled("no 'uplink_message' in it")
    if body.get("simulated"):
        return Told(refused=(("simulated in the console", payload[:1000]),))
    return uplink(
        at=("received_at", message.get("received_at", body.get("received_at"))),
        heard_by=message.get("rx_metadata"),
        decoded=message.get("decoded_payload"),
        raw=message.get("frm_payload"),
        remedy="no decoded payload: give the device a payload formatter",
        session=message.get("session_key_id"),
        session_length=64,
        counter=message.get("f_cnt"),
    )

"""The formats that come by MQTT: which topics a device of each is heard on, and what decodes them."""

from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from alerts.registry.model import Device, Format
from collector.decoders import shelly, tasmota
from collector.decoders.port import Told


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """``patterns`` gives what to subscribe to; ``decode`` reads (device, topic, payload, now in ms)."""

    patterns: Callable[[Device], tuple[str, ...]]
    decode: Callable[[Device, str, bytes, int], Told]


def zone(device: Device) -> ZoneInfo | None:
    """The zone of its times, as registered."""
    return ZoneInfo(device.zone) if device.zone else None


CODECS: dict[Format, Codec] = {
    Format.TASMOTA: Codec(
        patterns=lambda device: tasmota.patterns(device.address),
        decode=lambda device, topic, payload, now_ms: tasmota.told(topic, payload, zone(device)),
    ),
    Format.SHELLY: Codec(
        patterns=lambda device: shelly.patterns(device.address),
        decode=lambda device, topic, payload, now_ms: shelly.told(topic, payload),
    ),
}

"""The formats that come by MQTT: which topics a device of each is heard on, and what decodes them."""

from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from alerts.registry.model import Device, Format
from alerts.registry.options import json_options, line_options
from collector.decoders import chirpstack, line, pointed, senml, shelly, tasmota, tts
from collector.decoders.port import Told

Decode = Callable[[str, bytes, int], Told]
"""Reads (topic, payload, now in ms)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """``patterns`` gives what to subscribe to; ``decoder`` what reads it, made once for a device."""

    patterns: Callable[[Device], tuple[str, ...]]
    decoder: Callable[[Device], Decode]


def zone(device: Device) -> ZoneInfo | None:
    """The zone of its times, as registered."""
    return ZoneInfo(device.zone) if device.zone else None


def _tasmota(device: Device) -> Decode:
    there = zone(device)
    return lambda topic, payload, now_ms: tasmota.told(topic, payload, there)


def _line(device: Device) -> Decode:
    options = line_options(device.options)
    return lambda topic, payload, now_ms: line.told(payload, options.precision, options.tags)


def _json(device: Device) -> Decode:
    options = json_options(device.options)
    shape = pointed.Shape(
        # What is not mapped is not looked for; a name may lead to several places.
        values=tuple(dict.fromkeys(name for one in device.bindings for name in one.mapping)),
        samples=options.samples,
        time=options.time,
        time_format=options.time_format,
        zone=zone(device),
        words=options.words,
    )
    return lambda topic, payload, now_ms: pointed.told(payload, shape)


def _own_topic(device: Device) -> tuple[str, ...]:
    return (device.address,)


CODECS: dict[Format, Codec] = {
    Format.TASMOTA: Codec(
        patterns=lambda device: tasmota.patterns(device.address),
        decoder=_tasmota,
    ),
    Format.SHELLY: Codec(
        patterns=lambda device: shelly.patterns(device.address),
        decoder=lambda device: lambda topic, payload, now_ms: shelly.told(topic, payload),
    ),
    Format.LINE: Codec(patterns=_own_topic, decoder=_line),
    Format.JSON: Codec(patterns=_own_topic, decoder=_json),
    Format.SENML_CBOR: Codec(
        patterns=_own_topic,
        decoder=lambda device: lambda topic, payload, now_ms: senml.told(payload, now_ms),
    ),
    Format.CHIRPSTACK: Codec(
        patterns=lambda device: chirpstack.patterns(device.address),
        decoder=lambda device: lambda topic, payload, now_ms: chirpstack.told(topic, payload),
    ),
    Format.TTS: Codec(
        patterns=lambda device: tts.patterns(device.address),
        decoder=lambda device: lambda topic, payload, now_ms: tts.told(topic, payload),
    ),
}

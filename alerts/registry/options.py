"""What ``options`` of a foreign device may say, format by format. Pure; the decoders read them here.

Options are texts, as ``devices.toml`` and the database keep them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_network

from alerts.registry.model import Device, Format

PRECISIONS = ("ns", "us", "ms", "s")
EPOCHS = {"epoch-s": "s", "epoch-ms": "ms", "epoch-us": "us", "epoch-ns": "ns"}
ISO = "iso"
KEYS: Mapping[Format, tuple[str, ...]] = {
    Format.LINE: ("precision", "tags"),
    Format.JSON: ("samples", "time", "time_format", "words"),
    Format.HJ212: ("peers",),
    Format.AP3000: ("peers",),
}
Network = IPv4Network | IPv6Network
_SOME_DAY = datetime(2024, 7, 3, 9, 46, 40, tzinfo=UTC)
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,15})?", re.ASCII)
_BOARD = re.compile(r"[0-9a-fA-F]{8}")
_EUI = re.compile(r"[0-9a-fA-F]{16}")
_STRAY = re.compile(r"~(?![01])")


@dataclass(frozen=True, slots=True, kw_only=True)
class LineOptions:
    """Of InfluxDB line protocol: what timestamps count, and the tags that belong to a name."""

    precision: str = "ns"
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonOptions:
    """Of plain JSON: pointers (RFC 6901) to samples and time, how times and words are written."""

    samples: str = ""
    time: str = ""
    time_format: str = ISO
    words: Mapping[str, float] = field(default_factory=dict)


def line_options(options: Mapping[str, str]) -> LineOptions:
    """As registered; ``problems`` has passed."""
    tags = tuple(filter(None, _split(options.get("tags", ""))))
    return LineOptions(precision=options.get("precision", "ns"), tags=tags)


def json_options(options: Mapping[str, str]) -> JsonOptions:
    """As registered; ValueError for words that ``problems`` would have named."""
    words = {}
    for pair in filter(None, _split(options.get("words", ""))):
        word, mark, number = pair.rpartition("=")
        if not (mark and _NUMBER.fullmatch(number.strip())):
            raise ValueError(f"{pair!r} is no WORD=NUMBER")
        words[word.strip()] = float(number)
    return JsonOptions(
        samples=options.get("samples", ""),
        time=options.get("time", ""),
        time_format=options.get("time_format", ISO),
        words=words,
    )


def peers(options: Mapping[str, str]) -> tuple[Network, ...]:
    """From where a device on TCP may speak; empty is anywhere. ValueError for what is no address."""
    return tuple(ip_network(one) for one in options.get("peers", "").replace(",", " ").split())


def problems(device: Device) -> Iterator[tuple[str, str, str]]:
    """(where within the device, what is wrong, the remedy)."""
    known = KEYS.get(device.format, ())
    for key in device.options:
        if key not in known:
            remedy = f"known: {', '.join(known)}" if known else f"{device.format} has no options"
            yield f"options.{key}", "there is no such option", remedy
    if device.format is Format.LINE:
        precision = device.options.get("precision", "ns")
        if precision not in PRECISIONS:
            remedy = f"write one of {', '.join(PRECISIONS)}"
            yield "options.precision", f"{precision!r} is no unit of timestamps", remedy
    if device.format is Format.JSON:
        yield from _json_problems(device)
    if device.format in (Format.HJ212, Format.AP3000):
        try:
            peers(device.options)
        except ValueError as error:
            remedy = "write addresses and networks, e.g. 198.51.100.20, 198.51.100.0/24"
            yield "options.peers", str(error), remedy
    if device.format is Format.AP3000 and not _BOARD.fullmatch(device.address):
        remedy = "write its physical id, 8 hexadecimal digits, e.g. 04ab373b"
        yield "address", f"{device.address!r} is no board", remedy
    if device.format is Format.CHIRPSTACK and not _EUI.fullmatch(device.address):
        remedy = "write its 16 hexadecimal digits, e.g. a84041f4b1c2d3e4"
        yield "address", f"{device.address!r} is no devEUI", remedy
    if device.format is Format.TTS and ("+" in device.address or "#" in device.address):
        remedy = "write the device's id, or v3/APPLICATION@TENANT/devices/ID"
        yield "address", f"{device.address!r} is not one device", remedy


def _json_problems(device: Device) -> Iterator[tuple[str, str, str]]:
    for key in ("samples", "time"):
        yield from _pointer_problems(f"options.{key}", device.options.get(key, ""))
    for n, binding in enumerate(device.bindings):
        if binding.component:
            remedy = "remove it, and write whole pointers in mapping"
            yield f"bindings[{n}].component", "json has no components", remedy
        for name in (*binding.mapping, *binding.units):
            yield from _pointer_problems(f"bindings[{n}].mapping.{name}", name)
    time_format = device.options.get("time_format", ISO)
    if time_format not in EPOCHS and time_format != ISO and not _is_pattern(time_format):
        remedy = f"write {ISO}, {', '.join(EPOCHS)}, or a pattern such as %Y-%m-%d %H:%M:%S"
        yield "options.time_format", f"{time_format!r} is no way to write a time", remedy
    try:
        json_options(device.options)
    except ValueError as error:
        yield "options.words", str(error), 'write WORD=NUMBER with commas between: "ON=1, OFF=0"'


def _pointer_problems(where: str, pointer: str) -> Iterator[tuple[str, str, str]]:
    if pointer and not pointer.startswith("/"):
        yield where, f"{pointer!r} is no JSON pointer", f"begin with a stroke: '/{pointer}'"
    elif _STRAY.search(pointer):
        remedy = "write ~ in a name as ~0, and / as ~1"
        yield where, f"{pointer!r} is no JSON pointer", remedy


def _is_pattern(text: str) -> bool:
    try:
        return "%" in text and bool(datetime.strptime(_SOME_DAY.strftime(text), text))  # noqa: DTZ007
    except (ValueError, re.error):  # the second for a letter that stands twice
        return False


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]

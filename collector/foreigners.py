"""The registered devices that speak another language: where each is heard, and what its names mean."""

from dataclasses import dataclass

from alerts.registry.model import Format, Registry
from collector.decoders.foreign import Mapping
from collector.decoders.formats import CODECS, Decode
from collector.decoders.patterns import Patterns
from collector.decoders.port import Garbled, Told
from collector.listeners.ap3000 import Ap3000Talk
from collector.listeners.hj212 import Hj212Talk
from collector.listeners.port import Heard, MakeTalk
from collector.listeners.strangers import is_still_refused

_TALKS: dict[Format, MakeTalk] = {Format.HJ212: Hj212Talk, Format.AP3000: Ap3000Talk}


@dataclass(frozen=True, slots=True)
class Foreigner:
    """A device of another language."""

    mapping: Mapping
    decode: Decode
    """What a message says; Garbled when it cannot be used."""


class Foreigners:
    """``filters`` is what to subscribe to. Devices heard over TCP are in ``mapping`` and ``past``."""

    def __init__(self, registry: Registry) -> None:
        self._mappings: dict[tuple[str, str], Mapping] = {}
        self._by_topic: Patterns[Foreigner] = Patterns()
        self._on_tcp: dict[str, Foreigner] = {}
        filters: dict[str, None] = {}
        for device in registry.devices:
            if not device.is_foreign:
                continue
            mapping = self._mappings[device.site, device.id] = Mapping(device)
            if talk := _TALKS.get(device.format):
                name = f"{device.format}/{device.address}".lower()
                self._on_tcp[name] = Foreigner(mapping, _read_again(talk))
            codec = CODECS.get(device.format)
            if codec is None:
                continue
            foreigner = Foreigner(mapping, codec.decoder(device))
            for pattern in codec.patterns(device):
                self._by_topic.add(pattern, foreigner)
                filters[pattern] = None
        self.filters = tuple(filters)

    def at(self, topic: str) -> Foreigner | None:
        """Who speaks on this topic."""
        return self._by_topic.find(topic)

    def past(self, topic: str, reason: str) -> Foreigner | None:
        """Whose dead letter this is; nobody's where its sender may not speak from there today either."""
        found = self._on_tcp.get(topic.lower())
        if found is None:
            return self.at(topic)
        return None if is_still_refused(found.mapping.device, reason) else found

    def mapping(self, site: str, device: str) -> Mapping | None:
        """What this device's names mean; None when it is none of ours, or speaks our language."""
        return self._mappings.get((site, device))


def _read_again(talk: MakeTalk) -> Decode:
    """What whole frames say that were kept."""

    def decode(topic: str, raw: bytes, now_ms: int) -> Told:
        said = [one for one in talk().feed(raw, 0.0, now_ms / 1000) if isinstance(one, Heard)]
        if not said:
            raise Garbled("what was kept of it is no whole frame")
        return Told(
            records=tuple(record for one in said for record in one.told.records),
            refused=tuple(refused for one in said for refused in one.told.refused),
        )

    return decode

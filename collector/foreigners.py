"""The registered devices that speak another language: where each is heard, and what its names mean."""

from dataclasses import dataclass

from alerts.registry.model import Registry
from collector.decoders.foreign import Mapping
from collector.decoders.formats import CODECS, Decode
from collector.decoders.patterns import Patterns


@dataclass(frozen=True, slots=True)
class Foreigner:
    """A device of another language."""

    mapping: Mapping
    decode: Decode
    """What a message says; Garbled when it cannot be used."""


class Foreigners:
    """``filters`` is what to subscribe to. Devices heard over TCP are here by ``mapping`` alone."""

    def __init__(self, registry: Registry) -> None:
        self._mappings: dict[tuple[str, str], Mapping] = {}
        self._by_topic: Patterns[Foreigner] = Patterns()
        filters: dict[str, None] = {}
        for device in registry.devices:
            if not device.is_foreign:
                continue
            mapping = self._mappings[device.site, device.id] = Mapping(device)
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

    def mapping(self, site: str, device: str) -> Mapping | None:
        """What this device's names mean; None when it is none of ours, or speaks our language."""
        return self._mappings.get((site, device))

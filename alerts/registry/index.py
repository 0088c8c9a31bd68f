"""The registry by ids: one table for all who look devices up, made once for each revision."""

from collections.abc import Mapping

from alerts.registry.model import Device, Registry

_last: list[tuple[Registry, dict[tuple[str, str], Device]]] = []


def devices_of(registry: Registry) -> Mapping[tuple[str, str], Device]:
    """By site and id. The last registry's is remembered: there may be twenty thousand devices."""
    if not _last or _last[0][0] is not registry:
        _last[:] = [(registry, {(device.site, device.id): device for device in registry.devices})]
    return _last[0][1]

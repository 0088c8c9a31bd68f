"""Who may speak from where: what is said of those who may not, and how that is read again. Pure."""

import re
from ipaddress import ip_address

from alerts.registry.model import Device
from alerts.registry.options import peers

_FROM = re.compile(r" (?:may not speak|it spoke) from ([^ ;]*)")


def refusal(device: Device | None, format: str, peer: str) -> str:
    """Why the device of an address (None: there is none) may not speak from this peer, or ""."""
    if device is None:
        return f"no {format} device with this address is registered; it spoke from {peer}"
    if not _may_speak(device, peer):
        return f"device {device.id} may not speak from {peer}; see its option peers"
    return ""


def is_still_refused(device: Device, reason: str) -> bool:
    """Whether what was refused for this reason would be refused again, now that this is the device."""
    found = _FROM.search(reason)
    return found is not None and not _may_speak(device, found[1])


def _may_speak(device: Device, peer: str) -> bool:
    try:
        allowed = peers(device.options)
        if not allowed:
            return True
        at = ip_address(peer.partition("%")[0])
        at = getattr(at, "ipv4_mapped", None) or at
        return any(at in network for network in allowed)
    except ValueError:
        return False  # what cannot be read lets nobody in

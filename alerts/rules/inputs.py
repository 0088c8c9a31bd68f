"""What rules read: the journal's entries, in order, and nothing else."""

from dataclasses import dataclass
from typing import NamedTuple

from alerts.registry.model import Registry
from edge.contract.reading import Batch
from edge.contract.status import Status


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passes: journalled every few seconds, so that silence and waiting are judged."""


@dataclass(frozen=True, slots=True)
class Sight:
    """Whether the cell sees its devices: connected to the broker, and caught up.

    ``since_ms`` is when that began; what is blind to the cell is never called silent.
    """

    sees: bool
    since_ms: int


@dataclass(frozen=True, slots=True)
class DeviceSaid:
    """A device's own word about itself (birth, last will, stopping)."""

    site: str
    device: str
    status: Status


@dataclass(frozen=True, slots=True)
class RegistryRevised:
    """From here on this registry holds."""

    registry: Registry


@dataclass(frozen=True, slots=True)
class PacksRevised:
    """From here on these rule packs hold: the TOML text of each by name."""

    packs: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """A later verdict on readings of one series that stand before it, both times included.

    They are of this ``quality`` at least, and bear these ``marks`` too (``edge.contract.quality``).
    Rules pass it over: they judged by what was known.
    """

    site: str
    device: str
    place: str
    port: str
    metric: str
    since_ms: int
    until_ms: int
    quality: int
    marks: int


What = Batch | Amendment | Tick | Sight | DeviceSaid | RegistryRevised | PacksRevised


class Entry(NamedTuple):
    """One journal record: its position, when it arrived (ms, house clock), and what it says.

    A tuple, because there is one for each message.
    """

    position: int
    at_ms: int
    what: What

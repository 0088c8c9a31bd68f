"""What rules read: the journal's entries, in order, and nothing else."""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from alerts.registry.model import Registry
from alerts.words import IncidentClass, Severity
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


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenUp:
    """Readings ``lo..hi`` of a run that a cap took: nobody will send them any more.

    ``by_house``: this cell's journal had confirmed and dropped them; else the device announced it.
    ``reason`` is "space", "age" or the device's own word. Times are of the rows, where known. Rules
    pass over it.
    """

    site: str
    device: str
    run: str
    lo: int
    hi: int
    reason: str
    by_house: bool = False
    since_ms: int | None = None
    until_ms: int | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Stands:
    """What people have been told last by a rule about a subject, with what an all-clear must say."""

    rule: str
    subject: str
    severity: Severity
    since_ms: int
    cls: IncidentClass
    place: str = ""
    port: str = ""
    device: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """People have been told these and nothing else, by transitions up to this position of the journal.

    Journalled where journal, rules and operations database were found not to belong together.
    """

    upto: int
    stands: tuple[Stands, ...]


class Colour(IntEnum):
    """The four colours of a warning signal, rising."""

    BLUE = 1  # 蓝
    YELLOW = 2  # 黄
    ORANGE = 3  # 橙
    RED = 4  # 红


@dataclass(frozen=True, slots=True, kw_only=True)
class Warning:
    """An official warning as its issuer gave it; whoever fetched it says which sites it covers.

    ``id`` names it across sources and updates; ``event`` is a word of ours (``rainstorm``, ``heat``)
    or the issuer's own code where we have none; a colour that is not known is None. It holds from
    ``onset_ms`` until ``expires_ms``; an update says the same id again, ``is_cancelled`` ends it.
    Title and text are the bulletin's own and are never made up.
    """

    id: str
    event: str
    colour: Colour | None
    sites: tuple[str, ...]
    issuer: str
    title: str
    text: str = ""
    issued_ms: int
    onset_ms: int
    expires_ms: int
    is_cancelled: bool = False
    source: str = ""
    """Where it was fetched, to be named beside it."""


What = (
    Batch
    | Amendment
    | Tick
    | Sight
    | DeviceSaid
    | GivenUp
    | RegistryRevised
    | PacksRevised
    | Standing
    | Warning
)


class Entry(NamedTuple):
    """One journal record: its position, when it arrived (ms, house clock), and what it says.

    A tuple, because there is one for each message.
    """

    position: int
    at_ms: int
    what: What

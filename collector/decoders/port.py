"""What every decoder gives: records in the words of the source, not yet dated nor bound."""

from dataclasses import dataclass
from typing import NamedTuple

from edge.contract.quality import Quality

NO_VALUE = "the source says: no value"


class Record(NamedTuple):
    """One value as the source told it.

    ``name`` is the source's own word for what it measured, such as ``ENERGY.Power`` or ``w01009``;
    the device's mapping makes a series of it. ``metric`` is the catalogue's name where the format
    fixes it. ``unit`` is what ``value`` is in as the source spells it, "" where it says none or means
    the catalogue's. ``at_ms`` is None where the source does not say when. ``spare``: the source's
    own affair, which nobody misses unless it is mapped.
    """

    name: str
    value: float | None
    metric: str = ""
    unit: str = ""
    at_ms: int | None = None
    quality: Quality = Quality.NOT_EVALUATED
    reason: str = ""
    spare: bool = False


def missing(name: str, metric: str = "", at_ms: int | None = None) -> Record:
    """A null: told of a series that is mapped, and nobody's loss where it is not."""
    return Record(name, None, metric, "", at_ms, Quality.MISSING, NO_VALUE, spare=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one message said. ``online`` is what it says of the source itself, if anything."""

    records: tuple[Record, ...] = ()
    refused: tuple[tuple[str, bytes], ...] = ()
    """Parts that could not be used: (reason, the part)."""
    online: bool | None = None
    number: tuple[str, int] | None = None
    """(session, count) where the source numbers its messages: the same again is a double."""


class Garbled(ValueError):
    """The whole message cannot be used; the text says why. The only error a decoder raises."""

"""Which MQTT to speak: 5 where the broker does, else 3.1.1. Decisions only; nothing connects here.

A broker that does not know MQTT 5 says so in its CONNACK, as MQTT 3.1.1 (3.1.2.2) wants, or just
closes the connection, which a bad line does too. So a silent end before the CONNACK is only a hint,
and the other version is tried next; what was accepted then is kept for a while.
"""

from dataclasses import dataclass, replace
from enum import Enum, StrEnum

AGAIN_S = 6 * 3600.0  # a broker is rarely renewed; trying costs one connection that fails
PATIENCE = 3  # silent ends in a row before a broker that did speak 5 is asked for 3.1.1


class Wish(StrEnum):
    """What the configuration asks for."""

    AUTO = "auto"
    V5 = "5"
    V311 = "3.1.1"


class Outcome(Enum):
    ACCEPTED = "accepted"
    REFUSED = "refused"  # the broker says that it does not know this version
    SILENT = "silent"  # the connection ended before any answer
    OTHER = "other"  # refused for another reason, which tells nothing of the version


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What this process knows of its broker. Seconds are of the steady clock."""

    spoke_5: bool = False
    silent: int = 0  # attempts with 5 in a row that ended without a word
    refused_s: float | None = None  # since when 3.1.1 is spoken because 5 was refused


def speaks_5(wish: Wish, known: Known, now_s: float) -> bool:
    """Whether the next attempt is MQTT 5."""
    if wish is not Wish.AUTO:
        return wish is Wish.V5
    if known.refused_s is not None:
        return now_s - known.refused_s >= AGAIN_S
    return known.silent < (PATIENCE if known.spoke_5 else 1)


def learn(known: Known, is_5: bool, outcome: Outcome, now_s: float) -> Known:
    """What is known after an attempt."""
    match outcome:
        case Outcome.ACCEPTED if is_5:
            return Known(spoke_5=True)
        case Outcome.ACCEPTED:
            return replace(known, refused_s=now_s if known.refused_s is None else known.refused_s)
        case Outcome.REFUSED if is_5:
            return Known(refused_s=now_s)
        case Outcome.REFUSED:
            return Known()  # then it is 5 that is spoken here
        case Outcome.SILENT if is_5 and known.refused_s is not None:
            return replace(known, refused_s=now_s)  # another long while of 3.1.1
        case Outcome.SILENT if is_5:
            return replace(known, silent=known.silent + 1)
        case Outcome.SILENT if known.refused_s is None:
            return replace(known, silent=0)  # it was the line: 5 again
        case _:
            return known

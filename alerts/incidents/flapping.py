"""What keeps coming and going: told once, and then no more until it has been calm."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Flap:
    """So many returns within ``window`` are one notice; after ``calm`` without any, all is as before."""

    times: int = 3
    window: timedelta = timedelta(hours=1)
    calm: timedelta = timedelta(hours=1)


FLAP = Flap()  # proposal of this project: the third message in an hour is the last one


def returns(known: Sequence[datetime], at: datetime, flap: Flap = FLAP) -> tuple[datetime, ...]:
    """The returns that still count at ``at``, itself the last; times of late data may be older."""
    return (*(one for one in known if abs(at - one) < flap.window), at)


def flaps(counted: Sequence[datetime], flap: Flap = FLAP) -> bool:
    """Whether it keeps coming and going, by ``returns``."""
    return len(counted) >= flap.times


def is_calm(known: Sequence[datetime], at: datetime, flap: Flap = FLAP) -> bool:
    """Whether the last return is long enough ago."""
    return not known or at - max(known) >= flap.calm

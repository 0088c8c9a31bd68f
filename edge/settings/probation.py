"""Values on trial: when they hold, when they are taken back. Pure but for ``now``.

The trial runs on the machine's own time since boot, which no clock that is set can move. What a
crash interrupts goes on; a reboot begins the wait for a link anew, since a machine without power is
no fault of the values, and the starts are counted across both.
"""

import time
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import NamedTuple

MOST_STARTS = 3  # within one trial; values that end the agent so often are not tried a fourth time
_BOOT_ID = "/proc/sys/kernel/random/boot_id"


class Moment(NamedTuple):
    """Seconds since the boot with this id."""

    boot: str
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """``is_linked``: a server was heard with these values at least once."""

    boot: str
    began_s: float
    starts: int = 0
    is_linked: bool = False


class Verdict(Enum):
    GOES_ON = auto()
    HOLDS = auto()
    FAILS = auto()


def now() -> Moment:
    try:
        with open(_BOOT_ID, encoding="ascii") as file:
            boot = file.read().strip()
    except OSError:
        boot = ""
    return Moment(boot, time.clock_gettime(time.CLOCK_BOOTTIME))


def begin(now: Moment) -> Trial:
    return Trial(boot=now.boot, began_s=now.at_s)


def start(trial: Trial, now: Moment, trial_s: float) -> tuple[Trial, float] | str:
    """The trial with this start counted and since when the link is away, or why it has failed."""
    if trial.starts >= MOST_STARTS:
        return f"the agent was started {trial.starts} times with these values and never got through"
    counted = replace(trial, starts=trial.starts + 1)
    if now.boot != trial.boot or now.at_s < trial.began_s:
        return replace(counted, boot=now.boot, began_s=now.at_s), now.at_s
    if trial.is_linked:
        return counted, now.at_s
    if now.at_s - trial.began_s >= trial_s:
        return no_link(trial_s)
    return counted, trial.began_s


def verdict(
    trial: Trial, now: Moment, trial_s: float, *, away_since_s: float, is_linked: bool
) -> Verdict:
    """What stands at ``now``: values hold when the trial has passed and the server listens."""
    if is_linked:
        return Verdict.HOLDS if now.at_s - trial.began_s >= trial_s else Verdict.GOES_ON
    return Verdict.FAILS if now.at_s - away_since_s >= trial_s else Verdict.GOES_ON


def no_link(trial_s: float) -> str:
    return f"no server was heard for {trial_s:g} s with these values"

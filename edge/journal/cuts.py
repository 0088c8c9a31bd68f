"""When runs of a journal were cut off: kept until the server has heard of each. Pure.

A run notes that it is open, and its end when it says goodbye; one that never did was cut off, by a
power cut most likely. A box may be cut off again and again before it reaches a broker.
"""

import json
from collections.abc import Callable, Iterable

from edge.contract.status import MOST_CUTS

OPEN_RUN, CUTS = "open_run", "cuts"  # their names in the journal

Noted = Callable[[str], object]
"""The value that a journal holds under a name, None for none."""


def untold(noted: Noted, clock_ms: int) -> tuple[int, ...]:
    """The cuts that the server has not heard of, in order: with the last run's, when it is open still.

    ``clock_ms`` is what the clock said at its last commit; 0 when it never came to one.
    """
    cuts = list(_parse(noted(CUTS)))
    if noted(OPEN_RUN) and clock_ms:
        cuts.append(clock_ms)
    return tuple(cuts[-MOST_CUTS:])


def spell(cuts: Iterable[int]) -> str:
    """For the journal, under ``CUTS``."""
    return json.dumps(list(cuts), separators=(",", ":"))


def _parse(text: object) -> tuple[int, ...]:
    try:
        found = json.loads(text) if isinstance(text, str) else []
    except ValueError:
        return ()
    if not isinstance(found, list):
        return ()
    return tuple(each for each in found if type(each) is int and each >= 0)

"""Quality of a reading in the words and numbers of QARTOD, and which test gave it.

``marks`` tell the tests that a reading did not pass: a whole number with two bits for each ``Check``,
at twice its number; 1 is suspect, 2 is fail. What passed, and what was not evaluated, has no bit.
"""

from collections.abc import Iterator
from enum import IntEnum


class Quality(IntEnum):
    """QARTOD primary flags (IOOS QARTOD flag scheme; IOC 54:V3)."""

    GOOD = 1
    NOT_EVALUATED = 2
    SUSPECT = 3
    FAIL = 4
    MISSING = 9


# What rules never see. A spike or a rate flag is SUSPECT: it marks a value and withholds nothing,
# because a real discharge and a real fire look like spikes.
WITHHELD = frozenset({Quality.FAIL, Quality.MISSING})


class Check(IntEnum):
    """The tests, in the order in which they are told. Their numbers are stored: they never change."""

    SENSOR = 0  # the device itself says that the value is doubtful or wrong
    SYNTAX = 1
    SENTINEL = 2
    GROSS = 3
    SPIKE = 4
    RATE = 5
    FLAT = 6
    ATTENUATED = 7
    GAP = 8
    CLOCK = 9
    NEIGHBOUR = 10

    @property
    def suspect(self) -> int:
        """The mark of a reading that this test calls suspect."""
        return 1 << 2 * self

    @property
    def fail(self) -> int:
        """The mark of a reading that fails this test."""
        return 2 << 2 * self


def checks(marks: int) -> list[str]:
    """The names of the tests that marked the reading."""
    return [check.name.lower() for check, _ in told(marks)]


def told(marks: int) -> Iterator[tuple[Check, Quality]]:
    """Each test that marked the reading, and how. A fail hides the suspect that was told before."""
    for check in Check:
        if marks & check.fail:
            yield check, Quality.FAIL
        elif marks & check.suspect:
            yield check, Quality.SUSPECT

"""The device's own time: an anchor on the clock that counts since boot.

Most boxes have no clock with a battery. After a power cut the system clock may say 1970, or the
time of the last shutdown, until somebody sets it; and whoever sets it makes it jump. So the time
here moves with the clock since boot alone, and is set when the truth is known: by the system clock
while the kernel says that it is synchronised, else by the server's answer to a question.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from edge.clock import Clock

LATEST_MS = 2**43  # the year 2248; what is later is no time
STEP_MS = 100  # nearer to the truth than this is left alone: rules judge in seconds
MOST_RTT_MS = 4_000  # the answer may be wrong by half of it; 2 s is what devices promise
MOST_CORRECTIONS = 64  # far more than happen while a sensor hands over what it measured


class Trust(StrEnum):
    """Whom to believe: the kernel or else the server; the system clock as it stands; the server."""

    AUTO = "auto"
    SYSTEM = "system"
    SERVER = "server"


class Anchor(NamedTuple):
    """The time at which a boot began, and whether that is the truth."""

    boot: str
    zero_ms: int
    is_known: bool


class Truth(NamedTuple):
    """The true time at which this boot began, right to ``within_ms``."""

    zero_ms: int
    within_ms: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSet:
    """The clock was set: ``by_ms`` forwards, or backwards when negative."""

    by_ms: int
    was_known: bool
    source: str


class Ticking(Protocol):
    """``edge.timekeeping.kernel.Kernel``, or a test's own."""

    boot: str

    def system_ms(self) -> int: ...
    def steady_ms(self) -> int: ...
    def is_synchronised(self) -> bool: ...


class Timekeeper:
    """The clock that sensors and the agent read. Reading is safe in any thread; one thread sets it.

    No truth is before ``built_ms``. A house clock that is given (SHOUWANG_CLOCK) is the truth and is never set.
    """

    def __init__(
        self, kernel: Ticking, *, trust: Trust = Trust.AUTO, house: Clock | None = None,
        built_ms: int = 0,
    ) -> None:  # fmt: skip
        self._kernel = kernel
        self._trust = trust
        self._house = house
        self._built_ms = built_ms
        self.floor_ms = built_ms
        """It is later than this, whatever the system clock says: enough for TLS."""
        self.offset_ms: int | None = None
        """How far this clock was ahead of the truth when they were last compared."""
        self._corrections: tuple[tuple[int, int], ...] = ()
        self._by_system = False
        self.is_known = False
        self._state = 0, 0
        self.recall()

    def recall(self, saved_ms: int = 0, anchor: Anchor | None = None) -> None:
        """Begin with what an earlier run left, before anything is measured.

        ``saved_ms`` is a time that was reached, maybe wrongly; ``anchor`` holds for this boot only.
        """
        kernel, steady_ms = self._kernel, self._kernel.steady_ms()
        if self.is_house:
            self.floor_ms, self.is_known = 0, True
            return
        self.floor_ms = max(self._built_ms, saved_ms)
        zero_ms, self.is_known = max(kernel.system_ms(), self.floor_ms) - steady_ms, False
        if anchor is not None and anchor.boot and anchor.boot == kernel.boot:
            zero_ms, self.is_known = anchor.zero_ms, anchor.is_known
        truth = self._system_truth()
        if truth is not None and not (self.is_known and abs(truth.zero_ms - zero_ms) <= STEP_MS):
            zero_ms, self.is_known = truth.zero_ms, True
        self._state = 0, zero_ms

    # Reading

    @property
    def is_house(self) -> bool:
        """Whether the time is given from outside, and none of our business."""
        return self._house is not None

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC, the best that is known."""
        return self.look()[1]

    def look(self) -> tuple[int, int]:
        """How often the clock was set, and now."""
        setting, zero_ms = self._state
        if self._house is not None:
            return setting, self._house.now_ms()
        return setting, zero_ms + self._kernel.steady_ms()

    def late_ms(self, since: int, until: int | None = None) -> int:
        """By how much it was set forward from that setting to the other, or until now."""
        corrections = self._corrections
        return sum(by_ms for n, by_ms in corrections if since < n and (until is None or n <= until))

    def real(self, house_seconds: float) -> float:
        """How many real seconds these house seconds take."""
        return self._house.real(house_seconds) if self._house is not None else house_seconds

    @property
    def speed(self) -> float:
        """House seconds in a real second."""
        return self._house.speed if self._house is not None else 1.0

    @property
    def anchor(self) -> Anchor:
        return Anchor(self._kernel.boot, self._state[1], self.is_known)

    # Setting

    def ask_system(self) -> ClockSet | None:
        """Believe the system clock, where it may be believed."""
        truth = self._system_truth()
        self._by_system = truth is not None
        return self._set(truth) if truth is not None else None

    def believe(self, truth: Truth) -> ClockSet | None:
        """Compare with the server's word, and believe that where nothing nearer is known."""
        now_ms = truth.zero_ms + self._kernel.steady_ms()
        if self.is_house or not self._built_ms <= now_ms <= LATEST_MS:
            return None
        self.offset_ms = self._state[1] - truth.zero_ms
        if self._by_system:
            return None
        return self._set(truth)

    def _system_truth(self) -> Truth | None:
        if self.is_house or self._trust is Trust.SERVER:
            return None
        if self._trust is Trust.AUTO and not self._kernel.is_synchronised():
            return None
        system_ms, steady_ms = self._kernel.system_ms(), self._kernel.steady_ms()
        if not self._built_ms <= system_ms <= LATEST_MS:
            return None  # a battery that is dead, or a server of 1970
        return Truth(system_ms - steady_ms, 0, "system clock")

    def _set(self, truth: Truth) -> ClockSet | None:
        setting, zero_ms = self._state
        by_ms, was_known = truth.zero_ms - zero_ms, self.is_known
        if was_known and abs(by_ms) <= max(STEP_MS, truth.within_ms):
            return None
        self.is_known = True
        self.offset_ms = 0
        self._corrections = (*self._corrections, (setting + 1, by_ms))[-MOST_CORRECTIONS:]
        self._state = setting + 1, truth.zero_ms
        return ClockSet(by_ms=by_ms, was_known=was_known, source=truth.source)


def truth_of(asked_ms: int, heard_ms: int, server_ms: int) -> Truth | None:
    """What an answer proves: asked and heard on the clock since boot; None when it proves nothing.

    The server read its clock somewhere in between; the middle is wrong by half of that at most.
    """
    rtt_ms = heard_ms - asked_ms
    if not 0 <= rtt_ms <= MOST_RTT_MS or not 0 <= server_ms <= LATEST_MS:
        return None
    return Truth(server_ms - (asked_ms + heard_ms) // 2, (rtt_ms + 1) // 2, "server")

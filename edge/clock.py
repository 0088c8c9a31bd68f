"""The house clock: one source of "now" for every process, real by default, scaled in the demo.

A scaled clock maps real time to house time by two anchors and a speed, so that processes that are
told the same three numbers agree to the microsecond. Timers are given in house seconds.
"""

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

VARIABLE = "SHOUWANG_CLOCK"


class Time(Protocol):
    """What threads that measure ask of a clock, be it the house's or the device's own."""

    @property
    def speed(self) -> float:
        """House seconds in a real second."""
        ...

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        ...

    def look(self) -> tuple[int, int]:
        """How often the clock was set, and now."""
        ...

    def late_ms(self, since: int, until: int | None = None) -> int:
        """By how much it was set forward from that setting to the other, or until now."""
        ...

    def real(self, house_seconds: float) -> float:
        """How many real seconds these house seconds take."""
        ...


@dataclass(frozen=True, slots=True)
class Clock:
    """House time = ``house_s`` + (real time - ``real_s``) * ``speed``; seconds since 1970 UTC."""

    real_s: float = 0.0
    house_s: float = 0.0
    speed: float = 1.0

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        return int((self.house_s + (time.time() - self.real_s) * self.speed) * 1000)

    def look(self) -> tuple[int, int]:
        """The setting, which is always the same, and now."""
        return 0, self.now_ms()

    def late_ms(self, since: int, until: int | None = None) -> int:
        """Nothing: nobody sets the house clock."""
        return 0

    def now(self) -> datetime:
        """The same as an aware UTC time."""
        return datetime.fromtimestamp(self.now_ms() / 1000, UTC)

    def real(self, house_seconds: float) -> float:
        """How many real seconds these house seconds take."""
        return house_seconds / self.speed

    async def sleep(self, house_seconds: float) -> None:
        """Sleep that many house seconds, at least one turn of the loop."""
        import asyncio  # 2.7 MB that a device does not need

        await asyncio.sleep(max(0.0, self.real(house_seconds)))

    def spell(self) -> str:
        """The text that ``parse`` and the variable SHOUWANG_CLOCK read."""
        return f"{self.real_s!r}/{self.house_s!r}/{self.speed!r}"

    @classmethod
    def parse(cls, text: str) -> "Clock":
        """The clock spelled ``real/house/speed``; ValueError when it is not one."""
        try:
            real_s, house_s, speed = (float(part) for part in text.split("/"))
        except ValueError as error:
            raise ValueError(f"{text!r} is no clock; write real/house/speed in seconds") from error
        if not speed > 0:
            raise ValueError(f"{text!r}: the speed of a clock is above 0")
        return cls(real_s, house_s, speed)

    @classmethod
    def from_environment(cls) -> "Clock":
        """The clock that SHOUWANG_CLOCK spells; the real one when it is not set."""
        text = os.environ.get(VARIABLE)
        return cls.parse(text) if text else cls()

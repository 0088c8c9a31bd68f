"""What the kernel knows of time: the system clock, the clock since boot, whether somebody sets it."""

import time
from pathlib import Path

_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Kernel:
    """Times in whole milliseconds. ``boot`` names this boot; empty where that cannot be known."""

    def __init__(self) -> None:
        try:
            self.boot = _BOOT_ID.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            self.boot = ""

    def system_ms(self) -> int:
        """The system clock, since 1970 UTC: whatever it was set to."""
        return time.time_ns() // 1_000_000

    def steady_ms(self) -> int:
        """Since boot, suspend included: nobody can set it."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def is_synchronised(self) -> bool:
        """Whether NTP, PTP or a GPS receiver disciplines the system clock (adjtimex(2)).

        The kernel forgets it by itself after some nine hours without a word (maxerror over 16 s).
        """
        import ctypes  # a megabyte, and only a device without a house clock asks

        try:
            # ``modes`` 0 asks and sets nothing; struct timex has 208 bytes where it is longest.
            state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
        except (OSError, AttributeError):
            return False
        return state not in (-1, _TIME_ERROR)

"""How far each device's clock seems to be off: the least of arrival minus measured. Pure.

What is live takes the way's length and the pack's age, never less; so the least over some minutes is
the clock's own share, as far as anything live came. A clock ahead by more than two minutes is not
seen here: its times are shifted to their arrival at intake (``collector/moments.py``).
"""

HALF_MS = 5 * 60_000  # the least is of one to two of these, house time

Device = tuple[str, str]


class Skews:
    """``note`` once a pack; constant in time and, by device, in memory."""

    def __init__(self) -> None:
        self._least: dict[Device, tuple[int, int, int]] = {}
        """By device: which five minutes they are, the least in it, and the least in the one before."""

    def note(self, device: Device, late_ms: int, now_ms: int) -> None:
        """A pack whose newest reading is so late arrived now."""
        part = now_ms // HALF_MS
        known = self._least.get(device)
        if known is None:
            self._least[device] = part, late_ms, late_ms
            return
        at, least, before = known
        if at == part:
            if late_ms < least:
                self._least[device] = part, late_ms, before
        else:
            self._least[device] = part, late_ms, least if part == at + 1 else late_ms

    def of(self, device: Device) -> float | None:
        """Seconds; positive when the device's clock is behind. None when nothing was heard."""
        known = self._least.get(device)
        return None if known is None else min(known[1:]) / 1000

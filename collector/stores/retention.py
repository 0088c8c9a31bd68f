"""How long what is kept, and when deleting waits because the clock cannot be trusted. Pure."""

from dataclasses import dataclass

DAY_MS = 86_400_000
# A server whose clock jumped deletes history by mistake: after a step of more than a day ahead, or
# an hour back, nothing is deleted until a day has passed without another, so that somebody can see.
STEP_AHEAD_MS = DAY_MS
STEP_BACK_MS = 3_600_000
PAUSE_MS = DAY_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Days for which points and buckets are kept; None keeps them for ever.

    Points of 400 days show the same week of last year. Minute buckets serve charts of days, hour
    buckets all longer ones.
    """

    points: int | None = 400
    minutes: int | None = 90
    hours: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockWatch:
    """The time last seen, and until when deleting waits."""

    last_ms: int | None = None
    paused_until_ms: int | None = None

    def saw(self, now_ms: int) -> "ClockWatch":
        """The same after looking at the clock once more."""
        if self.last_ms is None:
            return ClockWatch(last_ms=now_ms)
        until = self.paused_until_ms
        if not self.last_ms - STEP_BACK_MS <= now_ms <= self.last_ms + STEP_AHEAD_MS:
            until = now_ms + PAUSE_MS
        elif until is not None and now_ms >= until:
            until = None
        return ClockWatch(last_ms=now_ms, paused_until_ms=until)

    def why_paused(self) -> str:
        """Why nothing is deleted now, in words, or "" when deleting may go on."""
        if self.paused_until_ms is None or self.last_ms is None:
            return ""
        hours = max(1, round((self.paused_until_ms - self.last_ms) / 3_600_000))
        return f"the clock was stepped; deleting waits {hours} h more, unless it steps again"

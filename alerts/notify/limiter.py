"""The limiter: token buckets per address, so that no service blocks us and nobody drowns in messages.

What has no token of its own is merged, never dropped: all that waits for an address goes with the
next token, as one message. Fire class alone may take a bucket's last tokens. Pure: ``now`` is any
steady clock in real seconds.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from alerts.notify.limits import Allowance

_HAIR = 1e-6  # tokens; sums of fractions end just short of a whole


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose turn it is: each group is one message. The others wait ``wait_s`` for ``why``."""

    groups: tuple[tuple[int, ...], ...] = ()
    wait_s: float = 0.0
    why: str = ""


class Limiter:
    """Remembers by address what has been sent, and who asked us to wait."""

    def __init__(self) -> None:
        self._buckets: dict[Hashable, list[_Bucket]] = {}
        self._blocked: dict[Hashable, tuple[float, str]] = {}

    def turn(
        self, key: Hashable, allowances: Sequence[Allowance], is_fire: Sequence[bool], now: float
    ) -> Turn:
        """Which of the waiting (whether each is of fire class) go now; takes their tokens."""
        until, why = self._blocked.get(key, (now, ""))
        if until > now:
            return Turn(wait_s=until - now, why=why)
        self._blocked.pop(key, None)
        buckets = self._buckets.get(key)
        if buckets is None or len(buckets) != len(allowances):
            buckets = self._buckets[key] = [_Bucket(each, now) for each in allowances]
        groups: list[tuple[int, ...]] = []
        wait_s, why = 0.0, ""
        for fire in (True, False):
            mine = tuple(n for n, each in enumerate(is_fire) if each is fire)
            if not mine:
                continue
            free = min((bucket.free(fire, now) for bucket in buckets), default=len(mine))
            if free == 0:
                slowest = max(buckets, key=lambda bucket: bucket.wait_s(fire))
                if not wait_s:  # fire's is the shorter one, and comes first
                    wait_s = slowest.wait_s(fire)
                    why = f"{slowest.allowance.count} in {slowest.allowance.over_s:g} s"
                continue
            messages = [(n,) for n in mine] if len(mine) <= free else [mine]
            for bucket in buckets:
                bucket.take(len(messages))
            groups += messages
        return Turn(tuple(groups), wait_s, why)

    def block(self, key: Hashable, until: float, why: str) -> None:
        """The service asked us not to send there until then."""
        self._blocked[key] = (max(until, self._blocked.get(key, (until, ""))[0]), why)

    def forget(self, now: float) -> None:
        """Drop what is full again: an address costs memory only while it is in use."""
        for key, buckets in list(self._buckets.items()):
            if all(bucket.is_full(now) for bucket in buckets):
                del self._buckets[key]
        for key, (until, _) in list(self._blocked.items()):
            if until <= now:
                del self._blocked[key]


class _Bucket:
    __slots__ = ("_at", "_tokens", "allowance")

    def __init__(self, allowance: Allowance, now: float) -> None:
        self.allowance = allowance
        self._tokens = float(allowance.burst)
        self._at = now

    def free(self, fire: bool, now: float) -> int:
        """Whole messages that may go now."""
        self._refill(now)
        return max(0, int(self._tokens + _HAIR) - (0 if fire else self.allowance.reserved))

    def wait_s(self, fire: bool) -> float:
        """Until the next message may go."""
        wanted = 1 + (0 if fire else self.allowance.reserved)
        return max(0.0, wanted - self._tokens) / self.allowance.per_s

    def take(self, count: int) -> None:
        self._tokens -= count

    def is_full(self, now: float) -> bool:
        self._refill(now)
        return self._tokens >= self.allowance.burst

    def _refill(self, now: float) -> None:
        gained = max(0.0, now - self._at) * self.allowance.per_s
        self._tokens = min(float(self.allowance.burst), self._tokens + gained)
        self._at = max(now, self._at)

"""Floods: each device has token buckets of its own, in messages and in bytes. Pure.

What is over is dropped before it is decoded, and not confirmed: a device of ours sends it again.
Readings have one bucket, a device's other words a second, so that its last will is heard in its
flood. Devices that are not registered share theirs, or made-up names would each have a fresh one.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from collector.link.port import Message
from edge.contract.topics import ROOT, Kind

QUIET_S = 60.0  # real seconds without an excess until a flood counts as over
STRANGERS = ("", "")
TOPICS_KNOWN = 2**16  # some 5 MB when all are taken
_BULK = (f"/{Kind.READINGS.value}", f"/{Kind.HEALTH.value}")

Device = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What one device may send, a second; a bucket holds ``burst_s`` seconds of it. 0 is no limit."""

    messages_per_s: float
    bytes_per_s: float
    burst_s: float


@dataclass(slots=True)
class Bucket:
    """``messages`` and ``bytes`` are what is left at ``at_s``."""

    messages: float
    bytes: float
    at_s: float
    dropped: int = 0

    @classmethod
    def full(cls, allowance: Allowance, now_s: float) -> "Bucket":
        burst_s, no_limit = allowance.burst_s, math.inf
        return cls(
            allowance.messages_per_s * burst_s or no_limit,
            allowance.bytes_per_s * burst_s or no_limit,
            now_s,
        )

    def refill(self, allowance: Allowance, now_s: float) -> None:
        """Add what has come since, up to what the bucket holds."""
        passed_s, self.at_s = max(0.0, now_s - self.at_s), now_s
        rate, room = allowance.messages_per_s, allowance.bytes_per_s
        if rate:
            self.messages = min(self.messages + passed_s * rate, rate * allowance.burst_s)
        if room:
            self.bytes = min(self.bytes + passed_s * room, room * allowance.burst_s)

    def takes(self, size: int) -> bool:
        """Whether a message of this size is within; then it is taken off."""
        # A message may be larger than what is left: the bucket owes it, and is refilled first.
        if self.messages < 1 or self.bytes <= 0:
            return False
        self.messages -= 1
        self.bytes -= size
        return True


class Floods:
    """``admit`` messages; ``of`` says whose a foreign topic is, None for a stranger's."""

    def __init__(self, allowance: Allowance, of: Callable[[str], Device | None]) -> None:
        self._allowance = allowance
        self._of = of
        self._buckets: dict[tuple[Device, bool], Bucket] = {}
        self._known: dict[str, Bucket] = {}
        """By topic."""
        self._since_s: dict[Device, float] = {}
        """When the last excess came, of floods that last."""

    def admit(
        self, messages: Iterable[Message], now_s: float
    ) -> tuple[list[Message], dict[Device, int]]:
        """Those within their device's bucket, and how many of whom are over (``time.monotonic``)."""
        allowance = self._allowance
        whose: dict[str, Bucket] = {}
        admitted: list[Message] = []
        over: dict[Device, int] = {}
        for message in messages:
            topic = message.topic
            bucket = whose.get(topic)
            if bucket is None:  # the first of its topic in this batch
                bucket = whose[topic] = self._bucket(topic, now_s)
                bucket.refill(allowance, now_s)
            if bucket.takes(len(message.payload)):
                admitted.append(message)
            else:
                device = self._of(topic) or STRANGERS
                bucket.dropped += 1
                over[device] = over.get(device, 0) + 1
        return admitted, over

    def forget(self) -> None:
        """Other topics are whose they were no longer; the buckets stay as they are."""
        self._known.clear()

    def _bucket(self, topic: str, now_s: float) -> Bucket:
        if (known := self._known.get(topic)) is not None:
            return known
        device = self._of(topic) or STRANGERS
        key = device, not topic.startswith(ROOT) or topic.endswith(_BULK)
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket.full(self._allowance, now_s)
        if device != STRANGERS:  # whose names are anybody's to make up
            if len(self._known) >= TOPICS_KNOWN:
                self._known.clear()
            self._known[topic] = bucket
        return bucket

    def begun(self, over: Iterable[Device], now_s: float) -> list[Device]:
        """Whose flood began just now, of those that were over."""
        begun = [device for device in over if device not in self._since_s]
        self._since_s |= dict.fromkeys(over, now_s)
        return begun

    def ended(self, now_s: float) -> list[Device]:
        """Whose flood is over; each is told once."""
        ended = [device for device, at_s in self._since_s.items() if now_s - at_s > QUIET_S]
        for device in ended:
            del self._since_s[device]
        return ended

    def dropped(self) -> dict[Device, int]:
        """Messages dropped since the start, by device; those of strangers as one."""
        found: dict[Device, int] = {}
        for (device, _), bucket in self._buckets.items():
            if bucket.dropped:
                found[device] = found.get(device, 0) + bucket.dropped
        return found


def native(topic: str) -> Device | None:
    """Whose topic this is, by its name; None when it is none of ours."""
    parts = topic.split("/", 5)
    if len(parts) > 4 and topic.startswith(ROOT):
        return parts[2], parts[3]
    return None

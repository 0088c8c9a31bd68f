"""What intake makes of messages: what to journal, what to say once that is on disk, what was counted."""

from dataclasses import dataclass, field

import orjson

from alerts.rules.inputs import Amendment, DeviceSaid, GivenUp, What
from collector.link.port import Message
from edge.contract.command import Result
from edge.contract.reading import Batch
from edge.contract.settings import Reported
from edge.contract.status import Status
from edge.journal.rows import DeadLetter


@dataclass(frozen=True, slots=True)
class TimeQuestion:
    """A device asks what time it is; the answer repeats its nonce."""

    site: str
    device: str
    nonce: str

    def answer(self, now_ms: int) -> bytes:
        return orjson.dumps({"nonce": self.nonce, "at_ms": now_ms})


@dataclass(frozen=True, slots=True)
class Answered:
    """A device says what became of a command, or that its button was pressed (``is_taken``)."""

    site: str
    device: str
    result: Result
    message: Message


@dataclass(slots=True)
class Counts:
    """What came, in messages (``messages``, ``stale``, the last three) and in readings."""

    messages: int = 0
    stale: int = 0  # retained readings
    readings: int = 0
    doubles: int = 0
    dead: int = 0
    ignored: int = 0  # values of foreign devices that nobody asked for
    shifted: int = 0  # their times could not be
    replayed: int = 0  # dead letters that were taken in after all
    flooded: int = 0  # messages beyond a device's allowance
    dropped: int = 0  # announced by devices as dropped under their own cap
    suspect: int = 0
    failed: int = 0
    results: int = 0  # of commands
    refusals: int = 0  # commands that a device refused
    presses: int = 0  # of an announcer's button
    strays: int = 0  # messages in the server's name that it does not expect

    def add(self, other: "Counts") -> None:
        for name in Counts.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class Judged:
    """What to journal, and what to say once it is on disk."""

    batches: list[Batch] = field(default_factory=list)
    amendments: list[Amendment] = field(default_factory=list)
    """Of earlier readings, in these batches or before; to be journalled behind them."""
    said: list[DeviceSaid] = field(default_factory=list)
    given_up: list[GivenUp] = field(default_factory=list)
    """What devices announced as dropped; it stands before the batches of its pack."""
    letters: list[DeadLetter] = field(default_factory=list)
    own: Batch | None = None
    """The server's own synthetic reading, heard back; no device's, and in no count of readings."""
    covers: list[tuple[str, str, int, int]] = field(default_factory=list)
    """New ranges: (stream, run, lo, hi); what follows on is one."""
    spoke: list[tuple[str, str, int]] = field(default_factory=list)
    """What devices are to be told of: (stream, run, a seq in the interval that holds it)."""
    questions: list[TimeQuestion] = field(default_factory=list)
    statuses: list[tuple[str, str, Status]] = field(default_factory=list)
    """By site and device, each status that was heard, with its nonce; ``said`` has none."""
    answers: list[Answered] = field(default_factory=list)
    reports: list[tuple[str, str, Reported]] = field(default_factory=list)
    """By site and device, what became of remote settings."""
    refused: dict[tuple[str, str], int] = field(default_factory=dict)
    """Records of registered devices that are dead, by site and device."""
    leads: dict[tuple[str, str], int] = field(default_factory=dict)
    """How far a pack whose times could not be was ahead of its arrival (ms), by site and device."""
    counts: Counts = field(default_factory=Counts)
    _latest: dict[tuple[str, str], int] = field(default_factory=dict)
    """Where in ``covers`` the latest range of a (stream, run) is."""

    def cover(self, name: str, run: str, lo: int, hi: int) -> bool:
        """Take a new range in; whether it is joined to the one before it."""
        at = self._latest.get((name, run))
        if at is not None:
            _, _, first, last = self.covers[at]
            if lo == last + 1:
                self.covers[at] = name, run, first, hi
                return True
        self._latest[name, run] = len(self.covers)
        self.covers.append((name, run, lo, hi))
        return False

    @property
    def measured(self) -> list[What]:
        """Batches, and behind them what they say of earlier readings."""
        return [*self.batches, *self.amendments]

"""What the watch says about itself: written each second, read by the desk for /readyz and /metrics.

The two processes share nothing but the disk, so this is a file, replaced as a whole.
"""

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import orjson
from pydantic import TypeAdapter

from collector.delays import Delays


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of the watch: whether it works, why not, and since when (ms, house clock)."""

    name: str
    ok: bool
    why: str = ""
    since_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSeen:
    """Whether a device is heard; ``waiting`` is what its journal holds, where it has said so.

    ``clock_s`` is how far its clock is off, in seconds, where it has said so, and ``skew_s`` the
    same by when its packs arrive (``collector/skew.py``); ahead is positive. ``cuts_ms`` is when it
    ended without a goodbye, the newest last: what it measured just after may be lost.
    """

    site: str
    device: str
    online: bool = False
    seen_ms: int | None = None
    firmware: str = ""
    waiting: int | None = None
    clock_s: float | None = None
    skew_s: float | None = None
    cuts_ms: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxSeen:
    """Notices that are due and not sent, and what became of attempts since the start, by outcome.

    ``oldest_s`` (house seconds) is how long the oldest has been due, ``stuck_s`` (real) how long none
    has moved; both 0 when there is none.
    """

    waiting: int = 0
    retrying: int = 0
    oldest_s: float = 0.0
    stuck_s: float = 0.0
    attempts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchStatus:
    """``counters`` rise from the start of the process; ``depth`` counts entries per consumer."""

    at_ms: int
    started_ms: int
    pid: int
    parts: tuple[Part, ...] = ()
    counters: dict[str, int] = field(default_factory=dict)
    depth: dict[str, int] = field(default_factory=dict)
    lag_s: dict[str, float] = field(default_factory=dict)
    """How old (house seconds) the entry is that a consumer has come to; 0 when it has caught up."""
    loop_lag_s: float = 0.0
    """The longest the event loop was late in the last second (real seconds)."""
    journal: str = ""
    delays: dict[str, Delays] = field(default_factory=dict)
    """From arrival until a consumer was done with it, by the consumer's name."""
    writes: Delays = field(default_factory=Delays)
    """How long the store's writes took (real seconds), without the waits between tries."""
    store_away_s: float = 0.0
    """For how long (real seconds) the store has taken nothing."""
    outbox: OutboxSeen = OutboxSeen()
    disk_free_bytes: int | None = None
    disk_bytes: int | None = None
    """Of the disk on which the state folder lies."""
    position: int = 0
    journal_bytes: int = 0
    journal_entries: int = 0
    journal_oldest_ms: int | None = None
    """When its oldest entry arrived."""
    set_aside: int = 0
    """Damaged journals that lie beside the present one."""
    journal_share: float = 0.0
    """% of the journal's cap that is taken by what some consumer has still to use."""
    devices: tuple[DeviceSeen, ...] = ()
    missing: dict[str, dict[str, int]] = field(default_factory=dict)
    """Readings that never came although later ones did, by device and by kind."""
    letters: dict[str, int] = field(default_factory=dict)
    """Dead records that lie there, by the class of their reason."""
    floods: dict[str, int] = field(default_factory=dict)
    """Messages dropped since the start, by the device that sent too many."""
    synthetic: dict[str, float] = field(default_factory=dict)
    """How long (real seconds) the last synthetic reading took for each stage that it has passed."""

    @property
    def at(self) -> datetime:
        """When it was written, on the house clock."""
        return datetime.fromtimestamp(self.at_ms / 1000, UTC)


_ADAPTER = TypeAdapter(WatchStatus)


def write_watch(path: Path, status: WatchStatus, devices: bytes = b"[]") -> None:
    """Replace the file as a whole; no fsync, for nobody needs it after a power cut.

    ``devices`` are the status' own as JSON, where it has none: there may be twenty thousand.
    """
    scratch = path.with_name(path.name + ".new")
    # Within a text the quotes would be escaped: this is the field.
    body = orjson.dumps(status).replace(b'"devices":[]', b'"devices":' + devices, 1)
    scratch.write_bytes(body)
    os.replace(scratch, path)


def read_watch(path: Path | str) -> WatchStatus | None:
    """What the watch wrote last; None when it has never written, or in another version's words."""
    try:
        return _ADAPTER.validate_json(Path(path).read_bytes())
    except (OSError, ValueError):
        return None

"""What the pages need from the house: ports and values; ``collector/desk.py`` hands in what fits."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

from alerts.incidents.acts import Refused, Result
from alerts.incidents.duties import CallOn, SecondLook
from alerts.incidents.model import Duty, Incident, Report, StoryLine
from alerts.incidents.precision import Precision
from alerts.incidents.roster import HandOver, Roster
from alerts.incidents.silences import Silence, Snooze
from alerts.links import Links
from alerts.messages import Spoken
from alerts.notify.browsers import Browser, Subscription
from alerts.notify.notice import Considered, Notice
from alerts.registry.model import Names, Place, Registry
from alerts.rules.rule import RuleSource, Where
from alerts.words import IncidentClass, Severity
from edge.clock import Clock
from edge.contract.reading import Batch


class Operations(Protocol):
    """Incidents, people's acts and notices. Synchronous: the desk calls each in a thread.

    ``alerts.store.operations.Operations`` fits; a test holds it. ``origin`` says from where.
    """

    def registry(self) -> Registry: ...

    def mark(self) -> int:
        """Rises with every change to an incident, a duty or a notice."""
        ...

    def open_incidents(self) -> Sequence[Incident]: ...

    def incidents(
        self,
        *,
        open: bool | None = None,
        place: tuple[str, str] | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> Sequence[Incident]:
        """Newest id first, only ids under ``before``; ``place`` is (site, place)."""
        ...

    def incident(self, incident: int) -> Incident | None: ...

    def story(self, incident: int) -> Sequence[StoryLine]: ...

    def notice(self, notice_id: int) -> Notice | None: ...

    def notices(
        self,
        *,
        incident: int | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> Sequence[Notice]:
        """Newest id first."""
        ...

    def considered(self, incident: int) -> Sequence[Considered]: ...

    def duties(
        self, *, open: bool | None = None, incident: int | None = None
    ) -> Sequence[Duty]: ...

    def acknowledge(
        self,
        incident_id: int,
        who: str,
        origin: str,
        now: datetime,
        on_behalf_of: str = "",
        *,
        version: int | None = None,
    ) -> Result: ...

    def assign(
        self,
        incident_id: int,
        who: str,
        to: str,
        origin: str,
        now: datetime,
        on_behalf_of: str = "",
        *,
        version: int | None = None,
    ) -> Result: ...

    def comment(
        self,
        incident_id: int,
        who: str,
        text: str,
        origin: str,
        now: datetime,
        on_behalf_of: str = "",
    ) -> Result: ...

    def false_alarm(
        self,
        incident_id: int,
        who: str,
        reason: str,
        origin: str,
        now: datetime,
        on_behalf_of: str = "",
        *,
        version: int | None = None,
    ) -> Result: ...

    def close_incident(
        self,
        incident_id: int,
        who: str,
        note: str,
        origin: str,
        now: datetime,
        on_behalf_of: str = "",
        *,
        version: int | None = None,
    ) -> Result: ...

    def record_report(
        self,
        incident_id: int,
        who: str,
        reporter: str,
        phone: str,
        words: str,
        origin: str,
        now: datetime,
        on_behalf_of: str = "",
    ) -> Result: ...

    def confirm_second_look(
        self,
        duty_id: int,
        who: str,
        outcome: SecondLook,
        note: str,
        now: datetime,
        origin: str = "",
        on_behalf_of: str = "",
    ) -> Result: ...

    def called_on(
        self,
        duty_id: int,
        who: str,
        outcome: CallOn,
        note: str,
        now: datetime,
        origin: str = "",
        on_behalf_of: str = "",
    ) -> Result: ...

    def silences(self, *, now: datetime | None = None, limit: int = 100) -> Sequence[Silence]:
        """Newest first; with ``now`` those that hold or are still to come."""
        ...

    def silence(self, wanted: Silence, now: datetime) -> Silence | Refused: ...

    def confirm_silence(self, silence_id: int, who: str, now: datetime) -> Silence | Refused: ...

    def end_silence(self, silence_id: int, who: str, now: datetime) -> Silence | Refused: ...

    def event(self, incident: int) -> Sequence[Incident]:
        """Those that are told as one with it, the leader first; empty when it stands alone."""
        ...

    def opened(self, incident_id: int, person: str) -> int:
        """Their notices of it are opened; how many that changed."""
        ...

    def decline(self, incident_id: int, who: str, origin: str, now: datetime) -> Result: ...

    def send_link(self, incident_id: int, who: str, now: datetime) -> Result: ...

    def roster(self) -> Roster:
        """Who answers for whom."""
        ...

    def hand_over(
        self, post: str, holder: str, who: str, origin: str, now: datetime
    ) -> HandOver | Refused: ...

    def snoozed(self, incident: int, now: datetime) -> Sequence[Snooze]:
        """Who wants no notices of this one incident now."""
        ...

    def snooze(
        self, who: str, incident: int | None, until: datetime, now: datetime
    ) -> Snooze | Refused: ...

    def browsers(self, now: datetime) -> Sequence[Browser]:
        """Those that get notices, and those that have of late withdrawn."""
        ...

    def keep_browser(
        self, who: str, reached: Subscription, label: str, now: datetime, *, replaces: str = ""
    ) -> Browser | Refused: ...

    def remove_browser(self, browser: str, who: str, now: datetime) -> Browser | Refused: ...

    def reporters(self, incident: int) -> Sequence[Report]: ...

    def precision(self, rule: str | None = None) -> Mapping[str, Precision]:
        """By rule, of what has closed."""
        ...

    def judged_false(self, rule: str, limit: int = 20) -> Sequence[tuple[Incident, StoryLine]]:
        """False alarms of a rule with what people said of them, newest first."""
        ...


class SeriesKey(Protocol):
    """One line of a chart; ``port`` is empty where a place has none."""

    @property
    def site(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def place(self) -> str: ...
    @property
    def port(self) -> str: ...
    @property
    def metric(self) -> str: ...


class LatestPoint(Protocol):
    """The newest value of a series (QARTOD quality); ``value`` is None when it is missing.

    ``marks``: the tests that marked it (``edge.contract.quality.Check``).
    """

    @property
    def series(self) -> SeriesKey: ...
    @property
    def at_ms(self) -> int: ...
    @property
    def value(self) -> float | None: ...
    @property
    def quality(self) -> int: ...
    @property
    def marks(self) -> int: ...


class PointColumns(Protocol):
    """Single points of a series in columns of equal length, oldest first; as ``LatestPoint``."""

    @property
    def at_ms(self) -> Sequence[int]: ...
    @property
    def value(self) -> Sequence[float | None]: ...
    @property
    def quality(self) -> Sequence[int]: ...
    @property
    def marks(self) -> Sequence[int]: ...


class Curve(Protocol):
    """Columns of equal length, oldest first: buckets, or single points where they are few.

    ``at_ms`` is where a bucket begins; ``suspect`` counts its doubtful values.
    """

    @property
    def at_ms(self) -> Sequence[int]: ...
    @property
    def min(self) -> Sequence[float]: ...
    @property
    def mean(self) -> Sequence[float]: ...
    @property
    def max(self) -> Sequence[float]: ...
    @property
    def suspect(self) -> Sequence[int]: ...


class History(Protocol):
    """What was measured. A series goes back as ``series`` gave it."""

    async def latest(self, site: str) -> Sequence[LatestPoint]: ...

    async def series(self, site: str) -> Sequence[SeriesKey]: ...

    async def buckets(self, series: Any, since_ms: int, until_ms: int, most: int) -> Curve: ...

    async def points(
        self, series: Any, since_ms: int, until_ms: int, most: int, *, marked: bool
    ) -> PointColumns:
        """The oldest ``most`` points of the span; ``marked``: only those that a test marked."""
        ...


class Live(Protocol):
    """New readings, judged, as the journal takes them in; the iterator ends with the house."""

    def follow(self) -> AsyncIterator[Batch]: ...


class Rule(Spoken, Protocol):
    """What the pages read of a rule (``alerts.rules.rule.Rule`` does)."""

    @property
    def metric(self) -> str: ...
    @property
    def cls(self) -> IncidentClass: ...
    @property
    def source(self) -> RuleSource: ...
    @property
    def blind_to(self) -> Names: ...

    def applies(self, where: Where, port: str) -> bool:
        """Whether it judges readings at such a place, with that port or, with "", without one."""
        ...

    def limits(self, registry: Registry, place: Place) -> list[tuple[Severity, float, str]]:
        """Chart lines at this place: severity, value, "above" or "below"."""
        ...


class Packs(Protocol):
    """The rule packs in force."""

    @property
    def rules(self) -> Mapping[str, Rule]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of the house: whether it works, and why not."""

    name: str
    ok: bool
    why: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSight:
    """Whether a device is heard; ``seen_ms`` is when it was last, None for never."""

    site: str
    device: str
    online: bool
    seen_ms: int | None = None
    firmware: str = ""
    waiting: int | None = None
    """Readings that its journal still holds."""
    cuts_ms: tuple[int, ...] = ()
    """When its power was cut, the newest last: what it measured just after may be lost."""
    clock_s: float | None = None
    """How far its clock is ahead (negative: behind), where that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseFigures:
    """How far the data has come, and what room is left.

    ``journal_share`` is % of its cap that is still to be used; ``depth`` counts entries a consumer
    has not done with, ``lag_s`` is how old the one is that it has come to (house seconds).
    ``store_delay_s`` is from arrival until stored, for 99 of 100.
    """

    journal_entries: int = 0
    journal_share: float = 0.0
    depth: Mapping[str, int] = field(default_factory=dict)
    lag_s: Mapping[str, float] = field(default_factory=dict)
    store_delay_s: float | None = None
    store_away_s: float = 0.0
    outbox_due: int = 0
    outbox_oldest_s: float = 0.0
    outbox_stuck_s: float = 0.0
    whole_way_s: float | None = None
    """How long the last reading of the house's own took, the whole way."""
    disk_free_bytes: int | None = None
    disk_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchStatus:
    """What the watch last wrote about itself, and when (house time)."""

    at: datetime
    parts: tuple[Part, ...] = ()
    devices: tuple[DeviceSight, ...] = ()
    house: HouseFigures | None = None


class Watch(Protocol):
    def read(self) -> WatchStatus | None:
        """The newest status, or None when the watch has never written one."""
        ...


class GapKind(StrEnum):
    """Why something is missing. The words are part of the API: add, never rename."""

    WAITING = "waiting"  # it may still come
    DEVICE_SPACE = "device-space"  # the device was full and dropped it
    DEVICE_AGE = "device-age"  # it had lain too long in the device
    DEVICE_OTHER = "device-other"  # the device's own word says why
    SERVER_SPACE = "server-space"  # the server's journal was full
    UNKNOWN = "unknown"  # nobody has said why
    POWER_CUT = "power-cut"  # the device's power went; how much it had measured is not known
    END_UNKNOWN = "end-unknown"  # it began anew, and has not said how the time before ended
    STOPPED = "stopped"  # it was stopped in order and measured nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Numbers ``first`` to ``last`` of a run of which ``count`` are missing; None where no number tells.

    ``since`` and ``until`` are when the neighbours were measured, where they are known.
    """

    kind: GapKind
    run: str
    first: int | None = None
    last: int | None = None
    count: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    word: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOf:
    """One day of a device: what came, what never will (by kind), what may still come.

    ``share`` is what came of what there was, 0 to 1; None when nothing is known of that day.
    """

    day: date
    got: int
    lost: Mapping[GapKind, int]
    waiting: int
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """``days`` and ``gaps`` newest first. A device that is not ``numbered`` is told by intervals:
    its ``got`` and ``lost`` count those of ``interval_s`` in which something, or nothing, came."""

    site: str
    device: str
    numbered: bool
    interval_s: float | None
    days: Sequence[DayOf]
    gaps: Sequence[Gap]


class Accounts(Protocol):
    """What came of each device, and what did not."""

    def of(self, site: str, device: str) -> Completeness | None:
        """None when nothing is known of it yet."""
        ...


class Meter(Protocol):
    def text(self) -> str:
        """Everything counted, as Prometheus text."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What arrived at the demo's mail and webhook receivers, word for word."""

    at: datetime
    channel: str
    to: str
    title: str
    text: str
    state: str = ""


class Inbox(Protocol):
    def messages(self) -> Sequence[Message]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """``allowed_hosts`` are further Host names (``name`` or ``name:port``) beside loopback's own."""

    version: str = "0"
    demo: bool = False
    allowed_hosts: tuple[str, ...] = ()
    body_bytes: int = 65_536
    watch_stale_s: float = 30.0
    """House seconds after which a watch that has written nothing counts as asleep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """How browsers register themselves for notices. ``key`` is what a page subscribes with.

    Push services abroad are taken only with ``abroad``; hosts that are not public only when they
    stand in ``allow`` (``host:port``).
    """

    key: str
    abroad: bool = False
    allow: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Everything the pages read and the acts write."""

    operations: Operations
    history: History
    live: Live
    packs: Packs
    watch: Watch
    clock: Clock
    settings: Settings = Settings()
    accounts: Accounts | None = None
    meter: Meter | None = None
    inbox: Inbox | None = None
    links: Links | None = None
    push: Push | None = None
    """None where Web Push is not set up: nothing is offered then."""

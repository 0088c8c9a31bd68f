"""What the API answers, as frozen values. Times are RFC 3339 with the site's offset."""

from dataclasses import dataclass, field
from datetime import date, datetime

from alerts.incidents.model import DutyKind, State, StoryKind
from alerts.incidents.silences import SilenceKind
from alerts.notify.notice import NoticeReason, NoticeState
from alerts.registry.model import (
    ChannelKind,
    Circuit,
    Names,
    PlaceKind,
    Port,
    PostRole,
    Site,
    Source,
)
from alerts.words import IncidentClass, Language
from dashboards.ports import GapKind


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentOut:
    """One incident; ``what`` and ``do`` are its words in the language asked for."""

    id: int
    rule: str
    subject: str
    cls: IncidentClass
    severity: str
    state: State
    site: str
    place: str
    port: str
    device: str
    metric: str
    value: float | None
    limit: float | None
    peak: float | None
    since: datetime
    opened_at: datetime
    acknowledged_by: str
    acknowledged_at: datetime | None
    acknowledged_until: datetime | None
    recovered_at: datetime | None
    closed_at: datetime | None
    next_step_at: datetime | None
    unconfirmed: bool
    false_alarm: bool
    assigned: bool
    flapping: bool
    relapses: int
    version: int
    name: str
    what: str
    do: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentList:
    items: list[IncidentOut]
    next: str | None = None
    """The cursor of the next page; null at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryOut:
    at: datetime
    kind: StoryKind
    who: str
    on_behalf_of: str
    origin: str
    facts: dict[str, int | float | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeOut:
    """A notice word for word. The address itself stays inside the house.

    ``incident`` 0 is none: a reminder of a turn or of a silence.
    """

    id: int
    incident: int
    reason: NoticeReason
    step: int
    person: str
    channel: ChannelKind
    group: bool
    language: Language
    title: str
    text: str
    created_at: datetime
    due_at: datetime
    state: NoticeState
    attempts: int
    settled_at: datetime | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeList:
    items: list[NoticeOut]
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsideredOut:
    at: datetime
    person: str
    step: int
    told: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyOut:
    id: int
    incident: int
    kind: DutyKind
    person: str
    opened_at: datetime
    due_at: datetime | None
    done_at: datetime | None
    done_by: str
    outcome: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyList:
    items: list[DutyOut]


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentFull:
    incident: IncidentOut
    story: list[StoryOut]
    duties: list[DutyOut]
    notices: list[NoticeOut]
    considered: list[ConsideredOut]


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    device: str
    port: str
    metric: str
    at: datetime
    value: float | None
    quality: int
    checks: list[str]
    """The tests of quality that marked it: ``spike``, ``flat``, ... (docs/quality.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOut:
    site: str
    id: str
    kind: PlaceKind
    names: Names
    latitude: float | None
    longitude: float | None
    sources: list[Source]
    latest: list[Latest]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceList:
    items: list[PlaceOut]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedOut:
    """A reading that tests of quality marked; with quality 4 it stands in no bucket."""

    at: int
    value: float | None
    quality: int
    checks: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineOut:
    """One series in columns of equal length; ``at`` is milliseconds since 1970 UTC."""

    device: str
    port: str
    metric: str
    at: list[int]
    low: list[float]
    mean: list[float]
    high: list[float]
    doubtful: list[bool]
    marked: list[MarkedOut]
    """Single readings, the oldest 1,000 of the span."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitOut:
    rule: str
    metric: str
    names: Names
    severity: str
    value: float
    side: str
    """The danger lies ``above`` or ``below`` it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanOut:
    """An incident as a stretch of the axis; ``until`` null while the danger lasts."""

    incident: int
    severity: str
    metric: str
    port: str
    limit: float | None
    below: bool
    """The danger lay below its limit: the worst value is the lowest."""
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    since: datetime
    until: datetime
    lines: list[LineOut]
    limits: list[LimitOut]
    spans: list[SpanOut]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOut:
    """One day of a device, by the site's calendar; ``lost`` is by kind, ``share`` 0 to 1 or null."""

    day: date
    got: int
    lost: dict[GapKind, int]
    waiting: int
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GapOut:
    """Numbers ``first`` to ``last`` of a run of which ``count`` are missing; null where none tells."""

    kind: GapKind
    run: str
    first: int | None
    last: int | None
    count: int | None
    since: datetime | None
    until: datetime | None
    word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletenessOut:
    """Newest first. Without numbers ``got`` and ``lost`` count intervals of ``interval_s``."""

    site: str
    device: str
    numbered: bool
    interval_s: float | None
    days: list[DayOut]
    gaps: list[GapOut]
    next: str | None = None
    """The cursor of the next page of gaps; null at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryPlace:
    id: str
    site: str
    kind: PlaceKind
    names: Names
    ports: tuple[Port, ...] = ()
    circuits: tuple[Circuit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryDevice:
    id: str
    site: str
    names: Names
    source: Source
    origin: str
    places: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryPerson:
    """No phone and no addresses: those are for whoever may see them."""

    id: str
    site: str
    name: str
    role: PostRole
    is_post: bool
    language: Language
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryOut:
    cell: str
    revision: int
    sites: tuple[Site, ...] = ()
    places: list[RegistryPlace] = field(default_factory=list)
    devices: list[RegistryDevice] = field(default_factory=list)
    people: list[RegistryPerson] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionOut:
    """Of what has closed; ``share`` is real / (real + false), null while nothing was judged."""

    real: int
    false: int
    unconfirmed: int
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOut:
    id: str
    names: Names
    cls: IncidentClass
    source: str
    mark: str
    """How well its default is founded: confirmed, own knowledge, proposal."""
    blind_to: Names
    precision: PrecisionOut


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleList:
    items: list[RuleOut]


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceOut:
    """``confirmed_by``: the second person, without whom fire class is not covered."""

    id: int
    kind: SilenceKind
    site: str
    place: str
    device: str
    rule: str
    since: datetime
    until: datetime
    who: str
    why: str
    confirmed_by: str
    ended_by: str
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceList:
    items: list[SilenceOut]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedOut:
    notices: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserOut:
    """A browser that gets notices, or got them until ``gone_at``. What reaches it stays inside."""

    id: str
    person: str
    label: str
    made_at: datetime
    gone_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOverOut:
    post: str
    holder: str
    at: datetime
    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SnoozeOut:
    person: str
    incident: int | None
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PartOut:
    ok: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyOut:
    ok: bool
    parts: dict[str, PartOut]

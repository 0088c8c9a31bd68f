"""What a community has registered, as frozen values.

The TOML files, the API and the database hold these same classes (``__pydantic_config__`` makes
pydantic refuse a misspelt key). Ids match ``[a-z0-9-]{1,64}``; references are by id.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from alerts.words import IncidentClass, Language, Severity

_STRICT: dict[str, Any] = {"extra": "forbid"}


class PlaceKind(StrEnum):
    REACH = "reach"  # 河段
    SHED = "shed"  # 充电棚
    RISK_POINT = "risk-point"  # 风险点


class PostRole(StrEnum):
    """Who somebody is in the community; tiers name roles, not people."""

    RIVER_CHIEF = "river-chief"  # 民间河长
    COMMUNITY_CHIEF = "community-chief"  # 村/社区级河长
    TOWN_CHIEF = "town-chief"  # 镇街河长办
    GUARD = "guard"  # 值班岗
    PROPERTY = "property"  # 物业
    COMMUNITY = "community"  # 社区
    SUBDISTRICT = "subdistrict"  # 街道
    ENGINEER = "engineer"  # who mends the service itself


class ChannelKind(StrEnum):
    WEBHOOK = "webhook"
    ALERTMANAGER = "alertmanager"  # a webhook that speaks as Prometheus' Alertmanager does
    EMAIL = "email"
    LOG = "log"
    DINGTALK_APP = "dingtalk-app"
    FEISHU_APP = "feishu-app"
    ANNOUNCER = "announcer"  # a device that speaks aloud, with a button to take over
    WECOM = "wecom"  # the robot of a WeCom group
    DINGTALK = "dingtalk"  # the robot of a DingTalk group
    FEISHU = "feishu"  # the robot of a Feishu group
    WECOM_APP = "wecom-app"  # an application's message to a member of WeCom
    WECHAT = "wechat"  # a service account's template message to a follower
    SMS = "sms"
    VOICE = "voice"  # a phone call
    NTFY = "ntfy"  # a push message to a topic
    WEBPUSH = "webpush"  # a push message to a browser
    APPRISE = "apprise"  # what has no channel of its own, by an apprise URL


class Source(StrEnum):
    """Where a device's readings come from; shown wherever they show."""

    LIVE = "live"
    RECORDED = "recorded"
    INJECTED = "injected"
    SIMULATED = "simulated"


class Format(StrEnum):
    """What a device speaks. All but our own are as safe as their protocol allows: untrusted."""

    NATIVE = "native"
    TASMOTA = "tasmota"
    SHELLY = "shelly"
    JSON = "json"
    LINE = "line"  # InfluxDB line protocol
    SENML_CBOR = "senml-cbor"
    CHIRPSTACK = "chirpstack"
    TTS = "tts"  # The Things Stack
    HJ212 = "hj212"
    AP3000 = "ap3000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """A name in both languages; ``en`` falls back to ``zh``."""

    __pydantic_config__: ClassVar = _STRICT
    zh: str
    en: str = ""

    def by(self, language: Language) -> str:
        return self.en if language is Language.EN and self.en else self.zh


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    __pydantic_config__: ClassVar = _STRICT
    id: str
    names: Names
    time_zone: str = "Asia/Shanghai"


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A socket of a shed; ``circuit`` names the circuit that feeds it."""

    __pydantic_config__: ClassVar = _STRICT
    id: str
    names: Names
    circuit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """A feeder of a shed, with its rating in amperes."""

    __pydantic_config__: ClassVar = _STRICT
    id: str
    names: Names
    rating_a: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What is watched. Coordinates are WGS-84 degrees.

    ``neighbours`` are places of the same site whose readings should agree, and whose rain is its.
    """

    __pydantic_config__: ClassVar = _STRICT
    id: str
    site: str
    kind: PlaceKind
    names: Names
    latitude: float | None = None
    longitude: float | None = None
    ports: tuple[Port, ...] = ()
    circuits: tuple[Circuit, ...] = ()
    note: str = ""
    neighbours: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What a device may speak of: one place, its port or "", and the metrics. Else: dead letter.

    The last three are for foreign devices only. ``mapping`` makes metrics of the source's own names
    where the format does not; with a ``component`` only names below it are meant (``switch:0``), and
    are written without it. ``units`` says by name what unit the source means.
    """

    __pydantic_config__: ClassVar = _STRICT
    place: str
    port: str = ""
    metrics: tuple[str, ...]
    interval_s: float = 900.0
    """How often a reading is expected, in seconds."""
    component: str = ""
    mapping: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """An edge box. Its heartbeat is overdue after ``overdue`` intervals of a binding.

    ``command_key`` signs commands to it and is a reference, never the key itself; a device without
    one takes no commands. A foreign device has a ``format`` and an ``address``: the topic or pattern
    it publishes to, an MN, a physical id, a devEUI. ``zone`` is that of its times where they say
    none; names in ``ignore`` (``X.*``: all below X) are left out without a dead letter; ``options``
    are the format's own.
    """

    __pydantic_config__: ClassVar = _STRICT
    id: str
    site: str
    names: Names
    bindings: tuple[Binding, ...]
    source: Source = Source.LIVE
    origin: str = ""
    """Where recorded or injected data comes from, in words people see."""
    overdue: float = 3.0
    can_cut_power: bool = False
    command_key: str = ""
    format: Format = Format.NATIVE
    address: str = ""
    zone: str = ""
    ignore: tuple[str, ...] = ()
    options: dict[str, str] = field(default_factory=dict)
    gateway: str = ""
    """The device of the same site through which it speaks; while that one is silent, so is this."""

    @property
    def is_foreign(self) -> bool:
        return self.format is not Format.NATIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A personal or group address on one channel; ``to`` may be a reference ``env:X``, ``file:X``.

    An announcer is ``site/device``; a group's robot the reference to its URL, and behind " @" each
    whom it mentions (``alerts/registry/addresses.py``). ``secret`` signs and is a reference, never
    the secret itself.
    """

    __pydantic_config__: ClassVar = _STRICT
    channel: ChannelKind
    to: str
    group: bool = False
    secret: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """Local days, both of them included."""

    __pydantic_config__: ClassVar = _STRICT
    since: str
    until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody, or a post with a shared phone (``is_post``), with a role at some places.

    ``places`` empty means every place of the site. Quiet hours are local ``HH:MM`` and never hold
    back fire, flood and safety.
    """

    __pydantic_config__: ClassVar = _STRICT
    id: str
    site: str
    name: str
    role: PostRole
    places: tuple[str, ...] = ()
    language: Language = Language.ZH
    phone: str = ""
    addresses: tuple[Address, ...] = ()
    quiet_from: str = ""
    quiet_to: str = ""
    is_post: bool = False
    stand_in: str = ""
    """Who is told on the days of ``away``."""
    away: tuple[Away, ...] = ()


WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A person's turn at a post, local ``HH:MM``; it may span midnight. No days means each day."""

    __pydantic_config__: ClassVar = _STRICT
    person: str
    since: str
    until: str
    days: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rota:
    """Who has a post when. The first turn that holds counts."""

    __pydantic_config__: ClassVar = _STRICT
    post: str
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Somebody, or everybody of a role, who wants to hear beside the climb. Empty means any."""

    __pydantic_config__: ClassVar = _STRICT
    person: str = ""
    role: PostRole | None = None
    sites: tuple[str, ...] = ()
    """Of other sites too; none means the person's own."""
    places: tuple[str, ...] = ()
    classes: tuple[IncidentClass, ...] = ()
    severity: Severity = Severity.MAJOR
    """From this severity on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """One step of the climb: who, and how long they have before the next is told."""

    __pydantic_config__: ClassVar = _STRICT
    role: PostRole
    wait_s: dict[Severity, float] = field(default_factory=dict)
    """Seconds by severity (``major = 1800``); a severity that is not there never climbs further."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiers:
    """The climb for one kind of place, lowest first."""

    __pydantic_config__: ClassVar = _STRICT
    kind: PlaceKind
    steps: tuple[Tier, ...]
    classes: tuple[IncidentClass, ...] = ()
    """Only for these classes; empty means all that no other entry names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Numbers changed for one place: of a rule, or of the tests of a metric's quality."""

    __pydantic_config__: ClassVar = _STRICT
    rule: str = ""
    metric: str = ""
    place: str
    set: dict[str, float]
    who: str
    at: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Everything registered in one cell. ``revision`` rises with each change."""

    __pydantic_config__: ClassVar = _STRICT
    cell: str = "cell"
    revision: int = 0
    sites: tuple[Site, ...] = ()
    places: tuple[Place, ...] = ()
    devices: tuple[Device, ...] = ()
    people: tuple[Person, ...] = ()
    tiers: tuple[Tiers, ...] = ()
    rotas: tuple[Rota, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    overrides: tuple[Override, ...] = ()

"""``shouwang.toml``: read once, at the start; every problem is reported with its place and remedy."""

import tomllib
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, ValidationInfo

from alerts.registry.check import is_mailbox
from alerts.secrets import is_reference, resolve
from collector.errors import ConfigError
from collector.flood import Allowance
from collector.listeners.config import ListenerConfig
from collector.references import HttpUrl, Reference, SecretReference, folder, reference
from collector.services import (
    AliyunConfig,
    AppriseConfig,
    DingTalkAppConfig,
    FeishuAppConfig,
    Services,
    SmsConfig,
    VoiceConfig,
    WebPushConfig,
    WechatConfig,
    WecomConfig,
)
from collector.services import problems as service_problems
from collector.uplink.config import UplinkConfig
from edge.contract.ids import is_id
from edge.contract.secret import Secret

_STRICT: dict[str, Any] = {"extra": "forbid"}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _cell(text: str) -> str:
    if not is_id(text):
        raise ValueError("an id is 1 to 64 of a-z, 0-9 and -")
    return text


def _broker_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.path not in ("", "/"):
        raise ValueError("write mqtt://host:1883, or mqtts://host:8883 for TLS")
    if parts.username or parts.password:
        raise ValueError("user and password have keys of their own: user, password = 'env:NAME'")
    if parts.port is not None and not 0 < parts.port < 65536:  # urlsplit raises for worse
        raise ValueError("a port lies between 1 and 65535")
    return text


def _database_url(text: str, info: ValidationInfo) -> str:
    # A URL that no parser takes is the database's to refuse.
    if not is_reference(text) and ":" in text.partition("://")[2].rpartition("@")[0]:
        raise ValueError("holds a password; put the whole URL behind env:NAME or file:PATH")
    return reference(text, info)


def _ping_url(text: str, info: ValidationInfo) -> str:
    """Of no name that is shown: the path is a key."""
    text = reference(text, info)
    parts = urlsplit(resolve(text).reveal())
    if text and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise ValueError("write https://host/path, or put it behind env:NAME or file:PATH")
    return text


def _file(text: str, info: ValidationInfo) -> str:
    if not text:
        return ""
    path = folder(info) / text
    if not path.is_file():
        raise ValueError("no such file; name the CA's PEM file, relative to this one")
    return str(path)


def _loopback(text: str) -> str:
    if text not in _LOOPBACK:
        raise ValueError(
            "the pages have no sign-in yet, so they are served on 127.0.0.1 only; "
            "put a proxy with sign-in before them, which strips forwarded headers, and add its "
            "name to desk.allowed_hosts"
        )
    return text


BrokerUrl = Annotated[str, AfterValidator(_broker_url)]
DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
PingUrl = Annotated[str, AfterValidator(_ping_url)]
ExistingFile = Annotated[str, AfterValidator(_file)]


class Protocol(StrEnum):
    """Which MQTT the broker speaks; Mosquitto 2 and EMQX speak 5, amqtt only 3.1.1."""

    V5 = "5"
    V311 = "3.1.1"


class StoreKind(StrEnum):
    """The embedded store alone, or a server; the last two are written to, and it answers beside them."""

    EMBEDDED = "embedded"
    INFLUX = "influx"  # InfluxDB 2
    INFLUX1 = "influx1"
    INFLUX3 = "influx3"
    VICTORIA = "victoria"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mqtt:
    """``password`` is a reference (``env:NAME``, ``file:PATH``), ``user`` may be one."""

    __pydantic_config__: ClassVar = _STRICT
    url: BrokerUrl = "mqtt://127.0.0.1:1883"
    protocol: Protocol = Protocol.V5
    user: Reference = ""
    password: SecretReference = field(default="", repr=False)
    ca: ExistingFile = ""
    """A PEM file with the broker's CA, where the system's own do not know it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    __pydantic_config__: ClassVar = _STRICT
    kind: StoreKind = StoreKind.EMBEDDED
    url: HttpUrl = ""
    org: str = "shouwang"
    bucket: str = "shouwang"
    token: SecretReference = field(default="", repr=False)
    user: Reference = ""
    password: SecretReference = field(default="", repr=False)
    gzip: bool | Literal["auto"] = "auto"
    bucket_per_site: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationsConfig:
    """An SQLAlchemy URL, or a reference to one; empty is SQLite in the state directory."""

    __pydantic_config__: ClassVar = _STRICT
    url: DatabaseUrl = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskConfig:
    __pydantic_config__: ClassVar = _STRICT
    host: Annotated[str, AfterValidator(_loopback)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8420
    public_url: HttpUrl = ""
    """What links in notices begin with; empty is the desk's own address."""
    allowed_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionConfig:
    """Days; 0 keeps for ever. A year of points shows the same week of last year."""

    __pydantic_config__: ClassVar = _STRICT
    points_days: Annotated[int, Field(ge=0)] = 400
    minutes_days: Annotated[int, Field(ge=0)] = 90
    hours_days: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalConfig:
    """The caps of the journal. What all consumers have done with goes after ``days``."""

    __pydantic_config__: ClassVar = _STRICT
    megabytes: Annotated[int, Field(ge=16)] = 4096
    days: Annotated[float, Field(gt=0)] = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLettersConfig:
    """The caps of what is kept of dead letters, beside the journal's own; their counts stay."""

    __pydantic_config__: ClassVar = _STRICT
    megabytes: Annotated[int, Field(ge=1)] = 64
    days: Annotated[float, Field(gt=0)] = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsConfig:
    """What one device may send, in real seconds; 0 is no limit. A burst saves up for that long."""

    __pydantic_config__: ClassVar = _STRICT
    device_messages_per_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 500
    device_kilobytes_per_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 4096
    device_burst_s: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 60

    @property
    def allowance(self) -> Allowance:
        return Allowance(
            messages_per_s=self.device_messages_per_s,
            bytes_per_s=self.device_kilobytes_per_s * 1024,
            burst_s=self.device_burst_s,
        )


def _mailbox(given: str) -> str:
    if not is_mailbox(given):
        raise ValueError("is no mail address; write name@example.org")
    return given


@dataclass(frozen=True, slots=True, kw_only=True)
class MailConfig:
    """Where e-mail is handed in; without a host the channel is not set up."""

    __pydantic_config__: ClassVar = _STRICT
    host: str = ""
    port: Annotated[int, Field(gt=0, le=65535)] = 587
    security: Annotated[str, Field(pattern="^(starttls|tls|none)$")] = "starttls"
    sender: Annotated[str, AfterValidator(_mailbox)] = "shouwang@localhost"
    name: str = "守望"
    username: Reference = ""
    password: SecretReference = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticesConfig:
    """``allow`` names the private ``host:port`` addresses that notices and pings may go to.

    ``abroad`` lets them go to public services outside the country as well.
    """

    __pydantic_config__: ClassVar = _STRICT
    allow: tuple[str, ...] = ()
    abroad: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadmanConfig:
    """Whom to ping while everything works; ``every_s`` is in real seconds."""

    __pydantic_config__: ClassVar = _STRICT
    url: PingUrl = field(default="", repr=False)
    every_s: Annotated[float, Field(ge=5, allow_inf_nan=False)] = 60


def _folder(text: str, info: ValidationInfo) -> str:
    return str(folder(info) / text) if text else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesConfig:
    """``packs`` is a folder with rule packs of one's own, beside the shipped ones; read as it changes."""

    __pydantic_config__: ClassVar = _STRICT
    packs: Annotated[str, AfterValidator(_folder)] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One cell. ``state`` is where its files live; paths are relative to the configuration file."""

    __pydantic_config__: ClassVar = _STRICT
    cell: Annotated[str, AfterValidator(_cell)] = "cell"
    state: Path = Path("state")
    mqtt: Mqtt = Mqtt()
    store: StoreConfig = StoreConfig()
    operations: OperationsConfig = OperationsConfig()
    desk: DeskConfig = DeskConfig()
    rules: RulesConfig = RulesConfig()
    retention: RetentionConfig = RetentionConfig()
    journal: JournalConfig = JournalConfig()
    deadletters: DeadLettersConfig = DeadLettersConfig()
    limits: LimitsConfig = LimitsConfig()
    mail: MailConfig = MailConfig()
    notices: NoticesConfig = NoticesConfig()
    dingtalk_app: DingTalkAppConfig = field(default_factory=DingTalkAppConfig)
    feishu_app: FeishuAppConfig = field(default_factory=FeishuAppConfig)
    wecom: WecomConfig = field(default_factory=WecomConfig)
    wechat: WechatConfig = field(default_factory=WechatConfig)
    aliyun: AliyunConfig = field(default_factory=AliyunConfig)
    sms: SmsConfig = field(default_factory=SmsConfig)
    voice: VoiceConfig = field(default_factory=VoiceConfig)
    webpush: WebPushConfig = field(default_factory=WebPushConfig)
    apprise: AppriseConfig = field(default_factory=AppriseConfig)
    deadman: DeadmanConfig = DeadmanConfig()
    listener: tuple[ListenerConfig, ...] = ()
    uplink: tuple[UplinkConfig, ...] = ()

    @property
    def services(self) -> Services:
        return Services(
            wecom=self.wecom,
            wechat=self.wechat,
            aliyun=self.aliyun,
            sms=self.sms,
            voice=self.voice,
            webpush=self.webpush,
            apprise=self.apprise,
            dingtalk_app=self.dingtalk_app,
            feishu_app=self.feishu_app,
            cell=self.cell,
            abroad=self.notices.abroad,
        )

    @property
    def journal_path(self) -> Path:
        return self.state / "journal.db"

    @property
    def snapshot_path(self) -> Path:
        return self.state / "rules.snapshot"

    @property
    def gaps_path(self) -> Path:
        return self.state / "gaps.snapshot"

    @property
    def clock_path(self) -> Path:
        """A demo's house clock."""
        return self.state / "clock"

    @property
    def watch_path(self) -> Path:
        return self.state / "watch.json"

    @property
    def serve_path(self) -> Path:
        return self.state / "serve.json"

    @property
    def readings_path(self) -> Path:
        return self.state / "readings.db"

    @property
    def operations_url(self) -> Secret:
        """The URL of the operations database; it may hold a password."""
        return resolve(self.operations.url or f"sqlite:///{self.state / 'operations.db'}")

    @property
    def public_url(self) -> str:
        return self.desk.public_url or f"http://{self.desk.host}:{self.desk.port}"


OF_THE_WATCH = (
    "mqtt", "uplink", "mail", "wecom", "wechat", "aliyun", "sms", "voice", "dingtalk_app",
    "feishu_app", "webpush", "apprise",
)  # fmt: skip
"""The tables that the watch alone uses: links to the outside, with secrets that it alone has."""

_ADAPTER = TypeAdapter(Config)
_REMEDIES = {
    "unexpected_keyword_argument": "no such key; correct its spelling or remove it",
    "missing": "is missing; write it",
}


def read_config(
    path: Path | str, *, store_sign_in: bool = True, without: Collection[str] = ()
) -> Config:
    """The configuration in this file; ConfigError lists every problem.

    Without ``store_sign_in`` the store's token and password are left out, as before they are made;
    the tables ``without`` are not looked at, nor are their secrets.
    """
    path = Path(path)
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read ({error.strerror}); name another"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: is no TOML: {error}"]) from error
    raw = {table: keys for table, keys in raw.items() if table not in without}
    problems: list[str] = []
    if not store_sign_in and isinstance(raw.get("store"), dict):
        raw["store"] = {k: v for k, v in raw["store"].items() if k not in _STORE_SIGN_IN}
    try:
        # strict: "yes" is no number; lax: TOML has no Path, no tuple
        config = _ADAPTER.validate_python(raw, context=path.parent.absolute())
    except ValidationError as error:
        problems = [_problem(path, problem) for problem in error.errors(include_url=False)]
    problems += [f"{path}: {problem}" for problem in _together(raw, store_sign_in)]
    if problems:
        raise ConfigError(problems)
    state = path.parent / config.state
    return _with_state(config, state.absolute())


def _with_state(config: Config, state: Path) -> Config:
    from dataclasses import replace

    return replace(config, state=state)


def _together(raw: dict[str, Any], store_sign_in: bool) -> list[str]:
    """Problems between keys; each key's own are found elsewhere."""
    problems = []
    uplinks = raw.get("uplink")
    names = [one.get("name") for one in uplinks] if isinstance(uplinks, list) else []
    if len(set(map(str, names))) < len(names):
        problems.append("uplink: a name stands twice; what was sent is remembered by it")
    store = raw.get("store")
    if isinstance(store, dict):
        problems += _store_together(store, store_sign_in)
    return [*problems, *service_problems(raw)]


_STORE_SIGN_IN = ("token", "user", "password")
_NEEDED = {"url": "http://127.0.0.1:8086", "token": "env:INFLUX_TOKEN"}
_NEEDED_BY: dict[str, tuple[str, ...]] = {
    StoreKind.INFLUX: ("url", "token"),
    StoreKind.INFLUX1: ("url",),
    StoreKind.INFLUX3: ("url",),
    StoreKind.VICTORIA: ("url",),
}
_SIGN_INS: dict[str, tuple[str, ...]] = {
    StoreKind.INFLUX: ("token",),
    StoreKind.INFLUX1: ("user", "password"),
    StoreKind.INFLUX3: ("token",),
    StoreKind.VICTORIA: ("user", "password", "token"),
}


def _store_together(store: dict[str, Any], sign_in: bool) -> list[str]:
    kind = store.get("kind", StoreKind.EMBEDDED)
    # The embedded store, or a mistake that is told elsewhere.
    if not isinstance(kind, str) or kind not in _SIGN_INS:
        given = [key for key in ("url", "bucket_per_site") if store.get(key)]
        if kind == StoreKind.EMBEDDED and given:
            return [f"store.{given[0]}: the embedded store takes none; name the kind of its server"]
        return []
    problems = [
        f"store.{key}: is needed by kind {str(kind)!r}; write e.g. {_NEEDED[key]!r}"
        for key in _NEEDED_BY[kind]
        if not store.get(key) and (sign_in or key not in _STORE_SIGN_IN)
    ]
    signs_by = _SIGN_INS[kind]
    problems += [
        f"store.{key}: kind {str(kind)!r} signs in by {' and '.join(signs_by)}; remove it"
        for key in _STORE_SIGN_IN
        if store.get(key) and key not in signs_by
    ]
    for key, other in (("user", "password"), ("password", "user")):
        if store.get(key) and not store.get(other) and key in signs_by:
            problems.append(f"store.{other}: is needed beside {key}; write it, or remove both")
    return problems


_SECRETS = (
    "password", "token", "secret", "client_secret", "app_secret", "access_key_secret", "access_key_id",
    "key",
)  # fmt: skip


def _problem(path: Path, problem: Any) -> str:
    where = ".".join(str(part) for part in problem["loc"]) or "the file"
    text = _REMEDIES.get(problem["type"]) or problem["msg"].removeprefix("Value error, ")
    is_secret = where.split(".")[-1] in _SECRETS or where in (
        "operations.url",
        "deadman.url",
    )
    given = problem.get("input")
    is_sign_in = "://" in str(given) and "@" in str(given)
    is_shown = not (is_secret or is_sign_in or isinstance(given, dict))
    shown = f", got {str(given)[:80]!r}" if is_shown else ""
    return f"{path}: {where}: {text}{shown}"

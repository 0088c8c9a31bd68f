"""Settings of the services that carry notices: what ``shouwang.toml`` says of each."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from alerts.links import Links
from alerts.notify import (
    aliyun,
    apprise,
    dingtalk_app,
    feishu_app,
    mns_queue,
    ntfy,
    sms,
    voice,
    webpush,
    wechat,
    wecom_app,
)
from alerts.notify.outbound import Outbound
from alerts.notify.parts import Part
from alerts.notify.port import Channel
from alerts.notify.voice import Pressed
from alerts.registry.check import is_mailbox
from alerts.registry.model import ChannelKind
from collector.references import HttpUrl, Reference, SecretReference
from edge.clock import Clock

_STRICT: dict[str, Any] = {"extra": "forbid"}
_PARTS = ", ".join(part.value for part in Part if part is not Part.CODE)


def _variables(given: dict[str, str]) -> dict[str, str]:
    for name, part in given.items():
        if part not in set(Part) - {Part.CODE}:
            raise ValueError(f"{name}: {part!r} is no part of a notice; write one of {_PARTS}")
    return given


def _sms_variables(given: dict[str, str]) -> dict[str, str]:
    _variables({name: part for name, part in given.items() if part != Part.CODE})
    return given


def _fields(given: dict[str, str]) -> dict[str, str]:
    for name in given:
        if not wechat.kind_of(name):
            known = ", ".join(wechat.LIMITS)
            raise ValueError(f"{name!r} is no field of a template; their names begin with {known}")
    for name, part in _variables(given).items():
        if why := wechat.misfit(name, Part(part)):
            raise ValueError(why)
    return given


def _queue(kind: str) -> AfterValidator:
    def check(given: str) -> str:
        if given and not re.fullmatch(rf"[A-Za-z][A-Za-z0-9-]{{0,240}}-{kind}", given):
            raise ValueError(f"no queue of these receipts; write Alicom-Queue-…-{kind}")
        return given

    return AfterValidator(check)


SmsVariables = Annotated[dict[str, str], AfterValidator(_sms_variables)]
Variables = Annotated[dict[str, str], AfterValidator(_variables)]
Fields = Annotated[dict[str, str], AfterValidator(_fields)]


@dataclass(frozen=True, slots=True, kw_only=True)
class WecomConfig:
    """An application of WeCom; without a ``corp_id`` the channel is not set up."""

    __pydantic_config__: ClassVar = _STRICT
    corp_id: Reference = ""
    agent_id: Annotated[int, Field(ge=0)] = 0
    secret: SecretReference = field(default="", repr=False)
    url: HttpUrl = wecom_app.URL


@dataclass(frozen=True, slots=True, kw_only=True)
class WechatConfig:
    """A service account of WeChat; without an ``app_id`` the channel is not set up."""

    __pydantic_config__: ClassVar = _STRICT
    app_id: Reference = ""
    secret: SecretReference = field(default="", repr=False)
    template: str = ""
    fields: Fields = field(default_factory=dict)
    url: HttpUrl = wechat.URL


@dataclass(frozen=True, slots=True, kw_only=True)
class AliyunConfig:
    """The key by which SMS and calls are asked for, and where the queues of their receipts are."""

    __pydantic_config__: ClassVar = _STRICT
    access_key_id: Reference = field(default="", repr=False)
    access_key_secret: SecretReference = field(default="", repr=False)
    queue_url: HttpUrl = mns_queue.URL
    token_url: HttpUrl = mns_queue.TOKEN_URL


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsConfig:
    """Without a ``template`` the channel is not set up; without ``receipts`` none are heard."""

    __pydantic_config__: ClassVar = _STRICT
    sign_name: str = ""
    template: str = ""
    variables: SmsVariables = field(default_factory=dict)
    receipts: Annotated[str, _queue("SmsReport")] = ""
    url: HttpUrl = sms.URL


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceConfig:
    """Without a ``template`` the channel is not set up; with a ``key_template`` 1 takes over."""

    __pydantic_config__: ClassVar = _STRICT
    template: str = ""
    key_template: str = ""
    show_number: str = ""
    variables: Variables = field(default_factory=dict)
    receipts: Annotated[str, _queue("VoiceReport")] = ""
    """The queue; with it no record of a call is asked for."""
    url: HttpUrl = voice.URL


@dataclass(frozen=True, slots=True, kw_only=True)
class DingTalkAppConfig:
    """An app of one's own organisation; without a client id the channel is not set up."""

    __pydantic_config__: ClassVar = _STRICT
    client_id: str = ""
    client_secret: SecretReference = field(default="", repr=False)
    replies: bool = True
    """Whether the house keeps a line open and hears what people answer."""
    url: HttpUrl = dingtalk_app.URL


@dataclass(frozen=True, slots=True, kw_only=True)
class FeishuAppConfig:
    """An app of one's own organisation; without an app id the channel is not set up."""

    __pydantic_config__: ClassVar = _STRICT
    app_id: str = ""
    app_secret: SecretReference = field(default="", repr=False)
    replies: bool = True
    url: HttpUrl = feishu_app.URL


def _schemes(given: tuple[str, ...]) -> tuple[str, ...]:
    for scheme in given:
        if not (scheme.isascii() and scheme.isalnum()):
            raise ValueError(f"{scheme!r} is no scheme; write what stands before :// alone")
    return given


def _subject(given: str) -> str:
    """RFC 8292 2.1; some push services refuse a signature without."""
    if given and not (is_mailbox(given.removeprefix("mailto:")) and given.startswith("mailto:")):
        if not given.startswith("https://"):
            raise ValueError("nobody can be written to there; write mailto:you@example.org")
    return given


@dataclass(frozen=True, slots=True, kw_only=True)
class WebPushConfig:
    """Without a ``key`` the channel is not set up."""

    __pydantic_config__: ClassVar = _STRICT
    key: SecretReference = field(default="", repr=False)
    subject: Annotated[str, AfterValidator(_subject)] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppriseConfig:
    """Which of its URLs may be used."""

    __pydantic_config__: ClassVar = _STRICT
    schemes: Annotated[tuple[str, ...], AfterValidator(_schemes)] = apprise.SCHEMES


_NEEDED: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "wecom": ("corp_id", {"secret": "env:WECOM_SECRET", "agent_id": "1000002"}),
    "wechat": (
        "app_id",
        {"secret": "env:WECHAT_SECRET", "template": "its id", "fields": '{ thing1 = "summary" }'},
    ),
    "sms": ("template", {"sign_name": "the approved name", "variables": '{ place = "place" }'}),
    "voice": ("template", {"variables": '{ place = "place" }'}),
    "webpush": ("key", {"subject": "mailto: and the address of whoever runs this"}),
}


_PAIRS = {
    "dingtalk_app": ("client_id", "client_secret"),
    "feishu_app": ("app_id", "app_secret"),
    "mail": ("username", "password"),
}


def problems(raw: Mapping[str, Any]) -> Iterator[str]:
    """What is missing beside what is there; each key's own mistakes are found elsewhere."""
    for table, (first, needed) in _NEEDED.items():
        given = raw.get(table)
        if not isinstance(given, dict) or not given:
            continue
        for key, example in ((first, "it"), *needed.items()):
            if not given.get(key):
                yield f"{table}.{key}: is needed by this table; write {example}, or remove the table"
        if table in ("sms", "voice"):
            keys = raw.get("aliyun")
            for key in ("access_key_id", "access_key_secret"):
                if not (isinstance(keys, dict) and keys.get(key)):
                    yield f"aliyun.{key}: is needed by {table}; write a reference, e.g. env:ALIYUN"
    mail = raw.get("mail")
    if isinstance(mail, dict) and mail:
        if not mail.get("host"):
            yield "mail.host: is needed by this table; write it, or remove the table"
        is_here = mail.get("host") in ("localhost", "127.0.0.1", "::1")
        if mail.get("username") and mail.get("security") == "none" and not is_here:
            yield "mail.security: the password would go in the open; write starttls or tls"
    for table, pair in _PAIRS.items():
        given = raw.get(table)
        if isinstance(given, dict) and bool(given.get(pair[0])) != bool(given.get(pair[1])):
            missing = pair[bool(given.get(pair[0]))]
            yield f"{table}.{missing}: is needed beside {table}.{pair[pair[0] == missing]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The tables together."""

    wecom: WecomConfig
    wechat: WechatConfig
    aliyun: AliyunConfig
    sms: SmsConfig
    voice: VoiceConfig
    webpush: WebPushConfig
    apprise: AppriseConfig
    dingtalk_app: DingTalkAppConfig
    feishu_app: FeishuAppConfig
    cell: str
    """Whose notices these are, where a service tells its own doubles apart by an id."""
    abroad: bool


def open_services(
    given: Services,
    outbound: Outbound,
    clock: Clock,
    pressed: Pressed,
    links: Links | None = None,
    browsers: webpush.Browsers | None = None,
) -> dict[ChannelKind, Channel]:
    """The channels that are set up."""
    channels: dict[ChannelKind, Channel] = {
        ChannelKind.APPRISE: apprise.Apprise(given.apprise.schemes),
        ChannelKind.NTFY: ntfy.Ntfy(outbound, clock, abroad=given.abroad),
    }
    if given.dingtalk_app.client_id:
        ding = given.dingtalk_app
        channels[ChannelKind.DINGTALK_APP] = dingtalk_app.DingTalkApp(
            dingtalk_app.DingTalkSettings(
                client_id=ding.client_id, client_secret=ding.client_secret, url=ding.url
            ),
            outbound,
            clock,
        )
    if given.feishu_app.app_id:
        fei = given.feishu_app
        channels[ChannelKind.FEISHU_APP] = feishu_app.FeishuApp(
            feishu_app.FeishuSettings(
                app_id=fei.app_id, app_secret=fei.app_secret, url=fei.url, cell=given.cell
            ),
            outbound,
            clock,
        )
    if given.webpush.key:
        channels[ChannelKind.WEBPUSH] = webpush.WebPush(
            outbound,
            clock,
            key=given.webpush.key,
            subject=given.webpush.subject,
            abroad=given.abroad,
            browsers=browsers,
        )
    if given.wecom.corp_id:
        channels[ChannelKind.WECOM_APP] = wecom_app.WecomApp(
            outbound,
            clock,
            corp_id=given.wecom.corp_id,
            agent_id=given.wecom.agent_id,
            secret=given.wecom.secret,
            url=given.wecom.url,
        )
    if given.wechat.app_id:
        channels[ChannelKind.WECHAT] = wechat.Wechat(
            outbound,
            clock,
            app_id=given.wechat.app_id,
            secret=given.wechat.secret,
            template=given.wechat.template,
            fields=given.wechat.fields,
            url=given.wechat.url,
        )

    def signer(url: str, version: str) -> aliyun.Aliyun:
        return _signer(given.aliyun, outbound, clock, url, version)

    if given.sms.template:
        channels[ChannelKind.SMS] = sms.Sms(
            signer(given.sms.url, sms.VERSION),
            sign_name=given.sms.sign_name,
            template=given.sms.template,
            variables=given.sms.variables,
            links=links,
        )
    if given.voice.template:
        channels[ChannelKind.VOICE] = voice.Voice(
            signer(given.voice.url, voice.VERSION),
            show_number=given.voice.show_number,
            template=given.voice.template,
            variables=given.voice.variables,
            key_template=given.voice.key_template,
            pressed=None if given.voice.receipts else pressed,
        )
    return channels


def open_queues(
    given: Services, clock: Clock, allow: Collection[str]
) -> dict[ChannelKind, mns_queue.Queue]:
    """The queues of receipts that are set up, each with an outbound client of its own."""
    queues: dict[ChannelKind, mns_queue.Queue] = {}
    for channel, kind, name in (
        (ChannelKind.SMS, "SmsReport", given.sms.receipts),
        (ChannelKind.VOICE, "VoiceReport", given.voice.receipts),
    ):
        if name:
            url, version = given.aliyun.token_url, mns_queue.TOKEN_VERSION
            signer = _signer(given.aliyun, Outbound(allow=allow), clock, url, version)
            # A long poll takes longer than any other request.
            outbound = Outbound(
                allow=allow, total_s=mns_queue.TOTAL_S, answer_most=mns_queue.ANSWER_MOST
            )
            url = given.aliyun.queue_url
            queues[channel] = mns_queue.Queue(name, kind, outbound, signer, url=url)
    return queues


def _signer(
    keys: AliyunConfig, outbound: Outbound, clock: Clock, url: str, version: str
) -> aliyun.Aliyun:
    return aliyun.Aliyun(
        outbound,
        clock,
        url=url,
        version=version,
        key_id=keys.access_key_id,
        key_secret=keys.access_key_secret,
    )

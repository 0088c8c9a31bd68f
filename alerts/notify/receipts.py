"""What Alibaba Cloud tells afterwards of a call or an SMS: its receipts 回执, read and put into words.

VoiceReport and SmsReport are JSON objects; their fields are those of help.aliyun.com/zh/vms/
voicereport-7 and document_detail/101508 (SMS). ``out_id`` is the notice's id, as the channel sent
it. A receipt is the provider's word: it is quoted, and never made into more than it says.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from alerts.notify.parts import CHINA
from alerts.registry.addresses import MOBILE
from alerts.registry.model import ChannelKind
from alerts.words import Language

KEY = "1"
MOST = 100  # receipts in one message
_NAMES = {ChannelKind.VOICE: "CallId", ChannelKind.SMS: "BizId"}
_CODE = re.compile(r"[A-Za-z0-9_:.-]{1,40}")
_TIME = "%Y-%m-%d %H:%M:%S"  # of China, as the documents' examples are
_ID_MOST = 18  # digits of a BIGINT that always fit


class Fate(StrEnum):
    """What became of it, as far as the provider can say."""

    DELIVERED = "delivered"  # an SMS is on the phone, whoever looks at it
    PRESSED = "pressed"  # 1, in a call
    ANSWERED = "answered"  # a call, and no key that means anything
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    channel: ChannelKind
    id: str
    """CallId or BizId: what the service said when it took the message."""
    notice: int
    number: str = field(repr=False)
    """Of whom it went to; "" where the receipt does not say, or masks it."""
    fate: Fate
    code: str
    at: datetime | None
    """The end of the call, or when the SMS was reported on."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A receipt of something that this service never sends: another user of the same account."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """No receipt, and why; the text holds nothing of it."""

    why: str


@dataclass(frozen=True, slots=True)
class Said:
    """What a code means, in plain words."""

    zh: str
    en: str


# Calls: confirmed, "运营商回执错误码" (vms/developer-reference/operators-receipt-error-code). A code
# that is missing here is one of an answered call when the receipt has a time of answering.
_ANSWERED = {
    "200000": Said("听完了", "heard to the end"),
    "200001": Said("没听完就挂了", "hung up before the end"),
    "200008": Said("接了，没按键", "answered, no key pressed"),
}
CALLS = _ANSWERED | {
    "200002": Said("占线", "busy"),
    "200003": Said("没人接", "nobody answered"),
    "200004": Said("号码不对", "no valid number"),
    "200005": Said("打不通，或者被拒接", "not reachable, or declined"),
    "200006": Said("语音放不出来", "the text could not be played"),
    "200007": Said("不在服务区", "out of reach of the network"),
    "200010": Said("关机", "switched off"),
    "200011": Said("停机", "the number is suspended"),
    "200104": Said("主叫号码受限", "our number may not call"),
    "200105": Said("对方号码受限", "this number may not be called"),
    "200117": Said("来电显示号码不合规", "the number shown is not allowed"),
    "200118": Said("这个时段限呼", "no calls are let through at this hour"),
    "200121": Said("同时呼出太多", "too many calls at once"),
}
# SMS: the carriers' own codes, as users of other gateways list them (own knowledge, but for those
# in ``CONFIRMED``). What is missing here is told by its code alone.
TEXTS = {
    "DELIVERED": Said("已送到手机", "delivered"),
    "DELIVRD": Said("已送到手机", "delivered"),
    "UNDELIV": Said("送不到：停机或关机", "not deliverable: suspended or switched off"),
    "EXPIRED": Said("一直送不到，已放弃", "not deliverable for too long"),
    "REJECTD": Said("运营商拒收", "refused by the carrier"),
    "MK:0001": Said("空号", "no such number"),
    "MK:0005": Said("停机", "the number is suspended"),
    "MK:0010": Said("关机或不在服务区", "switched off or out of reach"),
    "MK:0013": Said("停机", "the number is suspended"),
    "MK:0023": Said("关机", "switched off"),
    "MBBLACK": Said("被黑名单拦下", "stopped by a block list"),
    "W-BLACK": Said("被黑名单拦下", "stopped by a block list"),
    "NOROUTE": Said("没有通道", "no way to the number"),
}
CONFIRMED = frozenset(CALLS) | {"DELIVERED", "W-BLACK"}
"""Codes that stand in the provider's documents; the second in document_detail/2679007."""
_PRESSED = Said("接了，按了 1", "answered, 1 was pressed")
_KEYLESS = _ANSWERED["200008"]
_OTHER = {
    (ChannelKind.VOICE, Fate.ANSWERED): Said("接了", "answered"),
    (ChannelKind.VOICE, Fate.FAILED): Said("没打通", "not connected"),
    (ChannelKind.SMS, Fate.DELIVERED): TEXTS["DELIVERED"],
    (ChannelKind.SMS, Fate.FAILED): Said("没送到", "not delivered"),
}
_CHINESE = {
    said.en: said.zh
    for said in (*CALLS.values(), *TEXTS.values(), *_OTHER.values(), _PRESSED, _KEYLESS)
}
_QUOTED = re.compile(
    r"the provider says: (?P<words>[^;()]*) \((?P<code>[\w:. -]*)\)(?: at (?P<at>\d\d:\d\d))?"
)


def read(channel: ChannelKind, body: bytes) -> list[Receipt | Foreign | Unreadable]:
    """The receipts in a message: one, or a list of them."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):  # the second: thousands of brackets
        return [Unreadable("no JSON")]
    each = said if isinstance(said, list) else [said]
    if not 0 < len(each) <= MOST:
        return [Unreadable(f"{len(each)} receipts in one message; 1 to {MOST} are read")]
    return [_read(channel, one) for one in each]


def proof(channel: ChannelKind, id: str) -> str:
    """What a notice's detail begins with once the service took it."""
    return f"{_NAMES[channel]} {id or 'unknown'}"[:200]


def is_proven(detail: str, receipt: Receipt) -> bool:
    """Whether a notice with this detail went out by the very call or SMS of the receipt."""
    return detail.split(";", 1)[0] == proof(receipt.channel, receipt.id)


def is_pressed(dtmf: object) -> bool:
    """Whether 1 was pressed, once or several times, and nothing else: "1", "11", "1,1"."""
    return set(str(dtmf or "").replace(",", "").replace(" ", "")) == {KEY}


def noted(detail: str, receipt: Receipt, *, asks_key: bool) -> str:
    """The detail with what the provider says now, in place of what it said before."""
    before = _QUOTED.sub("", detail).strip("; ")
    words, at = _words(receipt, asks_key).en, ""
    if receipt.at is not None:
        at = f" at {receipt.at.astimezone(CHINA):%H:%M}"
    quoted = f"the provider says: {words} ({receipt.code}){at}"
    return f"{before}; {quoted}" if before else quoted


def is_noted(detail: str) -> bool:
    """Whether the provider has said what became of it."""
    return _QUOTED.search(detail) is not None


def in_language(detail: str, language: Language) -> str:
    """The detail as it is shown: what the provider said in the reader's language."""
    return _QUOTED.sub(_in_chinese, detail) if language is Language.ZH else detail


def _in_chinese(found: re.Match[str]) -> str:
    words = _CHINESE.get(found["words"], found["words"])
    return f"服务商回执：{words}（{found['code']}）" + (f"，{found['at']}" if found["at"] else "")


def _words(receipt: Receipt, asks_key: bool) -> Said:
    if receipt.fate is Fate.PRESSED:
        return _PRESSED
    if receipt.fate is Fate.ANSWERED and asks_key:
        return _KEYLESS
    known = CALLS if receipt.channel is ChannelKind.VOICE else TEXTS
    return known.get(receipt.code) or _OTHER[receipt.channel, receipt.fate]


def _read(channel: ChannelKind, fields: object) -> Receipt | Foreign | Unreadable:
    if not isinstance(fields, dict):
        return Unreadable("no JSON object")
    id = _text(fields, "call_id" if channel is ChannelKind.VOICE else "biz_id")
    notice = _text(fields, "out_id")
    fate = _call(fields) if channel is ChannelKind.VOICE else _sms(fields)
    if not id or fate is None:
        return Unreadable("not the fields of a receipt")
    if not (notice.isascii() and notice.isdigit() and len(notice) <= _ID_MOST):
        return Foreign()
    number = _text(fields, "callee" if channel is ChannelKind.VOICE else "phone_number")
    code = _text(fields, "status_code" if channel is ChannelKind.VOICE else "err_code")
    at = _text(fields, "end_time" if channel is ChannelKind.VOICE else "report_time")
    return Receipt(
        channel=channel,
        id=id,
        notice=int(notice),
        number=mobile(number),
        fate=fate,
        code=code if _CODE.fullmatch(code) else "no code",
        at=_time(at),
    )


def _call(fields: Mapping[str, Any]) -> Fate | None:
    code = _text(fields, "status_code")
    if is_pressed(fields.get("dtmf")):
        return Fate.PRESSED
    if code in CALLS:
        return Fate.ANSWERED if code in _ANSWERED else Fate.FAILED
    if not code:
        return None
    # "通话接通时间，未接通则为空": whoever answered has a time.
    return Fate.ANSWERED if _text(fields, "start_time") else Fate.FAILED


def _sms(fields: Mapping[str, Any]) -> Fate | None:
    match fields.get("success"):
        case True | "true":
            return Fate.DELIVERED
        case False | "false":
            return Fate.FAILED
    return None


def mobile(text: str) -> str:
    """The eleven digits of a mobile number; "" for anything else, a masked one too."""
    plain = text.replace(" ", "").replace("-", "")
    return plain[-11:] if MOBILE.fullmatch(plain) else ""


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return str(value).strip() if isinstance(value, str | int) else ""


def _time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, _TIME).replace(tzinfo=CHINA)
    except ValueError:
        return None

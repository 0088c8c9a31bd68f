"""WeChat 微信, a service account's template message to one follower.

A template's fields say by their names what they take: ``thing1`` 20 characters, ``phrase2`` 5
Chinese ones, ``time3`` a time (developers.weixin.qq.com, template messages; 47003 when over).
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from alerts.notify.answers import Codes, Hide, post_json
from alerts.notify.notice import Notice
from alerts.notify.outbound import Answer, Outbound
from alerts.notify.outcome import Outcome, Rejected, Retry
from alerts.notify.parts import NOTHING, Part, Parts, parts_of
from alerts.notify.tokens import TokenService
from alerts.phrases import SEVERITIES, ZH
from alerts.secrets import SecretError, resolve
from alerts.words import Language
from edge.clock import Clock

URL = "https://api.weixin.qq.com"
LIMITS = {"thing": 20, "phrase": 5, "character_string": 32, "number": 32, "letter": 32,
          "symbol": 5, "name": 10, "const": 20, "short_thing": 5, "time": 40, "date": 40,
          "phone_number": 17, "car_number": 8, "amount": 12}  # fmt: skip
# What no other part of a notice can be, by the forms that the service lists for each kind.
_FITS: Mapping[str, tuple[Part, ...]] = {
    "time": (Part.TIME,), "date": (Part.TIME,), "number": (Part.INCIDENT,),
    "character_string": (Part.INCIDENT, Part.TIME), "name": (Part.SEVERITY,),
    "letter": (), "symbol": (), "phone_number": (), "car_number": (), "amount": (),
}  # fmt: skip
_FIELD = re.compile(r"([a-z_]+?)\d{0,3}")


class Wechat(TokenService):
    """The channel ``wechat``; ``to`` is a follower's open id."""

    SECRET = "wechat.secret"

    CODES = Codes(
        later={
            -1: None,  # the system is busy
            45011: None,  # too often in this minute
            40001: None,  # of tokens: fetched anew first
            40014: None,
            42001: None,
        },
        remedies={
            40164: "this machine's address is not in the account's IP list; add it there",
            40013: "wechat.app_id is unknown to WeChat",
            40125: "wechat.secret is not the account's",
            40037: "wechat.template is unknown to the account",
            40003: "no open id of a follower of this account; correct the address",
            40243: "wechat.secret is frozen; thaw it in the account's settings",
            43004: "does not follow the account; ask to follow it, or use another channel",
            43101: "has switched this template off; ask to switch it on, or use another channel",
            45009: "the account's allowance of a day is used up; nobody is reached until tomorrow",
            47003: "a field has another form than the template wants; look at wechat.fields",
            48001: "the account may not send template messages; it must be a certified one",
        },
    )

    def __init__(
        self,
        outbound: Outbound,
        clock: Clock,
        *,
        app_id: str,
        secret: str,
        template: str,
        fields: Mapping[str, str],
        url: str = URL,
    ) -> None:
        super().__init__(outbound, clock, url=url or URL, account=app_id, secret=secret)
        self._template = template
        self._fields = {name: Part(part) for name, part in fields.items()}

    async def send(self, notice: Notice) -> Outcome:
        try:
            to = resolve(notice.address.to).reveal()
        except SecretError as error:
            return Retry(str(error))
        parts = parts_of(notice)
        if parts is None:
            return Rejected("a notice without words")
        document: dict[str, Any] = {
            "touser": to,
            "template_id": self._template,
            # Of one id WeChat sends one message within ten minutes, whatever the other one says.
            "client_msg_id": f"shouwang-{notice.key}",
            "data": {
                name: {"value": value(name, part, parts, notice)}
                for name, part in self._fields.items()
            },
        }
        if notice.link.startswith(("https://", "http://")):
            document["url"] = notice.link
        outcome, _ = await self.post("/cgi-bin/message/template/send", document)
        return outcome

    async def ask(self, account: str, secret: str, hide: Hide) -> Answer | Retry | Rejected:
        # The stable token, since it takes none away from others who use the account.
        document = {"grant_type": "client_credential", "appid": account, "secret": secret}
        return await post_json(self._outbound, f"{self._url}/cgi-bin/stable_token", document, hide)


def kind_of(name: str) -> str:
    """``thing`` of ``thing12``; "" for what is no field of a template."""
    found = _FIELD.fullmatch(name)
    return found[1] if found and found[1] in LIMITS else ""


def misfit(name: str, part: Part) -> str:
    """Why this part never fits a field of that kind, and the remedy; "" where it may."""
    fitting = _FITS.get(kind_of(name), (part,))
    if part in fitting:
        return ""
    if not fitting:
        return f"{name}: no part of a notice has that form; choose a template without such a field"
    words = " or ".join(each.value for each in fitting)
    return f"{name}: {part.value} has another form, and WeChat refuses it (47003); write {words}"


def value(name: str, part: Part, parts: Parts, notice: Notice) -> str:
    """A field's value in the form that its kind takes, never empty."""
    kind = kind_of(name)
    most = LIMITS.get(kind, 20)
    if kind == "phrase":
        # Chinese characters alone: where the part has others, what it is now or how grave.
        words = parts.by(part, most)
        plain = words and all("CJK UNIFIED" in unicodedata.name(sign, "") for sign in words)
        if plain:
            return words
        return ZH.tags.get(notice.reason, SEVERITIES[Language.ZH][notice.severity])[:most]
    if kind in ("time", "date"):
        return parts.time
    return parts.by(part, most) or NOTHING

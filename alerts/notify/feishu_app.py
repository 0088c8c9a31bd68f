"""Feishu 飞书, an app writing to one person: ``to`` is the person's open_id. A card with a button.

Answers say ``code`` 0 or what is wrong, often with HTTP 200 or 400. A message's ``uuid`` is the
notice's, so one that is sent again within the hour is not shown twice. Sources: Feishu's API
pages for im/v1/messages and tenant_access_token/internal, and its card schema 2.0.
"""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from alerts.notify.answers import json_object, printable
from alerts.notify.notice import CALLING, Notice
from alerts.notify.outbound import Answer, Outbound, Refused, Unreachable
from alerts.notify.outcome import Accepted, Outcome, Rejected, Retry
from alerts.notify.token_box import NoToken, Token, TokenBox
from alerts.secrets import SecretError, resolve
from alerts.words import Language
from edge.clock import Clock

URL = "https://open.feishu.cn"
FLOODED_WAIT = timedelta(minutes=1)  # real time
_STALE_TOKEN = frozenset({99991661, 99991663, 99991664, 99991665, 99991668, 99991671})
_TOO_FAST = frozenset({99991400, 230020, 11232})
_LATER = frozenset({230049, 230099, 2200, 1663, 1665, 1500})
BUTTON = {Language.ZH: "我来处理", Language.EN: "I take it over"}
OPEN = {Language.ZH: "点开看", Language.EN: "Open"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeishuSettings:
    """Of an app of one's own organisation, with the right to send messages as a robot."""

    app_id: str
    app_secret: str = field(repr=False)
    """A reference."""
    url: str = URL
    cell: str = "cell"
    """Of whose notices the ids are."""


class FeishuApp:
    """The channel ``feishu-app``. Closes the outbound client it was given."""

    def __init__(self, settings: FeishuSettings, outbound: Outbound, clock: Clock) -> None:
        self.settings = settings
        self._outbound = outbound
        self._clock = clock
        self._tokens = TokenBox(self._fetch)

    async def send(self, notice: Notice) -> Outcome:
        try:
            account = resolve(notice.address.to).reveal()
        except SecretError as error:
            return Retry(str(error))
        content = json.dumps(card(notice), ensure_ascii=False)
        uuid = f"{self.settings.cell[:30]}-{notice.id}"  # 50 characters at most
        return await self._send(account, "interactive", content, uuid)

    async def say(self, account: str, text: str) -> Outcome:
        """Plain words to one person."""
        content = json.dumps({"text": _without_mentions(text)}, ensure_ascii=False)
        return await self._send(account, "text", content, "")

    async def close(self) -> None:
        await self._outbound.close()

    async def _send(self, account: str, kind: str, content: str, uuid: str) -> Outcome:
        body = {"receive_id": account, "msg_type": kind, "content": content}
        if uuid:
            body["uuid"] = uuid
        path = "/open-apis/im/v1/messages?" + urlencode({"receive_id_type": "open_id"})
        try:
            answer = await self._tokens.spend(
                lambda token: self._post(path, body, token),
                lambda answer: _code_of(json_object(answer.body)) in _STALE_TOKEN,
            )
        except (NoToken, Unreachable, SecretError) as error:
            return Retry(str(error))
        except Refused as error:
            return Rejected(str(error))
        return self._outcome(answer)

    def _outcome(self, answer: Answer) -> Outcome:
        said = json_object(answer.body)
        code = _code_of(said)
        if said is not None and code == 0:
            data = said.get("data")
            found = data.get("message_id", "") if isinstance(data, dict) else ""
            return Accepted(f"message_id {printable(str(found))}")
        message = said.get("msg", "") if said is not None else ""
        why = printable(f"Feishu: HTTP {answer.status} code {code} {message}")
        if answer.status == 429 or code in _TOO_FAST:
            # The other side counts real seconds; the outbox counts house seconds.
            return Retry(why, FLOODED_WAIT * self._clock.speed)
        if not isinstance(code, int) or answer.status >= 500 or code in _LATER | _STALE_TOKEN:
            return Retry(why)
        return Rejected(why)

    async def _fetch(self) -> Token:
        settings = self.settings
        secret = resolve(settings.app_secret)
        body = {"app_id": settings.app_id, "app_secret": secret.reveal()}
        answer = await self._post("/open-apis/auth/v3/tenant_access_token/internal", body, None)
        said = json_object(answer.body) or {}
        text, lasts_s = said.get("tenant_access_token"), said.get("expire")
        if said.get("code") != 0 or not isinstance(text, str) or not isinstance(lasts_s, int):
            what = f"HTTP {answer.status} code {said.get('code')} {said.get('msg', '')}"
            why = f"Feishu gives the app no token: {secret.mask(printable(what))}"
            raise NoToken(Retry(why))
        return Token(text, lasts_s)

    async def _post(self, path: str, body: dict[str, str], token: Token | None) -> Answer:
        headers = {"Content-Type": "application/json; charset=utf-8"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token.text}"
        data = json.dumps(body, ensure_ascii=False).encode()
        return await self._outbound.post(self.settings.url + path, data, headers)


def _code_of(said: dict[str, Any] | None) -> Any:
    return said.get("code") if said is not None else None


def card(notice: Notice) -> dict[str, Any]:
    """Plain text only: what stands in a name is no markup, and calls nobody."""
    buttons: list[dict[str, Any]] = []
    if notice.reason in CALLING:
        value = {"take": str(notice.incident)}
        buttons.append(
            _button(BUTTON[notice.language], "primary", {"type": "callback", "value": value})
        )
    if notice.link:
        opens = {"type": "open_url", "default_url": notice.link}
        buttons.append(_button(OPEN[notice.language], "default", opens))
    text = {"tag": "div", "text": {"tag": "plain_text", "content": notice.text}}
    return {
        "schema": "2.0",
        "header": {"title": {"tag": "plain_text", "content": notice.title}},
        "body": {"elements": [text, *buttons]},
    }


def _button(text: str, kind: str, behavior: dict[str, Any]) -> dict[str, Any]:
    words = {"tag": "plain_text", "content": text}
    return {"tag": "button", "type": kind, "text": words, "behaviors": [behavior]}


def _without_mentions(text: str) -> str:
    """``<at user_id="all">`` in a plain text message would call everybody."""
    return text.replace("<", "＜").replace(">", "＞")

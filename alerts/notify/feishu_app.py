"""Feishu 飞书, an app writing to one person: ``to`` is the person's open_id. A card with a button.

Answers say ``code`` 0 or what is wrong, often with HTTP 200 or 400. A message's ``uuid`` is the
notice's key, so one that is sent again within the hour is not shown twice. Sources: Feishu's API
pages for im/v1/messages and tenant_access_token/internal, and its card schema 2.0.
"""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from alerts.notify.answers import (
    MINUTE,
    Codes,
    Hide,
    garbage,
    hiding,
    post_json,
    printable,
    read,
    refused,
)
from alerts.notify.cutting import cut_bytes, fitted, in_json
from alerts.notify.limits import ABOUT
from alerts.notify.notice import CALLING, Notice
from alerts.notify.outbound import Answer, Outbound
from alerts.notify.outcome import Accepted, Outcome, Rejected, Retry
from alerts.notify.robot import tail_of
from alerts.notify.token_box import NoToken, Token, TokenBox, call_with
from alerts.registry.model import ChannelKind
from alerts.secrets import SecretError, resolve
from alerts.words import Language
from edge.clock import Clock

URL = "https://open.feishu.cn"
TITLE_MOST = 1_000  # bytes
WORDS_MOST = ABOUT[ChannelKind.FEISHU_APP].bytes_most - TITLE_MOST
_STALE_TOKEN = frozenset({99991661, 99991663, 99991664, 99991665, 99991668, 99991671})
CODES = Codes(
    code=("code",),
    text=("msg",),
    later={
        99991400: MINUTE,  # too fast, as the next two
        230020: MINUTE,
        11232: MINUTE,
        230049: None,
        230099: None,
        2200: None,
        1663: None,
        1665: None,
        1500: None,
    },
    remedies={
        10003: "feishu_app.app_id is unknown to Feishu",
        10014: "feishu_app.app_secret is not the app's; look at its credentials",
        230006: "the app has no robot; add one, and publish a version of it",
        230013: "the person is not among those whom the app may reach; add them to it",
        99991672: "the app may not send messages as a robot; give it that right",
    },
)
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
        if not (notice.title + notice.text).strip():
            return Rejected("a notice without words")
        content = json.dumps(card(notice), ensure_ascii=False)
        uuid = f"{self.settings.cell[:24]}-{notice.key}"  # 50 characters at most
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

        async def call(token: Token, hide: Hide) -> Answer | Retry | Rejected:
            headers = {"Authorization": f"Bearer {token.text}"}
            return await self._post(path, body, hide, headers)

        answer, hide = await call_with(self._tokens, call, _is_stale)
        return self._outcome(answer, hide) if isinstance(answer, Answer) else answer

    def _outcome(self, answer: Answer, hide: Hide) -> Outcome:
        said = read(answer, CODES)
        if said is None:
            return garbage(answer, self._clock, hide)
        if said.code == 0 and 200 <= answer.status < 300:
            data = said.fields.get("data")
            found = data.get("message_id", "") if isinstance(data, dict) else ""
            return Accepted(hide(f"message_id {printable(str(found))}"))
        outcome = refused(said, answer, CODES, self._clock, hide)
        if said.code in _STALE_TOKEN:
            return Retry(f"a new token is refused as well: {outcome.why}")
        return outcome

    async def _fetch(self) -> Token:
        settings = self.settings
        try:
            secret = resolve(settings.app_secret).reveal()
        except SecretError as error:
            raise NoToken(Retry(str(error))) from error
        hide = hiding(secret)
        body = {"app_id": settings.app_id, "app_secret": secret}
        answer = await self._post("/open-apis/auth/v3/tenant_access_token/internal", body, hide)
        if not isinstance(answer, Answer):
            raise NoToken(answer)
        said = read(answer, CODES)
        if said is not None and said.code != 0:
            raise NoToken(refused(said, answer, CODES, self._clock, hide))
        fields = said.fields if said is not None else {}
        text, lasts_s = fields.get("tenant_access_token"), fields.get("expire")
        if not (isinstance(text, str) and text and isinstance(lasts_s, int)):
            raise NoToken(garbage(answer, self._clock, hide))
        return Token(text, lasts_s)

    async def _post(
        self, path: str, body: dict[str, str], hide: Hide, headers: dict[str, str] | None = None
    ) -> Answer | Retry | Rejected:
        return await post_json(self._outbound, self.settings.url + path, body, hide, headers)


def _is_stale(answer: Answer | Retry | Rejected) -> bool:
    said = read(answer, CODES) if isinstance(answer, Answer) else None
    return said is not None and said.code in _STALE_TOKEN


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
    words = fitted(notice.text, WORDS_MOST, _sent, tail_of(notice, notice.text.splitlines()))
    text = {"tag": "div", "text": {"tag": "plain_text", "content": words}}
    title = cut_bytes(notice.title, TITLE_MOST)
    return {
        "schema": "2.0",
        "header": {"title": {"tag": "plain_text", "content": title}},
        "body": {"elements": [text, *buttons]},
    }


def _sent(text: str) -> int:
    """Its bytes as they go out: a card is JSON within JSON."""
    return in_json(json.dumps(text, ensure_ascii=False)[1:-1])


def _button(text: str, kind: str, behavior: dict[str, Any]) -> dict[str, Any]:
    words = {"tag": "plain_text", "content": text}
    return {"tag": "button", "type": kind, "text": words, "behaviors": [behavior]}


def _without_mentions(text: str) -> str:
    """``<at user_id="all">`` in a plain text message would call everybody."""
    return text.replace("<", "＜").replace(">", "＞")

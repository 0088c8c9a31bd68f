"""DingTalk 钉钉, an app's robot writing to one person: ``to`` is the person's userId.

The app's answers are JSON. A person it may not write to comes back in ``invalidStaffIdList``, one
that got too much in ``flowControlledStaffIdList``, both with HTTP 200. Text goes as plain text, so
nothing in it is markup.
"""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from alerts.notify.answers import (
    Codes,
    Hide,
    garbage,
    hiding,
    json_object,
    post_json,
    printable,
    read,
    refused,
)
from alerts.notify.cutting import utf8
from alerts.notify.limits import ABOUT
from alerts.notify.notice import CALLING, Notice
from alerts.notify.outbound import Answer, Outbound
from alerts.notify.outcome import Accepted, Outcome, Rejected, Retry
from alerts.notify.robot import text_of
from alerts.notify.token_box import NoToken, Token, TokenBox, call_with
from alerts.registry.model import ChannelKind
from alerts.secrets import SecretError, resolve
from alerts.words import Language
from edge.clock import Clock

URL = "https://api.dingtalk.com"
FLOODED_WAIT = timedelta(minutes=1)  # real time; DingTalk gives no figure
HINT = {
    Language.ZH: "回复“收到 {incident}”，就是由您处理。",
    Language.EN: "Reply “ok {incident}” to take it over.",
}
WORDS_MOST = ABOUT[ChannelKind.DINGTALK_APP].bytes_most
CODES = Codes(
    code=("code",),
    text=("message",),
    fine=frozenset({""}),  # what it took has no code
    remedies={
        "invalidClientIdOrSecret": "dingtalk_app.client_id and client_secret are not of one app; "
        "look at its credentials",
        "Forbidden.AccessDenied.AccessTokenPermissionDenied": "the app may not send messages of its "
        "robot; give it that right",
        "invalidParameter.robotCode.auth": "dingtalk_app.client_id is not that of the robot's app",
        "invalidParameter.robotCode.notExsit": "the app has no robot; add one, and publish it",
    },
)
_FLOODED = ("Throttling", "QpsLimit")  # within a code


@dataclass(frozen=True, slots=True, kw_only=True)
class DingTalkSettings:
    """Of an app of one's own organisation, with the right to send robot messages."""

    client_id: str
    client_secret: str = field(repr=False)
    """A reference."""
    url: str = URL


class DingTalkApp:
    """The channel ``dingtalk-app``. Closes the outbound client it was given."""

    def __init__(self, settings: DingTalkSettings, outbound: Outbound, clock: Clock) -> None:
        self.settings = settings
        self._outbound = outbound
        self._clock = clock
        self._tokens = TokenBox(self._fetch)

    async def send(self, notice: Notice) -> Outcome:
        try:
            account = resolve(notice.address.to).reveal()
        except SecretError as error:
            return Retry(str(error))
        hint = ""
        if notice.reason in CALLING:
            hint = "\n" + HINT[notice.language].format(incident=notice.incident)
        words = text_of(notice, WORDS_MOST - utf8(hint))
        if not words:
            return Rejected("a notice without words")
        return await self.say(account, words + hint)

    async def say(self, account: str, text: str) -> Outcome:
        """Plain words to one person."""
        body = {
            "robotCode": self.settings.client_id,
            "userIds": [account],
            "msgKey": "sampleText",
            "msgParam": json.dumps({"content": text}, ensure_ascii=False),
        }

        async def call(token: Token, hide: Hide) -> Answer | Retry | Rejected:
            headers = {"x-acs-dingtalk-access-token": token.text}
            return await self._post("/v1.0/robot/oToMessages/batchSend", body, hide, headers)

        answer, hide = await call_with(self._tokens, call, _is_stale)
        return self._outcome(answer, account, hide) if isinstance(answer, Answer) else answer

    async def close(self) -> None:
        await self._outbound.close()

    def _outcome(self, answer: Answer, account: str, hide: Hide) -> Outcome:
        if answer.status != 200:
            outcome = self._refused(answer, hide)
            if _is_stale(answer):
                return Retry(f"a new token is refused as well: {outcome.why}")
            return outcome
        said = json_object(answer.body) or {}
        if account in _listed(said, "invalidStaffIdList"):
            return Rejected("DingTalk knows no such person, or the app may not write to them")
        if account in _listed(said, "flowControlledStaffIdList"):
            return self._flooded("DingTalk: this person got too much at once")
        if isinstance(key := said.get("processQueryKey"), str) and key:
            return Accepted(hide(f"processQueryKey {printable(key)}"))
        return garbage(answer, self._clock, hide)

    def _refused(self, answer: Answer, hide: Hide) -> Retry | Rejected:
        said = read(answer, CODES)
        if said is None:
            return garbage(answer, self._clock, hide)
        outcome = refused(said, answer, CODES, self._clock, hide)
        if any(word in str(said.code) for word in _FLOODED):
            return self._flooded(outcome.why)
        return outcome

    def _flooded(self, why: str) -> Retry:
        # The other side counts real seconds; the outbox counts house seconds.
        return Retry(why, FLOODED_WAIT * self._clock.speed)

    async def _fetch(self) -> Token:
        settings = self.settings
        try:
            secret = resolve(settings.client_secret).reveal()
        except SecretError as error:
            raise NoToken(Retry(str(error))) from error
        hide = hiding(secret)
        body = {"appKey": settings.client_id, "appSecret": secret}
        answer = await self._post("/v1.0/oauth2/accessToken", body, hide)
        if not isinstance(answer, Answer):
            raise NoToken(answer)
        said = json_object(answer.body) or {}
        text, lasts_s = said.get("accessToken"), said.get("expireIn")
        if answer.status == 200 and text and isinstance(text, str) and isinstance(lasts_s, int):
            return Token(text, lasts_s)
        raise NoToken(self._refused(answer, hide))

    async def _post(
        self, path: str, body: dict[str, Any], hide: Hide, headers: dict[str, str] | None = None
    ) -> Answer | Retry | Rejected:
        return await post_json(self._outbound, self.settings.url + path, body, hide, headers)


def _is_stale(answer: Answer | Retry | Rejected) -> bool:
    return isinstance(answer, Answer) and answer.status == 401  # revoked before its time


def _listed(said: dict[str, Any], name: str) -> list[Any]:
    found = said.get(name)
    return found if isinstance(found, list) else []

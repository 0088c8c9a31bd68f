"""DingTalk 钉钉, an app's robot writing to one person: ``to`` is the person's userId.

The app's answers are JSON. A person it may not write to comes back in ``invalidStaffIdList``, one
that got too much in ``flowControlledStaffIdList``, both with HTTP 200. Text goes as plain text, so
nothing in it is markup.
"""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from alerts.notify.answers import json_object, printable
from alerts.notify.notice import CALLING, Notice
from alerts.notify.outbound import Answer, Outbound, Refused, Unreachable
from alerts.notify.outcome import Accepted, Outcome, Rejected, Retry
from alerts.notify.token_box import NoToken, Token, TokenBox
from alerts.secrets import SecretError, resolve
from alerts.words import Language
from edge.clock import Clock

URL = "https://api.dingtalk.com"
FLOODED_WAIT = timedelta(minutes=1)  # real time; DingTalk gives no figure
HINT = {
    Language.ZH: "回复“收到 {incident}”，就是由您处理。",
    Language.EN: "Reply “ok {incident}” to take it over.",
}


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
        text = f"{notice.title}\n{notice.text}"
        if notice.reason in CALLING:
            text += "\n" + HINT[notice.language].format(incident=notice.incident)
        return await self.say(account, text)

    async def say(self, account: str, text: str) -> Outcome:
        """Plain words to one person."""
        body = {
            "robotCode": self.settings.client_id,
            "userIds": [account],
            "msgKey": "sampleText",
            "msgParam": json.dumps({"content": text}, ensure_ascii=False),
        }
        path = "/v1.0/robot/oToMessages/batchSend"
        try:
            answer = await self._tokens.spend(
                lambda token: self._post(path, body, token),
                lambda answer: answer.status == 401,  # revoked before its time
            )
        except (NoToken, Unreachable, SecretError) as error:
            return Retry(str(error))
        except Refused as error:
            return Rejected(str(error))
        return self._outcome(answer, account)

    async def close(self) -> None:
        await self._outbound.close()

    def _outcome(self, answer: Answer, account: str) -> Outcome:
        said = json_object(answer.body)
        if answer.status == 200 and said is not None:
            if account in _listed(said, "invalidStaffIdList"):
                return Rejected("DingTalk knows no such person, or the app may not write to them")
            if account in _listed(said, "flowControlledStaffIdList"):
                return self._retry("DingTalk: this person got too much at once", FLOODED_WAIT)
            if key := said.get("processQueryKey"):
                return Accepted(f"processQueryKey {printable(str(key))}")
            return Retry("DingTalk answered 200 without a processQueryKey")
        code = str(said.get("code", "")) if said else ""
        why = f"DingTalk: HTTP {answer.status} {code} {said.get('message', '') if said else ''}"
        why = printable(why)
        if answer.status == 429 or "Throttling" in code or "QpsLimit" in code:
            return self._retry(why, FLOODED_WAIT)
        if answer.status >= 500 or said is None or answer.status in (401, 408):
            return Retry(why)
        return Rejected(why)

    def _retry(self, why: str, after: timedelta) -> Retry:
        # The other side counts real seconds; the outbox counts house seconds.
        return Retry(why, after * self._clock.speed)

    async def _fetch(self) -> Token:
        settings = self.settings
        secret = resolve(settings.client_secret)
        body = {"appKey": settings.client_id, "appSecret": secret.reveal()}
        answer = await self._post("/v1.0/oauth2/accessToken", body, None)
        said = json_object(answer.body) or {}
        text, lasts_s = said.get("accessToken"), said.get("expireIn")
        if answer.status != 200 or not isinstance(text, str) or not isinstance(lasts_s, int):
            what = printable(
                f"HTTP {answer.status} {said.get('code', '')} {said.get('message', '')}"
            )
            raise NoToken(Retry(f"DingTalk gives the app no token: {secret.mask(what)}"))
        return Token(text, lasts_s)

    async def _post(self, path: str, body: dict[str, Any], token: Token | None) -> Answer:
        headers = {"Content-Type": "application/json"}
        if token is not None:
            headers["x-acs-dingtalk-access-token"] = token.text
        data = json.dumps(body, ensure_ascii=False).encode()
        return await self._outbound.post(self.settings.url + path, data, headers)


def _listed(said: dict[str, Any], name: str) -> list[Any]:
    found = said.get(name)
    return found if isinstance(found, list) else []

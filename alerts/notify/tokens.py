"""Services of Tencent's that want an access token: fetched once, kept until shortly before its end.

A token that is refused (40001, 40014, 42001) is fetched anew once; twice refused is for later.
Where a token is asked for, 40001 speaks of the secret: it would be refused each time.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from alerts.notify.answers import (
    Codes,
    Hide,
    garbage,
    hiding,
    json_object,
    post_json,
    read,
    refused,
)
from alerts.notify.outbound import Answer, Outbound
from alerts.notify.outcome import Accepted, Outcome, Rejected, Retry
from alerts.notify.token_box import NoToken, Token, TokenBox, call_with
from alerts.secrets import SecretError, resolve
from edge.clock import Clock

_STALE = frozenset({40001, 40014, 42001})


class TokenService(ABC):
    """``post`` sends with a token that holds. ``account`` and ``secret`` may be references."""

    CODES: Codes
    SECRET: str
    """The setting that holds the secret."""

    def __init__(
        self,
        outbound: Outbound,
        clock: Clock,
        *,
        url: str,
        account: str,
        secret: str,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outbound = outbound
        self._clock = clock
        self._url = url.rstrip("/")
        self._account = account
        self._secret = secret
        self._tokens = TokenBox(self._fetch, now_s=steady)

    async def post(self, path: str, document: Any) -> tuple[Outcome, dict[str, Any]]:
        """The outcome by the service's code, and the answer's fields."""

        async def call(token: Token, hide: Hide) -> Answer | Retry | Rejected:
            url = f"{self._url}{path}?access_token={quote(token.text)}"
            return await post_json(self._outbound, url, document, hide)

        answer, hide = await call_with(self._tokens, call, self._is_stale)
        if not isinstance(answer, Answer):
            return answer, {}
        said = read(answer, self.CODES)
        if said is None:
            return garbage(answer, self._clock, hide), {}
        if said.code == 0 and answer.status == 200:
            return Accepted(hide(f"{said.code} {said.text}")), dict(said.fields)
        outcome = refused(said, answer, self.CODES, self._clock, hide)
        if said.code in _STALE:
            return Retry(f"a new token is refused as well: {outcome.why}"), {}
        return outcome, dict(said.fields)

    async def close(self) -> None:
        await self._outbound.close()

    @abstractmethod
    async def ask(self, account: str, secret: str, hide: Hide) -> Answer | Retry | Rejected:
        """The service's answer to a wish for a token."""

    def _is_stale(self, answer: Answer | Retry | Rejected) -> bool:
        said = read(answer, self.CODES) if isinstance(answer, Answer) else None
        return said is not None and said.code in _STALE

    async def _fetch(self) -> Token:
        try:
            account = resolve(self._account).reveal()
            secret = resolve(self._secret).reveal()
        except SecretError as error:
            raise NoToken(Retry(str(error))) from error
        hide = hiding(secret)
        answer = await self.ask(account, secret, hide)
        if not isinstance(answer, Answer):
            raise NoToken(answer)
        said = read(answer, self.CODES)
        if said is not None and said.code != 0:
            outcome = refused(said, answer, self.CODES, self._clock, hide)
            if said.code in _STALE:
                outcome = Rejected(f"{outcome.why}; {self.SECRET} is not the right one")
            raise NoToken(outcome)
        # WeChat's answer has no code beside the token.
        fields = json_object(answer.body) or {}
        token, lasts_s = fields.get("access_token"), fields.get("expires_in")
        if not (isinstance(token, str) and token and isinstance(lasts_s, int)):
            raise NoToken(garbage(answer, self._clock, hide))
        return Token(token, lasts_s)

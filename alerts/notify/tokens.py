"""Services of Tencent's that want an access token: fetched once, kept until shortly before its end.

A token that is refused (40001, 40014, 42001) is fetched anew once; twice refused is for later.
"""

import asyncio
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from alerts.notify.answers import Codes, Hide, garbage, hiding, post_json, read, refused
from alerts.notify.outbound import Answer, Outbound
from alerts.notify.outcome import Accepted, Outcome, Rejected, Retry
from alerts.secrets import SecretError, resolve
from edge.clock import Clock
from edge.contract.secret import Secret

EARLY_S = 300.0  # a token is fetched anew so long before its end, as clocks and ways differ
_STALE = frozenset({40001, 40014, 42001})


class TokenService(ABC):
    """``post`` sends with a token that holds. ``account`` and ``secret`` may be references."""

    CODES: Codes

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
        self._steady = steady
        self._token = Secret("")
        self._until = 0.0
        self._fetching = asyncio.Lock()

    async def post(self, path: str, document: Any) -> tuple[Outcome, dict[str, Any]]:
        """The outcome by the service's code, and the answer's fields."""
        last: Outcome = Retry("no token")
        for _ in range(2):
            token = await self._fetch()
            if not isinstance(token, Secret):
                return token, {}
            url = f"{self._url}{path}?access_token={quote(token.reveal())}"
            hide = hiding(token.reveal())
            answer = await post_json(self._outbound, url, document, hide)
            if not isinstance(answer, Answer):
                return answer, {}
            said = read(answer, self.CODES)
            if said is None:
                return garbage(answer, self._clock, hide), {}
            if said.code == 0 and answer.status == 200:
                return Accepted(hide(f"{said.code} {said.text}")), dict(said.fields)
            last = refused(said, answer, self.CODES, self._clock, hide)
            if said.code not in _STALE:
                return last, dict(said.fields)
            if self._token == token:
                self._token = Secret("")
        return Retry(f"a new token is refused as well: {last.why}"), {}  # type: ignore[union-attr]

    async def close(self) -> None:
        await self._outbound.close()

    @abstractmethod
    async def ask(self, account: str, secret: str, hide: Hide) -> Answer | Retry | Rejected:
        """The service's answer to a wish for a token."""

    async def _fetch(self) -> Secret | Retry | Rejected:
        async with self._fetching:
            if self._token and self._steady() < self._until:
                return self._token
            try:
                account = resolve(self._account).reveal()
                secret = resolve(self._secret).reveal()
            except SecretError as error:
                return Retry(str(error))
            hide = hiding(secret)
            answer = await self.ask(account, secret, hide)
            if not isinstance(answer, Answer):
                return answer
            said = read(answer, self.CODES)
            if said is not None and said.code != 0:
                return refused(said, answer, self.CODES, self._clock, hide)
            token, lasts_s = _granted(answer)
            if not token:
                return garbage(answer, self._clock, hide)
            self._token = Secret(token)
            self._until = self._steady() + max(lasts_s - EARLY_S, lasts_s / 2)
            return self._token


def _granted(answer: Answer) -> tuple[str, float]:
    """Token and its seconds; WeChat's answer has no code beside them."""
    try:
        fields = json.loads(answer.body)
    except (ValueError, RecursionError):
        fields = None
    fields = fields if isinstance(fields, dict) else {}
    token, lasts_s = fields.get("access_token"), fields.get("expires_in")
    if not isinstance(token, str) or not isinstance(lasts_s, int):
        return "", 0.0
    return token, float(lasts_s)

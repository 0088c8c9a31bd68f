"""Tokens of an application: fetched when needed, kept for their time, one fetch at a time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from alerts.notify.answers import Hide, hiding
from alerts.notify.outbound import Answer
from alerts.notify.outcome import Rejected, Retry

EARLY_S = 300.0  # a token is fetched anew so long before its end, as clocks and ways differ

_T = TypeVar("_T")
_Token = TypeVar("_Token", bound="Token")


class NoToken(Exception):
    """The other side gave none; ``outcome`` says why, without the secret."""

    def __init__(self, outcome: Retry | Rejected) -> None:
        super().__init__(outcome.why)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Token:
    text: str = field(repr=False)
    lasts_s: float
    """Real seconds from when it was given."""


class TokenBox(Generic[_Token]):
    """``await spend(use, is_stale)``: use the token of now."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[_Token]],
        *,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._now_s = now_s
        self._token: _Token | None = None
        self._until_s = 0.0
        self._one = asyncio.Lock()
        self._failed: NoToken | None = None
        self._failures = 0

    async def spend(
        self, use: Callable[[_Token], Awaitable[_T]], is_stale: Callable[[_T], bool]
    ) -> _T:
        """What ``use`` makes of a token; once more, with a new one, when that was refused.

        Raises what ``fetch`` raises (NoToken), and what ``use`` raises.
        """
        token = await self._get()
        made = await use(token)
        if not is_stale(made):
            return made
        if self._token is token:  # else another has come meanwhile
            self._token = None
        return await use(await self._get())

    async def _get(self) -> _Token:
        before = self._failures
        async with self._one:
            if self._failures > before and self._failed is not None:
                raise self._failed  # whoever waited shares it, and asks no second time
            if self._token is None or self._now_s() >= self._until_s:
                try:
                    token = await self._fetch()
                except NoToken as error:
                    self._failed, self._failures = error, self._failures + 1
                    raise
                self._token = token
                self._until_s = self._now_s() + max(token.lasts_s - EARLY_S, token.lasts_s / 2)
            return self._token


async def call_with(
    tokens: TokenBox[Token],
    call: Callable[[Token, Hide], Awaitable[Answer | Retry | Rejected]],
    is_stale: Callable[[Answer | Retry | Rejected], bool],
) -> tuple[Answer | Retry | Rejected, Hide]:
    """What a call with a token that holds came to, and what blots that token out of its words."""
    hide = hiding()

    async def use(token: Token) -> Answer | Retry | Rejected:
        nonlocal hide
        hide = hiding(token.text)
        return await call(token, hide)

    try:
        return await tokens.spend(use, is_stale), hide
    except NoToken as error:
        return error.outcome, hide

"""Tokens of an app: fetched when needed, kept for their time, one fetch at a time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

EARLY_S = 300.0  # a token that ends in five minutes is not begun with


class NoToken(Exception):
    """The other side gave none; the text says why, without the secret."""


@dataclass(frozen=True, slots=True)
class Token:
    text: str = field(repr=False)
    lasts_s: float
    """Real seconds from when it was given."""


class TokenBox:
    """``await get()``: the token of now."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Token]],
        *,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._now_s = now_s
        self._token: Token | None = None
        self._until_s = 0.0
        self._one = asyncio.Lock()

    async def get(self) -> Token:
        """NoToken, or what ``fetch`` raises, when there is none to be had."""
        async with self._one:
            if self._token is None or self._now_s() >= self._until_s:
                token = await self._fetch()
                self._token = token
                self._until_s = self._now_s() + max(token.lasts_s - EARLY_S, token.lasts_s / 2)
            return self._token

    def forget(self, token: Token) -> None:
        """It was refused; nothing when another has come meanwhile."""
        if self._token is token:
            self._token = None

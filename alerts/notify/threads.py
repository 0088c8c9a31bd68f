"""Threads for calls that nobody can cancel: looking up a name, a library that blocks.

Apart from asyncio's own, which the whole process shares: six that hang would stop everything there.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar, cast

_T = TypeVar("_T")


class Threads:
    """``await threads.run(work)``, so many at once. Daemons: a stop does not wait for one that hangs."""

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._free = asyncio.Semaphore(most)

    async def run(self, work: Callable[[], _T]) -> _T:
        """What ``work`` gives or raises. Cancelled, it holds its place until the call has ended."""
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_T] = loop.create_future()

        def settle(result: _T | None, error: Exception | None) -> None:
            self._free.release()
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(cast(_T, result))

        def call() -> None:
            try:
                end = partial(settle, work(), None)
            except Exception as error:
                end = partial(settle, None, error)
            with suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(end)

        threading.Thread(target=call, name=self._name, daemon=True).start()
        return await answer

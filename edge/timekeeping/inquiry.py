"""Asking the server for the time: a few questions in a row, of which the quickest answer counts."""

import json
from collections.abc import Callable

from edge.timekeeping.timekeeper import Truth, truth_of

QUESTIONS = 3  # the first one's way may include a radio that wakes up
PATIENCE_MS = 5_000  # real: for all of them together
_MOST_BYTES = 1_000


class Inquiry:
    """Times are milliseconds of the steady clock. ``nonce`` gives a fresh one for each question."""

    def __init__(self, nonce: Callable[[], str]) -> None:
        self._nonce = nonce
        self._asked: tuple[str, int] | None = None
        self._left = 0
        self.until_ms = 0
        """When it is over at the latest."""
        self._best: Truth | None = None

    def begin(self, now_ms: int) -> None:
        self._asked, self._best = None, None
        self._left, self.until_ms = QUESTIONS, now_ms + PATIENCE_MS

    def question(self, now_ms: int) -> bytes | None:
        """What is to be asked now, if anything."""
        if self._asked is not None or not self._left:
            return None
        self._left -= 1
        self._asked = self._nonce(), now_ms
        return json.dumps({"nonce": self._asked[0]}).encode()

    def hear(self, payload: bytes, now_ms: int) -> None:
        """Take an answer; one that is not to our last question proves nothing."""
        if self._asked is None or len(payload) > _MOST_BYTES:
            return
        try:
            body = json.loads(payload)
        except (ValueError, RecursionError):
            return
        nonce, asked_ms = self._asked
        if not isinstance(body, dict) or body.get("nonce") != nonce:
            return
        self._asked = None
        at_ms = body.get("at_ms")
        truth = truth_of(asked_ms, now_ms, at_ms) if type(at_ms) is int else None
        if truth and (self._best is None or truth.within_ms < self._best.within_ms):
            self._best = truth

    def is_over(self, now_ms: int) -> bool:
        """All is answered, or it took too long."""
        return now_ms >= self.until_ms or not (self._left or self._asked)

    def result(self) -> Truth | None:
        """The best of the answers."""
        return self._best

"""Lines out: made in one thread and sent in others, bad lines found and told, the rest kept.

Behind the journal nothing may be dropped, so a request is in the database when it returns, or raises
StoreUnavailable and is made again: points are idempotent.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from collector.stores.blame import OLD, WORDS_MOST, Refusal, blamed, having
from collector.stores.kinds import NAMES, InfluxSettings, Kind
from collector.stores.lines import apart, readings_in
from collector.stores.port import StoreUnavailable
from collector.stores.posting import Unreachable, open_post

Refused = Callable[[str, str], None]
"""Called in the sender's thread with a line that the server will never take, and its reason."""
Packs = Iterable[tuple[str, Sequence[str]]]
"""Lines to send, with their bucket."""

LINES_MOST = 2_500  # a request: half of InfluxData's advice, so that making and sending overlap
POSTS_MOST = 2  # requests on their way at once: InfluxDB takes 30 ms for each, mostly waiting

_LINE_BAD = (400, 413, 422)
_NOWHERE = 404
_REMEDIES = {
    401: "the sign-in is not known there; give the right token, or user and password",
    403: "it may not do this; give it read and write on the bucket and its _1m and _1h",
    _NOWHERE: "make the bucket (`shouwang setup-store`), or name the right organisation",
}
_log = logging.getLogger(__name__)


class BucketMissing(StoreUnavailable):
    """The server has no such bucket, or does not show it to us."""

    def __init__(self, text: str, bucket: str) -> None:
        super().__init__(text)
        self.bucket = bucket


class Sender:
    """Sends lines to one server. A line that it refuses is told to ``refused``."""

    def __init__(self, settings: InfluxSettings, refused: Refused | None = None) -> None:
        self._settings = settings
        self._refused = refused or _say_refused
        # Whatever makes lines runs in the first, one at a time; only that one asks the second.
        self._making = ThreadPoolExecutor(1, "store-make")
        self._posting = ThreadPoolExecutor(POSTS_MOST, "store-post")
        self._poster = open_post(settings)

    async def send(self, packs: Packs) -> int:
        """Send all, in order; returns how many readings were refused."""
        # What posts blocks, and making lines takes the processor.
        return await asyncio.get_running_loop().run_in_executor(self._making, self._send_all, packs)

    async def close(self) -> None:
        # Threads are waited for elsewhere: a write that is under way may take its whole timeout.
        await asyncio.to_thread(self._making.shutdown)
        await asyncio.to_thread(self._posting.shutdown)
        self._poster.close()

    def _send_all(self, packs: Packs) -> int:
        refused: list[tuple[str, str]] = []
        sending: deque[Future[list[tuple[str, str]]]] = deque()
        for bucket, lines in packs:
            if len(sending) == POSTS_MOST:
                refused += sending.popleft().result()
            # The next lines are made while these are on their way.
            sending.append(self._posting.submit(self._send, bucket, lines))
        while sending:
            refused += sending.popleft().result()
        # At the end, for whatever raises before it is sent again, and told again.
        for line, reason in refused:
            self._refused(line, reason)
        return sum(readings_in(line) for line, _ in refused)

    def _send(self, bucket: str, lines: Sequence[str]) -> list[tuple[str, str]]:
        """Send the lines; those that were refused come back with the reason, the others are in."""
        found: list[tuple[str, str]] = []
        for start in range(0, len(lines), LINES_MOST):
            found += self._isolate(bucket, lines[start : start + LINES_MOST])
        refused = []
        parts: list[str] = []
        for line, reason in found:
            metrics = [] if reason == OLD else apart(line)
            if len(metrics) > 1:  # a line falls as a whole, by one bad field
                parts += metrics
            else:
                refused.append((line, reason))
        return refused + self._send(bucket, parts) if parts else refused

    def _isolate(self, bucket: str, lines: Sequence[str]) -> list[tuple[str, str]]:
        """The same for one request's lines, and for what is left of them."""
        refusal = self._post(bucket, lines)
        if refusal is None:
            return []
        bad = blamed(refusal, lines)
        found = [(lines[i], reason) for i, reason in bad.items()]
        doubtful = [] if bad else having(refusal.words, lines)
        if not bad and not 0 < len(doubtful) < len(lines):
            doubtful = list(range(len(lines) // 2))
        # One bad line must not sink the others. Sending a good one twice is harmless.
        apart_from = bad.keys() | set(doubtful)
        for part in (
            [lines[i] for i in doubtful],
            [line for i, line in enumerate(lines) if i not in apart_from],
        ):
            if part:
                found += self._isolate(bucket, part)
        return found

    def _post(self, bucket: str, lines: Sequence[str]) -> Refusal | None:
        """None when the server has taken the lines; StoreUnavailable when it cannot now."""
        try:
            status, text = self._poster.send(bucket, "\n".join(lines).encode())
        except Unreachable as error:
            raise StoreUnavailable(told(self._settings, bucket, str(error))) from error
        if status < 300:
            return None
        refusal = Refusal(status, text)
        if status in _LINE_BAD:
            return refusal
        words = told(self._settings, bucket, f"{status} {refusal.words[:WORDS_MOST]}", status)
        if status == _NOWHERE:
            raise BucketMissing(words, bucket)
        raise StoreUnavailable(words)


def told(settings: InfluxSettings, bucket: str, reason: str, status: int = 0) -> str:
    """What is wrong with a server, for people: where, what, and what helps."""
    where = f", bucket {bucket!r}" if bucket and settings.kind is not Kind.VICTORIA else ""
    remedy = _REMEDIES.get(status, "see that it runs and can be reached")
    return f"{NAMES[settings.kind]} at {settings.url}{where}: {reason}; {remedy}"


def _say_refused(line: str, reason: str) -> None:
    _log.warning("the store refused a line: %s: %r", reason, line[:WORDS_MOST])

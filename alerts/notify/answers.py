"""What a service says, read as an outcome: by its own table of codes, then by the HTTP status.

HTTP 200 proves nothing: most of these services put their refusals there.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from alerts.notify.outbound import Answer, Outbound, Refused, Unreachable
from alerts.notify.outcome import Accepted, Outcome, Rejected, Retry
from edge.clock import Clock

REAL = Clock()  # dates of other people's servers are in real time
WAIT_MOST = timedelta(hours=1)  # a longer Retry-After would bury a danger
_LATER = frozenset({408, 425, 429})
_WORDS_MOST = 200  # characters of an answer kept as the reason
_KEY_LEAST, _PART_LEAST = 6, 12  # characters; a shorter value, or part of a path, is no key
MINUTE = timedelta(minutes=1)

Hide = Callable[[str], str]
"""Blots secrets out of a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """How a service answers in JSON. A code that is in none of the tables is a refusal.

    ``later`` are codes that pass, with the wait (real time) that the service's documents give, or
    None for the outbox's own back-off; those of ``later_when`` do so only beside one of these words.
    """

    code: tuple[str, ...] = ("errcode",)
    text: tuple[str, ...] = ("errmsg",)
    fine: frozenset[int | str] = frozenset({0})
    later: Mapping[int | str, timedelta | None] = field(default_factory=dict)
    later_when: Mapping[int | str, tuple[str, ...]] = field(default_factory=dict)
    remedies: Mapping[int | str, str] = field(default_factory=dict)

    def passes(self, code: int | str, text: str) -> bool:
        """Whether to try again later."""
        words = self.later_when.get(code, ("",))
        return code in self.later and any(word in text.lower() for word in words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer in JSON with a code of the right type."""

    code: int | str
    text: str
    fields: Mapping[str, Any]
    status: int


async def post_json(
    outbound: Outbound,
    url: str,
    document: Any,
    hide: Hide,
    headers: Mapping[str, str] | None = None,
) -> Answer | Retry | Rejected:
    """POST ``document``; an outcome where there is no answer."""
    body = json.dumps(document, ensure_ascii=False).encode(errors="replace")
    typed = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
    return await send(outbound, "POST", url, body, typed, hide)


async def send(
    outbound: Outbound, method: str, url: str, body: bytes, headers: Mapping[str, str], hide: Hide
) -> Answer | Retry | Rejected:
    """The answer, or the outcome where there is none."""
    try:
        if method == "GET":
            return await outbound.get(url, headers)
        return await outbound.post(url, body, headers)
    except Refused as error:
        return Rejected(hide(str(error)))
    except Unreachable as error:
        return Retry(hide(str(error)))


def read(answer: Answer, codes: Codes) -> Said | None:
    """The code that stands in the body; None for what is not of this service's making."""
    fields = json_object(answer.body)
    if fields is None:
        return None
    code = next((fields[name] for name in codes.code if name in fields), None)
    # JSON's true is a number in Python, and equal to 1.
    if not isinstance(code, int | str) or isinstance(code, bool):
        return None
    if {type(one) for one in codes.fine} != {type(code)}:
        return None
    text = next((str(fields[name]) for name in codes.text if name in fields), "")
    return Said(code=code, text=text, fields=fields, status=answer.status)


def judge(answer: Answer, codes: Codes, clock: Clock, hide: Hide) -> Outcome:
    """What the answer makes of a message; Accepted's proof is the service's own word."""
    said = read(answer, codes)
    if said is None:
        return garbage(answer, clock, hide)
    if said.code in codes.fine and 200 <= answer.status < 300:
        return Accepted(hide(f"{said.code} {printable(said.text)}".strip()))
    return refused(said, answer, codes, clock, hide)


def garbage(answer: Answer, clock: Clock, hide: Hide) -> Retry | Rejected:
    """Not the service's own answer: by its status, and nothing is proved by 2xx."""
    why = f"HTTP {answer.status}, and no answer of the service: {shown(answer.body)}".strip()
    return refusal(answer, clock, hide) or Retry(hide(why))


def refused(said: Said, answer: Answer, codes: Codes, clock: Clock, hide: Hide) -> Retry | Rejected:
    """What a code other than a fine one means."""
    remedy = codes.remedies.get(said.code, "")
    why = hide(f"{said.code} {printable(said.text)}".strip()) + (f"; {remedy}" if remedy else "")
    if codes.passes(said.code, said.text):
        after = codes.later[said.code]
        # The service counts real seconds; the outbox counts house seconds.
        return Retry(why, None if after is None else after * clock.speed)
    if answer.status in _LATER or answer.status >= 500:
        return Retry(why, _wish(answer, clock))
    return Rejected(why)


def refusal(answer: Answer, clock: Clock, hide: Hide) -> Retry | Rejected | None:
    """By the HTTP status alone; None for 2xx."""
    if 200 <= answer.status < 300:
        return None
    why = hide(f"HTTP {answer.status} {shown(answer.body)}".strip())
    if answer.status in _LATER or answer.status >= 500:
        return Retry(why, _wish(answer, clock))
    return Rejected(why)


def json_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object of an answer; None for anything else."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):  # the second: thousands of brackets
        return None
    return fields if isinstance(fields, dict) else None


def hiding(*secrets: str) -> Hide:
    """Blots these out, and of a URL its password, its query's values and the parts of its path."""
    hidden = set()
    for secret in secrets:
        hidden.add(secret)
        parts = urlsplit(secret)
        if parts.scheme and parts.netloc:
            hidden.update(value for _, value in parse_qsl(parts.query))
            hidden.add(unquote(parts.password or ""))
            hidden.update(part for part in parts.path.split("/") if len(part) >= _PART_LEAST)
    known = sorted((each for each in hidden if len(each) >= _KEY_LEAST), key=len, reverse=True)

    def hide(text: str) -> str:
        for secret in known:
            text = text.replace(secret, "***")
        return text

    return hide


def printable(text: str) -> str:
    """On one line of at most 200 printable characters."""
    return "".join(sign if sign.isprintable() else " " for sign in text[:_WORDS_MOST]).strip()


def shown(body: bytes) -> str:
    """The beginning of an answer, for a reason that people read."""
    return printable(body[: 4 * _WORDS_MOST].decode(errors="replace"))


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """The wish of a Retry-After header (RFC 9110 10.2.3: seconds or a date), at most an hour."""
    text = next((v for k, v in headers.items() if k.lower() == "retry-after"), "").strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), WAIT_MOST)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return min(max(at - now, timedelta(0)), WAIT_MOST)


def _wish(answer: Answer, clock: Clock) -> timedelta | None:
    after = retry_after(answer.headers, REAL.now())
    return None if after is None else after * clock.speed
